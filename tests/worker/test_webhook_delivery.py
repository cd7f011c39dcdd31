"""Events of webhooks over real HTTP: what arrives, in which order, what is tried again, and what is refused."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from uuid_utils.compat import uuid7

from drivebay.contract import auth, files
from drivebay.contract.files import ReceiverRules
from drivebay.contract.ids import ROOT, LeaseId, UserId
from drivebay.gateway.changes.views import change_view
from drivebay.hints import HintChannel
from drivebay.worker import service, webhook_delivery
from drivebay.worker.settings import Settings
from drivebay.worker.webhook_delivery import WebhookSender
from drivebay.worker.webhook_events import event_body
from drivebay.worker.webhook_receiver import MAX_RESPONSE_BYTES, LookUp, look_up, open_receiver

from ..files.conftest import SETTINGS as FILES_SETTINGS
from ..files.conftest import Drive, open_drive
from ..mail_server import Certificate
from .conftest import BASE
from .webhook_receiver_server import (
    Answer,
    ReceiverServer,
    Request,
    cut_body,
    endless,
    garbage,
    hang,
    serve_receiver,
    slow_bytes,
    stalled_body,
    status,
)

GUIDE: Final = Path(__file__).parents[2] / "docs" / "guide" / "webhooks.md"
OPEN: Final = ReceiverRules(http=True, private=True)
OWN: Final = Settings(
    link_base=BASE, receivers=OPEN, interval=timedelta(milliseconds=20), webhook_timeout=timedelta(seconds=60)
)


@dataclass
class Accounts:
    """The accounts of auth as the worker sees them. A user in `disabled` or `deleted` is so."""

    disabled: set[UserId] = field(default_factory=set)
    deleted: set[UserId] = field(default_factory=set)

    async def list_users(self, users: tuple[UserId, ...]) -> tuple[auth.User, ...]:
        return tuple(
            auth.User(user, "a@example.com", datetime(2026, 1, 1, tzinfo=UTC), disabled=user in self.disabled)
            for user in users
            if user not in self.deleted
        )


@dataclass
class World:
    """A drive with the services that a worker calls."""

    drive: Drive
    accounts: Accounts

    @property
    def user(self) -> UserId:
        return UserId(self.drive.owner)

    async def create(self, receiver: ReceiverServer) -> files.Webhook:
        return await self.drive.files.create_webhook(self.user, files.NewWebhook(self.drive.owner, receiver.url))

    async def change(self, *names: str) -> None:
        for name in names:
            await self.drive.files.create_folder(self.drive.access, ROOT, name)

    async def run_once(self, own: Settings = OWN, resolve: LookUp = look_up, tls: object = None) -> int:
        """Claim once, and send the events of what was claimed."""
        receiver = open_receiver(
            own.receivers,
            own.webhook_timeout,
            look_up=resolve,
            tls_context=tls,  # type: ignore[arg-type]
        )
        async with receiver as client, asyncio.TaskGroup() as tasks:
            return await self.delivery(client, own).start_deliveries(tasks, lambda: None)

    def delivery(self, client: object, own: Settings = OWN) -> WebhookSender:
        return WebhookSender(
            self.accounts,  # type: ignore[arg-type]
            self.drive.files,
            client,  # type: ignore[arg-type]
            own,
            new_id=uuid7,
            now=lambda: datetime.now(UTC),
        )

    async def deliveries(self, webhook: files.Webhook) -> list[files.Delivery]:
        """Return the attempts, oldest first."""
        return list((await self.drive.files.list_deliveries(self.user, webhook.id)).items)[::-1]

    async def make_due(self) -> None:
        await self.drive.database.execute("UPDATE files.webhooks SET due_at = now(), leased_until = NULL, lease = NULL")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_drive(database_url, "direct", replace(FILES_SETTINGS, receivers=OPEN)) as drive:
        yield World(drive, Accounts())


@asynccontextmanager
async def running(world: World, own: Settings = OWN) -> AsyncIterator[None]:
    """Run a worker."""
    run = asyncio.create_task(service.run(world.accounts, own, files=world.drive.files))  # type: ignore[arg-type]
    try:
        yield
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def test_an_event_is_a_signed_cloud_event_with_the_change_as_the_feed_shows_it(world: World) -> None:
    async with serve_receiver() as receiver:
        webhook = await world.create(receiver)
        file = await world.drive.upload_file("a.txt")
        assert await world.run_once() == 1
    (request,) = receiver.requests
    assert webhook.secret is not None
    event = request.verified(webhook.secret)
    assert {name: event[name] for name in ("specversion", "type", "subject", "source", "datacontenttype")} == {
        "specversion": "1.0",
        "type": "drivebay.created",
        "subject": str(file.id),
        "source": f"{BASE}/v1/drives/{world.drive.owner}",
        "datacontenttype": "application/json",
    }
    assert event["id"] == request.headers["webhook-id"]
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert event["data"]["file"]["name"] == "a.txt"
    with pytest.raises(WebhookVerificationError):
        request.verified("whsec_" + "A" * 43 + "=")
    guide: dict[str, Any] = {}
    exec(GUIDE.read_text("utf-8").partition("```python\n")[2].partition("```")[0], guide)
    assert guide["verified"](webhook.secret, request.headers, request.body) == event
    with pytest.raises(ValueError, match="signature"):
        guide["verified"](webhook.secret, request.headers, request.body + b" ")


async def test_the_data_of_an_event_equal_the_change_of_the_gateway(world: World) -> None:
    """The worker does not import the gateway, so it has types of its own."""
    cursor = (await world.drive.files.list_changes(world.drive.access)).next_cursor
    file = await world.drive.upload_file("a.txt")
    await world.change("folder")
    await world.drive.files.trash_entry(world.drive.access, file.id)
    page = await world.drive.files.list_changes(world.drive.access, cursor)
    for change in page.items:
        event = files.WebhookEvent(1, 1, change)
        task = files.WebhookTask(files.Webhook.__name__, world.drive.owner, world.user, "", "", (event,))  # type: ignore[arg-type]
        task = msgspec.structs.replace(task, webhook=uuid7())
        data = msgspec.json.decode(event_body(task, event, BASE))["data"]
        assert data.pop("cursor") == change.cursor
        assert data == msgspec.json.decode(msgspec.json.encode(change_view(change)))


async def test_a_worker_sends_all_events_in_order_and_once(world: World) -> None:
    async with serve_receiver() as receiver:
        await world.create(receiver)
        async with running(world):
            await world.change(*(f"{number}" for number in range(45)))
            await receiver.wait_for(45)
    assert [request.event["data"]["file"]["name"] for request in receiver.requests] == [f"{n}" for n in range(45)]
    assert len(set(receiver.ids)) == 45


async def test_two_workers_keep_the_order_also_when_events_fail(world: World) -> None:
    failures = 0

    async def sometimes(request: object, writer: asyncio.StreamWriter) -> None:
        nonlocal failures
        failures += 1
        await status(500 if failures % 3 == 0 else 200)(request, writer)  # type: ignore[arg-type]

    async with serve_receiver(sometimes) as receiver:
        webhook = await world.create(receiver)
        await world.change(*(f"{number:02}" for number in range(12)))
        while sum(one.is_delivered for one in await world.deliveries(webhook)) < 12:
            await asyncio.gather(world.run_once(), world.run_once())
            await world.drive.database.execute("UPDATE files.webhooks SET due_at = now()")
    names = [request.event["data"]["file"]["name"] for request in receiver.requests]
    assert names == sorted(names)
    assert len(set(names)) == 12
    assert len(set(zip(names, receiver.ids, strict=True))) == 12  # a repeat has the same id


@pytest.mark.parametrize(
    ("answer", "response_status", "error"),
    [
        (status(500), 500, "the receiver responded with 500"),
        (status(404), 404, "the receiver responded with 404"),
        (
            status(302, "Location: http://127.0.0.1:1/"),
            302,
            "the receiver responded with 302; redirects are not followed",
        ),
        (garbage, None, "the connection to the receiver failed, or its response is not HTTP"),
    ],
)
async def test_an_answer_that_is_no_success_is_tried_again(
    world: World, answer: Answer, response_status: int | None, error: str
) -> None:
    async with serve_receiver(answer) as receiver:
        webhook = await world.create(receiver)
        await world.change("a", "b")
        await world.run_once()
        (failed,) = await world.deliveries(webhook)
        assert (failed.is_delivered, failed.response_status, failed.error) == (False, response_status, error)
        assert failed.next_try_at is not None
        receiver.answer = status(200)
        await world.make_due()
        await world.run_once()
    assert len(receiver.requests) == 3
    assert receiver.ids[0] == receiver.ids[1] != receiver.ids[2]


async def test_a_redirect_is_not_followed(world: World) -> None:
    async with serve_receiver() as target, serve_receiver(status(307, f"Location: {target.url}")) as receiver:
        await world.create(receiver)
        await world.change("a")
        await world.run_once()
    assert (len(receiver.requests), target.requests) == (1, [])


@pytest.mark.parametrize("answer", [hang, slow_bytes])
async def test_a_receiver_without_an_answer_is_left_after_the_timeout(world: World, answer: Answer) -> None:
    async with serve_receiver(answer) as receiver:
        webhook = await world.create(receiver)
        await world.change("a")
        await world.run_once(replace(OWN, webhook_timeout=timedelta(seconds=1)))
    (failed,) = await world.deliveries(webhook)
    assert failed.error == "the receiver did not respond within 1 seconds"


async def test_a_long_answer_is_not_read_to_its_end(world: World) -> None:
    async with serve_receiver(endless) as receiver:
        webhook = await world.create(receiver)
        await world.change("a")
        await world.run_once()
    (sent,) = await world.deliveries(webhook)
    assert sent.is_delivered
    assert MAX_RESPONSE_BYTES < 10_000


@pytest.mark.parametrize("answer", [cut_body, stalled_body])
async def test_the_status_counts_whatever_becomes_of_the_body(world: World, answer: Answer) -> None:
    async with serve_receiver(answer) as receiver:
        webhook = await world.create(receiver)
        await world.change("a")
        await world.run_once()
    (sent,) = await world.deliveries(webhook)
    assert (sent.is_delivered, sent.response_status) == (True, 200)


async def test_an_account_that_is_disabled_while_its_events_are_sent_gets_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_delivery, "_ACCOUNT_AGE", -1.0)

    async def disable(request: Request, writer: asyncio.StreamWriter) -> None:
        world.accounts.disabled.add(world.user)
        await status(200)(request, writer)

    async with serve_receiver(disable) as receiver:
        await world.create(receiver)
        await world.change("a", "b")
        await world.run_once()
    assert len(receiver.requests) == 1


async def test_a_hint_wakes_the_worker(world: World) -> None:
    hints = HintChannel()
    own = replace(OWN, interval=timedelta(hours=1))
    async with serve_receiver() as receiver:
        await world.create(receiver)
        worker = service.run(world.accounts, own, files=world.drive.files, hints=hints)  # type: ignore[arg-type]
        run = asyncio.create_task(worker)
        try:
            for count in range(1, 4):
                await world.change(f"{count}")
                while len(receiver.requests) < count:
                    hints.publish(world.drive.owner)
                    await asyncio.sleep(0.05)
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


async def test_a_hanging_receiver_does_not_hold_up_others(world: World) -> None:
    async with serve_receiver(hang) as hanging, serve_receiver() as receiver:
        await world.create(hanging)
        await world.create(receiver)
        async with running(world, replace(OWN, webhook_timeout=timedelta(minutes=10))):
            await world.change("a")
            await receiver.wait_for(1)
            await world.change("b")
            await receiver.wait_for(2)


async def test_a_receiver_that_answers_410_gets_no_more_events(world: World) -> None:
    async with serve_receiver(status(410)) as receiver:
        webhook = await world.create(receiver)
        await world.change("a", "b")
        await world.run_once()
        await world.run_once()
    assert len(receiver.requests) == 1
    shown = await world.drive.files.get_webhook(world.user, webhook.id)
    assert shown.disabled_reason == "the receiver responded with 410: it wants no more events"


@pytest.mark.parametrize("state", ["disabled", "deleted"])
async def test_the_webhooks_of_an_account_that_ended_send_nothing(world: World, state: str) -> None:
    async with serve_receiver() as receiver:
        webhook = await world.create(receiver)
        await world.change("a")
        getattr(world.accounts, state).add(world.user)
        await world.run_once()
    assert receiver.requests == []
    shown = await world.drive.files.get_webhook(world.user, webhook.id)
    assert shown.disabled_reason == "the account of the webhook's user is disabled"


async def test_an_https_receiver_needs_a_certificate_for_its_name(world: World, certificate: Certificate) -> None:
    async with serve_receiver(tls=certificate.server) as receiver:
        webhook = await world.create(receiver)
        await world.change("a")
        await world.run_once()
        (failed,) = await world.deliveries(webhook)
        assert failed.error == "the certificate of the receiver is not valid"
        await world.make_due()
        await world.run_once(tls=certificate.client)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("10.0.0.1",), ("169.254.169.254",), ("::1",), ("8.8.8.8", "127.0.0.1"), ("::ffff:127.0.0.1",)],
)
async def test_a_name_that_resolves_to_a_private_address_is_refused(world: World, addresses: Sequence[str]) -> None:
    async with serve_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        new = files.NewWebhook(world.drive.owner, f"http://rebinding.example.com:{port}")
        webhook = await world.drive.files.create_webhook(world.user, new)
        await world.change("a")
        own = replace(OWN, receivers=ReceiverRules(http=True))
        await world.run_once(own, resolve=lambda host, port: addresses)
    (failed,) = await world.deliveries(webhook)
    assert failed.error == "the host has an address that is not public"
    assert receiver.requests == []


async def test_the_connection_is_made_to_the_address_that_was_checked(world: World) -> None:
    """The second look-up of the same name would lead elsewhere. There is none for one attempt."""
    async with serve_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        new = files.NewWebhook(world.drive.owner, f"http://rebinding.example.com:{port}")
        webhook = await world.drive.files.create_webhook(world.user, new)
        await world.change("a", "b")
        answers = [["127.0.0.1"], ["127.0.0.1"]]
        await world.run_once(resolve=lambda host, port: answers.pop())
    assert answers == []  # one look-up for each of the two events
    assert [one.is_delivered for one in await world.deliveries(webhook)] == [True, True]
    assert receiver.requests[0].headers["host"].startswith("rebinding.example.com")


async def test_a_url_with_a_private_address_is_refused_at_delivery_too(world: World) -> None:
    async with serve_receiver() as receiver:
        webhook = await world.create(receiver)
        await world.change("a")
        await world.run_once(replace(OWN, receivers=ReceiverRules(http=True)))
    (failed,) = await world.deliveries(webhook)
    assert failed.error is not None
    assert failed.error.startswith("the URL is not allowed")
    assert receiver.requests == []


async def test_a_worker_that_dies_while_it_claims_loses_nothing(world: World) -> None:
    async with serve_receiver() as receiver:
        await world.create(receiver)
        await world.change("a")
        assert len(await world.drive.files.claim_webhooks(LeaseId(uuid7()), 10)) == 1
        assert await world.run_once() == 0
        await world.drive.database.execute("UPDATE files.webhooks SET leased_until = now()")
        assert await world.run_once() == 1
    assert len(receiver.requests) == 1


async def test_an_attempt_does_not_begin_when_the_lease_may_be_over(world: World) -> None:
    async with serve_receiver() as receiver:
        await world.create(receiver)
        await world.change("a", "b")
        await world.run_once(replace(OWN, webhook_lease_time=timedelta(seconds=-1)))
    assert receiver.requests == []


async def test_a_webhook_leaves_its_slot_when_its_time_is_over(world: World) -> None:
    async with serve_receiver() as receiver:
        await world.create(receiver)
        await world.change("a", "b", "c")
        for _ in range(3):
            assert await world.run_once(replace(OWN, webhook_time=timedelta(seconds=-1))) == 1
    assert len(receiver.requests) == 3


async def test_a_worker_claims_no_more_than_it_has_slots(world: World) -> None:
    async with serve_receiver() as receiver:
        await world.create(receiver)
        await world.change("a")
        assert await world.run_once(replace(OWN, webhook_slots=0)) == 0


_WORKER: Final = """
import asyncio, sys
from datetime import timedelta
from tests.worker import test_webhook_delivery as module
from drivebay import postgres
from drivebay.files.service import Service
from uuid_utils.compat import uuid7

