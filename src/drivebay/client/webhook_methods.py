"""The methods of `AsyncDrive` about webhooks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from .api_client import ApiRequest
from .api_methods import ApiMethods
from .webhook_models import Webhook, WebhookDelivery, WebhookDeliveryPage, WebhookPage


class WebhookMethods(ApiMethods):
    """Webhooks and their deliveries."""

    async def create_webhook(self, url: str, *, drive: str | None = None, what: Sequence[str] | None = None) -> Webhook:
        """Send the changes of a drive to a URL from now on. Only this method returns the `secret` of the webhook.

        `drive` is the id of a drive that you manage. The default is the drive of this object. `what` are kinds of
        changes, by default all kinds. Raises Forbidden, NotFound, ApiError (the URL is not allowed).
        """
        body = {"url": url, "drive_id": drive or self._api.drive_id, "what": None if what is None else list(what)}
        return await self._api.call(
            ApiRequest(Webhook, "POST", "/v1/webhooks", body, idempotency_key=self._api.new_key())
        )

    async def webhooks(self) -> AsyncGenerator[Webhook, None]:
        """Yield your webhooks of all drives, newest first, without their secrets."""
        async with aclosing(self._finder.list_pages("/v1/webhooks", {}, WebhookPage)) as webhooks:
            async for webhook in webhooks:
                yield webhook

    async def webhook(self, id: str) -> Webhook:
        """Return one of your webhooks. Raises NotFound."""
        return await self._api.call(ApiRequest(Webhook, "GET", _webhook_path(id)))

    async def update_webhook(
        self,
        id: str,
        *,
        url: str | None = None,
        what: Sequence[str] | UnsetType | None = UNSET,
        disabled: bool | None = None,
    ) -> Webhook:
        """Change a webhook. Values that are not given stay. With `what=None`, changes of every kind are sent.

        A webhook that is enabled continues after the last event that was delivered. Raises NotFound, Forbidden.
        """
        body: dict[str, object] = {} if url is None else {"url": url}
        if not isinstance(what, UnsetType):
            body["what"] = None if what is None else list(what)
        if disabled is not None:
            body["disabled"] = disabled
        return await self._api.call(ApiRequest(Webhook, "PATCH", _webhook_path(id), body, idempotent=True))

    async def delete_webhook(self, id: str) -> None:
        """Delete a webhook. Raises NotFound."""
        await self._api.call(ApiRequest(type(None), "DELETE", _webhook_path(id), absent_is_success=True))

    async def webhook_deliveries(self, id: str) -> AsyncGenerator[WebhookDelivery, None]:
        """Yield the attempts to send events to a webhook, newest first. Raises NotFound."""
        path = f"{_webhook_path(id)}/deliveries"
        async with aclosing(self._finder.list_pages(path, {}, WebhookDeliveryPage)) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def redeliver(self, id: str, delivery: str) -> None:
        """Ask the server to send the event of a delivery again soon. Raises NotFound, Conflict."""
        path = f"{_webhook_path(id)}/deliveries/{quote(delivery, '')}/redeliver"
        await self._api.call(ApiRequest(type(None), "POST", path, idempotent=True))


def _webhook_path(id: str) -> str:
    return f"/v1/webhooks/{quote(id, '')}"
