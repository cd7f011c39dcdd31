"""The transaction of a commit, which turns verified objects into files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

import msgspec
import structlog

from ...contract.files import CommitOutcome, Kind, OnConflict, Trigger, UploadRef, UploadStatus
from ...contract.ids import ROOT, DriveId, FileId
from ...errors import Unavailable
from ...hints import HintChannel
from ...observability.crash_points import crash_point
from ...postgres import Connection, Database
from ..entries.free_names import Location, find_free_name
from ..entries.store import EntryStore
from ..multipart.store import MultipartStore
from ..settings import Settings
from ..transaction_groups import TransactionGroups
from ..trash.store import TrashStore
from ..upload_metrics import ENDED_UPLOADS
from ..uploads.store import UploadEnd, UploadStore
from ..usage.store import UsageStore
from ..versions.store import StoredObject, VersionStore
from .store import Candidate, CommitStore, Folder, NewFile, VerifiedObject

MAX_GROUP: Final = 1000
"""The maximum number of uploads in one transaction that serves several calls."""
log = structlog.get_logger(__name__)

_NO_QUOTA: Final = "quota_exceeded"
_LOCKED_OWNERS_TIME: Final = 3.0
"""The number of seconds after which a call does not begin to wait for another locked owner."""


class FileCreation:
    """Creates the files of verified objects. Concurrent calls for one owner share a transaction."""

    def __init__(
        self, db: Database, commits: CommitStore, settings: Settings, new_id: Callable[[], UUID], hints: HintChannel
    ) -> None:
        self._db = db
        self._hints = hints
        self._commits = commits
        self._entries = EntryStore()
        self._multiparts = MultipartStore()
        self._trash = TrashStore()
        self._uploads = UploadStore()
        self._usage = UsageStore()
        self._versions = VersionStore()
        self._settings = settings
        self._new_id = new_id
        self._groups = TransactionGroups(self._create_alone, self._create_group, MAX_GROUP)

    async def create_files(
        self, objects: Sequence[VerifiedObject], trigger: Trigger | None
    ) -> dict[UploadRef, CommitOutcome]:
        """Turn uploads into files. Return the outcome of each upload.

        An upload that has already ended is not changed. Concurrent calls for one owner may share a transaction. A call
        with uploads of several owners uses one transaction for all owners that are not locked. The uploads of each
        locked owner get a transaction of their own. Their outcome is UNKNOWN if the lock lasts too long.
        """
        owners = {object.ref.owner for object in objects}
        if len(owners) == 1:
            return await self._groups.run((owners.pop(), trigger), objects, len(objects))
        outcomes = await self._create(objects, trigger, skips_locked=True)
        waiting: dict[DriveId, list[VerifiedObject]] = {}
        for object in objects:
            if object.ref not in outcomes:
                waiting.setdefault(object.ref.owner, []).append(object)
        return outcomes | await self._create_of_locked(waiting, trigger)

    async def create_instantly(self, tx: Connection, ref: UploadRef, stored: StoredObject) -> None:
        """Turn a pending upload into a file that shares a stored object. Needs the lock of the drive."""
        (upload,) = await self._commits.select_candidates(tx, [ref])
        object = VerifiedObject(upload, stored.etag, upload.sha256, stored.key, stored.id)
        await self._create_one(tx, object, Trigger.CLIENT)

    async def _create_of_locked(
        self, objects: Mapping[DriveId, Sequence[VerifiedObject]], trigger: Trigger | None
    ) -> dict[UploadRef, CommitOutcome]:
        """Create the files of owners that were locked, one owner after the other."""
        outcomes = {object.ref: CommitOutcome.UNKNOWN for owned in objects.values() for object in owned}
        clock = asyncio.get_running_loop().time
        ends_at = clock() + _LOCKED_OWNERS_TIME
        for owner, owned in objects.items():
            if clock() < ends_at:
                with suppress(Unavailable):
                    outcomes |= await self._groups.run((owner, trigger), owned, len(owned))
        return outcomes

    async def _create_alone(
        self, key: tuple[DriveId, Trigger | None], objects: Sequence[VerifiedObject]
    ) -> dict[UploadRef, CommitOutcome]:
        return await self._create(objects, key[1])

    async def _create_group(
        self, key: tuple[DriveId, Trigger | None], calls: Sequence[Sequence[VerifiedObject]]
    ) -> list[dict[UploadRef, CommitOutcome]]:
        """Create the files of several calls in one transaction, and return the outcomes of each call."""
        objects = {object.ref: object for call in calls for object in call}  # guard: group-repeated-upload
        outcomes = await self._create(tuple(objects.values()), key[1])
        results = []
        for call in calls:
            results.append({object.ref: outcomes[object.ref] for object in call})
            # For a later call, these uploads have ended.
            outcomes.update((object.ref, CommitOutcome.ALREADY_ENDED) for object in call)
        return results

    async def _create(
        self, objects: Sequence[VerifiedObject], trigger: Trigger | None, *, skips_locked: bool = False
    ) -> dict[UploadRef, CommitOutcome]:
        """Create files in one transaction. With `skips_locked`, uploads of locked owners have no outcome."""
        async with self._db.transaction() as tx:
            owners = {object.ref.owner for object in objects}
            if skips_locked:
                free = await self._usage.lock_free_owners(tx, owners)
                objects = [object for object in objects if object.ref.owner in free]
            else:
                await self._usage.lock_owners(tx, owners)
            completed = await self._commits.insert_files(tx, await self._plan_files(tx, objects), trigger)
            # These uploads remain: those that replace a file, those whose folder is in the trash or whose name is
            # taken, late ones, and ended ones. Create their files one at a time.
            rejected: list[UploadRef] = []
            for object in await self._select_committable(
                tx, [verified for verified in objects if verified.ref not in completed]
            ):
                if not await self._fits(tx, object.upload):
                    await self._uploads.end_upload(tx, object.ref, UploadEnd(UploadStatus.FAILED, trigger, _NO_QUOTA))
                    rejected.append(object.ref)
                elif await self._create_one(tx, object, trigger):
                    completed.add(object.ref)
            multipart = [
                verified.ref for verified in objects if verified.upload.is_multipart and verified.ref in completed
            ]
            if multipart:
                await self._multiparts.delete_part_checksums(tx, multipart)
            crash_point("commit.before_db_commit")
        crash_point("commit.after_db_commit")
        for owner in {ref.owner for ref in completed}:
            self._hints.publish(owner)  # guard: hint-after-commit
        for ref in rejected:
            log.warning("upload_rejected", owner=str(ref.owner), upload=str(ref.id), reason=_NO_QUOTA)
        ENDED_UPLOADS.labels("complete").inc(len(completed))
        ENDED_UPLOADS.labels("rejected").inc(len(rejected))
        outcomes = dict.fromkeys((object.ref for object in objects), CommitOutcome.ALREADY_ENDED)
        outcomes |= dict.fromkeys(completed, CommitOutcome.COMPLETED)
        return outcomes | dict.fromkeys(rejected, CommitOutcome.REJECTED)

    async def _plan_files(self, tx: Connection, objects: Sequence[VerifiedObject]) -> list[NewFile]:
        """Return the files that one statement can insert: they replace no file, and their folder is not in the
        trash."""
        inserts = [object for object in objects if object.upload.on_conflict is not OnConflict.REPLACE]
        folders = {(object.ref.owner, object.upload.parent) for object in inserts if object.upload.parent != ROOT}
        untrashed = await self._entries.select_untrashed_folders(tx, folders) if folders else frozenset()
        return [
            NewFile(object, FileId(self._new_id()), object.upload.parent, object.upload.name)
            for object in inserts
            if object.upload.parent == ROOT or (object.ref.owner, object.upload.parent) in untrashed
        ]

    async def _select_committable(self, tx: Connection, objects: Sequence[VerifiedObject]) -> list[VerifiedObject]:
        """Return the objects of uploads that have not ended. Their drives are locked, so no other commit can end
        them."""
        if not objects:
            return []
        uploads = await self._commits.select_candidates(tx, [object.ref for object in objects])
        committable = {upload.ref: upload for upload in uploads if upload.can_commit}  # guard: replace-committable
        return [
            msgspec.structs.replace(object, upload=committable[object.ref])
            for object in objects
            if object.ref in committable
        ]

    async def _fits(self, tx: Connection, upload: Candidate) -> bool:
        """Return whether an upload fits in the quota. Only a late upload is checked, because its reservation was
        released."""
        if not upload.is_late:
            return True
        usage = await self._usage.lock_usage(tx, upload.ref.owner, self._settings.quota)
        return usage.fits(upload.size)  # guard: commit-late-fits

    async def _create_one(self, tx: Connection, object: VerifiedObject, trigger: Trigger | None) -> bool:
        upload = object.upload
        folder = await self._choose_folder(tx, upload)
        location = Location(upload.ref.owner, folder.id, upload.name, folder.trashed_with)
        # Replace only in the intended folder. A file of the same name in the root is another file.
        if upload.on_conflict is OnConflict.REPLACE and location.parent == upload.parent:  # guard: replace-own-folder
            existing = await self._find_file(tx, location)
            if existing is not None:
                replaced = await self._commits.replace_version(tx, existing, object, trigger)
                await self._versions.delete_excess(tx, location.owner, existing, self._settings.versions_keep)
                return replaced
        name = await find_free_name(self._entries, tx, location, except_upload=upload.ref.id)
        new_file = NewFile(object, FileId(self._new_id()), location.parent, name)
        inserted = bool(await self._commits.insert_files(tx, [new_file], trigger, late=True))
        if inserted and folder.hidden_by is not None:
            await self._trash.add_hidden_file(tx, location.owner, folder.hidden_by)  # guard: commit-hidden-file
        return inserted

    async def _choose_folder(self, tx: Connection, upload: Candidate) -> Folder:
        """Return the folder of the file: the intended folder, also if it is in the trash, or the root.

        If the folder is purged, or is due for the purge, the file goes to the root, so that the stored bytes are not
        lost.
        """
        if upload.parent == ROOT:
            return Folder(ROOT)
        return await self._commits.select_folder(tx, upload.ref.owner, upload.parent) or Folder(ROOT)

    async def _find_file(self, tx: Connection, location: Location) -> FileId | None:
        """Return the file at this location, or None. If the folder is in the trash, look for the file in the trash."""
        if location.trashed_with is not None:
            return await self._commits.select_file_in_trash(tx, location)
        entry = await self._entries.select_entry_by_name(tx, location.owner, location.parent, location.name)
        return entry.id if entry is not None and entry.kind is Kind.FILE else None
