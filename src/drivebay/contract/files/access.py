"""Access: who calls, in which drive, and how much of it they may see and change.

`Access` is the first argument of every call about the data of a drive. The services trust it. The gateway makes it
from the token of the request: a user's own drive needs no call, and for another drive it asks the files service.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ..ids import DriveId, FileId, UserId


class Role(StrEnum):
    """What an actor may do in a drive. Each role may do all that the one before it may do."""

    VIEWER = "viewer"
    """List and read."""
    EDITOR = "editor"
    """Change files and folders."""
    MANAGER = "manager"
    """Change the members, and the drive itself."""

    def includes(self, other: Role) -> bool:
        """Return whether this role may do all that the other role may do."""
        roles = tuple(Role)
        return roles.index(self) >= roles.index(other)


class Grant(msgspec.Struct, frozen=True):
    """An item that an access reaches with everything below it, and the role there."""

    item: FileId
    role: Role


class Access(msgspec.Struct, frozen=True):
    """The access of one actor to one drive, valid for one request.

    Without `grants`, `role` holds in the whole drive. With `grants`, the access reaches only the granted items and what
    is below them. Where several grants cover an item, the highest role counts; `role` is the highest of all. A granted
    item can be read, and an editor can change it in its place. Only what is below it can be moved or trashed.

    A call about items outside the trash that the access does not reach raises NotFound, as for an unknown id, and
    Forbidden if the role is too low there. A call about the whole drive, such as a list of all its files, raises
    Forbidden for an access with grants.

    `actor` is None for the holder of a link, who has no account. Such an access has grants.
    """

    drive: DriveId
    actor: UserId | None
    role: Role
    grants: tuple[Grant, ...] = ()

    @classmethod
    def personal(cls, user: UserId | DriveId) -> Access:
        """Return the access of a user to their own drive. A personal drive has the id of its user."""
        return cls(DriveId(user), UserId(user), Role.MANAGER)
