"""Paths and trees of folders: find an entry by its path, create a path of folders, measure a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from ...contract import files as contract
from ...contract.ids import ROOT, DriveId, FileId
from ...errors import FieldError, InvalidRequest, NameTaken, NotFound, QuotaExceeded
from ...postgres import Connection, Database
from ..file_names import normalize_name
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..permissions.access_scope import AccessScope, hide_folder, require_whole_drive
from ..settings import Settings
from ..usage.store import UsageStore
from .free_names import NO_UPLOAD
from .service import check_depth, require_entry
from .store import EntryStore

_MAX_MEASUREMENTS: Final = 2
"""The maximum number of concurrent measurements of trees. Each holds a database connection for up to five seconds."""
_created_decoder = msgspec.msgpack.Decoder(contract.CreatedFolder)


class FolderTreeService:
    """Implements `contract.files.EntryPaths`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._entries = EntryStore()
        self._usage = UsageStore()
        self._idempotency = IdempotencyStore()
        self._scope = AccessScope()
        self._settings = settings
        self._new_id = new_id
        self._measurements = asyncio.Semaphore(_MAX_MEASUREMENTS)
        self._measure_locks: WeakValueDictionary[DriveId, asyncio.Lock] = WeakValueDictionary()

    async def find_entry(self, access: contract.Access, names: tuple[str, ...]) -> contract.File:
        require_whole_drive(access)  # guard: scope-path
        names = _normalize_names(names)
        # A file can be one level below the deepest folder.
        if names and len(names) <= self._settings.max_depth + 1:
            entries = await self._entries.select_along_path(self._db, access.drive, ROOT, names)
            if len(entries) == len(names):
                return entries[-1]
        raise NotFound("no file or folder at this path")

    async def get_path(self, access: contract.Access, id: FileId) -> tuple[contract.File, ...]:
        async with self._scope.reading(self._db, access, id) as (db, _):
            path = await self._entries.select_path(db, access.drive, id)
        if not path:
            raise NotFound(f"no file {id}")
        if not access.grants:
            return path
        granted = {grant.item for grant in access.grants}
        top = next(depth for depth, entry in enumerate(path) if entry.id in granted)
        return (hide_folder(path[top]), *path[top + 1 :])  # guard: scope-above

    async def measure_tree(self, access: contract.Access, id: FileId) -> contract.TreeSize:
        await self._scope.require(self._db, access, contract.Role.VIEWER, id)  # guard: scope-measure
        if id != ROOT:
            entry = require_entry(await self._entries.select_entry(self._db, access.drive, id), id)
            if entry.kind is contract.Kind.FILE:
                return contract.TreeSize(entry.size, 1, 0)
        # One measurement at a time for each owner, so that one owner cannot take all slots.
        lock = self._measure_locks.get(access.drive)
        if lock is None:
            lock = self._measure_locks[access.drive] = asyncio.Lock()
        async with lock, self._measurements:  # guard: measure-owner
            return await self._entries.measure_tree(self._db, access.drive, id)

    async def create_folders(
        self, access: contract.Access, parent: FileId, names: tuple[str, ...], idempotency_key: str | None = None
    ) -> contract.CreatedFolder:
        names = _normalize_names(names)
        if not names:
            problem = "must have at least one name"
            raise InvalidRequest(f"path {problem}", errors=(FieldError("path", problem),))
        check_depth(len(names), self._settings)
        await self._scope.require(self._db, access, contract.Role.EDITOR, parent)  # guard: scope-existing-folders
        if idempotency_key is None:
            existing = await self._entries.select_along_path(self._db, access.drive, parent, names)
            if len(existing) == len(names) and existing[-1].kind is contract.Kind.FOLDER:
                return contract.CreatedFolder(existing[-1], is_new=False)
            async with self._db.transaction() as tx:
                return await self._create_missing(tx, access, parent, names)
        call = KeyedCall(self._idempotency, access, idempotency_key, fingerprint("folders", parent, *names))
        async with self._db.transaction() as tx:
            first = await call.lock_and_find_first(tx)
            if first is not None:
                return _created_decoder.decode(first.encoded_result or b"")
            created = await self._create_missing(tx, access, parent, names)
            await call.record(tx, msgspec.msgpack.encode(created))
            return created

    async def _create_missing(
        self, tx: Connection, access: contract.Access, parent: FileId, names: Sequence[str]
    ) -> contract.CreatedFolder:
        usage = await self._usage.lock_usage(tx, access.drive, self._settings.quota)  # guard: create-folders-lock
        await self._scope.require(tx, access, contract.Role.EDITOR, parent)
        ancestors = () if parent == ROOT else await self._entries.select_ancestors(tx, access.drive, parent)
        if parent != ROOT and not ancestors:
            raise NotFound(f"no folder {parent}")
        check_depth(len(ancestors) + len(names), self._settings)  # guard: create-folders-depth
        existing = await self._entries.select_along_path(tx, access.drive, parent, names)
        if existing and existing[-1].kind is contract.Kind.FILE:
            raise NameTaken(f"a file has the name {existing[-1].name!r}, so no folder can be created there")
        missing = names[len(existing) :]
        if not missing:
            return contract.CreatedFolder(existing[-1], is_new=False)
        if not usage.allows_entries(len(missing), self._settings.max_entries):  # guard: create-folders-entry-limit
            raise QuotaExceeded(
                f"the drive may have {self._settings.max_entries} files and folders, the trash included; "
                "delete some from the trash"
            )
        parent_id = existing[-1].id if existing else parent
        # guard: create-folders-pending-name
        if await self._entries.select_taken_names(tx, access.drive, parent_id, missing[:1], NO_UPLOAD):
            raise NameTaken(f"a pending upload has the name {missing[0]!r}")
        for name in missing:
            folder = await self._entries.insert_folder(tx, access, FileId(self._new_id()), parent_id, name)
            parent_id = folder.id
        return contract.CreatedFolder(folder, is_new=True)


def _normalize_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(normalize_name(name, "path") for name in names)
