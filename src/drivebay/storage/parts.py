"""Objects that clients send in parts, which the storage service puts together.

Nobody has a URL for the object itself: only the store, told by us, makes it of its parts, and only if there is
nothing yet. That may take longer than a call, so it goes on after one; whoever asks meanwhile waits for the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from ..contract.storage import Assembled, Assembly, Multipart, PartPut, Put, StoredPart
from ..crash import crash_point
from ..errors import InvalidRequest, Unavailable
from . import headers, probe
from .bucket import Bucket
from .names import MOST_SIGNED

log = structlog.get_logger(__name__)

MOST_PARTS: Final = 10_000
_LARGEST: Final = 5 * 2**30
_MOST_TOLD: Final = 100
_ALGORITHM: Final = {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "COMPOSITE"}


class Parts:
    """`patience` is how many seconds a call waits for parts to be put together, which goes on after it."""

    def __init__(self, bucket: Bucket, *, patience: float) -> None:
        self._bucket = bucket
        self._patience = patience
        self._running: dict[str, asyncio.Task[Assembled]] = {}

    async def close(self) -> None:
        """End what is under way. The store may finish it; a later try finds that."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(self, put: Put, checked: bool, refused: frozenset[str]) -> Multipart:
        content_type = headers.media_type(put.content_type)
        if content_type is None:
            raise InvalidRequest("the content type is no media type")
        metadata = {name: headers.metadata_value(value) for name, value in put.metadata.items()}
        sent = probe.put_headers(content_type, None, metadata, refused | {probe.ONLY_IF_NEW})
        return Multipart(await self._bucket.begin_parts(put.key, sent | (_ALGORITHM if checked else {})), checked)

    async def assemble(self, key: str, multipart: str, sizes: tuple[int, ...], sha256: tuple[bytes, ...]) -> Assembled:
        task = self._running.get(multipart)
        if task is None:
            made = self._assemble(key, multipart, sizes, sha256)
            task = self._running[multipart] = asyncio.create_task(made, name=f"assemble {key}")
            task.add_done_callback(lambda _: self._running.pop(multipart, None))
        done, _ = await asyncio.wait((task,), timeout=self._patience)
        return task.result() if done and not task.cancelled() else Assembled(Assembly.UNKNOWN)

    async def _assemble(self, key: str, multipart: str, sizes: tuple[int, ...], sha256: tuple[bytes, ...]) -> Assembled:
        try:
            there = await self._bucket.parts(key, multipart)
            if there is None:
                return Assembled(Assembly.DONE)
            if missing := _missing(there, sizes):
                return Assembled(Assembly.MISSING, missing)
            crash_point("assemble.before_complete")
            made = await self._bucket.complete_parts(key, multipart, there, sha256)
            crash_point("assemble.completed")
            if not made:
                # Something is there already, or the write has ended: what is left of it is of no use to anybody.
                await self._bucket.abort_parts(key, multipart)
        except Unavailable as error:
            log.warning("assembly_failed", key=key, reason=error.detail)
            return Assembled(Assembly.UNKNOWN)
        return Assembled(Assembly.DONE)


def _missing(there: Sequence[StoredPart], sizes: tuple[int, ...]) -> tuple[int, ...]:
    held = {part.number: part.size for part in there}
    wrong = [number for number, size in enumerate(sizes, 1) if held.get(number) != size]
    # What is beyond the last one is not ours, and would be put together with the others.
    return tuple((wrong or sorted(held.keys() - set(range(1, len(sizes) + 1))))[:_MOST_TOLD])


def check_parts(parts: tuple[PartPut, ...], multipart: Multipart) -> None:
    """Raise InvalidRequest for what no store would take."""
    if not 1 <= len(parts) <= MOST_SIGNED:
        raise InvalidRequest(f"1 to {MOST_SIGNED} parts are signed in a call")
    for part in parts:
        if not (1 <= part.number <= MOST_PARTS and 0 <= part.size <= _LARGEST):
            raise InvalidRequest(f"a part has a number from 1 to {MOST_PARTS} and at most {_LARGEST} bytes")
        if (part.sha256 is not None) != multipart.checked or (part.sha256 is not None and len(part.sha256) != 32):
            raise InvalidRequest("the SHA-256 of a part has 32 bytes, and is given for every part or for none")
