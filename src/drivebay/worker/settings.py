"""The settings of the worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ..contract.files import ReceiverRules
from .thumbnail_subprocess import ProcessLimits


class SmtpTls(StrEnum):
    """The encryption of a connection to the mail server: from its first byte, after STARTTLS, or never."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server (RFC 6409), and the login for it. Both `user` and `password` are None without a login."""

    host: str
    port: int
    tls: SmtpTls
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one deployment for the worker.

    `smtp` is the mail server, or None if the worker sends no mail. `mail_from` is the sender, such as
    `Drivebay <drive@example.com>`. `link_base` is the URL of the deployment, with which links in mails and the
    sources of webhook events begin. It has no slash at its end.

    `interval` is the pause between two claims, of mails and of other work. `batch` is the number of mails in one claim.
    `send_timeout` bounds each command of a mail server, and `deadline` bounds one call of a service. `sending_time` is
    how long a batch may take. The lease must last at least this long, plus the time of one mail.

    `receivers` are the rules for the URLs and addresses of webhooks. Events are sent to `webhook_slots` webhooks at the
    same time. `webhook_timeout` bounds one attempt. After `webhook_time` a webhook leaves its slot to others, even if
    it has more events. `webhook_lease_time` is how long after a claim, or after a recorded result, an attempt may
    begin. The lease must last at least this long, plus the time of one attempt and two calls.

    `job_slots` jobs run at the same time. After `job_time` a job leaves its slot to others, even if it is not done.

    The worker makes thumbnails only if `thumbnails` is True. It reads files of up to `max_thumbnail_source` bytes, each
    file within `read_time`. `thumbnail_limits` bounds the process that makes the thumbnails. The lease of the files
    service must be longer than `read_time`, the time limit of the process and three calls together.
    """

    smtp: SmtpServer | None = None
    mail_from: str = ""
    link_base: str = ""
    interval: timedelta = timedelta(seconds=1)
    batch: int = 20
    send_timeout: timedelta = timedelta(seconds=30)
    deadline: timedelta = timedelta(seconds=12)
    sending_time: timedelta = timedelta(minutes=3)
    receivers: ReceiverRules = field(default_factory=ReceiverRules)
    webhook_slots: int = 32
    webhook_timeout: timedelta = timedelta(seconds=10)
    webhook_time: timedelta = timedelta(seconds=20)
    webhook_lease_time: timedelta = timedelta(seconds=20)
    job_slots: int = 4
    job_time: timedelta = timedelta(seconds=5)
    thumbnails: bool = True
    max_thumbnail_source: int = 64 * 2**20
    read_time: timedelta = timedelta(seconds=45)
    thumbnail_limits: ProcessLimits = field(default_factory=ProcessLimits)
