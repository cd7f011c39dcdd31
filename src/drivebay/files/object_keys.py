"""Keys of objects in the store."""

from __future__ import annotations

from uuid import UUID


def object_key(owner: UUID, upload: UUID) -> str:
    """Return `{owner}/{upload}`, the key of an upload's object. It is unique and never contains a file name."""
    return f"{owner}/{upload}"
