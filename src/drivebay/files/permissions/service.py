"""Permissions on items. They let users who are not members see or change an item and everything below it."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from ...contract.files import Access, Member, Permission, Role, SharedItem, SharedItemPage
from ...contract.ids import DriveId, FileId, UserId
from ...errors import Conflict, FieldError, Forbidden, InvalidCursor, InvalidRequest, NotFound
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..entries.listings import LAST_ID, LAST_TIME, check_page_size
from ..entries.service import require_entry
from ..entries.store import EntryStore
from ..settings import Settings
from ..usage.store import UsageStore
from .access_scope import hide_folder, require_whole_drive
from .store import PermissionStore

_LATEST_POSITION: Final = (LAST_TIME, DriveId(LAST_ID), FileId(LAST_ID))
"""The latest position. A listing begins with it, because it lists the latest items first."""


class PermissionService:
    """Implements `contract.files.Permissions`."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._entries = EntryStore()
        self._permissions = PermissionStore()
        self._usage = UsageStore()
        self._settings = settings
        self._cursor_key = settings.cursor_key

    async def put_permission(
        self, access: Access, id: FileId, user: UserId, role: Role, named_by_id: bool = False
    ) -> Permission:
        _require_editor(access)
        if role is Role.MANAGER:
            problem = "must be viewer or editor"
            raise InvalidRequest(f"role {problem}", errors=(FieldError("role", problem),))
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)  # guard: permissions-lock
            require_entry(await self._entries.select_entry(tx, access.drive, id), id)
            await self._check_limits(tx, access.drive, id, user)
            current = await self._permissions.select_permission(tx, access.drive, id, user)
            hides_email = named_by_id and not await self._permissions.may_see_email(tx, access.actor, user)
            stays_same = current is not None and (hides_email or not current.hides_email)
            if current is not None and current.role is role and stays_same:  # guard: permission-repeat
                return current
            return await self._permissions.upsert_permission(tx, access, id, Member(user, role, hides_email))

    async def _check_limits(self, tx: Connection, drive: DriveId, id: FileId, user: UserId) -> None:
        limits = await self._permissions.select_limits(tx, drive, id, user)
        if limits.is_drive_deleted:  # guard: permission-deleted-drive
            raise NotFound(f"no drive {drive}")
        if user == drive or limits.is_member:  # guard: permission-member
            raise Conflict("the user is a member of this drive, with a role in all of it; change that role instead")
        maximum = self._settings.max_permissions
        if limits.of_item >= maximum:  # guard: permission-limit
            raise Conflict(f"an item has at most {maximum} permissions; share a folder above it, or use a shared drive")
        maximum = self._settings.max_shared_items
        if limits.of_user >= maximum:  # guard: permission-user-limit
            raise Conflict(f"a user has permissions on at most {maximum} items of a drive; share a folder instead")

    async def list_permissions(self, access: Access, id: FileId) -> tuple[Permission, ...]:
        _require_editor(access)
        require_entry(await self._entries.select_entry(self._db, access.drive, id), id)
        return await self._permissions.select_permissions(self._db, access.drive, id)

    async def delete_permission(self, access: Access, id: FileId, user: UserId) -> None:
        if user != access.actor:  # guard: permission-own
            _require_editor(access)
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            if await self._entries.select_entry(tx, access.drive, id) is None or (
                not await self._permissions.delete_permission(tx, access, id, user)
            ):
                raise NotFound(f"no permission of user {user} on the item {id}")

    async def list_shared_items(self, actor: UserId, limit: int = 100, cursor: str | None = None) -> SharedItemPage:
        check_page_size(limit)
        query = f"{actor} shared items"  # guard: shared-items-cursor-user
        after = _LATEST_POSITION if cursor is None else _parse_position(decode_cursor(self._cursor_key, query, cursor))
        shared_items = await self._permissions.list_shared_items(self._db, actor, after, limit + 1)
        next_cursor = None
        if len(shared_items) > limit:
            shared_items.pop()
            next_cursor = encode_cursor(self._cursor_key, query, _position(shared_items[-1]))
        items = (SharedItem(hide_folder(item.file), item.role, item.shared_at, item.shared_by) for item in shared_items)
        return SharedItemPage(tuple(items), next_cursor)


def _require_editor(access: Access) -> None:
    """Raise Forbidden unless the access has the role editor in the whole drive."""
    require_whole_drive(access)
    if not access.role.includes(Role.EDITOR):  # guard: permission-editor
        raise Forbidden(f"this needs the role {Role.EDITOR.value} in the drive; yours is {access.role.value}")


def _position(item: SharedItem) -> Position:
    return Position(f"{item.shared_at.isoformat()} {item.file.drive}", item.file.id)


def _parse_position(position: Position) -> tuple[datetime, DriveId, FileId]:
    shared_at, _, drive = str(position.value).partition(" ")
    try:
        return datetime.fromisoformat(shared_at), DriveId(UUID(drive)), FileId(position.id)
    except ValueError:
        raise InvalidCursor from None
