"""The parts of a ZIP file around the bytes of its entries (PKWARE APPNOTE 6.3).

Entries are not compressed, so the length of the file can be computed from names and sizes. The CRC-32 of an entry
follows its bytes, because it is not known before they have been read.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Final, NamedTuple

_MAX_32: Final = 0xFFFFFFFF
_MAX_16: Final = 0xFFFF
_UTF8_NAME: Final = 0x800
_CRC_FOLLOWS: Final = 0x8
_VERSION: Final = 20
_ZIP64_VERSION: Final = 45
_MADE_ON_UNIX: Final = 3 << 8
_FILE_MODE: Final = 0o100644 << 16
_FOLDER_MODE: Final = (0o40755 << 16) | 0x10  # the last bit is the folder flag of MS-DOS

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_LOCAL_ZIP64: Final = struct.Struct("<2H2Q")
_DESCRIPTOR: Final = struct.Struct("<4s3I")
_DESCRIPTOR_ZIP64: Final = struct.Struct("<4sI2Q")
_TIME: Final = struct.Struct("<2HBi")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END_ZIP64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR: Final = struct.Struct("<4sIQI")
_END: Final = struct.Struct("<4s4H2IH")


class ZipEntry(NamedTuple):
    """A file or a folder in a ZIP file. `name` is a path in UTF-8. The path of a folder ends with a slash."""

    name: bytes
    size: int
    modified_at: datetime

    @property
    def has_descriptor(self) -> bool:
        """Whether a data descriptor with the CRC-32 follows the bytes. Without bytes the CRC-32 is 0."""
        return self.size > 0

    @property
    def is_large(self) -> bool:
        """Whether the size needs ZIP64."""
        return self.size >= _MAX_32


def local_length(entry: ZipEntry) -> int:
    """Return the length of the local header in bytes."""
    return _LOCAL.size + len(entry.name) + len(_time_field(entry)) + (_LOCAL_ZIP64.size if entry.is_large else 0)


def descriptor_length(entry: ZipEntry) -> int:
    """Return the length of the data descriptor in bytes, or 0 if there is none."""
    if not entry.has_descriptor:
        return 0
    return (_DESCRIPTOR_ZIP64 if entry.is_large else _DESCRIPTOR).size


def local_header(entry: ZipEntry) -> bytes:
    """Return the local header of an entry, which precedes its bytes."""
    extra = _time_field(entry)
    size = 0  # the data descriptor has it
    if entry.is_large:
        extra += _LOCAL_ZIP64.pack(1, 16, 0, 0)
        size = _MAX_32
    fixed = _LOCAL.pack(
        b"PK\3\4",
        _needed_version(entry),
        _flags(entry),
        0,
        *_dos_time(entry),
        0,
        size,
        size,
        len(entry.name),
        len(extra),
    )
    return fixed + entry.name + extra


def data_descriptor(entry: ZipEntry, crc32: int) -> bytes:
    """Return the data descriptor, which follows the bytes of an entry. It is empty if the entry has no bytes."""
    if not entry.has_descriptor:
        return b""
    layout = _DESCRIPTOR_ZIP64 if entry.is_large else _DESCRIPTOR
    return layout.pack(b"PK\7\10", crc32, entry.size, entry.size)


def central_header(entry: ZipEntry, crc32: int, offset: int) -> bytes:
    """Return the row of an entry in the central directory. `offset` is the position of its local header."""
    size, position = entry.size, offset
    wide = b""
    if entry.is_large:
        wide += struct.pack("<2Q", size, size)
        size = _MAX_32
    if offset >= _MAX_32:
        wide += struct.pack("<Q", offset)
        position = _MAX_32
    extra = _time_field(entry) + (struct.pack("<2H", 1, len(wide)) + wide if wide else b"")
    version = _ZIP64_VERSION if wide else _VERSION
    mode = _FOLDER_MODE if entry.name.endswith(b"/") else _FILE_MODE
    fixed = _CENTRAL.pack(
        b"PK\1\2", _MADE_ON_UNIX | version, version, _flags(entry), 0, *_dos_time(entry), crc32, size, size,
        len(entry.name), len(extra), 0, 0, 0, mode, position,
    )  # fmt: skip
    return fixed + entry.name + extra


def end_records(count: int, directory_size: int, directory_offset: int) -> bytes:
    """Return the records at the end of the file, after the central directory of `count` entries."""
    records = b""
    if count >= _MAX_16 or directory_size >= _MAX_32 or directory_offset >= _MAX_32:
        records = _END_ZIP64.pack(
            b"PK\6\6", _END_ZIP64.size - 12, _MADE_ON_UNIX | _ZIP64_VERSION, _ZIP64_VERSION, 0, 0,
            count, count, directory_size, directory_offset,
        )  # fmt: skip
        records += _LOCATOR.pack(b"PK\6\7", 0, directory_offset + directory_size, 1)
    number = min(count, _MAX_16)
    places = (min(directory_size, _MAX_32), min(directory_offset, _MAX_32))
    return records + _END.pack(b"PK\5\6", 0, 0, number, number, *places, 0)


def _needed_version(entry: ZipEntry) -> int:
    return _ZIP64_VERSION if entry.is_large else _VERSION


def _flags(entry: ZipEntry) -> int:
    return _UTF8_NAME | (_CRC_FOLLOWS if entry.has_descriptor else 0)


def _dos_time(entry: ZipEntry) -> tuple[int, int]:
    """Return time and date in the format of MS-DOS, in UTC. Years are limited to 1980 to 2107."""
    time = entry.modified_at.astimezone(UTC)
    if time.year < 1980:
        return 0, (1 << 5) | 1
    if time.year > 2107:
        return 0xBF7D, 0xFF9F
    clock = time.hour << 11 | time.minute << 5 | time.second // 2
    return clock, (time.year - 1980) << 9 | time.month << 5 | time.day


def _time_field(entry: ZipEntry) -> bytes:
    """Return the extra field with the exact time, or nothing if it does not fit into 32 bits."""
    seconds = int(entry.modified_at.timestamp())
    return _TIME.pack(0x5455, 5, 1, seconds) if 0 <= seconds < 2**31 else b""
