"""JSON types of versions."""

from __future__ import annotations

from uuid import UUID

import msgspec

from ...contract import files
from ..json_types import Time


class Version(msgspec.Struct):
    """One content of a file. `sha256` is null if the store has not verified it. `created_by` is the id of a user, or
    null."""

    id: UUID
    size: int
    content_type: str
    sha256: bytes | None
    created_at: Time
    created_by: UUID | None
    current: bool


class VersionList(msgspec.Struct):
    items: list[Version]
    next_cursor: str | None


def version_list_view(page: files.VersionPage) -> VersionList:
    return VersionList([_version_view(version) for version in page.items], page.next_cursor)


def _version_view(version: files.Version) -> Version:
    return Version(
        version.id,
        version.size,
        version.content_type,
        version.sha256,
        version.created_at,
        version.created_by,
        version.is_current,
    )
