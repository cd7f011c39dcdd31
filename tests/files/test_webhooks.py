"""Webhooks of the files service: who may have them, what is claimed in which order, and what a result changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access, ChangeKind, DeliveryOutcome, ReceiverRules, Role
from drivebay.contract.files.receiver_urls import parse_receiver_url
from drivebay.contract.ids import ROOT, DeliveryId, DriveId, LeaseId, UserId, WebhookId
from drivebay.errors import (
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
)

from .conftest import SETTINGS, Drive, new_owner, open_drive

URL = "https://example.com/hook"


def user_of(drive: Drive) -> UserId:
    return UserId(drive.owner)


async def create(drive: Drive, *kinds: ChangeKind, on: DriveId | None = None) -> c.Webhook:
    # With a key, so that a call that is delivered twice creates one webhook.
    new = c.NewWebhook(on or drive.owner, URL, kinds)
    return await drive.files.create_webhook(user_of(drive), new, uuid7().hex)


async def folder(drive: Drive, name: str, access: Access | None = None) -> c.File:
    return await drive.files.create_folder(access or drive.access, ROOT, name)


async def claim(drive: Drive, lease: LeaseId | None = None) -> tuple[LeaseId, list[c.WebhookTask]]:
    """Claim until nothing but this user's webhooks remain, and return those."""
    lease = lease or LeaseId(uuid7())
    tasks = await drive.files.claim_webhooks(lease, 100)
    return lease, [task for task in tasks if task.user == drive.owner]


def result(
    task: c.WebhookTask, at: int = 0, outcome: DeliveryOutcome = DeliveryOutcome.DELIVERED, *, ends_lease: bool = False
) -> c.DeliveryResult:
    error = None if outcome is DeliveryOutcome.DELIVERED else "the receiver answered 500"
    status = 200 if error is None else 500
    return c.DeliveryResult(task.webhook, task.drive, task.events[at], outcome, status, error, ends_lease)


def names(task: c.WebhookTask) -> list[str | None]:
    return [None if event.change.file is None else event.change.file.name for event in task.events]


async def make_due(drive: Drive) -> None:
    """Let the gap after a failed attempt pass."""
    await drive.database.execute("UPDATE files.webhooks SET due_at = now() WHERE created_by = $1", drive.owner)


async def end_leases(drive: Drive) -> None:
    sql = "UPDATE files.webhooks SET leased_until = now() WHERE created_by = $1 AND leased_until > now()"
    await drive.database.execute(sql, drive.owner)


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "example.com", "ftp://example.com", "http://example.com", "javascript:alert(1)", "https://"),
        *("https://user@example.com", "https://user:pw@example.com", "https://@example.com", "https://example.com/#x"),
        *(
            "https://example.com\\@10.0.0.1/",
            "https://exa mple.com",
            "https://example.com/\n",
            "https://ex\u00e4mple.com",
        ),
        *(
            "https://127.0.0.1",
            "https://10.1.2.3",
            "https://172.16.0.1",
            "https://192.168.1.1",
            "https://169.254.169.254",
        ),
        *("https://100.64.0.1", "https://0.0.0.0", "https://224.0.0.1", "https://255.255.255.255", "https://[::1]"),
        *("https://[::]", "https://[fe80::1]", "https://[fd00::1]", "https://[::ffff:10.0.0.1]", "https://[ff02::1]"),
        *("https://[64:ff9b::a00:1]", "https://[2002:a00:1::1]", "https://[2001:0:1::1]", "https://[::127.0.0.1]"),
        *("https://168.63.129.16", "https://192.0.0.8", "https://192.88.99.1", "https://[2001:10::1]"),
        *("https://192.0.0.192", "https://[2001:db8::1]", "https://[100::1]", "https://[3fff::1]"),
        *("https://2130706433", "https://0x7f.1", "https://127.1", "https://0177.0.0.1", "https://192.0.2.1"),
        *("https://127.0.0.1.", "https://1.2.3.4.5", "https://example.1", "https://8.8.8.8.8."),
        *("https://localhost", "https://a.localhost", "https://LOCALHOST.", "https://db.internal", "https://-a.com"),
        *("https://example.com:0", "https://example.com:99999", "https://[::1", "https://" + "a" * 2048, "https://\0"),
    ],
)
def test_a_url_that_is_no_public_receiver_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|is not|has no"):
        parse_receiver_url(url, ReceiverRules())


