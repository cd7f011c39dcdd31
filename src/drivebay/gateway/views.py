"""What clients send and what they are shown: the shapes of `openapi.json`, and how our values become them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..contract import auth, files
from ..contract.ids import FileId
from ..contract.storage import Disposition, SignedRequest
from ..errors import BY_CODE
from . import problems

FOLDER_TYPE = "inode/directory"

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"([\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
UUID_OR_ROOT = f"^(root|{_UUID})$"

NAME = {"pattern": "^[^/\\x00-\\x1f\\x7f-\\x9f]+$", "not": {"enum": [".", ".."]}}

# The patterns are for the document. The services' own checks are what counts, and say it in words.
Size: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1, description="bytes", examples=[48213])]
Name: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="1 to 255 bytes of UTF-8 after NFC; no `/`, no control characters, not `.` or `..`",
        examples=["report.pdf"],
        extra_json_schema=NAME,
    ),
]
FolderId: TypeAlias = Annotated[
    str,
    Meta(description="a folder's id, or `root`", examples=["root"], extra_json_schema={"pattern": UUID_OR_ROOT}),
]
ContentType: TypeAlias = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=255,
        description="a media type (RFC 9110, 8.3.1)",
        examples=["application/pdf"],
        extra_json_schema={"pattern": rf"^{_WORD}/{_WORD}([ \t]*;[ \t]*{_WORD}=({_WORD}|{_QUOTED}))*$"},
    ),
]
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
Digest: TypeAlias = Annotated[
    str,
    Meta(description="base64 of the 32 bytes", extra_json_schema={"pattern": "^[A-Za-z0-9+/]{43}=$"}),
]
Id: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "uuid", "pattern": f"^{_UUID}$"})]
PartNumber: TypeAlias = Annotated[int, Meta(ge=1, le=10_000, examples=[1])]
# OpenAPI clients know this format; what it allows, `auth` does.
_EMAIL = {"format": "email"}


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    """An account: an email address and a password of 8 to 256 characters."""

    email: Annotated[str, Meta(max_length=254, examples=["ada@example.com"], extra_json_schema=_EMAIL)]
    password: Annotated[str, Meta(min_length=8, max_length=256, examples=["correct horse battery"])]


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """Whoever's email and password these are. Any text is a wrong password at worst."""

    email: Annotated[str, Meta(examples=["ada@example.com"])]
    password: Annotated[str, Meta(examples=["correct horse battery"])]


class RefreshToken(msgspec.Struct, forbid_unknown_fields=True):
    refresh_token: str


class NewUpload(msgspec.Struct, forbid_unknown_fields=True):
    """A file that is to be uploaded."""

    name: Name
    size: Size
    content_type: ContentType
    parent_id: FolderId = "root"
    sha256: Digest | None = None
    on_conflict: files.OnConflict = files.OnConflict.RENAME
    multipart: Annotated[bool, Meta(description="in parts, whatever its size")] = False


class OneUpload(msgspec.Struct, forbid_unknown_fields=True):
    """As in a request for it alone. What is wrong with a value is said of this one, and keeps no other back."""

    name: Annotated[str, Meta(examples=["report.pdf"])]
    size: Size
    content_type: Annotated[str, Meta(examples=["application/pdf"])]
    parent_id: str = "root"
    sha256: str | None = None
    on_conflict: files.OnConflict = files.OnConflict.RENAME
    multipart: bool = False


class NewUploads(msgspec.Struct, forbid_unknown_fields=True):
    """Files that are to be uploaded, each answered by itself."""

    uploads: Annotated[list[OneUpload], Meta(min_length=1, max_length=100)]


class UploadIds(msgspec.Struct, forbid_unknown_fields=True):
    ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]


