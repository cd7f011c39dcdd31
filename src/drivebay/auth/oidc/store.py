"""The SQL statements of sign-ins with an identity provider, as functions.

`db` is a transaction, or the pool for a call outside any transaction.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from ...contract.auth import Identity
from ...contract.ids import UserId
from ...postgres import Statements
from ..store import Executor

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


class SignedInUser(msgspec.Struct, frozen=True):
    """The account of a sign-in code, and the version of its password when the code was created."""

    user: UserId
    password_version: int


class AccountState(msgspec.Struct, frozen=True):
    password_version: int
    is_disabled: bool


async def insert_oidc_login(
    db: Executor, state_digest: bytes, browser_secret_digest: bytes, redirect_uri: str, ttl: timedelta
) -> None:
    """Store a sign-in that has begun: the digests of its `state` and of the secret in a cookie of its browser."""
    await db.fetchrow(STATEMENTS["insert_oidc_login"], state_digest, browser_secret_digest, redirect_uri, ttl)


async def take_oidc_login(db: Executor, state_digest: bytes, browser_secret_digest: bytes) -> str | None:
    """Delete a sign-in of this browser, and return its `redirect_uri`, or None if there is no such sign-in."""
    row = await db.fetchrow(STATEMENTS["take_oidc_login"], state_digest, browser_secret_digest)
    return None if row is None else str(row["redirect_uri"])


async def lock_identity(db: Executor, issuer: str, subject: str) -> None:
    await db.fetchrow(STATEMENTS["lock_identity"], issuer, subject)


async def find_identity(db: Executor, issuer: str, subject: str) -> UserId | None:
    row = await db.fetchrow(STATEMENTS["find_identity"], issuer, subject)
    return None if row is None else _user_id(row["user_id"])


async def has_identity(db: Executor, issuer: str, user: UserId) -> bool:
    """Return whether an account has an identity of this provider."""
    return await db.fetchrow(STATEMENTS["has_identity"], issuer, user) is not None


async def list_identities(db: Executor, user: UserId) -> tuple[Identity, ...]:
    rows = await db.fetch(STATEMENTS["list_identities"], user)
    return tuple(Identity(row["issuer"], row["subject"], row["created_at"]) for row in rows)


async def insert_identity(db: Executor, issuer: str, subject: str, user: UserId) -> None:
    await db.fetchrow(STATEMENTS["insert_identity"], issuer, subject, user)


async def find_account_state(db: Executor, user: UserId) -> AccountState | None:
    """Return the state of an account, or None if it was deleted."""
    row = await db.fetchrow(STATEMENTS["find_account_state"], user)
    return None if row is None else AccountState(row["password_version"], row["is_disabled"])


async def find_password_hash_of_unused_account(db: Executor, user: UserId) -> str | None:
    """Return the password hash of an account to which nobody has ever logged in. None if somebody has."""
    row = await db.fetchrow(STATEMENTS["find_password_hash_of_unused_account"], user)
    return None if row is None else str(row["password_hash"])


async def insert_sign_in_code(db: Executor, digest: bytes, signed_in: SignedInUser, ttl: timedelta) -> None:
    await db.fetchrow(STATEMENTS["insert_sign_in_code"], digest, signed_in.user, signed_in.password_version, ttl)


async def take_sign_in_code(db: Executor, digest: bytes) -> SignedInUser | None:
    """Delete a sign-in code, and return its account, or None if there is no such code."""
    row = await db.fetchrow(STATEMENTS["take_sign_in_code"], digest)
    return None if row is None else SignedInUser(_user_id(row["user_id"]), row["password_version"])


async def prune(db: Executor) -> None:
    """Delete sign-ins and codes that have expired."""
    await db.fetchrow(STATEMENTS["prune_oidc_logins"])
    await db.fetchrow(STATEMENTS["prune_sign_in_codes"])


def _user_id(value: UUID) -> UserId:
    return UserId(UUID(int=value.int))
