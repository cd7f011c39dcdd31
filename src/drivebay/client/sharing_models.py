"""The values of shared drives, members and permissions that the API returns."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from .api_models import Role, Usage


class DriveInfo(msgspec.Struct, frozen=True):
    """A drive: the personal drive, or a shared drive of which the account is a member. `role` is the account's role.

    `created_by` is the id of the user who created the drive, or None if the server is an older release.
    """

    id: str
    kind: Literal["personal", "shared"]
    name: str
    role: Role
    created_at: datetime
    usage: Usage
    created_by: str | None = None


class Member(msgspec.Struct, frozen=True):
    """A member of a drive. `email` is None if the account no longer exists."""

    user_id: str
    role: Role
    email: str | None = None
    display_name: str | None = None


class DrivePage(msgspec.Struct, frozen=True):
    """One page of drives. `next_cursor` is None on the last page."""

    items: list[DriveInfo]
    next_cursor: str | None


class MemberPage(msgspec.Struct, frozen=True):
    """All members of a drive."""

    items: list[Member]


class Permission(msgspec.Struct, frozen=True):
    """The permission of a user on a file or folder, and on everything below it.

    `inherited_from` is the id of the folder above the item that has the permission, None for a permission of the item
    itself.
    `email` is None if the account no longer exists.
    """

    user_id: str
    role: Role
    email: str | None = None
    display_name: str | None = None
    inherited_from: str | None = None


class PermissionPage(msgspec.Struct, frozen=True):
    """All permissions of a file or folder."""

    items: list[Permission]
