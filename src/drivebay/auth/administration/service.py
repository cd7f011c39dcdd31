"""Implements the methods of `contract.auth.Administration` for existing accounts.

The transaction of each change reads the role of the actor, under the lock that protects the list of admins. So if two
admins demote each other at the same time, only the first succeeds, and a demoted admin can change nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from ...contract.auth import Account, AccountListing, AccountPage, AccountUpdate, Actor, Role
from ...contract.ids import UserId
from ...errors import FieldError, InvalidRequest, NotFound
from ...postgres import Database
from .. import email_address
from ..audit.audit_log import Action
from ..mail.mail_queue import AccountChangeRecorder
from ..password_hasher import PasswordHasher
from ..store import Executor
from . import account_listing, store
from .admins import require_admin, require_other_admin

log = structlog.get_logger(__name__)

MAX_LIMIT: Final = 2**53
"""The maximum quota in bytes. JSON numbers are exact up to this value."""
_MAX_IDS: Final = 1000
"""The maximum number of ids in one call."""


class AdministrationService:
    """The methods for existing accounts. `cursor_key` signs cursors."""

    def __init__(
        self, database: Database, recorder: AccountChangeRecorder, hasher: PasswordHasher, cursor_key: bytes
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._hasher = hasher
        self._cursor_key = cursor_key

    async def list_accounts(self, actor: Actor, listing: AccountListing) -> AccountPage:
        await require_admin(self._database, actor)
        return await account_listing.list_accounts(self._database, self._cursor_key, listing)

    async def get_accounts(self, actor: Actor, users: tuple[UserId, ...], query: str = "") -> tuple[Account, ...]:
        await require_admin(self._database, actor)
        if len(users) > _MAX_IDS:
            raise InvalidRequest(f"a call reads at most {_MAX_IDS} accounts")
        return await store.get_accounts(self._database, users, account_listing.fold_query(query))

    async def count_accounts(self, actor: Actor) -> int:
        await require_admin(self._database, actor)
        return await store.count_accounts(self._database)

    async def find_account(self, actor: Actor, email: str) -> Account:
        await require_admin(self._database, actor)
        keys = email_address.parse(email).lookup_keys
        user = await store.find_account(self._database, keys) if keys else None
        accounts = () if user is None else await store.get_accounts(self._database, (user,), "")
        if not accounts:
            raise NotFound("no account has this email address")
        return accounts[0]

    async def update_account(self, actor: Actor, user: UserId, update: AccountUpdate) -> Account:
        if update.records_limit and (problem := limit_problem(update.limit_bytes)):
            raise InvalidRequest(f"limit_bytes {problem}", errors=(FieldError("limit_bytes", problem),))
        async with self._change(actor, user) as (tx, account):
            role = update.role or account.role
            disabled = account.disabled if update.disabled is None else update.disabled
            if role is not Role.ADMIN or disabled:
                await require_other_admin(tx, user)
            if role is not account.role:
                await store.set_role(tx, user, role)
                await self._recorder.record(tx, actor, Action.ROLE_CHANGED, user, {"role": role.value})
            if disabled != account.disabled:
                await self._set_disabled(tx, actor, user, disabled=disabled)
            # Do this even if the account was disabled already: an earlier release may have begun sessions of it.
            if update.disabled:
                await store.end_sessions(tx, user, "disabled")  # guard: disabled-sessions
                await store.delete_password_tokens(tx, user)  # guard: disabled-reset-links
            if update.records_limit:
                limit = "default" if update.limit_bytes is None else str(update.limit_bytes)
                await self._recorder.record(tx, actor, Action.QUOTA_CHANGED, user, {"limit_bytes": limit})
            (changed,) = await store.get_accounts(tx, (user,), "")
        return changed

    async def remove_account(self, actor: Actor, user: UserId) -> None:
        async with self._change(actor, user) as (tx, _):
            await require_other_admin(tx, user)
            await store.delete_account(tx, user, self._hasher.unusable_hash)
            await store.end_sessions(tx, user, "deleted")
            await self._recorder.record(tx, actor, Action.ACCOUNT_DELETED, user)
        log.info("account_deleted", user=str(user), actor=str(actor.user))

    async def end_user_sessions(self, actor: Actor, user: UserId) -> None:
        async with self._change(actor, user) as (tx, _):
            await store.end_sessions(tx, user, "admin")
            await self._recorder.record(tx, actor, Action.SESSIONS_ENDED, user)

    async def _set_disabled(self, tx: Executor, actor: Actor, user: UserId, *, disabled: bool) -> None:
        await store.set_disabled(tx, user, disabled=disabled)
        action = Action.ACCOUNT_DISABLED if disabled else Action.ACCOUNT_ENABLED
        await self._recorder.record(tx, actor, action, user)
        log.info(action.value, user=str(user), actor=str(actor.user))

    @asynccontextmanager
    async def _change(self, actor: Actor, user: UserId) -> AsyncIterator[tuple[Executor, Account]]:
        """Lock an account for a change by this actor. Raises Forbidden, NotFound."""
        async with self._database.transaction() as tx:
            await store.lock_admins(tx)
            await require_admin(tx, actor)
            account = await store.lock_account(tx, user)
            if account is None:
                raise NotFound(f"no account {user}")
            yield tx, account


def limit_problem(limit: int | None) -> str | None:
    """Return the reason why a quota in bytes is not valid, or None. A `limit` of None is always valid."""
    return None if limit is None or 0 <= limit <= MAX_LIMIT else f"must be 0 to {MAX_LIMIT}"
