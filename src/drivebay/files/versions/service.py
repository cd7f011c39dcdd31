"""Versions of files: list, read, restore and delete them. This service never calls the store.

A restored version shares the object of the version that it restores, so no bytes are copied.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from ...contract import files as contract
from ...contract.ids import FileId, VersionId
from ...errors import Conflict, NotFound
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..entries.listings import LAST_ID, LAST_TIME, check_page_size
from ..entries.service import require_entry
from ..entries.store import EntryStore
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from ..usage.store import UsageStore
from .store import FoundVersion, SharedVersion, VersionStore


class VersionService:
    """Implements `contract.files.Versions`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._entries = EntryStore()
        self._scope = AccessScope()
        self._usage = UsageStore()
        self._versions = VersionStore()
        self._settings = settings
        self._cursor_key = settings.cursor_key
        self._new_id = new_id

    async def list_versions(
        self, access: contract.Access, id: FileId, limit: int = 100, cursor: str | None = None
    ) -> contract.VersionPage:
        check_page_size(limit)
        query = f"{access.drive} versions {id}"
        after = (LAST_TIME, LAST_ID)
        if cursor is not None:
            position = decode_cursor(self._cursor_key, query, cursor)
            after = (datetime.fromisoformat(str(position.value)), position.id)
        async with self._scope.reading(self._db, access, id) as (db, _):
            versions = await self._versions.list_versions_page(db, access.drive, id, after, limit + 1)
            if not versions:
                entry = require_entry(await self._entries.select_entry(db, access.drive, id), id)
                if entry.kind is contract.Kind.FOLDER:
                    raise NotFound(f"{id} is a folder, which has no versions")
        next_cursor = None
        if len(versions) > limit:
            versions.pop()
            position = Position(versions[-1].created_at.isoformat(), versions[-1].id)
            next_cursor = encode_cursor(self._cursor_key, query, position)
        return contract.VersionPage(tuple(versions), next_cursor)

    async def get_version_content(self, access: contract.Access, id: FileId, version: VersionId) -> contract.Content:
        async with self._scope.reading(self._db, access, id) as (db, _):
            return (await self._find(db, access, id, version)).content

    async def restore_version(self, access: contract.Access, id: FileId, version: VersionId) -> contract.File:
        async with self._db.transaction() as tx:
            usage = await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            reach = await self._scope.require(tx, access, contract.Role.EDITOR, id)
            existing = await self._find(tx, access, id, version)
            if existing.is_same_content:  # guard: restore-version-repeat
                return reach.show(require_entry(await self._entries.select_entry(tx, access.drive, id), id))
            usage.check_bytes(existing.content.size)  # guard: restore-version-quota
            shared = SharedVersion(VersionId(self._new_id()), id, version)
            file = require_entry(await self._versions.share_version(tx, access, shared), id)
            await self._versions.delete_excess(tx, access.drive, id, self._settings.versions_keep)
            return reach.show(file)

    async def delete_version(self, access: contract.Access, id: FileId, version: VersionId) -> None:
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            await self._scope.require(tx, access, contract.Role.EDITOR, id)  # guard: scope-delete-version
            existing = await self._find(tx, access, id, version)
            if existing.is_current:
                raise Conflict(f"{version} is the current version; restore another version first, or delete the file")
            await self._versions.delete_version(tx, access.drive, id, version)

    async def _find(
        self, db: Database | Connection, access: contract.Access, id: FileId, version: VersionId
    ) -> FoundVersion:
        existing = await self._versions.select_version(db, access.drive, id, version)
        if existing is None:
            raise NotFound(f"file {id} has no version {version}")
        return existing
