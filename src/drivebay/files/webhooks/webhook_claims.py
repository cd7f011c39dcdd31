"""Claims webhooks that have events to send, under a lease, and records the results.

The position of a webhook in the change feed moves only after an event was delivered. So events are sent in order. Each
event is sent at least once: if a worker stops after it sent an event and before the result is recorded, the event is
sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from ...contract.files import Change, DeliveryOutcome, DeliveryResult, WebhookEvent, WebhookTask
from ...contract.ids import DeliveryId, LeaseId
from ...errors import InvalidRequest
from ...postgres import Connection, Database
from ..changes.change_cursors import ChangeCursors
from ..changes.store import ChangeStore, FeedPage, NumberedChange
from ..settings import Settings
from .store import Attempt, StoredWebhook, WebhookStore
from .webhook_secrets import WebhookSecrets

MAX_EVENTS: Final = 20
"""The maximum number of events in one task."""
_MAX_SCANNED_CHANGES: Final = 500
"""The maximum number of changes that are read for one task. A webhook may want only a few of the changes."""
_MAX_TASKS: Final = 100
"""The maximum number of webhooks in one claim."""
_MAX_ERROR: Final = 300
"""The maximum number of characters of an error that are stored with a delivery."""
KEPT_DELIVERIES: Final = 1000
"""The maximum number of deliveries that are kept for each webhook. Older deliveries are deleted."""
DELIVERY_AGE: Final = timedelta(days=30)
"""Deliveries that are older are deleted."""
ACCOUNT_ENDED: Final = "the account of the webhook's user is disabled"
GONE: Final = "the receiver responded with 410: it wants no more events"


class WebhookClaimService:
    """Implements `contract.files.WebhookDeliveries`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._settings = settings
        self._new_id = new_id
        self._webhooks = WebhookStore()
        self._changes = ChangeStore()
        self._cursors = ChangeCursors(settings)
        self._secrets = WebhookSecrets(settings.secret)

    async def claim_webhooks(self, lease: LeaseId, limit: int) -> tuple[WebhookTask, ...]:
        if not 1 <= limit <= _MAX_TASKS:
            raise InvalidRequest(f"limit must be 1 to {_MAX_TASKS}")
        await self._webhooks.prune_old_deliveries(self._db, DELIVERY_AGE)
        settings = self._settings
        leased = await self._webhooks.lease_webhooks(
            self._db, lease, limit, settings.webhook_lease, settings.max_webhook_leases
        )
        tasks = [await self._next_task(lease, webhook) for webhook in leased]
        return tuple(task for task in tasks if task is not None)

    async def record_delivery(self, lease: LeaseId, result: DeliveryResult) -> bool:
        async with self._db.transaction() as tx:
            locked = await self._webhooks.lock_leased(tx, lease, result, self._settings.webhook_retry_time)
            if locked is None:
                return False
            stored, is_ending = locked
            is_repeat = not result.event.is_redelivery and result.event.number <= stored.last_number
            if is_repeat:  # guard: webhook-repeated-record
                return not result.ends_lease
            if result.outcome is DeliveryOutcome.ACCOUNT_ENDED:
                await self._webhooks.disable_webhook(tx, result, ACCOUNT_ENDED)
                return False
            if result.event.is_redelivery:
                return await self._record_redelivery(tx, stored, result)
            return await self._record_attempt(tx, stored, result, is_ending=is_ending)

    async def _record_attempt(
        self, tx: Connection, stored: StoredWebhook, result: DeliveryResult, *, is_ending: bool
    ) -> bool:
        next_try_at, keeps_lease = None, False
        if result.outcome is DeliveryOutcome.DELIVERED:
            keeps_lease = not result.ends_lease and not stored.webhook.disabled
            await self._webhooks.advance(tx, result, self._settings.webhook_lease if keeps_lease else None)
        elif result.outcome is DeliveryOutcome.GONE:  # guard: webhook-gone
            await self._webhooks.disable_webhook(tx, result, GONE)
        elif is_ending:  # guard: webhook-retry-time
            days = self._settings.webhook_retry_time / timedelta(days=1)
            reason = f"no event was delivered for {days:g} days: {_shorten(result.error)}"
            await self._webhooks.disable_webhook(tx, result, reason)
        else:
            next_try_at = await self._webhooks.postpone(tx, result, self._settings.webhook_retry_time)
        attempt = Attempt(DeliveryId(self._new_id()), stored.attempts + 1, next_try_at)
        await self._insert_delivery(tx, result, attempt)
        return keeps_lease

    async def _record_redelivery(self, tx: Connection, stored: StoredWebhook, result: DeliveryResult) -> bool:
        """Record the attempt of a redelivery. A redelivery has one attempt, and does not move the position of the
        webhook."""
        await self._webhooks.delete_redelivery(tx, result.drive, result.webhook, result.event.number)
        keeps_lease = not result.ends_lease and not stored.webhook.disabled
        await self._webhooks.keep_lease(tx, result, self._settings.webhook_lease if keeps_lease else None)
        await self._insert_delivery(tx, result, Attempt(DeliveryId(self._new_id()), 0, None))
        return keeps_lease

    async def _insert_delivery(self, tx: Connection, result: DeliveryResult, attempt: Attempt) -> None:
        is_ok = result.outcome is DeliveryOutcome.DELIVERED
        stored_result = msgspec.structs.replace(result, error=None if is_ok else _shorten(result.error))
        await self._webhooks.insert_delivery(tx, stored_result, attempt, is_ok=is_ok)
        await self._webhooks.prune_deliveries(tx, stored_result, KEPT_DELIVERIES)

    async def _next_task(self, lease: LeaseId, stored: StoredWebhook) -> WebhookTask | None:
        """Return a task with the events of a leased webhook. If there are none, end the lease and return None."""
        webhook = stored.webhook
        events = tuple(await self._redeliveries(stored))
        if stored.is_due:  # guard: webhook-due
            return await self._due_task(lease, stored, events)
        if not events:
            await self._webhooks.release(self._db, webhook, lease)
            return None
        return self._make_task(stored, events)

    async def _due_task(
        self, lease: LeaseId, stored: StoredWebhook, redeliveries: tuple[WebhookEvent, ...]
    ) -> WebhookTask | None:
        webhook = stored.webhook
        page = await self._changes.select_changes(self._db, webhook.drive, stored.last_number, _MAX_SCANNED_CHANGES)
        scanned = page.changes[-1].number if len(page.changes) == _MAX_SCANNED_CHANGES else page.last_change
        events = (*redeliveries, *self._events(stored, page, scanned))[:MAX_EVENTS]
        if not events:
            await self._webhooks.skip_changes(self._db, webhook, lease, scanned)
            return None
        return self._make_task(stored, events)

    def _make_task(self, stored: StoredWebhook, events: tuple[WebhookEvent, ...]) -> WebhookTask:
        webhook, secret = stored.webhook, self._secrets.secret(stored.webhook.id)
        return WebhookTask(webhook.id, webhook.drive, stored.user, webhook.url, secret, events)

    async def _redeliveries(self, stored: StoredWebhook) -> list[WebhookEvent]:
        """Return the events that the user wants to be sent again. Changes that were deleted are left out."""
        events, webhook = [], stored.webhook
        for number in await self._webhooks.list_redeliveries(self._db, webhook, MAX_EVENTS):
            page = await self._changes.select_changes(self._db, webhook.drive, number - 1, 1)
            if page.changes and page.changes[0].number == number:
                change = self._contract_change(stored, page.changes[0])
                events.append(WebhookEvent(number, number, change, is_redelivery=True))
            else:
                await self._webhooks.delete_redelivery(self._db, webhook.drive, webhook.id, number)
        return events

    def _events(self, stored: StoredWebhook, page: FeedPage, scanned: int) -> list[WebhookEvent]:
        """Return the events of the changes that a webhook wants. `scanned` is the number of the last change that was
        read."""
        webhook = stored.webhook
        subscribed = [change for change in page.changes if not webhook.kinds or change.kind in webhook.kinds]
        ends = [change.number - 1 for change in subscribed[1:]] + [scanned]
        return [
            WebhookEvent(change.number, max(end, change.number), self._contract_change(stored, change))
            for change, end in zip(subscribed, ends, strict=False)
        ]

    def _contract_change(self, stored: StoredWebhook, change: NumberedChange) -> Change:
        cursor = self._cursors.encode(stored.webhook.drive, change.number)
        return Change(change.kind, change.file_id, change.at, cursor, change.actor, change.file)


def _shorten(error: str | None) -> str:
    """Return an error as text that can be stored, with at most 300 characters."""
    text = (error or "the attempt failed").encode("utf-8", "replace").decode()
    return text.replace("\0", "")[:_MAX_ERROR]
