"""Bytes on their way through us, in parts: whole ones go to the store as such, the rest waits as a tail.

A store takes no small part but the last. So what does not fill one is kept as an object of its own, named by its part
and its length, and never written over: of two senders who know nothing of one another, neither makes less of what
the other was told is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

from ..contract.storage import TAILS, Multipart, PartPut, Tail
from ..errors import InvalidRequest, NotFound, Unavailable
from .bucket import Bucket
from .parts import MOST_PARTS

LARGEST: Final = 15 * 2**20
"""Bytes that one call carries: what fits into a message."""
_MOST_KEPT: Final = 1000


class Tails:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def write_part(self, key: str, multipart: Multipart, part: PartPut, body: bytes) -> None:
        if len(body) != part.size:
            raise InvalidRequest(f"part {part.number} has {len(body)} bytes and not {part.size}")
        digest = part.sha256 or await _digest(body)
        if not await self._bucket.write_part(key, multipart.id, part.number, body, digest, multipart.checked):
            raise NotFound(f"the write of {key} in parts has ended")

    async def write(self, key: str, number: int, body: bytes) -> None:
        written = Tail(number, len(body))
        await self._bucket.write(_name(key, written), body, await _digest(body))
        # What is longer stays: somebody was told that it is kept.
        await self._delete(key, lambda tail: (tail.number, tail.size) < (number, len(body)))

    async def kept(self, key: str) -> tuple[Tail, ...]:
        longest: dict[int, Tail] = {}
        for tail in await self._all(key):
            if (before := longest.get(tail.number)) is None or before.size < tail.size:
                longest[tail.number] = tail
        return tuple(longest[number] for number in sorted(longest))

    async def read(self, key: str, tail: Tail) -> bytes:
        body = await self._bucket.read(_name(key, tail))
        if body is None:
            raise NotFound(f"of part {tail.number} no {tail.size} bytes are kept")
        if len(body) != tail.size:
            raise Unavailable("the store gives other bytes than it was given")
        return body

    async def delete(self, key: str, number: int) -> None:
        await self._delete(key, lambda tail: tail.number <= number)

    async def _delete(self, key: str, gone: Callable[[Tail], bool]) -> None:
        for tail in await self._all(key):
            if gone(tail):
                await self._bucket.delete_one(_name(key, tail))

    async def _all(self, key: str) -> list[Tail]:
        folder = f"{TAILS}{key}/"
        found: list[Tail] = []
        after: str | None = ""
        while after is not None:
            page = await self._bucket.page(folder, after, _MOST_KEPT)
            found += [tail for each in page.objects if (tail := _tail(each.key.removeprefix(folder), each.size))]
            after = page.after
        return found


def check_number(number: int) -> None:
    if not 1 <= number <= MOST_PARTS:
        raise InvalidRequest(f"a part has a number from 1 to {MOST_PARTS}")


def check_body(size: int, least: int) -> None:
    if not least <= size <= LARGEST:
        raise InvalidRequest(f"{least} to {LARGEST} bytes are written in a call")


def _name(key: str, tail: Tail) -> str:
    return f"{TAILS}{key}/{tail.number}-{tail.size}"


def _tail(name: str, size: int) -> Tail | None:
    """The tail of that name, None for what somebody else put there, or what is not as it should be."""
    number, _, length = name.partition("-")
    if not (number.isdecimal() and name.isascii() and length == str(size)):
        return None
    return Tail(int(number), size)


async def _digest(body: bytes) -> bytes:
    return await asyncio.to_thread(lambda: hashlib.sha256(body).digest())
