"""The routes of webhooks."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..json_types import UUID
from ..route import Parameter, Route
from . import views
from .webhook_resource import WebhookResource

_READ: Final = (Scope.READ, Scope.SHARE)
_SHARE: Final = (Scope.SHARE,)
_DRIVE: Final = Parameter(
    "drive_id", "query", {"type": "string", "pattern": f"^{UUID}$"}, "only the webhooks of this drive"
)


def webhook_routes(webhooks: WebhookResource, key: Parameter, page: tuple[Parameter, ...]) -> tuple[Route, ...]:
    """Return the routes of webhooks. `key` is `Idempotency-Key`, `page` the parameters of a list."""
    webhook_path, list_path = "/v1/webhooks/{id}", "/v1/webhooks/{id}/deliveries"
    return (
        Route(
            "POST", "/v1/webhooks", "createWebhook", "Send the changes of a drive to a URL, from now on",
            webhooks.create_webhook, {201: views.CreatedWebhook}, body=views.WebhookRequest, parameters=(key,),
            headers=("Location",),
            errors=(
                errors.NotFound, errors.Forbidden, errors.QuotaExceeded, errors.IdempotencyKeyReused,
                errors.InProgress,
            ),
            scopes=_SHARE,
        ),
        Route(
            "GET", "/v1/webhooks", "listWebhooks", "List my webhooks, newest first", webhooks.list_webhooks,
            {200: views.WebhookList}, parameters=(_DRIVE, *page), errors=(errors.InvalidCursor,), scopes=_READ,
        ),
        Route(
            "GET", webhook_path, "showWebhook", "Get a webhook", webhooks.get_webhook, {200: views.Webhook},
            errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "PATCH", webhook_path, "changeWebhook", "Change the URL or the kinds of a webhook, disable or enable it",
            webhooks.update_webhook, {200: views.Webhook}, body=views.WebhookChange,
            errors=(errors.NotFound, errors.Forbidden), scopes=_SHARE,
        ),
        Route(
            "DELETE", webhook_path, "deleteWebhook", "Delete a webhook", webhooks.delete_webhook, {204: None},
            errors=(errors.NotFound,), scopes=_SHARE,
        ),
        Route(
            "GET", list_path, "listDeliveries", "List the attempts to send events to a webhook, newest first",
            webhooks.list_deliveries, {200: views.DeliveryList}, parameters=page,
            errors=(errors.NotFound, errors.InvalidCursor), scopes=_READ,
        ),
        Route(
            "POST", f"{list_path}/{{delivery}}/redeliver", "redeliver", "Send the event of a delivery again, soon",
            webhooks.redeliver, {202: None}, errors=(errors.NotFound, errors.Conflict), scopes=_SHARE,
        ),
    )  # fmt: skip
