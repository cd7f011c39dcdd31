"""Drives, their members, and the access of a user to a drive.

Each entry is in a drive, and each drive has its own quota. A personal drive belongs to one user, has the id of that
user and has no record. A shared drive has members, each with a role.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import DriveId, UserId
from .access import Access, Role
from .entries import Usage


class DriveKind(StrEnum):
    """The two kinds of drives."""

    PERSONAL = "personal"
    SHARED = "shared"


class Drive(msgspec.Struct, frozen=True):
    """A drive as one user sees it. `role` is the role of that user.

    `created_at` is None for a personal drive, which was created with its account. The auth service has the creation
    time of the account.
    """

    id: DriveId
    kind: DriveKind
    name: str
    role: Role
    usage: Usage
    created_at: datetime | None = None
    creator: UserId | None = None
    """The user who created a shared drive, or None for a personal drive."""


class DrivePage(msgspec.Struct, frozen=True):
    """One page of drives. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[Drive, ...]
    next_cursor: str | None


class Member(msgspec.Struct, frozen=True):
    """A member of a shared drive. `hides_email`: their email address is not shown (see `put_member`)."""

    user: UserId
    role: Role
    hides_email: bool = False


class Drives(Protocol):
    async def resolve_access(self, actor: UserId, drive: DriveId) -> Access:
        """Return the current access of a user to a drive. Do not keep it longer than one request.

        A member has a role in the whole drive. Another user has the grants of their permissions in it.

        Raises NotFound if there is no such drive, if it is deleted, or if nothing in it is shared with the user.
        """
        ...

    async def list_drives(self, actor: UserId, limit: int = 100, cursor: str | None = None) -> DrivePage:
        """Return one page of the drives of a user: the personal drive first, then the shared drives, oldest first.

        `limit` is 1 to 1,000. Raises InvalidRequest, InvalidCursor.
        """
        ...

    async def create_drive(self, actor: UserId, name: str, idempotency_key: str | None = None) -> Drive:
        """Create a shared drive with the user as its manager, and return it. Several drives may have the same name.

        A repeat with the same `idempotency_key` within 24 hours returns the first result.

        Raises InvalidRequest (the name), QuotaExceeded (the user has created too many drives), IdempotencyKeyReused,
        InProgress.
        """
        ...

    async def get_drive(self, access: Access) -> Drive:
        """Return the drive of an access. Raises NotFound, Forbidden (an access with grants)."""
        ...

    async def rename_drive(self, access: Access, name: str) -> Drive:
        """Rename a shared drive and return it.

        Raises NotFound, Forbidden (the actor is not a manager any more), InvalidRequest, Conflict (a personal drive).
        """
        ...

    async def delete_drive(self, access: Access) -> None:
        """Delete a shared drive. From then on no member has access to it.

        Its entries are purged when the grace period of the trash has passed. A repeat fails with NotFound.

        Raises NotFound, Forbidden (the actor is not a manager any more), Conflict (a personal drive).
        """
        ...

    async def list_members(self, access: Access) -> tuple[Member, ...]:
        """Return the members of a drive, ordered by their ids. A personal drive has its user as the only member.

        Raises NotFound, Forbidden (an access with grants).
        """
        ...

    async def put_member(self, access: Access, user: UserId, role: Role, named_by_id: bool = False) -> Member:
        """Add a member, or change the role of a member. The user must exist. This service does not check that.

        `named_by_id` means that the actor named the user by id and not by email address. In this case the members of
        the drive do not see the email address of the user, except in four cases: the actor and the user are both
        members of another drive that shows the address, the user has shared an item with the actor, the actor has
        shared an item with the user by email address, or the members saw the address before. The actor must still be a
        manager. A repeat is not an error. A new member loses their permissions on items of the drive, because the role
        applies to the whole drive.

        Raises NotFound, Forbidden (the actor is not a manager any more), LastManager, Conflict (a personal drive, or
        the drive has too many members).
        """
        ...

    async def remove_member(self, access: Access, user: UserId) -> None:
        """Remove a member. The actor must still be a manager, or remove themselves.

        Raises NotFound (the drive, or the user is not a member), Forbidden (the actor is not a manager any more),
        LastManager, Conflict (a personal drive).
        """
        ...
