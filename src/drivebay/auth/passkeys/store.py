"""The SQL statements on passkeys, as functions. `db` is a transaction, or the pool for single statements.

`digest` is the digest of the challenge that a passkey signs. `login_digest` is the digest of the challenge that the
first step of a login returned. A login without a password has no first step.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from ...contract.auth import Passkey
from ...contract.ids import PasskeyId, SessionId, UserId
from ...postgres import Statements
from ..store import Executor

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


class NewPasskey(msgspec.Struct, frozen=True):
    """A passkey to store. `public_key` is in the format COSE."""

    id: PasskeyId
    user: UserId
    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    name: str
    is_synced: bool


class Credential(msgspec.Struct, frozen=True):
    """The credential id of a passkey, and its transports (`usb`, `nfc`, `internal`, ...)."""

    id: bytes
    transports: tuple[str, ...]


class StoredPasskey(msgspec.Struct, frozen=True):
    """The data that verify an assertion of a passkey, and the version of the password of its account."""

    id: PasskeyId
    user: UserId
    public_key: bytes
    sign_count: int
    password_version: int


async def insert_registration_challenge(
    db: Executor, digest: bytes, session: SessionId, user: UserId, ttl: timedelta
) -> bool:
    """Store the challenge of a new passkey. It replaces an earlier challenge of the session.

    Return False if the session has ended.
    """
    return await db.fetchrow(STATEMENTS["insert_registration_challenge"], digest, session, user, ttl) is not None


async def insert_login_challenge(db: Executor, digest: bytes, ttl: timedelta) -> None:
    """Store the challenge of a login without a password."""
    await db.fetchrow(STATEMENTS["insert_login_challenge"], digest, ttl)


async def insert_second_factor_challenge(db: Executor, digest: bytes, login_digest: bytes, ttl: timedelta) -> bool:
    """Store the challenge of a passkey that is the second factor of a login. It replaces an earlier challenge.

    Return False if the login has ended.
    """
    return await db.fetchrow(STATEMENTS["insert_second_factor_challenge"], digest, login_digest, ttl) is not None


async def take_registration_challenge(db: Executor, digest: bytes, session: SessionId) -> bool:
    """Use up the challenge of a new passkey. Return False if the session has no such challenge."""
    return await db.fetchrow(STATEMENTS["take_registration_challenge"], digest, session) is not None


async def take_login_challenge(db: Executor, digest: bytes, login_digest: bytes | None) -> bool:
    """Use up the challenge of a login. `login_digest` is None for a login without a password.

    Return False if this login has no such challenge.
    """
    return await db.fetchrow(STATEMENTS["take_login_challenge"], digest, login_digest) is not None


async def find_user_of_login(db: Executor, login_digest: bytes) -> UserId | None:
    """Return the account of a login that waits for its second factor, None if the login has ended."""
    row = await db.fetchrow(STATEMENTS["find_user_of_login"], login_digest)
    return None if row is None else UserId(_uuid(row["user_id"]))


async def count_passkeys(db: Executor, user: UserId) -> int:
    row = await db.fetchrow(STATEMENTS["count_passkeys"], user)
    return 0 if row is None else int(row["passkeys"])


async def insert_passkey(db: Executor, passkey: NewPasskey, session: SessionId) -> Passkey | None:
    """Store a passkey. Return None if the credential is stored already, or if the session has ended."""
    row = await db.fetchrow(
        STATEMENTS["insert_passkey"],
        passkey.id,
        passkey.user,
        passkey.credential_id,
        passkey.public_key,
        passkey.sign_count,
        list(passkey.transports),
        passkey.name,
        passkey.is_synced,
        session,
    )
    return None if row is None else _passkey_from(row)


async def list_passkeys(db: Executor, user: UserId) -> tuple[Passkey, ...]:
    return tuple(_passkey_from(row) for row in await db.fetch(STATEMENTS["list_passkeys"], user))


async def list_credentials(db: Executor, user: UserId) -> tuple[Credential, ...]:
    rows = await db.fetch(STATEMENTS["list_credentials"], user)
    return tuple(Credential(row["credential_id"], tuple(row["transports"])) for row in rows)


async def find_credential(db: Executor, credential_id: bytes) -> StoredPasskey | None:
    row = await db.fetchrow(STATEMENTS["find_credential"], credential_id)
    if row is None:
        return None
    return StoredPasskey(
        id=PasskeyId(_uuid(row["id"])),
        user=UserId(_uuid(row["user_id"])),
        public_key=row["public_key"],
        sign_count=row["sign_count"],
        password_version=row["password_version"],
    )


async def use_passkey(db: Executor, passkey: StoredPasskey, sign_count: int, *, is_synced: bool) -> bool:
    """Record a use of a passkey.

    Return False if the passkey was removed, or if `sign_count` has not increased, which means that the passkey was
    copied. A counter that is always 0 is accepted.
    """
    return await db.fetchrow(STATEMENTS["use_passkey"], passkey.id, passkey.user, sign_count, is_synced) is not None


async def rename_passkey(db: Executor, passkey: PasskeyId, user: UserId, name: str) -> Passkey | None:
    row = await db.fetchrow(STATEMENTS["rename_passkey"], passkey, user, name)
    return None if row is None else _passkey_from(row)


async def delete_passkey(db: Executor, passkey: PasskeyId, user: UserId) -> bool:
    return await db.fetchrow(STATEMENTS["delete_passkey"], passkey, user) is not None


async def delete_passkeys_of_user(db: Executor, user: UserId) -> int:
    """Delete every passkey of an account. Return how many there were."""
    row = await db.fetchrow(STATEMENTS["delete_passkeys_of_user"], user)
    return 0 if row is None else int(row["passkeys"])


async def prune_challenges(db: Executor) -> None:
    await db.fetchrow(STATEMENTS["prune_challenges"])


def _passkey_from(row: asyncpg.Record) -> Passkey:
    return Passkey(
        id=PasskeyId(_uuid(row["id"])),
        name=row["name"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        is_synced=row["is_synced"],
    )


def _uuid(value: UUID) -> UUID:
    # asyncpg has its own UUID class. Values have the standard class.
    return UUID(int=value.int)
