"""The parts of one upload: what the store holds already is left alone, the rest is hashed, signed and sent.

One task hashes ahead and asks for URLs, some parts at a time; others send. Parts are read from the source and never
kept, so memory does not grow with the file.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .errors import Conflict, Error, StoreError
from .http import Http
from .models import Part, PartPage, SignedPart, SignedParts, Upload
from .sources import Source, digest
from .store import Moved, Signed, Store
from .together import all_of

_AHEAD: Final = 8
"""Parts that are hashed and signed at a time."""


class NotAsBefore(Error):
    """The store holds, or was promised, other bytes than the source has: the upload belongs to another content."""


@dataclass(frozen=True)
class _Ready:
    """A part that may be sent."""

    number: int
    offset: int
    size: int
    sha256: bytes
    signed: Signed


class Parts:
    def __init__(self, http: Http, store: Store) -> None:
        self._http = http
        self._store = store

    async def send(self, upload: Upload, source: Source, moved: Moved) -> None:
        """Have the store hold every part. Raises NotAsBefore, Changed, ApiError, NetworkError, StoreError."""
        held = await self._http.call(PartPage, "GET", f"/v1/uploads/{upload.id}/parts")
        there = {part.number: part for part in held.items}
        senders = max(1, min(self._store.parallel, upload.part_count or 1))
        ready: asyncio.Queue[_Ready | None] = asyncio.Queue(senders)

        async def plan() -> None:
            for numbers in _groups(upload.part_count or 1):
                for part in await self._prepared(upload, source, numbers, there, moved):
                    await ready.put(part)
            for _ in range(senders):
                await ready.put(None)

        async def work() -> None:
            while (part := await ready.get()) is not None:
                await self._send(upload, source, part, moved)

        await all_of(plan(), *(work() for _ in range(senders)))

    async def _prepared(
        self, upload: Upload, source: Source, numbers: Sequence[int], there: dict[int, Part], moved: Moved
    ) -> list[_Ready]:
        """Those of these parts that are to be sent."""
        spans = {number: _span(upload, number) for number in numbers}
        digests = dict(
            zip(
                numbers,
                await asyncio.gather(*(asyncio.to_thread(digest, source, *spans[number]) for number in numbers)),
                strict=True,
            )
        )
        source.check()
        wanted = []
        for number in numbers:
            held = there.get(number)
            if held is None or held.size != spans[number][1]:
                wanted.append(number)
            elif held.sha256 not in (None, digests[number]):
                raise NotAsBefore(f"part {number} of upload {upload.id} has other bytes")
            else:
                moved(held.size)
        if not wanted:
            return []
        signed = await self._sign(upload, {number: digests[number] for number in wanted})
        return [
            _Ready(part.number, *spans[part.number], digests[part.number], Signed(part.method, part.url, part.headers))
            for part in signed
        ]

    async def _sign(self, upload: Upload, digests: dict[int, bytes]) -> list[SignedPart]:
        body = {"parts": [{"number": number, "sha256": b64encode(sha).decode()} for number, sha in digests.items()]}
        try:
            answer = await self._http.call(SignedParts, "POST", f"/v1/uploads/{upload.id}/parts", body, idempotent=True)
        except Conflict as error:
            # Ended by somebody else, or promised other bytes. Either way nothing more can come of this upload.
            raise NotAsBefore(error.detail) from None
        return answer.parts

    async def _send(self, upload: Upload, source: Source, part: _Ready, moved: Moved) -> None:
        async def again() -> Signed | None:
            (fresh,) = await self._sign(upload, {part.number: part.sha256})
            return Signed(fresh.method, fresh.url, fresh.headers)

        what = f"part {part.number} of {upload.name}"
        try:
            await self._store.put(what, part.signed, again, source, part.offset, part.size, moved)
        except StoreError as error:
            if error.status == 404:
                raise NotAsBefore(f"{what}: the upload has ended") from None
            if error.status == 400 and await asyncio.to_thread(digest, source, part.offset, part.size) != part.sha256:
                # Its time did not change, but its bytes did.
                raise NotAsBefore(f"{what} has other bytes than a moment ago") from None
            raise


def _span(upload: Upload, number: int) -> tuple[int, int]:
    """Offset and length."""
    size = upload.part_size or upload.size
    offset = (number - 1) * size
    return offset, min(size, upload.size - offset)


def _groups(count: int) -> Iterator[range]:
    # The first group is small, so that sending begins soon.
    first = min(2, count)
    yield range(1, first + 1)
    for start in range(first + 1, count + 1, _AHEAD):
        yield range(start, min(start + _AHEAD, count + 1))
