"""Thumbnails in the store. Each thumbnail belongs to the object from which it was made.

The key of a thumbnail follows from the key of the object and the size. No URL to write it is ever signed.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from .objects import DeletionResult
from .staging import upload_key

THUMBNAILS_PREFIX: Final = ".thumbnails/"
THUMBNAIL_SIZES: Final = (64, 256, 1024)
"""The maximum length of the longer side in pixels."""
THUMBNAIL_TYPE: Final = "image/webp"
_SUFFIX: Final = ".webp"


class ThumbnailImage(msgspec.Struct, frozen=True):
    """One thumbnail: a WebP image that fits into a square of `size` pixels: 64, 256 or 1024."""

    size: int
    body: bytes


def thumbnail_key(key: str, size: int) -> str:
    """Return the key of the thumbnail of an object."""
    return f"{THUMBNAILS_PREFIX}{upload_key(key)}.{size}{_SUFFIX}"


def thumbnail_source(key: str) -> str | None:
    """Return the key of the upload to which a thumbnail belongs, or None if `key` is not the key of a thumbnail."""
    if not key.startswith(THUMBNAILS_PREFIX) or not key.endswith(_SUFFIX):
        return None
    source, _, size = key.removeprefix(THUMBNAILS_PREFIX).removesuffix(_SUFFIX).rpartition(".")
    return source if size in {str(each) for each in THUMBNAIL_SIZES} and source else None


class Thumbnails(Protocol):
    async def write_thumbnails(self, key: str, images: tuple[ThumbnailImage, ...]) -> None:
        """Write the thumbnails of an object, 1 to 3 of at most 1 MiB each. A repeat overwrites them.

        Raises Unavailable, InvalidRequest.
        """
        ...

    async def delete_thumbnails(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        """Delete all thumbnails of at most 1,000 objects. `keys` are the keys of the objects, not of the thumbnails.
        The call is idempotent."""
        ...
