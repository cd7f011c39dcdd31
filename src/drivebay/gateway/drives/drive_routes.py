"""The routes of shared drives and their members."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..route import Parameter, Route
from . import views
from .drive_resource import DriveResource

_READ: Final = (Scope.READ,)
_WRITE: Final = (Scope.WRITE,)
_SHARE: Final = (Scope.SHARE,)


def drive_routes(drives: DriveResource, key: Parameter, page: tuple[Parameter, ...]) -> tuple[Route, ...]:
    """Return the routes of drives and members. `key` is `Idempotency-Key`, `page` the parameters of a list."""
    member_errors = (errors.NotFound, errors.Conflict, errors.LastManager)
    return (
        Route(
            "GET", "/v1/drives", "listDrives", "List my drives: the personal one, and those that I am a member of",
            drives.list_drives, {200: views.DriveList}, parameters=page,
            errors=(errors.InvalidCursor,),
            scopes=_READ,
        ),
        Route(
            "POST", "/v1/drives", "createDrive", "Create a shared drive; the caller becomes its manager",
            drives.create_drive, {201: views.Drive}, body=views.NewDrive, parameters=(key,),
            headers=("Location",),
            errors=(errors.Forbidden, errors.QuotaExceeded, errors.IdempotencyKeyReused, errors.InProgress),
            scopes=_WRITE,
        ),
        Route(
            "GET", "/v1/drives/{id}", "showDrive", "Get a drive and its usage", drives.get_drive,
            {200: views.Drive},
            scopes=_READ,
        ),
        Route(
            "PATCH", "/v1/drives/{id}", "changeDrive", "Rename a shared drive", drives.update_drive,
            {200: views.Drive}, body=views.DriveUpdate, errors=(errors.Conflict,),
            scopes=_WRITE,
        ),
        Route(
            "DELETE", "/v1/drives/{id}", "deleteDrive", "Delete a shared drive with everything in it",
            drives.delete_drive, {204: None}, errors=(errors.Conflict,),
            scopes=_WRITE,
        ),
        Route(
            "GET", "/v1/drives/{id}/members", "listMembers", "List the members of a drive", drives.list_members,
            {200: views.MemberList},
            scopes=_READ,
        ),
        Route(
            "PUT", "/v1/drives/{id}/members", "putMemberByEmail",
            "Add a member or change a role, by email; 404 if no account has the email", drives.put_member_by_email,
            {200: views.Member}, body=views.NewMember, errors=member_errors,
            scopes=_SHARE,
        ),
        Route(
            "PUT", "/v1/drives/{id}/members/{user_id}", "putMember", "Add a member or change a role",
            drives.put_member, {200: views.Member}, body=views.MemberRole, errors=member_errors,
            scopes=_SHARE,
        ),
        Route(
            "DELETE", "/v1/drives/{id}/members/{user_id}", "removeMember",
            "Remove a member; each may remove themselves, managers everyone", drives.remove_member,
            {204: None}, errors=member_errors,
            scopes=_SHARE,
        ),
    )  # fmt: skip
