"""Media types of files that may have a thumbnail. Whether a thumbnail can be made depends on the bytes."""

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
    """Return whether the worker tries to make a thumbnail of a file with this media type. Parameters and case are
    ignored."""
    return _media_type(content_type) in _TYPES or is_video(content_type)


def is_video(content_type: str) -> bool:
    """Return whether this is the media type of a video. A thumbnail of a video shows one frame."""
    return _media_type(content_type) in _VIDEOS


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
