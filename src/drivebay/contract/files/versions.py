"""Versions: the content that a file has now (the current version), and its earlier contents (old versions).

Each version counts in the usage with its size, also if it shares an object with others. The oldest versions of a file
are deleted if there are too many, and each old version some time after it was replaced.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import FileId, UserId, VersionId
from .access import Access
from .entries import Content, File


class Version(msgspec.Struct, frozen=True):
    """One content of a file. `created_by` is the user who stored the content, or None if unknown.

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
    """One page of the versions of a file. `next_cursor` gets the next page and is None on the last page."""

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
        """Return the content of one version of a file, as `get_content` does for the current version. Raises
        NotFound."""
        ...

    async def restore_version(self, access: Access, id: FileId, version: VersionId) -> File:
        """Make the content of a version the current content of its file again, as a new version, and return the file.

        No bytes are copied, and `version` is kept. If the file has this content already, nothing changes, so a repeated
        call has no effect.

        Raises NotFound, QuotaExceeded.
        """
        ...

    async def delete_version(self, access: Access, id: FileId, version: VersionId) -> None:
        """Delete an old version for good. A repeat raises NotFound.

        If another version shares the object, the usage gets smaller at once. Otherwise the bytes count in the usage
        until the object is deleted.

        Raises NotFound, Conflict (it is the current version).
        """
        ...
