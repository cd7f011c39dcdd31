"""Purges: permanent deletions of objects, claimed under leases.

The rows of an object are deleted after its bytes. While the bytes may exist, the version is `purging` and counts in the
usage. When a lease ends, another janitor takes over its purges. The results of a janitor whose lease has ended are
ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ...contract.files import PurgeTask, UploadRef
from ...contract.ids import DriveId, LeaseId
from ...errors import InvalidRequest, Unavailable
from ...hints import HintChannel
from ...observability.crash_points import crash_point
from ...postgres import Connection, Database
from ..drives.store import DriveStore
from ..settings import Settings
from ..trash.trash_counts import TrashCounts
from ..usage.store import UsageStore
from ..versions.store import VersionStore
from .store import PurgeStore

MAX_BATCH: Final = 1000
"""The maximum number of purges or uploads in one call."""
_MAX_SECONDS: Final = 6.0  # guard: purge-folders
"""The number of seconds for which one claim deletes entries without finding objects. The next claim continues."""
_MAX_PAUSES: Final = 10
"""The maximum number of pauses of one claim for drives that are locked."""
_PAUSE: Final = 0.1
"""The length of one pause in seconds."""
_LOCKED_OWNERS_TIME: Final = 3.0
"""The number of seconds after which `finish_purges` does not begin to wait for another locked owner. Each wait for an
owner ends after three seconds too."""


class PurgeService:
    """Implements `contract.files.Purges`."""

    def __init__(self, db: Database, settings: Settings, hints: HintChannel) -> None:
        self._db = db
        self._drives = DriveStore()
        self._hints = hints
        self._purges = PurgeStore()
        self._trash_counts = TrashCounts(db)
        self._versions = VersionStore()
        self._settings = settings
        self._usage = UsageStore()

    async def claim_purges(self, lease: LeaseId, limit: int) -> tuple[PurgeTask, ...]:
        if not 1 <= limit <= MAX_BATCH:
            raise InvalidRequest(f"limit must be 1 to {MAX_BATCH}")
        clock = asyncio.get_running_loop()
        ends_at = clock.time() + _MAX_SECONDS
        pauses = 0
        # Folders have no object. If this method returned no object after it deleted only folders, the janitor would end
        # its round too early.
        while True:
            tasks, has_more = await self._claim_once(lease, limit)
            if tasks or clock.time() > ends_at:
                return tasks
            if not has_more:
                if pauses == _MAX_PAUSES or not await self._is_drive_locked():
                    break
                pauses += 1
                await asyncio.sleep(_PAUSE)
        if not pauses:
            # Count only if nothing is due, so that counting delays no purge.
            await self._trash_counts.count_one()
        return ()

    async def _is_drive_locked(self) -> bool:
        """Return whether an entry is due that a claim has skipped, because the drive of the entry is locked.

        Return False while a backup runs.
        """
        async with self._db.transaction() as tx:
            if not await self._purges.may_purge(tx):
                return False
        return await self._purges.is_entry_due(self._db)  # guard: purge-locked-drive

    async def _claim_once(self, lease: LeaseId, limit: int) -> tuple[tuple[PurgeTask, ...], bool]:
        """Delete due entries and old versions, and claim due objects.

        Return the objects, and whether more entries or versions may be due.
        """
        async with self._db.transaction() as tx:
            if not await self._purges.may_purge(tx):  # guard: backup-holds-purges
                return (), False
            await self._drives.expire_entries(tx, limit)
            marked_count = await self._purges.mark_below_due_folders(tx, limit)
            deleted_entries = await self._purges.mark_for_purge(tx, limit)
            await self._versions.delete_of_files(tx, deleted_entries.deleted)
            aged_count = await self._versions.delete_aged(tx, self._settings.versions_age, limit)
            await self._versions.delete_released(tx, await self._purges.take_purges_of_versions(tx, limit))
            tasks = await self._purges.lease_purges(tx, lease, limit, self._settings.lease)
            if tasks:
                crash_point("purge.claim_before_db_commit")
        for owner in deleted_entries.owners:
            self._hints.publish(owner)  # guard: hint-after-purge
        has_more = max(marked_count, len(deleted_entries.deleted), aged_count) >= limit
        return tasks, has_more

    async def finish_purges(self, lease: LeaseId, uploads: tuple[UploadRef, ...]) -> int:
        by_owner: dict[DriveId, list[UploadRef]] = {}
        for ref in uploads:
            by_owner.setdefault(ref.owner, []).append(ref)
        async with self._db.transaction() as tx:
            free = await self._usage.lock_free_owners(tx, by_owner)  # guard: finish-skip-locked
            finished = await self._finish(tx, lease, [ref for ref in uploads if ref.owner in free])
            crash_point("purge.finish_before_db_commit")
        crash_point("purge.finish_after_db_commit")
        locked = [refs for owner, refs in by_owner.items() if owner not in free]
        return finished + await self._finish_locked(lease, locked)

    async def _finish_locked(self, lease: LeaseId, locked: Sequence[Sequence[UploadRef]]) -> int:
        """Finish the purges of owners that were locked, one owner after another, and return the number of purges."""
        clock = asyncio.get_running_loop()
        ends_at = clock.time() + _LOCKED_OWNERS_TIME
        finished = 0
        for refs in locked:
            if clock.time() > ends_at:
                break
            with suppress(Unavailable):
                async with self._db.transaction() as tx:
                    await self._usage.lock_owners(tx, [refs[0].owner])
                    of_owner = await self._finish(tx, lease, refs)
                finished += of_owner
        return finished

    async def _finish(self, tx: Connection, lease: LeaseId, uploads: Sequence[UploadRef]) -> int:
        """Finish purges whose drives this transaction has locked."""
        settings = self._settings
        return await self._purges.finish_purges(tx, lease, uploads, settings.tombstone, settings.upload_ttl)

    async def known_uploads(self, uploads: tuple[UploadRef, ...]) -> tuple[bool, ...]:
        return await self._purges.are_known(self._db, uploads)

    async def list_multipart_ids(self, uploads: tuple[UploadRef, ...]) -> tuple[str, ...]:
        if len(uploads) > MAX_BATCH:
            raise InvalidRequest(f"a batch has at most {MAX_BATCH} uploads")
        return await self._purges.select_multipart_ids(self._db, uploads)
