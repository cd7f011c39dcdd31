"""Access: the caller, the drive, and the items that the caller may see and change.

`Access` is the first argument of every call about the data of a drive. The files service trusts it. The gateway creates
the access from the token of the request. For the personal drive of the user, the gateway needs no call. For another
drive, it calls `resolve_access` of the files service.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ..ids import DriveId, FileId, UserId


class Role(StrEnum):
    """The rights of an actor in a drive. Each role includes the rights of the roles before it."""

    VIEWER = "viewer"
    """List and read."""
    EDITOR = "editor"
    """Change files and folders."""
    MANAGER = "manager"
    """Change the members, and the drive itself."""

    def includes(self, other: Role) -> bool:
        """Return whether this role includes the rights of the other role."""
        roles = tuple(Role)
        return roles.index(self) >= roles.index(other)


class Grant(msgspec.Struct, frozen=True):
    """An item that an access reaches, with everything below the item, and the role there."""

    item: FileId
    role: Role


class Access(msgspec.Struct, frozen=True):
    """The access of one actor to one drive, valid for one request.

    Without `grants`, `role` applies to the whole drive. With `grants`, the access reaches only the granted items and
    the items below them. If several grants cover an item, the highest role counts. `role` is the highest role of all
    grants. A granted item can be read, and an editor can change it in its folder. Only items below it can be moved or
    trashed.

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