class Downloads(msgspec.Struct, forbid_unknown_fields=True):
    """Files whose bytes are wanted; `inline` is granted only to types that no browser runs."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]
    disposition: Disposition = Disposition.ATTACHMENT


class NewPart(msgspec.Struct, forbid_unknown_fields=True):
    """A part that is about to be sent. All parts of an upload come with a SHA-256, or none."""

    number: PartNumber
    sha256: Digest | None = None


class NewParts(msgspec.Struct, forbid_unknown_fields=True):
    parts: Annotated[list[NewPart], Meta(min_length=1, max_length=100)]


class NewFolder(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    parent_id: FolderId = "root"


class FileChange(msgspec.Struct, forbid_unknown_fields=True):
    """A new name, a new place, or both."""

    name: Name | UnsetType = UNSET
    parent_id: FolderId | UnsetType = UNSET


class Account(msgspec.Struct):
    id: UUID
    email: str
    created_at: Time


class Usage(msgspec.Struct):
    """`used_bytes` counts the trash too; `reserved_bytes` is promised to pending uploads."""

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    file_count: int


class Me(msgspec.Struct):
    id: UUID
    email: str
    created_at: Time
    usage: Usage


class Session(msgspec.Struct):
    """`expires_in` is the access token's life in seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str


class Upload(msgspec.Struct, omit_defaults=True):
    """A pending one says how to send the bytes: `method` to `url` with exactly `headers`, before `expires_at`.

    One in parts has `part_size` and `part_count` instead: the parts' URLs are asked for.
    """

    id: UUID
    status: files.UploadStatus
    name: str
    size: int
    content_type: str
    method: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    part_size: int | UnsetType = UNSET
    part_count: int | UnsetType = UNSET
    expires_at: Time | UnsetType = UNSET
    file_id: UUID | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Refused(msgspec.Struct):
    """Why one of several was not done: what a request for it alone would have been answered."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[problems.FieldProblem] | UnsetType = UNSET


class UploadResult(msgspec.Struct):
    """Either of the two."""

    upload: Upload | UnsetType = UNSET
    error: Refused | UnsetType = UNSET


class UploadResults(msgspec.Struct):
    """In the order in which they were asked for."""

    items: list[UploadResult]


class SignedPart(msgspec.Struct):
    """How to send a part of `size` bytes: `method` to `url` with exactly `headers`, before `expires_at`."""

    number: PartNumber
    size: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: Time


class SignedParts(msgspec.Struct):
    parts: list[SignedPart]


class Part(msgspec.Struct):
    """A part that the store holds. `sha256` is null when it was not given."""

    number: PartNumber
    size: int
    etag: str
    sha256: bytes | None


class PartList(msgspec.Struct):
    items: list[Part]


class Moment(msgspec.Struct):
    """One change of state: what the upload, or its file, became, by what cause, and why."""

    at: Time
    status: str
    cause: str
    detail: str | None


class Timeline(msgspec.Struct):
    items: list[Moment]


class File(msgspec.Struct):
    """A file or a folder. `sha256` is null when it is not known. `etag` is what `If-Match` takes.

    One that came in parts which the store checked has `part_size` and `parts_sha256` too, as in `Download`, where it
    is asked for by its id.
    """

    id: UUID
    kind: files.Kind
    name: str
    parent_id: FolderId
    size: int
    content_type: str
    sha256: bytes | None
    etag: str
    created_at: Time
    modified_at: Time
    trashed_at: Time | None
    part_size: int | UnsetType = UNSET
    parts_sha256: bytes | UnsetType = UNSET


class FileList(msgspec.Struct):
    items: list[File]
    next_cursor: str | None


class Download(msgspec.Struct):
    """What is known of the bytes helps to check them. `sha256` is of all of them. `parts_sha256` is of the SHA-256 of
    each `part_size` bytes, one after the other, for a file that came in parts which the store checked."""

    url: str
    expires_at: Time
    size: int
    sha256: bytes | None
    part_size: int | None
    parts_sha256: bytes | None


class DownloadResult(msgspec.Struct):
    """Either of the two."""

    download: Download | UnsetType = UNSET
    error: Refused | UnsetType = UNSET


class DownloadResults(msgspec.Struct):
    """In the order in which they were asked for."""

    items: list[DownloadResult]


class Jwk(msgspec.Struct):
    """RFC 8037."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class JwkSet(msgspec.Struct):
    keys: list[Jwk]


