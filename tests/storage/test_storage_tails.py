"""Bytes that go through us: whole parts, and the tails that wait beside an upload."""

from __future__ import annotations

import hashlib

import pytest

from drivebay.contract.storage import TAILS, PartPut, Put, Tail
from drivebay.errors import InvalidRequest, NotFound
from drivebay.storage.service import Service
from drivebay.storage.tails import LARGEST

KEY = "owner/upload"
PART = 5 * 2**20


async def test_parts_that_go_through_us_become_the_object(storage: Service) -> None:
    multipart = await storage.begin_parts(Put(KEY, PART + 3, "text/plain"), True)
    bodies = (b"a" * PART, b"end")
    digests = tuple(hashlib.sha256(body).digest() for body in bodies) if multipart.checked else ()
    for number, body in enumerate(bodies, 1):
        sha256 = digests[number - 1] if digests else None
        await storage.write_part(KEY, multipart, PartPut(number, len(body), sha256), body)
    await storage.assemble(KEY, multipart.id, (PART, 3), digests)
    (found,) = await storage.look_up((KEY,))
    assert found.size == PART + 3
    with pytest.raises(NotFound):
        await storage.write_part(KEY, multipart, PartPut(2, 3, digests[1] if digests else None), b"end")


async def test_of_a_part_the_longest_tail_counts_whoever_wrote_last(storage: Service) -> None:
    assert await storage.tails(KEY) == ()
    await storage.write_tail(KEY, 10, b"x")
    await storage.write_tail(KEY, 2, b"longer")
    await storage.write_tail(KEY, 2, b"long")
    assert await storage.tails(KEY) == (Tail(2, 6), Tail(10, 1))
    assert await storage.tail(KEY, Tail(2, 6)) == b"longer"
    with pytest.raises(NotFound):
        await storage.tail(KEY, Tail(2, 5))
    # What comes after it needs no more of what was before.
    await storage.write_tail(KEY, 3, b"next")
    assert await storage.tails(KEY) == (Tail(3, 4), Tail(10, 1))


async def test_tails_go_up_to_a_number_and_are_no_objects_of_the_listing(storage: Service) -> None:
    for number in (3, 2, 1):
        await storage.write_tail(KEY, number, b"tail")
    await storage.write_tail("owner/upload-of-another", 1, b"other")
    assert (await storage.page(None, 10)).objects == ()
    for _ in range(2):
        await storage.delete_tails(KEY, 2)
    assert await storage.tails(KEY) == (Tail(3, 4),)
    assert await storage.tails("owner/upload-of-another") == (Tail(1, 5),)


async def test_what_somebody_else_put_among_tails_is_none(storage: Service) -> None:
    await storage.write_tail(KEY, 1, b"tail")
    await storage.write_tail(f"{KEY}/1", 1, b"deeper")
    assert await storage.tails(KEY) == (Tail(1, 4),)
    assert TAILS.startswith(".")


@pytest.mark.parametrize("size", [0, LARGEST + 1])
async def test_a_tail_has_a_byte_and_fits_into_a_message(storage: Service, size: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.write_tail(KEY, 1, b"x" * size)


@pytest.mark.parametrize("number", [0, 10_001])
async def test_a_part_that_no_store_has_is_refused(storage: Service, number: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.write_tail(KEY, number, b"x")
    with pytest.raises(InvalidRequest):
        await storage.delete_tails(KEY, number)


async def test_a_part_of_another_length_than_told_is_refused(storage: Service) -> None:
    multipart = await storage.begin_parts(Put(KEY, 5, "text/plain"), False)
    with pytest.raises(InvalidRequest):
        await storage.write_part(KEY, multipart, PartPut(1, 5), b"four")
