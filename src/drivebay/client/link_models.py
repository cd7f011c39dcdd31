"""The values of links that the API returns. No `repr` contains a token."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec


class LinkRole(StrEnum):
    """The rights that a link gives."""

    VIEWER = "viewer"
    """List and download."""
    UPLOADER = "uploader"
    """Upload into the folder, without seeing anything in it."""
    EDITOR = "editor"
    """List, download and upload."""


class ShareLink(msgspec.Struct, frozen=True):
    """A link to a file or folder for people without an account. Only `create_link` sets `url`."""

    id: str
    file_id: str
    role: LinkRole
    downloads: int
    created_at: datetime
    created_by: str
    has_password: bool = False
    url: str | None = None
    name: str | None = None
    expires_at: datetime | None = None
    max_downloads: int | None = None

    def __repr__(self) -> str:
        return f"ShareLink(id={self.id!r}, file_id={self.file_id!r}, role={self.role!r})"


class ShareLinkPage(msgspec.Struct, frozen=True):
    """One page of links. `next_cursor` is None on the last page."""

    items: list[ShareLink]
    next_cursor: str | None = None


class LinkInfo(msgspec.Struct, frozen=True):
    """The data of a link that everybody with its URL may see. The size of a folder is 0."""

    name: str
    kind: Literal["file", "folder"]
    size: int
    role: LinkRole
    expires_at: datetime | None = None
    content_type: str = ""

    @property
    def is_folder(self) -> bool:
        return self.kind == "folder"


class LinkFile(msgspec.Struct, frozen=True):
    """A file or folder of a link. `parent_id` is `root` if the item is directly in the shared folder."""

    id: str
    kind: Literal["file", "folder"]
    name: str
    parent_id: str
    size: int
    content_type: str
    modified_at: datetime
    sha256: bytes | None = None

    @property
    def is_folder(self) -> bool:
        return self.kind == "folder"


class LinkFilePage(msgspec.Struct, frozen=True):
    """One page of a folder of a link. `next_cursor` is None on the last page."""

    items: list[LinkFile]
    next_cursor: str | None = None


class UnlockedLink(msgspec.Struct, frozen=True):
    """A link session, which the password of a link gives."""

    link_session: str

    def __repr__(self) -> str:
        return "UnlockedLink(...)"
