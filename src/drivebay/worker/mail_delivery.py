"""Sends the mails that auth has queued.

When the mail server has accepted a mail, the worker reports it to auth (`finish_mails`). If the process dies before the
report, the lease ends, and the mail is sent once more with the same Message-ID and the same link.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.auth import Auth, MailOutcome, MailResult, MailTask
from ..contract.ids import LeaseId
from .mail_messages import compose
from .settings import Settings, SmtpServer
from .smtp_client import SmtpConnection, SmtpError, connect

log = structlog.get_logger(__name__)

MAILS: Final = Counter("drivebay_worker_mails_total", "Attempts to send a mail by outcome", ["kind", "outcome"])


class MailSender:
    """Sends mails over one mail server. `tls_context` is passed to `smtp_client.connect`."""

    def __init__(
        self,
        auth: Auth,
        settings: Settings,
        server: SmtpServer,
        *,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._auth = auth
        self._settings = settings
        self._server = server
        self._new_id = new_id
        self._now = now
        self._tls_context = tls_context

    async def deliver(self) -> int:
        """Send the mails of one claim and return how many there were. Raises Unavailable and TimeoutError.

        A mail that cannot be sent is postponed or fails, and raises no error.
        """
        lease = LeaseId(self._new_id())
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            tasks = await self._auth.claim_mails(lease, self._settings.batch)
        if not tasks:
            return 0
        clock = asyncio.get_running_loop().time
        ends_at = clock() + self._settings.sending_time.total_seconds()
        async with AsyncExitStack() as stack:
            connection: SmtpConnection | None = None
            for position, task in enumerate(tasks):
                if clock() > ends_at:  # guard: mail-lease-time
                    log.warning("mails_left", mails=len(tasks) - position, reason="the mail server is slow")
                    break
                if connection is None or not connection.is_open:
                    try:
                        connection = await stack.enter_async_context(
                            connect(self._server, self._settings.send_timeout, self._tls_context)
                        )
                    except SmtpError as error:
                        await self._postpone(lease, tasks[position:], str(error))
                        break
                await self._finish(lease, task, await self._send(connection, task))
        return len(tasks)

    async def _send(self, connection: SmtpConnection, task: MailTask) -> MailResult:
        settings = self._settings
        try:
            message = compose(task, mail_from=settings.mail_from, link_base=settings.link_base, at=self._now())
            await connection.send(message)
        except SmtpError as error:
            outcome = MailOutcome.FAILED if error.is_permanent else MailOutcome.POSTPONED
            return MailResult(task.id, outcome, str(error))
        except ValueError:
            return MailResult(task.id, MailOutcome.FAILED, "the address is not valid")
        return MailResult(task.id, MailOutcome.SENT)

    async def _postpone(self, lease: LeaseId, tasks: tuple[MailTask, ...], reason: str) -> None:
        for task in tasks:
            await self._finish(lease, task, MailResult(task.id, MailOutcome.POSTPONED, reason))

    async def _finish(self, lease: LeaseId, task: MailTask, result: MailResult) -> None:
        MAILS.labels(task.kind.value, result.outcome.value).inc()
        if result.outcome is MailOutcome.SENT:
            log.info("mail_sent", mail=str(task.id), kind=task.kind.value)
        else:
            log.warning("mail_not_sent", mail=str(task.id), outcome=result.outcome.value, reason=result.reason)
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            await self._auth.finish_mails(lease, (result,))
