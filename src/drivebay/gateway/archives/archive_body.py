"""The bytes of a ZIP file, or of a range of it, in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Final

from ...contract.files import ArchiveEntry
from ...contract.storage import Storage
from ...formats import zip_format
from ...formats.zip_layout import ZipLayout
from .crc_states import CrcStates
from .read_ahead import Piece, ReadAhead, split_pieces

_BLOCK_SIZE: Final = 64 * 2**10
"""The number of bytes up to which small parts are joined. Otherwise the header, the content and the data descriptor of
a small file would be three blocks."""


class ArchiveBody:
    """The body of one response."""

    def __init__(self, storage: Storage, layout: ZipLayout, entries: Sequence[ArchiveEntry], crcs: CrcStates) -> None:
        self._storage = storage
        self._layout = layout
        self._entries = entries
        self._crcs = crcs

    async def blocks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` up to `stop` (exclusive).

        An empty block means that bytes were read only for their CRC-32. Raises NotFound (an object does not exist any
        more), Unavailable.
        """
        buffer = bytearray()
        async with aclosing(self._parts(start, stop)) as parts:
            async for part in parts:
                if len(part) >= _BLOCK_SIZE:
                    # Send the piece without a copy, which would cost as much as reading it.
                    if buffer:
                        yield bytes(buffer)
                        buffer.clear()
                    yield part
                    continue
                if not part:
                    yield part
                    continue
                buffer += part
                if len(buffer) >= _BLOCK_SIZE:
                    yield bytes(buffer)
                    buffer.clear()
        if buffer:
            yield bytes(buffer)

    async def _parts(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the headers, pieces and end records. An empty part means that bytes were read only for their CRC-32."""
        layout = self._layout
        async with aclosing(self._entry_parts(start, stop)) as parts:
            async for part in parts:
                yield part
        indexes = layout.headers_between(start, stop)  # guard: archive-range-rows
        for index in indexes:
            async with aclosing(self._complete_crc(index)) as reads:
                async for _ in reads:
                    yield b""
            header = zip_format.central_header(layout.entries[index], self._crcs.value(index), layout.offsets[index])
            if part := _cut(header, layout.header_offsets[index], start, stop):
                yield part
        if part := _cut(layout.end_records(), layout.end_offset, start, stop):
            yield part

    async def _entry_parts(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the parts of the entries between two positions: local headers, bytes and data descriptors."""
        layout = self._layout
        read_ahead = ReadAhead(self._storage, self._pieces(start, stop))
        try:
            for index in range(layout.entry_at(start), len(layout.entries)):
                entry, begin = layout.entries[index], layout.offsets[index]
                if begin >= stop:
                    return
                if part := _cut(zip_format.local_header(entry), begin, start, stop):
                    yield part
                first, last = layout.data_range(index, start, stop)
                while first < last:
                    body = await read_ahead.read()
                    self._crcs.add(index, first, body)
                    first += len(body)
                    yield body
                end = layout.data_offset(index) + entry.size
                if end >= stop or not entry.has_descriptor:
                    continue
                async with aclosing(self._complete_crc(index)) as reads:
                    async for _ in reads:
                        yield b""
                if part := _cut(zip_format.data_descriptor(entry, self._crcs.value(index)), end, start, stop):
                    yield part
        finally:
            await read_ahead.close()

    def _pieces(self, start: int, stop: int) -> Iterator[Piece]:
        for index in range(self._layout.entry_at(start), len(self._entries)):
            if self._layout.offsets[index] >= stop:
                return
            key = self._entries[index].key
            first, last = self._layout.data_range(index, start, stop)
            if key is not None and first < last:
                yield from split_pieces(key, first, last)

    async def _complete_crc(self, index: int) -> AsyncGenerator[None, None]:
        """Read the bytes of an entry that its CRC-32 does not cover yet. Yield after each piece."""
        key, first = self._entries[index].key, self._crcs.missing_from(index)
        if key is None or first >= self._entries[index].size:
            return
        read_ahead = ReadAhead(self._storage, split_pieces(key, first, self._entries[index].size))
        try:
            while first < self._entries[index].size:
                body = await read_ahead.read()
                self._crcs.add(index, first, body)
                first += len(body)
                yield
        finally:
            await read_ahead.close()


def _cut(part: bytes, part_offset: int, start: int, stop: int) -> bytes:
    """Return the bytes of a part between the positions `start` and `stop`. The part begins at `part_offset`."""
    return part[max(0, start - part_offset) : max(0, stop - part_offset)]
