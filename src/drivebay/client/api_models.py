"""The values that the API returns. No `repr` contains a token or a presigned URL."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec

FOLDER_TYPE: Final = "inode/directory"


class OnConflict(StrEnum):
    """The rule for a name that is taken: fail, rename the upload to `report (1).pdf`, or add a version to the file."""

    FAIL = "fail"
    RENAME = "rename"
    REPLACE = "replace"


class Disposition(StrEnum):
    """What a browser does with a presigned URL: save the file, or display it if its type is safe."""

    ATTACHMENT = "attachment"
    INLINE = "inline"


Sort = Literal["name", "-name", "modified", "-modified", "created", "-created", "size", "-size"]


class Role(StrEnum):
    """The role of a member in a drive. Each role has the rights of the role before it."""

    VIEWER = "viewer"
    """List and read."""
    EDITOR = "editor"
    """Change files and folders."""
    MANAGER = "manager"
    """Change the members and the drive itself."""


class File(msgspec.Struct, frozen=True):
    """A file or a folder. `size` is in bytes. `sha256` is None if it is not known.

    A file that was uploaded in parts has `parts_sha256` instead: the SHA-256 of the concatenated SHA-256 digests of its
    parts, which have `part_size` bytes each. `modified_at` is the time at which the content was modified, as the client
    that uploaded it reported. `properties` are text that programs keep with the file. `purge_after` is set in the
    trash: the file can be restored until then.

    `parent_id` is None for an item that is shared with the account without its folder. Only
    `AsyncDrive.shared_with_me` sets `role`, `shared_at`, and the id, the email address and the name of the user who
    shared the item: `shared_by`, `shared_by_email` and `shared_by_name`.
    """

    id: str
    kind: Literal["file", "folder"]
    name: str
    parent_id: str | None
    size: int
    content_type: str
    etag: str
    created_at: datetime
    modified_at: datetime
    trashed_at: datetime | None = None
    sha256: bytes | None = None
    parts_sha256: bytes | None = None
    part_size: int | None = None
    drive_id: str = ""
    version_id: str | None = None
    starred: bool = False
    properties: dict[str, str] = {}
    created_by: str | None = None
    modified_by: str | None = None
    purge_after: datetime | None = None
    role: Role | None = None
    shared_by: str | None = None
    shared_by_email: str | None = None
    shared_by_name: str | None = None
    shared_at: datetime | None = None

    @property
    def is_folder(self) -> bool:
        return self.kind == "folder"


class Upload(msgspec.Struct, frozen=True):
    """An upload and its state. `file_id` is set when it is complete, `reason` when it has failed.

    Only `AsyncDrive.uploads` sets `parent_id` and `created_at`.
    """

    id: str
    status: str
    name: str
    size: int
    content_type: str
    method: str | None = None
    url: str | None = None
    headers: dict[str, str] | None = None
    part_size: int | None = None
    part_count: int | None = None
    expires_at: datetime | None = None
    file_id: str | None = None
    reason: str | None = None
    parent_id: str | None = None
    created_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Upload(id={self.id!r}, status={self.status!r}, name={self.name!r}, file_id={self.file_id!r})"


class ItemError(msgspec.Struct):
    """The error of a request, or of one item of a batch (RFC 9457)."""

    code: str
    detail: str = ""
    status: int = 0
    errors: list[dict[str, str]] = []


class UploadResult(msgspec.Struct, frozen=True):
    """The result of one upload of a batch: its state, or its error."""

    upload: Upload | None = None
    error: ItemError | None = None


class UploadResults(msgspec.Struct, frozen=True):
    """The results of a batch of uploads, in the order of the request."""

    items: list[UploadResult]


class SignedPart(msgspec.Struct, frozen=True):
    """The presigned request that sends one part."""

    number: int
    size: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SignedPart(number={self.number}, size={self.size})"


class Part(msgspec.Struct, frozen=True):
    """A part that the object store has. `sha256` is None if it is not known."""

    number: int
    size: int
    etag: str
    sha256: bytes | None = None


class UploadEvent(msgspec.Struct, frozen=True):
    """One entry of an upload's timeline: its new status, what triggered it, and when."""

    at: datetime
    status: str
    trigger: str = msgspec.field(name="cause")
    detail: str | None = None


class Link(msgspec.Struct, frozen=True):
    """A presigned URL of a file. Everybody who has the URL can read the file until `expires_at`.

    In spite of its name, this is no link that you can delete or protect with a password. `create_link` returns a
    `ShareLink`, which is such a link.

    `size` and the checksums describe the bytes behind the URL. They are None if the server does not send them. `etag`
    is the entity tag of these bytes in the store. Send it as `If-Match` when you resume a download with another URL.
    """

    url: str
    expires_at: datetime
    size: int | None = None
    sha256: bytes | None = None
    part_size: int | None = None
    parts_sha256: bytes | None = None
    etag: str | None = None

    def __repr__(self) -> str:
        return f"Link(expires_at={self.expires_at!r})"


