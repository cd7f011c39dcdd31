"""The statements of `statements.sql` as methods: one method for each statement, typed values as results.

Outside `transaction` each call is a transaction of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, cast
from uuid import UUID

import asyncpg

from ..contract.auth import (
    ApiToken,
    ApiTokenClaims,
    DeletedAccount,
    RevocationPosition,
    RevokedSession,
    Role,
    Scope,
    Session,
    User,
)
from ..contract.ids import ApiTokenId, SessionId, UserId
from ..postgres import Database, Statements
from .stored_rows import (
    ApiTokenResult,
    EncryptedKey,
    EndReason,
    FoundApiToken,
    NewSession,
    RefreshTokenRow,
    SignUpResult,
    StoredCredentials,
)

MIGRATIONS: Final = Path(__file__).with_name("migrations")
STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


class Executor(Protocol):
    """Runs statements: a connection pool, or one connection of the pool in a transaction."""

    async def fetch(self, sql: str, /, *arguments: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, /, *arguments: object) -> asyncpg.Record | None: ...


class Store:
    """The statements on accounts, sessions, API tokens and signing keys."""

    def __init__(self, database: Database, executor: Executor | None = None) -> None:
        self._database = database
        self._executor: Executor = executor or database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        """Yield a store whose calls all run in one transaction."""
        async with self._database.transaction() as connection:
            yield Store(self._database, connection)

    @property
    def executor(self) -> Executor:
        """The transaction of this store, or the pool outside one. For the statements of other stores."""
        return self._executor

    async def ping(self) -> str | None:
        """Return None if the database can be reached, otherwise the problem."""
        return await self._database.ping()

    # -- accounts --------------------------------------------------------------------------------------

    async def insert_user(self, user: UserId, email: str, email_key: str, password_hash: str) -> User | None:
        """Insert an account and return it. Return None if an account has the address already."""
        row = await self._fetch_row("insert_user", user, email, email_key, password_hash)
        return _user_from(row) if row else None

    async def find_user(self, user: UserId) -> User | None:
        row = await self._fetch_row("find_user", user)
        return _user_from(row) if row else None

    async def find_user_by_email(self, email_keys: tuple[str, ...], email: str) -> User | None:
        """Return the account that has one of the keys, or None. A deleted account is not found. If there are several
        accounts, choose as `find_credentials` does."""
        row = await self._fetch_row("find_user_by_email", email_keys, email) if email_keys else None
        return _user_from(row) if row else None

    async def list_users(self, users: tuple[UserId, ...]) -> tuple[User, ...]:
        return tuple(_user_from(row) for row in await self._executor.fetch(STATEMENTS["list_users"], users))

    # `client_network` is the result of `rate_limiter.client_network`.

    async def find_credentials(
        self, email_keys: tuple[str, ...], email: str, client_network: str = ""
    ) -> StoredCredentials | None:
        """Return the account that has one of the keys, or None. A deleted account is found too.

        If there are several accounts, prefer the account whose address equals `email`, then the account with the first
        key.
        """
        if not email_keys:
            return None
        row = await self._fetch_row("find_credentials", email_keys, email, client_network)
        return _credentials_from(row) if row else None

    async def find_credentials_of_user(self, user: UserId, client_network: str = "") -> StoredCredentials | None:
        row = await self._fetch_row("find_credentials_of_user", user, client_network)
        return _credentials_from(row) if row else None

    async def update_display_name(self, user: UserId, display_name: str) -> User | None:
        row = await self._fetch_row("update_display_name", user, display_name)
        return _user_from(row) if row else None

    async def change_password(self, user: UserId, version: int, new_hash: str) -> bool:
        """Replace the password of version `version`. Return False if it was changed already."""
        return await self._fetch_row("change_password", user, version, new_hash) is not None

    async def delete_user(self, user: UserId, version: int, unusable_hash: str) -> bool:
        """Mark an account as deleted. Return False if its password was changed, or it was deleted already."""
        return await self._fetch_row("delete_user", user, version, unusable_hash) is not None

    async def list_deleted_users(self, after: tuple[datetime, UUID], limit: int) -> tuple[DeletedAccount, ...]:
        rows = await self._executor.fetch(STATEMENTS["list_deleted_users"], *after, limit)
        return tuple(DeletedAccount(_user_id(row["id"]), row["deleted_at"]) for row in rows)

    async def list_user_ids(self) -> tuple[UserId, ...]:
        """Return the ids of all accounts, also of deleted accounts that are not purged."""
        return tuple(_user_id(row["id"]) for row in await self._executor.fetch(STATEMENTS["list_user_ids"]))

    async def is_user_known(self, user: UserId) -> bool:
        """Return whether the account has a row, also if it was deleted."""
        return await self._fetch_row("is_user_known", user) is not None

    async def purge_user(self, user: UserId, remembered_for: timedelta) -> bool:
        """Delete all rows of a deleted account.

        Return False, and delete nothing, if there is no such account, while an ended session of the account must be
        remembered, or while the notice of the deletion waits for the mail server.
        """
        return await self._fetch_row("purge_user", user, remembered_for) is not None

    async def record_login(self, user: UserId) -> None:
        """Set the time of the last login."""
        await self._fetch_row("record_login", user)

    async def update_password_hash(self, user: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash` with `new_hash`. Do nothing if another hash is stored."""
        await self._fetch_row("update_password_hash", user, old_hash, new_hash)

    async def try_idempotency_lock(self, scope: str, key: str) -> bool:
        """Lock an idempotency key until the transaction ends. Return False if another transaction holds the lock.

        `scope` is the network of a sign-up, or the admin who creates an account. Keys of two scopes are different.
        """
        row = await self._fetch_row("try_idempotency_lock", scope, key)
        return row is not None and bool(row[0])

    async def find_sign_up_result(self, scope: str, key: str) -> SignUpResult | None:
        row = await self._fetch_row("find_sign_up_result", scope, key)
        return SignUpResult(fingerprint=row["fingerprint"], user=_user_from(row)) if row else None

    async def insert_sign_up_result(self, scope: str, key: str, fingerprint: bytes, user: UserId) -> None:
        await self._fetch_row("insert_sign_up_result", scope, key, fingerprint, user)

    # -- sessions --------------------------------------------------------------------------------------

    async def insert_session(self, session: NewSession, ttl: timedelta) -> bool:
        """Store a session. Return False if the password was changed, or the account was disabled or deleted."""
        row = await self._fetch_row(
            "insert_session",
            session.id,
            session.user,
            session.token_digest,
            ttl,
            session.password_version,
            session.user_agent,
            session.address,
        )
        return row is not None

    async def lock_refresh_token(self, digest: bytes, repeat_window: timedelta) -> RefreshTokenRow | None:
        row = await self._fetch_row("lock_refresh_token", digest, repeat_window)
        if row is None:
            return None
        return RefreshTokenRow(
            session=SessionId(_uuid(row["session_id"])),
            user=_user_id(row["user_id"]),
            end_reason=row["end_reason"],
            account_end=row["account_end"],
            is_expired=row["is_expired"],
            is_replaced=row["is_replaced"],
            is_repeatable=row["is_repeatable"],
            successor_salt=row["salt"],
        )

    async def replace_refresh_token(self, digest: bytes, successor_digest: bytes, salt: bytes, ttl: timedelta) -> None:
        await self._fetch_row("replace_refresh_token", digest, successor_digest, salt, ttl)

    async def is_fresh_session(self, session: SessionId, user: UserId, age: timedelta) -> bool:
        """Return whether a session of a user has not ended, and began at most `age` ago."""
        return await self._fetch_row("is_fresh_session", session, user, age) is not None

    async def end_session(self, session: SessionId, reason: EndReason) -> None:
        await self._fetch_row("end_session", session, reason)

    async def end_session_of_token(self, digest: bytes) -> None:
        await self._fetch_row("end_session_of_token", digest)

    async def end_session_of_user(self, session: SessionId, user: UserId) -> bool:
        return await self._fetch_row("end_session_of_user", session, user) is not None

    async def end_sessions_of_user(self, user: UserId, keep: SessionId | None, reason: EndReason) -> None:
        await self._fetch_row("end_sessions_of_user", user, keep, reason)

    async def end_excess_sessions(self, user: UserId, keep: SessionId, others: int) -> None:
        """End the sessions of a user except `keep` and the `others` that were used last."""
        await self._fetch_row("end_excess_sessions", user, keep, others)

    async def list_sessions(self, user: UserId, limit: int) -> tuple[Session, ...]:
        rows = await self._executor.fetch(STATEMENTS["list_sessions"], user, limit)
        return tuple(
            Session(
                id=SessionId(_uuid(row["id"])),
                created_at=row["started_at"],
                last_used_at=row["last_used_at"],
                user_agent=row["user_agent"],
                address=row["address"],
            )
            for row in rows
        )

    async def get_time(self) -> datetime:
        """Return the time of the database."""
        (row,) = await self._executor.fetch(STATEMENTS["get_time"])
        return cast("datetime", row["now"])

    async def list_revoked_sessions(
        self,
        since: datetime | None,
        remembered_for: timedelta,
        after: RevocationPosition | None = None,
        limit: int | None = None,
    ) -> tuple[tuple[RevokedSession, RevocationPosition], ...]:
        """Return ended sessions with their positions, in the order in which they ended."""
        position = (None, None) if after is None else (after.ended_at, after.id)
        rows = await self._executor.fetch(STATEMENTS["list_revoked_sessions"], since, remembered_for, *position, limit)
        return tuple(
            (RevokedSession(id, row["expires_at"]), RevocationPosition(row["ended_at"], id))
            for row in rows
            for id in (SessionId(_uuid(row["id"])),)
        )

    # -- API tokens ------------------------------------------------------------------------------------

    async def lock_api_tokens(self, user: UserId) -> bool:
        """Lock an account until the transaction ends. Return False if it does not exist."""
        return await self._fetch_row("lock_api_tokens", user) is not None

    async def count_api_tokens(self, user: UserId) -> int:
        row = await self._fetch_row("count_api_tokens", user)
        return 0 if row is None else int(row["tokens"])

    async def insert_api_token(self, user: UserId, digest: bytes, token: ApiToken) -> ApiToken:
        """Store a token and return it with its time of creation."""
        scopes = [scope.value for scope in token.scopes]
        values = (token.id, user, digest, token.name, scopes, token.expires_at)
        (row,) = await self._executor.fetch(STATEMENTS["insert_api_token"], *values)
        return _api_token(row)

    async def list_api_tokens(
        self, user: UserId, after: UUID | None = None, limit: int | None = None
    ) -> tuple[ApiToken, ...]:
        """Return up to `limit` tokens of a user that are older than the token `after`, newest first."""
        rows = await self._executor.fetch(STATEMENTS["list_api_tokens"], user, after, limit)
        return tuple(_api_token(row) for row in rows)

    async def find_api_token_result(self, scope: str, key: str) -> ApiTokenResult | None:
        row = await self._fetch_row("find_api_token_result", scope, key)
        if row is None:
            return None
        return ApiTokenResult(row["fingerprint"], None if row["id"] is None else _api_token(row))

    async def insert_api_token_result(
        self, scope: str, key: str, fingerprint: bytes, user: UserId, token: ApiTokenId
    ) -> None:
        await self._fetch_row("insert_api_token_result", scope, key, fingerprint, user, token)

    async def find_api_token(self, digest: bytes) -> FoundApiToken | None:
        row = await self._fetch_row("find_api_token", digest)
        if row is None:
            return None
        claims = ApiTokenClaims(
            id=ApiTokenId(_uuid(row["id"])),
            user=_user_id(row["user_id"]),
            scopes=_scopes(row["scopes"]),
            expires_at=row["expires_at"],
        )
        return FoundApiToken(claims, row["must_record_use"])

    async def record_api_token_use(self, token: ApiTokenId) -> None:
        await self._fetch_row("record_api_token_use", token)

    async def delete_api_token(self, token: ApiTokenId, user: UserId) -> bool:
        return await self._fetch_row("delete_api_token", token, user) is not None

    async def delete_api_tokens_of_user(self, user: UserId) -> None:
        await self._fetch_row("delete_api_tokens_of_user", user)

    # -- signing keys ----------------------------------------------------------------------------------

    async def lock_signing_keys(self) -> None:
        """Wait until no other transaction creates a key. The lock ends with this transaction."""
        await self._fetch_row("lock_signing_keys")

    async def insert_signing_key(self, kid: str, x: str, encrypted: bytes) -> None:
        await self._fetch_row("insert_signing_key", kid, x, encrypted)

    async def list_signing_keys(self, published_for: timedelta) -> tuple[EncryptedKey, ...]:
        """Return the published keys, newest first. A replaced key stays published for `published_for`."""
        rows = await self._executor.fetch(STATEMENTS["list_signing_keys"], published_for)
        return tuple(
            EncryptedKey(kid=row["kid"], x=row["x"], encrypted=row["sealed"], created_at=row["created_at"])
            for row in rows
        )

    # -- pruning ---------------------------------------------------------------------------------------

    async def prune_idempotency_results(self) -> None:
        await self._fetch_row("prune_idempotency_results")

    async def prune_sessions(self, remembered_for: timedelta) -> None:
        """Delete expired sessions. A session that has ended stays at least for `remembered_for` after its end."""
        await self._fetch_row("prune_sessions", remembered_for)

    async def prune_refresh_tokens(self) -> None:
        await self._fetch_row("prune_refresh_tokens")

    async def prune_signing_keys(self, published_for: timedelta) -> None:
        await self._fetch_row("prune_signing_keys", published_for)

    async def _fetch_row(self, name: str, *arguments: object) -> asyncpg.Record | None:
        return await self._executor.fetchrow(STATEMENTS[name], *arguments)


