"""The change feed of a drive.

The transaction of a change numbers it under the owner's lock. So numbers have no gaps, and a reader that has seen a
number has seen all lower ones.
"""

from __future__ import annotations

from typing import Final

from ...contract.files import Access, Change, ChangePage
from ...contract.ids import DriveId
from ...errors import CursorExpired
from ...postgres import Database
from ..entries.listings import check_page_size
from ..permissions.access_scope import require_whole_drive
from ..settings import Settings
from .change_cursors import ChangeCursors
from .store import ChangeStore, NumberedChange

_EXPIRED: Final = "this cursor is no longer valid; list the files again and follow from there"


class ChangeService:
    """Implements `contract.files.Changes`."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._changes = ChangeStore()
        self._cursors = ChangeCursors(settings)

    async def list_changes(self, access: Access, cursor: str | None = None, limit: int = 100) -> ChangePage:
        check_page_size(limit)
        require_whole_drive(access)  # guard: changes-grants
        if cursor is None:
            number = await self._changes.select_last_change(self._db, access.drive)
            return ChangePage((), self._cursors.encode(access.drive, number))
        after = self._cursors.decode(access.drive, cursor)
        page = await self._changes.select_changes(self._db, access.drive, after, limit)
        # If `after` is above `last_change`, the database was restored from a backup, and that change is lost.
        if not page.trimmed_changes <= after <= page.last_change:  # guard: changes-expired
            raise CursorExpired(_EXPIRED)
        last = page.changes[-1].number if len(page.changes) == limit else page.last_change
        return ChangePage(
            tuple(self._change(access.drive, change) for change in page.changes),
            self._cursors.encode(access.drive, last),
        )

    def _change(self, owner: DriveId, change: NumberedChange) -> Change:
        cursor = self._cursors.encode(owner, change.number)
        return Change(change.what, change.file_id, change.at, cursor, change.actor, change.file)
