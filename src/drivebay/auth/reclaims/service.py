"""Gives an account whose address was never confirmed to the person who receives the mail of the address.

Another person may have signed up with that address. So all access to the account ends: sessions, tokens and factors in
the same transaction, and links and permissions in the files service afterwards.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from ...contract.auth import ReclaimedAccount
from ...contract.auth.accounts import RECLAIM_MARGIN
from ...contract.ids import UserId
from ...errors import InvalidRequest
from ...postgres import Database
from ..administration.store import delete_api_tokens, end_sessions, set_password
from ..mail.store import mark_email_verified
from ..passkeys.store import delete_passkeys_of_user
from ..second_factor.store import delete_secret
from ..store import Executor
from . import store

log = structlog.get_logger(__name__)

_RECORD_KEPT_FOR: Final = timedelta(minutes=1)
"""The time for which the record of a reclaim is kept at least. After it, every gateway refuses the access tokens of the
sessions that the reclaim ended, so the earlier user cannot create links, permissions or API tokens any more."""
_MAX_PAGE: Final = 1000


async def reclaim(tx: Executor, user: UserId, password_hash: str) -> None:
    """Give an account to the person who receives the mail of its address, in the transaction of `tx`.

    The transaction has locked the account. `password_hash` replaces the password. The address counts as confirmed.
    """
    await set_password(tx, user, password_hash)
    await end_sessions(tx, user, "password")
    await delete_api_tokens(tx, user)
    await delete_secret(tx, user)  # guard: reclaim-second-factor
    await delete_passkeys_of_user(tx, user)  # guard: reclaim-passkeys
    await store.delete_known_networks(tx, user)
    await mark_email_verified(tx, user)
    await store.insert_reclaimed(tx, user)  # guard: reclaim-recorded
    log.info("account_reclaimed", user=str(user))


class Reclaims:
    """The methods of `contract.auth.Accounts` on reclaimed accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_reclaimed_accounts(self, limit: int = 100) -> tuple[ReclaimedAccount, ...]:
        if not 1 <= limit <= _MAX_PAGE:
            raise InvalidRequest(f"limit must be 1 to {_MAX_PAGE}")
        return await store.list_reclaimed(self._database, limit)

    async def finish_reclaimed_account(self, user: UserId) -> None:
        async with self._database.transaction() as tx:
            # A gateway may accept an old token for some seconds after the reclaim.
            await store.delete_access_of_earlier_user(tx, user, RECLAIM_MARGIN)
            await store.delete_reclaimed(tx, user, _RECORD_KEPT_FOR)
