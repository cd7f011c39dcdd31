"""A real mail server with a certificate of its own, and tasks to send to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.auth import MailKind, MailResult, MailTask
from drivebay.contract.ids import LeaseId, MailId
from drivebay.worker.mail_delivery import MailSender
from drivebay.worker.settings import Settings, SmtpServer, SmtpTls

from ..mail_server import Certificate, MailServer, make_certificate

SENDER = "Drivebay <drive@example.com>"
BASE = "https://drive.example.com"


class Queue:
    """The queue of auth as the worker sees it. It hands out `tasks` once, and keeps the results."""

    def __init__(self, *tasks: MailTask) -> None:
        self.tasks = list(tasks)
        self.results: list[MailResult] = []

    async def claim_mails(self, lease: LeaseId, limit: int) -> tuple[MailTask, ...]:
        claimed, self.tasks = self.tasks[:limit], self.tasks[limit:]
        return tuple(claimed)

    async def finish_mails(self, lease: LeaseId, results: tuple[MailResult, ...]) -> int:
        self.results += results
        return len(results)


def task(kind: MailKind = MailKind.VERIFICATION, recipient: str = "ann@example.org") -> MailTask:
    token = None if kind.is_notice else "A" * 43
    return MailTask(MailId(uuid7()), kind, recipient, token)


def settings(server: MailServer, tls: SmtpTls = SmtpTls.OFF, *, login: bool = False) -> Settings:
    user, password = ("drive@bay", "p/w") if login else (None, None)
    smtp = SmtpServer("127.0.0.1", server.port, tls, user, password)
    return Settings(smtp=smtp, mail_from=SENDER, link_base=BASE, send_timeout=timedelta(seconds=20))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def deliver(certificate: Certificate) -> Callable[[Queue, Settings], MailSender]:
    """Return a delivery from a queue that trusts the certificate of the mail server."""

    def make(queue: Queue, own: Settings) -> MailSender:
        assert own.smtp is not None
        return MailSender(
            queue,  # type: ignore[arg-type]
            own,
            own.smtp,
            new_id=uuid7,
            now=lambda: datetime.now(UTC),
            tls_context=certificate.client,
        )

    return make