def test_the_rules_of_the_deployment_allow_more() -> None:
    assert parse_receiver_url("https://example.com/a?b=c", ReceiverRules()).port == 443
    assert parse_receiver_url("https://8.8.8.8:8443", ReceiverRules()).port == 8443
    assert parse_receiver_url("https://[2606:4700::1111]", ReceiverRules()).host == "2606:4700::1111"
    open_rules = ReceiverRules(http=True, private=True)
    for url in ("http://127.0.0.1:1", "http://localhost:1", "http://10.0.0.1", "http://[::1]", "http://[fd00::1]"):
        assert parse_receiver_url(url, open_rules).scheme == "http"
    for url in (
        *("http://169.254.169.254", "http://[fe80::1]", "http://224.0.0.1", "http://[64:ff9b::a00:1]"),
        *(
            "http://100.100.100.200",
            "http://[fd00:ec2::254]",
            "http://[fd20:ce::254]",
            "http://[::ffff:100.100.100.200]",
        ),
    ):
        with pytest.raises(ValueError, match="address"):
            parse_receiver_url(url, open_rules)
    with pytest.raises(ValueError, match="https"):
        parse_receiver_url("http://10.0.0.1", ReceiverRules(private=True))


async def test_a_webhook_sends_the_changes_from_now_on_in_their_order(drive: Drive) -> None:
    await folder(drive, "before")
    webhook = await create(drive)
    assert webhook.secret is not None
    assert webhook.secret.startswith("whsec_")
    assert "whsec_" not in repr(webhook)
    for name in ("a", "b", "c"):
        await folder(drive, name)
    lease, (task,) = await claim(drive)
    assert names(task) == ["a", "b", "c"]
    assert task.secret == webhook.secret
    assert await drive.files.record_delivery(lease, result(task))
    assert await drive.files.record_delivery(lease, result(task, 1))
    assert not await drive.files.record_delivery(lease, result(task, 2, ends_lease=True))
    assert (await claim(drive))[1] == []
    deliveries = (await drive.files.list_deliveries(user_of(drive), webhook.id)).items
    assert [(one.is_delivered, one.attempt, one.response_status) for one in deliveries] == [(True, 1, 200)] * 3
    numbers = [event.number for event in task.events]
    assert [one.event_id for one in deliveries] == [c.event_id(webhook.id, number) for number in reversed(numbers)]


async def test_only_the_wanted_kinds_are_sent(drive: Drive) -> None:
    webhook = await create(drive, ChangeKind.TRASHED)
    file = await folder(drive, "a")
    assert (await claim(drive))[1] == []
    await drive.files.trash_entry(drive.access, file.id)
    await folder(drive, "b")
    lease, (task,) = await claim(drive)
    assert [event.change.kind for event in task.events] == [ChangeKind.TRASHED]
    await drive.files.record_delivery(lease, result(task, ends_lease=True))
    assert (await claim(drive))[1] == []
    await drive.files.update_webhook(user_of(drive), webhook.id, c.WebhookUpdate(every_kind=True))
    await folder(drive, "c")
    assert names((await claim(drive))[1][0]) == ["c"]


async def test_an_event_has_the_file_as_it_is_when_it_is_claimed(drive: Drive) -> None:
    await create(drive)
    file = await folder(drive, "a")
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate("b"))
    _, (task,) = await claim(drive)
    assert names(task) == ["b", "b"]


async def test_a_leased_webhook_has_no_second_lease_until_it_ends(direct_drive: Drive) -> None:
    await create(direct_drive)
    await folder(direct_drive, "a")
    lease, (task,) = await claim(direct_drive)
    assert (await claim(direct_drive))[1] == []
    assert (await claim(direct_drive, lease))[1] == [task]  # the answer of the first call was lost
    await end_leases(direct_drive)
    other, (again,) = await claim(direct_drive)
    assert again.events[0].number == task.events[0].number
    assert not await direct_drive.files.record_delivery(lease, result(task))
    assert (await direct_drive.files.list_deliveries(user_of(direct_drive), task.webhook)).items == ()
    assert not await direct_drive.files.record_delivery(other, result(again, ends_lease=True))


