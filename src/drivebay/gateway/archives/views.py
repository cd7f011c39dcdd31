"""JSON types of archives."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ..json_types import FolderId, Name, Time


class NewArchive(msgspec.Struct, forbid_unknown_fields=True):
    """The files and folders of an archive. `root` is everything in the drive."""

    ids: Annotated[list[FolderId], Meta(min_length=1, max_length=1000)]
    name: Name | None = None


class Archive(msgspec.Struct):
    """A URL that downloads the archive until `expires_at`, without a login. `size` is its length in bytes."""

    url: str
    size: int
    expires_at: Time
