"""Empties the drive of a deleted account, and ends the account's permissions and memberships in other drives."""

from __future__ import annotations

from typing import Final

import msgspec

from ...contract.files import Role, Trigger, UploadRef, UploadStatus
from ...contract.ids import DriveId, UserId
from ...hints import HintChannel
from ...postgres import Database
from ..archives.store import ArchiveStore
from ..drives.store import DriveStore
from ..jobs.job_cleanup import JobCleanup
from ..jobs.store import JobStore
from ..links.store import LinkStore
from ..permissions.store import PermissionStore
from ..settings import Settings
from ..trash.store import TrashStore
from ..uploads.store import UploadEnd, UploadStore
from ..usage.store import UsageStore
from ..webhooks.store import WebhookStore
from .store import AccountDeletionStore

_BATCH: Final = 200
"""The maximum number of uploads, and of entries, in one transaction. It is low, because the transaction holds the lock
of the drive."""
_MAX_BATCHES: Final = 50
"""The maximum number of transactions in one call. The next call continues."""
_MAX_DRIVES: Final = 100
"""The maximum number of drives in which one call ends memberships or permissions. The next call continues."""


class AccountDeletionService:
    """Implements `contract.files.AccountDeletion`."""

    def __init__(self, db: Database, settings: Settings, hints: HintChannel) -> None:
        self._db = db
        self._archives = ArchiveStore()
        self._drives = DriveStore()
        self._links = LinkStore()
        self._hints = hints
        self._jobs = JobStore()
        self._job_cleanup = JobCleanup()
        self._settings = settings
        self._account_deletion = AccountDeletionStore()
        self._permissions = PermissionStore()
        self._trash = TrashStore()
        self._uploads = UploadStore()
        self._usage = UsageStore()
        self._webhooks = WebhookStore()

    async def empty_drive(self, drive: DriveId) -> bool:
        await self._archives.end_archives(self._db, drive)  # guard: account-end-archives
        user = UserId(drive)
        await self._links.delete_links_of_user(self._db, user)  # guard: account-end-links
        await self._webhooks.delete_of_user(self._db, user)  # guard: account-end-webhooks
        shared = await self._drives.list_drives_to_leave(self._db, user, _MAX_DRIVES)
        for other_drive in shared:
            await self._leave_drive(other_drive, user)
        if len(shared) == _MAX_DRIVES:
            return False
        sharing = await self._permissions.list_sharing_drives(self._db, user, _MAX_DRIVES)
        for other_drive in sharing:
            await self._delete_permissions(other_drive, user)
        if len(sharing) == _MAX_DRIVES:
            return False
        for _ in range(_MAX_BATCHES):
            if not await self._remove_batch(drive):
                return await self._account_deletion.is_purged(self._db, drive)
        return False

    async def _leave_drive(self, drive: DriveId, user: UserId) -> None:
        """Remove a deleted user from a shared drive. Another member becomes manager. The last member deletes the
        drive."""
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, drive, self._settings.quota)  # guard: account-end-lock
            successor = await self._drives.select_successor(tx, drive, user)
            if successor is None:
                # The row of the last member stays until the drive is purged, as for every deleted drive.
                await self._drives.delete_drive(tx, drive, self._settings.trash_grace)
                await self._permissions.delete_of_drive(tx, drive)
                await self._webhooks.delete_of_drive(tx, drive)
            else:
                if successor.role is not Role.MANAGER:  # guard: account-end-manager
                    # `hides_email` has no effect if other members can see the email address already.
                    manager = msgspec.structs.replace(successor, role=Role.MANAGER, hides_email=True)
                    await self._drives.upsert_member(tx, drive, manager)
                await self._drives.delete_member(tx, drive, user)
                await self._webhooks.delete_of_member(tx, user, drive)
        self._hints.publish(drive)

    async def _delete_permissions(self, drive: DriveId, user: UserId) -> None:
        """Delete the permissions of a deleted user in the drive of another user."""
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, drive, self._settings.quota)
            await self._permissions.delete_of_user(tx, drive, user)  # guard: account-end-permissions

    async def _remove_batch(self, drive: DriveId) -> bool:
        """Abort some uploads, end the jobs of the drive, and trash some entries. Return False if there was nothing to
        do."""
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, drive, self._settings.quota)
            uploads = await self._account_deletion.list_uploads_to_abort(tx, drive, _BATCH)
            for upload in uploads:
                end = UploadEnd(UploadStatus.ABORTED, Trigger.CLIENT)
                await self._uploads.end_upload(tx, UploadRef(drive, upload), end)
            await self._jobs.cancel_of_drive(tx, drive)  # guard: account-end-jobs
            jobs = await self._jobs.list_unfinished(tx, drive)
            for stored in jobs[:1]:
                await self._job_cleanup.delete_batch(tx, stored.job, _BATCH)
            entries = await self._account_deletion.list_top_entries(tx, drive, _BATCH)
            for entry in entries:
                await self._trash.trash_entry(tx, (drive, UserId(drive)), entry, self._settings.trash_grace)
        return bool(uploads or jobs or entries)
