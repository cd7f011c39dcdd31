"""JSON types of files, folders and downloads."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...contract import files
from ...contract.storage import Disposition, SignedRequest
from ..json_types import PATH_PATTERN, FolderId, Id, ModifiedAt, Name, Time, parent_id
from ..uploads.views import ItemProblem

FOLDER_TYPE: Final = "inode/directory"
FolderPath: TypeAlias = Annotated[
    str,
    Meta(
        description="names from the root down",
        examples=["/reports/2026"],
        extra_json_schema={"minLength": 2, "pattern": PATH_PATTERN},
    ),
]
PropertyValue: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": "^[^\\x00]*$"})]
NewProperties: TypeAlias = Annotated[
    dict[str, PropertyValue | None],
    Meta(extra_json_schema={"maxProperties": 50, "propertyNames": {"minLength": 1, "pattern": "^[^\\x00]+$"}}),
]


class DownloadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Files to download.

    `inline` has an effect only for content types without active content (no HTML, SVG or scripts).
    """

    ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]
    disposition: Disposition = Disposition.ATTACHMENT


class NewFolder(msgspec.Struct, forbid_unknown_fields=True):
    """A folder to create: either its `name`, with the folder that it is in, or its `path`.

    With a `path`, missing folders above it are created too, and a folder that exists is returned.
    """

    name: Name | UnsetType = UNSET
    parent_id: FolderId | UnsetType = UNSET
    path: FolderPath | UnsetType = UNSET


class EntryUpdate(msgspec.Struct, forbid_unknown_fields=True):  # guard: entry-change-unknown-fields
    """An update of a file or a folder. A field that is missing stays unchanged.

    `on_conflict` is the rule for a name that is taken. With `replace`, the file becomes a new version of the file that
    has the name, and the response is that file. A folder is never replaced. `properties` are added to the properties of
    the file. The value null removes a property. A file has at most 50 properties, with at most 4,096 bytes of UTF-8
    together.
    """

    name: Name | UnsetType = UNSET
    parent_id: FolderId | UnsetType = UNSET
    on_conflict: files.OnConflict = files.OnConflict.FAIL
    modified_at: ModifiedAt | UnsetType = UNSET
    starred: bool | UnsetType = UNSET
    properties: NewProperties | UnsetType = UNSET


class Restoration(msgspec.Struct, forbid_unknown_fields=True):
    """The folder to restore an entry to (default: its old folder), and the rule for a name that is taken there."""

    parent_id: FolderId | UnsetType = UNSET
    on_conflict: files.OnConflict = files.OnConflict.RENAME


class MoveRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Files and folders to move to a folder."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]
    parent_id: FolderId
    on_conflict: files.OnConflict = files.OnConflict.FAIL


class NewCopy(msgspec.Struct, forbid_unknown_fields=True):
    """The folder to copy a file or folder to.

    `name` is by default the name of the original. `on_conflict` is the rule for a name that is taken. With `replace`,
    the content becomes a new version of the file that has the name, and the response is that file. A folder is never
    replaced. `drive_id` is the drive that gets the copy, by default the drive of the original. If it is another drive,
    the store copies the bytes, and the response for a large file or a folder is 202 with a job. The caller must be able
    to read the original, and to change the folder in the other drive.
    """

    parent_id: FolderId
    name: Name | UnsetType = UNSET
    on_conflict: files.OnConflict = files.OnConflict.RENAME
    drive_id: Id | UnsetType = UNSET


class CopyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Files and folders to copy to a folder."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]
    parent_id: FolderId
    on_conflict: files.OnConflict = files.OnConflict.RENAME


class FileIds(msgspec.Struct, forbid_unknown_fields=True):
    ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]


