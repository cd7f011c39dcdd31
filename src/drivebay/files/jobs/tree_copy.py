"""Copies a folder with everything in it, step by step.

The copies are hidden until the last step makes all of them visible with one statement. The folders are read in the
order in which they were copied, and the entries of a folder in the order of their names. So the position of a job is
one folder and one name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from ...contract.files import File, Kind, Role, TreeSize
from ...contract.ids import FileId, VersionId
from ...postgres import Connection
from ..copies.copy_place import count_levels_above
from ..entries.service import check_depth, require_entry
from ..entries.store import EntryStore
from ..settings import Settings
from ..usage.store import LockedUsage
from .copy_limits import CopyLimits
from .job_access import JobAccess
from .job_publication import JobPublication
from .store import CopiedFolder, HiddenCopy, JobStore, Original, Position, StoredJob

STEP_ENTRIES: Final = 1000
"""The maximum number of files and folders in one step. A step holds the lock of the drive, so it must be short."""
_STEP_FOLDERS: Final = 200
"""The maximum number of folders whose entries are read in one step."""


class TreeCopy:
    """Runs the steps of jobs that copy inside a drive."""

    def __init__(self, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._settings = settings
        self._new_id = new_id
        self._access = JobAccess()
        self._entries = EntryStore()
        self._jobs = JobStore()
        self._limits = CopyLimits(settings)
        self._publication = JobPublication(settings, new_id)

    async def run_step(self, tx: Connection, stored: StoredJob, usage: LockedUsage, size: TreeSize | None) -> bool:
        """Run the next step of a copy under the lock of the drive. Return whether the copies became visible.

        `size` is the size of the tree, or None if it is not known. Only the first step needs it. Raises the
        errors of `copy_entry`.
        """
        source, levels = await self._check(tx, stored)
        if not stored.has_begun:
            await self._begin(tx, stored, source, usage, size)
            return False
        last = await self._jobs.close_moved_folders(tx, stored, _STEP_FOLDERS)
        if last is None:
            # The target may have been moved down since the folders were copied.
            depth = await self._jobs.select_depth(tx, stored.job)
            check_depth(levels + depth, self._settings)  # guard: job-final-depth
            await self._publication.publish(tx, stored, source, stored.job.done)
            return True
        originals = await self._jobs.list_next_originals(tx, stored.job, last, STEP_ENTRIES)
        is_full = len(originals) == STEP_ENTRIES
        position = Position(originals[-1].ordinal, originals[-1].name) if is_full else None
        await self._jobs.save_progress(tx, stored.job, last, position)
        if originals:
            await self._copy(tx, stored, originals, usage, levels)
        return False

    async def _check(self, tx: Connection, stored: StoredJob) -> tuple[File, int]:
        """Check the current access and target. Return the source, and the number of folders above the copy."""
        access = await self._access.resolve(tx, stored.job.drive, stored.actor, Role.EDITOR)  # guard: job-access
        await self._access.require(tx, access, Role.VIEWER, stored.source)  # guard: scope-job-source
        await self._access.require(tx, access, Role.EDITOR, stored.target.parent)  # guard: scope-job-target
        source = require_entry(await self._entries.select_entry(tx, access.drive, stored.source), stored.source)
        levels = await count_levels_above(self._entries, tx, access.drive, source.id, stored.target.parent)
        check_depth(levels + 1, self._settings)
        return source, levels

    async def _begin(
        self, tx: Connection, stored: StoredJob, source: File, usage: LockedUsage, size: TreeSize | None
    ) -> None:
        """Copy the source folder itself. If the quota is too small for the whole copy, fail now."""
        total = stored.job.total if size is None else size.files + size.folders + 1
        usage.check_bytes(0 if size is None else size.bytes)  # guard: job-first-quota
        self._limits.check_entries(usage, total)
        self._limits.check_size(total)
        await self._jobs.set_total(tx, stored.job, total, 0 if size is None else size.bytes)
        copy = FileId(self._new_id())
        parent = FileId(UUID(int=stored.job.id.int))  # no entry has this id; the last step sets the parent
        await self._jobs.insert_hidden_copies(tx, stored, [HiddenCopy(source.id, copy, parent, None)])
        await self._jobs.insert_folders(tx, stored.job, [CopiedFolder(0, source.id, copy, 1)])
        await self._jobs.advance(tx, stored.job, 1, 1)

    async def _copy(
        self, tx: Connection, stored: StoredJob, originals: Sequence[Original], usage: LockedUsage, levels: int
    ) -> None:
        size = sum(original.size for original in originals)
        usage.check_bytes(size)  # guard: job-quota
        self._limits.check_entries(usage, len(originals))  # guard: job-entry-limit
        self._limits.check_size(stored.job.done + len(originals))  # guard: job-size
        copies: list[HiddenCopy] = []
        folders: list[CopiedFolder] = []
        for original in originals:
            id = FileId(self._new_id())
            if original.kind is Kind.FILE:
                copies.append(HiddenCopy(original.id, id, original.parent_copy, VersionId(self._new_id())))
                continue
            check_depth(levels + original.depth + 1, self._settings)  # guard: job-depth
            copies.append(HiddenCopy(original.id, id, original.parent_copy, None))
            folders.append(CopiedFolder(stored.folder_count + len(folders), original.id, id, original.depth + 1))
        await self._jobs.insert_hidden_copies(tx, stored, copies)
        await self._jobs.insert_folders(tx, stored.job, folders)
        await self._jobs.advance(tx, stored.job, len(copies), len(folders), size)
