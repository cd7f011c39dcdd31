"""The current access of the actor of a job, which each step checks again."""

from __future__ import annotations

from ...contract.files import Access, Role
from ...contract.ids import DriveId, FileId, UserId
from ...errors import Forbidden, NotFound
from ...postgres import Connection
from ..drives.store import DriveStore
from ..permissions.access_scope import AccessScope


class JobAccess:
    def __init__(self) -> None:
        self._drives = DriveStore()
        self._scope = AccessScope()

    async def resolve(self, tx: Connection, drive: DriveId, actor: UserId, role: Role) -> Access:
        """Return the access of a user to a drive.

        Raises NotFound (the user has no access), Forbidden (the role of the user is lower).
        """
        if drive == actor:
            return Access.personal(actor)
        access = await self._drives.select_access(tx, drive, actor)
        if access is None:
            raise NotFound(f"no drive {drive}")
        require_role(access, role)
        return access

    async def require(self, tx: Connection, access: Access, role: Role, item: FileId) -> None:
        """Check that an access has a role for an item. Raises NotFound, Forbidden."""
        await self._scope.require(tx, access, role, item)


def require_role(access: Access, role: Role) -> None:
    """Check the role in the whole drive. Permissions on items are checked for each item. Raises Forbidden."""
    if not access.grants and not access.role.includes(role):  # guard: job-role
        raise Forbidden(f"this needs the role {role.value} in the drive")
