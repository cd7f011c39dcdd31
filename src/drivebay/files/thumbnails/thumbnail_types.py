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


def may_have_thumbnail(content_type: str) -> bool:
    """Return whether it is worth to try. Parameters and case do not count."""
    return content_type.partition(";")[0].strip().lower() in _TYPES
