"""Media types of files that may have a thumbnail. The type decides only what is tried: the worker reads the bytes."""

from __future__ import annotations

from typing import Final

_TYPES: Final = frozenset(
    {
        "application/pdf",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/jpg",  # not registered, but sent by some clients
        "image/png",
        "image/tiff",
        "image/webp",
    }
)
_VIDEOS: Final = frozenset(
    {
        "video/mp4",
        "video/ogg",
        "video/quicktime",
        "video/webm",
        "video/x-m4v",
        "video/x-matroska",
        "video/x-msvideo",
    }
)


def may_have_thumbnail(content_type: str) -> bool:
    """Return whether it is worth to try. Parameters and case do not count."""
    return _media_type(content_type) in _TYPES or is_video(content_type)


def is_video(content_type: str) -> bool:
    """Return whether it is a type of videos, of which a frame may be shown."""
    return _media_type(content_type) in _VIDEOS


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
