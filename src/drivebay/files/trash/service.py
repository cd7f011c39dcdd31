"""The trash: moving entries into it, listing it, and restoring from it."""

from __future__ import annotations

from datetime import datetime

from ...contract.files import Access, File, FilePage, Kind, OnConflict, Role
from ...contract.ids import ROOT, DriveId, FileId
from ...errors import NotFound
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..entries.free_names import Location
from ..entries.listings import LAST_ID, LAST_TIME, check_page_size
from ..entries.name_conflicts import place_entry
from ..entries.service import check_depth, check_entity_tag, check_folder_reached, require_entry
from ..entries.store import EntryStore
from ..permissions.access_scope import AccessScope, require_whole_drive
from ..settings import Settings
from ..usage.store import UsageStore
from ..versions.store import VersionStore
from .store import FolderCounts, TrashStore


class TrashService:
    """Implements `contract.files.Trash`."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._trash = TrashStore()
        self._entries = EntryStore()
        self._scope = AccessScope()
        self._usage = UsageStore()
        self._versions = VersionStore()
        self._settings = settings
        self._cursor_key = settings.cursor_key

    async def list_trash(self, access: Access, limit: int = 100, cursor: str | None = None) -> FilePage:
        require_whole_drive(access)  # guard: scope-trash-list
        check_page_size(limit)
        query = f"{access.drive} trash"
        after = (LAST_TIME, LAST_ID)
        if cursor is not None:
            position = decode_cursor(self._cursor_key, query, cursor)
            after = (datetime.fromisoformat(str(position.value)), position.id)
        files = await self._trash.list_trash_page(self._db, access.drive, after, limit + 1)
        next_cursor = None
        if len(files) > limit:
            files.pop()
            last = files[-1]
            if last.trashed_at is not None:
                position = Position(last.trashed_at.isoformat(), last.id)
                next_cursor = encode_cursor(self._cursor_key, query, position)
        return FilePage(tuple(files), next_cursor)

    async def trash_entry(self, access: Access, id: FileId, if_match: str | None = None) -> None:
        async with self._db.transaction() as tx:
            await self._trash_entry(tx, access, id, if_match)

    async def trash_and_return(self, access: Access, id: FileId) -> File:
        """Move an entry to the trash, and return it. Raises NotFound, Forbidden."""
        async with self._db.transaction() as tx:
            await self._trash_entry(tx, access, id, None)
            return require_entry(await self._trash.select_trashed(tx, access.drive, id), id)

    async def _trash_entry(self, tx: Connection, access: Access, id: FileId, if_match: str | None) -> None:
        await self._usage.lock_usage(tx, access.drive, self._settings.quota)
        reach = await self._scope.require(tx, access, Role.EDITOR, id)  # guard: scope-trash-entry
        check_folder_reached(reach, id)  # guard: scope-trash-folder
        entry = require_entry(await self._entries.select_entry(tx, access.drive, id), id)
        check_entity_tag(entry, if_match)
        counts = FolderCounts()
        if entry.kind is Kind.FOLDER:
            counts = await self._trash.measure_folder(tx, access.drive, id)
        await self._trash.trash_entry(tx, (access.drive, access.actor), id, self._settings.trash_grace, counts)

    async def restore_entry(
        self,
        access: Access,
        id: FileId,
        parent: FileId | None = None,
        on_conflict: OnConflict = OnConflict.RENAME,
    ) -> File:
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            trashed = require_entry(await self._trash.select_trashed(tx, access.drive, id), id)
            if access.grants:
                missing = NotFound(f"no file {id}")
                await self._scope.require_in(tx, access, Role.EDITOR, trashed.parent, missing)  # guard: scope-restore
                if parent is not None:
                    await self._scope.require(tx, access, Role.EDITOR, parent)  # guard: scope-restore-target
            requested_parent = parent
            parent = trashed.parent if parent is None else parent
            ancestors = () if parent == ROOT else await self._entries.select_ancestors(tx, access.drive, parent)
            if not ancestors and parent != ROOT:
                if requested_parent is not None:
                    raise NotFound(f"no folder {parent}")
                parent = ROOT
                # The caller wants to replace the file of this name in the old folder, not in the root.
                if on_conflict is OnConflict.REPLACE:  # guard: restore-replace-root
                    on_conflict = OnConflict.RENAME
            if trashed.kind is Kind.FOLDER:
                await self._check_depth(tx, access.drive, id, len(ancestors))
            location = Location(access.drive, parent, trashed.name)
            placement = await place_entry(self._entries, tx, trashed, location, on_conflict)
            if placement.replaced is not None:
                replaced = await self._entries.replace_file(tx, access, placement.replaced, id)
                await self._versions.delete_excess(tx, access.drive, placement.replaced, self._settings.versions_keep)
                return require_entry(replaced, id)
            place = (parent, placement.name)
            restored = await self._trash.restore_entry(tx, access.drive, trashed, place, access.actor)
            return require_entry(restored, id)

    async def _check_depth(self, tx: Connection, owner: DriveId, folder: FileId, levels: int) -> None:
        """Check that a trashed folder may be restored below `levels` folders. Raises InvalidRequest."""
        levels_before = await self._trash.select_levels_when_trashed(tx, owner, folder)
        # The folders in the trashed folder were not too deep before, so they are read only if the new place is deeper.
        # The old parent may be deeper too, because it may have been moved since.
        if levels_before is None or levels > levels_before:  # guard: restore-deeper
            height = await self._trash.select_height(tx, owner, folder)
            check_depth(levels + height, self._settings)  # guard: restore-depth

    async def delete_trashed(self, access: Access, id: FileId) -> None:
        require_whole_drive(access)  # guard: scope-delete-trashed
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            if not await self._trash.end_grace_period(tx, access.drive, id, access.actor):
                raise NotFound(f"no entry {id} in the trash")

    async def empty_trash(self, access: Access) -> None:
        require_whole_drive(access)  # guard: scope-empty-trash
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            await self._trash.end_all_grace_periods(tx, access.drive, access.actor)
