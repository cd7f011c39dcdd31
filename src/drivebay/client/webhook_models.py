"""The values of webhooks that the API returns. No `repr` contains a secret or a URL."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class Webhook(msgspec.Struct, frozen=True):
    """A webhook. `what` is None for changes of every kind. Only `create_webhook` sets `secret`."""

    id: str
    url: str
    drive_id: str
    created_at: datetime
    what: list[str] | None = None
    disabled: bool = False
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    next_try_at: datetime | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Webhook(id={self.id!r}, drive_id={self.drive_id!r}, disabled={self.disabled!r})"


class WebhookPage(msgspec.Struct, frozen=True):
    """One page of webhooks. `next_cursor` is None on the last page."""

    items: list[Webhook]
    next_cursor: str | None = None


class WebhookDelivery(msgspec.Struct, frozen=True):
    """One attempt to send an event. All attempts of an event have the same `event_id`. A redelivery has `attempt` 0."""

    id: str
    event_id: str
    what: str
    file_id: str
    status: Literal["delivered", "failed"]
    at: datetime
    attempt: int
    response_status: int | None = None
    error: str | None = None
    next_try_at: datetime | None = None


class WebhookDeliveryPage(msgspec.Struct, frozen=True):
    """One page of attempts. `next_cursor` is None on the last page."""

    items: list[WebhookDelivery]
    next_cursor: str | None = None
