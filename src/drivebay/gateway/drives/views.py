"""JSON types of drives and members."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from ...contract import auth, files
from ...contract.ids import UserId
from ..accounts.views import Usage
from ..json_types import Name, Time

_EMAIL = {"format": "email"}


class NewDrive(msgspec.Struct, forbid_unknown_fields=True):
    name: Name


class DriveUpdate(msgspec.Struct, forbid_unknown_fields=True):
    """An update of a shared drive: a new name."""

    name: Name | msgspec.UnsetType = msgspec.UNSET


class MemberRole(msgspec.Struct, forbid_unknown_fields=True):
    role: files.Role


class NewMember(msgspec.Struct, forbid_unknown_fields=True):
    """A member to add. `email` is the address of their account."""

    email: Annotated[str, Meta(max_length=254, examples=["ada@example.com"], extra_json_schema=_EMAIL)]
    role: files.Role


class Drive(msgspec.Struct):
    """A drive. `role` is the role of the caller. All personal drives have the same `name`.

    `created_by` is the user who created the drive.
    """

    id: UUID
    kind: files.DriveKind
    name: str
    role: files.Role
    created_at: Time
    created_by: UUID | None
    usage: Usage


class DriveList(msgspec.Struct):
    items: list[Drive]
    next_cursor: str | None


class Member(msgspec.Struct):
    """A member of a drive.

    `email` is null if the account no longer exists, or if the address is hidden: a manager added the member by id, the
    manager and the member had no other drive in common, and neither had shared an item with the other.
    """

    user_id: UUID
    email: str | None
    display_name: str | None
    role: files.Role


class MemberList(msgspec.Struct):
    items: list[Member]


def drive_view(drive: files.Drive, user: auth.User | None) -> Drive:
    """Return the view of a drive. A personal drive needs `user`, the account of the caller: both have the same creation
    time."""
    created_at = drive.created_at if user is None else user.created_at
    if created_at is None:
        raise ValueError(f"the creation time of drive {drive.id} is not known")
    created_by = drive.creator if user is None else user.id
    usage = drive.usage
    usage_view = Usage(usage.used_bytes, usage.reserved_bytes, usage.limit_bytes, usage.file_count)
    return Drive(drive.id, drive.kind, drive.name, drive.role, created_at, created_by, usage_view)


def member_view(member: files.Member, user: auth.User | None) -> Member:
    if user is None:
        return Member(member.user, None, None, member.role)
    email = None if member.hides_email else user.email  # guard: member-hidden-email
    return Member(member.user, email, user.display_name or None, member.role)


def member_list_view(members: tuple[files.Member, ...], users: tuple[auth.User, ...]) -> MemberList:
    by_id: dict[UserId, auth.User] = {user.id: user for user in users}
    return MemberList([member_view(member, by_id.get(member.user)) for member in members])
