"""The methods of `AsyncDrive` about shared drives, permissions and links."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from .api_client import ApiRequest
from .api_methods import ApiMethods
from .api_models import (
    File,
    FilePage,
    Role,
)
from .link_models import LinkRole, ShareLink, ShareLinkPage
from .sharing_models import DriveInfo, DrivePage, Member, MemberPage, Permission, PermissionPage


class SharingMethods(ApiMethods):
    """Shared drives and their members, permissions on items, links."""

    # Drives

    async def drives(self) -> AsyncGenerator[DriveInfo, None]:
        """Yield the drives of the account: its personal drive, then the shared drives of which it is a member."""
        async with aclosing(self._finder.list_pages("/v1/drives", {}, DrivePage)) as drives:
            async for drive in drives:
                yield drive

    async def drive(self, id: str) -> DriveInfo:
        """Return a drive and its usage. Raises NotFound."""
        return await self._api.call(ApiRequest(DriveInfo, "GET", _drive_path(id)))

    async def create_drive(self, name: str) -> DriveInfo:
        """Create a shared drive. The account becomes its manager. Raises Forbidden if only admins may create drives."""
        key = self._api.new_key()
        return await self._api.call(ApiRequest(DriveInfo, "POST", "/v1/drives", {"name": name}, idempotency_key=key))

    async def rename_drive(self, id: str, name: str) -> DriveInfo:
        """Rename a shared drive. Raises NotFound, Forbidden, and Conflict for a personal drive."""
        return await self._api.call(ApiRequest(DriveInfo, "PATCH", _drive_path(id), {"name": name}, idempotent=True))

    async def delete_drive(self, id: str) -> None:
        """Delete a shared drive with everything in it. Raises NotFound, Forbidden, Conflict for a personal drive."""
        await self._api.call(ApiRequest(type(None), "DELETE", _drive_path(id), absent_is_success=True))

    async def members(self, drive_id: str) -> list[Member]:
        """Return the members of a drive. Raises NotFound."""
        return (await self._api.call(ApiRequest(MemberPage, "GET", f"{_drive_path(drive_id)}/members"))).items

    async def set_member(self, drive_id: str, user: str, role: Role | str) -> Member:
        """Add a member to a drive, or change the role of a member. `user` is an email address or the id of an account.

        Raises NotFound (no such drive or account), Forbidden, and Conflict `last_manager`.
        """
        body, path = {"role": Role(role).value}, f"{_drive_path(drive_id)}/members"
        if "@" in user:
            body["email"] = user
        else:
            path = f"{path}/{quote(user, '')}"
        return await self._api.call(ApiRequest(Member, "PUT", path, body, idempotent=True))

    async def remove_member(self, drive_id: str, user_id: str) -> None:
        """Remove a member from a drive. Each member may remove themselves, managers may remove everyone.

        Raises NotFound, Forbidden, and Conflict `last_manager`.
        """
        path = f"{_drive_path(drive_id)}/members/{quote(user_id, '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, absent_is_success=True))

    # Sharing

    async def share(self, file: str | File, user: str, role: Role | str = Role.VIEWER) -> Permission:
        """Give a user a role for a file, or for a folder with everything in it, or change the role of the user.

        `user` is an email address or the id of an account, `role` viewer or editor. Raises NotFound (no such file or
        account), Forbidden, and Conflict if the user is a member of the drive, or if it is the user's personal drive.
        """
        body = {"role": Role(role).value, "email" if "@" in user else "user_id": user}
        path = await self._permissions_path(file)
        return await self._api.call(ApiRequest(Permission, "PUT", path, body, idempotent=True))

    async def permissions(self, file: str | File) -> list[Permission]:
        """Return the permissions of a file or folder, then of the folders above it. Raises NotFound, Forbidden.

        A user may occur several times. The highest role counts.
        """
        path = await self._permissions_path(file)
        return (await self._api.call(ApiRequest(PermissionPage, "GET", path))).items

    async def unshare(self, file: str | File, user_id: str) -> None:
        """Remove the permission of a user on a file or folder. Each user may remove their own permission.

        Raises NotFound (also if only a folder above the item has the permission), and Forbidden.
        """
        path = f"{await self._permissions_path(file)}/{quote(user_id, '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, absent_is_success=True))

    async def shared_with_me(self) -> AsyncGenerator[File, None]:
        """Yield the files and folders that other users share with the account, the latest first, with `role`.

        To use an item, pass it to `use_shared_item`, or pass its `drive_id` to `use_drive` and use ids instead of
        paths.
        """
        async with aclosing(self._finder.list_pages("/v1/shared-with-me", {}, FilePage)) as files:
            async for file in files:
                yield file

    async def _permissions_path(self, file: str | File) -> str:
        return f"/v1/files/{quote(await self._finder.non_root_id(file), '')}/permissions"

    # Links

    async def create_link(
        self,
        file: str | File,
        role: LinkRole | str = LinkRole.VIEWER,
        *,
        name: str | None = None,
        password: str | None = None,
        expires_at: datetime | None = None,
        max_downloads: int | None = None,
    ) -> ShareLink:
        """Create a link to a file or folder for people without an account. Only this method returns its `url`.

        The link expires at `expires_at`, and allows no more than `max_downloads` downloads. Raises NotFound, Forbidden.
        """
        id = (await self._finder.resolve(file)).id
        body = {
            "role": LinkRole(role).value,
            "name": name,
            "password": password,
            "expires_at": expires_at,
            "max_downloads": max_downloads,
        }
        path, key = f"/v1/files/{quote(id, '')}/links", self._api.new_key()
        link = await self._api.call(ApiRequest(ShareLink, "POST", path, body, idempotency_key=key))
        if link.url is not None and link.url.startswith("/"):  # the server does not know its own URL
            link = msgspec.structs.replace(link, url=self._api.server + link.url)
        return link

    async def links(self, file: str | File | None = None) -> AsyncGenerator[ShareLink, None]:
        """Yield the links of a file or folder, or of the whole drive, newest first, without their URLs.

        Editors get the links that they created. Managers get all links.
        """
        path = "/v1/links" if file is None else f"/v1/files/{quote((await self._finder.resolve(file)).id, '')}/links"
        async with aclosing(self._finder.list_pages(path, {}, ShareLinkPage)) as links:
            async for link in links:
                yield link

    async def update_link(
        self,
        id: str,
        *,
        name: str | UnsetType | None = UNSET,
        password: str | UnsetType | None = UNSET,
        expires_at: datetime | UnsetType | None = UNSET,
        max_downloads: int | UnsetType | None = UNSET,
    ) -> ShareLink:
        """Change the values of a link that are not UNSET. None clears a value. Raises NotFound, Forbidden."""
        values = {"name": name, "password": password, "expires_at": expires_at, "max_downloads": max_downloads}
        body = {field: value for field, value in values.items() if value is not UNSET}
        return await self._api.call(ApiRequest(ShareLink, "PATCH", _link_path(id), body, idempotent=True))

    async def delete_link(self, id: str) -> None:
        """Delete a link. Its URL stops working at once. Raises NotFound, Forbidden."""
        await self._api.call(ApiRequest(type(None), "DELETE", _link_path(id), absent_is_success=True))


def _drive_path(id: str) -> str:
    return f"/v1/drives/{quote(id, '')}"


def _link_path(id: str) -> str:
    return f"/v1/links/{quote(id, '')}"
