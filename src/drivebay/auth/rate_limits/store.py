"""The SQL statements of rate limits, as functions. `db` is a transaction, or the pool for a single statement."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from ...contract.ids import UserId
from ...postgres import Statements
from ..store import Executor
from ..stored_rows import BucketResult

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


async def take_token(db: Executor, bucket: str, refill_time: timedelta, time_per_token: timedelta) -> BucketResult:
    """Take one token from a bucket that refills within `refill_time`, one token every `time_per_token`."""
    row = await db.fetchrow(STATEMENTS["take_token"], bucket, refill_time, time_per_token)
    # There is no row if another process created the bucket after this statement began. Refuse the call in this case.
    if row is None:
        return BucketResult(granted=False, wait=time_per_token)
    return BucketResult(granted=row["granted"], wait=row["wait"], tokens=row["tokens"])


async def refill_bucket(db: Executor, bucket: str) -> None:
    await db.fetchrow(STATEMENTS["refill_bucket"], bucket)


async def return_token(db: Executor, bucket: str, time_per_token: timedelta) -> None:
    """Undo one charge of a bucket."""
    await db.fetchrow(STATEMENTS["return_token"], bucket, time_per_token)


async def remember_network(db: Executor, user: UserId, network: str, max_other_networks: int) -> None:
    """Record a login of an account from a network. Keep this network, and up to `max_other_networks` other networks:
    those with the latest logins."""
    await db.fetchrow(STATEMENTS["remember_network"], user, network, max_other_networks)


async def prune_known_networks(db: Executor, age: timedelta) -> None:
    """Delete the networks whose last login is older than `age`."""
    await db.fetchrow(STATEMENTS["prune_known_networks"], age)


async def prune_buckets(db: Executor) -> None:
    await db.fetchrow(STATEMENTS["prune_buckets"])
