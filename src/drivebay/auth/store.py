"""The statements of `store.sql` as methods: one statement, one method, rows in, values out.

Outside a `transaction` each call is one of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Protocol
from uuid import UUID

import asyncpg
import msgspec

from ..contract.auth import User
from ..contract.ids import UserId
from ..db import Database, Statements

MIGRATIONS: Final = Path(__file__).with_name("migrations")
STATEMENTS: Final = Statements(Path(__file__).with_name("store.sql"))


class Password(msgspec.Struct, frozen=True):
    """What checks the password of an account."""

    user: UserId
    hash: str


class FirstAnswer(msgspec.Struct, frozen=True):
    """What a sign-up with an idempotency key gave, and a fingerprint of what it was asked."""

    fingerprint: bytes
    user: User


class Refresh(msgspec.Struct, frozen=True):
    """A refresh token's row and its family's. `child` and `salt` are None until it is spent."""

    session: UUID
    user: UserId
    ended: str | None
    expired: bool
    spent: bool
    repeatable: bool
    salt: bytes | None


class SealedKey(msgspec.Struct, frozen=True):
    """A signing key as stored; `sealed` opens with the deployment's secret alone."""

    kid: str
    x: str
    sealed: bytes
    created_at: datetime


class Charge(msgspec.Struct, frozen=True):
    """Whether a bucket had one left; else `wait` until it has."""

    granted: bool
    wait: timedelta


class Executor(Protocol):
    """A pool or one connection of it."""

    async def fetch(self, sql: str, /, *arguments: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, /, *arguments: object) -> asyncpg.Record | None: ...


class Store:
    def __init__(self, database: Database, executor: Executor | None = None) -> None:
        self._database = database
        self._run: Executor = executor or database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        """This store inside one transaction."""
        async with self._database.transaction() as connection:
            yield Store(self._database, connection)

    async def ping(self) -> str | None:
        return await self._database.ping()

    async def insert_user(self, user: UserId, email: str, email_key: str, password_hash: str) -> User | None:
        """None when the address is taken."""
        row = await self._row("insert_user", user, email, email_key, password_hash)
        return _user(row) if row else None

    async def find_user(self, user: UserId) -> User | None:
        row = await self._row("find_user", user)
        return _user(row) if row else None

    async def find_password(self, email_key: str) -> Password | None:
        row = await self._row("find_password", email_key)
        return Password(user=_user_id(row["id"]), hash=row["password_hash"]) if row else None

    async def replace_password(self, user: UserId, old_hash: str, new_hash: str) -> None:
        await self._row("replace_password", user, old_hash, new_hash)

    async def try_idempotency_lock(self, address: str, key: str) -> bool:
        row = await self._row("try_idempotency_lock", address, key)
        return row is not None and bool(row[0])

    async def find_first_answer(self, address: str, key: str) -> FirstAnswer | None:
        row = await self._row("find_first_answer", address, key)
        return FirstAnswer(fingerprint=row["fingerprint"], user=_user(row)) if row else None

    async def insert_first_answer(self, address: str, key: str, fingerprint: bytes, user: UserId) -> None:
        await self._row("insert_first_answer", address, key, fingerprint, user)

    async def begin_session(self, session: UUID, user: UserId, digest: bytes, ttl: timedelta) -> None:
        await self._row("begin_session", session, user, digest, ttl)

    async def lock_refresh_token(self, digest: bytes, grace: timedelta) -> Refresh | None:
        row = await self._row("lock_refresh_token", digest, grace)
        if row is None:
            return None
        return Refresh(
            session=row["session_id"],
            user=_user_id(row["user_id"]),
            ended=row["end_reason"],
            expired=row["expired"],
            spent=row["spent"],
            repeatable=row["repeatable"],
            salt=row["salt"],
        )

    async def rotate_refresh_token(self, digest: bytes, child: bytes, salt: bytes, ttl: timedelta) -> None:
        await self._row("rotate_refresh_token", digest, child, salt, ttl)

    async def end_session(self, session: UUID, reason: Literal["logout", "reuse"]) -> None:
        await self._row("end_session", session, reason)

    async def end_session_of_token(self, digest: bytes) -> None:
        await self._row("end_session_of_token", digest)

    async def lock_signing_keys(self) -> None:
        await self._row("lock_signing_keys")

    async def insert_signing_key(self, kid: str, x: str, sealed: bytes) -> None:
        await self._row("insert_signing_key", kid, x, sealed)

    async def find_signing_keys(self, kept: timedelta) -> tuple[SealedKey, ...]:
        """Newest first; each until `kept` after its successor came."""
        rows = await self._run.fetch(STATEMENTS["find_signing_keys"], kept)
        return tuple(
            SealedKey(kid=row["kid"], x=row["x"], sealed=row["sealed"], created_at=row["created_at"]) for row in rows
        )

    async def charge(self, bucket: str, per: timedelta, each: timedelta) -> Charge:
        row = await self._row("charge", bucket, per, each)
        # No row: the bucket was emptied or filled by somebody between the two halves of the statement.
        return Charge(granted=row["granted"], wait=row["wait"]) if row else Charge(granted=False, wait=each)

    async def fill_bucket(self, bucket: str) -> None:
        await self._row("fill_bucket", bucket)

    async def prune_throttle(self) -> None:
        await self._row("prune_throttle")

    async def prune_idempotency(self) -> None:
        await self._row("prune_idempotency")

    async def prune_sessions(self) -> None:
        await self._row("prune_sessions")

    async def prune_refresh_tokens(self) -> None:
        await self._row("prune_refresh_tokens")

    async def prune_signing_keys(self, kept: timedelta) -> None:
        await self._row("prune_signing_keys", kept)

    async def _row(self, name: str, *arguments: object) -> asyncpg.Record | None:
        return await self._run.fetchrow(STATEMENTS[name], *arguments)


def _user(row: asyncpg.Record) -> User:
    return User(id=_user_id(row["id"]), email=row["email"], created_at=row["created_at"])


def _user_id(value: UUID) -> UserId:
    # asyncpg has a UUID class of its own; values carry the standard one.
    return UserId(UUID(int=value.int))
