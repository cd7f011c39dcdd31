"""Send one signed request to the store and read its response.

An error of the network, and a response of a store that is busy or has failed, raise `Unavailable`. Any other response
is returned. While the bucket is prepared (`check_setup`), an error that only the operator can fix raises
`Misconfigured`.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import perf_counter
from typing import Final

import aiohttp
import msgspec
from prometheus_client import Histogram
from yarl import URL

from ...errors import Unavailable
from ...observability.tracing import tracer
from ..bucket import Misconfigured
from .bucket_address import BucketAddress
from .sigv4 import Signer, UnsignedRequest, canonical_query, escape_path
from .xml_documents import Element, InvalidXml, local_name, parse

CALL_SECONDS = Histogram(
    "drivebay_storage_store_call_seconds",
    "Time of one call to the object store, by operation and outcome (ok, absent, refused, failed).",
    ("operation", "outcome"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

MAX_RESPONSE: Final = 32 * 2**20
"""The maximum size of a response in bytes. The largest ranges that we read have 16 MiB, the longest lists 5 MiB."""
BODY_TIMEOUT: Final = 25.0
"""The maximum number of seconds to send or read the bytes of a part. The timeouts of callers are longer."""
BINARY_BODY: Final = {"Content-Type": "application/octet-stream"}
_WRITE_SIZE: Final = 2**16
"""A body of more than this number of bytes is written in pieces."""
_EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
_WRONG_CREDENTIALS: Final = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidToken"})
_WRONG_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
)
_PATH_STYLE_REFUSED: Final = frozenset({"SecondLevelDomainForbidden", "PathStyleDomainForbidden"})
"""The error codes of stores that refuse path-style URLs: Alibaba Cloud and Tencent Cloud."""


class S3Call(msgspec.Struct, frozen=True):
    """One call of the S3 API. `operation` is its name in metrics and traces. `sha256` is the digest of `body`, or None
    if the client must compute it. `timeout` is in seconds. None means the timeout of the client."""

    operation: str
    method: str
    key: str = ""
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""
    sha256: bytes | None = None
    timeout: float | None = None


class S3Response(msgspec.Struct, frozen=True):
    """The complete response of the store to one call."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error_code(self) -> str:
        """The error code of the store. It is empty if the response has no error code, as a response to HEAD."""
        if not self.body:
            return ""
        try:
            root = parse(self.body)
        except InvalidXml:
            return ""
        return next((element.text or "" for element in root.iter() if local_name(element) == "Code"), "")

    @property
    def date(self) -> datetime | None:
        """The time of the store's clock, or None if the store does not send its time."""
        return parse_http_date(self.headers.get("Date", ""))

    @property
    def succeeded(self) -> bool:
        """Whether CopyObject or CompleteMultipartUpload succeeded. With status 200, the body may contain an error."""
        if self.status != 200:
            return False
        try:
            return not self.body.strip() or local_name(parse(self.body)) != "Error"  # guard: copy-late-error
        except InvalidXml:
            return False

    def document(self, name: str) -> Element:
        """Return the root element of the body, which must have this name.

        Raises Unavailable otherwise, so that an incomplete list does not count as an empty list.
        """
        try:
            root = parse(self.body)
        except InvalidXml as error:
            raise Unavailable(f"the store's response is not a valid {name}: {error}") from None
        if local_name(root) != name:  # guard: listing-document
            raise Unavailable(f"the store's response is not a {name} but a {local_name(root)}")
        return root

    def unexpected_error(self, action: str) -> Unavailable:
        """Return the error for an unexpected response. `action` is the name of the S3 operation."""
        return Unavailable(f"the store's response to {action} was unexpected: {self.status} {self.error_code}".rstrip())


