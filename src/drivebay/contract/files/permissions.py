"""Permissions: users who may see or change one item of a drive, and everything below it, without being members."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import FileId, UserId
from .access import Access, Role
from .entries import File


class Permission(msgspec.Struct, frozen=True):
    """The permission of one user on an item. `role` is viewer or editor.

    `inherited_from` is the folder above that has the permission, or None for a permission of the item itself.
    `created_by` is the user who gave the permission, or None if unknown. `hides_email`: the email address of the user
    is not shown (see `put_permission`).
    """

    user: UserId
    role: Role
    created_at: datetime
    inherited_from: FileId | None = None
    created_by: UserId | None = None
    hides_email: bool = False


class SharedItem(msgspec.Struct, frozen=True):
    """An item that is shared with a user: the item, their role, the user who shared it, and the time.

    `shared_by` is None if unknown.
    """

    file: File
    role: Role
    shared_at: datetime
    shared_by: UserId | None = None


class SharedItemPage(msgspec.Struct, frozen=True):
    """One page of shared items. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[SharedItem, ...]
    next_cursor: str | None


class Permissions(Protocol):
    async def put_permission(
        self, access: Access, id: FileId, user: UserId, role: Role, named_by_id: bool = False
    ) -> Permission:
        """Give a user a role on an item outside the trash and on everything below it, or change the role.

        `named_by_id` means that the actor named the user by id and not by email address. In this case the email address
        of the user is hidden, unless the actor may see it already (see `put_member`), or an earlier permission of the
        user on the item shows it.

        The user must exist. This service does not check that. `role` is viewer or editor. The actor needs the role
        editor in the whole drive. A repeat has no effect.

        Raises NotFound (the item), Forbidden, InvalidRequest (the role), Conflict (the drive is the personal drive of
        the user, the user is a member of it, or there are too many permissions: 200 on one item, 1,000 of one user in
        one drive).
        """
        ...

    async def list_permissions(self, access: Access, id: FileId) -> tuple[Permission, ...]:
        """Return the permissions of an item outside the trash, then of the folders above it, the nearest first.

        A user can be in the result several times. The highest role of a user counts. The actor needs the role editor in
        the whole drive.

        Raises NotFound, Forbidden.
        """
        ...

    async def delete_permission(self, access: Access, id: FileId, user: UserId) -> None:
        """Delete the permission of a user on an item. From then on it gives no access to the item and to everything
        below it.

        The actor needs the role editor in the whole drive, unless the permission is their own. A repeat raises
        NotFound.

        Raises NotFound (the item, or the user has no permission on the item itself), Forbidden.
        """
        ...

    async def list_shared_items(self, actor: UserId, limit: int = 100, cursor: str | None = None) -> SharedItemPage:
        """Return one page of the items outside the trash that are shared with a user, the most recently shared first.

        `limit` is 1 to 1,000. Raises InvalidRequest, InvalidCursor.
        """
        ...
