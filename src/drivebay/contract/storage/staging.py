"""Staged objects: the bytes of uploads while they may still change.

If a store accepts a second PUT to the same key, presigned URLs write under the staging prefix. A commit promotes the
staged object: the store copies it to a key for which no URL was ever signed.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from .objects import ObjectInfo

STAGING_PREFIX: Final = ".incoming/"
"""The prefix of staged objects, before the key of the upload."""

QUARANTINE_PREFIX: Final = ".quarantine/"
"""The prefix of orphans that `quarantine_object` moved."""
PARTIAL_PARTS_PREFIX: Final = ".tail/"
"""The prefix of partial parts, before the key of the upload."""
PROMOTED_KEY_SEPARATOR: Final = "~"
"""Separates the upload's key from the ETag digest in the key of a promoted object."""


def upload_key(key: str) -> str:
    """Return the key of the upload to which an object belongs. The object may be staged, promoted or neither."""
    return key.removeprefix(STAGING_PREFIX).partition(PROMOTED_KEY_SEPARATOR)[0]


class StagedObject(msgspec.Struct, frozen=True):
    """An object that `stat_staged` found. `key` is its key in the store, which may be outside the staging prefix.

    ETag and size identify its bytes.
    """

    key: str
    etag: str
    size: int


class Staging(Protocol):
    async def stat_staged(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        """Look up the bytes of at most 1,000 uploads by their keys, staged or not.

        `ObjectInfo.key` is the key of the object with the bytes. An object under the staging prefix may change until it
        is promoted. If the store fails, the results have `Presence.UNKNOWN`, and no error is raised.
        """
        ...

    async def promote(self, staged: tuple[StagedObject, ...]) -> tuple[ObjectInfo, ...]:
        """Copy at most 1,000 staged objects to keys for which no URL was signed. Return each object with its new key.

        An object outside the staging prefix cannot change and stays where it is. An object that changed since
        `stat_staged`, or that another caller is copying, has the result `Presence.UNKNOWN`: call `stat_staged` again
        and retry. If the result is `Presence.FOUND`, the size and checksum from `stat_staged` are still correct.
        """
        ...

    async def clean_staging(self, keys: tuple[str, ...]) -> None:
        """Delete the staged objects of at most 1,000 completed uploads, and their other promoted copies.

        The promoted objects stay. The call is idempotent. Raises Unavailable.
        """
        ...
