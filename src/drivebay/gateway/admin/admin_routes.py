"""The routes of the admin API, and the route that sets a password with the token of an invitation or a reset."""

from __future__ import annotations

from ... import errors
from .. import concurrency
from ..route import NO_API_TOKEN, Parameter, Route
from . import views
from .admin_resource import AdminResource
from .user_listing import SORTS

_QUERY = Parameter("q", "query", {"type": "string", "maxLength": 254}, "a part of the email or the display name")
_SORT_SCHEMA = {"type": "string", "enum": list(SORTS), "default": "created"}
_SORT = Parameter("sort", "query", _SORT_SCHEMA, "the order of the accounts; with `-`, it is descending")
_TIME = {"type": "string", "format": "date-time"}
_AUDIT_PARAMETERS = (
    Parameter("user_id", "query", {"type": "string", "format": "uuid"}, "the actor or the target"),
    Parameter("action", "query", {"type": "string", "maxLength": 64, "pattern": "^[ -~]*$"}, "only this action"),
    Parameter("since", "query", _TIME, "events from this time on"),
    Parameter("until", "query", _TIME, "events before this time"),
)


def admin_routes(admin: AdminResource, key: Parameter, paging: tuple[Parameter, ...]) -> tuple[Route, ...]:
    """Return the routes. `key` is the header of idempotency keys, `paging` the parameters of every list."""
    for_admins = admin.for_admins
    idempotency_errors = (errors.IdempotencyKeyReused, errors.InProgress)
    return (
        Route(
            "GET", "/v1/admin/users", "listUsers", "List accounts", for_admins(admin.list_users), {200: views.UserList},
            parameters=(_QUERY, _SORT, *paging), errors=(errors.Forbidden, errors.InvalidCursor), scopes=NO_API_TOKEN,
        ),
        Route(
            "POST", "/v1/admin/users", "createUser", "Create an account, or invite its user",
            for_admins(admin.create_user),
            {201: views.CreatedUser}, body=views.NewUser, parameters=(key,), limiter=concurrency.HASHING,
            errors=(errors.Forbidden, errors.EmailTaken, *idempotency_errors), scopes=NO_API_TOKEN,
        ),
        Route(
            "GET", "/v1/admin/users/{id}", "showUser", "Get an account",
            for_admins(admin.get_user), {200: views.AdminUser},
            errors=(errors.Forbidden, errors.NotFound), scopes=NO_API_TOKEN,
        ),
        Route(
            "PATCH", "/v1/admin/users/{id}", "changeUser", "Change role and quota, disable or enable an account",
            for_admins(admin.update_user), {200: views.AdminUser}, body=views.UserUpdate,
            errors=(errors.Forbidden, errors.NotFound, errors.LastAdmin), scopes=NO_API_TOKEN,
        ),
        Route(
            "DELETE", "/v1/admin/users/{id}", "deleteUser", "Delete an account and all its files",
            for_admins(admin.delete_user), {204: None},
            errors=(errors.Forbidden, errors.NotFound, errors.LastAdmin), scopes=NO_API_TOKEN,
        ),
        Route(
            "POST", "/v1/admin/users/{id}/sessions/end", "endUserSessions", "End every session of an account",
            for_admins(admin.end_sessions), {204: None},
            errors=(errors.Forbidden, errors.NotFound), scopes=NO_API_TOKEN,
        ),
        Route(
            "GET", "/v1/admin/stats", "stats", "Get sums over all accounts, and the work that waits",
            for_admins(admin.get_statistics), {200: views.Statistics}, errors=(errors.Forbidden,), scopes=NO_API_TOKEN,
        ),
        Route(
            "GET", "/v1/admin/audit", "listAuditEvents", "List events of the audit log, newest first",
            for_admins(admin.list_audit_events), {200: views.AuditList}, parameters=(*_AUDIT_PARAMETERS, *paging),
            errors=(errors.Forbidden, errors.InvalidCursor), scopes=NO_API_TOKEN,
        ),
        Route(
            "POST", "/v1/password/reset/confirm", "resetPassword", "Set a password with an invitation or a reset token",
            admin.reset_password, {204: None}, body=views.NewPassword, public=True, limiter=concurrency.HASHING,
            errors=(errors.InvalidToken, errors.NotFound),
        ),
    )  # fmt: skip
