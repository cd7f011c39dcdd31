"""The doctor's checks that transfer bytes like a client, with presigned URLs at the public endpoint of the store.

`check_public_address` tests only the store. `check_round_trip` tests one upload with all services.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import aiohttp
from yarl import URL

from ...contract.files import Access, Upload, UploadIntent, UploadStatus
from ...contract.ids import ROOT, UserId
from ...contract.storage import Disposition, Presence, PutSpec, SignedRequest, StagedObject
from ...node import Services
from .findings import Finding, failed, ok, warning

Now = Callable[[], datetime]

_DOCTOR_ACCESS: Final = Access.personal(UserId(UUID("00000000-0000-7000-8000-646f63746f72")))
"""The personal drive of the test file. No account ever has this id."""
_COMMIT_TIMEOUT: Final = 20.0
"""The number of seconds to wait for the commit by an event or by the sweep."""
_EVENT_DELAY: Final = 2.0
"""A commit within this number of seconds is the result of an event. A later commit is the result of the sweep."""
_POLL_INTERVAL: Final = 0.02
"""The number of seconds between two requests for the state of the upload."""
_HTTP_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10, sock_read=10)
STORE_FULL_FIX: Final = (
    "read the store's log, free space on its disk; if SeaweedFS logs `No writable volumes`, give it more and smaller"
    " volumes: -volume.max=10000 -master.volumeSizeLimitMB=1024 and WEED_MASTER_VOLUME_GROWTH_COPY_1=3"
)
_URL_LIFETIME: Final = 300
"""The lifetime of the presigned URLs in seconds."""
_SKIPPED_HEADERS: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add to a request, and that are not signed."""
_LOCAL_ORIGIN: Final = "http://localhost:3000"
"""The origin that is tested if the settings allow every origin."""


