"""Which items an access reaches: the granted items, and everything below them.

An access without grants reaches the whole drive. It takes no query here: its role was checked when it was made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import msgspec

from ...contract.files import HIDDEN_FOLDER, Access, File, Role, Upload
from ...contract.ids import ROOT, FileId
from ...errors import Error, Forbidden, NotFound
from ...postgres import Connection, Database
from .store import PermissionStore


class Reach(NamedTuple):
    """How far an access reaches around some items.

    `folder_roles` has for each item the role in the folder that it is in, None if the access does not reach the folder.
    It is empty for an access to the whole drive.
    """

    folder_roles: Mapping[FileId, Role | None]

    def has_folder(self, item: FileId, role: Role = Role.VIEWER) -> bool:
        """Return whether the access reaches the folder of an item with at least this role."""
        if item not in self.folder_roles:
            return True
        found = self.folder_roles[item]
        return found is not None and found.includes(role)

    def show(self, file: File) -> File:
        """Return a file without the id of a folder that the access does not reach."""
        return file if self.has_folder(file.id) else hide_folder(file)


_WHOLE_DRIVE: Final = Reach({})


class AccessScope:
    def __init__(self) -> None:
        self._permissions = PermissionStore()

    async def require(self, db: Database | Connection, access: Access, role: Role, *items: FileId) -> Reach:
        """Return how far an access reaches around items outside the trash.

        A change calls this under the lock of the drive, so that no folder moves between this check and the change.

        Raises NotFound (the access does not reach one of the items), Forbidden (its role there is lower than `role`).
        """
        if not access.grants:
            return _WHOLE_DRIVE
        reach, errors = await self._check(db, access, role, items)
        for error in errors.values():
            raise error
        return reach

    async def require_in(
        self, db: Database | Connection, access: Access, role: Role, folder: FileId, missing: NotFound
    ) -> None:
        """Check as `require` does the folder of something that the caller named. Raises `missing`, Forbidden."""
        error = (await self.find_errors(db, access, role, (folder,))).get(folder)
        if error is not None:
            raise missing if isinstance(error, NotFound) else error

    async def require_upload(self, db: Database | Connection, access: Access, upload: Upload) -> None:
        """Check that an access may change the folder of an upload. Raises NotFound, Forbidden."""
        if access.grants:  # guard: scope-upload
            await self.require_in(db, access, Role.EDITOR, upload_folder(upload), NotFound(f"no upload {upload.id}"))

    async def find_errors(
        self, db: Database | Connection, access: Access, role: Role, items: Collection[FileId]
    ) -> dict[FileId, Error]:
        """Return the error that `require` raises for each of the items that the access does not reach."""
        if not access.grants:
            return {}
        _, errors = await self._check(db, access, role, items)
        return errors

    @asynccontextmanager
    async def reading(
        self, db: Database, access: Access, *items: FileId
    ) -> AsyncIterator[tuple[Database | Connection, Reach]]:
        """Yield what to read items with, and how far the access reaches around them.

        With grants, the check and the read see one snapshot of the database. Raises NotFound.
        """
        if not access.grants:
            yield db, _WHOLE_DRIVE
            return
        async with db.snapshot() as tx:
            yield tx, await self.require(tx, access, Role.VIEWER, *items)

    async def _check(
        self, db: Database | Connection, access: Access, role: Role, items: Collection[FileId]
    ) -> tuple[Reach, dict[FileId, Error]]:
        roles: dict[FileId, Role] = {}
        for grant in access.grants:
            roles[grant.item] = _highest(grant.role, roles.get(grant.item)) or grant.role
        covering = await self._permissions.select_granted_above(db, access.drive, items, roles)
        folder_roles: dict[FileId, Role | None] = {}
        errors: dict[FileId, Error] = {}
        for item in items:
            folder_role = _highest(*(roles[id] for id in covering.get(item, ()) if id != item))
            found = _highest(folder_role, roles.get(item) if item in covering else None)
            folder_roles[item] = folder_role
            if found is None:  # guard: scope-item
                errors[item] = NotFound(_describe_missing(item))
            elif not found.includes(role):  # guard: scope-role
                errors[item] = Forbidden(f"this needs the role {role.value} for the item; yours is {found.value}")
        return Reach(folder_roles), errors


def require_whole_drive(access: Access) -> None:
    """Raise Forbidden if the access reaches only some items of the drive."""
    if access.grants:  # guard: scope-whole-drive
        raise Forbidden("only some items of this drive are shared with you; name one of them, or a folder below it")


def hide_folder(file: File) -> File:
    """Return an item as somebody sees it with whom it is shared without its folder."""
    return msgspec.structs.replace(file, parent=HIDDEN_FOLDER)  # guard: scope-hidden-folder


def upload_folder(upload: Upload) -> FileId:
    """Return the folder of an upload's intent."""
    return ROOT if upload.parent is None else upload.parent


def _highest(*roles: Role | None) -> Role | None:
    found = {role for role in roles if role is not None}
    return next((role for role in reversed(Role) if role in found), None)


def _describe_missing(item: FileId) -> str:
    if item == ROOT:
        return "the top folder of this drive is not shared with you; name a folder that is"
    return f"no file {item}"