async def test_a_new_url_ends_the_claim_of_the_old_one(direct_drive: Drive) -> None:
    webhook = await create(direct_drive)
    await folder(direct_drive, "a")
    await folder(direct_drive, "b")
    lease, (task,) = await claim(direct_drive)
    update = c.WebhookUpdate(url="https://example.com/other")
    await direct_drive.files.update_webhook(user_of(direct_drive), webhook.id, update)
    assert not await direct_drive.files.record_delivery(lease, result(task, outcome=DeliveryOutcome.GONE))
    _, (again,) = await claim(direct_drive)
    assert (again.url, names(again)) == ("https://example.com/other", ["a", "b"])
    assert not (await direct_drive.files.get_webhook(user_of(direct_drive), webhook.id)).disabled


async def test_a_change_of_a_kind_that_was_added_during_a_claim_is_sent(direct_drive: Drive) -> None:
    webhook = await create(direct_drive, ChangeKind.TRASHED)
    await folder(direct_drive, "a")
    trashed = await folder(direct_drive, "b")
    await direct_drive.files.trash_entry(direct_drive.access, trashed.id)
    lease, (task,) = await claim(direct_drive)
    update = c.WebhookUpdate(every_kind=True)
    await direct_drive.files.update_webhook(user_of(direct_drive), webhook.id, update)
    assert not await direct_drive.files.record_delivery(lease, result(task, ends_lease=True))
    assert (await claim(direct_drive))[1] == []  # the attempt may still be under way
    await end_leases(direct_drive)
    _, (again,) = await claim(direct_drive)
    assert [event.change.kind for event in again.events] == [ChangeKind.CREATED, ChangeKind.CREATED, ChangeKind.TRASHED]


async def test_a_repeated_record_counts_once(direct_drive: Drive) -> None:
    await create(direct_drive)
    await folder(direct_drive, "a")
    await folder(direct_drive, "b")
    lease, (task,) = await claim(direct_drive)
    for _ in range(2):
        assert await direct_drive.files.record_delivery(lease, result(task))
    assert len((await direct_drive.files.list_deliveries(user_of(direct_drive), task.webhook)).items) == 1


async def test_a_failed_event_is_due_again_after_growing_gaps_and_keeps_the_order(direct_drive: Drive) -> None:
    webhook = await create(direct_drive)
    await folder(direct_drive, "a")
    await folder(direct_drive, "b")
    gaps = []
    for _ in range(4):
        lease, (task,) = await claim(direct_drive)
        assert names(task) == ["a", "b"]
        assert not await direct_drive.files.record_delivery(lease, result(task, 0, DeliveryOutcome.FAILED))
        assert (await claim(direct_drive))[1] == []
        last = (await direct_drive.files.list_deliveries(user_of(direct_drive), webhook.id)).items[0]
        assert last.next_try_at is not None
        gaps.append((last.next_try_at - last.at).total_seconds())
        assert (last.is_delivered, last.error) == (False, "the receiver answered 500")
        await make_due(direct_drive)
    assert gaps == [5, 20, 80, 320]
    shown = await direct_drive.files.get_webhook(user_of(direct_drive), webhook.id)
    assert shown.failing_since is not None
    lease, (task,) = await claim(direct_drive)
    await direct_drive.files.record_delivery(lease, result(task))
    shown = await direct_drive.files.get_webhook(user_of(direct_drive), webhook.id)
    assert (shown.failing_since, shown.next_try_at) == (None, None)


async def test_a_webhook_that_fails_for_three_days_is_disabled_with_the_reason(direct_drive: Drive) -> None:
    webhook = await create(direct_drive)
    await folder(direct_drive, "a")
    lease, (task,) = await claim(direct_drive)
    await direct_drive.files.record_delivery(lease, result(task, 0, DeliveryOutcome.FAILED))
    # The last attempt is at the end of the three days, not hours later.
    await direct_drive.database.execute(
        "UPDATE files.webhooks SET failing_since = now() - interval '71 hours', attempts = 50, due_at = now()"
    )
    lease, (task,) = await claim(direct_drive)
    await direct_drive.files.record_delivery(lease, result(task, 0, DeliveryOutcome.FAILED))
    shown = await direct_drive.files.get_webhook(user_of(direct_drive), webhook.id)
    assert shown.failing_since is not None
    assert shown.next_try_at == shown.failing_since + timedelta(days=3)
    await direct_drive.database.execute(
        "UPDATE files.webhooks SET failing_since = now() - interval '3 days', due_at = now()"
    )
    lease, (task,) = await claim(direct_drive)
    await direct_drive.files.record_delivery(lease, result(task, 0, DeliveryOutcome.FAILED))
    shown = await direct_drive.files.get_webhook(user_of(direct_drive), webhook.id)
    assert shown.disabled
    assert shown.disabled_reason == "no event was delivered for 3 days: the receiver answered 500"
    await make_due(direct_drive)
    assert (await claim(direct_drive))[1] == []
    await direct_drive.files.update_webhook(user_of(direct_drive), webhook.id, c.WebhookUpdate(disabled=False))
    _, (task,) = await claim(direct_drive)
    assert names(task) == ["a"]


