"""The body of a response with an archive: what ends it, and what keeps its CRC-32 values."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from drivebay import rpc
from drivebay.contract.files import ArchiveEntry, EntryCrc, Files
from drivebay.errors import NotFound, Unavailable
from drivebay.gateway.archives.archive_stream import Admission, ArchiveStream, IncompleteArchive
from drivebay.gateway.archives.crc_states import CrcStates

from .conftest import Gateway, assert_problem
from .test_archives import create, fetch, make_tree

MANY = 100
TIMEOUT = 2.0
"""Longer than a busy machine stops a test."""
PAUSE = 0.03
"""So long that MANY blocks take more than TIMEOUT."""
NOW = datetime(2026, 11, 28, 12, 30, 44, tzinfo=UTC)


class Connection:
    """A request whose client stays connected."""

    async def receive_event(self) -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError


async def pieces(size: int) -> AsyncGenerator[bytes, None]:
    for _ in range(MANY):
        yield bytes(size)


def stream_of(size: int, check: Callable[[], Awaitable[None]]) -> ArchiveStream:
    """Return the body of MANY blocks with `size` bytes each."""
    connection: Any = Connection()
    missing: Any = rpc.unconfigured_client
    crcs = CrcStates(missing(Files, "F"), "", ())
    return ArchiveStream(connection, pieces(size), crcs, Admission(check, lambda: None, TIMEOUT))


async def read(stream: ArchiveStream) -> int:
    """Read a body with a pause after each block. Return the number of blocks."""
    count = 0
    try:
        async with asyncio.timeout(60):
            async for _ in stream:
                count += 1
                await asyncio.sleep(PAUSE)
    finally:
        await stream.close()
    return count


async def allow() -> None:
    """The archive may be read."""


async def test_a_client_that_reads_slowly_is_ended() -> None:
    with pytest.raises(IncompleteArchive):
        await read(stream_of(100, allow))
    assert await read(stream_of(100_000, allow)) == MANY


async def test_a_check_that_fails_ends_the_download() -> None:
    async def refuse() -> None:
        raise NotFound("no such archive, or it has expired")

    with pytest.raises(IncompleteArchive):
        await read(stream_of(100_000, refuse))


async def test_a_service_that_is_unavailable_ends_no_download() -> None:
    checks = 0

    async def fail() -> None:
        nonlocal checks
        checks += 1
        raise Unavailable("files does not respond")

    assert await read(stream_of(100_000, fail)) == MANY
    assert 1 <= checks < MANY


class ForgetfulArchives:
    """Keeps CRC-32 values, unless it is broken."""

    def __init__(self) -> None:
        self.broken = True
        self.calls = 0
        self.kept: list[EntryCrc] = []

    async def save_archive_crcs(self, token: str, crcs: tuple[EntryCrc, ...]) -> None:
        self.calls += 1
        if self.broken:
            raise Unavailable("files does not respond")
        self.kept += crcs


async def test_values_that_cannot_be_kept_end_no_download() -> None:
    archives: Any = ForgetfulArchives()
    entries = [ArchiveEntry(f"{number}", 1, NOW, f"owner/{number}") for number in range(1000)]
    crcs = CrcStates(archives, "token", entries)
    for index in range(500):
        crcs.add(index, 0, b"x")
    assert crcs.needs_save
    await crcs.save()
    # It is not asked again for each block.
    crcs.add(500, 0, b"x")
    assert not crcs.needs_save
    archives.broken = False
    await crcs.save()
    assert sorted(crc.position for crc in archives.kept) == list(range(501))
    assert {crc.crc32 for crc in archives.kept} == {zlib.crc32(b"x")}
    await crcs.save()
    assert archives.calls == 2


async def test_the_list_is_read_only_to_send_bytes(own: Gateway) -> None:
    user = await own.user()
    archive, other = await create(user, await make_tree(user)), await create(user, "root")
    etag = (await fetch(own, archive)).headers["etag"]
    await own.database.execute("DELETE FROM files.archive_entries")
    head = await own.http.head(archive["url"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(archive["size"]))
    assert (await fetch(own, archive, If_None_Match=etag)).status_code == 304
    assert_problem(await fetch(own, archive, Range="bytes=99999-"), 416, "range_not_satisfiable")
    assert_problem(await fetch(own, archive), 404, "not_found")
    await own.database.execute("UPDATE files.archives SET entry_count = 0")
    assert_problem(await fetch(own, other), 404, "not_found")


async def test_a_repeat_gets_the_first_answer_after_the_end_of_its_archive(own: Gateway) -> None:
    user, key = await own.user(), {"Idempotency-Key": "one"}
    first = await user.call("POST", "/v1/archives", {"ids": ["root"]}, headers=key)
    await own.database.execute("UPDATE files.archives SET expires_at = now()")
    second = await user.call("POST", "/v1/archives", {"ids": ["root"]}, headers=key)
    assert (second.status_code, second.json()) == (201, first.json())
    assert_problem(await fetch(own, first.json()), 404, "not_found")
