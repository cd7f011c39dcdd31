"""The doctor's check of the mail server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ...node import Services
from ...worker.smtp_client import SmtpError, connect
from .findings import Finding, failed, ok, warning

Now = Callable[[], datetime]


async def check_mail(services: Services, _: Now) -> list[Finding]:
    """Check that the mail server accepts the connection and the login. No mail is sent."""
    settings = services.settings.worker()
    if settings.smtp is None:
        return [ok("mail", "off: DRIVEBAY_SMTP_URL is not set, so no mails are sent")]
    try:
        async with connect(settings.smtp, settings.send_timeout):
            pass
    except SmtpError as error:
        fix = (
            "check that the mail server runs, and that its host, port, user and password in DRIVEBAY_SMTP_URL are right"
        )
        return [failed("mail", str(error), fix)]
    findings = [ok("mail", f"{settings.smtp.host} accepts the connection (TLS: {settings.smtp.tls.value})")]
    if services.settings.public_url is None:
        detail = f"links in mails begin with {settings.link_base}, because DRIVEBAY_PUBLIC_URL is not set"
        findings.append(
            warning("mail", detail, "set DRIVEBAY_PUBLIC_URL to the URL under which users reach the gateway")
        )
    return findings
