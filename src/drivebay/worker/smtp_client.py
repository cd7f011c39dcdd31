"""Sends mails over SMTP. Errors of the library become SmtpError, which says whether a later attempt can succeed."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.message import EmailMessage
from typing import Final

import aiosmtplib

from .settings import SmtpServer, SmtpTls

_LOCAL_HOSTNAME: Final = "localhost"
"""The name in EHLO. It is not the full name of the machine, which needs a DNS query that may take many seconds."""
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
"""An enhanced status code (RFC 3463)."""


class SmtpError(Exception):
    """A mail was not sent. `is_permanent`: the server would refuse it again.

    The text names the step and the codes of the server. It does not quote the response of the server, which may contain
    the link of the mail.
    """

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


class SmtpConnection:
    """A connection to a mail server, logged in."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    @property
    def is_open(self) -> bool:
        return self._client.is_connected

    async def send(self, message: EmailMessage) -> None:
        """Send a mail. Returns when the server has accepted it. Raises SmtpError."""
        recipient = str(message["To"].addresses[0].addr_spec)
        sender = str(message["From"].addresses[0].addr_spec)
        try:
            await self._client.send_message(message, sender=sender, recipients=[recipient])
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal_error("the recipient was refused", error.recipients[0]) from None
        except aiosmtplib.SMTPDataError as error:
            raise _refusal_error("the mail was refused", error) from None
        except aiosmtplib.SMTPNotSupported:
            reason = "the mail server accepts only ASCII addresses"
            raise SmtpError(reason, is_permanent=True) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise SmtpError(_describe(error)) from None


@asynccontextmanager
async def connect(
    server: SmtpServer, timeout: timedelta, tls_context: ssl.SSLContext | None = None
) -> AsyncIterator[SmtpConnection]:
    """Connect and log in, and close the connection at the end. `timeout` bounds each step.

    `tls_context` verifies the server. None: use the certificate authorities of the system. Raises SmtpError.
    """
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls is SmtpTls.IMPLICIT,
        # True, not None: if the server (or an attacker) does not offer STARTTLS, the connection fails.
        start_tls=server.tls is SmtpTls.STARTTLS,  # guard: smtp-starttls
        username=server.user,
        password=server.password,
        timeout=timeout.total_seconds(),
        local_hostname=_LOCAL_HOSTNAME,
        tls_context=tls_context or ssl.create_default_context(),
    )
    try:
        await client.connect()
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        raise _refusal_error("the login of DRIVEBAY_SMTP_URL was refused", error, may_be_permanent=False) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        raise SmtpError(_describe(error)) from None
    try:
        yield SmtpConnection(client)
    finally:
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit()
        client.close()


def _refusal_error(step: str, error: aiosmtplib.SMTPResponseException, *, may_be_permanent: bool = True) -> SmtpError:
    status = _STATUS.search(error.message)
    codes = f"{error.code} {status[0]}" if status else str(error.code)
    is_permanent = may_be_permanent and 500 <= error.code < 600  # guard: smtp-permanent
    return SmtpError(f"{step} ({codes})", is_permanent=is_permanent)


def _describe(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the mail server is not valid: {error.verify_message}"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"the mail server refused a command ({error.code})"
    if isinstance(error, TimeoutError):
        return "the mail server did not respond in time"
    if isinstance(error.__cause__, OSError):
        return _describe(error.__cause__)
    if isinstance(error, OSError) and error.strerror:
        return f"the mail server cannot be reached: {error.strerror}"
    return f"the connection to the mail server failed ({type(error).__name__})"
