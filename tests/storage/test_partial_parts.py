"""Parts whose bytes pass through Drivebay: full parts, and partial parts beside an upload."""

from __future__ import annotations

import hashlib

import pytest

from drivebay.contract.storage import PARTIAL_PARTS_PREFIX, PartialPart, PartSpec, PutSpec
from drivebay.errors import InvalidRequest, NotFound
from drivebay.storage.argument_checks import MAX_BODY
from drivebay.storage.service import Service

KEY = "owner/upload"
PART_SIZE = 5 * 2**20


async def test_written_parts_become_the_object(storage: Service) -> None:
    multipart = await storage.begin_multipart(PutSpec(KEY, PART_SIZE + 3, "text/plain"), True)
    bodies = (b"a" * PART_SIZE, b"end")
    digests = tuple(hashlib.sha256(body).digest() for body in bodies) if multipart.checksummed else ()
    for number, body in enumerate(bodies, 1):
        sha256 = digests[number - 1] if digests else None
        await storage.write_part(KEY, multipart, PartSpec(number, len(body), sha256), body)
    await storage.assemble_parts(KEY, multipart.id, (PART_SIZE, 3), digests)
    (found,) = await storage.stat_objects((KEY,))
    assert found.size == PART_SIZE + 3
    with pytest.raises(NotFound):
        await storage.write_part(KEY, multipart, PartSpec(2, 3, digests[1] if digests else None), b"end")


async def test_the_longest_partial_part_counts_in_any_order_of_writes(storage: Service) -> None:
    assert await storage.list_partial_parts(KEY) == ()
    await storage.write_partial_part(KEY, 10, b"x")
    await storage.write_partial_part(KEY, 2, b"longer")
    await storage.write_partial_part(KEY, 2, b"long")
    assert await storage.list_partial_parts(KEY) == (PartialPart(2, 6), PartialPart(10, 1))
    assert await storage.read_partial_part(KEY, PartialPart(2, 6)) == b"longer"
    with pytest.raises(NotFound):
        await storage.read_partial_part(KEY, PartialPart(2, 5))
    # A later part makes partial parts of lower numbers useless.
    await storage.write_partial_part(KEY, 3, b"next")
    assert await storage.list_partial_parts(KEY) == (PartialPart(3, 4), PartialPart(10, 1))


async def test_partial_parts_are_deleted_up_to_a_number_and_are_not_listed_as_objects(storage: Service) -> None:
    for number in (3, 2, 1):
        await storage.write_partial_part(KEY, number, b"part")
    await storage.write_partial_part("owner/other-upload", 1, b"other")
    assert (await storage.list_objects(None, 10)).objects == ()
    for _ in range(2):
        await storage.delete_partial_parts(KEY, 2)
    assert await storage.list_partial_parts(KEY) == (PartialPart(3, 4),)
    assert await storage.list_partial_parts("owner/other-upload") == (PartialPart(1, 5),)


async def test_objects_in_subfolders_are_not_partial_parts(storage: Service) -> None:
    await storage.write_partial_part(KEY, 1, b"part")
    await storage.write_partial_part(f"{KEY}/1", 1, b"deeper")
    assert await storage.list_partial_parts(KEY) == (PartialPart(1, 4),)
    assert PARTIAL_PARTS_PREFIX.startswith(".")


@pytest.mark.parametrize("size", [0, MAX_BODY + 1])
async def test_a_partial_part_has_at_least_one_byte_and_fits_into_a_message(storage: Service, size: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.write_partial_part(KEY, 1, b"x" * size)


@pytest.mark.parametrize("number", [0, 10_001])
async def test_an_invalid_part_number_is_refused(storage: Service, number: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.write_partial_part(KEY, number, b"x")
    with pytest.raises(InvalidRequest):
        await storage.delete_partial_parts(KEY, number)


async def test_a_part_of_another_size_than_stated_is_refused(storage: Service) -> None:
    multipart = await storage.begin_multipart(PutSpec(KEY, 5, "text/plain"), False)
    with pytest.raises(InvalidRequest):
        await storage.write_part(KEY, multipart, PartSpec(1, 5), b"four")
