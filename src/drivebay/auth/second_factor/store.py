"""The SQL statements of the second factor, as functions. `db` is a transaction, or the pool for a single statement."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from ...contract.ids import UserId
from ...postgres import Statements
from ..store import Executor

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


class StoredSecret(msgspec.Struct, frozen=True):
    """The secret of a second factor, encrypted. The secret is active after it was confirmed."""

    sealed: bytes
    is_active: bool


class ChallengeRow(msgspec.Struct, frozen=True):
    """The account of a login that waits for its code, and the version of the password that was checked."""

    user: UserId
    password_version: int


async def upsert_secret(db: Executor, user: UserId, sealed: bytes) -> bool:
    """Store a secret that is not active yet. Return False if the account has an active secret."""
    return await db.fetchrow(STATEMENTS["upsert_secret"], user, sealed) is not None


async def find_secret(db: Executor, user: UserId) -> StoredSecret | None:
    row = await db.fetchrow(STATEMENTS["find_secret"], user)
    return None if row is None else StoredSecret(row["sealed"], row["is_active"])


async def lock_secret(db: Executor, user: UserId) -> StoredSecret | None:
    """Lock a secret until the transaction ends, and return it, or None if the account has none."""
    row = await db.fetchrow(STATEMENTS["lock_secret"], user)
    return None if row is None else StoredSecret(row["sealed"], row["is_active"])


async def lock_account_row(db: Executor, user: UserId) -> None:
    """Lock an account until the transaction ends. A transaction that locks more rows locks the account first."""
    await db.fetchrow(STATEMENTS["lock_account_row"], user)


async def use_step(db: Executor, user: UserId, step: int) -> bool:
    """Use up the code of a time step. Return False if this code, or a later one, was used before."""
    return await db.fetchrow(STATEMENTS["use_step"], user, step) is not None


async def activate(db: Executor, user: UserId) -> bool:
    """Activate a second factor. Return False if there is none, or if it is active already."""
    return await db.fetchrow(STATEMENTS["activate"], user) is not None


async def insert_recovery_codes(db: Executor, user: UserId, digests: tuple[bytes, ...]) -> None:
    await db.fetchrow(STATEMENTS["insert_recovery_codes"], user, list(digests))


async def use_recovery_code(db: Executor, user: UserId, digest: bytes) -> bool:
    """Use up a recovery code. Return False if there is no such code, or it was used before."""
    return await db.fetchrow(STATEMENTS["use_recovery_code"], user, digest) is not None


async def delete_secret(db: Executor, user: UserId) -> bool:
    """Delete a secret and its recovery codes. Return whether it was active."""
    row = await db.fetchrow(STATEMENTS["delete_secret"], user)
    return row is not None and bool(row["is_active"])


async def insert_challenge(db: Executor, digest: bytes, challenge: ChallengeRow, ttl: timedelta, tries: int) -> None:
    await db.fetchrow(STATEMENTS["insert_challenge"], digest, challenge.user, challenge.password_version, ttl, tries)


async def take_try(db: Executor, digest: bytes) -> ChallengeRow | None:
    """Use up one try of a challenge, and return the challenge. Return None if it has expired or has no tries left."""
    row = await db.fetchrow(STATEMENTS["take_try"], digest)
    return None if row is None else ChallengeRow(UserId(UUID(int=row["user_id"].int)), row["password_version"])


async def delete_challenge(db: Executor, digest: bytes) -> bool:
    """Delete a challenge. Return False if there is no such challenge any more."""
    return await db.fetchrow(STATEMENTS["delete_challenge"], digest) is not None


async def prune_challenges(db: Executor) -> None:
    await db.fetchrow(STATEMENTS["prune_challenges"])
