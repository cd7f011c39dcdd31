"""The role that each operation needs in the drive of the request.

Every operation that needs an access token or API token has a row. If a row is missing, the app does not start. The
operations below `/v1/public/{token}` have no row, because they need no login: the files service checks the token in the
path.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from ..contract.files import Access, Drives, Files, Role
from ..contract.ids import ROOT, DriveId
from ..errors import Forbidden, NotFound
from .http_request import Request, parse_file_id, parse_uuid


class DriveSource(Enum):
    """The place in a request that contains the id of its drive."""

    QUERY = auto()
    """The parameter `drive_id`. Without it, the personal drive of the caller."""
    PATH = auto()
    """The `id` in the path."""


class AccessRule(NamedTuple):
    """The role that an operation needs, in the drive that the request names.

    With `whole_drive`, the caller needs a role in the whole drive. Without it, a caller who has only permissions on
    items is admitted too, and the files service checks the role on the items of the request. `role_to_read` is a lower
    role that suffices if the request only reads this drive, and changes another drive. The handler then checks the
    role in each of the two drives.
    """

    role: Role
    source: DriveSource = DriveSource.QUERY
    whole_drive: bool = False
    role_to_read: Role | None = None


_VIEW: Final = AccessRule(Role.VIEWER)
_EDIT: Final = AccessRule(Role.EDITOR)
_VIEW_ALL: Final = AccessRule(Role.VIEWER, whole_drive=True)
_EDIT_ALL: Final = AccessRule(Role.EDITOR, whole_drive=True)
_SEE_DRIVE: Final = AccessRule(Role.VIEWER, DriveSource.PATH, whole_drive=True)
_MANAGE_DRIVE: Final = AccessRule(Role.MANAGER, DriveSource.PATH, whole_drive=True)

ACCESS_RULES: Final[Mapping[str, AccessRule | None]] = {
    "GET /v1/me": None,
    "PATCH /v1/me": None,
    "DELETE /v1/me": None,
    "POST /v1/me/password": None,
    "GET /v1/me/sessions": None,
    "DELETE /v1/me/sessions": None,
    "DELETE /v1/me/sessions/{id}": None,
    "POST /v1/me/tokens": None,
    "GET /v1/me/tokens": None,
    "DELETE /v1/me/tokens/{id}": None,
    "POST /v1/me/email/verification": None,
    "POST /v1/me/totp": None,
    "POST /v1/me/totp/confirm": None,
    "DELETE /v1/me/totp": None,
    "POST /v1/me/passkeys/options": None,
    "POST /v1/me/passkeys": None,
    "GET /v1/me/passkeys": None,
    "PATCH /v1/me/passkeys/{id}": None,
    "DELETE /v1/me/passkeys/{id}": None,
    "GET /v1/admin/users": None,
    "POST /v1/admin/users": None,
    "GET /v1/admin/users/{id}": None,
    "PATCH /v1/admin/users/{id}": None,
    "DELETE /v1/admin/users/{id}": None,
    "POST /v1/admin/users/{id}/sessions/end": None,
    "GET /v1/admin/stats": None,
    "GET /v1/admin/audit": None,
    "GET /v1/drives": None,
    "POST /v1/drives": None,
    "GET /v1/drives/{id}": _SEE_DRIVE,
    "PATCH /v1/drives/{id}": _MANAGE_DRIVE,
    "DELETE /v1/drives/{id}": _MANAGE_DRIVE,
    "GET /v1/drives/{id}/members": _SEE_DRIVE,
    "PUT /v1/drives/{id}/members": _MANAGE_DRIVE,
    "PUT /v1/drives/{id}/members/{user_id}": _MANAGE_DRIVE,
    # Every member may leave. The files service lets only managers remove others.
    "DELETE /v1/drives/{id}/members/{user_id}": _SEE_DRIVE,
    # Reading a pending upload returns a URL that writes its bytes, so a viewer may not read it.
    "POST /v1/uploads": _EDIT,
    "GET /v1/uploads": _EDIT_ALL,
    "GET /v1/uploads/{id}": _EDIT,
    "DELETE /v1/uploads/{id}": _EDIT,
    "POST /v1/uploads/{id}/complete": _EDIT,
    "POST /v1/uploads/{id}/parts": _EDIT,
    "GET /v1/uploads/{id}/parts": _EDIT,
    "GET /v1/uploads/{id}/timeline": _EDIT,
    "POST /v1/uploads/batch": _EDIT,
    "POST /v1/uploads/batch/complete": _EDIT,
    "POST /v1/tus": _EDIT,
    "HEAD /v1/tus/{id}": _EDIT,
    "PATCH /v1/tus/{id}": _EDIT,
    "POST /v1/tus/{id}": _EDIT,
    "DELETE /v1/tus/{id}": _EDIT,
    "GET /v1/files": _VIEW,
    "GET /v1/files/{id}": _VIEW,
    "PATCH /v1/files/{id}": _EDIT,
    "DELETE /v1/files/{id}": _EDIT,
    "POST /v1/files/{id}/restore": _EDIT,
    "GET /v1/files/{id}/download": _VIEW,
    "GET /v1/files/{id}/content": _VIEW,
    "HEAD /v1/files/{id}/content": _VIEW,
    "GET /v1/files/{id}/thumbnail": _VIEW,
    "HEAD /v1/files/{id}/thumbnail": _VIEW,
    "GET /v1/files/{id}/activity": _VIEW,
    "GET /v1/files/{id}/versions": _VIEW,
    "GET /v1/files/{id}/versions/{version}/download": _VIEW,
    "POST /v1/files/{id}/versions/{version}/restore": _EDIT,
    "DELETE /v1/files/{id}/versions/{version}": _EDIT,
    "POST /v1/files/batch/download": _VIEW,
    "POST /v1/files/batch/move": _EDIT,
    "POST /v1/files/{id}/copy": AccessRule(Role.EDITOR, role_to_read=Role.VIEWER),
    "POST /v1/files/batch/copy": _EDIT,
    "POST /v1/files/batch/trash": _EDIT,
    "POST /v1/files/batch/restore": _EDIT,
    "GET /v1/files/by-path": _VIEW_ALL,
    "GET /v1/files/{id}/path": _VIEW,
    "GET /v1/files/{id}/size": _VIEW,
    "POST /v1/folders": _EDIT,
    "GET /v1/files/{id}/permissions": _EDIT_ALL,
    "PUT /v1/files/{id}/permissions": _EDIT_ALL,
    # Every user may give up their own permission. To delete the permission of another user, the files service
    # requires a role in the whole drive.
    "DELETE /v1/files/{id}/permissions/{user_id}": _EDIT,
    "GET /v1/shared-with-me": None,
    # A link gives others access, so a viewer may not even see which links there are.
    "POST /v1/files/{id}/links": _EDIT_ALL,
    "GET /v1/files/{id}/links": _EDIT_ALL,
    "GET /v1/links": _EDIT_ALL,
    "PATCH /v1/links/{id}": _EDIT_ALL,
    "DELETE /v1/links/{id}": _EDIT_ALL,
    "GET /v1/changes": _VIEW_ALL,
    "GET /v1/events": _VIEW_ALL,
    # A webhook belongs to its user. The files service requires that the user manages the drive in the body.
    "POST /v1/webhooks": None,
    "GET /v1/webhooks": None,
    "GET /v1/webhooks/{id}": None,
    "PATCH /v1/webhooks/{id}": None,
    "DELETE /v1/webhooks/{id}": None,
    "GET /v1/webhooks/{id}/deliveries": None,
    "POST /v1/webhooks/{id}/deliveries/{delivery}/redeliver": None,
    # A job belongs to its user. The files service requires access to the drive.
    "GET /v1/jobs/{id}": None,
    "DELETE /v1/jobs/{id}": None,
    "GET /v1/trash": _VIEW_ALL,
    "DELETE /v1/trash": _EDIT_ALL,
    "DELETE /v1/trash/{id}": _EDIT_ALL,
    "GET /v1/search": _VIEW,
    "POST /v1/archives": _VIEW,
}
"""The rule of each operation. None: the gateway checks no role, because the operation is about the caller, or about
something that belongs to the caller."""


def access_rule(method: str, path: str) -> AccessRule | None:
    """Return the rule of an operation that needs a token (see ACCESS_RULES). Raises LookupError if it has no row."""
    operation = f"{method} {path}"
    if operation not in ACCESS_RULES:
        raise LookupError(f"{operation} has no row in gateway/access_rules.py: add a row with the role that it needs")
    return ACCESS_RULES[operation]


async def resolve_access(
    drives: Drives, req: Request, rule: AccessRule | None, path_fields: Mapping[str, Any]
) -> Access:
    """Return the access of the caller to the drive of a request. The personal drive needs no call to the files service.

    Raises InvalidRequest (the id of the drive), NotFound (nothing in the drive is shared with the caller), Forbidden
    (their role is too low, or the operation is about the whole drive and they have permissions on items only).
    """
    if rule is None:
        return Access.personal(req.user)
    if rule.source is DriveSource.PATH:
        drive = DriveId(parse_uuid(path_fields["id"], "id"))
    else:
        text = req.query_value("drive_id")
        if text is None:
            return Access.personal(req.user)
        drive = DriveId(parse_uuid(text, "drive_id"))
    return await access_to_drive(drives, req, rule, drive)


async def access_to_drive(drives: Drives, req: Request, rule: AccessRule, drive: DriveId) -> Access:
    """Return the access of the caller to a drive. Raises NotFound, Forbidden, as `resolve_access`."""
    if drive == req.user:
        return Access.personal(req.user)
    access = await drives.resolve_access(req.user, drive)
    if access.grants:
        if rule.whole_drive:  # guard: access-whole-drive
            raise Forbidden("only some items of this drive are shared with you; this needs a role in the whole drive")
        return access
    require_role(access, rule.role if rule.role_to_read is None else rule.role_to_read)
    return access


def require_role(access: Access, role: Role) -> None:
    """Check the role in the whole drive. The files service checks permissions on items. Raises Forbidden."""
    if not access.grants and not access.role.includes(role):  # guard: access-role
        raise Forbidden(f"this needs the role {role.value} in the drive; yours is {access.role.value}")


async def require_visible_entry(files: Files, req: Request, path: str, path_fields: Mapping[str, Any]) -> None:
    """Check that the caller may see the entry that a forbidden request names in its path.

    A caller who may not even see the entry gets the same response as for an unknown id. `path` is the path of the
    route. A route without an entry in its path is not checked. Raises InvalidRequest (the id), NotFound.
    """
    is_trashed = path == "/v1/trash/{id}"
    # A restore needs no check. Members may see the trash. For other users, the files service itself raises NotFound if
    # they may not see the entry.
    if not (is_trashed or path.startswith("/v1/files/{id}")) or path == "/v1/files/{id}/restore":
        return
    id = parse_file_id(path_fields["id"])
    drive = req.query_value("drive_id")
    if id == ROOT or drive is None:
        return
    access = await files.resolve_access(req.user, DriveId(parse_uuid(drive, "drive_id")))
    if not is_trashed:
        await files.get_file(access, id)
    elif access.grants:  # only members of a drive see its trash
        raise NotFound(f"no file {id}")