class _Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Client:
    """Sends requests exactly as they are signed: without redirects, further headers, or changes of the URL."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> _Response:
        """Send one request and return the whole response. Raises aiohttp.ClientError, OSError and TimeoutError."""
        async with self._session.request(
            method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
        ) as response:
            return _Response(response.status, response.headers, await response.read())

    async def send(self, request: SignedRequest, body: bytes) -> _Response:
        return await self.request(request.method, request.url, request.headers, body)


@asynccontextmanager
async def _http_client() -> AsyncIterator[_Client]:
    async with aiohttp.ClientSession(
        timeout=_HTTP_TIMEOUT, skip_auto_headers=_SKIPPED_HEADERS, auto_decompress=False
    ) as session:
        yield _Client(session)


async def check_public_address(services: Services, now: Now) -> list[Finding]:
    """Upload and download an object with presigned URLs, and check that a request without a signature is refused."""
    body = f"drivebay doctor {now().isoformat()}".encode()
    digest = hashlib.sha256(body)
    key = f".drivebay/doctor/{digest.hexdigest()[:32]}"
    put = await services.storage.presign_put(
        PutSpec(key, len(body), "text/plain", digest.digest()), now(), _URL_LIFETIME
    )
    fix = (
        "set DRIVEBAY_S3_PUBLIC_ENDPOINT to the URL of the store for clients (scheme, host, port), reachable from here"
    )
    async with _http_client() as http:
        try:
            uploaded = await http.send(put, body)
            findings = [await _check_cors(http, services, put)]
            if uploaded.status != 200:
                detail = f"the store responds to a presigned PUT with status {uploaded.status}"
                if uploaded.status >= 500:
                    fix = STORE_FULL_FIX
                return [*findings, failed("public endpoint", detail, fix)]
            (stored,) = await services.storage.stat_staged((key,))
            if stored.presence is Presence.FOUND:
                (stored,) = await services.storage.promote((StagedObject(stored.key, stored.etag, stored.size),))
            get = await services.storage.presign_get(
                stored.key, "doctor.txt", "text/plain", Disposition.ATTACHMENT, _URL_LIFETIME
            )
            downloaded = await http.request("GET", get.url)
            unsigned = await http.request("GET", put.url.partition("?")[0])
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            detail = f"cannot reach the store at {URL(put.url).authority}: {describe_http_error(error)}"
            return [failed("public endpoint", detail, fix)]
        finally:
            await services.storage.delete_objects((key,))
    if downloaded.body != body:
        detail = (
            f"the store responds to a presigned GET with status {downloaded.status} and not with the uploaded bytes"
        )
        findings.append(failed("public endpoint", detail, fix))
    if unsigned.status != 403:
        detail = f"the store responds to a GET without a signature with status {unsigned.status}: anyone can read files"
        findings.append(failed("bucket", detail, "remove the bucket's public policy or anonymous access"))
    return [ok("public endpoint", "presigned PUT and GET work; a request without a signature is refused"), *findings]


async def _check_cors(http: _Client, services: Services, put: SignedRequest) -> Finding:
    """Send the preflight request that a browser sends before it uploads from one of the allowed origins."""
    origins = services.settings.allowed_origins
    origin = origins[0] if origins and origins[0] != "*" else _LOCAL_ORIGIN
    preflight = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ", ".join(name.lower() for name in put.headers),
    }
    response = await http.request("OPTIONS", put.url, preflight)
    allowed = response.headers.get("access-control-allow-origin", "")
    if 200 <= response.status < 300 and allowed in ("*", origin):
        return ok("browsers", f"pages from {origin} can upload")
    detail = f"the store refuses browser uploads from {origin} (CORS preflight: status {response.status})"
    return warning("browsers", detail, "allow PUT, GET and HEAD from your origins in the store's CORS settings")


async def check_round_trip(services: Services, now: Now) -> list[Finding]:
    """Upload a file, wait until it is committed, and move it to the trash. Reports how long the commit took."""
    files, body = services.files, f"drivebay doctor {now().isoformat()}".encode()
    digest = hashlib.sha256(body).digest()
    upload = await files.begin_upload(
        _DOCTOR_ACCESS, UploadIntent("doctor.txt", len(body), "text/plain", ROOT, sha256=digest)
    )
    put = PutSpec(upload.key, upload.size, upload.content_type, upload.sha256, upload.metadata)
    signed = await services.storage.presign_put(put, upload.created_at, _URL_LIFETIME)
    fix = "see the finding `public endpoint`"
    async with _http_client() as http:
        try:
            response = await http.send(signed, body)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await files.abort_upload(_DOCTOR_ACCESS, upload.id)
            return [failed("round trip", f"the upload failed: {describe_http_error(error)}", fix)]
    if response.status != 200:
        await files.abort_upload(_DOCTOR_ACCESS, upload.id)
        return [failed("round trip", f"the store responded to the upload with status {response.status}", fix)]
    started = time.monotonic()
    upload, committed_by_ingest = await _wait_for_commit(services, upload)
    seconds = time.monotonic() - started
    if upload.file is None:
        detail = f"the upload ended as {upload.status.value} ({upload.reason})"
        return [failed("round trip", detail, "see the findings for the store")]
    await files.trash_entry(_DOCTOR_ACCESS, upload.file)
    return [_commit_finding(committed_by_ingest, seconds, services.settings.ingest().events_enabled)]


async def _wait_for_commit(services: Services, upload: Upload) -> tuple[Upload, bool]:
    """Wait until an upload has ended. Return the upload, and whether ingest committed it.

    After _COMMIT_TIMEOUT, the doctor commits the upload itself.
    """
    deadline = time.monotonic() + _COMMIT_TIMEOUT
    while time.monotonic() < deadline:
        current = await services.files.get_upload(_DOCTOR_ACCESS, upload.id)
        if current.status is not UploadStatus.PENDING:
            return current, True
        await asyncio.sleep(_POLL_INTERVAL)
    return await services.files.complete_upload(_DOCTOR_ACCESS, upload.id), False


def _commit_finding(committed_by_ingest: bool, seconds: float, events_enabled: bool) -> Finding:
    if not committed_by_ingest:
        detail = f"ingest did not commit the upload within {seconds:.0f} s; the doctor's own request committed it"
        fix = (
            "check that ingest is running with this DRIVEBAY_S3_BUCKET and this database; it sweeps even without events"
        )
        return failed("round trip", detail, fix)
    if events_enabled and seconds > _EVENT_DELAY:
        detail = f"the file appeared after {seconds:.1f} s: no event came, the sweep committed the upload"
        fix = "check that the store reaches NATS and that its notification rule is on this bucket"
        return warning("round trip", detail, fix)
    return ok("round trip", f"the file appeared {seconds * 1000:.0f} ms after its last byte")


def describe_http_error(error: Exception) -> str:
    """Describe the error of a request. Most messages of aiohttp are not used, as they may contain a presigned URL."""
    if isinstance(error, aiohttp.InvalidURL):
        return "invalid URL"
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no response in time"
    if isinstance(error, aiohttp.ClientError | OSError):
        return f"the connection broke ({type(error).__name__})"
    return str(error) or type(error).__name__
