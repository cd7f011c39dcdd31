"""A real mail server (aiosmtpd) for tests. It keeps the mails that it accepts, and refuses what a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from drivebay.cli.operator.certificates import CertificateAuthority


@dataclass
class MailServer:
    """`refusals` are the answers to the next recipients or mails, such as `("RCPT", "550 5.1.1 unknown")`.

    With `hangs` the server accepts connections and says nothing. `logins` are the users that logged in, `encrypted`
    tells for each mail whether it came over TLS.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    hangs: bool = False

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refusals and self.refusals[0][0] == "RCPT":
            return self.refusals.pop(0)[1]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusals and self.refusals[0][0] == "DATA":
            return self.refusals.pop(0)[1]
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.recipients += [str(recipient) for recipient in envelope.rcpt_tos]
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user = data.login.decode()
        is_right = (user, data.password.decode()) == ("drive@bay", "p/w")
        self.logins += [user] if is_right else []
        return AuthResult(success=is_right, handled=False)

    async def next_mail(self, position: int = 0, within: float = 60.0) -> EmailMessage:
        """Wait for the mail at a position."""
        async with asyncio.timeout(within):
            while len(self.mails) <= position:
                await asyncio.sleep(0.05)
        return self.mails[position]


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1. `client` is a TLS context that trusts its authority."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def make_certificate(folder: Path) -> Certificate:
    authority = CertificateAuthority(folder, datetime.now(UTC), timedelta(days=1))
    certificate, key = authority.issue("mail", ["127.0.0.1"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return Certificate(server, ssl.create_default_context(cafile=folder / "ca.pem"))


@asynccontextmanager
async def serve(
    *, starttls: ssl.SSLContext | None = None, implicit_tls: ssl.SSLContext | None = None, login: bool = False
) -> AsyncIterator[MailServer]:
    """Run a mail server on a free port of 127.0.0.1."""
    own = MailServer()
    loop = asyncio.get_running_loop()

    def accept() -> asyncio.BaseProtocol:
        if own.hangs:
            return asyncio.Protocol()
        return SMTP(
            own,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=own.authenticate if login else None,
            auth_required=login,
            auth_require_tls=starttls is not None,
            enable_SMTPUTF8=True,
            loop=loop,
        )

    server = await loop.create_server(accept, "127.0.0.1", 0, ssl=implicit_tls)
    own.port = server.sockets[0].getsockname()[1]
    try:
        yield own
    finally:
        server.close()


def link_of(mail: EmailMessage) -> str:
    """Return the link in a mail."""
    body = mail.get_body(("plain",))
    assert body is not None
    return next(line for line in body.get_content().splitlines() if "token=" in line)


def token_of(mail: EmailMessage) -> str:
    return link_of(mail).partition("token=")[2]
