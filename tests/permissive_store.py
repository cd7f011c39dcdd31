"""A real store behind a proxy that drops some request headers, so the store seems to ignore them.

The proxy checks the signature of each request and signs it again. Garage ignores `If-None-Match` like this.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from drivebay.embedded.seaweedfs import Store
from drivebay.storage.s3.sigv4 import Signer, UnsignedRequest, canonical_query

_RESIGNED = ("x-amz-date", "x-amz-content-sha256", "host", "authorization", "content-length", "accept-encoding")
_FORWARDED = ("content-type", "content-md5", "if-none-match", "if-match", "range")
_NOT_RETURNED = ("connection", "keep-alive", "transfer-encoding", "server", "content-encoding")


@dataclass
class PermissiveStore:
    """`ignored` are names of headers in lower case that never reach the store. `clock_skew` is how far the clock of
    this store is ahead. While `is_full`, objects cannot be written. A test may change all of them at any time."""

    upstream: Store
    session: aiohttp.ClientSession
    ignored: frozenset[str] = frozenset()
    clock_skew: timedelta = timedelta()
    endpoint: str = ""
    is_full: bool = False
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        self.signer = Signer(self.upstream.access_key, self.upstream.secret_key, self.upstream.region)

    @property
    def store(self) -> Store:
        """The store as clients reach it through the proxy. It has no stream of changes."""
        upstream = self.upstream
        return Store(self.endpoint, upstream.access_key, upstream.secret_key, filer_grpc="", region=upstream.region)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        query_pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        if not self._is_allowed(request, query_pairs):
            text = "<Error><Code>SignatureDoesNotMatch</Code></Error>"
            return web.Response(status=403, text=text, headers=self._with_date({}))
        if self.is_full and request.method == "PUT" and "/" in request.rel_url.path.strip("/"):
            # As SeaweedFS without writable volumes.
            text = "<Error><Code>InternalError</Code></Error>"
            return web.Response(status=500, text=text, headers=self._with_date({}))
        lower = {name.lower(): value for name, value in request.headers.items()}
        forwarded = {name: value for name, value in lower.items() if self._is_forwarded(name)}
        query_parameters = {name: value for name, value in query_pairs if not name.startswith("X-Amz-")}
        query = canonical_query(query_parameters.items())
        path, host = request.rel_url.raw_path, urlsplit(self.upstream.s3_endpoint).netloc
        digest = hashlib.sha256(body).hexdigest()
        headers = self.signer.authorize(
            UnsignedRequest(request.method, host, path, query_parameters, forwarded), digest, datetime.now(UTC)
        )
        url = URL(f"{self.upstream.s3_endpoint}{path}{'?' if query else ''}{query}", encoded=True)
        async with self.session.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            returned = {name: value for name, value in response.headers.items() if name.lower() not in _NOT_RETURNED}
            if request.method != "HEAD":
                returned.pop("Content-Length", None)
            return web.Response(
                status=response.status, body=await response.read() or None, headers=self._with_date(returned)
            )

    def _is_forwarded(self, name: str) -> bool:
        """Return whether a header of a client reaches the store. Headers of the signature are replaced."""
        accepted = name in _FORWARDED or (name.startswith("x-amz-") and name not in _RESIGNED)
        return accepted and name not in self.ignored

    def _with_date(self, headers: dict[str, str]) -> dict[str, str]:
        sent = headers.get("Date")
        at = parsedate_to_datetime(sent) if sent else datetime.now(UTC)
        return {**headers, "Date": format_datetime((at + self.clock_skew).astimezone(UTC), usegmt=True)}

    def _is_allowed(self, request: web.Request, query_pairs: list[tuple[str, str]]) -> bool:
        signed = dict(query_pairs)
        if "X-Amz-Signature" not in signed:
            return f"Credential={self.upstream.access_key}/" in request.headers.get("Authorization", "")
        at = datetime.strptime(signed["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        names = [name for name in signed["X-Amz-SignedHeaders"].split(";") if name != "host"]
        if any(name not in request.headers for name in names):
            return False
        headers = {name: request.headers[name] for name in names}
        query_parameters = {name: value for name, value in query_pairs if not name.startswith("X-Amz-")}
        seconds = int(signed["X-Amz-Expires"])
        expected = self.signer.presign(
            UnsignedRequest(request.method, request.host, request.rel_url.raw_path, query_parameters, headers),
            at,
            seconds,
        )
        is_valid = expected.endswith(f"X-Amz-Signature={signed['X-Amz-Signature']}")
        return is_valid and datetime.now(UTC) < at + timedelta(seconds=seconds)


@asynccontextmanager
async def run(upstream: Store, *ignored: str, clock_skew: timedelta = timedelta()) -> AsyncIterator[PermissiveStore]:
    async with aiohttp.ClientSession(auto_decompress=False, headers={"Accept-Encoding": "identity"}) as session:
        proxy = PermissiveStore(upstream, session, frozenset(ignored), clock_skew)
        runner = web.ServerRunner(web.Server(proxy.handle), shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            proxy.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()
