"""Requests of the tus protocol: complete, broken off or stalled."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from .simulated_user import REQUEST_TIMEOUT, Placement, SimulatedUser

CHUNK_SIZE: Final = 2**16
ANSWER_TIMEOUT: Final = 900.0
"""Seconds for which a request is sent again. Faults and a busy machine together can last minutes."""
_REPEATABLE: Final = (401, 423, 429, 503)
"""Statuses after which the same request can be sent again."""


@dataclass
class TusBody:
    """The body of a request. With `cut_at`, the connection breaks after so many bytes and `stall_seconds` more."""

    content: bytes
    cut_at: int | None = None
    stall_seconds: float = 0.0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        end = len(self.content) if self.cut_at is None else self.cut_at
        for start in range(0, end, CHUNK_SIZE):
            yield self.content[start : min(end, start + CHUNK_SIZE)]
        if self.cut_at is not None:
            await asyncio.sleep(self.stall_seconds)
            raise ConnectionResetError("broken off on purpose")


@dataclass(frozen=True)
class TusRequest:
    """A request. A response with a status that is not in `expect` is a violation."""

    method: str
    path: str
    expect: Sequence[int]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: TusBody | None = None


@dataclass(frozen=True)
class TusResponse:
    """A response. `sent_at` is when its request was sent, in seconds since 1970."""

    status: int
    headers: Mapping[str, str]
    sent_at: float

    @property
    def offset(self) -> int:
        """Return the stored offset, or -1 if the response has none."""
        return int(self.headers.get("Upload-Offset", "-1"))

    @property
    def file(self) -> str:
        """Return the id of the file, or "" if the upload is no file yet."""
        return self.headers.get("Drivebay-File", "")


async def send(user: SimulatedUser, request: TusRequest) -> TusResponse | None:
    """Send one request. Return None if it can be repeated: there was no response, or 401, 423, 429 or 503."""
    token, sent_at = user.access_token, time.time()
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0", **request.headers}
    if request.body is not None:
        headers["Content-Type"] = "application/offset+octet-stream"
    try:
        async with user.http.request(
            request.method,
            user.api + request.path,
            headers=headers,
            data=None if request.body is None else aiter(request.body),
            timeout=REQUEST_TIMEOUT,
            allow_redirects=False,
        ) as received:
            text = await received.text()
            response = TusResponse(received.status, received.headers, sent_at)
    except (aiohttp.ClientError, TimeoutError, OSError):
        user.counts["tus no response"] += 1
        return None
    user.counts[f"tus {response.status}"] += 1
    if response.status == 401 and token == user.access_token:
        await user.refresh_session()
    if response.status in _REPEATABLE:
        return None
    if response.status not in request.expect:
        id = request.path.rpartition("/")[2]
        detail = f"tus {request.method} {request.path}: {response.status} {text[:300]}"
        await user.report_violation(detail, upload=id if len(id) == 36 else "")
    return response


async def send_until_answered(user: SimulatedUser, request: TusRequest) -> TusResponse | None:
    """Send a request until there is a response, so that its result is known. None in 15 minutes is a violation."""
    attempts, deadline = 0, time.monotonic() + ANSWER_TIMEOUT
    while time.monotonic() < deadline:
        response = await send(user, request)
        if response is not None:
            return response
        await user.back_off(min(attempts, 3))
        attempts += 1
    await user.report_violation(f"tus {request.method} {request.path} has no response after {attempts} attempts")
    return None


def upload_metadata(placement: Placement) -> str:
    """Return the value of the `Upload-Metadata` header."""
    values = {"filename": placement.name, "parent_id": placement.parent, "on_conflict": placement.on_conflict}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def checksum_header(user: SimulatedUser, content: bytes, *, is_wrong: bool = False) -> dict[str, str]:
    """Return an `Upload-Checksum` header with a random algorithm."""
    algorithm = user.rng.choice(("sha1", "md5", "sha256"))
    digest = hashlib.new(algorithm, content + b"!" if is_wrong else content, usedforsecurity=False).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}