class File(msgspec.Struct):
    """A file or a folder. `sha256` is null when it is not known. Send `etag` as `If-Match`. `modified_at` is the
    modification time of the file at the client. `parent_id` is null for an item that is shared with the caller without
    its folder. `created_by` and `modified_by` are the ids of users, or null.

    A file that was uploaded in checksummed parts also has `part_size` and `parts_sha256`, as in `Download`, when it
    is fetched by its id. Only `/v1/shared-with-me` shows `role` and the fields that begin with `shared_`.
    """

    id: UUID
    drive_id: UUID
    kind: files.Kind
    name: str
    parent_id: FolderId | None
    size: int
    content_type: str
    sha256: bytes | None
    etag: str
    version_id: UUID | None
    starred: bool
    properties: dict[str, str]
    created_at: Time
    modified_at: Time
    created_by: UUID | None
    modified_by: UUID | None
    trashed_at: Time | None
    purge_after: Annotated[Time | UnsetType, Meta(description="in the trash: restorable until then")] = UNSET
    part_size: int | UnsetType = UNSET
    parts_sha256: bytes | UnsetType = UNSET
    role: Annotated[files.Role | UnsetType, Meta(description="the role of the caller")] = UNSET
    shared_by: Annotated[UUID | UnsetType | None, Meta(description="the user who shared it")] = UNSET
    shared_by_email: Annotated[str | UnsetType | None, Meta(description="null if the account no longer exists")] = UNSET
    shared_by_name: Annotated[str | UnsetType | None, Meta(description="their display name")] = UNSET
    shared_at: Time | UnsetType = UNSET


class FileList(msgspec.Struct):
    items: list[File]
    next_cursor: str | None


class FileListing(msgspec.Struct):
    """A page of files. `changes_cursor` is the cursor of `/v1/changes` at the time of the page. A client that lists
    several pages reads the changes from the `changes_cursor` of the first page on."""

    items: list[File]
    next_cursor: str | None
    changes_cursor: str | None


class Path(msgspec.Struct):
    """The folders above an entry, from the top down, and then the entry itself."""

    items: list[File]


class TreeSize(msgspec.Struct):
    """The bytes of all files in a folder and below, and the numbers of files and folders. The folder itself does not
    count."""

    bytes: int
    files: int
    folders: int


class FileResult(msgspec.Struct):
    """Has either `file` or `error`."""

    file: File | UnsetType = UNSET
    error: ItemProblem | UnsetType = UNSET


class FileResults(msgspec.Struct):
    """The results, in the order of the request."""

    items: list[FileResult]


class Download(msgspec.Struct):
    """A presigned URL, and checksums to verify the bytes. `sha256` covers all bytes. For a file that was uploaded in
    checksummed parts, `parts_sha256` is the SHA-256 of the concatenated SHA-256 digests of the parts. Each part has
    `part_size` bytes, the last part may have fewer.

    The URL returns the bytes of one version, also after the file was replaced. `etag` is the entity tag that the store
    sends with them, or null if it is not known. A client that resumes with another URL sends it as `If-Match`, and gets
    412 for another version.
    """

    url: str
    expires_at: Time
    size: int
    sha256: bytes | None
    part_size: int | None
    parts_sha256: bytes | None
    etag: str | None


class DownloadResult(msgspec.Struct):
    """Has either `download` or `error`."""

    download: Download | UnsetType = UNSET
    error: ItemProblem | UnsetType = UNSET


class DownloadResults(msgspec.Struct):
    """The results, in the order of the request."""

    items: list[DownloadResult]


def download_view(content: files.Content, signed: SignedRequest) -> Download:
    return Download(
        signed.url,
        signed.expires_at,
        content.size,
        content.sha256,
        content.part_size,
        content.parts_sha256,
        f'"{content.etag}"' if content.etag else None,
    )


def file_view(file: files.File) -> File:
    view = File(
        file.id,
        file.drive,
        file.kind,
        file.name,
        parent_id(file.parent),
        file.size,
        file.content_type or FOLDER_TYPE,
        file.sha256,
        file.etag,
        file.version,
        file.starred,
        file.properties,
        file.created_at,
        file.modified_at,
        file.created_by,
        file.modified_by,
        file.trashed_at,
    )
    if file.purge_after is not None:
        view.purge_after = file.purge_after
    return view


def file_with_parts_view(file: files.File) -> File:
    """Return an entry, with `part_size` and `parts_sha256` if its upload had checksummed parts."""
    view = file_view(file)
    if file.part_size is not None and file.parts_sha256 is not None:
        view.part_size, view.parts_sha256 = file.part_size, file.parts_sha256
    return view


def file_list_view(page: files.FilePage) -> FileList:
    return FileList([file_view(file) for file in page.items], page.next_cursor)


def file_listing_view(page: files.FilePage) -> FileListing:
    return FileListing([file_view(file) for file in page.items], page.next_cursor, page.changes_cursor)
