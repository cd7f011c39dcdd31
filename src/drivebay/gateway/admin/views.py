"""JSON types of the admin API."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...contract import auth, files
from ..accounts.views import Usage
from ..json_types import Time

_EMAIL = {"format": "email"}
Role = Literal["user", "admin"]
LimitBytes = Annotated[int, Meta(ge=0, le=2**53, description="bytes; null: the quota of the deployment")]


class NewUser(msgspec.Struct, forbid_unknown_fields=True):  # guard: admin-unknown-fields
    """A new account. Without a password the response has an invitation."""

    email: Annotated[str, Meta(max_length=254, examples=["ada@example.com"], extra_json_schema=_EMAIL)]
    password: Annotated[str, Meta(min_length=8, max_length=256)] | None = None
    role: Role = "user"
    limit_bytes: LimitBytes | None = None


class UserUpdate(msgspec.Struct, forbid_unknown_fields=True):
    """Changes of an account. A field that is missing stays unchanged."""

    role: Role | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    limit_bytes: LimitBytes | UnsetType | None = UNSET


class AdminUser(msgspec.Struct):
    """An account. `last_login_at` is null before the first login."""

    id: UUID
    email: str
    display_name: str
    role: Role
    disabled: bool
    second_factor: bool
    created_at: Time
    last_login_at: Time | None
    usage: Usage


class CreatedUser(AdminUser):
    """A new account. With `invitation_url` the user sets the password once, within 7 days. It is null if the account
    has a password, or if the deployment has no passwords."""

    invitation_url: str | None


class UserList(msgspec.Struct):
    items: list[AdminUser]
    next_cursor: str | None


class Statistics(msgspec.Struct):
    """`drives` counts personal and shared drives. `pending_uploads`, `purges_due` and `dead_letters` are numbers of the
    backlog."""

    users: int
    drives: int
    files: int
    used_bytes: int
    reserved_bytes: int
    pending_uploads: int
    purges_due: int
    dead_letters: int


class AuditEvent(msgspec.Struct):
    """An event. `actor_id` is null for an operator of the server and for a failed login."""

    id: UUID
    at: Time
    actor_id: UUID | None
    action: Annotated[str, Meta(examples=["role_changed"])]
    target: str | None
    address: str
    user_agent: str
    request_id: str
    detail: dict[str, str]


class AuditList(msgspec.Struct):
    items: list[AuditEvent]
    next_cursor: str | None


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """The token of an invitation or of a reset, and the new password of 8 to 256 characters."""

    token: Annotated[str, Meta(max_length=1000)]
    password: Annotated[str, Meta(min_length=8, max_length=256)]


def user_view(account: auth.Account, usage: files.Usage) -> AdminUser:
    return AdminUser(
        id=account.id,
        email=account.email,
        display_name=account.display_name,
        role=account.role.value,
        disabled=account.disabled,
        second_factor=account.second_factor,
        created_at=account.created_at,
        last_login_at=account.last_login_at,
        usage=Usage(usage.used_bytes, usage.reserved_bytes, usage.limit_bytes, usage.file_count),
    )


def created_user_view(account: auth.Account, usage: files.Usage, invitation_url: str | None) -> CreatedUser:
    return CreatedUser(**msgspec.structs.asdict(user_view(account, usage)), invitation_url=invitation_url)


def audit_event_view(event: auth.AuditEvent) -> AuditEvent:
    return AuditEvent(
        event.id,
        event.at,
        event.actor,
        event.action,
        event.target,
        event.address,
        event.user_agent,
        event.request_id,
        event.detail,
    )


def statistics_view(users: int, totals: files.Totals, backlog: files.Backlog) -> Statistics:
    return Statistics(
        users=users,
        drives=users + totals.shared_drives,
        files=totals.file_count,
        used_bytes=totals.used_bytes,
        reserved_bytes=totals.reserved_bytes,
        pending_uploads=backlog.pending_uploads,
        purges_due=backlog.due_purges,
        dead_letters=backlog.dead_letters,
    )
