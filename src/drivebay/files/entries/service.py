"""Files and folders: their values, contents, names and folders. This service never calls the store.

A rename or a move holds the lock of the drive. So two moves in one drive cannot create a cycle, and two entries of a
folder cannot get the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from ...contract import files as contract
from ...contract.ids import ROOT, DriveId, FileId
from ...errors import FieldError, Forbidden, InvalidRequest, NameTaken, NotFound, PreconditionFailed, WouldCycle
from ...hints import HintChannel
from ...postgres import Connection, Database
from ..batch_results import check_batch_size
from ..file_names import normalize_name
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..modification_times import check_modified_at
from ..permissions.access_scope import AccessScope, Reach, require_whole_drive
from ..settings import Settings
from ..usage.store import UsageStore
from ..versions.store import VersionStore
from .free_names import NO_UPLOAD, Location
from .name_conflicts import Placement, place_entry
from .properties import check_properties, merge_properties
from .store import EntryStore, new_folder


class EntryService:
    """Implements `contract.files.Entries`, except `list_files`."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        hints: HintChannel,
    ) -> None:
        self._db = db
        self._hints = hints
        self._now = now
        self._entries = EntryStore()
        self._usage = UsageStore()
        self._versions = VersionStore()
        self._idempotency = IdempotencyStore()
        self._scope = AccessScope()
        self._settings = settings
        self._new_id = new_id

    async def get_file(self, access: contract.Access, id: FileId) -> contract.File:
        async with self._scope.reading(self._db, access, id) as (db, reach):
            return reach.show(require_entry(await self._entries.select_entry_with_parts(db, access.drive, id), id))

    async def get_content(self, access: contract.Access, id: FileId) -> contract.Content:
        async with self._scope.reading(self._db, access, id) as (db, _):
            content = await self._entries.select_content(db, access.drive, id)
        if content is None:
            raise NotFound(f"no file {id}")
        return content

    async def get_contents(
        self, access: contract.Access, ids: tuple[FileId, ...]
    ) -> tuple[contract.ContentResult, ...]:
        check_batch_size(ids, "ids")
        async with self._scope.reading(self._db, access) as (db, _):
            hidden = await self._scope.find_errors(db, access, contract.Role.VIEWER, ids)
            visible = [id for id in ids if id not in hidden]  # guard: scope-contents
            contents = await self._entries.select_contents(db, access.drive, visible)
        return tuple(contract.ContentResult(contents.get(id)) for id in ids)

    async def create_folder(
        self, access: contract.Access, parent: FileId, name: str, idempotency_key: str | None = None
    ) -> contract.File:
        name = normalize_name(name)
        if idempotency_key is None:
            async with self._db.transaction() as tx:
                return await self._create_folder(tx, access, parent, name)
        call = KeyedCall(self._idempotency, access, idempotency_key, fingerprint("folder", parent, name))
        async with self._db.transaction() as tx:
            await self._scope.require(tx, access, contract.Role.EDITOR, parent)  # guard: scope-repeated-folder
            first = await call.lock_and_find_first(tx)
            if first is not None:
                return new_folder(access, FileId(first.resource), parent, name, first.created_at)
            folder = await self._create_folder(tx, access, parent, name)
            await call.record(tx, folder.id)
            return folder

    async def _create_folder(self, tx: Connection, access: contract.Access, parent: FileId, name: str) -> contract.File:
        usage = await self._usage.lock_usage(tx, access.drive, self._settings.quota)
        await self._scope.require(tx, access, contract.Role.EDITOR, parent)  # guard: scope-create-folder
        usage.check_entries(self._settings.max_entries)
        check_depth(len(await self._select_ancestors(tx, access.drive, parent)) + 1, self._settings)
        taken_names = await self._entries.select_taken_names(tx, access.drive, parent, [name], NO_UPLOAD)
        if taken_names:  # guard: folder-taken-name
            raise NameTaken(f"the name {name!r} is taken")
        return await self._entries.insert_folder(tx, access, FileId(self._new_id()), parent, name)

    async def update_entry(
        self, access: contract.Access, id: FileId, update: contract.EntryUpdate, if_match: str | None = None
    ) -> contract.File:
        update = self._check_update(update)
        before, after = await self._update_entry(access, id, update, if_match)
        if after != before:  # guard: hint-without-change
            self._hints.publish(access.drive)
        return after

    async def _update_entry(
        self, access: contract.Access, id: FileId, update: contract.EntryUpdate, if_match: str | None
    ) -> tuple[contract.File, contract.File]:
        """Return the entry before and after an update. Both are equal if the update changes nothing."""
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)  # guard: move-lock
            targets = () if update.parent is None else (update.parent,)
            # guard: scope-update, scope-move-target
            reach = await self._scope.require(tx, access, contract.Role.EDITOR, id, *targets)
            before = entry = require_entry(await self._entries.select_entry(tx, access.drive, id), id)
            check_entity_tag(entry, if_match)
            parent = entry.parent if update.parent is None else update.parent
            placement = Placement(update.name or entry.name)
            if parent != entry.parent:
                check_folder_reached(reach, id)  # guard: scope-move
                await self._check_move(tx, access.drive, entry, parent)
            if (parent, placement.name) != (entry.parent, entry.name):
                location = Location(access.drive, parent, placement.name)
                on_conflict = update.on_conflict
                if on_conflict is contract.OnConflict.REPLACE and not reach.has_folder(id, contract.Role.EDITOR):
                    on_conflict = contract.OnConflict.FAIL  # guard: scope-replace
                placement = await place_entry(self._entries, tx, entry, location, on_conflict)
            placed = msgspec.structs.replace(entry, name=placement.name, parent=parent)
            if placement.replaced is not None:
                replaced = await self._entries.replace_file(tx, access, placement.replaced, id)
                await self._versions.delete_excess(tx, access.drive, placement.replaced, self._settings.versions_keep)
                entry = placed = require_entry(replaced, id)
            changed = _with_values(placed, update)
            if changed == entry:
                return reach.show(before), reach.show(entry)
            kind = contract.ChangeKind.PROPERTIES
            if placement.replaced is None and (placed.parent, placed.name) != (entry.parent, entry.name):
                kind = contract.ChangeKind.RENAMED if parent == entry.parent else contract.ChangeKind.MOVED
            after = require_entry(await self._entries.update_entry(tx, access, changed, kind), id)
            return reach.show(before), reach.show(after)

    def _check_update(self, update: contract.EntryUpdate) -> contract.EntryUpdate:
        """Return an update with its name in Unicode form NFC and its time in UTC. Raises InvalidRequest."""
        check_properties(update)
        if update.name is not None:
            update = msgspec.structs.replace(update, name=normalize_name(update.name))
        if update.modified_at is not None:
            modified_at = check_modified_at(update.modified_at, self._now())
            update = msgspec.structs.replace(update, modified_at=modified_at)
        return update

    async def get_usage(self, access: contract.Access) -> contract.Usage:
        require_whole_drive(access)  # guard: scope-usage
        usage = await self._usage.select_usage(self._db, access.drive, self._settings.quota)
        # The first upload or folder of an owner inserts the row.
        return usage or contract.Usage(0, 0, self._settings.quota, 0)

    async def _check_move(self, tx: Connection, owner: DriveId, entry: contract.File, parent: FileId) -> None:
        ancestors = await self._select_ancestors(tx, owner, parent)
        if entry.kind is not contract.Kind.FOLDER:
            return
        if entry.id in ancestors:  # guard: move-into-itself
            raise WouldCycle("a folder cannot be moved into itself or a folder below it")
        # The folders below the entry are read only if they would be deeper than before.
        if len(ancestors) <= len(await self._select_ancestors(tx, owner, entry.parent)):  # guard: move-not-deeper
            return
        height = await self._entries.select_height(tx, owner, entry.id)
        check_depth(len(ancestors) + height, self._settings)  # guard: move-depth

    async def _select_ancestors(self, tx: Connection, owner: DriveId, folder: FileId) -> tuple[FileId, ...]:
        """Return a folder outside the trash and the folders above it. There are no folders above the root. Raises
        NotFound."""
        if folder == ROOT:
            return ()
        ancestors = await self._entries.select_ancestors(tx, owner, folder)
        if not ancestors:
            raise NotFound(f"no folder {folder}")
        return ancestors


