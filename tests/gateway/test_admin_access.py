"""An admin cannot reach what others have: no route gives an item or a drive of another user to an admin."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from .conftest import Gateway, User
from .test_admin import make_admin
from .test_authorization import BY_ID, RULES, anonymous, ask, bearer, make
from .test_document import DOCUMENT

ITEMS = [
    operation
    for operation in BY_ID
    if RULES[operation].target and not (RULES[operation].admin or RULES[operation].public)
]
IN_A_DRIVE = [
    f"{method.upper()} {path}"
    for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
    for method, described in methods.items()
    if any(parameter.get("name") == "drive_id" for parameter in described.get("parameters", ()))
]


OWN_WEBHOOKS = "GET /v1/webhooks"
"""It lists the webhooks of its caller. The drive is a filter."""


@pytest.mark.parametrize("operation", ITEMS)
async def test_an_admin_gets_no_item_of_another_user(shared: Gateway, user: User, other: User, operation: str) -> None:
    admin = bearer(await make_admin(shared, other))
    item = await make(user, RULES[operation].target)
    answers = [(await ask(shared, operation, admin, id), id) for id in (item, str(uuid4()))]
    assert [status for (status, _), _ in answers] == [404, 404]
    known, unknown = (anonymous(problem, id) for (_, problem), id in answers)
    assert known == unknown


def test_every_kind_of_operation_takes_a_drive() -> None:
    resources = {operation.split("/v1/")[1].split("/")[0].split("?")[0] for operation in IN_A_DRIVE}
    assert resources >= {"files", "folders", "uploads", "trash", "search", "changes", "events", "archives", "tus"}


@pytest.mark.parametrize("operation", IN_A_DRIVE)
async def test_an_admin_gets_no_drive_of_another_user(shared: Gateway, user: User, other: User, operation: str) -> None:
    admin = bearer(await make_admin(shared, other))
    drive = (await user.ok("GET", "/v1/me"))["id"]
    if operation == OWN_WEBHOOKS:
        await user.ok("POST", "/v1/webhooks", {"url": "https://example.com/hook", "drive_id": drive})
        answer = await other.ok("GET", f"/v1/webhooks?drive_id={drive}")
        assert answer["items"] == []
        return
    for id in (drive, str(uuid4())):
        status, problem = await ask(shared, operation, admin, at=f"{operation}?drive_id={id}")
        assert (status, problem["code"]) == (404, "not_found")