class S3Client:
    """Sends requests to one bucket of one store."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        signer: Signer,
        address: BucketAddress,
        timeout: float,
        now: Callable[[], datetime],
    ) -> None:
        self.address = address
        self.region = signer.region
        self._session = session
        self._signer = signer
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._connect_timeout = timeout
        self._now = now

    def copy_source(self, key: str, etag: str | None) -> dict[str, str]:
        """Return the headers that name the source of a copy, and the condition that it has this ETag."""
        headers = {"x-amz-copy-source": f"/{self.address.bucket}/{escape_path(key)}"}
        if etag is not None:
            headers["x-amz-copy-source-if-match"] = f'"{etag}"'
        return headers

    async def call(self, call: S3Call) -> S3Response:
        """Sign and send one call. Return the response.

        Raises Unavailable for status 429 and for 5xx except 501, and if the store cannot be reached in time.
        """
        path = self.address.path(call.key)
        query = canonical_query(call.query.items()) if call.query else ""
        digest = call.sha256.hex() if call.sha256 else hashlib.sha256(call.body).hexdigest() if call.body else ""
        unsigned = UnsignedRequest(call.method, self.address.host, path, call.query, call.headers)
        headers = self._signer.authorize(unsigned, digest or _EMPTY_SHA256, self._now())
        url = f"{self.address.origin}{path}?{query}" if query else f"{self.address.origin}{path}"
        return await self.send(call, url, headers)

    async def send(self, call: S3Call, url: str, headers: Mapping[str, str]) -> S3Response:
        """Send a call to a URL that is signed already, with these headers. Raises Unavailable as `call` does."""
        began = perf_counter()
        outcome = "failed"
        with tracer.start_as_current_span(f"store {call.operation}"):
            try:
                try:
                    response = await self._exchange(call, url, headers)
                except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                    # The store has closed a pooled connection (MinIO does so after a 412). aiohttp itself retries all
                    # methods except POST. A POST deletes objects, or creates or completes a multipart upload. These
                    # calls may be repeated: the janitor aborts a second multipart upload.
                    if call.method != "POST":
                        raise
                    response = await self._exchange(call, url, headers)
                # 501 is permanent: the store does not support this operation or header.
                if (response.status >= 500 and response.status != 501) or response.status == 429:  # guard: store-busy
                    problem = f"{response.status} {response.error_code}".rstrip()
                    raise Unavailable(f"the store responds to {call.method} with {problem}")
                outcome = "ok" if response.status < 300 else "absent" if response.status == 404 else "refused"
                return response
            except TimeoutError:
                raise Unavailable("the store does not respond in time") from None
            except (aiohttp.ClientError, OSError) as error:
                raise Unavailable(f"the store cannot be reached: {type(error).__name__}") from None
            finally:
                CALL_SECONDS.labels(call.operation, outcome).observe(perf_counter() - began)

    async def _exchange(self, call: S3Call, url: str, headers: Mapping[str, str]) -> S3Response:
        async with self._session.request(
            call.method,
            URL(url, encoded=True),
            headers=headers,
            # aiohttp writes a file object in pieces. One large write would block the event loop.
            data=io.BytesIO(call.body) if len(call.body) > _WRITE_SIZE else call.body or None,
            allow_redirects=False,
            timeout=self._timeout
            if call.timeout is None
            else aiohttp.ClientTimeout(call.timeout, sock_connect=self._connect_timeout),
        ) as response:
            return S3Response(response.status, response.headers, await _read_body(response))

    def check_setup(self, response: S3Response, action: str) -> None:
        """Raise an error if a call that prepares the bucket failed: Misconfigured for a wrong setting, or Unavailable.

        `action` is the name of the S3 operation.
        """
        if response.status < 300:
            return
        code, bucket = response.error_code, self.address.bucket
        if code == "RequestTimeTooSkewed":
            raise Unavailable(_clock_difference(self._now(), response.date))
        if code in _PATH_STYLE_REFUSED:
            raise Misconfigured(
                "the store needs virtual-hosted-style URLs (the bucket's name in the host): "
                "set DRIVEBAY_S3_ADDRESSING to host"
            )
        if code in _WRONG_REGION or response.status == 301:
            raise Misconfigured(f"the store is not in region {self.region}: set DRIVEBAY_S3_REGION to its region")
        if code in _WRONG_CREDENTIALS:
            raise Misconfigured(
                f"the store refuses our credentials ({code}) for {action} on the bucket {bucket}: "
                "check DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY"
            )
        if code in ("BucketAlreadyExists", "InvalidBucketName"):
            raise Misconfigured(
                f"the bucket name {bucket} cannot be used ({code}): set DRIVEBAY_S3_BUCKET to another name"
            )
        raise response.unexpected_error(action)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_RESPONSE:
            raise Unavailable(f"the store's response is larger than {MAX_RESPONSE} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def xml_headers(body: bytes) -> dict[str, str]:
    """Return the headers of a request with an XML body."""
    # Stores require different checksums for these calls. All of them accept MD5.
    return {
        "Content-MD5": base64_digest(hashlib.md5(body, usedforsecurity=False).digest()),
        "Content-Type": "application/xml",
    }


def base64_digest(digest: bytes) -> str:
    """Return a digest in the form of S3 headers and documents."""
    return base64.b64encode(digest).decode()


def parse_http_date(text: str) -> datetime | None:
    """Return the time of an HTTP date, or None if the text is not an HTTP date."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def _clock_difference(ours: datetime, theirs: datetime | None) -> str:
    seconds = "too far" if theirs is None else f"{abs(ours - theirs).total_seconds():.0f} s"
    return f"the store's clock is {seconds} from ours, so it refuses our signatures: correct both clocks"
