"""The bytes of a ZIP file: every range of a small one, and the fields of very large ones."""

from __future__ import annotations

import asyncio
import io
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from drivebay import rpc
from drivebay.contract.files import ArchiveEntry, Files
from drivebay.contract.storage import Storage
from drivebay.formats import zip_format
from drivebay.formats.zip_format import ZipEntry
from drivebay.formats.zip_layout import ZipLayout, ZipMeasure
from drivebay.gateway.archives.archive_body import ArchiveBody
from drivebay.gateway.archives.crc_states import CrcStates
from drivebay.gateway.archives.read_ahead import BLOCK_SIZE, MAX_BYTES, PIECE_SIZE, ReadAhead, split_pieces
from drivebay.storage import service, settings
from drivebay.testing.memory import MemoryBucket

NOW = datetime(2026, 11, 28, 12, 30, 44, tzinfo=UTC)
FILES = {"a.txt": b"hello", "b/": None, "b/c.txt": b"", "b/ü.txt": b"world!", "z": b"x"}


async def open_storage(objects: dict[str, bytes]) -> Storage:
    bucket = MemoryBucket(lambda: datetime.now(UTC))
    for key, body in objects.items():
        bucket.put(key, body)
    storage = service.Service(bucket, settings.Settings("memory:", "", ""), lambda: datetime.now(UTC), uuid7)
    await storage.start()
    return storage


def small_archive() -> list[ArchiveEntry]:
    return [
        ArchiveEntry(path, len(body or b""), NOW, None if body is None else f"owner/{path}")
        for path, body in FILES.items()
    ]


async def read(storage: Storage, entries: Sequence[ArchiveEntry], start: int, stop: int) -> bytes:
    """Return a range of an archive whose CRC-32 values are not known."""
    layout = ZipLayout([ZipEntry(entry.path.encode(), entry.size, entry.modified_at) for entry in entries])
    missing: Any = rpc.unconfigured_client
    body = ArchiveBody(storage, layout, entries, CrcStates(missing(Files, "F"), "", entries))
    return b"".join([block async for block in body.blocks(start, stop)])


async def test_every_range_has_the_bytes_of_the_whole() -> None:
    storage = await open_storage({f"owner/{path}": body for path, body in FILES.items() if body is not None})
    entries = small_archive()
    layout = ZipLayout([ZipEntry(entry.path.encode(), entry.size, entry.modified_at) for entry in entries])
    whole = await read(storage, entries, 0, layout.size)
    assert len(whole) == layout.size
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert opened.testzip() is None
        assert {info.filename: opened.read(info) for info in opened.infolist()} == {
            path: body or b"" for path, body in FILES.items()
        }
        assert {info.date_time for info in opened.infolist()} == {(2026, 11, 28, 12, 30, 44)}
    for start in range(layout.size):
        assert await read(storage, entries, start, layout.size) == whole[start:], start
    edges = {0, layout.directory_offset, layout.size}
    for index, entry in enumerate(entries):
        end = layout.data_offset(index) + entry.size
        edges |= {layout.offsets[index], layout.data_offset(index), end}
    edges |= {whole.index(b"PK\1\2", layout.directory_offset + n) for n in (0, 1)} | {whole.index(b"PK\5\6")}
    places = sorted({at + by for at in edges for by in (-1, 0, 1) if 0 <= at + by <= layout.size})
    for start in places:
        for stop in places:
            if start < stop:
                assert await read(storage, entries, start, stop) == whole[start:stop], (start, stop)


async def test_a_range_reads_only_the_entries_of_its_rows() -> None:
    entries = [ArchiveEntry(f"{number}.bin", 9, NOW, f"owner/{number}") for number in range(5)]
    layout = ZipLayout([ZipEntry(entry.path.encode(), entry.size, entry.modified_at) for entry in entries])
    counting: Any = CountingStorage()
    assert len(await read(counting, entries, layout.size - 22, layout.size)) == 22
    assert counting.calls == 0
    second, third = layout.header_offsets[1:3]
    assert len(await read(counting, entries, second, third)) == third - second
    assert counting.calls == 1


