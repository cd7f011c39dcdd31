"""Shared drives, their members, and access to drives.

The members of a drive change only under the lock of the drive's row in `usage`. So concurrent changes cannot leave a
drive without a manager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from ...contract import files as contract
from ...contract.files import Access, Drive, DriveKind, DrivePage, Member, Role
from ...contract.ids import DriveId, UserId
from ...errors import Conflict, Forbidden, LastManager, NotFound, QuotaExceeded
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..entries.listings import check_page_size
from ..file_names import normalize_name
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..permissions.access_scope import require_whole_drive
from ..permissions.store import PermissionStore
from ..settings import Settings
from ..usage.store import UsageStore
from ..webhooks.store import WebhookStore
from .store import DriveStore

PERSONAL_NAME: Final = "Personal"
_FIRST_ID: Final = DriveId(UUID(int=0))


class DriveService:
    """Implements `contract.files.Drives`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._drives = DriveStore()
        self._permissions = PermissionStore()
        self._usage = UsageStore()
        self._webhooks = WebhookStore()
        self._idempotency = IdempotencyStore()
        self._settings = settings
        self._new_id = new_id
        self._cursor_key = settings.cursor_key

    async def resolve_access(self, actor: UserId, drive: DriveId) -> Access:
        if drive == actor:
            return Access.personal(actor)
        access = await self._drives.select_access(self._db, drive, actor)
        if access is None:
            raise NotFound(f"no drive {drive}")
        return access

    async def list_drives(self, actor: UserId, limit: int = 100, cursor: str | None = None) -> DrivePage:
        check_page_size(limit)
        query = f"{actor} drives"  # guard: drives-cursor-user
        items = [await self._personal(actor)] if cursor is None else []
        after = _FIRST_ID if cursor is None else DriveId(decode_cursor(self._cursor_key, query, cursor).id)
        remaining = limit - len(items)
        shared = await self._drives.list_drives(self._db, actor, after, remaining + 1, self._settings.quota)
        items += shared[:remaining]
        if len(shared) <= remaining:
            return DrivePage(tuple(items), None)
        last = shared[remaining - 1].id if remaining else after
        return DrivePage(tuple(items), encode_cursor(self._cursor_key, query, Position("", last)))

    async def create_drive(self, actor: UserId, name: str, idempotency_key: str | None = None) -> Drive:
        name = normalize_name(name)
        call = None
        if idempotency_key is not None:
            request_hash = fingerprint("drive", name)
            call = KeyedCall(self._idempotency, Access.personal(actor), idempotency_key, request_hash)
        empty = contract.Usage(0, 0, self._settings.quota, 0)
        async with self._db.transaction() as tx:
            first = None if call is None else await call.lock_and_find_first(tx)
            if first is not None:
                id = DriveId(first.resource)
                return Drive(id, DriveKind.SHARED, name, Role.MANAGER, empty, first.created_at, actor)
            await self._usage.lock_usage(tx, DriveId(actor), self._settings.quota)  # guard: drive-limit-lock
            limit = self._settings.max_drives
            if await self._drives.count_created(tx, actor) >= limit:  # guard: drive-limit
                raise QuotaExceeded(f"you have created {limit} drives; deleted drives count until they are purged")
            id = DriveId(self._new_id())
            await self._usage.lock_usage(tx, id, self._settings.quota)
            created_at = await self._drives.insert_drive(tx, id, name, actor)
            if call is not None:
                await call.record(tx, id)
        return Drive(id, DriveKind.SHARED, name, Role.MANAGER, empty, created_at, actor)

    async def get_drive(self, access: Access) -> Drive:
        actor = _member(access)
        if access.drive == actor:
            return await self._personal(actor)
        return await self._select_drive(self._db, access.drive, actor)

    async def rename_drive(self, access: Access, name: str) -> Drive:
        _require_shared(access)
        name = normalize_name(name)
        async with self._db.transaction() as tx:
            await self._lock_members(tx, access)
            await self._drives.update_name(tx, access.drive, name)
            return await self._select_drive(tx, access.drive, _member(access))

    async def delete_drive(self, access: Access) -> None:
        _require_shared(access)
        async with self._db.transaction() as tx:
            await self._lock_members(tx, access)
            await self._drives.delete_drive(tx, access.drive, self._settings.trash_grace)
            await self._permissions.delete_of_drive(tx, access.drive)  # guard: drive-permissions
            await self._webhooks.delete_of_drive(tx, access.drive)  # guard: drive-webhooks

    async def list_members(self, access: Access) -> tuple[Member, ...]:
        actor = _member(access)
        if access.drive == actor:
            return (Member(actor, Role.MANAGER),)
        members = await self._drives.list_members(self._db, access.drive)
        if all(member.user != actor for member in members):
            raise NotFound(f"no drive {access.drive}")
        return members

    async def put_member(self, access: Access, user: UserId, role: Role, named_by_id: bool = False) -> Member:
        _require_shared(access)
        async with self._db.transaction() as tx:
            members = await self._lock_members(tx, access)
            limit = self._settings.max_members
            if user not in members and len(members) >= limit:  # guard: member-limit
                raise Conflict(f"a drive has at most {limit} members")
            if role is not Role.MANAGER:
                _require_other_manager(members, user)  # guard: last-manager-demoted
            hides_email = named_by_id and not await self._permissions.may_see_email(tx, _member(access), user)
            member = await self._drives.upsert_member(tx, access.drive, Member(user, role, hides_email))
            if user not in members:
                await self._permissions.delete_of_user(tx, access.drive, user)  # guard: member-permissions
            elif role is not Role.MANAGER:
                await self._webhooks.disable_of_member(tx, user, access.drive)  # guard: demoted-webhooks
        return member

    async def remove_member(self, access: Access, user: UserId) -> None:
        _require_shared(access)
        required_role = Role.VIEWER if user == access.actor else Role.MANAGER  # guard: member-leaves
        async with self._db.transaction() as tx:
            members = await self._lock_members(tx, access, required_role)
            if user not in members:
                raise NotFound(f"no member {user}")
            _require_other_manager(members, user)  # guard: last-manager-removed
            await self._drives.delete_member(tx, access.drive, user)
            await self._webhooks.delete_of_member(tx, user, access.drive)  # guard: member-webhooks

    async def _personal(self, user: UserId) -> Drive:
        quota = self._settings.quota
        usage = await self._usage.select_usage(self._db, DriveId(user), quota) or contract.Usage(0, 0, quota, 0)
        return Drive(DriveId(user), DriveKind.PERSONAL, PERSONAL_NAME, Role.MANAGER, usage)

    async def _select_drive(self, db: Database | Connection, id: DriveId, member: UserId) -> Drive:
        drive = await self._drives.select_drive(db, id, member, self._settings.quota)
        if drive is None:
            raise NotFound(f"no drive {id}")
        return drive

    async def _lock_members(
        self, tx: Connection, access: Access, required_role: Role = Role.MANAGER
    ) -> dict[UserId, Role]:
        """Lock a drive, check the current role of the actor again, and return the members.

        Raises NotFound, Forbidden.
        """
        await self._usage.lock_usage(tx, access.drive, self._settings.quota)  # guard: members-lock
        members = await self._drives.select_members(tx, access.drive)
        actor = _member(access)
        if actor not in members:
            raise NotFound(f"no drive {access.drive}")
        if required_role is Role.MANAGER and members[actor] is not Role.MANAGER:  # guard: manager-under-lock
            raise Forbidden("only a manager of the drive may do this")
        return members


def _member(access: Access) -> UserId:
    """Return the actor of an access to the whole drive. Raises Forbidden."""
    require_whole_drive(access)
    if access.actor is None:
        raise Forbidden("only a member of the drive may do this")
    return access.actor


def _require_shared(access: Access) -> None:
    require_whole_drive(access)
    if access.drive == access.actor:  # guard: personal-drive
        raise Conflict("a personal drive has no members, and keeps its name as long as its account exists")


def _require_other_manager(members: dict[UserId, Role], leaving: UserId) -> None:
    """Raise LastManager if no other member is a manager."""
    managers = {user for user, role in members.items() if role is Role.MANAGER}
    if managers == {leaving}:
        raise LastManager("a drive needs a manager: make another member a manager first")
