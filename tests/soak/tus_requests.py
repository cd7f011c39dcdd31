"""Requests of tus as a user sends them: whole, broken off, or stalled, and what their answers say."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from .user import User

CHUNK: Final = 2**16
TRIES: Final = 60
_PATIENCE: Final = aiohttp.ClientTimeout(total=20)
_LATER: Final = (401, 423, 429, 503)
"""Nothing is wrong: come again."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    asked: float

    @property
    def offset(self) -> int:
        return int(self.headers.get("Upload-Offset", "-1"))

    @property
    def file(self) -> str:
        return self.headers.get("Drivebay-File", "")


@dataclass
class Flow:
    """How a body is sent: all of it, only `upto` some byte and then the line breaks, or is `held` for so many seconds
    before."""

    body: bytes
    upto: int | None = None
    held: float = 0.0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        end = len(self.body) if self.upto is None else self.upto
        for at in range(0, end, CHUNK):
            yield self.body[at : min(end, at + CHUNK)]
        if self.upto is not None:
            await asyncio.sleep(self.held)
            raise ConnectionResetError("broken off on purpose")


async def ask(
    user: User, method: str, path: str, headers: Mapping[str, str], flow: Flow | None, expect: Sequence[int]
) -> Answer | None:
    """One request; None for no answer, and where it says to come again. A status that was not expected is a broken
    promise, and answered all the same."""
    token, asked = user.token, time.time()
    sent = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0", **headers}
    if flow is not None:
        sent["Content-Type"] = "application/offset+octet-stream"
    try:
        async with user.http.request(
            method,
            user.api + path,
            headers=sent,
            data=None if flow is None else aiter(flow),
            timeout=_PATIENCE,
            allow_redirects=False,
        ) as response:
            text = await response.text()
            answer = Answer(response.status, response.headers, asked)
    except (aiohttp.ClientError, TimeoutError, OSError):
        user.tally["tus no answer"] += 1
        return None
    user.tally[f"tus {answer.status}"] += 1
    if answer.status == 401 and token == user.token:
        await user.renew()
    if answer.status in _LATER:
        return None
    if answer.status not in expect:
        id = path.rpartition("/")[2]
        await user.broken(f"tus {method} {path}: {answer.status} {text[:300]}", upload=id if len(id) == 36 else "")
    return answer


def metadata(name: str, parent: str, conflict: str) -> str:
    told = {"filename": name, "parent_id": parent, "on_conflict": conflict}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())


def checksum(user: User, body: bytes, *, right: bool = True) -> dict[str, str]:
    algorithm = user.chance.choice(("sha1", "md5", "sha256"))
    digest = hashlib.new(algorithm, body if right else body + b"!", usedforsecurity=False).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


async def answered(
    user: User, method: str, path: str, headers: Mapping[str, str], flow: Flow | None, expect: Sequence[int]
) -> Answer | None:
    """As `ask`, until there is an answer: else nobody would know of what was made."""
    for n in range(TRIES):
        answer = await ask(user, method, path, headers, flow, expect)
        if answer is not None:
            return answer
        await asyncio.sleep(user.chance.uniform(0.1, 0.4) * 2 ** min(n, 3))
    await user.broken(f"tus {method} {path} is not answered")
    return None
