"""Versions: the contents that a file has and had. The current version is the content of the file.

Each version counts in the usage with its size, also when it shares an object with others. Old versions are deleted when
a file has too many of them, and when a certain time has passed since they were replaced.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import FileId, UserId, VersionId
from .access import Access
from .entries import Content, File


class Version(msgspec.Struct, frozen=True):
    """One content of a file. `created_by` is the user who stored it, None if that is not known.

    `sha256` is set when the store has verified it.
    """

    id: VersionId
    size: int
    content_type: str
    sha256: bytes | None
    created_at: datetime
    created_by: UserId | None
    is_current: bool


class VersionPage(msgspec.Struct, frozen=True):
    """One page of the versions of a file. `next_cursor` gets the next page and is None on the last one."""

    items: tuple[Version, ...]
    next_cursor: str | None


class Versions(Protocol):
    async def list_versions(
        self, access: Access, id: FileId, limit: int = 100, cursor: str | None = None
    ) -> VersionPage:
        """Return one page of the versions of a file, newest first. `limit` is 1 to 1,000.

        Raises NotFound (also for a folder and in the trash), InvalidRequest, InvalidCursor.
        """
        ...

    async def get_version_content(self, access: Access, id: FileId, version: VersionId) -> Content:
        """Return the content of one version of a file, as `get_content` does for the current one. Raises NotFound."""
        ...

    async def restore_version(self, access: Access, id: FileId, version: VersionId) -> File:
        """Make the content of a version the current content of its file again, as a new version, and return the file.

        No bytes are copied. The version stays. A call for the content that the file has now changes nothing, so a
        repeated call has no effect.

        Raises NotFound, QuotaExceeded.
        """
        ...

    async def delete_version(self, access: Access, id: FileId, version: VersionId) -> None:
        """Delete an old version for good. A repeat raises NotFound.

        If another version shares its object, its bytes leave the usage at once. Otherwise they leave it when the object
        is deleted.

        Raises NotFound, Conflict (it is the current version).
        """
        ...
