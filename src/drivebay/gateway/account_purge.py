"""Empties the drives of deleted accounts, and then deletes the accounts. Also ends the links, permissions and webhooks
of the earlier users of reclaimed accounts.

Auth records each deletion, so no deletion is lost. A drive is purged when the grace period of its trash has passed.
Until then, every gateway repeats its call that empties the drive. Several gateways may run each step at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from ..contract.auth import Auth, DeletedAccount
from ..contract.auth.accounts import RECLAIM_MARGIN
from ..contract.files import Files
from ..contract.ids import DriveId, UserId
from ..errors import Error

log = structlog.get_logger(__name__)

_INTERVAL: Final = 30.0
"""Seconds between two rounds."""
_PAGE: Final = 100
"""The number of accounts in one page of a list."""
_EMPTY_TIME: Final = 5.0
"""Seconds that the deletion of an account may wait for its drive."""
_MAX_RETRY_INTERVAL: Final = timedelta(hours=1)


class AccountPurge:
    """Purges deleted accounts and ends the sharing of reclaimed accounts. `run` does both in rounds."""

    def __init__(self, auth: Auth, files: Files, now: Callable[[], datetime]) -> None:
        self._auth = auth
        self._files = files
        self._now = now
        self._attempted_at: dict[UserId, datetime] = {}

    async def run(self) -> None:
        """Run a round every 30 seconds, until cancelled."""
        while True:
            try:
                await self.run_once()
            except Error as error:
                log.warning("account_purge_postponed", reason=error.detail)
            except Exception:  # a defect must not end the job, because nothing would notice
                log.exception("account_purge_failed")
            await asyncio.sleep(_INTERVAL)

    async def run_once(self) -> None:
        """Empty the drive of every deleted account, and delete the accounts whose drives are purged. Also call
        `end_reclaimed_sharing`.

        A failure of one account does not stop the others. Raises the errors of `list_deleted_accounts`.
        """
        await end_reclaimed_sharing(self._auth, self._files)
        last: DeletedAccount | None = None
        while page := await self._auth.list_deleted_accounts(last, _PAGE):
            for account in page:
                if self._is_due(account):
                    await self._purge(account)
            last = page[-1]

    def _is_due(self, account: DeletedAccount) -> bool:
        """Return whether the next attempt is due. The interval grows with the age of the deletion, up to an hour."""
        now, attempted_at = self._now(), self._attempted_at.get(account.user)
        return attempted_at is None or now - attempted_at >= min(
            (attempted_at - account.deleted_at) / 10, _MAX_RETRY_INTERVAL
        )

    async def _purge(self, account: DeletedAccount) -> None:
        self._attempted_at[account.user] = self._now()
        try:
            is_purged = await self._files.empty_drive(DriveId(account.user))
            if not is_purged:  # guard: account-purge-order
                return
            if await self._auth.purge_account(account.user):
                del self._attempted_at[account.user]
        except Error as error:
            log.warning("account_purge_postponed", user=str(account.user), reason=error.detail)


async def end_reclaimed_sharing(auth: Auth, files: Files) -> tuple[UserId, ...]:
    """End the links, permissions and webhooks of the earlier users of reclaimed accounts, and return the accounts.

    A failure is logged, and does not stop the other accounts. The next round tries again: auth lists a reclaimed
    account until this function has succeeded for the account a minute after the reclaim or later.
    """
    try:
        accounts = await auth.list_reclaimed_accounts(_PAGE)
    except Error as error:
        log.warning("end_sharing_postponed", reason=error.detail)
        return ()
    for account in accounts:
        try:
            # The margin covers the duration of the reclaim, and the seconds in which another gateway accepts an old
            # token.
            await files.end_sharing(account.user, account.reclaimed_at + RECLAIM_MARGIN)  # guard: reclaim-sharing
            await auth.finish_reclaimed_account(account.user)
        except Error as error:
            log.warning("end_sharing_postponed", user=str(account.user), reason=error.detail)
    return tuple(account.user for account in accounts)


async def end_account(files: Files, user: UserId, timeout: float = _EMPTY_TIME) -> None:
    """End the links, memberships, permissions and webhooks of a deleted account at once, and begin to empty its drive.

    If the files service is down, or a large drive takes longer than `timeout` seconds, the rounds of `AccountPurge` do
    the rest.
    """
    try:
        await files.end_links(user)
        async with asyncio.timeout(timeout):
            await files.empty_drive(DriveId(user))  # guard: account-memberships-at-once
    except (Error, TimeoutError) as error:
        log.warning("end_account_postponed", user=str(user), reason=str(error) or "it takes too long")