class SparseFile(io.RawIOBase):
    """A file of zeros with some parts at their places."""

    def __init__(self, parts: dict[int, bytes], size: int) -> None:
        self._parts = parts
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, size: int = -1) -> bytes:
        stop = self._size if size < 0 else min(self._size, self._position + size)
        out = bytearray(max(0, stop - self._position))
        for begin, part in self._parts.items():
            first, last = max(begin, self._position), min(begin + len(part), stop)
            if first < last:
                out[first - self._position : last - self._position] = part[first - begin : last - begin]
        self._position = stop
        return bytes(out)


@pytest.mark.parametrize(
    "sizes",
    [(5 * 2**30, 3, 6 * 2**40), (2**32 - 1, 1), (2**32 - 2, 1), (1,) * 70_000, (3 * 2**30, 3 * 2**30, 7)],
    ids=["large files", "limit", "below the limit", "many files", "large offset"],
)
def test_large_archives_have_zip64_fields(sizes: tuple[int, ...]) -> None:
    entries = [ZipEntry(f"f{number}".encode(), size, NOW) for number, size in enumerate(sizes)]
    layout, measure = ZipLayout(entries), ZipMeasure()
    for entry in entries:
        measure.add(entry)
    assert measure.size == layout.size
    shown = min(3, len(entries))
    parts = {layout.offsets[index]: zip_format.local_header(entries[index]) for index in range(shown)}
    rows = [zip_format.central_header(entry, 7, offset) for entry, offset in zip(entries, layout.offsets, strict=True)]
    parts[layout.directory_offset] = b"".join(rows) + layout.end_records()
    opened = zipfile.ZipFile(SparseFile(parts, layout.size))
    found = opened.infolist()
    assert [(info.filename, info.file_size, info.header_offset) for info in found] == [
        (entry.name.decode(), entry.size, offset) for entry, offset in zip(entries, layout.offsets, strict=True)
    ]
    for info in found[:shown]:
        opened.open(info).close()  # compares the local header


@pytest.mark.parametrize("year", [1, 1969, 1979, 1980, 2037, 2038, 2107, 2108, 9999])
def test_every_time_has_a_header(year: int) -> None:
    entry = ZipEntry(b"a", 1, datetime(year, 6, 1, 1, 2, 3, tzinfo=UTC))
    header, row = zip_format.local_header(entry), zip_format.central_header(entry, zlib.crc32(b"a"), 0)
    assert len(header) == zip_format.local_length(entry)
    data = header + b"a" + zip_format.data_descriptor(entry, zlib.crc32(b"a"))
    with zipfile.ZipFile(io.BytesIO(data + row + zip_format.end_records(1, len(row), len(data)))) as opened:
        assert opened.read("a") == b"a"
        assert opened.infolist()[0].date_time[0] == min(max(year, 1980), 2107)


class CountingStorage:
    """Counts the bytes that are read and not yet taken."""

    def __init__(self) -> None:
        self.bytes = 0
        self.most = 0
        self.calls = 0
        self.offsets: list[int] = []
        self.ended = 0

    async def read_object(self, key: str, offset: int, length: int) -> bytes:
        self.calls += 1
        self.offsets.append(offset)
        self.bytes += length
        self.most = max(self.most, self.bytes)
        try:
            await asyncio.sleep(0)
            return bytes(length)
        finally:
            self.ended += 1


async def test_reading_ahead_keeps_a_bounded_number_of_bytes() -> None:
    counting: Any = CountingStorage()
    ahead = ReadAhead(counting, split_pieces("key", 5, 20 * PIECE_SIZE))
    taken = 0
    while taken < 20 * PIECE_SIZE - 5:
        body = await ahead.read()
        assert len(body) <= BLOCK_SIZE
        counting.bytes -= len(body)
        taken += len(body)
        await asyncio.sleep(0)
    assert counting.most <= MAX_BYTES
    assert counting.offsets == [5, *range(PIECE_SIZE, 20 * PIECE_SIZE, PIECE_SIZE)]
    small: Any = CountingStorage()
    ahead = ReadAhead(small, (piece for key in "abcdefghijklmnopqrst" for piece in split_pieces(key, 0, 10)))
    assert await ahead.read() == bytes(10)
    assert small.calls <= 8
    await ahead.close()
    assert small.ended == small.calls
