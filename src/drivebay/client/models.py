"""What Drivebay tells, as values. None shows a token or a signed URL in its `repr`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec

FOLDER_TYPE: Final = "inode/directory"


class OnConflict(StrEnum):
    """What becomes of an upload whose name is taken: it is refused, renamed to `report (1).pdf`, or a new version."""

    FAIL = "fail"
    RENAME = "rename"
    REPLACE = "replace"


class Disposition(StrEnum):
    """What a browser does with a link: save the file, or open it where its type allows."""

    ATTACHMENT = "attachment"
    INLINE = "inline"


Sort = Literal["name", "-name", "modified", "-modified", "created", "-created", "size", "-size"]


class File(msgspec.Struct, frozen=True):
    """A file or a folder. `size` is in bytes; `sha256` is None where it is not known.

    A file that came in parts has `parts_sha256` instead: the SHA-256 of the SHA-256s of its parts of `part_size`.
    """

    id: str
    kind: Literal["file", "folder"]
    name: str
    parent_id: str
    size: int
    content_type: str
    etag: str
    created_at: datetime
    modified_at: datetime
    trashed_at: datetime | None = None
    sha256: bytes | None = None
    parts_sha256: bytes | None = None
    part_size: int | None = None

    @property
    def is_folder(self) -> bool:
        return self.kind == "folder"


class Upload(msgspec.Struct, frozen=True):
    """An upload: an intent, and what became of it. `file_id` is set once it is complete, `reason` if it failed."""

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

    def __repr__(self) -> str:
        return f"Upload(id={self.id!r}, status={self.status!r}, name={self.name!r}, file_id={self.file_id!r})"


class Refused(msgspec.Struct):
    """Why Drivebay would not (RFC 9457): of a whole request, or of one of several things that it asked for."""

    code: str
    detail: str = ""
    status: int = 0
    errors: list[dict[str, str]] = []


class UploadResult(msgspec.Struct, frozen=True):
    upload: Upload | None = None
    error: Refused | None = None


class UploadResults(msgspec.Struct, frozen=True):
    items: list[UploadResult]


class SignedPart(msgspec.Struct, frozen=True):
    """How to send one part."""

    number: int
    size: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SignedPart(number={self.number}, size={self.size})"


class Part(msgspec.Struct, frozen=True):
    """A part that the store holds. `sha256` is None where it is not known."""

    number: int
    size: int
    etag: str
    sha256: bytes | None = None


class Moment(msgspec.Struct, frozen=True):
    """One step of an upload's life."""

    at: datetime
    status: str
    cause: str
    detail: str | None = None


class Link(msgspec.Struct, frozen=True):
    """A signed URL of a file's bytes: whoever has it may read them until `expires_at`.

    `size` and the checksums are those of the bytes at the other end; a server that does not tell leaves them None.
    """

    url: str
    expires_at: datetime
    size: int | None = None
    sha256: bytes | None = None
    part_size: int | None = None
    parts_sha256: bytes | None = None

    def __repr__(self) -> str:
        return f"Link(expires_at={self.expires_at!r})"


class DownloadResult(msgspec.Struct, frozen=True):
    download: Link | None = None
    error: Refused | None = None


class DownloadResults(msgspec.Struct, frozen=True):
    items: list[DownloadResult]


class Usage(msgspec.Struct, frozen=True):
    """`used_bytes` counts the trash too; `reserved_bytes` is promised to unfinished uploads."""

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    file_count: int


class Account(msgspec.Struct, frozen=True):
    """Who is logged in, and what they use; `usage` is None in the answer to a sign-up."""

    id: str
    email: str
    created_at: datetime
    usage: Usage | None = None


class Tokens(msgspec.Struct, frozen=True):
    """What a login gives. Without `refresh_token` nothing can be renewed: the session ends with the access token."""

    access_token: str
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "Tokens(...)"


class FilePage(msgspec.Struct, frozen=True):
    items: list[File]
    next_cursor: str | None


class PartPage(msgspec.Struct, frozen=True):
    items: list[Part]


class SignedParts(msgspec.Struct, frozen=True):
    parts: list[SignedPart]


class Moments(msgspec.Struct, frozen=True):
    items: list[Moment]


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
"""The folder that everything is in. It has no row on the server, so it has no times and no ETag."""
