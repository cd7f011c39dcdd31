"""The routes of permissions on items, and of the items that are shared with the caller."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..route import Parameter, Route
from . import views
from .permission_resource import PermissionResource

_READ: Final = (Scope.READ,)
_SHARE: Final = (Scope.SHARE,)


def permission_routes(permissions: PermissionResource, page: tuple[Parameter, ...]) -> tuple[Route, ...]:
    """Return the routes of permissions. `page` are the parameters of a list."""
    return (
        Route(
            "GET", "/v1/files/{id}/permissions", "listPermissions",
            "List the permissions of an item and of the folders above it", permissions.list_permissions,
            {200: views.PermissionList}, errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "PUT", "/v1/files/{id}/permissions", "putPermission",
            "Share an item with a user, or change their role; 404 if no account has the email",
            permissions.put_permission, {200: views.Permission}, body=views.NewPermission,
            errors=(errors.NotFound, errors.Conflict), scopes=_SHARE,
        ),
        Route(
            "DELETE", "/v1/files/{id}/permissions/{user_id}", "deletePermission",
            "Remove a permission; each user may remove their own", permissions.delete_permission, {204: None},
            errors=(errors.NotFound, errors.Forbidden), scopes=_SHARE,
        ),
        Route(
            "GET", "/v1/shared-with-me", "listSharedItems", "List the items that are shared with me, the latest first",
            permissions.list_shared_items, {200: views.SharedItems}, parameters=page,
            errors=(errors.InvalidCursor,), scopes=_READ,
        ),
    )  # fmt: skip
