"""Writes parts whose bytes pass through Drivebay. A part that is not full is stored as a partial part.

A store accepts only full parts, except for the last part, so a partial part is a separate object. The name of this
object contains the number and the size of the partial part, and it is never overwritten. So a sender with fewer bytes
cannot replace the bytes that another sender stored.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

from ..contract.storage import PARTIAL_PARTS_PREFIX, Multipart, PartialPart, PartSpec
from ..errors import InvalidRequest, NotFound, Unavailable
from .argument_checks import (
    check_body_size,
    check_key,
    check_multipart_id,
    check_part_number,
    check_partial_part_key,
    check_parts,
)
from .bucket import Bucket, PartUpload
from .store_startup import StoreStartup

_PAGE_SIZE: Final = 1000


class PartialParts:
    """Implements the calls of `contract.storage.Multiparts` that write and read bytes of parts."""

    def __init__(self, bucket: Bucket, startup: StoreStartup) -> None:
        self._bucket = bucket
        self._startup = startup

    async def write_part(self, key: str, multipart: Multipart, part: PartSpec, body: bytes) -> None:
        check_key(key)
        check_parts((part,), multipart)
        check_multipart_id(multipart.id)
        check_body_size(len(body), 0)
        self._startup.require_ready()
        if len(body) != part.size:
            raise InvalidRequest(f"part {part.number} must have {part.size} bytes and has {len(body)}")
        digest = part.sha256 or await _digest(body)
        upload = PartUpload(multipart.id, part.number, body, digest, multipart.checksummed)
        if not await self._bucket.upload_part(key, upload):
            raise NotFound(f"the multipart upload of {key} has ended: begin a new upload")

    async def write_partial_part(self, key: str, number: int, body: bytes) -> None:
        check_partial_part_key(key)
        check_part_number(number)
        check_body_size(len(body), 1)
        self._startup.require_ready()
        partial = PartialPart(number, len(body))
        await self._bucket.put_object(_object_key(key, partial), body, await _digest(body))
        # Keep longer partial parts: their senders got the response that the bytes are stored.
        await self._delete(key, lambda other: (other.number, other.size) < (number, len(body)))

    async def list_partial_parts(self, key: str) -> tuple[PartialPart, ...]:
        check_partial_part_key(key)
        self._startup.require_ready()
        longest: dict[int, PartialPart] = {}
        for partial in await self._list(key):
            current = longest.get(partial.number)
            if current is None or current.size < partial.size:  # guard: partial-part-longest
                longest[partial.number] = partial
        return tuple(longest[number] for number in sorted(longest))

    async def read_partial_part(self, key: str, partial: PartialPart) -> bytes:
        check_partial_part_key(key)
        check_part_number(partial.number)
        check_body_size(partial.size, 1)
        self._startup.require_ready()
        body = await self._bucket.get_object(_object_key(key, partial))
        if body is None:
            raise NotFound(f"no {partial.size} bytes of part {partial.number} are stored")
        if len(body) != partial.size:
            raise Unavailable("the store returned a partial part of another size")
        return body

    async def delete_partial_parts(self, key: str, number: int) -> None:
        check_partial_part_key(key)
        check_part_number(number)
        self._startup.require_ready()
        await self._delete(key, lambda partial: partial.number <= number)

    async def _delete(self, key: str, matches: Callable[[PartialPart], bool]) -> None:
        for partial in await self._list(key):
            if matches(partial):
                await self._bucket.delete_object(_object_key(key, partial))

    async def _list(self, key: str) -> list[PartialPart]:
        folder = f"{PARTIAL_PARTS_PREFIX}{key}/"
        partial_parts: list[PartialPart] = []
        after: str | None = ""
        while after is not None:
            page = await self._bucket.list_objects(folder, after, _PAGE_SIZE)
            names = ((object.key.removeprefix(folder), object.size) for object in page.objects)
            partial_parts += [partial for name, size in names if (partial := _parse_name(name, size))]
            after = page.after
        return partial_parts


def _object_key(key: str, partial: PartialPart) -> str:
    return f"{PARTIAL_PARTS_PREFIX}{key}/{partial.number}-{partial.size}"


def _parse_name(name: str, size: int) -> PartialPart | None:
    """Return the partial part with this name, or None if it is not a partial part or has a wrong size."""
    number, _, length = name.partition("-")
    if not (number.isdecimal() and name.isascii() and length == str(size)):
        return None
    return PartialPart(int(number), size)


async def _digest(body: bytes) -> bytes:
    return await asyncio.to_thread(lambda: hashlib.sha256(body).digest())
