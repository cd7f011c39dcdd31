"""The SQL statements of the audit log, as functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from ...contract.auth import AuditEvent, AuditQuery
from ...contract.ids import UserId
from ...postgres import Statements
from ..store import Executor

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


class NewEvent(msgspec.Struct, frozen=True):
    """An event to record. `address` and `user_agent` belong to the client, and have no control characters."""

    id: UUID
    actor: UserId | None
    action: str
    target: str | None
    address: str
    user_agent: str
    request_id: str
    detail: dict[str, str]


async def insert_event(db: Executor, event: NewEvent) -> None:
    """Record an event, in the transaction of `db`."""
    detail = msgspec.json.encode(event.detail).decode()
    source = (event.address, event.user_agent, event.request_id)
    await db.fetchrow(STATEMENTS["insert_event"], event.id, event.actor, event.action, event.target, *source, detail)


async def list_events(db: Executor, query: AuditQuery, after: tuple[datetime, UUID], limit: int) -> list[AuditEvent]:
    """Return up to `limit` events that are older than the event `after`, newest first."""
    conditions = (*after, query.action, query.since, query.until, limit)
    if query.user is None:
        rows = await db.fetch(STATEMENTS["list_events"], *conditions)
    else:
        rows = await db.fetch(STATEMENTS["list_events_of_user"], *conditions, query.user)
    return [_event_from(row) for row in rows]


async def forget_user(db: Executor, user: UserId, limit: int) -> int:
    """Remove the IP address, the user agent, and the name of a token or passkey from up to `limit` events of a deleted
    account.

    Return the number of changed events.
    """
    row = await db.fetchrow(STATEMENTS["forget_user"], user, limit)
    return 0 if row is None else int(row["forgotten"])


async def prune_events(db: Executor, age: timedelta, limit: int) -> int:
    """Delete up to `limit` events that are older than `age`, and return their number."""
    row = await db.fetchrow(STATEMENTS["prune_events"], age, limit)
    return 0 if row is None else int(row["deleted"])


def _event_from(row: asyncpg.Record) -> AuditEvent:
    return AuditEvent(
        id=UUID(int=row["id"].int),
        at=row["at"],
        actor=None if row["actor_id"] is None else UserId(UUID(int=row["actor_id"].int)),
        action=row["action"],
        target=row["target"],
        address=row["address"],
        user_agent=row["user_agent"],
        request_id=row["request_id"],
        detail=msgspec.json.decode(row["detail"], type=dict[str, str]),
    )
