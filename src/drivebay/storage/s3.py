"""The driver for any store that speaks S3: signed requests over one pool of connections.

Requests are made and signed here rather than by an SDK: a look-up takes 130 us of processor time,
870 us through aiobotocore, and these few operations are all there is. Answers are read with a few patterns, since
S3's XML is flat where we read it; no parser means no entities to be bombed with.
Every failure of the network or the store leaves as `Unavailable`. Path-style URLs, since every store has them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import escape as escape_xml
from html import unescape as unescape_xml
from time import perf_counter
from typing import Final
from urllib.parse import unquote_plus, urlsplit

import aiohttp
from opentelemetry import trace
from prometheus_client import Histogram
from yarl import URL

from ..contract.storage import Deletion, Object, ObjectPage, Presence
from ..errors import Unavailable
from . import rules
from .bucket import Misconfigured, Sight
from .sigv4 import Signer, canonical_query, escape_path

CALLS = Histogram(
    "drivebay_storage_store_call_seconds",
    "Time of one call to the object store, by operation and outcome (ok, absent, refused, failed).",
    ("operation", "outcome"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_tracer = trace.get_tracer("drivebay")

_NO_BODY: Final = hashlib.sha256(b"").hexdigest()
_CODE: Final = re.compile(rb"<Code>([^<]*)</Code>")
_CONTENTS: Final = re.compile(rb"<Contents>(.*?)</Contents>", re.DOTALL)
_FIELD: Final = re.compile(rb"<(Key|Size|ETag|LastModified)>([^<]*)<")
_FAILED_KEY: Final = re.compile(rb"<Error>(.*?)</Error>", re.DOTALL)
_KEY: Final = re.compile(rb"<Key>([^<]*)</Key>")
_WRONG_KEYS: Final = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidToken"})
_WRONG_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The store's own name for what went wrong; answers to HEAD have none."""
        found = _CODE.search(self.body)
        return found[1].decode("ascii", "replace") if found else ""


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
) -> AsyncIterator[S3]:
    """Hold connections to one store; nothing is sent yet."""
    # The store's Host header is signed, so nothing between may follow a redirect or decode a body for us.
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    ) as session:
        signer = Signer(access_key, secret_key, region)
        place = _Place(endpoint, public_endpoint, region, bucket)
        yield S3(session, signer, place, timeout.total_seconds(), copy_timeout.total_seconds(), now)


@dataclass(frozen=True, slots=True)
class _Place:
    endpoint: str
    public_endpoint: str
    region: str
    bucket: str


