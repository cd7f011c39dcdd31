"""The CRC-32 values of the entries of an archive. Each value covers the bytes of the entry that were read so far.

The files service saves the values with the archive. A later request that continues an interrupted download does not
have to read the bytes before its range again.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from itertools import islice
from typing import Final

import structlog

from ...contract.files import ArchiveEntry, Archives, EntryCrc
from ...errors import Error

log = structlog.get_logger(__name__)

_SAVE_ENTRIES: Final = 500
"""The values are saved after this number of entries has changed."""
_SAVE_BYTES: Final = 64 * 2**20
"""The values are also saved after this number of bytes was read."""
_MAX_SAVED: Final = 1000
"""The maximum number of values in one call of `save_archive_crcs`."""
_SAVE_TIMEOUT: Final = 5.0
"""The maximum number of seconds for all calls of one `save`."""


class CrcStates:
    """The CRC-32 values of one archive."""

    def __init__(self, archives: Archives, token: str, entries: Sequence[ArchiveEntry]) -> None:
        self._archives = archives
        self._token = token
        self._sizes = [entry.size for entry in entries]
        self._read = [entry.crc_size for entry in entries]
        self._values = [entry.crc32 for entry in entries]
        self._unsaved: set[int] = set()
        # Counted since the last attempt to save, so that a failing service is not called again for each block.
        self._new_entries = 0
        self._new_bytes = 0

    def add(self, index: int, offset: int, body: bytes) -> None:
        """Add the bytes of an entry that begin at `offset`. Bytes that were added before, or after a gap, are
        ignored."""
        read = self._read[index]
        if not offset <= read < offset + len(body):  # guard: archive-crc-order
            return
        new = memoryview(body)[read - offset :]
        self._values[index] = zlib.crc32(new, self._values[index])
        self._read[index] += len(new)
        self._new_entries += index not in self._unsaved
        self._unsaved.add(index)
        self._new_bytes += len(new)

    def missing_from(self, index: int) -> int:
        """Return the offset of the first byte of an entry that was not added yet, or the size of a complete entry."""
        return self._read[index]

    def value(self, index: int) -> int:
        """Return the CRC-32 of an entry. Raises ValueError if some of its bytes were not added."""
        if self._read[index] != self._sizes[index]:
            raise ValueError(f"entry {index}: only {self._read[index]} of {self._sizes[index]} bytes were read")
        return self._values[index]

    @property
    def needs_save(self) -> bool:
        return self._new_entries >= _SAVE_ENTRIES or self._new_bytes >= _SAVE_BYTES

    async def save(self) -> None:
        """Save the new values with the archive. A failure is logged, and the next call tries again."""
        self._new_entries = self._new_bytes = 0
        try:
            async with asyncio.timeout(_SAVE_TIMEOUT):
                while self._unsaved:
                    await self._save_some(frozenset(islice(self._unsaved, _MAX_SAVED)))
        except (Error, TimeoutError) as error:  # guard: archive-crc-failure
            log.warning("archive_crcs_postponed", reason=str(error) or "timeout")

    async def _save_some(self, indexes: frozenset[int]) -> None:
        crcs = tuple(EntryCrc(index, self._read[index], self._values[index]) for index in indexes)
        await self._archives.save_archive_crcs(self._token, crcs)
        self._unsaved -= indexes