def _with_values(entry: contract.File, update: contract.EntryUpdate) -> contract.File:
    """Return an entry with the time, the star and the properties of an update. Raises InvalidRequest."""
    return msgspec.structs.replace(
        entry,
        modified_at=update.modified_at or entry.modified_at,
        starred=entry.starred if update.starred is None else update.starred,
        properties=merge_properties(entry.properties, update),
    )


def require_entry(entry: contract.File | None, id: FileId) -> contract.File:
    """Return the entry. Raises NotFound if it is None."""
    if entry is None:
        raise NotFound(f"no file {id}")
    return entry


def check_folder_reached(reach: Reach, id: FileId) -> None:
    """Raise Forbidden if an item is shared without its folder. Only items below a shared item may be moved or
    deleted."""
    if not reach.has_folder(id, contract.Role.EDITOR):
        raise Forbidden(f"the item {id} is shared with you without its folder, so you cannot move or delete it")


def check_depth(levels: int, settings: Settings) -> None:
    """Raise InvalidRequest if there are more levels of folders than the settings allow."""
    if levels > settings.max_depth:  # guard: folder-depth
        raise _invalid_parent_error(
            f"folders can be nested at most {settings.max_depth} levels deep, and these would be {levels}; "
            "choose a folder higher up, or move the folder above higher up first"
        )


def check_entity_tag(entry: contract.File, if_match: str | None) -> None:
    """Raise PreconditionFailed unless `if_match` is None or the entry's current entity tag."""
    if if_match is not None and if_match != entry.etag:  # guard: entity-tag
        raise PreconditionFailed


def _invalid_parent_error(problem: str) -> InvalidRequest:
    return InvalidRequest(problem, errors=(FieldError("parent_id", problem),))