class S3:
    """One bucket (see `bucket.Bucket`)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        signer: Signer,
        place: _Place,
        timeout: float,
        copy_timeout: float,
        now: Callable[[], datetime],
    ) -> None:
        self._session = session
        self._signer = signer
        self._place = place
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._copy_timeout = aiohttp.ClientTimeout(total=copy_timeout, sock_connect=timeout)
        self._now = now
        self._own = _origin(place.endpoint, "DRIVEBAY_S3_ENDPOINT")
        self._public = _origin(place.public_endpoint, "DRIVEBAY_S3_PUBLIC_ENDPOINT")

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
        origin, host = self._public if public else self._own
        path = f"/{self._place.bucket}/{escape_path(key)}"
        return f"{origin}{path}?{self._signer.presign(method, host, path, query, headers, at, seconds)}"

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        return (await self._send("probe", method, url, headers, body)).status

    # -- the bucket --------------------------------------------------------------------------------

    async def connect(self) -> Sight:
        answer = await self._call("connect", "GET", query={"list-type": "2", "max-keys": "1"})
        if answer.status == 404:
            return Sight(exists=False, store_time=_date(answer))
        self._expect(answer, "look at the bucket")
        return Sight(exists=True, store_time=_date(answer))

    async def create(self) -> None:
        region = self._place.region
        body = b""
        if region != "us-east-1":
            # Amazon refuses the constraint for its first region and demands it for all others.
            body = (
                '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<LocationConstraint>{escape_xml(region)}</LocationConstraint></CreateBucketConfiguration>"
            ).encode()
        answer = await self._call("create_bucket", "PUT", body=body)
        # Somebody else was faster: another of our processes, or a stranger, who then refuses us here.
        if answer.code == "BucketAlreadyExists" and (await self.connect()).exists:
            return
        if answer.code != "BucketAlreadyOwnedByYou":
            self._expect(answer, "create the bucket")

    async def allow_origins(self, origins: tuple[str, ...]) -> bool:
        allowed = "".join(f"<AllowedOrigin>{escape_xml(origin)}</AllowedOrigin>" for origin in origins)
        methods = "".join(f"<AllowedMethod>{method}</AllowedMethod>" for method in ("PUT", "GET", "HEAD"))
        body = (
            '<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule>'
            f"{allowed}{methods}<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
            "<MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule></CORSConfiguration>"
        ).encode()
        answer = await self._call("set_cors", "PUT", query={"cors": ""}, headers=_md5(body), body=body)
        return answer.status < 300

    async def send_events(self, target: str) -> str | None:
        query = {"notification": ""}
        there = await self._call("get_events", "GET", query=query)
        if there.status != 200:
            return f"{there.status} {there.code}".rstrip()
        try:
            wanted = rules.added(there.body.decode("utf-8", "replace"), target)
            if wanted is None:
                return None
            body = wanted.encode()
            answer = await self._call("set_events", "PUT", query=query, headers=_md5(body), body=body)
            if answer.status >= 300:
                return f"{answer.status} {answer.code}".rstrip()
            # A store that does not know the call takes it for another one (SeaweedFS: make the bucket).
            now_there = await self._call("get_events", "GET", query=query)
            kept = rules.added(now_there.body.decode("utf-8", "replace"), target) is None
        except rules.NotReadable:
            return "the bucket has notification rules that cannot be read here: add ours by hand"
        return None if kept else "the store took the rule and does not have it"

    async def sight(self) -> Sight:
        answer = await self._call("sight", "HEAD")
        if answer.status not in (200, 404):
            raise self._refusal(answer, "look at the bucket")
        return Sight(exists=answer.status == 200, store_time=_date(answer))

    # -- objects -----------------------------------------------------------------------------------

    async def head(self, key: str) -> Object:
        answer = await self._call("head", "HEAD", key, headers={"x-amz-checksum-mode": "ENABLED"})
        if answer.status == 404:
            return Object(key, Presence.ABSENT)
        if answer.status != 200:
            raise self._refusal(answer, "look an object up")
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
            modified_at=_http_date(headers.get("Last-Modified", "")),
        )

    async def page(self, prefix: str, after: str, limit: int) -> ObjectPage:
        query = {"list-type": "2", "max-keys": str(limit), "encoding-type": "url"}
        if prefix:
            query["prefix"] = prefix
        if after:
            query["start-after"] = after
        answer = await self._call("list", "GET", query=query)
        if answer.status != 200:
            raise self._refusal(answer, "list the bucket")
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
        answer = await self._call("delete", "POST", query={"delete": ""}, headers=_md5(body), body=body)
        if answer.status != 200 or b"DeleteResult" not in answer.body:
            raise self._refusal(answer, "delete objects")
        failed: dict[str, str] = {}
        for entry in _FAILED_KEY.findall(answer.body):
            key, code = _KEY.search(entry), _CODE.search(entry)
            reason = code[1].decode("utf-8", "replace") if code else "unknown"
            if key is None:
                raise Unavailable(f"the store deleted nothing it would name: {reason}")
            if reason not in ("NoSuchKey", "NotFound"):
                failed[unescape_xml(key[1].decode())] = reason
        return tuple(Deletion(key, failed.get(key)) for key in keys)

    async def copy(self, source: str, target: str) -> bool:
        origin = {"x-amz-copy-source": f"/{self._place.bucket}/{escape_path(source)}"}
        answer = await self._call("copy", "PUT", target, headers=origin, timeout=self._copy_timeout)
        if answer.status == 404 and answer.code != "NoSuchBucket":
            return False
        # A copy may begin with 200 and fail later (S3 API, CopyObject): then the body says so.
        if answer.status != 200 or b"<Error>" in answer.body:
            raise self._refusal(answer, "copy an object")
        return True

    # -- one call ----------------------------------------------------------------------------------

    async def _call(
        self,
        operation: str,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> _Answer:
        origin, host = self._own
        path = f"/{self._place.bucket}/{escape_path(key)}" if key else f"/{self._place.bucket}"
        asked = canonical_query(query.items()) if query else ""
        digest = hashlib.sha256(body).hexdigest() if body else _NO_BODY
        sent = self._signer.authorize(method, host, path, asked, headers or {}, digest, self._now())
        url = f"{origin}{path}?{asked}" if asked else f"{origin}{path}"
        return await self._send(operation, method, url, sent, body, timeout)

    async def _send(
        self,
        operation: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> _Answer:
        began = perf_counter()
        outcome = "failed"
        with _tracer.start_as_current_span(f"store {operation}"):
            try:
                try:
                    answer = await self._exchange(method, url, headers, body, timeout)
                except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                    # A kept connection turned out to be closed (MinIO closes one after a 412 and does not
                    # say so). For other methods aiohttp tries anew by itself; deletions may be repeated too.
                    if method != "POST":
                        raise
                    answer = await self._exchange(method, url, headers, body, timeout)
                # 501 is no trouble that passes: the store does not know this operation or header.
                if (answer.status >= 500 and answer.status != 501) or answer.status == 429:
                    raise Unavailable(f"the store answers {answer.status} {answer.code}".rstrip())
                outcome = "ok" if answer.status < 300 else "absent" if answer.status == 404 else "refused"
                return answer
            except TimeoutError:
                raise Unavailable("the store does not answer in time") from None
            except (aiohttp.ClientError, OSError) as error:
                raise Unavailable(f"the store cannot be reached: {type(error).__name__}") from None
            finally:
                CALLS.labels(operation, outcome).observe(perf_counter() - began)

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: aiohttp.ClientTimeout | None
    ) -> _Answer:
        async with self._session.request(
            method,
            URL(url, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
            timeout=timeout or self._timeout,
        ) as response:
            return _Answer(response.status, response.headers, await response.read())

    def _expect(self, answer: _Answer, what: str) -> None:
        """Raise Misconfigured where no later try can help, else Unavailable; nothing if the answer is good."""
        if answer.status < 300:
            return
        code, place = answer.code, self._place
        if code in _WRONG_REGION or answer.status == 301:
            raise Misconfigured(f"the store wants another region than {place.region}: set DRIVEBAY_S3_REGION")
        if code in _WRONG_KEYS:
            raise Misconfigured(
                f"the store refuses our keys ({code}) when we {what} {place.bucket}: "
                "check DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY"
            )
        if code in ("BucketAlreadyExists", "InvalidBucketName"):
            raise Misconfigured(f"the bucket name {place.bucket} cannot be used ({code}): set DRIVEBAY_S3_BUCKET")
        raise self._refusal(answer, what)

    def _refusal(self, answer: _Answer, what: str) -> Unavailable:
        return Unavailable(f"the store would not {what}: {answer.status} {answer.code}".rstrip())


def _origin(endpoint: str, setting: str) -> tuple[str, str]:
    """An endpoint as scheme and host for a URL, and the Host header every client sends for it."""
    parts = urlsplit(endpoint)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.path.strip("/"):
        raise Misconfigured(f"a store is at http(s)://host[:port] and not at {parts.geturl()!r}: check {setting}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return f"{parts.scheme}://{host}", host


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


def _date(answer: _Answer) -> datetime | None:
    return _http_date(answer.headers.get("Date", ""))


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
