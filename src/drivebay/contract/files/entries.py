"""Entries (files and folders), the calls about entries outside the trash, and the usage of their drive."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

import msgspec

from ..ids import DriveId, FileId, UserId, VersionId
from .access import Access
from .uploads import OnConflict

NO_DRIVE: Final = DriveId(UUID(int=0))
"""The drive of an entry from a service of another release that does not send the drive."""


HIDDEN_FOLDER: Final = FileId(UUID(int=2**128 - 1))
"""The `parent` of an item that is shared without its folder: the access does not reach the folder."""


class Kind(StrEnum):
    """The two kinds of entries."""

    FILE = "file"
    FOLDER = "folder"


class Sort(StrEnum):
    """The order of a list."""

    NAME = "name"
    MODIFIED = "modified"
    CREATED = "created"
    SIZE = "size"


class File(msgspec.Struct, frozen=True):
    """An entry: a file or a folder. The HTTP API calls both a file. `kind` is the kind of the entry.

    A folder has the size 0, an empty `content_type` and no `sha256`. `etag` is a strong entity tag (RFC 9110) with its
    quotes. Every change of the entry changes the `etag`. `trashed_at` and `purge_after` are set in the trash. From
    `purge_after` on, the entry may be purged. `part_size` and `parts_sha256` are described at `Content`. Only
    `get_file` sets them.

    `parent` is the folder that contains the entry, or HIDDEN_FOLDER. `drive` is the drive of the entry. `version` is
    the current version of a file. `properties` are names and values, both text, that clients store with the entry.
    `modified_at` is the modification time at the client. A rename, a move and other changes of the entry do not change
    it. `created_by` and `modified_by` are the users who created it and changed it last, or None if unknown.
    """

    id: FileId
    kind: Kind
    name: str
    parent: FileId
    size: int
    content_type: str
    sha256: bytes | None
    etag: str
    created_at: datetime
    modified_at: datetime
    trashed_at: datetime | None = None
    purge_after: datetime | None = None
    part_size: int | None = None
    parts_sha256: bytes | None = None
    drive: DriveId = NO_DRIVE
    version: VersionId | None = None
    starred: bool = False
    properties: dict[str, str] = {}
    created_by: UserId | None = None
    modified_by: UserId | None = None


class Content(msgspec.Struct, frozen=True):
    """The object of a file's current version. `key` is its key in the store.

    `sha256` is the digest of all bytes, 32 raw bytes. `parts_sha256` is set for an upload in parts whose checksums the
    store verified. It is the SHA-256 of the concatenated SHA-256 digests of all parts of `part_size` bytes.

    `etag` is the store's entity tag of the bytes, without quotes. It is empty if the service is of an earlier release
    that does not send it. The bytes under a key never change, so a URL of this key never mixes two versions.
    """

    key: str
    name: str
    content_type: str
    size: int
    sha256: bytes | None = None
    part_size: int | None = None
    parts_sha256: bytes | None = None
    etag: str = ""


class ContentResult(msgspec.Struct, frozen=True):
    """The result of `get_contents` for one file. `content` is None if there is no such file."""

    content: Content | None = None


class Listing(msgspec.Struct, frozen=True):
    """A query for entries and their order.

    `parent` is the folder to list. If it is None, all files of the drive are listed. `limit` is 1 to 1,000. `cursor`
    continues a list whose other fields are equal. `name` finds the entry with this name in the folder `parent`, and
    cannot be combined with `cursor`. `starred` True lists only entries with a star, and False only entries without a
    star. Without a `parent`, `starred` True lists folders too.
    """

    parent: FileId | None = None
    sort: Sort = Sort.CREATED
    descending: bool = True
    limit: int = 100
    cursor: str | None = None
    name: str | None = None
    starred: bool | None = None


class FilePage(msgspec.Struct, frozen=True):
    """One page of entries. `next_cursor` gets the next page and is None on the last page.

    `changes_cursor` is the cursor of the change feed at the time of the page. The changes after this cursor are exactly
    those that the page does not show yet. Only `list_files` sets it, and not for an access with grants.
    """

    items: tuple[File, ...]
    next_cursor: str | None
    changes_cursor: str | None = None


class EntryUpdate(msgspec.Struct, frozen=True):
    """New values of an entry. A field that is None stays unchanged.

    `on_conflict` is the rule for a name that is taken in the folder. `properties` are added, or replace properties with
    the same names. The properties whose names are in `removed_properties` are removed first.
    """

    name: str | None = None
    parent: FileId | None = None
    on_conflict: OnConflict = OnConflict.FAIL
    modified_at: datetime | None = None
    starred: bool | None = None
    properties: dict[str, str] = {}
    removed_properties: tuple[str, ...] = ()


class Usage(msgspec.Struct, frozen=True):
    """The usage of a drive's quota.

    `used_bytes` are the bytes of stored versions, also of those in the trash. `reserved_bytes` are the bytes reserved
    for pending uploads. `limit_bytes` is the quota. `file_count` is the number of files outside the trash. It may
    include the files of a large folder for some seconds after the folder was trashed.
    """

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    file_count: int


class Entries(Protocol):
    async def list_files(self, access: Access, listing: Listing) -> FilePage:
        """Return one page of entries. An access with grants needs a `parent`.

        Without a `parent`, a page that has a `next_cursor` may have fewer files than its limit, or no files, because
        folders in the trash may hide very many files.

        Raises NotFound (the parent), Forbidden (the access does not reach the whole drive), InvalidRequest,
        InvalidCursor.
        """
        ...

    async def get_file(self, access: Access, id: FileId) -> File:
        """Return a file or folder that is not in the trash. Raises NotFound."""
        ...

    async def get_content(self, access: Access, id: FileId) -> Content:
        """Return the content of a file. Raises NotFound, also for a folder and for an entry in the trash."""
        ...

    async def get_contents(self, access: Access, ids: tuple[FileId, ...]) -> tuple[ContentResult, ...]:
        """Return the contents of 1 to 100 files, as `get_content` does for one file. Raises InvalidRequest."""
        ...

    async def create_folder(
        self, access: Access, parent: FileId, name: str, idempotency_key: str | None = None
    ) -> File:
        """Create a folder and return it.

        A repeat with the same `idempotency_key` within 24 hours returns the first result.

        Raises NotFound (the parent), NameTaken, InvalidRequest (the name is invalid, or folders are nested too deeply),
        QuotaExceeded (the drive has too many entries), IdempotencyKeyReused, InProgress.
        """
        ...

    async def update_entry(self, access: Access, id: FileId, update: EntryUpdate, if_match: str | None = None) -> File:
        """Rename an entry, move it, or change its other values, and return it. Objects in the store do not change.

        If `if_match` is given, it must be the current entity tag of the entry.

        With `OnConflict.REPLACE`, a file whose new name is the name of another file becomes a new version of that
        file: the call returns the other file, and the entry `id` no longer exists. A folder is never replaced, and
        replaces nothing. An item that is shared without its folder replaces nothing.

        `modified_at` must be from 1970 to one day after now. An entry has at most 50 properties, whose names and values
        have at most 4,096 bytes of UTF-8 together.

        Raises NotFound (the entry or the new parent), Forbidden (a move of an item that is shared without its folder),
        NameTaken, WouldCycle (a folder would be inside itself), InvalidRequest (folders would be nested too deeply, or
        a value is invalid), PreconditionFailed.
        """
        ...

    async def get_usage(self, access: Access) -> Usage:
        """Return the usage of a drive. A drive without data has 0 bytes and 0 files.

        Raises Forbidden (an access with grants).
        """
        ...
