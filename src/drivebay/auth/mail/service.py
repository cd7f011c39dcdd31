"""Implements `contract.auth.Mail`: confirmation of addresses, requests for resets, and the queue of the worker."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta
from typing import Final

import structlog

from ...contract.auth import Actor, MailKind
from ...contract.ids import UserId
from ...errors import InvalidToken, NotFound, RateLimited
from ...postgres import Database
from .. import email_address
from ..audit.audit_log import MAX_ADDRESS, Action, AuditLog
from ..opaque_token import OpaqueToken
from ..rate_limiter import client_network
from ..rate_limits.store import take_token
from ..settings import Rate
from ..stored_rows import BucketResult
from . import store
from .mail_queue import MailQueue

log = structlog.get_logger(__name__)

MAILS_A_MINUTE: Final = Rate(1, timedelta(minutes=1))
"""The limit of mails of one kind to one address. Confirmations are counted for each user, and resets for each network
that requests them."""
MAILS_A_DAY: Final = Rate(10, timedelta(days=1))
"""The limit of mails of one kind to one address, so that no user can fill the mailbox of another person."""
EXTRA_RESETS_A_DAY: Final = Rate(1, timedelta(days=1))
"""When MAILS_A_DAY is used up for an address, each network may request one more reset a day for it. So other people
cannot prevent a reset by the user of the address."""


class MailService:
    """The methods of `contract.auth.Mail`. `client_limit` is the limit of requests for resets from one
    network, or None for no limit."""

    def __init__(self, database: Database, queue: MailQueue, audit: AuditLog, client_limit: Rate | None) -> None:
        self._database = database
        self._queue = queue
        self._audit = audit
        self._client_limit = client_limit
        self.claim_mails = queue.claim_mails
        self.finish_mails = queue.finish_mails

    async def request_password_reset(self, actor: Actor, email: str) -> None:
        self._queue.require_enabled()
        self._queue.require_passwords()
        await self._charge_client(actor.address)
        parsed = email_address.parse(email)
        if not parsed.lookup_keys:
            return  # no account can have this address
        # The same statements run if there is no account, so that the time reveals nothing. The account is looked
        # up when the worker claims the mail.
        recipient = hashlib.sha256(parsed.key.encode()).hexdigest()
        if await self._take_reset(recipient, client_network(actor.address)):
            await self._queue.add_reset_request(parsed.as_entered, _printable(actor.address))

    async def request_verification(self, user: UserId) -> None:
        self._queue.require_enabled()
        recipient = await store.find_recipient(self._database, user)
        if recipient is None:
            raise NotFound(f"no user {user}")
        if recipient.is_verified:
            return
        wait = await self._take_mail("verification", str(user))
        if wait is not None:
            raise RateLimited(f"a mail was sent already: read it, or try again in {wait} seconds", retry_after=wait)
        async with self._database.transaction() as tx:
            await self._queue.add(tx, MailKind.VERIFICATION, user)

    async def verify_email(self, actor: Actor, token: str) -> None:
        self._queue.require_enabled()
        parsed = OpaqueToken.parse(token)
        async with self._database.transaction() as tx:
            user = None if parsed is None else await store.take_email_token(tx, parsed.digest)
            if user is None:
                raise InvalidToken("the link was used, has expired or never existed; ask for a new one")
            await store.mark_email_verified(tx, user)
            actor_of_token = Actor(user, actor.address, actor.user_agent)
            await self._audit.record(tx, actor_of_token, Action.EMAIL_VERIFIED, user)
        log.info("email_verified", user=str(user))

    async def _take_reset(self, recipient: str, network: str) -> bool:
        """Count a reset that a network requests for an address. Return False if there were too many."""
        pair = f"{recipient}:{network}"
        if not (await self._take(f"mail:reset:minute:{pair}", MAILS_A_MINUTE)).granted:  # guard: reset-mail-minute
            return False
        if (await self._take(f"mail:reset:day:{recipient}", MAILS_A_DAY)).granted:
            return True
        return (await self._take(f"mail:reset:first:{pair}", EXTRA_RESETS_A_DAY)).granted  # guard: reset-mail-first

    async def _take(self, bucket: str, rate: Rate) -> BucketResult:
        return await take_token(self._database, bucket, rate.per, rate.per / rate.count)

    async def _take_mail(self, kind: str, recipient: str) -> int | None:
        """Count a mail to a recipient. Return None, or the number of seconds to wait if there were too many mails."""
        for name, rate in (("minute", MAILS_A_MINUTE), ("day", MAILS_A_DAY)):
            result = await self._take(f"mail:{kind}:{name}:{recipient}", rate)
            if not result.granted:  # guard: mail-rate
                return max(1, math.ceil(result.wait.total_seconds()))
        return None

    async def _charge_client(self, address: str) -> None:
        if self._client_limit is None:
            return
        # There is no limit for all clients together, because one client with many addresses could use it up.
        result = await self._take(f"mail:address:{client_network(address)}", self._client_limit)
        if not result.granted:  # guard: mail-client-rate
            wait = max(1, math.ceil(result.wait.total_seconds()))
            raise RateLimited(f"too many attempts: try again in {wait} seconds", retry_after=wait)


def _printable(text: str) -> str:
    return "".join(letter for letter in text[:MAX_ADDRESS] if letter.isprintable())
