"""Checks which items an access reaches: the granted items, and everything below them.

An access without grants reaches the whole drive. It needs no query here, because the gateway has checked its role.
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
    """The roles of an access in the folders of some items.

    `folder_roles` has the role in the folder of each item, or None if the access does not reach the folder. The mapping
    is empty for an access to the whole drive.
    """

    folder_roles: Mapping[FileId, Role | None]

    def has_folder(self, item: FileId, role: Role = Role.VIEWER) -> bool:
        """Return whether the access reaches the folder of an item with at least this role."""
        if item not in self.folder_roles:
            return True
        folder_role = self.folder_roles[item]
        return folder_role is not None and folder_role.includes(role)

    def show(self, file: File) -> File:
        """Return a file without the id of a folder that the access does not reach."""
        return file if self.has_folder(file.id) else hide_folder(file)


_WHOLE_DRIVE: Final = Reach({})


class AccessScope:
    def __init__(self) -> None:
        self._permissions = PermissionStore()

    async def require(self, db: Database | Connection, access: Access, role: Role, *items: FileId) -> Reach:
        """Check that an access has a role for each of the items, and return its roles in their folders.

        A change calls this under the lock of the drive, so that no folder moves between this check and the change.
        Raises NotFound (the access does not reach an item outside the trash), Forbidden (its role there is too low).
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
        """Check a folder as `require` does, but raise `missing` instead of NotFound. Raises Forbidden too."""
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
        """Return the error that `require` would raise for each item, if there is one."""
        if not access.grants:
            return {}
        _, errors = await self._check(db, access, role, items)
        return errors

    @asynccontextmanager
    async def reading(
        self, db: Database, access: Access, *items: FileId
    ) -> AsyncIterator[tuple[Database | Connection, Reach]]:
        """Yield the database to read items from, and the roles of the access in their folders.

        With grants, the check and the read use one snapshot of the database. Raises NotFound.
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
        granted_above = await self._permissions.select_granted_above(db, access.drive, items, roles)
        folder_roles: dict[FileId, Role | None] = {}
        errors: dict[FileId, Error] = {}
        for item in items:
            folder_role = _highest(*(roles[id] for id in granted_above.get(item, ()) if id != item))
            item_role = _highest(folder_role, roles.get(item) if item in granted_above else None)
            folder_roles[item] = folder_role
            if item_role is None:  # guard: scope-item
                errors[item] = NotFound(_describe_missing(item))
            elif not item_role.includes(role):  # guard: scope-role
                errors[item] = Forbidden(f"this needs the role {role.value} for the item; yours is {item_role.value}")
        return Reach(folder_roles), errors


def require_whole_drive(access: Access) -> None:
    """Raise Forbidden if the access reaches only some items of the drive."""
    if access.grants:  # guard: scope-whole-drive
        raise Forbidden("only some items of this drive are shared with you; name one of them, or a folder below it")


def hide_folder(file: File) -> File:
    """Return an item without its folder, for a user to whom only the item is shared."""
    return msgspec.structs.replace(file, parent=HIDDEN_FOLDER)  # guard: scope-hidden-folder


def upload_folder(upload: Upload) -> FileId:
    """Return the folder of an upload's intent."""
    return ROOT if upload.parent is None else upload.parent


def _highest(*roles: Role | None) -> Role | None:
    role_set = {role for role in roles if role is not None}
    return next((role for role in reversed(Role) if role in role_set), None)


def _describe_missing(item: FileId) -> str:
    if item == ROOT:
        return "the top folder of this drive is not shared with you; name a folder that is"
    return f"no file {item}"