async def main():
    async with postgres.connect(sys.argv[1], size=2) as database:
        files = Service(database, None, module.replace(module.FILES_SETTINGS, receivers=module.OPEN), new_id=uuid7)
        await module.service.run(module.Accounts(), module.OWN, files=files)

asyncio.run(main())
"""


async def test_an_event_is_sent_again_with_its_id_if_the_worker_is_killed_before_it_records(
    world: World, database_url: str
) -> None:
    process: asyncio.subprocess.Process | None = None

    async def kill_the_worker(request: object, writer: asyncio.StreamWriter) -> None:
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)

    async with serve_receiver(kill_the_worker) as receiver:
        await world.create(receiver)
        await world.change("a", "b")
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _WORKER, database_url)
        await receiver.wait_for(1)
        assert await process.wait() == -signal.SIGKILL
        receiver.answer = status(200)
        await world.drive.database.execute("UPDATE files.webhooks SET leased_until = now()")
        async with running(world):
            await receiver.wait_for(3)
    assert receiver.ids[0] == receiver.ids[1] != receiver.ids[2]


async def test_no_secret_and_no_url_is_logged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async with serve_receiver(status(500)) as receiver:
        receiver.url += "?token=hidden"
        webhook = await world.create(receiver)
        await world.change("a")
        await world.run_once()
    assert webhook.secret is not None
    shown = "".join(capsys.readouterr()) + repr(webhook) + repr(await world.deliveries(webhook))
    assert "webhook_not_delivered" in shown
    assert "hidden" not in shown
    assert webhook.secret not in shown
