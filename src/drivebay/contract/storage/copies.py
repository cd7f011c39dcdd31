"""Copies of objects to other keys. The store copies the bytes."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from .signing import PutSpec


class ObjectCopy(msgspec.Struct, frozen=True):
    """A copy that the store must make. `source` is the key of an object, and `etag` is its ETag.

    `put` describes the copy: its key, its size (which equals the size of the source), its content type and its
    metadata. The copy does not get the content type and metadata of the source. `put.sha256` is ignored.
    """

    source: str
    etag: str
    put: PutSpec


class CopyStatus(StrEnum):
    """The state of one copy."""

    DONE = "done"
    """The copy exists."""
    SOURCE_CHANGED = "source_changed"
    """The source does not exist, or its ETag or size differs from those in `ObjectCopy`. There is no copy."""
    RUNNING = "running"
    """The store is still copying. Repeat the call to wait for it."""
    UNKNOWN = "unknown"
    """The store sent no usable response. Repeat the call later."""


class CopyResult(msgspec.Struct, frozen=True):
    """The state of the copy with this key. `etag` is the ETag of a copy that is done."""

    key: str
    status: CopyStatus
    etag: str = ""


class Copying(Protocol):
    async def copy_objects(self, copies: tuple[ObjectCopy, ...]) -> tuple[CopyResult, ...]:
        """Copy at most 100 objects inside the store, each to a key for which no URL was ever signed.

        Objects may have any size. A copy that takes longer than this call continues in the background. A copy that
        exists is not made again, so the call is idempotent. If the store fails, nothing is raised. The result is
        `CopyStatus.UNKNOWN`.

        Raises InvalidRequest, Unavailable (the store has never responded).
        """
        ...