@pytest.mark.parametrize("outcome", [DeliveryOutcome.GONE, DeliveryOutcome.ACCOUNT_ENDED])
async def test_a_receiver_or_an_owner_that_is_gone_disables_the_webhook(drive: Drive, outcome: DeliveryOutcome) -> None:
    webhook = await create(drive)
    await folder(drive, "a")
    lease, (task,) = await claim(drive)
    assert not await drive.files.record_delivery(lease, result(task, 0, outcome))
    shown = await drive.files.get_webhook(user_of(drive), webhook.id)
    assert shown.disabled
    assert shown.disabled_reason
    assert (await claim(drive))[1] == []


async def test_a_delivery_is_sent_again_on_request(direct_drive: Drive) -> None:
    files, user = direct_drive.files, user_of(direct_drive)
    webhook = await create(direct_drive)
    await folder(direct_drive, "a")
    await folder(direct_drive, "b")
    lease, (task,) = await claim(direct_drive)
    await files.record_delivery(lease, result(task))
    await files.record_delivery(lease, result(task, 1, ends_lease=True))
    first = (await files.list_deliveries(user, webhook.id)).items[-1]
    for _ in range(2):
        await files.redeliver(user, webhook.id, first.id)
    lease, (again,) = await claim(direct_drive)
    assert [(event.number, event.is_redelivery) for event in again.events] == [(task.events[0].number, True)]
    assert not await files.record_delivery(lease, result(again, 0, DeliveryOutcome.FAILED, ends_lease=True))
    assert (await claim(direct_drive))[1] == []
    newest = (await files.list_deliveries(user, webhook.id)).items[0]
    assert (newest.event_id, newest.attempt, newest.next_try_at) == (first.event_id, 0, None)
    assert not (await files.get_webhook(user, webhook.id)).disabled
    with pytest.raises(NotFound):
        await files.redeliver(user, webhook.id, DeliveryId(uuid7()))
    await files.update_webhook(user, webhook.id, c.WebhookUpdate(disabled=True))
    with pytest.raises(Conflict):
        await files.redeliver(user, webhook.id, first.id)


async def test_a_redelivery_waits_for_no_backoff_and_lengthens_none(direct_drive: Drive) -> None:
    files, user = direct_drive.files, user_of(direct_drive)
    webhook = await create(direct_drive)
    await folder(direct_drive, "a")
    await folder(direct_drive, "b")
    lease, (task,) = await claim(direct_drive)
    assert await files.record_delivery(lease, result(task))
    (sent,) = (await files.list_deliveries(user, webhook.id)).items
    await files.redeliver(user, webhook.id, sent.id)  # while the next attempt is under way
    assert not await files.record_delivery(lease, result(task, 1, DeliveryOutcome.FAILED))
    due_at = (await files.get_webhook(user, webhook.id)).next_try_at
    lease, (again,) = await claim(direct_drive)
    assert [(event.number, event.is_redelivery) for event in again.events] == [(task.events[0].number, True)]
    assert not await files.record_delivery(lease, result(again, ends_lease=True))
    assert (await claim(direct_drive))[1] == []
    assert (await files.get_webhook(user, webhook.id)).next_try_at == due_at
    await make_due(direct_drive)
    _, (rest,) = await claim(direct_drive)
    assert names(rest) == ["b"]


async def test_a_redelivery_of_a_waiting_event_is_its_next_attempt(direct_drive: Drive) -> None:
    files, user = direct_drive.files, user_of(direct_drive)
    webhook = await create(direct_drive)
    await folder(direct_drive, "a")
    lease, (task,) = await claim(direct_drive)
    await files.record_delivery(lease, result(task, 0, DeliveryOutcome.FAILED))
    assert (await claim(direct_drive))[1] == []
    (failed,) = (await files.list_deliveries(user, webhook.id)).items
    await files.redeliver(user, webhook.id, failed.id)
    _, (task,) = await claim(direct_drive)
    assert [event.is_redelivery for event in task.events] == [False]


