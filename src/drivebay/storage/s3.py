"""The driver for any store that speaks S3: signed requests over one pool of connections.

Requests are made and signed here rather than by an SDK: a look-up takes 130 us of processor time,
870 us through aiobotocore, and these few operations are all there is. Answers are read with a few patterns, since
S3's XML is flat where we read it; no parser means no entities to be bombed with.
`calls.py` sends them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from html import escape as escape_xml
from html import unescape as unescape_xml
from typing import Final
from urllib.parse import unquote_plus

import aiohttp
from aiohttp.abc import ResolveResult

from ..contract.storage import Deletion, Object, ObjectPage, Presence
from ..errors import Unavailable
from . import rules
from .bucket import Misconfigured, Sight
from .calls import CODE, Calls, Place, date, http_date, refusal
from .s3_parts import S3Parts
from .sigv4 import Signer, escape_path

_CONTENTS: Final = re.compile(rb"<Contents>(.*?)</Contents>", re.DOTALL)
_FIELD: Final = re.compile(rb"<(Key|Size|ETag|LastModified)>([^<]*)<")
_FAILED_KEY: Final = re.compile(rb"<Error>(.*?)</Error>", re.DOTALL)
_KEY: Final = re.compile(rb"<Key>([^<]*)</Key>")
_GONE: Final = ("NoSuchKey", "NotFound")


class _Resolver(aiohttp.ThreadedResolver):
    """Names under `.localhost` are this machine, as RFC 6761 says and every browser does: a store for trying
    things out may want its bucket in the host."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await super().resolve("localhost" if host.endswith(".localhost") else host, port, family)


@asynccontextmanager
async def connect(
    *,
    endpoint: str,
    public_endpoint: str,
    access_key: str,
    secret_key: str,
    region: str,
    bucket: str,
    timeout: timedelta,
    copy_timeout: timedelta,
    connections: int,
    now: Callable[[], datetime],
    in_host: bool = False,
) -> AsyncIterator[S3]:
    """Hold connections to one store; nothing is sent yet."""
    # The store's Host header is signed, so nothing between may follow a redirect or decode a body for us.
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, resolver=_Resolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    ) as session:
        signer = Signer(access_key, secret_key, region)
        place = Place(endpoint, public_endpoint, region, bucket, in_host)
        yield S3(Calls(session, signer, place, timeout.total_seconds(), now), copy_timeout.total_seconds())


