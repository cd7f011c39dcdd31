"""Webhooks: the worker sends the changes of a drive to a URL, in their order.

A webhook belongs to the user who created it. Only a manager of the drive can create a webhook. If the user is no longer
a manager, the webhook is disabled, and the user can still delete it. Each webhook has its own position in the change
feed, so nothing is queued when a file changes.

`Webhooks` is for users. `WebhookDeliveries` is for the worker: it claims webhooks under a lease, sends the events and
records each result.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import DeliveryId, DriveId, FileId, LeaseId, UserId, WebhookId
from .changes import Change, ChangeKind


class Webhook(msgspec.Struct, frozen=True):
    """A webhook of a user.

    `kinds` are the kinds of changes that are sent. An empty tuple means all kinds. `disabled_reason` says why a webhook
    was disabled, and is None if the user disabled the webhook. `failing_since` is the time of the first failed attempt
    since the last success. After a failed attempt, `next_try_at` is the time of the next attempt. Only `create_webhook`
    sets `secret`.
    """

    id: WebhookId
    drive: DriveId
    url: str
    created_at: datetime
    kinds: tuple[ChangeKind, ...] = ()
    disabled: bool = False
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    next_try_at: datetime | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Webhook({self.id})"  # without the secret; the URL may contain one too


class NewWebhook(msgspec.Struct, frozen=True):
    """A webhook to create. `kinds` are the kinds of changes to send. An empty tuple means all kinds."""

    drive: DriveId
    url: str
    kinds: tuple[ChangeKind, ...] = ()

    def __repr__(self) -> str:
        return f"NewWebhook({self.drive})"


class WebhookUpdate(msgspec.Struct, frozen=True):
    """New values of a webhook. A field that is None, or empty `kinds`, stays unchanged.

    `every_kind` removes the filter, so that changes of all kinds are sent. When a disabled webhook is enabled, it
    continues after the last event that was delivered. Changes that are no longer in the feed are not sent.
    """

    url: str | None = None
    kinds: tuple[ChangeKind, ...] = ()
    every_kind: bool = False
    disabled: bool | None = None

    def __repr__(self) -> str:
        return "WebhookUpdate()"


class WebhookPage(msgspec.Struct, frozen=True):
    """One page of webhooks. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[Webhook, ...]
    next_cursor: str | None


class Delivery(msgspec.Struct, frozen=True):
    """One attempt to send an event.

    `event_id` is the same in all attempts. `attempt` counts from 1. The `attempt` of a requested redelivery is 0.
    `response_status` is the HTTP status of the response, if there was one. `error` is None after a success.
    `next_try_at` is when the event is sent again.
    """

    id: DeliveryId
    event_id: str
    kind: ChangeKind
    file_id: FileId
    at: datetime
    attempt: int
    is_delivered: bool
    response_status: int | None = None
    error: str | None = None
    next_try_at: datetime | None = None


class DeliveryPage(msgspec.Struct, frozen=True):
    """One page of attempts. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[Delivery, ...]
    next_cursor: str | None


class WebhookEvent(msgspec.Struct, frozen=True):
    """A change to send. `number` is its number in the feed.

    After the delivery, the webhook continues after the change with the number `resume_after`. The changes between the
    two numbers are not sent, because they are of other kinds.
    """

    number: int
    resume_after: int
    change: Change
    is_redelivery: bool = False


class WebhookTask(msgspec.Struct, frozen=True):
    """Events to send to the URL of a webhook, in this order. `user` created it, `secret` signs the events."""

    webhook: WebhookId
    drive: DriveId
    user: UserId
    url: str
    secret: str
    events: tuple[WebhookEvent, ...]

    def __repr__(self) -> str:
        return f"WebhookTask({self.webhook})"


class DeliveryOutcome(StrEnum):
    """The result of an attempt."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"
    """The receiver responded with 410, so the webhook is disabled."""
    ACCOUNT_ENDED = "account_ended"
    """Nothing was sent, because the account of the webhook's user is disabled or deleted."""


