"""Runs the work of the worker until it is cancelled: mails, webhooks, jobs and thumbnails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
import uuid_utils.compat

from ..concurrency.cancellation import raise_pending_cancellation
from ..contract.auth import Auth
from ..contract.files import Files
from ..contract.storage import Storage
from ..errors import Unavailable
from ..hints import HintChannel
from .job_runner import JobRunner
from .mail_delivery import MailSender
from .settings import Settings
from .thumbnail_jobs import ThumbnailJobs
from .thumbnail_subprocess import has_libraries
from .webhook_delivery import WebhookSender
from .webhook_receiver import open_receiver

log = structlog.get_logger(__name__)

_MAX_PAUSE: Final = timedelta(seconds=15)
"""The longest pause between two calls of a service that is not available."""
_WAKE_GAP: Final = timedelta(milliseconds=50)
"""The pause after a wake-up, so that many changes at the same time need only one claim."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def run(
    auth: Auth,
    settings: Settings,
    *,
    files: Files | None = None,
    storage: Storage | None = None,
    hints: HintChannel | None = None,
    new_id: Callable[[], UUID] = uuid_utils.compat.uuid7,
    now: Callable[[], datetime] = _utc_now,
    tls_context: ssl.SSLContext | None = None,
) -> None:
    """Run until cancelled.

    Without a mail server, no mails are sent. Without `files`, no webhook events are sent, no jobs run, and no
    thumbnails are made. Without `storage`, no thumbnails are made.

    `hints` wake the worker when a drive has changed. `tls_context` verifies mail servers and receivers of webhooks.
    """
    async with asyncio.TaskGroup() as tasks:
        if settings.smtp is None:
            log.info("worker_sends_no_mail", fix="set DRIVEBAY_SMTP_URL and DRIVEBAY_MAIL_FROM to send mails")
        else:
            delivery = MailSender(auth, settings, settings.smtp, new_id=new_id, now=now, tls_context=tls_context)
            tasks.create_task(_repeat("mails", delivery.deliver, settings, asyncio.Event()))
        if files is None:
            return
        tasks.create_task(_run_jobs(files, settings, new_id))
        if storage is not None and settings.thumbnails:
            _start_thumbnails(tasks, files, storage, settings, new_id)
        wake = asyncio.Event()
        if hints is not None:
            hints.listen(lambda _: wake.set())
        receiver = open_receiver(settings.receivers, settings.webhook_timeout, tls_context=tls_context)
        async with receiver as open_client, asyncio.TaskGroup() as deliveries:
            webhooks = WebhookSender(auth, files, open_client, settings, new_id=new_id, now=now)

            async def start() -> int:
                return await webhooks.start_deliveries(deliveries, wake.set)

            await _repeat("webhooks", start, settings, wake)


async def _run_jobs(files: Files, settings: Settings, new_id: Callable[[], UUID]) -> None:
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as running:
        runner = JobRunner(files, settings, new_id=new_id)

        async def start() -> int:
            return await runner.start_jobs(running, ended.set)

        await _repeat("jobs", start, settings, ended)


def _start_thumbnails(
    tasks: asyncio.TaskGroup, files: Files, storage: Storage, settings: Settings, new_id: Callable[[], UUID]
) -> None:
    if not has_libraries():
        log.warning("thumbnails_off", fix="install pyvips, pyvips-binary and pypdfium2, or set DRIVEBAY_THUMBNAILS=off")
        return
    jobs = ThumbnailJobs(files, storage, settings, new_id=new_id)
    tasks.create_task(_repeat("thumbnails", jobs.make_next, settings, asyncio.Event()))


async def _repeat(task: str, work: Callable[[], Awaitable[int]], settings: Settings, wake: asyncio.Event) -> None:
    """Repeat until cancelled: call `work` until it returns 0, then wait for `wake` or for the interval."""
    pause = settings.interval
    while True:
        try:
            while await work():
                raise_pending_cancellation()
            pause = settings.interval
        except (Unavailable, TimeoutError) as error:
            pause = min(2 * pause, _MAX_PAUSE)
            log.warning("worker_unavailable", task=task, reason=str(error) or "no response within the call timeout")
        except Exception as error:  # a defect must not stop the worker
            pause = min(2 * pause, _MAX_PAUSE)
            log.error("worker_failed", task=task, exc_info=error)
        raise_pending_cancellation()  # guard: worker-hidden-cancellation
        await _sleep(pause, settings.interval, wake)


async def _sleep(pause: timedelta, interval: timedelta, wake: asyncio.Event) -> None:
    """Wait for `pause`. A wake-up ends the wait early, but not while a service is not available."""
    if pause > interval:
        await asyncio.sleep(pause.total_seconds())
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(pause.total_seconds()):
            await wake.wait()
            await asyncio.sleep(_WAKE_GAP.total_seconds())
    wake.clear()