class S3(S3Parts):
    """One bucket (see `bucket.Bucket`)."""

    # -- signing for others ------------------------------------------------------------------------

    def presign(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        at: datetime,
        seconds: int,
        public: bool = True,
    ) -> str:
        return self._calls.presign(method, key, query, headers, at, seconds, public=public)

    def address(self, key: str) -> str:
        return self._calls.address(key)

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        return (await self._calls.send("probe", method, url, headers, body)).status

    # -- the bucket --------------------------------------------------------------------------------

    async def connect(self) -> Sight:
        answer = await self._calls.ask("connect", "GET", query={"list-type": "2", "max-keys": "1"})
        if answer.status == 404:
            return Sight(exists=False, store_time=date(answer))
        self._calls.expect(answer, "look at the bucket")
        if b"<ListBucketResult" not in answer.body:
            # The list of all buckets, for one: the store looks for the name where we do not put it.
            raise Misconfigured("the store does not answer for one bucket: set DRIVEBAY_S3_ADDRESSING to the other way")
        return Sight(exists=True, store_time=date(answer))

    async def create(self) -> None:
        region = self._calls.place.region
        body = b""
        if region != "us-east-1":
            # Amazon refuses the constraint for its first region and demands it for all others.
            body = (
                '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<LocationConstraint>{escape_xml(region)}</LocationConstraint></CreateBucketConfiguration>"
            ).encode()
        answer = await self._calls.ask("create_bucket", "PUT", body=body)
        # Somebody else was faster: another of our processes, or a stranger, who then refuses us here.
        if answer.code == "BucketAlreadyExists" and (await self.connect()).exists:
            return
        if answer.code != "BucketAlreadyOwnedByYou":
            self._calls.expect(answer, "create the bucket")

    async def allow_origins(self, origins: tuple[str, ...]) -> bool:
        allowed = "".join(f"<AllowedOrigin>{escape_xml(origin)}</AllowedOrigin>" for origin in origins)
        methods = "".join(f"<AllowedMethod>{method}</AllowedMethod>" for method in ("PUT", "GET", "HEAD"))
        body = (
            '<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule>'
            f"{allowed}{methods}<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
            "<MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule></CORSConfiguration>"
        ).encode()
        answer = await self._calls.ask("set_cors", "PUT", query={"cors": ""}, headers=_md5(body), body=body)
        return answer.status < 300

    async def send_events(self, target: str) -> str | None:
        query = {"notification": ""}
        there = await self._calls.ask("get_events", "GET", query=query)
        if there.status != 200:
            return f"{there.status} {there.code}".rstrip()
        try:
            wanted = rules.added(there.body.decode("utf-8", "replace"), target)
            if wanted is None:
                return None
            body = wanted.encode()
            answer = await self._calls.ask("set_events", "PUT", query=query, headers=_md5(body), body=body)
            if answer.status >= 300:
                return f"{answer.status} {answer.code}".rstrip()
            # A store that does not know the call takes it for another one (SeaweedFS: make the bucket).
            now_there = await self._calls.ask("get_events", "GET", query=query)
            kept = rules.added(now_there.body.decode("utf-8", "replace"), target) is None
        except rules.NotReadable:
            return "the bucket has notification rules that cannot be read here: add ours by hand"
        return None if kept else "the store took the rule and does not have it"

    async def sight(self) -> Sight:
        answer = await self._calls.ask("sight", "HEAD")
        if answer.status not in (200, 404):
            raise refusal(answer, "look at the bucket")
        return Sight(exists=answer.status == 200, store_time=date(answer))

    async def versioned(self) -> bool:
        answer = await self._calls.ask("get_versioning", "GET", query={"versioning": ""})
        return answer.status == 200 and b"<Status>Enabled</Status>" in answer.body

    # -- objects -----------------------------------------------------------------------------------

    async def head(self, key: str) -> Object:
        answer = await self._calls.ask("head", "HEAD", key, headers={"x-amz-checksum-mode": "ENABLED"})
        if answer.status == 404:
            return Object(key, Presence.ABSENT)
        if answer.status != 200:
            raise refusal(answer, "look an object up")
        headers = answer.headers
        if "Content-Length" not in headers:
            # Taken for 0, it would condemn a good upload.
            raise Unavailable("the store does not tell an object's size")
        return Object(
            key,
            Presence.FOUND,
            size=int(headers["Content-Length"]),
            etag=headers.get("ETag", "").strip('"'),
            content_type=headers.get("Content-Type"),
            sha256=_sha256(headers.get("x-amz-checksum-sha256", "")),
            modified_at=http_date(headers.get("Last-Modified", "")),
        )

    async def page(self, prefix: str, after: str, limit: int) -> ObjectPage:
        query = {"list-type": "2", "max-keys": str(limit), "encoding-type": "url"}
        if prefix:
            query["prefix"] = prefix
        if after:
            query["start-after"] = after
        answer = await self._calls.ask("list", "GET", query=query)
        if answer.status != 200:
            raise refusal(answer, "list the bucket")
        if b"</ListBucketResult>" not in answer.body:
            # Read as a listing of nothing, it would tell that objects are gone.
            raise Unavailable("the store's listing cannot be understood")
        encoded = b"<EncodingType>url</EncodingType>" in answer.body
        try:
            objects = tuple(_listed(entry, encoded) for entry in _CONTENTS.findall(answer.body))
        except (KeyError, ValueError):
            raise Unavailable("the store's listing cannot be understood") from None
        if b"<IsTruncated>true</IsTruncated>" not in answer.body:
            return ObjectPage(objects, None)
        if not objects:
            raise Unavailable("the store's listing breaks off")
        return ObjectPage(objects, objects[-1].key)

    async def delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        listed = "".join(f"<Object><Key>{escape_xml(key)}</Key></Object>" for key in keys)
        body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>{listed}</Delete>'.encode()
        answer = await self._calls.ask("delete", "POST", query={"delete": ""}, headers=_md5(body), body=body)
        if answer.status != 200 or b"DeleteResult" not in answer.body:
            raise refusal(answer, "delete objects")
        failed: dict[str, str] = {}
        for entry in _FAILED_KEY.findall(answer.body):
            key, code = _KEY.search(entry), CODE.search(entry)
            reason = code[1].decode("utf-8", "replace") if code else "unknown"
            if key is None:
                raise Unavailable(f"the store deleted nothing it would name: {reason}")
            if reason not in _GONE:
                failed[unescape_xml(key[1].decode())] = reason
        return tuple(Deletion(key, failed.get(key)) for key in keys)

    async def delete_one(self, key: str) -> None:
        answer = await self._calls.ask("delete_one", "DELETE", key)
        if answer.status >= 300 and answer.code not in _GONE:
            raise refusal(answer, "delete an object")

    async def copy(self, source: str, target: str, etag: str | None = None) -> bool:
        origin = {"x-amz-copy-source": f"/{self._calls.place.bucket}/{escape_path(source)}"}
        if etag is not None:
            origin["x-amz-copy-source-if-match"] = f'"{etag}"'
        answer = await self._calls.ask("copy", "PUT", target, headers=origin, timeout=self._copy_timeout)
        if answer.status == 412 or (answer.status == 404 and answer.code != "NoSuchBucket"):
            return False
        # A copy may begin with 200 and fail later (S3 API, CopyObject): then the body says so.
        if answer.status != 200 or b"<Error>" in answer.body:
            raise refusal(answer, "copy an object")
        return True


def _listed(entry: bytes, encoded: bool) -> Object:
    fields = {name: text.decode() for name, text in _FIELD.findall(entry)}
    key = unescape_xml(fields[b"Key"])
    return Object(
        unquote_plus(key) if encoded else key,
        Presence.FOUND,
        size=int(fields[b"Size"]),
        etag=unescape_xml(fields.get(b"ETag", "")).strip('"'),
        modified_at=datetime.fromisoformat(fields[b"LastModified"]) if b"LastModified" in fields else None,
    )


def _md5(body: bytes) -> dict[str, str]:
    # Stores differ in which checksum they demand on these calls; all of them take this oldest one.
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return {"Content-MD5": base64.b64encode(digest).decode(), "Content-Type": "application/xml"}


def _sha256(text: str) -> bytes | None:
    """The checksum of the whole object; one of parts ends in `-N` and is no such thing."""
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return digest if len(digest) == 32 else None
