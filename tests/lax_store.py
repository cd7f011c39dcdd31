"""A store that checks signatures and ignores what it is told to ignore: a real one, behind a door that signs
every request anew. Garage is like that with `If-None-Match`."""

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
from drivebay.storage.sigv4 import Signer, canonical_query

_OURS = ("x-amz-date", "x-amz-content-sha256", "host", "authorization", "content-length", "accept-encoding")
_PASSED = ("content-type", "content-md5", "if-none-match", "if-match", "range")
_HOP = ("connection", "keep-alive", "transfer-encoding", "server", "content-encoding")


@dataclass
class Lax:
    """`ignored` are names of headers, in small letters, that never reach the store behind; `skew` is how far its
    clock is ahead. Both may be changed at any time."""

    behind: Store
    session: aiohttp.ClientSession
    ignored: frozenset[str] = frozenset()
    skew: timedelta = timedelta()
    endpoint: str = ""
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        self.signer = Signer(self.behind.access_key, self.behind.secret_key, self.behind.region)

    @property
    def store(self) -> Store:
        """The store as it is reached through this door. It has no stream of changes."""
        behind = self.behind
        return Store(self.endpoint, behind.access_key, behind.secret_key, filer_grpc="", region=behind.region)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        if not self._is_allowed(request, asked):
            text = "<Error><Code>SignatureDoesNotMatch</Code></Error>"
            return web.Response(status=403, text=text, headers=self._date({}))
        lower = {name.lower(): value for name, value in request.headers.items()}
        told = {n: v for n, v in lower.items() if n in _PASSED or (n.startswith("x-amz-") and n not in _OURS)}
        told = {name: value for name, value in told.items() if name not in self.ignored}
        query = canonical_query((n, v) for n, v in asked if not n.startswith("X-Amz-"))
        path, host = request.rel_url.raw_path, urlsplit(self.behind.s3_endpoint).netloc
        digest = hashlib.sha256(body).hexdigest()
        headers = self.signer.authorize(request.method, host, path, query, told, digest, datetime.now(UTC))
        url = URL(f"{self.behind.s3_endpoint}{path}{'?' if query else ''}{query}", encoded=True)
        async with self.session.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            if request.method != "HEAD":
                kept.pop("Content-Length", None)
            return web.Response(status=answer.status, body=await answer.read() or None, headers=self._date(kept))

    def _date(self, headers: dict[str, str]) -> dict[str, str]:
        told = headers.get("Date")
        at = parsedate_to_datetime(told) if told else datetime.now(UTC)
        return {**headers, "Date": format_datetime((at + self.skew).astimezone(UTC), usegmt=True)}

    def _is_allowed(self, request: web.Request, asked: list[tuple[str, str]]) -> bool:
        signed = dict(asked)
        if "X-Amz-Signature" not in signed:
            return f"Credential={self.behind.access_key}/" in request.headers.get("Authorization", "")
        at = datetime.strptime(signed["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        names = [name for name in signed["X-Amz-SignedHeaders"].split(";") if name != "host"]
        if any(name not in request.headers for name in names):
            return False
        headers = {name: request.headers[name] for name in names}
        plain = {name: value for name, value in asked if not name.startswith("X-Amz-")}
        seconds = int(signed["X-Amz-Expires"])
        right = self.signer.presign(request.method, request.host, request.rel_url.raw_path, plain, headers, at, seconds)
        return right.endswith(f"X-Amz-Signature={signed['X-Amz-Signature']}") and datetime.now(UTC) < at + timedelta(
            seconds=seconds
        )


@asynccontextmanager
async def run(behind: Store, *ignored: str, skew: timedelta = timedelta()) -> AsyncIterator[Lax]:
    async with aiohttp.ClientSession(auto_decompress=False, headers={"Accept-Encoding": "identity"}) as session:
        lax = Lax(behind, session, frozenset(ignored), skew)
        runner = web.ServerRunner(web.Server(lax.handle), shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            lax.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield lax
        finally:
            await runner.cleanup()