async def test_a_redelivery_of_a_change_that_is_trimmed_keeps_nothing_busy(direct_drive: Drive) -> None:
    files, user = direct_drive.files, user_of(direct_drive)
    webhook = await create(direct_drive)
    await folder(direct_drive, "a")
    lease, (task,) = await claim(direct_drive)
    await files.record_delivery(lease, result(task, ends_lease=True))
    (sent,) = (await files.list_deliveries(user, webhook.id)).items
    await files.redeliver(user, webhook.id, sent.id)
    await direct_drive.advance_time(timedelta(days=31), "changes")
    assert await files.trim_changes(1000) == 1
    assert (await claim(direct_drive))[1] == []
    assert await direct_drive.database.fetchval("SELECT count(*) FROM files.webhook_redeliveries") == 0
    with pytest.raises(NotFound):
        await files.redeliver(user, webhook.id, sent.id)


async def test_attempts_are_kept_up_to_a_number_and_an_age(direct_drive: Drive) -> None:
    webhook = await create(direct_drive)
    await direct_drive.database.execute(
        """INSERT INTO files.webhook_deliveries (owner_id, webhook_id, id, number, what, file_id, attempt, is_delivered)
        SELECT $1, $2, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, i, 'created', $2, 1, true
        FROM generate_series(1, 1200) AS i""",
        direct_drive.owner,
        webhook.id,
    )
    await folder(direct_drive, "a")
    lease, (task,) = await claim(direct_drive)
    await direct_drive.files.record_delivery(lease, result(task, ends_lease=True))
    count = "SELECT count(*) FROM files.webhook_deliveries"
    assert await direct_drive.database.fetchval(count) == 1000
    await direct_drive.database.execute("UPDATE files.webhook_deliveries SET at = at - interval '31 days'")
    await claim(direct_drive)
    assert await direct_drive.database.fetchval(count) == 0


async def test_pages_of_webhooks_and_deliveries_have_cursors_of_their_own(drive: Drive) -> None:
    files, user = drive.files, user_of(drive)
    ids = [(await create(drive)).id for _ in range(3)]
    first = await files.list_webhooks(user, limit=2)
    assert [one.id for one in first.items] == ids[:0:-1]
    second = await files.list_webhooks(user, limit=2, cursor=first.next_cursor)
    assert ([one.id for one in second.items], second.next_cursor) == (ids[:1], None)
    assert all(one.secret is None for one in first.items)
    assert (await files.list_webhooks(user, new_owner())).items == ()
    for call in (
        files.list_webhooks(UserId(new_owner()), cursor=first.next_cursor),
        files.list_webhooks(user, drive.owner, cursor=first.next_cursor),
        files.list_deliveries(user, ids[0], cursor=first.next_cursor),
    ):
        with pytest.raises(InvalidCursor):
            await call


async def test_others_see_nothing_of_a_webhook(drive: Drive) -> None:
    webhook = await create(drive)
    stranger = UserId(new_owner())
    assert (await drive.files.list_webhooks(stranger)).items == ()
    for call in (
        drive.files.get_webhook(stranger, webhook.id),
        drive.files.update_webhook(stranger, webhook.id, c.WebhookUpdate(disabled=True)),
        drive.files.delete_webhook(stranger, webhook.id),
        drive.files.list_deliveries(stranger, webhook.id),
        drive.files.redeliver(stranger, webhook.id, DeliveryId(uuid7())),
        drive.files.create_webhook(stranger, c.NewWebhook(drive.owner, URL)),
        drive.files.get_webhook(user_of(drive), WebhookId(uuid7())),
    ):
        with pytest.raises(NotFound):
            await call
    assert not (await drive.files.get_webhook(user_of(drive), webhook.id)).disabled


async def test_a_repeated_creation_returns_the_same_webhook_and_secret(drive: Drive) -> None:
    files, user = drive.files, user_of(drive)
    new = c.NewWebhook(drive.owner, URL)
    first = await files.create_webhook(user, new, "key")
    assert await files.create_webhook(user, new, "key") == first
    with pytest.raises(IdempotencyKeyReused):
        await files.create_webhook(user, c.NewWebhook(drive.owner, f"{URL}/other"), "key")
    await files.delete_webhook(user, first.id)
    with pytest.raises(IdempotencyKeyReused):
        await files.create_webhook(user, new, "key")


