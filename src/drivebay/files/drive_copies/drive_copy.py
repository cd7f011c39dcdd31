"""Copies a file, or a folder with everything in it, into another drive, step by step.

A step reads the original, and lets the store copy objects, without the lock of the drive that gets the copy. Then one
transaction under this lock records the result. If another call has run the step in the meantime, this call records
nothing.

A file takes two steps. The first step records an upload in the state `copying` and reserves the bytes. The second step
lets the store copy the object, and inserts the hidden file. So each object has a row before it exists. If the job ends
between the two steps, the object is queued for the purge, whether the store has copied it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from ...contract.files import File, Kind, Role, TreeSize
from ...contract.ids import DriveId, FileId, UploadId
from ...contract.storage import CopyStatus, ObjectCopy, PutSpec, Storage
from ...errors import Conflict, NotFound, Unavailable
from ...observability.crash_points import crash_point
from ...postgres import Connection, Database
from ..copies.copy_place import count_levels_above
from ..entries.service import check_depth, require_entry
from ..entries.store import EntryStore
from ..jobs.copy_limits import CopyLimits
from ..jobs.job_access import JobAccess
from ..jobs.job_publication import JobPublication
from ..jobs.store import CopiedFolder, JobStore, Position, StoredJob
from ..object_keys import object_key
from ..settings import Settings
from ..usage.store import LockedUsage
from .store import CopiedObject, DriveCopyStore, ForeignOriginal, HiddenFolder, OpenFolder, PlannedFile, PlannedObject

STEP_ENTRIES: Final = 200
"""The maximum number of files and folders that one step plans."""
STEP_OBJECTS: Final = 64
"""The maximum number of objects that the store copies in one step."""
_STEP_FOLDERS: Final = 200
"""The maximum number of folders whose entries are read in one step."""
_COPY_TIME: Final = timedelta(days=1)
"""A job fails if the store has not copied a planned object after this time."""


class PreparedStep(msgspec.Struct, frozen=True):
    """What a step has read and done before its transaction.

    `size` is the size of the tree, if this is the first step and the size is known. `originals` are the entries to plan
    next: entries in the folders `open`, or a file that is copied alone. `copied` are the objects that the store has
    copied, or None if no objects were planned.
    """

    source: File
    size: TreeSize | None = None
    open: tuple[OpenFolder, ...] = ()
    originals: tuple[ForeignOriginal, ...] = ()
    copied: tuple[CopiedObject, ...] | None = None


class DriveCopy:
    """Runs the steps of jobs that copy into another drive."""

    def __init__(self, db: Database, storage: Storage, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._storage = storage
        self._new_id = new_id
        self._settings = settings
        self._access = JobAccess()
        self._copies = DriveCopyStore()
        self._entries = EntryStore()
        self._jobs = JobStore()
        self._limits = CopyLimits(settings)
        self._publication = JobPublication(settings, new_id)

    # -- before the transaction

    async def prepare(self, stored: StoredJob, drive: DriveId) -> PreparedStep:
        """Read what the next step needs from the drive of the original, or let the store copy planned objects.

        Raises NotFound, Forbidden (the actor may not read the original any more), Conflict (an object to copy was
        deleted, or was not copied within a day), Unavailable (the store copies nothing now).
        """
        planned = await self._copies.list_planned_objects(self._db, stored.job, STEP_OBJECTS)
        open_folders: Sequence[OpenFolder] = ()
        if stored.has_begun and not planned:
            open_folders = await self._copies.list_open_folders(self._db, stored.job, _STEP_FOLDERS)
        async with self._db.snapshot() as tx:
            access = await self._access.resolve(tx, drive, stored.actor, Role.VIEWER)
            await self._access.require(tx, access, Role.VIEWER, stored.source)  # guard: drive-copy-source
            source = require_entry(await self._entries.select_entry(tx, drive, stored.source), stored.source)
            originals = await self._list_originals(tx, stored, source, open_folders)
        if planned:
            return PreparedStep(source, copied=tuple(await self._copy_objects(stored.job.drive, planned)))
        size = None if stored.has_begun else await self._measure(source, drive)
        return PreparedStep(source, size, tuple(open_folders), tuple(originals))

    async def _list_originals(
        self, tx: Connection, stored: StoredJob, source: File, open_folders: Sequence[OpenFolder]
    ) -> list[ForeignOriginal]:
        if not stored.has_begun and source.kind is Kind.FILE:
            original = await self._copies.select_original(tx, source.drive, source.id)
            return [] if original is None else [original]
        if not open_folders:
            return []
        # A folder that was moved out of the source is not read: the actor may have no access to it any more.
        ids = [folder.folder for folder in open_folders]
        below = await self._copies.select_folders_below(tx, source.drive, ids, source.id)
        readable = [folder for folder in open_folders if folder.folder in below]  # guard: drive-copy-moved-folder
        return await self._copies.list_originals(tx, source.drive, readable, STEP_ENTRIES) if readable else []

    async def _measure(self, source: File, drive: DriveId) -> TreeSize | None:
        """Return the size of everything below a folder, or the bytes of a file. Return None if it takes too long."""
        if source.kind is Kind.FILE:
            return TreeSize(source.size, 0, 0)
        try:
            return await self._entries.measure_tree(self._db, drive, source.id)
        except Unavailable:
            return None

    async def _copy_objects(self, drive: DriveId, planned: Sequence[PlannedObject]) -> list[CopiedObject]:
        """Let the store copy objects. Return those that are copied."""
        for object in planned:
            if object.is_overdue:  # guard: drive-copy-overdue
                raise Conflict(f"the store did not copy the content of {object.name!r} within a day")
        results = await self._storage.copy_objects(tuple(_object_copy(drive, object) for object in planned))
        crash_point("drive_copy.objects_copied")
        copied = []
        is_running = False
        for object, result in zip(planned, results, strict=True):
            if result.status is CopyStatus.SOURCE_CHANGED:  # guard: drive-copy-deleted-source
                raise Conflict(f"the content of {object.name!r} was deleted before it was copied; start the copy again")
            if result.status is CopyStatus.DONE:
                copied.append(CopiedObject(object.upload, result.etag, object.crc32))
            is_running = is_running or result.status is CopyStatus.RUNNING
        if not copied and not is_running:  # guard: drive-copy-no-progress
            raise Unavailable("the store copies no objects now")
        return copied

    # -- the transaction

    async def run_step(self, tx: Connection, stored: StoredJob, usage: LockedUsage, found: PreparedStep) -> bool:
        """Record what `prepare` has read and done, under the lock of the drive that gets the copy.

        Return whether the copy became visible. Raises NotFound, Forbidden, QuotaExceeded, TooLarge, InvalidRequest,
        NameTaken, Conflict.
        """
        levels = await self._check_target(tx, stored, found.source)
        if not stored.has_begun:
            await self._begin(tx, stored, usage, found)
            return False
        done = stored.job.done
        if found.copied is not None:
            done += await self._record(tx, stored, usage, found.copied)
            if found.source.kind is Kind.FOLDER or not found.copied:
                return False
        elif found.open:
            await self._plan(tx, stored, usage, found, levels)
            return False
        # The target may have been moved down since the folders were copied.
        check_depth(levels + await self._jobs.select_depth(tx, stored.job), self._settings)  # guard: drive-copy-depth
        await self._publication.publish(tx, stored, found.source, done)
        return True

    async def _check_target(self, tx: Connection, stored: StoredJob, source: File) -> int:
        """Check the current access to the target. Return the number of folders above the copy."""
        drive, parent = stored.job.drive, stored.target.parent
        access = await self._access.resolve(tx, drive, stored.actor, Role.EDITOR)
        await self._access.require(tx, access, Role.EDITOR, parent)  # guard: drive-copy-target
        levels = await count_levels_above(self._entries, tx, drive, stored.source, parent)
        check_depth(levels + (1 if source.kind is Kind.FOLDER else 0), self._settings)
        return levels

    async def _begin(self, tx: Connection, stored: StoredJob, usage: LockedUsage, found: PreparedStep) -> None:
        """Copy the source folder itself, or plan the source file. Fail if the quota is too small for the whole copy."""
        source, size = found.source, found.size
        total = stored.job.total if size is None else size.files + size.folders + 1
        total_bytes = 0 if size is None else size.bytes
        usage.check_bytes(total_bytes)  # guard: drive-copy-first-quota
        self._limits.check_entries(usage, total)
        self._limits.check_size(total)
        await self._jobs.set_total(tx, stored.job, total, total_bytes)
        copy = FileId(self._new_id())
        parent = FileId(UUID(int=stored.job.id.int))  # no entry has this id; the last step sets the parent
        if source.kind is Kind.FOLDER:
            properties = msgspec.json.encode(source.properties).decode() if source.properties else None
            folder = HiddenFolder(copy, parent, source.name, source.modified_at, properties)
            await self._copies.insert_hidden_folders(tx, stored, [folder])
            await self._jobs.insert_folders(tx, stored.job, [CopiedFolder(0, source.id, copy, 1)])
            await self._jobs.advance(tx, stored.job, 1, 1)
            return
        # The first row names the copy of the source. A file has no contents to copy, so the row is complete at once.
        await self._jobs.insert_folders(tx, stored.job, [CopiedFolder(0, source.id, copy, 0)])
        await self._jobs.save_progress(tx, stored.job, 0, None)
        await self._jobs.advance(tx, stored.job, 0, 1)
        files = [_planned_file(UploadId(self._new_id()), copy, parent, original) for original in found.originals]
        await self._copies.plan_objects(tx, stored, files, _COPY_TIME)

    async def _plan(
        self, tx: Connection, stored: StoredJob, usage: LockedUsage, found: PreparedStep, levels: int
    ) -> None:
        """Insert copies of folders, and record the objects that the store copies next."""
        usage.check_bytes(sum(original.size for original in found.originals))  # guard: drive-copy-quota
        self._limits.check_entries(usage, len(found.originals))
        self._limits.check_size(stored.job.done + len(found.originals))
        open_folders = {folder.ordinal: folder for folder in found.open}
        folders: list[HiddenFolder] = []
        copied: list[CopiedFolder] = []
        files: list[PlannedFile] = []
        for original in found.originals:
            parent = open_folders[original.ordinal]
            id = FileId(self._new_id())
            if original.kind is Kind.FILE:
                files.append(_planned_file(UploadId(self._new_id()), id, parent.copy, original))
                continue
            check_depth(levels + parent.depth + 1, self._settings)
            ordinal = stored.folder_count + len(copied)
            folders.append(HiddenFolder(id, parent.copy, original.name, original.modified_at, original.properties))
            copied.append(CopiedFolder(ordinal, original.id, id, parent.depth + 1))
        await self._copies.insert_hidden_folders(tx, stored, folders)
        await self._copies.plan_objects(tx, stored, files, _COPY_TIME)
        is_full = len(found.originals) == STEP_ENTRIES
        position = Position(found.originals[-1].ordinal, found.originals[-1].name) if is_full else None
        await self._jobs.save_progress(tx, stored.job, found.open[-1].ordinal, position)
        await self._jobs.insert_folders(tx, stored.job, copied)
        await self._jobs.advance(tx, stored.job, len(copied), len(copied))

    async def _record(
        self, tx: Connection, stored: StoredJob, usage: LockedUsage, copied: Sequence[CopiedObject]
    ) -> int:
        """Insert hidden files for copied objects. Return their number."""
        self._limits.check_entries(usage, len(copied))  # guard: drive-copy-entry-limit
        files, size = await self._copies.insert_copied_files(tx, stored, copied)
        await self._jobs.advance(tx, stored.job, files, 0, size)
        return files


def _planned_file(upload: UploadId, file: FileId, parent: FileId, original: ForeignOriginal) -> PlannedFile:
    if original.content is None:
        raise NotFound(f"no file {original.id}")
    return PlannedFile(upload, file, parent, original, original.content)


def _object_copy(drive: DriveId, object: PlannedObject) -> ObjectCopy:
    key = object_key(drive, object.upload)
    metadata = {"owner": str(drive), "upload": str(object.upload), "name": object.name}
    put = PutSpec(key, object.size, object.content_type, None, metadata)
    return ObjectCopy(object.source_key, object.source_etag, put)
