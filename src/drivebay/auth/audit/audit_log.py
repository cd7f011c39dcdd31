"""Records each event in the transaction that makes the change, and deletes old events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog

from ...contract.auth import Actor
from ...contract.ids import UserId
from ..store import Executor
from . import store

# The maximum numbers of characters. Longer texts are cut.
MAX_ADDRESS: Final = 64
MAX_USER_AGENT: Final = 256
MAX_REQUEST_ID: Final = 128
_BATCH: Final = 10_000
"""The maximum number of rows that one statement changes or deletes."""


class Action(StrEnum):
    """The actions in the audit log. Clients depend on these values."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an action
    PASSWORD_RESET_CREATED = "password_reset_created"  # noqa: S105 - the name of an action
    EMAIL_VERIFIED = "email_verified"
    IDENTITY_LINKED = "identity_linked"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ACCOUNT_DELETED = "account_deleted"
    ROLE_CHANGED = "role_changed"
    QUOTA_CHANGED = "quota_changed"
    SESSIONS_ENDED = "sessions_ended"
    API_TOKEN_CREATED = "api_token_created"  # noqa: S105 - the name of an action
    API_TOKEN_REVOKED = "api_token_revoked"  # noqa: S105 - the name of an action
    SECOND_FACTOR_ENABLED = "second_factor_enabled"
    SECOND_FACTOR_DISABLED = "second_factor_disabled"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    RECOVERY_CODE_USED = "recovery_code_used"


class AuditLog:
    """Writes the audit log. `new_id` creates the ids of events."""

    def __init__(self, new_id: Callable[[], UUID]) -> None:
        self.new_id = new_id

    async def record(
        self, db: Executor, actor: Actor, action: Action, target: UserId | None, detail: Mapping[str, str] | None = None
    ) -> None:
        """Record an event. `db` is the transaction that makes the change, so both are committed, or neither."""
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        event = store.NewEvent(
            id=self.new_id(),
            actor=actor.user,
            action=action.value,
            target=None if target is None else str(target),
            address=_storable(actor.address, MAX_ADDRESS),
            user_agent=_storable(actor.user_agent, MAX_USER_AGENT),
            request_id=_storable(str(request_id), MAX_REQUEST_ID),
            detail=dict(detail or {}),
        )
        await store.insert_event(db, event)


async def forget_user(db: Executor, user: UserId) -> None:
    """Remove personal data from the events of a deleted account. The id of the account stays.

    Personal data are the IP addresses, the user agents, and the names of tokens and passkeys.
    """
    while await store.forget_user(db, user, _BATCH) == _BATCH:
        pass


async def prune(db: Executor, age: timedelta) -> None:
    """Delete the events that are older than `age`."""
    while await store.prune_events(db, age, _BATCH) == _BATCH:
        pass


def _storable(text: str, length: int) -> str:
    """Return the first `length` characters of a client's text, with a replacement for unprintable characters."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:length])
