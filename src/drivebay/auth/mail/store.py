"""The SQL statements of the mail queue, as functions.

`db` is a transaction, or the pool for a call outside any transaction.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from ...contract.auth import MailKind
from ...contract.ids import LeaseId, MailId, UserId
from ...postgres import Statements
from ..store import Executor

STATEMENTS: Final = Statements(Path(__file__).with_name("statements.sql"))


class ClaimedMail(msgspec.Struct, frozen=True):
    """A mail under a lease. Either `user` is set, or `requested_email`, the address for which a reset was requested.

    `attempts` includes the current attempt. `requested_from` is the IP address of the client.
    """

    id: MailId
    kind: MailKind
    user: UserId | None
    requested_email: str | None
    requested_from: str
    attempts: int


class Recipient(msgspec.Struct, frozen=True):
    """The account that a mail goes to."""

    email: str
    email_key: str
    is_verified: bool
    is_disabled: bool


class Postponement(msgspec.Struct, frozen=True):
    """A mail that was not sent. `has_failed`: it is too old for another attempt."""

    kind: str
    has_failed: bool


async def insert_mail(db: Executor, id: MailId, kind: MailKind, user: UserId, ttl: timedelta) -> None:
    """Queue a mail. The mail fails if it is not sent within `ttl`."""
    await db.fetchrow(STATEMENTS["insert_mail"], id, kind.value, user, ttl)


async def insert_reset_request(
    db: Executor, id: MailId, requested_email: str, requested_from: str, ttl: timedelta
) -> None:
    """Queue a reset for an address that may have no account."""
    await db.fetchrow(STATEMENTS["insert_reset_request"], id, requested_email, requested_from, ttl)


async def claim_mails(db: Executor, lease: LeaseId, limit: int, ttl: timedelta) -> tuple[ClaimedMail, ...]:
    """Lease up to `limit` due mails for the time `ttl`. Mails of a kind that this release does not know stay queued."""
    rows = await db.fetch(STATEMENTS["claim_mails"], lease, limit, ttl, [kind.value for kind in MailKind])
    return tuple(_claimed_mail_from(row) for row in rows)


async def set_recipient(db: Executor, id: MailId, user: UserId) -> None:
    """Record the account of a reset, and delete the requested email and the address of the client."""
    await db.fetchrow(STATEMENTS["set_recipient"], id, user)


async def find_recipient(db: Executor, user: UserId, *, only_deleted: bool = False) -> Recipient | None:
    """Return the recipient, or None if there is no such account.

    With `only_deleted`, only a deleted account is found. Without it, a deleted account is not found.
    """
    row = await db.fetchrow(STATEMENTS["find_recipient"], user, only_deleted)
    return None if row is None else Recipient(*row)


async def delete_mail(db: Executor, id: MailId) -> None:
    """Delete a mail that is not to be sent."""
    await db.fetchrow(STATEMENTS["delete_mail"], id)


async def delete_sent_mail(db: Executor, id: MailId, lease: LeaseId) -> bool:
    """Delete a mail that was sent. If the lease has ended, change nothing and return False."""
    return await db.fetchrow(STATEMENTS["delete_sent_mail"], id, lease) is not None


async def postpone_mail(db: Executor, id: MailId, lease: LeaseId, error: str) -> Postponement | None:
    """Schedule another attempt, or fail the mail if it is too old. If the lease has ended, return None."""
    row = await db.fetchrow(STATEMENTS["postpone_mail"], id, lease, error)
    return None if row is None else Postponement(*row)


async def fail_mail(db: Executor, id: MailId, lease: LeaseId, error: str) -> str | None:
    """Mark a mail as failed, and return its kind. If the lease has ended, change nothing and return None."""
    row = await db.fetchrow(STATEMENTS["fail_mail"], id, lease, error)
    return None if row is None else str(row["kind"])


async def fail_expired_mails(db: Executor) -> list[tuple[MailId, str]]:
    """Fail the mails whose time has ended and that no worker has leased. Return their ids and kinds."""
    rows = await db.fetch(STATEMENTS["fail_expired_mails"])
    return [(MailId(UUID(int=row["id"].int)), str(row["kind"])) for row in rows]


async def prune_mails(db: Executor) -> None:
    await db.fetchrow(STATEMENTS["prune_mails"])


async def insert_email_token(db: Executor, digest: bytes, user: UserId, email_key: str, ttl: timedelta) -> None:
    """Store a token that confirms the address `email_key` of an account."""
    await db.fetchrow(STATEMENTS["insert_email_token"], digest, user, email_key, ttl)


async def take_email_token(db: Executor, digest: bytes) -> UserId | None:
    """Delete a valid token, and return its account.

    Return None if there is no such token, or if the account was deleted or has another email address now.
    """
    row = await db.fetchrow(STATEMENTS["take_email_token"], digest)
    return None if row is None else UserId(UUID(int=row["user_id"].int))


async def mark_email_verified(db: Executor, user: UserId) -> None:
    """Mark the address of an account as confirmed, and delete the tokens that would confirm it."""
    await db.fetchrow(STATEMENTS["mark_email_verified"], user)
    await db.fetchrow(STATEMENTS["delete_email_tokens"], user)


async def prune_email_tokens(db: Executor) -> None:
    await db.fetchrow(STATEMENTS["prune_email_tokens"])


def _claimed_mail_from(row: asyncpg.Record) -> ClaimedMail:
    return ClaimedMail(
        id=MailId(UUID(int=row["id"].int)),
        kind=MailKind(row["kind"]),
        user=None if row["user_id"] is None else UserId(UUID(int=row["user_id"].int)),
        requested_email=row["requested_email"],
        requested_from=row["requested_from"],
        attempts=row["attempts"],
    )
