"""Archives: files and folders that a client downloads as one ZIP file.

An archive is a list of entries and their objects, as they were when the archive was created. While a client downloads
the archive, the gateway makes the ZIP file from the list and the objects.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import FileId, UserId
from .access import Access


class Archive(msgspec.Struct, frozen=True):
    """An archive. `token` opens the archive without a login until `expires_at`. `name` ends with `.zip`.

    `actor` is the user who created the archive, or None for the holder of a link. `size` is the length of the ZIP file
    in bytes.
    """

    token: str
    name: str
    actor: UserId | None
    entry_count: int
    expires_at: datetime
    size: int = 0


class ArchiveEntry(msgspec.Struct, frozen=True):
    """An entry of an archive. `path` has a slash between names, and a slash at its end if the entry is a folder.

    `size` is in bytes. `key` is the key of the object, or None for a folder. `crc32` is the CRC-32 of the first
    `crc_size` bytes.
    """

    path: str
    size: int
    modified_at: datetime
    key: str | None = None
    crc_size: int = 0
    crc32: int = 0


class ArchivePage(msgspec.Struct, frozen=True):
    """An archive and some of its entries, in the order of their positions. The first position is 0."""

    archive: Archive
    entries: tuple[ArchiveEntry, ...]


class EntryCrc(msgspec.Struct, frozen=True):
    """The CRC-32 of the first `size` bytes of the entry at `position`."""

    position: int
    size: int
    crc32: int


class Archives(Protocol):
    async def create_archive(
        self, access: Access, ids: tuple[FileId, ...], name: str | None = None, idempotency_key: str | None = None
    ) -> Archive:
        """Create an archive of 1 to 1,000 files and folders, with everything below the folders, and return it.

        The root means everything in it. A repeated id counts once. Paths are unique without regard to case: an entry
        whose path is taken gets a number in its name. Characters that Windows refuses in names become `_`, and a device
        name of Windows gets a `_` (`aux_.txt`). The default of `name` is the name of the entry if `ids` has only one,
        and `files` otherwise. An archive has at most 10,000 entries.

        A repeat with the same `idempotency_key` within 24 hours returns the first result, also when that archive has
        expired. In that case, `open_archive` raises NotFound.

        Raises NotFound (one of the ids), InvalidRequest (the number of ids, the name, or too many entries), RateLimited
        (the unexpired archives of the actor have too many entries together), IdempotencyKeyReused, InProgress.
        """
        ...

    async def open_archive(self, token: str, after: int = 0, limit: int = 1000) -> ArchivePage:
        """Return an archive and up to `limit` (1 to 1,000) of its entries from the position `after` on.

        The access of its creator is checked again in each call. An archive of a link ends when the link is deleted,
        expires or gets another password, and when a later download is the last download of the link.

        Raises NotFound (the token is wrong, the archive has expired, or its creator has lost the access to one of the
        chosen items), InvalidRequest.
        """
        ...

    async def save_archive_crcs(self, token: str, crcs: tuple[EntryCrc, ...]) -> None:
        """Save CRC-32 values of up to 1,000 entries. A value of fewer bytes than the saved value is ignored.

        The caller has computed the values from the objects. A value of all bytes of a file is saved with its object
        too, for later archives with this content, unless another transaction holds the lock of the drive. The call is
        idempotent. Raises NotFound, InvalidRequest.
        """
        ...

    async def delete_expired_archives(self, limit: int) -> int:
        """Delete up to `limit` (1 to 1,000) archives that have expired, and return their number.

        Raises InvalidRequest.
        """
        ...
