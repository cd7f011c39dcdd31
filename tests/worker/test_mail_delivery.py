"""Mails over a real mail server: what arrives, what is tried again, and what is not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from drivebay.contract.auth import MailKind, MailOutcome
from drivebay.errors import Unavailable
from drivebay.worker import service
from drivebay.worker.mail_delivery import MailSender
from drivebay.worker.mail_messages import compose
from drivebay.worker.settings import Settings, SmtpTls
from drivebay.worker.smtp_client import SmtpError, connect

from ..mail_server import Certificate, link_of, serve
from .conftest import BASE, SENDER, Queue, settings, task

Deliver = Callable[[Queue, Settings], MailSender]


@pytest.mark.parametrize("kind", list(MailKind))
async def test_a_mail_arrives_as_text_and_html_with_its_link(deliver: Deliver, kind: MailKind) -> None:
    queue = Queue(sent := task(kind))
    async with serve() as server:
        assert await deliver(queue, settings(server)).deliver() == 1
    (mail,) = server.mails
    assert (mail["From"], mail["To"], server.recipients) == (SENDER, "ann@example.org", ["ann@example.org"])
    assert mail["Message-ID"] == f"<{sent.id}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs(mail["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=5)
    texts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in mail.walk()][1:] == ["text/plain", "text/html"]
    assert all(BASE in text and "{" not in text for text in texts)
    assert all(("A" * 43 in text) == (sent.token is not None) for text in texts)
    assert [result.outcome for result in queue.results] == [MailOutcome.SENT]


async def test_the_link_is_one_line_of_the_mail(deliver: Deliver) -> None:
    async with serve() as server:
        await deliver(Queue(task()), settings(server)).deliver()
    assert link_of(server.mails[0]) == f"{BASE}/verify-email?token={'A' * 43}"
    assert server.mails[0].get_body(("plain",))["Content-Transfer-Encoding"] == "7bit"  # type: ignore[index]


async def test_the_notice_of_a_reset_does_not_say_that_api_tokens_are_valid(deliver: Deliver) -> None:
    async with serve() as server:
        await deliver(Queue(task(MailKind.PASSWORD_CHANGED)), settings(server)).deliver()
    text = server.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "a reset has removed every passkey and API token" in text
    assert "from before are still valid" not in text


@pytest.mark.parametrize("recipient", ["a@example.org\r\nBcc: b@example.org", "a b@example.org", "", "a@b@c", "a"])
async def test_a_recipient_cannot_add_a_header(deliver: Deliver, recipient: str) -> None:
    queue = Queue(task(recipient=recipient), task())
    async with serve() as server:
        await deliver(queue, settings(server)).deliver()
    assert server.recipients == ["ann@example.org"]
    assert [result.outcome for result in queue.results] == [MailOutcome.FAILED, MailOutcome.SENT]


async def test_a_recipient_with_letters_beyond_ascii_is_sent_as_it_is(deliver: Deliver) -> None:
    async with serve() as server:
        await deliver(Queue(task(recipient="jürgen@example.org")), settings(server)).deliver()
    assert server.recipients == ["jürgen@example.org"]


@pytest.mark.parametrize(
    ("refusal", "outcome", "reason"),
    [
        (("RCPT", "450 4.2.1 busy, see https://x.example/?token=AAAA"), MailOutcome.POSTPONED, "(450 4.2.1)"),
        (("RCPT", "550 5.1.1 no such mailbox"), MailOutcome.FAILED, "(550 5.1.1)"),
        (("DATA", "451 try later"), MailOutcome.POSTPONED, "(451)"),
        (("DATA", "554 5.7.1 https://drive.example.com/verify-email?token=AAAA"), MailOutcome.FAILED, "(554 5.7.1)"),
    ],
)
async def test_a_refused_mail_does_not_stop_the_next_one(
    deliver: Deliver, refusal: tuple[str, str], outcome: MailOutcome, reason: str
) -> None:
    queue = Queue(refused := task(), accepted := task())
    async with serve() as server:
        server.refusals.append(refusal)
        assert await deliver(queue, settings(server)).deliver() == 2
    assert [(result.id, result.outcome) for result in queue.results] == [
        (refused.id, outcome),
        (accepted.id, MailOutcome.SENT),
    ]
    assert queue.results[0].reason.endswith(reason)
    assert "token" not in queue.results[0].reason
    assert len(server.mails) == 1


async def test_a_server_that_hangs_postpones_every_mail(deliver: Deliver) -> None:
    queue = Queue(task(), task())
    async with serve() as server:
        server.hangs = True
        own = replace(settings(server), send_timeout=timedelta(seconds=0.5))
        await deliver(queue, own).deliver()
    assert [result.outcome for result in queue.results] == [MailOutcome.POSTPONED] * 2
    assert queue.results[0].reason == "the mail server did not respond in time"


async def test_a_server_that_is_down_postpones_every_mail(deliver: Deliver) -> None:
    queue = Queue(task(), task())
    async with serve() as server:
        own = settings(server)
    await deliver(queue, own).deliver()
    assert [result.outcome for result in queue.results] == [MailOutcome.POSTPONED] * 2


async def test_mails_go_over_starttls_with_a_login(deliver: Deliver, certificate: Certificate) -> None:
    queue = Queue(task())
    async with serve(starttls=certificate.server, login=True) as server:
        await deliver(queue, settings(server, SmtpTls.STARTTLS, login=True)).deliver()
    assert (server.encrypted, server.logins) == ([True], ["drive@bay"])


async def test_mails_go_over_implicit_tls(deliver: Deliver, certificate: Certificate) -> None:
    async with serve(implicit_tls=certificate.server) as server:
        await deliver(Queue(task()), settings(server, SmtpTls.IMPLICIT)).deliver()
    assert len(server.mails) == 1


async def test_a_server_without_starttls_gets_no_mail(deliver: Deliver) -> None:
    queue = Queue(task())
    async with serve() as server:
        await deliver(queue, settings(server, SmtpTls.STARTTLS)).deliver()
    assert server.mails == []
    assert [result.outcome for result in queue.results] == [MailOutcome.POSTPONED]


@pytest.mark.parametrize("tls", [SmtpTls.STARTTLS, SmtpTls.IMPLICIT])
async def test_a_certificate_of_an_unknown_authority_is_refused(certificate: Certificate, tls: SmtpTls) -> None:
    context = certificate.server
    own = {"starttls": context} if tls is SmtpTls.STARTTLS else {"implicit_tls": context}
    async with serve(**own) as server:
        smtp = settings(server, tls).smtp
        assert smtp is not None
        with pytest.raises(SmtpError, match="certificate"):
            async with connect(smtp, timedelta(seconds=20), ssl.create_default_context()):
                pass


async def test_a_refused_login_postpones_the_mails(deliver: Deliver, certificate: Certificate) -> None:
    queue = Queue(task())
    async with serve(starttls=certificate.server, login=True) as server:
        own = settings(server, SmtpTls.STARTTLS, login=True)
        assert own.smtp is not None
        await deliver(queue, replace(own, smtp=replace(own.smtp, password="wrong"))).deliver()
    (result,) = queue.results
    assert (server.mails, result.outcome) == ([], MailOutcome.POSTPONED)
    assert "DRIVEBAY_SMTP_URL" in result.reason
    assert "wrong" not in result.reason + repr(own)


async def test_mails_beyond_the_time_of_a_batch_keep_their_lease(deliver: Deliver) -> None:
    queue = Queue(task(), task())
    async with serve() as server:
        await deliver(queue, replace(settings(server), sending_time=timedelta(seconds=-1))).deliver()
    assert (server.mails, queue.results) == ([], [])


async def test_a_mail_that_was_not_finished_is_sent_again_with_the_same_id(deliver: Deliver) -> None:
    class Broken(Queue):
        async def finish_mails(self, lease: object, results: object) -> int:
            raise Unavailable("the database is down")

    sent = task()
    async with serve() as server:
        with pytest.raises(Unavailable):
            await deliver(Broken(sent), settings(server)).deliver()
        await deliver(Queue(sent), settings(server)).deliver()
    ids = [mail["Message-ID"] for mail in server.mails]
    assert ids == [ids[0]] * 2


async def test_the_worker_continues_after_a_failure() -> None:
    class Flaky(Queue):
        failures: ClassVar[list[Exception]] = [Unavailable("down"), ValueError("a defect")]

        async def claim_mails(self, lease: object, limit: int) -> tuple[object, ...]:  # type: ignore[override]
            if self.failures:
                raise self.failures.pop()
            return await super().claim_mails(lease, limit)  # type: ignore[arg-type]

    async with serve() as server:
        own = replace(settings(server), interval=timedelta(milliseconds=10))
        running = asyncio.create_task(service.run(Flaky(task()), own))  # type: ignore[arg-type]
        await server.next_mail()
        running.cancel()


async def test_a_cancellation_that_a_library_hides_ends_the_worker() -> None:
    """`asyncio.wait_for` of Python 3.11 ignores a cancellation that comes at the same time as its result."""
    claims = 0

    class Hiding(Queue):
        async def claim_mails(self, lease: object, limit: int) -> tuple[object, ...]:  # type: ignore[override]
            nonlocal claims
            claims += 1
            if claims > 1:
                raise asyncio.CancelledError  # the task group cancels this task only once
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return ()

    async with serve() as server:
        own = replace(settings(server), interval=timedelta(milliseconds=10))
        running = asyncio.create_task(service.run(Hiding(task()), own))  # type: ignore[arg-type]
        while not claims:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running], timeout=5)
        running.cancel()
        await asyncio.wait([running])
    assert claims == 1


async def test_without_a_mail_server_the_worker_has_nothing_to_do() -> None:
    await service.run(Queue(task()), Settings())  # type: ignore[arg-type]


def test_a_mail_shows_no_secret_in_logs() -> None:
    sent = task()
    assert sent.token not in (None, *repr(sent).split())
    assert "A" * 43 not in repr(sent)


def test_a_sender_with_letters_beyond_ascii_is_encoded() -> None:
    mail = compose(task(), mail_from="Müller <m@example.com>", link_base=BASE, at=datetime.now(UTC))
    assert mail.as_bytes().isascii()
    assert mail["From"].addresses[0].display_name == "Müller"
