"""The positions in a ZIP file. They depend only on names and sizes, so they are the same for every request."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from . import zip_format
from .zip_format import ZipEntry


class ZipMeasure:
    """Computes the length of a ZIP file without keeping its entries."""

    def __init__(self) -> None:
        self._count = 0
        self._offset = 0
        self._directory_size = 0

    def add(self, entry: ZipEntry) -> None:
        """Add the next entry."""
        self._directory_size += len(zip_format.central_header(entry, 0, self._offset))
        self._offset += zip_format.local_length(entry) + entry.size + zip_format.descriptor_length(entry)
        self._count += 1

    @property
    def size(self) -> int:
        """The length in bytes of a ZIP file with the entries that were added."""
        records = zip_format.end_records(self._count, self._directory_size, self._offset)
        return self._offset + self._directory_size + len(records)


class ZipLayout:
    """The layout of a ZIP file. `size` is its length in bytes."""

    def __init__(self, entries: Sequence[ZipEntry]) -> None:
        self.entries = entries
        lengths = (
            zip_format.local_length(entry) + entry.size + zip_format.descriptor_length(entry) for entry in entries
        )
        *self.offsets, self.directory_offset = accumulate(lengths, initial=0)
        # The length of a central header does not depend on its CRC-32.
        header_lengths = (
            len(zip_format.central_header(entry, 0, offset))
            for entry, offset in zip(entries, self.offsets, strict=True)
        )
        *self.header_offsets, self.end_offset = accumulate(header_lengths, initial=self.directory_offset)
        self.size = self.end_offset + len(self.end_records())

    def entry_at(self, position: int) -> int:
        """Return the index of the entry that has the byte at `position`, or the number of entries if no entry has this
        byte."""
        if position >= self.directory_offset:
            return len(self.entries)
        return bisect_right(self.offsets, position) - 1

    def headers_between(self, start: int, stop: int) -> range:
        """Return the indexes of the entries whose central header has bytes between two positions."""
        if start >= self.end_offset:
            return range(0)
        return range(max(0, bisect_right(self.header_offsets, start) - 1), bisect_left(self.header_offsets, stop))

    def data_offset(self, index: int) -> int:
        """Return the position at which the bytes of an entry begin."""
        return self.offsets[index] + zip_format.local_length(self.entries[index])

    def data_range(self, index: int, start: int, stop: int) -> tuple[int, int]:
        """Return which bytes of an entry are between two positions of the ZIP file.

        The result is the first of these bytes and the end (exclusive), counted from the beginning of the entry.
        """
        begin, size = self.data_offset(index), self.entries[index].size
        return max(0, min(start - begin, size)), max(0, min(stop - begin, size))

    def end_records(self) -> bytes:
        """Return the records at the end of the file, after the central directory."""
        directory_size = self.end_offset - self.directory_offset
        return zip_format.end_records(len(self.entries), directory_size, self.directory_offset)
