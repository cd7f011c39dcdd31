"""JSON types of webhooks and of their deliveries."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...contract import files
from ...contract.files.receiver_urls import MAX_URL_LENGTH
from ..json_types import Id, Time

ReceiverUrl: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="an `https` URL of a public host, without user name and fragment",
        examples=["https://example.com/drivebay"],
        # Printable ASCII without `#`, `@` and the backslash. `\s` is not the same in all languages.
        extra_json_schema={"pattern": r'^https?://[!-"$-?A-\[\]-~]+$'},
    ),
]
Kinds: TypeAlias = Annotated[list[files.ChangeKind], Meta(min_length=1, max_length=20)]


class WebhookRequest(msgspec.Struct, forbid_unknown_fields=True):  # guard: webhook-unknown-fields
    """A new webhook. The default of `drive_id` is the personal drive. Without `what`, changes of every kind are
    sent."""

    url: ReceiverUrl
    drive_id: Id | None = None
    what: Kinds | None = None


class WebhookChange(msgspec.Struct, forbid_unknown_fields=True):
    """An update of a webhook. A field that is missing stays unchanged. If `what` is null, changes of every kind are
    sent."""

    url: ReceiverUrl | UnsetType = UNSET
    what: Kinds | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


class Webhook(msgspec.Struct):
    """A webhook. `what` is null for changes of every kind. `disabled_reason` is the reason why the server disabled it.

    `failing_since` is the time of the first failed attempt since the last success, and `next_try_at` the time of the
    next attempt after a failed attempt.
    """

    id: UUID
    url: str
    drive_id: UUID
    what: list[files.ChangeKind] | None
    disabled: bool
    disabled_reason: str | None
    failing_since: Time | None
    next_try_at: Time | None
    created_at: Time


class CreatedWebhook(Webhook):
    """A new webhook. `secret` signs its events, and is shown only here."""

    secret: str


class WebhookList(msgspec.Struct):
    items: list[Webhook]
    next_cursor: str | None


class DeliveryStatus(StrEnum):
    """The result of an attempt."""

    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(msgspec.Struct):
    """One attempt to send an event. `event_id` is the header `webhook-id`, the same in each attempt.

    `attempt` counts from 1, and is 0 for a redelivery. `response_status` is the HTTP status of the response, or null
    without a response. `next_try_at` is the time of the next attempt to send the event.
    """

    id: UUID
    event_id: str
    what: files.ChangeKind
    file_id: UUID
    status: DeliveryStatus
    at: Time
    attempt: int
    response_status: int | None
    error: str | None
    next_try_at: Time | None


class DeliveryList(msgspec.Struct):
    """Attempts, newest first."""

    items: list[Delivery]
    next_cursor: str | None


def webhook_view(webhook: files.Webhook) -> Webhook:
    return Webhook(
        id=webhook.id,
        url=webhook.url,
        drive_id=webhook.drive,
        what=list(webhook.kinds) or None,
        disabled=webhook.disabled,
        disabled_reason=webhook.disabled_reason,
        failing_since=webhook.failing_since,
        next_try_at=webhook.next_try_at,
        created_at=webhook.created_at,
    )


def created_webhook_view(webhook: files.Webhook, secret: str) -> CreatedWebhook:
    return CreatedWebhook(**msgspec.structs.asdict(webhook_view(webhook)), secret=secret)


def webhook_list_view(page: files.WebhookPage) -> WebhookList:
    return WebhookList([webhook_view(webhook) for webhook in page.items], page.next_cursor)


def delivery_list_view(page: files.DeliveryPage) -> DeliveryList:
    return DeliveryList([_delivery_view(delivery) for delivery in page.items], page.next_cursor)


def webhook_update(body: WebhookChange) -> files.WebhookUpdate:
    """Return the update that a body describes."""
    return files.WebhookUpdate(
        url=None if isinstance(body.url, UnsetType) else body.url,
        kinds=tuple(body.what) if isinstance(body.what, list) else (),
        every_kind=body.what is None,
        disabled=None if isinstance(body.disabled, UnsetType) else body.disabled,
    )


def _delivery_view(delivery: files.Delivery) -> Delivery:
    return Delivery(
        id=delivery.id,
        event_id=delivery.event_id,
        what=delivery.kind,
        file_id=delivery.file_id,
        status=DeliveryStatus.DELIVERED if delivery.is_delivered else DeliveryStatus.FAILED,
        at=delivery.at,
        attempt=delivery.attempt,
        response_status=delivery.response_status,
        error=delivery.error,
        next_try_at=delivery.next_try_at,
    )
