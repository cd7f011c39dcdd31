"""SQL statements on webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec

from ...contract.files import ChangeKind, Delivery, DeliveryResult, NewWebhook, Role, Webhook, event_id
from ...contract.ids import DeliveryId, DriveId, LeaseId, UserId, WebhookId
from ...postgres import Connection, Database, Statements


class StoredWebhook(msgspec.Struct, frozen=True):
    """A webhook with its user and its position: the changes up to `last_number` have been sent or skipped.

    `is_due`: the next event of the feed may be sent now. If not, only redeliveries may be sent.
    """

    webhook: Webhook
    user: UserId
    last_number: int
    attempts: int
    is_due: bool = True


class Attempt(msgspec.Struct, frozen=True):
    """The data of an attempt that are recorded with its result. `number` counts attempts from 1, and is 0 for a
    redelivery."""

    id: DeliveryId
    number: int
    next_try_at: datetime | None


class WebhookStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    # -- for users

    async def select_role(self, db: Database | Connection, user: UserId, drive: DriveId) -> Role | None:
        """Return the role of a member of a shared drive, or None. It cannot change until the transaction ends."""
        role = await db.fetchval(self.statements["select_role_for_webhook"], user, drive)
        return None if role is None else Role(role)

    async def count_webhooks(self, tx: Connection, user: UserId) -> int:
        return int(await tx.fetchval(self.statements["count_webhooks"], user))

    async def insert_webhook(self, tx: Connection, user: UserId, id: WebhookId, new: NewWebhook) -> Webhook:
        """Insert a webhook. Its first event is the next change of its drive."""
        sql = self.statements["insert_webhook"]
        (record,) = await tx.fetch(sql, user, id, new.drive, new.url, _kind_values(new.kinds))
        return _webhook_from(record)

    async def select_webhook(self, db: Database | Connection, user: UserId, id: WebhookId) -> Webhook | None:
        record = await db.fetchrow(self.statements["select_webhook"], user, id)
        return None if record is None else _webhook_from(record)

    async def lock_webhook(self, tx: Connection, user: UserId, id: WebhookId) -> Webhook | None:
        record = await tx.fetchrow(self.statements["lock_webhook"], user, id)
        return None if record is None else _webhook_from(record)

    async def list_webhooks(
        self, db: Database, user: UserId, before: WebhookId, drive: DriveId | None, limit: int
    ) -> list[Webhook]:
        """Return up to `limit` webhooks of a user that are older than `before`, newest first."""
        records = await db.fetch(self.statements["list_webhooks"], user, before, drive, limit)
        return [_webhook_from(record) for record in records]

    async def update_webhook(self, tx: Connection, user: UserId, webhook: Webhook, *, is_due: bool) -> Webhook:
        """Set URL, kinds and state of a webhook. With `is_due`, clear its failures, and make it due now."""
        sql = self.statements["update_webhook"]
        arguments = (user, webhook.id, webhook.url, _kind_values(webhook.kinds), webhook.disabled, is_due)
        (record,) = await tx.fetch(sql, *arguments)  # it is locked, so it exists
        return _webhook_from(record)

    async def delete_webhook(self, db: Database, user: UserId, id: WebhookId) -> bool:
        """Delete a webhook. Return False if it does not exist."""
        return await db.fetchval(self.statements["delete_webhook"], user, id) is not None

    async def delete_of_member(self, tx: Connection, user: UserId, drive: DriveId) -> None:
        """Delete the webhooks of a user in a drive that the user leaves."""
        await tx.execute(self.statements["delete_webhooks_of_member"], user, drive)

    async def disable_of_member(self, tx: Connection, user: UserId, drive: DriveId) -> None:
        """Disable the webhooks of a user who is no longer a manager of a drive."""
        await tx.execute(self.statements["disable_webhooks_of_member"], user, drive)

    async def delete_of_drive(self, tx: Connection, drive: DriveId) -> None:
        await tx.execute(self.statements["delete_webhooks_of_drive"], drive)

    async def delete_of_user(self, db: Database, user: UserId) -> None:
        """Delete the webhooks of a user in every drive."""
        await db.execute(self.statements["delete_webhooks_of_user"], user)

    async def delete_of_user_before(self, db: Database, user: UserId, until: datetime) -> None:
        """Delete the webhooks of a user in every drive that were created up to the time `until`."""
        await db.execute(self.statements["delete_webhooks_of_user_before"], user, until)

    async def list_deliveries(self, db: Database, webhook: Webhook, before: DeliveryId, limit: int) -> list[Delivery]:
        """Return up to `limit` attempts that are older than `before`, newest first."""
        records = await db.fetch(self.statements["list_deliveries"], webhook.drive, webhook.id, before, limit)
        return [_delivery_from(record) for record in records]

    async def select_delivery(self, tx: Connection, webhook: Webhook, id: DeliveryId) -> int | None:
        """Return the number of the change of an attempt, or None if it is unknown or no longer in the feed."""
        number = await tx.fetchval(self.statements["select_delivery"], webhook.drive, webhook.id, id)
        return None if number is None else int(number)

    async def count_redeliveries(self, tx: Connection, webhook: Webhook) -> int:
        return int(await tx.fetchval(self.statements["count_redeliveries"], webhook.drive, webhook.id))

    async def insert_redelivery(self, tx: Connection, webhook: Webhook, number: int) -> None:
        await tx.execute(self.statements["insert_redelivery"], webhook.drive, webhook.id, number)
        await tx.execute(self.statements["make_webhook_due"], webhook.drive, webhook.id, number)

    # -- for the worker

    async def lease_webhooks(
        self, db: Database, lease: LeaseId, limit: int, length: timedelta, max_leases: int
    ) -> list[StoredWebhook]:
        """Lease up to `limit` webhooks that are due or have redeliveries. One user has at most `max_leases` leases at a
        time."""
        records = await db.fetch(self.statements["lease_webhooks"], lease, limit, length, max_leases)
        return [_stored_from(record, is_due=record["is_due"]) for record in records]

    async def list_redeliveries(self, db: Database, webhook: Webhook, limit: int) -> list[int]:
        """Return the numbers of the changes for which a user requested a redelivery."""
        records = await db.fetch(self.statements["list_redeliveries"], webhook.drive, webhook.id, limit)
        return [record["number"] for record in records]

    async def release(self, db: Database, webhook: Webhook, lease: LeaseId) -> None:
        """End a lease without sending an event."""
        await db.execute(self.statements["release_webhook"], webhook.drive, webhook.id, lease)

    async def skip_changes(self, db: Database, webhook: Webhook, lease: LeaseId, resume_after: int) -> None:
        """End a lease on a webhook whose changes up to a number need no event."""
        await db.execute(self.statements["skip_changes"], webhook.drive, webhook.id, lease, resume_after)

    async def lock_leased(
        self, tx: Connection, lease: LeaseId, result: DeliveryResult, retry_time: timedelta
    ) -> tuple[StoredWebhook, bool] | None:
        """Lock a leased webhook. Return it, and whether it failed for `retry_time`.

        Return None if the lease has ended, or if the user of the webhook does not manage the drive any more.
        """
        sql = self.statements["lock_leased_webhook"]
        record = await tx.fetchrow(sql, result.drive, result.webhook, lease, retry_time)
        return None if record is None else (_stored_from(record), record["is_ending"])

    async def delete_redelivery(
        self, db: Database | Connection, drive: DriveId, webhook: WebhookId, number: int
    ) -> None:
        """Delete the request for a redelivery."""
        await db.execute(self.statements["delete_redelivery"], drive, webhook, number)

    async def advance(self, tx: Connection, result: DeliveryResult, lease_length: timedelta | None) -> None:
        """Move the position of a webhook past an event. Extend the lease, or end it if `lease_length` is None."""
        sql = self.statements["advance_webhook"]
        await tx.execute(sql, result.drive, result.webhook, result.event.resume_after, lease_length)

    async def keep_lease(self, tx: Connection, result: DeliveryResult, lease_length: timedelta | None) -> None:
        """Extend the lease, or end it if `lease_length` is None. The position does not change."""
        await tx.execute(self.statements["keep_webhook_lease"], result.drive, result.webhook, lease_length)

    async def postpone(self, tx: Connection, result: DeliveryResult, retry_time: timedelta) -> datetime:
        """Schedule the next attempt after a failed attempt, and return its time."""
        sql = self.statements["postpone_webhook"]
        next_try_at: datetime = await tx.fetchval(sql, result.drive, result.webhook, retry_time)
        return next_try_at

    async def disable_webhook(self, tx: Connection, result: DeliveryResult, reason: str) -> None:
        """Disable a webhook, and record the reason."""
        await tx.execute(self.statements["disable_webhook"], result.drive, result.webhook, reason)

    async def insert_delivery(self, tx: Connection, result: DeliveryResult, attempt: Attempt, *, is_ok: bool) -> None:
        change = result.event.change
        await tx.execute(
            self.statements["insert_delivery"],
            *(result.drive, result.webhook, attempt.id, result.event.number, change.kind.value, change.file_id),
            *(attempt.number, is_ok, result.response_status, result.error, attempt.next_try_at),
        )

    async def prune_deliveries(self, tx: Connection, result: DeliveryResult, keep: int) -> None:
        """Delete the attempts of a webhook beyond the newest `keep`."""
        await tx.execute(self.statements["prune_deliveries"], result.drive, result.webhook, keep)

    async def prune_old_deliveries(self, db: Database, age: timedelta) -> None:
        """Delete some attempts that are older than `age`."""
        await db.execute(self.statements["prune_old_deliveries"], age)


def _kind_values(kinds: Sequence[ChangeKind]) -> list[str]:
    return [kind.value for kind in kinds]


def _stored_from(record: asyncpg.Record, *, is_due: bool = True) -> StoredWebhook:
    webhook = _webhook_from(record)
    return StoredWebhook(webhook, record["created_by"], record["last_number"], record["attempts"], is_due)


def _webhook_from(record: asyncpg.Record) -> Webhook:
    is_disabled = record["disabled_at"] is not None
    return Webhook(
        id=record["id"],
        drive=record["owner_id"],
        url=record["url"],
        created_at=record["created_at"],
        kinds=tuple(ChangeKind(kind) for kind in record["what"]),
        disabled=is_disabled,
        disabled_reason=record["disabled_reason"],
        failing_since=record["failing_since"],
        next_try_at=None if is_disabled or record["failing_since"] is None else record["due_at"],
    )


def _delivery_from(record: asyncpg.Record) -> Delivery:
    return Delivery(
        id=record["id"],
        event_id=event_id(record["webhook_id"], record["number"]),
        kind=ChangeKind(record["what"]),
        file_id=record["file_id"],
        at=record["at"],
        attempt=record["attempt"],
        is_delivered=record["is_delivered"],
        response_status=record["response_status"],
        error=record["error"],
        next_try_at=record["next_try_at"],
    )
