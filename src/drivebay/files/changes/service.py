"""The change feed of a drive.

The transaction that makes a change numbers it under the lock of the drive. So the numbers of a drive have no gaps, and
a reader that has seen a number has seen all lower numbers.
"""

from __future__ import annotations

from typing import Final

from ...contract.files import Access, Activity, ActivityPage, Change, ChangePage
from ...contract.ids import DriveId, FileId
from ...errors import CursorExpired, InvalidCursor, NotFound
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Database
from ..entries.listings import check_page_size
from ..permissions.access_scope import AccessScope, require_whole_drive
from ..settings import Settings
from .change_cursors import ChangeCursors
from .store import ChangeStore, NumberedChange

_NEWEST: Final = 2**63 - 1
"""A number that is higher than the number of every change."""
_EXPIRED: Final = "this cursor is no longer valid; list the files again and follow from there"


class ChangeService:
    """Implements `contract.files.Changes`."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._changes = ChangeStore()
        self._cursors = ChangeCursors(settings)
        self._scope = AccessScope()
        self._cursor_key = settings.cursor_key

    async def list_changes(self, access: Access, cursor: str | None = None, limit: int = 100) -> ChangePage:
        check_page_size(limit)
        require_whole_drive(access)  # guard: changes-grants
        if cursor is None:
            number = await self._changes.select_last_change(self._db, access.drive)
            return ChangePage((), self._cursors.encode(access.drive, number))
        after = self._cursors.decode(access.drive, cursor)
        page = await self._changes.select_changes(self._db, access.drive, after, limit)
        # If `after` is above `last_change`, the database was restored from a backup that does not have this change.
        if not page.last_deleted_change <= after <= page.last_change:  # guard: changes-expired
            raise CursorExpired(_EXPIRED)
        last = page.changes[-1].number if len(page.changes) == limit else page.last_change
        return ChangePage(
            tuple(self._change(access.drive, change) for change in page.changes),
            self._cursors.encode(access.drive, last),
        )

    async def list_activity(
        self, access: Access, id: FileId, limit: int = 100, cursor: str | None = None
    ) -> ActivityPage:
        check_page_size(limit)
        query = f"{access.drive} activity {id}"
        before = _NEWEST if cursor is None else _number_of(decode_cursor(self._cursor_key, query, cursor))
        async with self._scope.reading(self._db, access, id) as (db, _):
            found = await self._changes.list_activity_page(db, access.drive, id, before, limit + 1)
        if found is None:
            raise NotFound(f"no file {id}")
        next_cursor = None
        if len(found) > limit:
            found.pop()
            next_cursor = encode_cursor(self._cursor_key, query, Position(found[-1].number, id))
        return ActivityPage(tuple(Activity(each.kind, each.at, each.actor) for each in found), next_cursor)

    def _change(self, owner: DriveId, change: NumberedChange) -> Change:
        cursor = self._cursors.encode(owner, change.number)
        return Change(change.kind, change.file_id, change.at, cursor, change.actor, change.file)


def _number_of(position: Position) -> int:
    if not isinstance(position.value, int):
        raise InvalidCursor
    return position.value
