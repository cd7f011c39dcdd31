"""One signed request to a store, and what its answer means: the network's edge, under the driver in `s3.py`.

Every failure of the network or the store leaves as `Unavailable`, what the operator has to change as
`Misconfigured`.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from prometheus_client import Histogram
from yarl import URL

from ..errors import Unavailable
from ..tracing import tracer
from .bucket import Misconfigured
from .sigv4 import Signer, canonical_query, escape_path

CALLS = Histogram(
    "drivebay_storage_store_call_seconds",
    "Time of one call to the object store, by operation and outcome (ok, absent, refused, failed).",
    ("operation", "outcome"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_STEP: Final = 2**16
_NO_BODY: Final = hashlib.sha256(b"").hexdigest()
CODE: Final = re.compile(rb"<Code>([^<]*)</Code>")
_WRONG_KEYS: Final = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidToken"})
_WRONG_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
)
# Alibaba's and Tencent's words for it.
_PATH_FORBIDDEN: Final = frozenset({"SecondLevelDomainForbidden", "PathStyleDomainForbidden"})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The store's own name for what went wrong; answers to HEAD have none."""
        found = CODE.search(self.body)
        return found[1].decode("ascii", "replace") if found else ""


@dataclass(frozen=True, slots=True)
class Place:
    endpoint: str
    public_endpoint: str
    region: str
    bucket: str
    in_host: bool = False
    """Whether the bucket's name is part of the host, and not of the path."""


class Calls:
    """Requests to one bucket of one store."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        signer: Signer,
        place: Place,
        timeout: float,
        now: Callable[[], datetime],
    ) -> None:
        self.place = place
        self._session = session
        self._signer = signer
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._connect_within = timeout
        self._now = now
        own = _origin(place.endpoint, "DRIVEBAY_S3_ENDPOINT")
        public = _origin(place.public_endpoint, "DRIVEBAY_S3_PUBLIC_ENDPOINT")
        self._own, self._public = (_with_bucket(place, origin) for origin in (own, public))

    def presign(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        at: datetime,
        seconds: int,
        *,
        public: bool,
    ) -> str:
        origin, host = self._public if public else self._own
        path = self._path(key)
        return f"{origin}{path}?{self._signer.presign(method, host, path, query, headers, at, seconds)}"

    def address(self, key: str) -> str:
        """Where a key is, with no signature."""
        return f"{self._own[0]}{self._path(key)}"

    def _path(self, key: str) -> str:
        if self.place.in_host:
            return f"/{escape_path(key)}"
        return f"/{self.place.bucket}/{escape_path(key)}" if key else f"/{self.place.bucket}"

    async def ask(
        self,
        operation: str,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        digest: bytes | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """`digest` is the body's SHA-256 where it is known."""
        origin, host = self._own
        path = self._path(key)
        asked = canonical_query(query.items()) if query else ""
        hashed = digest.hex() if digest else hashlib.sha256(body).hexdigest() if body else _NO_BODY
        sent = self._signer.authorize(method, host, path, asked, headers or {}, hashed, self._now())
        url = f"{origin}{path}?{asked}" if asked else f"{origin}{path}"
        return await self.send(operation, method, url, sent, body, timeout)

    async def send(
        self,
        operation: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float | None = None,
    ) -> Answer:
        began = perf_counter()
        outcome = "failed"
        with tracer.start_as_current_span(f"store {operation}"):
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
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float | None
    ) -> Answer:
        async with self._session.request(
            method,
            URL(url, encoded=True),
            headers=headers,
            # In steps: a large body in one write would keep everybody else waiting.
            data=io.BytesIO(body) if len(body) > _STEP else body or None,
            allow_redirects=False,
            timeout=self._timeout
            if timeout is None
            else aiohttp.ClientTimeout(timeout, sock_connect=self._connect_within),
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    def expect(self, answer: Answer, what: str) -> None:
        """Raise Misconfigured where no later try can help, else Unavailable; nothing if the answer is good."""
        if answer.status < 300:
            return
        code, place = answer.code, self.place
        if code == "RequestTimeTooSkewed":
            raise Unavailable(_apart(self._now(), date(answer)))
        if code in _PATH_FORBIDDEN:
            raise Misconfigured("the store wants the bucket's name in the host: set DRIVEBAY_S3_ADDRESSING to host")
        if code in _WRONG_REGION or answer.status == 301:
            raise Misconfigured(f"the store wants another region than {place.region}: set DRIVEBAY_S3_REGION")
        if code in _WRONG_KEYS:
            raise Misconfigured(
                f"the store refuses our keys ({code}) when we {what} {place.bucket}: "
                "check DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY"
            )
        if code in ("BucketAlreadyExists", "InvalidBucketName"):
            raise Misconfigured(f"the bucket name {place.bucket} cannot be used ({code}): set DRIVEBAY_S3_BUCKET")
        raise refusal(answer, what)


def refusal(answer: Answer, what: str) -> Unavailable:
    return Unavailable(f"the store would not {what}: {answer.status} {answer.code}".rstrip())


def _apart(ours: datetime, theirs: datetime | None) -> str:
    how_far = "too far" if theirs is None else f"{abs(ours - theirs).total_seconds():.0f} s"
    return f"the store's clock is {how_far} from ours, so it takes no signature: set both right"


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


def _with_bucket(place: Place, origin: tuple[str, str]) -> tuple[str, str]:
    if not place.in_host:
        return origin
    scheme, host = origin[0].partition("://")[0], f"{place.bucket}.{origin[1]}"
    return f"{scheme}://{host}", host


def date(answer: Answer) -> datetime | None:
    return http_date(answer.headers.get("Date", ""))


def http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
