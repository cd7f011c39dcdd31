"""The SQL statements on reclaimed accounts, as functions.

`db` is a transaction, or the pool for a call outside any transaction.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from ...contract.auth import ReclaimedAccount
from ...contract.ids import UserId
from ...postgres import Statements
from ..store import Executor

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


async def insert_reclaimed(db: Executor, user: UserId) -> None:
    """Record that an account was reclaimed now."""
    await db.fetchrow(STATEMENTS["insert_reclaimed"], user)


async def delete_known_networks(db: Executor, user: UserId) -> None:
    await db.fetchrow(STATEMENTS["delete_known_networks"], user)


async def list_reclaimed(db: Executor, limit: int) -> tuple[ReclaimedAccount, ...]:
    """Return up to `limit` accounts whose reclaim is not finished, the oldest first.

    The earlier user of such an account may still have access to it.
    """
    rows = await db.fetch(STATEMENTS["list_reclaimed"], limit)
    return tuple(ReclaimedAccount(UserId(UUID(int=row["user_id"].int)), row["reclaimed_at"]) for row in rows)


async def delete_access_of_earlier_user(db: Executor, user: UserId, within: timedelta) -> None:
    """Delete the API tokens and the second factor that were created before the reclaim, or within the time `within`
    after the reclaim."""
    await db.fetchrow(STATEMENTS["delete_api_tokens_of_earlier_user"], user, within)
    await db.fetchrow(STATEMENTS["delete_second_factor_of_earlier_user"], user, within)


async def delete_reclaimed(db: Executor, user: UserId, after: timedelta) -> None:
    """Delete the record of a reclaimed account, if the time `after` has passed since the reclaim."""
    await db.fetchrow(STATEMENTS["delete_reclaimed"], user, after)