async def test_a_url_that_is_not_allowed_changes_nothing(drive: Drive) -> None:
    webhook = await create(drive)
    with pytest.raises(InvalidRequest):
        await drive.files.update_webhook(user_of(drive), webhook.id, c.WebhookUpdate(url="https://10.0.0.1"))
    with pytest.raises(InvalidRequest):
        await drive.files.create_webhook(user_of(drive), c.NewWebhook(drive.owner, "http://example.com"))
    assert (await drive.files.get_webhook(user_of(drive), webhook.id)).url == URL


async def team_with(drive: Drive, role: Role) -> tuple[UserId, c.Drive]:
    """Return a user with a role in a shared drive of the owner."""
    team = await drive.files.create_drive(user_of(drive), "Team")
    member = UserId(new_owner())
    await drive.files.put_member(Access(team.id, user_of(drive), Role.MANAGER), member, role)
    return member, team


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
async def test_only_managers_have_webhooks_of_a_shared_drive(direct_drive: Drive, role: Role) -> None:
    member, team = await team_with(direct_drive, role)
    with pytest.raises(Forbidden):
        await direct_drive.files.create_webhook(member, c.NewWebhook(team.id, URL))


async def test_a_user_with_a_permission_on_an_item_has_no_webhook(direct_drive: Drive) -> None:
    file = await folder(direct_drive, "a")
    guest = UserId(new_owner())
    await direct_drive.files.put_permission(direct_drive.access, file.id, guest, Role.EDITOR)
    with pytest.raises(NotFound):
        await direct_drive.files.create_webhook(guest, c.NewWebhook(direct_drive.owner, URL))


async def test_the_webhook_of_a_removed_member_ends_at_once(direct_drive: Drive) -> None:
    files = direct_drive.files
    member, team = await team_with(direct_drive, Role.MANAGER)
    webhook = await files.create_webhook(member, c.NewWebhook(team.id, URL))
    manager = Access(team.id, user_of(direct_drive), Role.MANAGER)
    for name in ("a", "b"):
        await folder(direct_drive, name, manager)
    as_member = direct_drive.for_owner(DriveId(member))
    lease, (task,) = await claim(as_member)
    await files.remove_member(manager, member)
    assert not await files.record_delivery(lease, result(task))
    with pytest.raises(NotFound):
        await files.get_webhook(member, webhook.id)
    assert (await claim(as_member))[1] == []


async def test_the_webhook_of_a_demoted_member_is_disabled_with_the_reason(direct_drive: Drive) -> None:
    files = direct_drive.files
    member, team = await team_with(direct_drive, Role.MANAGER)
    webhook = await files.create_webhook(member, c.NewWebhook(team.id, URL))
    manager = Access(team.id, user_of(direct_drive), Role.MANAGER)
    await files.put_member(manager, member, Role.EDITOR)
    await folder(direct_drive, "a", manager)
    assert (await claim(direct_drive.for_owner(DriveId(member))))[1] == []
    shown = await files.get_webhook(member, webhook.id)
    assert (shown.disabled, shown.disabled_reason) == (True, "you are not a manager of the drive any more")
    for update in (c.WebhookUpdate(disabled=False), c.WebhookUpdate(url=f"{URL}/b")):
        with pytest.raises(Forbidden):
            await files.update_webhook(member, webhook.id, update)


@pytest.mark.parametrize("change", ["role = 'editor'", "user_id = gen_random_uuid()"], ids=["demoted", "removed"])
async def test_no_statement_relies_on_another_to_end_a_webhook(direct_drive: Drive, change: str) -> None:
    """The claim itself asks for the role, also where no call has cleaned up."""
    member, team = await team_with(direct_drive, Role.MANAGER)
    await direct_drive.files.create_webhook(member, c.NewWebhook(team.id, URL))
    await folder(direct_drive, "a", Access(team.id, user_of(direct_drive), Role.MANAGER))
    await direct_drive.database.execute(f"UPDATE files.members SET {change} WHERE user_id = $1", member)
    assert (await claim(direct_drive.for_owner(DriveId(member))))[1] == []
    (violation,) = await direct_drive.files.check_invariants()
    assert violation.invariant == "a_webhook_has_a_manager"
    await direct_drive.database.execute("DELETE FROM files.webhooks WHERE created_by = $1", member)