class Archive(msgspec.Struct, frozen=True):
    """The URL of a ZIP file with several files and folders. Everybody who has the URL can download the ZIP file until
    `expires_at`.

    `size` is the length of the ZIP file in bytes.
    """

    url: str
    size: int
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Archive(size={self.size}, expires_at={self.expires_at!r})"


class DownloadResult(msgspec.Struct, frozen=True):
    """The result of one file of a batch: its presigned URL, or its error."""

    download: Link | None = None
    error: ItemError | None = None


class DownloadResults(msgspec.Struct, frozen=True):
    """The results of a batch of files, in the order of the request."""

    items: list[DownloadResult]


class Usage(msgspec.Struct, frozen=True):
    """The usage of a drive. `used_bytes` includes the trash. `reserved_bytes` is the sum of the sizes of the pending
    uploads."""

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    file_count: int


class FoundFile(File, frozen=True, kw_only=True):
    """A result of a search: a file or folder, and its path from the root, such as `/reports/a.pdf`."""

    path: str


class SearchPage(msgspec.Struct, frozen=True):
    """One page of a search. `next_cursor` is None on the last page."""

    items: list[FoundFile]
    next_cursor: str | None


class Tokens(msgspec.Struct, frozen=True):
    """The tokens of a login. Without `refresh_token`, the login ends when the access token expires.

    `access_token` may be an API token.
    """

    access_token: str
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "Tokens(...)"


class FilePage(msgspec.Struct, frozen=True):
    """One page of a listing. `next_cursor` is None on the last page."""

    items: list[File]
    next_cursor: str | None


class Change(msgspec.Struct, frozen=True):
    """One change of a file or folder, as `AsyncDrive.follow` yields it.

    `what` is `created`, `content`, `renamed`, `moved`, `trashed`, `restored`, `deleted`, `shared` or `properties`.
    Later servers may send other kinds. `trashed`, `restored` and `deleted` of a folder include everything below the
    folder. `file` is the state of the item when the server responded, None if the item was deleted for good.
    `actor_id` is the user who made the change, None for the system. Save `cursor` when you have processed the change:
    `follow(cursor)` continues after the change, and may yield some of the last changes again.
    """

    what: str
    file_id: str
    at: datetime
    file: File | None = None
    actor_id: str | None = None
    cursor: str = ""


class ChangePage(msgspec.Struct, frozen=True):
    """Changes, oldest first. `next_cursor` is the position after them, and is set even if there are no changes."""

    items: list[Change]
    next_cursor: str


class FilePath(msgspec.Struct, frozen=True):
    """The folders above a file, from the top down, and then the file itself."""

    items: list[File]


class TreeSize(msgspec.Struct, frozen=True):
    """The bytes of all files in a folder and below, and the numbers of files and folders. The folder itself does not
    count."""

    bytes: int
    files: int
    folders: int


class FileResult(msgspec.Struct, frozen=True):
    """The result of one file of a batch: the file, or its error."""

    file: File | None = None
    error: ItemError | None = None


class FileResults(msgspec.Struct, frozen=True):
    """The results of a batch of files, in the order of the request."""

    items: list[FileResult]


class Version(msgspec.Struct, frozen=True):
    """One content of a file. `current` is whether the file has this content now. `sha256` is None if it is not
    known."""

    id: str
    size: int
    content_type: str
    created_at: datetime
    current: bool = False
    sha256: bytes | None = None
    created_by: str | None = None


class Activity(msgspec.Struct, frozen=True):
    """One change of a file or folder. `what` is as in `Change`.

    `actor_id` is the user who made the change, None for the system. `actor_name` is the display name of the user, or
    None.
    """

    what: str
    at: datetime
    actor_id: str | None = None
    actor_name: str | None = None


class ActivityPage(msgspec.Struct, frozen=True):
    """One page of the activity of an item. `next_cursor` is None on the last page."""

    items: list[Activity]
    next_cursor: str | None


class VersionPage(msgspec.Struct, frozen=True):
    """One page of the versions of a file. `next_cursor` is None on the last page."""

    items: list[Version]
    next_cursor: str | None


class UploadPage(msgspec.Struct, frozen=True):
    """One page of the pending uploads. `next_cursor` is None on the last page."""

    items: list[Upload]
    next_cursor: str | None


class PartPage(msgspec.Struct, frozen=True):
    """The parts of an upload that the object store has."""

    items: list[Part]


class SignedParts(msgspec.Struct, frozen=True):
    """The presigned requests of several parts."""

    parts: list[SignedPart]


class Timeline(msgspec.Struct, frozen=True):
    """The events of an upload, oldest first."""

    items: list[UploadEvent]


ROOT: Final = File(
    id="root",
    kind="folder",
    name="/",
    parent_id="root",
    size=0,
    content_type=FOLDER_TYPE,
    etag="",
    created_at=datetime.min.replace(tzinfo=UTC),
    modified_at=datetime.min.replace(tzinfo=UTC),
)
"""The top folder. The server stores no record for it, so it has no times and no ETag."""