class Alive(msgspec.Struct):
    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct):
    """Each thing that was tried: `ok`, or what is wrong. `store`, when asked for with `verbose`: what the store was
    seen to do at the start."""

    status: Literal["ready", "unavailable"]
    checks: dict[str, str]
    store: dict[str, bool | int | None] | UnsetType = UNSET


def account(user: auth.User) -> Account:
    return Account(user.id, user.email, user.created_at)


def me(user: auth.User, usage: files.Usage) -> Me:
    counted = Usage(usage.used_bytes, usage.reserved_bytes, usage.limit_bytes, usage.file_count)
    return Me(user.id, user.email, user.created_at, counted)


def session(tokens: auth.Tokens) -> Session:
    return Session(tokens.access_token, "Bearer", tokens.expires_in, tokens.refresh_token)


def upload(value: files.Upload, signed: SignedRequest | None = None) -> Upload:
    shown = Upload(value.id, value.status, value.name, value.size, value.content_type)
    if signed is not None:
        shown.method, shown.url, shown.headers, shown.expires_at = (
            signed.method,
            signed.url,
            signed.headers,
            signed.expires_at,
        )
    if value.parts is not None:
        shown.part_size, shown.part_count = value.parts.size, value.parts.count
        if value.status is files.UploadStatus.PENDING:
            shown.expires_at = value.expires_at
    if value.file is not None:
        shown.file_id = value.file
    if value.reason is not None:
        shown.reason = value.reason
    return shown


def refused(refusal: files.Refusal) -> Refused:
    kind = BY_CODE[refusal.code]
    shown = Refused(problems.TYPE_PREFIX + kind.code, kind.title, kind.http, refusal.detail, kind.code)
    if refusal.field is not None:
        shown.errors = [problems.FieldProblem(refusal.field, refusal.detail)]
    return shown


def signed_parts(numbers: Sequence[int], sizes: Sequence[int], signed: Sequence[SignedRequest]) -> SignedParts:
    return SignedParts(
        [
            SignedPart(number, size, one.method, one.url, one.headers, one.expires_at)
            for number, size, one in zip(numbers, sizes, signed, strict=True)
        ]
    )


def part_list(parts: Sequence[files.Part]) -> PartList:
    return PartList([Part(part.number, part.size, part.etag, part.sha256) for part in parts])


def timeline(moments: Sequence[files.Moment]) -> Timeline:
    return Timeline([Moment(one.at, one.what, one.cause, one.detail) for one in moments])


def download(content: files.Content, signed: SignedRequest) -> Download:
    return Download(
        signed.url, signed.expires_at, content.size, content.sha256, content.part_size, content.parts_sha256
    )


def file(value: files.File) -> File:
    return File(
        value.id,
        value.kind,
        value.name,
        folder_id(value.parent),
        value.size,
        value.content_type or FOLDER_TYPE,
        value.sha256,
        value.etag,
        value.created_at,
        value.modified_at,
        value.trashed_at,
    )


def whole_file(value: files.File) -> File:
    """With what is known of its parts."""
    shown = file(value)
    if value.part_size is not None and value.parts_sha256 is not None:
        shown.part_size, shown.parts_sha256 = value.part_size, value.parts_sha256
    return shown


def file_list(page: files.FilePage) -> FileList:
    return FileList([file(item) for item in page.items], page.next_cursor)


def folder_id(id: FileId) -> str:
    return str(id) if id.int else "root"  # ROOT is 0; comparing UUIDs takes as long as all the rest of a file


def jwk_set(keys: tuple[auth.Key, ...]) -> JwkSet:
    return JwkSet([Jwk(key.kid, key.x) for key in keys])
