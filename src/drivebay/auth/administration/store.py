"""The SQL statements on accounts, as functions. `db` is a transaction, or the pool for a single read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from ...contract.auth import Account, Role, UserSort
from ...contract.ids import UserId
from ...postgres import Statements
from ..passkeys.store import delete_passkeys_of_user
from ..store import Executor
from ..stored_rows import EndReason

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))

_LISTS: Final = {
    (UserSort.CREATED, False): STATEMENTS["list_by_created"],
    (UserSort.CREATED, True): STATEMENTS["list_by_created_descending"],
    (UserSort.EMAIL, False): STATEMENTS["list_by_email"],
    (UserSort.EMAIL, True): STATEMENTS["list_by_email_descending"],
}


PasswordTokenPurpose = Literal["invitation", "reset", "mailed_invitation", "mailed_reset"]
"""The purpose of a token that sets a password. A token with `mailed_` was sent by mail, so it also confirms the email
address. Other tokens were shown to an admin or an operator."""


class StoredAccount(msgspec.Struct, frozen=True):
    """An account, and the key of its email for comparisons."""

    account: Account
    email_key: str


class UsedPasswordToken(msgspec.Struct, frozen=True):
    """A password token that was used, and deleted. `purpose` is `invitation` or `reset`."""

    user: UserId
    purpose: str
    was_mailed: bool


async def lock_admins(db: Executor) -> None:
    """Lock the roles of all accounts until the transaction ends."""
    await db.fetchrow(STATEMENTS["lock_admins"])


async def is_admin(db: Executor, user: UserId) -> bool:
    """Return whether the account exists, is an admin and is not disabled."""
    return await db.fetchrow(STATEMENTS["is_admin"], user) is not None


async def has_other_admin(db: Executor, user: UserId) -> bool:
    """Return whether an account other than `user` is an admin who is not disabled and has logged in.

    An invited admin who has never logged in can replace only an admin who has never logged in either.
    So if `user` has never logged in, an admin who has never logged in counts too.
    """
    return await db.fetchrow(STATEMENTS["has_other_admin"], user) is not None


async def list_accounts(
    db: Executor, order: tuple[UserSort, bool], query: str, after: tuple[object, UUID], limit: int
) -> list[StoredAccount]:
    """Return up to `limit` accounts that match `query`. `order` is the sort, and whether it is descending.

    `after` is the sort value and the id of the last account of the previous page.
    """
    return [_stored_account_from(row) for row in await db.fetch(_LISTS[order], query, *after, limit)]


async def get_accounts(db: Executor, users: tuple[UserId, ...], query: str) -> tuple[Account, ...]:
    """Return the accounts `users` that exist and match `query`, in the order of `users`."""
    return tuple(_account_from(row) for row in await db.fetch(STATEMENTS["get_accounts"], query, list(users)))


async def count_accounts(db: Executor) -> int:
    row = await db.fetchrow(STATEMENTS["count_accounts"])
    return 0 if row is None else int(row["accounts"])


async def find_account(db: Executor, email_keys: tuple[str, ...]) -> UserId | None:
    """Return the account with an email address, or None. `email_keys` are the `lookup_keys` of the EmailAddress."""
    row = await db.fetchrow(STATEMENTS["find_account"], list(email_keys))
    return None if row is None else _user_id(row["id"])


async def lock_account(db: Executor, user: UserId) -> Account | None:
    """Lock an account until the transaction ends, and return it, or None if it does not exist or is deleted."""
    row = await db.fetchrow(STATEMENTS["lock_account"], user)
    return None if row is None else _account_from(row)


async def set_role(db: Executor, user: UserId, role: Role) -> None:
    await db.fetchrow(STATEMENTS["set_role"], user, role.value)


async def set_disabled(db: Executor, user: UserId, *, disabled: bool) -> None:
    await db.fetchrow(STATEMENTS["set_disabled"], user, disabled)


async def delete_account(db: Executor, user: UserId, unusable_hash: str) -> None:
    """Mark an account as deleted, and delete its API tokens and passkeys. Its other rows are deleted after the purge of
    its files."""
    await db.fetchrow(STATEMENTS["delete_account"], user, unusable_hash)
    await delete_api_tokens(db, user)
    await delete_passkeys_of_user(db, user)  # guard: remove-account-passkeys


async def delete_api_tokens(db: Executor, user: UserId) -> None:
    await db.fetchrow(STATEMENTS["delete_api_tokens"], user)


async def end_sessions(db: Executor, user: UserId, reason: EndReason) -> None:
    """End every session of an account, and every login that waits for its second factor."""
    await db.fetchrow(STATEMENTS["end_sessions"], user, reason)
    await db.fetchrow(STATEMENTS["delete_challenges"], user)


async def insert_password_token(
    db: Executor, digest: bytes, user: UserId, purpose: PasswordTokenPurpose, ttl: timedelta
) -> None:
    """Store a token. If the token is stored already, do nothing."""
    await db.fetchrow(STATEMENTS["insert_password_token"], digest, user, purpose, ttl)


async def has_password_token(db: Executor, digest: bytes) -> bool:
    return await db.fetchrow(STATEMENTS["has_password_token"], digest) is not None


async def take_password_token(db: Executor, digest: bytes) -> UsedPasswordToken | None:
    """Delete a valid token, and return its account and purpose.

    Return None if there is no such token, or if its account is disabled or deleted.
    """
    row = await db.fetchrow(STATEMENTS["take_password_token"], digest)
    return None if row is None else _used_token_from(row)


async def set_password(db: Executor, user: UserId, password_hash: str) -> None:
    """Store a new hash, and delete every password token of the account."""
    await db.fetchrow(STATEMENTS["set_password"], user, password_hash)
    await delete_password_tokens(db, user)


async def delete_password_tokens(db: Executor, user: UserId) -> None:
    """Delete the tokens of the invitation and the resets of an account. The caller holds the lock of the account."""
    await db.fetchrow(STATEMENTS["delete_password_tokens"], user)


async def prune_password_tokens(db: Executor) -> None:
    await db.fetchrow(STATEMENTS["prune_password_tokens"])


def _used_token_from(row: asyncpg.Record) -> UsedPasswordToken:
    purpose = str(row["purpose"])
    name = purpose.removeprefix("mailed_")
    return UsedPasswordToken(_user_id(row["user_id"]), name, was_mailed=name != purpose)


def _stored_account_from(row: asyncpg.Record) -> StoredAccount:
    return StoredAccount(_account_from(row), row["email_key"])


def _account_from(row: asyncpg.Record) -> Account:
    return Account(
        id=_user_id(row["id"]),
        email=row["email"],
        role=Role(row["role"]),
        disabled=row["disabled"],
        created_at=row["created_at"],
        last_login_at=row["last_login_at"],
        display_name=row["display_name"],
        second_factor=row["second_factor"],
    )


def _user_id(value: UUID) -> UserId:
    return UserId(UUID(int=value.int))
