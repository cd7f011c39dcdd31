"""JSON types of permissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...contract import auth, files
from ...contract.ids import UserId
from ..entries.views import File, file_view
from ..json_types import Id

_EMAIL = {"format": "email"}


class PermissionRole(StrEnum):
    """The roles that a permission can have."""

    VIEWER = "viewer"
    EDITOR = "editor"


class NewPermission(msgspec.Struct, forbid_unknown_fields=True):
    """A role for a user. Name the user by `user_id` or by the `email` of their account, but not by both."""

    role: PermissionRole
    user_id: Id | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254, examples=["ada@example.com"], extra_json_schema=_EMAIL)] | UnsetType = (
        UNSET
    )


class Permission(msgspec.Struct):
    """The permission of a user on an item and everything below it.

    `inherited_from` is the id of the folder above the item that has the permission. It is null for a permission of the
    item itself.
    `email` is null if the account no longer exists, or if the address is hidden: the permission was given by id, the
    two users were not members of the same drive, and neither had shared an item with the other.
    """

    user_id: UUID
    email: str | None
    display_name: str | None
    role: PermissionRole
    inherited_from: UUID | None


class PermissionList(msgspec.Struct):
    """The permissions of an item, then the permissions of the folders above it. The highest role of a user counts."""

    items: list[Permission]


class SharedItems(msgspec.Struct):
    """Items that are shared with the caller, the most recently shared first.

    Each item has `role`, `shared_at`, and the user who shared it: `shared_by`, `shared_by_email` and `shared_by_name`.
    """

    items: list[File]
    next_cursor: str | None


def permission_view(permission: files.Permission, user: auth.User | None) -> Permission:
    return Permission(
        permission.user,
        None if user is None or permission.hides_email else user.email,  # guard: permission-hidden-email
        None if user is None else user.display_name or None,
        PermissionRole(permission.role.value),
        permission.inherited_from,
    )


def permission_list_view(permissions: Iterable[files.Permission], users: Iterable[auth.User]) -> PermissionList:
    by_id: dict[UserId, auth.User] = {user.id: user for user in users}
    return PermissionList([permission_view(permission, by_id.get(permission.user)) for permission in permissions])


def shared_items_view(page: files.SharedItemPage, users: Iterable[auth.User]) -> SharedItems:
    by_id: dict[UserId, auth.User] = {user.id: user for user in users}
    return SharedItems([_shared_item_view(item, by_id) for item in page.items], page.next_cursor)


def _shared_item_view(item: files.SharedItem, users: Mapping[UserId, auth.User]) -> File:
    view = file_view(item.file)
    view.role, view.shared_by, view.shared_at = item.role, item.shared_by, item.shared_at
    user = None if item.shared_by is None else users.get(item.shared_by)
    view.shared_by_email = None if user is None else user.email
    view.shared_by_name = None if user is None else user.display_name or None
    return view
