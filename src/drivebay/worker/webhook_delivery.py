"""Delivers the changes of drives to webhooks.

A webhook is claimed under a lease. Its events are sent one after the other, and each result is recorded before the next
event is sent. If the process dies between sending and recording, the lease ends and the event is sent once more, with
the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge

from ..contract.auth import Auth
from ..contract.files import DeliveryOutcome, DeliveryResult, Files, WebhookEvent, WebhookTask, event_id
from ..contract.ids import LeaseId
from ..errors import Error
from .settings import Settings
from .webhook_events import event_body, signed_headers
from .webhook_receiver import Attempt, Receiver

log = structlog.get_logger(__name__)

DELIVERIES: Final = Counter("drivebay_worker_webhook_deliveries_total", "Attempts to send an event", ["outcome"])
_ACCOUNT_AGE: Final = 5.0
"""The number of seconds for which the worker uses the state of an account before it asks auth again."""
OLDEST: Final = Gauge(
    "drivebay_worker_webhook_oldest_seconds", "Age of the oldest change among those that are being sent"
)


class WebhookSender:
    """Delivers events, to `webhook_slots` webhooks at the same time."""

    def __init__(
        self,
        auth: Auth,
        files: Files,
        receiver: Receiver,
        settings: Settings,
        *,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
    ) -> None:
        self._auth = auth
        self._files = files
        self._receiver = receiver
        self._settings = settings
        self._new_id = new_id
        self._now = now
        self._running: dict[asyncio.Task[None], datetime | None] = {}
        """The tasks that send events, and the time of the first change of each."""

    async def start_deliveries(self, tasks: asyncio.TaskGroup, ended: Callable[[], None]) -> int:
        """Claim webhooks for the free slots and begin to send their events. Return the number of claimed webhooks.

        `ended` is called after each webhook. Raises Unavailable and TimeoutError.
        """
        free_slots = self._settings.webhook_slots - len(self._running)
        if free_slots <= 0:  # guard: webhook-slots
            return 0
        lease = LeaseId(self._new_id())
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            claimed = await self._files.claim_webhooks(lease, free_slots)
        for task in claimed:
            delivery = tasks.create_task(self._deliver_safely(lease, task))
            first = task.events[0]
            self._running[delivery] = None if first.is_redelivery else first.change.at
            delivery.add_done_callback(self._running.pop)
            delivery.add_done_callback(lambda _: ended())
        self._measure()
        return len(claimed)

    async def deliver(self, lease: LeaseId, task: WebhookTask) -> None:
        """Send the events of a task in order, until one fails. Raises the errors of the services."""
        clock = asyncio.get_running_loop().time
        ends_at = clock() + self._settings.webhook_time.total_seconds()
        lease_time = self._settings.webhook_lease_time.total_seconds()
        lease_ends_at = clock() + lease_time
        is_active, checked_at = await self._is_active(task), clock()
        for event in task.events:
            if clock() > checked_at + _ACCOUNT_AGE:
                is_active, checked_at = await self._is_active(task), clock()
            if clock() > lease_ends_at:  # guard: webhook-lease-time
                log.warning("webhook_left", webhook=str(task.webhook), reason="the time of the lease is over")
                return
            attempt = await self._send(task, event) if is_active else Attempt(DeliveryOutcome.ACCOUNT_ENDED)
            ends_lease = event is task.events[-1] or clock() > ends_at
            recorded_from = clock()
            if not await self._record(lease, task, event, attempt, ends_lease=ends_lease):
                return
            lease_ends_at = recorded_from + lease_time

    async def _deliver_safely(self, lease: LeaseId, task: WebhookTask) -> None:
        try:
            await self.deliver(lease, task)
        except (Error, TimeoutError) as error:  # the lease ends, and the webhook is claimed again
            log.warning("webhook_postponed", webhook=str(task.webhook), reason=str(error) or "no response in time")
        except Exception as error:  # a defect must not stop the other webhooks
            log.error("webhook_failed", webhook=str(task.webhook), exc_info=error)

    async def _is_active(self, task: WebhookTask) -> bool:
        """Return whether the account of the user exists and is enabled."""
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            users = await self._auth.list_users((task.user,))
        return any(user.id == task.user and not user.disabled for user in users)  # guard: webhook-owner

    async def _send(self, task: WebhookTask, event: WebhookEvent) -> Attempt:
        body = event_body(task, event, self._settings.link_base)
        headers = signed_headers(task.secret, event_id(task.webhook, event.number), body, self._now())
        try:
            return await self._receiver.send(task.url, headers, body)
        except Exception as error:  # a defect counts as a failed attempt, so that the webhook is disabled in the end
            log.error("webhook_attempt_failed", webhook=str(task.webhook), number=event.number, exc_info=error)
            return Attempt(DeliveryOutcome.FAILED, None, "Drivebay could not make the request")

    async def _record(
        self, lease: LeaseId, task: WebhookTask, event: WebhookEvent, attempt: Attempt, *, ends_lease: bool
    ) -> bool:
        DELIVERIES.labels(attempt.outcome.value).inc()
        if attempt.outcome is not DeliveryOutcome.DELIVERED:
            # The fields have neither the URL nor the error, because both may contain a secret of the receiver.
            fields = {"outcome": attempt.outcome.value, "status": attempt.status}
            log.info("webhook_not_delivered", webhook=str(task.webhook), number=event.number, **fields)
        result = DeliveryResult(
            task.webhook, task.drive, event, attempt.outcome, attempt.status, attempt.error, ends_lease
        )
        async with asyncio.timeout(self._settings.deadline.total_seconds()):
            return await self._files.record_delivery(lease, result)

    def _measure(self) -> None:
        times = [changed_at for changed_at in self._running.values() if changed_at is not None]
        OLDEST.set(max(((self._now() - changed_at).total_seconds() for changed_at in times), default=0.0))