class DeliveryResult(msgspec.Struct, frozen=True):
    """The result of an attempt to send an event. `ends_lease`: the caller sends no more events, so the lease ends."""

    webhook: WebhookId
    drive: DriveId
    event: WebhookEvent
    outcome: DeliveryOutcome
    response_status: int | None = None
    error: str | None = None
    ends_lease: bool = False


def event_id(webhook: WebhookId, number: int) -> str:
    """Return the id of an event. It is the same in each attempt, so a receiver can ignore repeats."""
    return f"msg_{webhook.hex}_{number}"


class Webhooks(Protocol):
    """The webhooks of a user. Webhooks of others raise NotFound, like an id that does not exist."""

    async def create_webhook(self, actor: UserId, new: NewWebhook, idempotency_key: str | None = None) -> Webhook:
        """Create a webhook and return it with its `secret`. It sends the changes that are made from now on.

        A repeat with the same `idempotency_key` within 24 hours returns the first result.

        Raises NotFound (the drive), Forbidden (the actor is not a manager of the drive), InvalidRequest (the URL),
        QuotaExceeded (the user has too many webhooks), IdempotencyKeyReused, InProgress.
        """
        ...

    async def list_webhooks(
        self, actor: UserId, drive: DriveId | None = None, limit: int = 100, cursor: str | None = None
    ) -> WebhookPage:
        """Return one page of the webhooks of a user, newest first: the webhooks of one drive, or of all drives.

        `limit` is 1 to 1,000. Raises InvalidRequest, InvalidCursor.
        """
        ...

    async def get_webhook(self, actor: UserId, id: WebhookId) -> Webhook:
        """Return a webhook. Raises NotFound."""
        ...

    async def update_webhook(self, actor: UserId, id: WebhookId, update: WebhookUpdate) -> Webhook:
        """Change a webhook and return it.

        If this update changes the URL, or enables a disabled webhook, the next attempt is due at once.

        Repeats are allowed. Raises NotFound, InvalidRequest (the URL), Forbidden (the update has a URL or
        `disabled=False`, and the actor is not a manager of the drive any more).
        """
        ...

    async def delete_webhook(self, actor: UserId, id: WebhookId) -> None:
        """Delete a webhook with its deliveries. An attempt that has begun may still arrive. Raises NotFound."""
        ...

    async def list_deliveries(
        self, actor: UserId, id: WebhookId, limit: int = 100, cursor: str | None = None
    ) -> DeliveryPage:
        """Return one page of the attempts of a webhook, newest first. The last 1,000 are kept, for 30 days.

        `limit` is 1 to 1,000. Raises NotFound, InvalidRequest, InvalidCursor.
        """
        ...

    async def redeliver(self, actor: UserId, id: WebhookId, delivery: DeliveryId) -> None:
        """Request one more attempt to send the event of a delivery, soon and out of order. Repeats are allowed.

        If the event is not delivered yet, its next regular attempt is made soon instead.

        Raises NotFound (also if the change is no longer in the feed), Conflict (the webhook is disabled, or too many
        redeliveries wait).
        """
        ...


class WebhookDeliveries(Protocol):
    async def claim_webhooks(self, lease: LeaseId, limit: int) -> tuple[WebhookTask, ...]:
        """Claim up to `limit` (1 to 100) webhooks that have events to send, under a new lease of one minute.

        The webhooks that have waited longest are first. At most `max_webhook_leases` (a setting of the files service)
        webhooks of one user are leased at a time. While the lease lasts, no other caller gets these webhooks. The
        events contain the items as they are at the time of this call.

        Raises InvalidRequest (the limit).
        """
        ...

    async def record_delivery(self, lease: LeaseId, result: DeliveryResult) -> bool:
        """Record the result of an attempt. Return whether the caller may send the next event. If the result is True,
        the lease has been extended by a minute.

        After a failed attempt the webhook is due again after a pause, which grows from 5 seconds to 6 hours.
        After three days of failures it is disabled. A result of a lease that has ended changes nothing.
        """
        ...
