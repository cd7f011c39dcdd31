"""The values that the admin API returns. No `repr` contains an invitation."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from .api_models import Usage

UserSort = Literal["email", "-email", "used", "-used", "created", "-created"]


class User(msgspec.Struct, frozen=True):
    """An account as admins see it. Only `create_user` sets `invitation_url`, with which the user sets a password,
    once."""

    id: str
    email: str
    display_name: str
    role: Literal["user", "admin"]
    disabled: bool
    second_factor: bool
    created_at: datetime
    last_login_at: datetime | None
    usage: Usage
    invitation_url: str | None = None

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, email={self.email!r}, role={self.role!r}, disabled={self.disabled!r})"


class UserPage(msgspec.Struct, frozen=True):
    """One page of a list of accounts."""

    items: list[User]
    next_cursor: str | None = None


class Statistics(msgspec.Struct, frozen=True):
    """Sums over all accounts, and the numbers of pending uploads, due purges and dead letters."""

    users: int
    drives: int
    files: int
    used_bytes: int
    reserved_bytes: int
    pending_uploads: int
    purges_due: int
    dead_letters: int


class AuditEvent(msgspec.Struct, frozen=True):
    """One event of the audit log. `actor_id` is None for an operator of the server and for a failed login."""

    id: str
    at: datetime
    actor_id: str | None
    action: str
    target: str | None
    address: str
    user_agent: str
    request_id: str
    detail: dict[str, str]


class AuditPage(msgspec.Struct, frozen=True):
    """One page of the audit log."""

    items: list[AuditEvent]
    next_cursor: str | None = None
