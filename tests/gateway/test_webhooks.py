"""Webhooks over HTTP: their life, what is shown of them, and bad input. tests/worker sends the events."""

from __future__ import annotations

from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import LeaseId
from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem

URL = "https://example.com/hook"


async def test_the_life_of_a_webhook(user: User) -> None:
    created = await user.call("POST", "/v1/webhooks", {"url": URL, "what": ["created", "trashed"]})
    assert created.status_code == 201
    webhook = created.json()
    assert webhook["secret"].startswith("whsec_")
    assert created.headers["location"] == f"/v1/webhooks/{webhook['id']}"
    me = (await user.ok("GET", "/v1/me"))["id"]
    secret = webhook.pop("secret")
    assert webhook | {"created_at": ""} == {
        "id": webhook["id"],
        "url": URL,
        "drive_id": me,
        "what": ["created", "trashed"],
        "disabled": False,
        "disabled_reason": None,
        "failing_since": None,
        "next_try_at": None,
        "created_at": "",
    }
    path = f"/v1/webhooks/{webhook['id']}"
    assert await user.ok("GET", path) == webhook
    listed = await user.ok("GET", "/v1/webhooks", parameters={"drive_id": me})
    assert listed == {"items": [webhook], "next_cursor": None}
    assert secret not in str(listed)
    changed = await user.ok("PATCH", path, {"url": f"{URL}/b", "what": None, "disabled": True})
    assert changed == webhook | {"url": f"{URL}/b", "what": None, "disabled": True}
    assert await user.ok("PATCH", path, {}) == changed
    assert (await user.ok("PATCH", path, {"disabled": False}))["disabled"] is False
    assert await user.ok("GET", f"{path}/deliveries") == {"items": [], "next_cursor": None}
    await user.ok("DELETE", path)
    assert_problem(await user.call("GET", path), 404, "not_found")


async def test_a_delivery_is_listed_and_sent_again(own: Gateway) -> None:
    user = await own.user()
    webhook = await user.ok("POST", "/v1/webhooks", {"url": URL})
    await user.ok("POST", "/v1/folders", {"name": "f"})
    lease = LeaseId(uuid7())
    (task,) = await own.files.claim_webhooks(lease, 10)
    outcome = c.DeliveryOutcome.DELIVERED
    await own.files.record_delivery(
        lease, c.DeliveryResult(task.webhook, task.drive, task.events[0], outcome, 200, ends_lease=True)
    )
    path = f"/v1/webhooks/{webhook['id']}/deliveries"
    (shown,) = (await user.ok("GET", path))["items"]
    assert (shown["status"], shown["response_status"], shown["what"]) == ("delivered", 200, "created")
    for _ in range(2):
        assert (await user.call("POST", f"{path}/{shown['id']}/redeliver")).status_code == 202
    (task,) = await own.files.claim_webhooks(LeaseId(uuid7()), 10)
    assert [event.is_redelivery for event in task.events] == [True]
    await user.ok("PATCH", f"/v1/webhooks/{webhook['id']}", {"disabled": True})
    assert_problem(await user.call("POST", f"{path}/{shown['id']}/redeliver"), 409, "conflict")
    assert_problem(await user.call("POST", f"{path}/x/redeliver"), 422, "invalid_request")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": "http://example.com"}, "url"),
        ({"url": "https://127.0.0.1"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://localhost"}, "url"),
        ({"url": "https://a:b@example.com"}, "url"),
        ({"url": "https://example.com/" + "a" * 3000}, "url"),
        ({"url": "https://example.com/\r\nX-Evil: 1"}, "url"),
        ({"url": URL, "what": []}, "what"),
        ({"url": URL, "what": ["purged"]}, "what[0]"),
        ({"url": URL, "what": "created"}, "what"),
        ({"url": URL, "drive_id": "mine"}, "drive_id"),
        ({"url": URL, "secret": "x"}, "secret"),
    ],
)
async def test_a_bad_webhook_is_refused(user: User, body: Json, field: str) -> None:
    problem = assert_problem(await user.call("POST", "/v1/webhooks", body), 422, "invalid_request")
    assert problem["errors"][0]["field"] == field


async def test_a_change_is_checked_like_a_new_webhook(user: User) -> None:
    path = f"/v1/webhooks/{(await user.ok('POST', '/v1/webhooks', {'url': URL}))['id']}"
    for body in ({"url": "https://10.0.0.1"}, {"url": None}, {"disabled": None}, {"what": []}, {"id": "x"}):
        assert_problem(await user.call("PATCH", path, body), 422, "invalid_request")


async def test_a_webhook_of_another_drive_needs_a_manager(user: User, other: User) -> None:
    drive = (await user.ok("POST", "/v1/drives", {"name": "Team"}))["id"]
    body = {"url": URL, "drive_id": drive}
    for id in (drive, (await user.ok("GET", "/v1/me"))["id"], str(uuid4())):
        answer = await other.call("POST", "/v1/webhooks", body | {"drive_id": id})
        assert_problem(answer, 404, "not_found")
    members = f"/v1/drives/{drive}/members"
    await user.ok("PUT", members, {"email": other.email, "role": "editor"})
    assert_problem(await other.call("POST", "/v1/webhooks", body), 403, "forbidden")
    await user.ok("PUT", members, {"email": other.email, "role": "manager"})
    webhook = await other.ok("POST", "/v1/webhooks", body)
    assert_problem(await user.call("GET", f"/v1/webhooks/{webhook['id']}"), 404, "not_found")


async def test_a_repeat_with_a_key_gets_the_same_secret(user: User) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = await user.call("POST", "/v1/webhooks", {"url": URL}, headers=key)
    again = await user.call("POST", "/v1/webhooks", {"url": URL}, headers=key)
    assert first.json() == again.json()
    other = await user.call("POST", "/v1/webhooks", {"url": f"{URL}/b"}, headers=key)
    assert_problem(other, 422, "idempotency_key_reused")