async def test_a_check_finds_a_webhook_that_would_miss_changes(direct_drive: Drive) -> None:
    webhook = await create(direct_drive)
    await direct_drive.database.execute("UPDATE files.webhooks SET last_number = 1 WHERE id = $1", webhook.id)
    (violation,) = await direct_drive.files.check_invariants()
    assert violation.invariant == "a_webhook_has_no_number_beyond_the_feed"
    await folder(direct_drive, "a")  # the feed has as many changes


@pytest.mark.parametrize("call", ["create", "enable"])
async def test_a_webhook_that_meets_the_end_of_the_role_does_not_outlive_it(direct_drive: Drive, call: str) -> None:
    files = direct_drive.files
    member, team = await team_with(direct_drive, Role.MANAGER)
    webhook = await files.create_webhook(member, c.NewWebhook(team.id, URL))
    await files.update_webhook(member, webhook.id, c.WebhookUpdate(disabled=True))
    async with direct_drive.database.transaction() as tx:
        await tx.execute("UPDATE files.members SET role = 'editor' WHERE user_id = $1", member)
        if call == "create":
            work = files.create_webhook(member, c.NewWebhook(team.id, URL))
        else:
            work = files.update_webhook(member, webhook.id, c.WebhookUpdate(disabled=False))
        running = asyncio.create_task(work)
        waits = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND query LIKE '%files.members%'"""
        while not running.done() and not await direct_drive.database.fetchval(waits):
            await asyncio.sleep(0.01)
    with pytest.raises(Forbidden):
        await running
    assert [one.disabled for one in (await files.list_webhooks(member)).items] == [True]


async def test_the_webhooks_of_a_deleted_drive_and_of_a_deleted_account_end(direct_drive: Drive) -> None:
    files = direct_drive.files
    member, team = await team_with(direct_drive, Role.MANAGER)
    await files.create_webhook(member, c.NewWebhook(team.id, URL))
    await files.create_webhook(member, c.NewWebhook(DriveId(member), URL))
    await files.delete_drive(Access(team.id, user_of(direct_drive), Role.MANAGER))
    assert [one.drive for one in (await files.list_webhooks(member)).items] == [member]
    await files.empty_drive(DriveId(member))
    assert (await files.list_webhooks(member)).items == ()


@pytest.fixture
async def small(database_url: str) -> AsyncIterator[Drive]:
    """A drive where a user has three webhooks, of which one is sent to at a time."""
    own = replace(SETTINGS, max_webhooks=3, max_webhook_leases=1)
    async with open_drive(database_url, "direct", own) as drive:
        yield drive


async def test_a_user_has_a_limited_number_of_webhooks(small: Drive) -> None:
    for _ in range(3):
        webhook = await create(small)
    with pytest.raises(QuotaExceeded):
        await create(small)
    await small.files.delete_webhook(user_of(small), webhook.id)
    await create(small)


async def test_a_user_with_many_webhooks_does_not_take_the_worker_from_others(small: Drive) -> None:
    other = small.for_owner(new_owner())
    for _ in range(3):
        await create(small)
    await folder(small, "a")
    await create(other)
    await folder(other, "a")
    tasks = await small.files.claim_webhooks(LeaseId(uuid7()), 2)
    assert {task.user for task in tasks} == {small.owner, other.owner}
    assert (await claim(small))[1] == []


async def test_a_change_of_a_file_costs_no_statement_about_webhooks(direct_drive: Drive) -> None:
    """A webhook reads the feed: nothing is queued when a file changes, however many webhooks there are."""
    for _ in range(5):
        await create(direct_drive)
    before = await direct_drive.database.fetch("SELECT to_jsonb(w)::text AS row FROM files.webhooks w ORDER BY id")
    file = await direct_drive.upload_file("a.txt")
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    assert before == await direct_drive.database.fetch(
        "SELECT to_jsonb(w)::text AS row FROM files.webhooks w ORDER BY id"
    )
    for table in ("webhook_deliveries", "webhook_redeliveries"):
        assert await direct_drive.database.fetchval(f"SELECT count(*) FROM files.{table}") == 0


@pytest.mark.parametrize("limit", [0, -1, 101])
async def test_a_claim_has_a_limit(drive: Drive, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.claim_webhooks(LeaseId(uuid7()), limit)