def _user_from(row: asyncpg.Record) -> User:
    return User(
        id=_user_id(row["id"]),
        email=row["email"],
        created_at=row["created_at"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        second_factor=row["second_factor"],
        email_verified=row["email_verified"],
        disabled=row["disabled"],
    )


def _credentials_from(row: asyncpg.Record) -> StoredCredentials:
    return StoredCredentials(
        user=_user_id(row["id"]),
        email_key=row["email_key"],
        password_hash=row["password_hash"],
        password_version=row["password_version"],
        is_deleted=row["is_deleted"],
        is_disabled=row["is_disabled"],
        has_second_factor=row["has_second_factor"],
        is_known=row["is_known"],
    )


def _api_token(row: asyncpg.Record) -> ApiToken:
    return ApiToken(
        id=ApiTokenId(_uuid(row["id"])),
        name=row["name"],
        scopes=_scopes(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )


def _scopes(values: list[str]) -> tuple[Scope, ...]:
    # A later release may have stored a scope that this release does not know.
    known_values = {scope.value for scope in Scope}
    return tuple(Scope(value) for value in values if value in known_values)


def _user_id(value: UUID) -> UserId:
    return UserId(_uuid(value))


def _uuid(value: UUID) -> UUID:
    # asyncpg has its own UUID class. Values have the standard class.
    return UUID(int=value.int)
