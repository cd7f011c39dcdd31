"""Delete objects, and move orphans to quarantine.

Besides its object, an upload may have a staged object, and copies that no file uses. They are deleted together.
"""

from __future__ import annotations

from typing import Final

from ..contract.storage import PROMOTED_KEY_SEPARATOR, QUARANTINE_PREFIX, STAGING_PREFIX, DeletionResult, upload_key
from ..errors import Unavailable
from ..observability.crash_points import crash_point
from .argument_checks import MAX_KEYS, check_key, check_keys
from .bounded_map import bounded_map
from .bucket import Bucket
from .store_startup import StoreStartup

_MAX_COPIES: Final = 1000
"""The maximum number of copies of one upload that are deleted. If a client overwrites the staged object between two
promotions, the upload gets another copy."""


class ObjectDeletion:
    """Implements `delete_objects`, `clean_staging` and `quarantine_object` of `contract.storage`."""

    def __init__(self, bucket: Bucket, startup: StoreStartup, concurrency: int) -> None:
        self._bucket = bucket
        self._startup = startup
        self._concurrency = concurrency

    async def delete_objects(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        check_keys(keys)
        if not self._startup.require_ready().has_staged_objects:  # guard: purge-leftovers
            return await self._delete_batch(keys)
        leftovers = await bounded_map(keys, self._list_leftovers, self._concurrency)
        groups = [(key, *more) for key, more in zip(keys, leftovers, strict=True)]
        deletions = await self.delete_exactly(tuple({key: None for group in groups for key in group}))
        errors = {deletion.key: deletion.error for deletion in deletions if deletion.error is not None}
        return tuple(
            DeletionResult(group[0], next((errors[key] for key in group if key in errors), None)) for group in groups
        )

    async def clean_staging(self, keys: tuple[str, ...]) -> None:
        check_keys(keys)
        if not self._startup.require_ready().has_staged_objects:
            return
        leftovers = await bounded_map(keys, self._list_leftovers, self._concurrency)
        file_keys = frozenset(keys)
        # guard: staging-cleanup-keeps-file
        deletions = await self.delete_exactly(
            tuple(key for group in leftovers for key in group if key not in file_keys)
        )
        failed = [deletion for deletion in deletions if deletion.error is not None]
        if failed:
            raise Unavailable(f"the store did not delete {len(failed)} objects: {failed[0].error}")

    async def quarantine_object(self, key: str) -> bool:
        check_key(key)
        self._startup.require_ready()
        if not await self._bucket.copy_object(key, QUARANTINE_PREFIX + key):
            return False
        crash_point("quarantine.copied")
        # Copy before the deletion, so that a second call can finish the move after a crash.
        (deletion,) = await self._delete_batch((key,))
        if deletion.error is not None:
            raise Unavailable(f"the store copied an object to quarantine and did not delete it: {deletion.error}")
        return True

    async def _list_leftovers(self, key: str) -> tuple[str, ...]:
        """Return the other keys of the upload of an object: the keys of its staged object and of its copies."""
        upload = upload_key(key)
        copies = await self._bucket.list_objects(upload + PROMOTED_KEY_SEPARATOR, "", _MAX_COPIES)
        return (STAGING_PREFIX + upload, *(copy.key for copy in copies.objects))

    async def delete_exactly(self, keys: tuple[str, ...]) -> list[DeletionResult]:
        """Delete any number of objects, but not their staged objects and copies. Call it after the startup of the
        store."""
        deletions: list[DeletionResult] = []
        for start in range(0, len(keys), MAX_KEYS):
            deletions += await self._delete_batch(keys[start : start + MAX_KEYS])
        return deletions

    async def _delete_batch(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        if not self._startup.require_ready().capabilities.batch_delete:
            return await bounded_map(keys, self._delete_one, self._concurrency)
        return await self._bucket.delete_objects(keys) if keys else ()

    async def _delete_one(self, key: str) -> DeletionResult:
        try:
            await self._bucket.delete_object(key)
        except Unavailable as error:
            return DeletionResult(key, error.detail)
        return DeletionResult(key)
