"""The webhooks of a user.

The user must be a manager of the drive to create or enable a webhook, or to change its URL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from ...contract.files import (
    Access,
    DeliveryPage,
    NewWebhook,
    Role,
    Webhook,
    WebhookPage,
    WebhookUpdate,
)
from ...contract.files.receiver_urls import parse_receiver_url
from ...contract.ids import DeliveryId, DriveId, UserId, WebhookId
from ...errors import Conflict, FieldError, Forbidden, IdempotencyKeyReused, InvalidRequest, NotFound, QuotaExceeded
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..entries.listings import LAST_ID, check_page_size
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..settings import Settings
from ..usage.store import UsageStore
from .store import WebhookStore
from .webhook_secrets import WebhookSecrets

MAX_WAITING_REDELIVERIES: Final = 100
"""The maximum number of redeliveries of one webhook that were requested and are not sent yet."""


class WebhookService:
    """Implements `contract.files.Webhooks`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._settings = settings
        self._new_id = new_id
        self._webhooks = WebhookStore()
        self._usage = UsageStore()
        self._idempotency = IdempotencyStore()
        self._secrets = WebhookSecrets(settings.secret)
        self._cursor_key = settings.cursor_key

    async def create_webhook(self, actor: UserId, new: NewWebhook, idempotency_key: str | None = None) -> Webhook:
        self._check_url(new.url)
        kinds = tuple(dict.fromkeys(new.kinds))
        call = None
        if idempotency_key is not None:
            request_hash = fingerprint("webhook", str(new.drive), new.url, [kind.value for kind in kinds])
            call = KeyedCall(self._idempotency, Access.personal(actor), idempotency_key, request_hash)
        async with self._db.transaction() as tx:
            # Lock the user's own usage row before the role in the drive. All transactions use this order, so there is
            # no deadlock.
            await self._usage.lock_usage(tx, DriveId(actor), self._settings.quota)
            await self._require_manager(tx, actor, new.drive)
            first = None if call is None else await call.lock_and_find_first(tx)
            if first is not None:
                id = WebhookId(first.resource)
                existing = await self._webhooks.select_webhook(tx, actor, id)
                if existing is None:
                    raise IdempotencyKeyReused("the webhook that this key created no longer exists: use a new key")
                created = Webhook(id, new.drive, new.url, existing.created_at, kinds)
                return self._with_secret(created)
            limit = self._settings.max_webhooks
            if await self._webhooks.count_webhooks(tx, actor) >= limit:  # guard: webhook-limit
                raise QuotaExceeded(f"you have {limit} webhooks: delete one first")
            id = WebhookId(self._new_id())
            webhook = await self._webhooks.insert_webhook(tx, actor, id, msgspec.structs.replace(new, kinds=kinds))
            if call is not None:
                await call.record(tx, id)
        return self._with_secret(webhook)

    async def list_webhooks(
        self, actor: UserId, drive: DriveId | None = None, limit: int = 100, cursor: str | None = None
    ) -> WebhookPage:
        check_page_size(limit)
        query = f"{actor} webhooks {drive}"  # guard: webhooks-cursor
        before = WebhookId(LAST_ID)
        if cursor is not None:
            before = WebhookId(decode_cursor(self._cursor_key, query, cursor).id)
        webhooks = await self._webhooks.list_webhooks(self._db, actor, before, drive, limit + 1)
        if len(webhooks) <= limit:
            return WebhookPage(tuple(webhooks), None)
        position = Position("", webhooks[limit - 1].id)
        return WebhookPage(tuple(webhooks[:limit]), encode_cursor(self._cursor_key, query, position))

    async def get_webhook(self, actor: UserId, id: WebhookId) -> Webhook:
        return _require_webhook(await self._webhooks.select_webhook(self._db, actor, id), id)

    async def update_webhook(self, actor: UserId, id: WebhookId, update: WebhookUpdate) -> Webhook:
        if update.url is not None:
            self._check_url(update.url)
        async with self._db.transaction() as tx:
            if update.url is not None or update.disabled is False:
                # Lock the role before the webhook, as a change of the role does, so that there is no deadlock.
                webhook = _require_webhook(await self._webhooks.select_webhook(tx, actor, id), id)
                await self._require_manager(tx, actor, webhook.drive)
            old = _require_webhook(await self._webhooks.lock_webhook(tx, actor, id), id)
            becomes_enabled = update.disabled is False and old.disabled
            kinds = () if update.every_kind else tuple(dict.fromkeys(update.kinds)) or old.kinds
            changed = msgspec.structs.replace(
                old,
                url=old.url if update.url is None else update.url,
                kinds=kinds,
                disabled=old.disabled if update.disabled is None else update.disabled,
            )
            is_due = becomes_enabled or changed.url != old.url
            return await self._webhooks.update_webhook(tx, actor, changed, is_due=is_due)

    async def delete_webhook(self, actor: UserId, id: WebhookId) -> None:
        if not await self._webhooks.delete_webhook(self._db, actor, id):
            raise _not_found_error(id)

    async def list_deliveries(
        self, actor: UserId, id: WebhookId, limit: int = 100, cursor: str | None = None
    ) -> DeliveryPage:
        check_page_size(limit)
        webhook = await self.get_webhook(actor, id)
        query = f"{actor} deliveries {id}"  # guard: deliveries-cursor
        before = DeliveryId(LAST_ID)
        if cursor is not None:
            before = DeliveryId(decode_cursor(self._cursor_key, query, cursor).id)
        deliveries = await self._webhooks.list_deliveries(self._db, webhook, before, limit + 1)
        if len(deliveries) <= limit:
            return DeliveryPage(tuple(deliveries), None)
        position = Position("", deliveries[limit - 1].id)
        return DeliveryPage(tuple(deliveries[:limit]), encode_cursor(self._cursor_key, query, position))

    async def redeliver(self, actor: UserId, id: WebhookId, delivery: DeliveryId) -> None:
        async with self._db.transaction() as tx:
            webhook = _require_webhook(await self._webhooks.lock_webhook(tx, actor, id), id)
            number = await self._webhooks.select_delivery(tx, webhook, delivery)
            if number is None:
                raise NotFound(f"no delivery {delivery}, or its change is no longer kept")
            if webhook.disabled:
                raise Conflict("the webhook is disabled; enable it first")
            if await self._webhooks.count_redeliveries(tx, webhook) >= MAX_WAITING_REDELIVERIES:
                raise Conflict(f"{MAX_WAITING_REDELIVERIES} redeliveries wait already; try again later")
            await self._webhooks.insert_redelivery(tx, webhook, number)

    def _check_url(self, url: str) -> None:
        try:
            parse_receiver_url(url, self._settings.receivers)
        except ValueError as error:
            raise InvalidRequest(f"url {error}", errors=(FieldError("url", str(error)),)) from None

    async def _require_manager(self, tx: Connection, actor: UserId, drive: DriveId) -> None:
        """Raise NotFound or Forbidden if a user does not manage a drive."""
        if drive == actor:
            return
        role = await self._webhooks.select_role(tx, actor, drive)
        if role is None:
            raise NotFound(f"no drive {drive}")
        if role is not Role.MANAGER:  # guard: webhook-needs-manager
            raise Forbidden("only managers of the drive may create and change webhooks of it")

    def _with_secret(self, webhook: Webhook) -> Webhook:
        return msgspec.structs.replace(webhook, secret=self._secrets.secret(webhook.id))


def _require_webhook(webhook: Webhook | None, id: WebhookId) -> Webhook:
    if webhook is None:
        raise _not_found_error(id)
    return webhook


def _not_found_error(id: WebhookId) -> NotFound:
    return NotFound(f"no webhook {id}")
