"""Counts the files of large folders in the trash.

When a folder is trashed, its files are counted only if they are few. Until a large folder is counted here, the
`file_count` of the drive includes its files.
"""

from __future__ import annotations

from typing import Final

from ...postgres import Database
from ..usage.store import UsageStore
from .store import TrashStore

MAX_ATTEMPTS: Final = 3
"""After this many attempts a folder is not counted any more. Its files stay in `file_count` until they are purged."""


class TrashCounts:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._trash = TrashStore()
        self._usage = UsageStore()

    async def count_one(self) -> None:
        """Count the files of one trashed folder that is not counted yet, for at most two seconds.

        The files are read without a lock, and the result is saved only if no upload has added a file to the folder
        meanwhile. A folder whose drive is locked is counted by a later call.
        """
        async with self._db.snapshot() as snapshot:
            if not await self._trash.lock_counting(snapshot):  # guard: trash-count-alone
                return
            folder = await self._trash.select_folder_to_count(snapshot, MAX_ATTEMPTS)
            if folder is None:
                return
            count = await self._trash.count_hidden_files(snapshot, folder)
        async with self._db.transaction() as tx:
            if await self._usage.lock_free_owners(tx, (folder.owner,)):
                await self._trash.set_hidden_files(tx, folder, count)
