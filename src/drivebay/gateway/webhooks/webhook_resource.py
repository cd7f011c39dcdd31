"""Handlers of webhooks. A webhook belongs to the caller. The files service checks the caller's role in the drive."""

from __future__ import annotations

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.ids import DeliveryId, DriveId, WebhookId
from ...errors import Internal
from ..http_request import Request, idempotency_key, parse_limit, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from ..public_url import PublicUrls
from . import views

_webhook_request_decoder = msgspec.json.Decoder(views.WebhookRequest)
_webhook_change_decoder = msgspec.json.Decoder(views.WebhookChange)


class WebhookResource:
    def __init__(self, files: contract.Webhooks, urls: PublicUrls) -> None:
        self._files = files
        self._urls = urls

    async def create_webhook(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _webhook_request_decoder)
        drive = DriveId(req.user if body.drive_id is None else parse_uuid(body.drive_id, "drive_id"))
        new_webhook = contract.NewWebhook(drive, body.url, tuple(body.what or ()))
        webhook = await self._files.create_webhook(req.user, new_webhook, idempotency_key(req))
        if webhook.secret is None:
            raise Internal("a new webhook has no secret")
        location = self._urls.link(req.scope, f"/v1/webhooks/{webhook.id}")
        respond_json(resp, views.created_webhook_view(webhook, webhook.secret), 201, {"Location": location})

    async def list_webhooks(self, req: Request, resp: Response) -> None:
        text = req.query_value("drive_id")
        drive = None if text is None else DriveId(parse_uuid(text, "drive_id"))
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        respond_json(resp, views.webhook_list_view(await self._files.list_webhooks(req.user, drive, limit, cursor)))

    async def get_webhook(self, req: Request, resp: Response, id: str) -> None:
        respond_json(resp, views.webhook_view(await self._files.get_webhook(req.user, _parse_id(id))))

    async def update_webhook(self, req: Request, resp: Response, id: str) -> None:
        update = views.webhook_update(await read_json(req, _webhook_change_decoder))
        respond_json(resp, views.webhook_view(await self._files.update_webhook(req.user, _parse_id(id), update)))

    async def delete_webhook(self, req: Request, resp: Response, id: str) -> None:
        await self._files.delete_webhook(req.user, _parse_id(id))
        respond_empty(resp, 204)

    async def list_deliveries(self, req: Request, resp: Response, id: str) -> None:
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        page = await self._files.list_deliveries(req.user, _parse_id(id), limit, cursor)
        respond_json(resp, views.delivery_list_view(page))

    async def redeliver(self, req: Request, resp: Response, id: str, delivery: str) -> None:
        attempt = DeliveryId(parse_uuid(delivery, "delivery"))
        await self._files.redeliver(req.user, _parse_id(id), attempt)
        respond_empty(resp, 202)


def _parse_id(text: str) -> WebhookId:
    return WebhookId(parse_uuid(text, "id"))
