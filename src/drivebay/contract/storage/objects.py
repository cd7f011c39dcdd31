"""Objects in the store: look-up, listing, deletion, quarantine."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec


class Presence(StrEnum):
    """The presence of an object in the store. `UNKNOWN`: the store gave no usable response."""

    FOUND = "found"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class ObjectInfo(msgspec.Struct, frozen=True):
    """The result of the look-up of one key.

    The fields after `presence` have a meaning only if the object was found. `sha256` and `content_type` are None if the
    store does not report them, or does not keep them. `etag` is opaque and has no quotes.
    """

    key: str
    presence: Presence
    size: int = 0
    etag: str = ""
    content_type: str | None = None
    sha256: bytes | None = None
    modified_at: datetime | None = None


class DeletionResult(msgspec.Struct, frozen=True):
    """The result of the deletion of one key. `error` is None if the object does not exist now."""

    key: str
    error: str | None = None


class ObjectPage(msgspec.Struct, frozen=True):
    """Objects in key order. The next page begins after the key `after`, which is None on the last page."""

    objects: tuple[ObjectInfo, ...]
    after: str | None


class Objects(Protocol):
    async def stat_objects(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        """Look up at most 1,000 objects. If the store fails, the results have `Presence.UNKNOWN`, and no error is
        raised."""
        ...

    async def read_object(self, key: str, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes (1 byte to 15 MiB) of an object, from `offset` on.

        Raises NotFound (no object has this key, or it ends earlier), Unavailable (the store fails), InvalidRequest.
        """
        ...

    async def delete_objects(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        """Delete at most 1,000 objects, and the staged objects and promoted copies of the same uploads. The call is
        idempotent."""
        ...

    async def list_objects(self, after: str | None, limit: int) -> ObjectPage:
        """Return up to `limit` (1 to 1,000) objects with keys after `after`.

        Quarantined objects, staged objects and partial parts are not listed. Thumbnails are listed.
        """
        ...

    async def quarantine_object(self, key: str) -> bool:
        """Move an object under the prefix `.quarantine/`, where no URL reaches it. The bytes are kept.

        Return False if there is no such object.
        """
        ...
