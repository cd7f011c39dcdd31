"""JSON types of links. Types of public routes have no fields about the owner, or about items outside the link."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...contract import files
from ..entries.views import FOLDER_TYPE
from ..json_types import FolderId, Time, folder_id

T = TypeVar("T")

LinkName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255, examples=["for the press"])]
LinkPassword: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
MaxDownloads: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1, examples=[10])]


class LinkRequest(msgspec.Struct, forbid_unknown_fields=True):  # guard: link-unknown-fields
    """A new link. `expires_at` is in the future. Only a folder can have an `uploader` link."""

    role: files.LinkRole = files.LinkRole.VIEWER
    name: LinkName | None = None
    password: LinkPassword | None = None
    expires_at: Time | None = None
    max_downloads: MaxDownloads | None = None


class LinkChange(msgspec.Struct, forbid_unknown_fields=True):
    """An update of a link. A field that is missing stays unchanged. Null clears a field."""

    name: LinkName | UnsetType | None = UNSET
    password: LinkPassword | UnsetType | None = UNSET
    expires_at: Time | UnsetType | None = UNSET
    max_downloads: MaxDownloads | UnsetType | None = UNSET


class ShareLink(msgspec.Struct):
    """A link. `url` is null, because only the response that created the link contains it."""

    id: UUID
    file_id: UUID
    url: str | None
    role: files.LinkRole
    name: str | None
    has_password: bool
    expires_at: Time | None
    max_downloads: int | None
    downloads: int
    created_at: Time
    created_by: UUID


class CreatedShareLink(ShareLink):
    """A new link. `token` is the secret in `url`. Both are shown only here."""

    token: str


class ShareLinkList(msgspec.Struct):
    items: list[ShareLink]
    next_cursor: str | None


class LinkUnlock(msgspec.Struct, forbid_unknown_fields=True):
    password: Annotated[str, Meta(max_length=1024)]


class UnlockedLink(msgspec.Struct):
    """Send `link_session` as `X-Link-Session`. It is valid for one hour, or until the password of the link changes."""

    link_session: str


class PublicLink(msgspec.Struct):
    """A link as its holder sees it. The size of a folder is 0."""

    name: str
    kind: files.Kind
    size: int
    content_type: str
    role: files.LinkRole
    expires_at: Time | None


class PublicFile(msgspec.Struct):
    """A file or folder of a link. `parent_id` is `root` for items directly in the shared folder."""

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


class PublicFileList(msgspec.Struct):
    items: list[PublicFile]
    next_cursor: str | None


def link_view(link: files.Link) -> ShareLink:
    return ShareLink(
        id=link.id,
        file_id=link.file,
        url=None,
        role=link.role,
        name=link.name,
        has_password=link.has_password,
        expires_at=link.expires_at,
        max_downloads=link.max_downloads,
        downloads=link.downloads,
        created_at=link.created_at,
        created_by=link.created_by,
    )


def created_link_view(link: files.Link, token: str, url: str) -> CreatedShareLink:
    view = link_view(link)
    view.url = url
    return CreatedShareLink(**msgspec.structs.asdict(view), token=token)


def link_list_view(page: files.LinkPage) -> ShareLinkList:
    return ShareLinkList([link_view(link) for link in page.items], page.next_cursor)


def public_link_view(info: files.LinkInfo) -> PublicLink:
    content_type = info.content_type or FOLDER_TYPE
    return PublicLink(info.name, info.kind, info.size, content_type, info.role, info.expires_at)


def public_file_list_view(page: files.FilePage) -> PublicFileList:
    return PublicFileList([_public_file_view(file) for file in page.items], page.next_cursor)


def link_update(body: LinkChange) -> files.LinkUpdate:
    """Return the update that a body describes."""
    fields = {field: getattr(body, field.value) for field in files.LinkField}
    return files.LinkUpdate(
        name=_or_none(body.name),
        password=_or_none(body.password),
        expires_at=_or_none(body.expires_at),
        max_downloads=_or_none(body.max_downloads),
        cleared=tuple(field for field, value in fields.items() if value is None),
    )


def _or_none(value: T | UnsetType | None) -> T | None:
    return None if isinstance(value, UnsetType) else value


def _public_file_view(file: files.File) -> PublicFile:
    return PublicFile(
        file.id,
        file.kind,
        file.name,
        folder_id(file.parent),
        file.size,
        file.content_type or FOLDER_TYPE,
        file.sha256,
        file.etag,
        file.created_at,
        file.modified_at,
    )
