"""Permissions on items over HTTP: sharing, what each operation gives to somebody with a permission, and bad input."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

import pytest

from drivebay.gateway.access_rules import ACCESS_RULES
from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem
from .test_authorization import RULES, UPLOAD, anonymous, ask, bearer
from .test_drives import IN_A_DRIVE, UNKNOWN_ID, add, id_of, new_drive

HELLO: Final = b"hello"
WITHOUT_ITEM: Final = {
    "POST /v1/uploads": 404,
    "POST /v1/uploads/batch": 200,
    "POST /v1/uploads/batch/complete": 200,
    "POST /v1/tus": 404,
    "GET /v1/files": 403,
    "GET /v1/search": 403,
    "POST /v1/folders": 404,
    "POST /v1/files/batch/download": 200,
    "POST /v1/files/batch/move": 200,
    "POST /v1/files/batch/trash": 200,
    "POST /v1/files/batch/restore": 200,
    "POST /v1/files/batch/copy": 200,
    "POST /v1/archives": 404,
}
INTO_ROOT: Final = {"POST /v1/files/{id}/copy": 404}
"""The item is below a permission, but the body names the top folder."""
"""The status of operations without an item in the path, for a request about the top folder or an unknown item."""


async def new_folder(user: User, name: str = "", parent: str = "root", drive: str = "") -> str:
    query = f"?drive_id={drive}" if drive else ""
    body = {"name": name or f"{uuid4()}", "parent_id": parent}
    return str((await user.ok("POST", f"/v1/folders{query}", body))["id"])


async def share(user: User, item: str, other: User, role: str = "viewer") -> Json:
    return await user.ok("PUT", f"/v1/files/{item}/permissions", {"email": other.email, "role": role})


async def target_in(user: User, folder: str, target: str) -> str:
    """Create an item of that kind in a folder of the personal drive, and return its id."""
    if target in ("file", "trashed"):
        file = str((await user.store(f"{uuid4()}.txt", HELLO, parent_id=folder))["id"])
        if target == "trashed":
            await user.ok("DELETE", f"/v1/files/{file}")
        return file
    body = UPLOAD | {"name": f"{uuid4()}", "multipart": target == "parts", "parent_id": folder}
    upload = await user.ok("POST", "/v1/uploads", body)
    if target == "upload":
        assert await user.bucket.send("PUT", upload["url"], upload["headers"], HELLO) == 200
    return str(upload["id"])


def expected(operation: str, role: str) -> int:
    """Return the status for somebody with a permission on the folder of the item."""
    rule, needed = RULES[operation], ACCESS_RULES[operation]
    assert needed is not None
    if operation == "DELETE /v1/trash/{id}":
        return 404  # only members see the trash
    if needed.whole_drive or operation == "DELETE /v1/files/{id}/permissions/{user_id}":
        return 403
    if not rule.target:
        return WITHOUT_ITEM[operation]
    if operation in INTO_ROOT:
        return INTO_ROOT[operation]
    return 403 if (role, needed.role.value) == ("viewer", "editor") else rule.own


@pytest.mark.parametrize("operation", IN_A_DRIVE)
async def test_a_permission_gives_what_the_rule_says_below_the_item(
    shared: Gateway, user: User, other: User, operation: str
) -> None:
    drive, rule = await id_of(user), RULES[operation]
    for role in ("viewer", "editor"):
        folder = await new_folder(user)
        await share(user, folder, other, role)
        at = f"{operation}?drive_id={drive}"
        if rule.target:
            outside = await target_in(user, "root", rule.target)
            hidden, problem = await ask(shared, operation, bearer(other), outside, at)
            unknown, same = await ask(shared, operation, bearer(other), UNKNOWN_ID, at)
            assert hidden == unknown == (403 if rule.target == "link" else 404)  # links need a role in the drive
            assert anonymous(problem, outside) == anonymous(same, UNKNOWN_ID)
        id = await target_in(user, await new_folder(user, parent=folder), rule.target) if rule.target else ""
        status, problem = await ask(shared, operation, bearer(other), id, at)
        assert status == expected(operation, role), problem
        await user.ok("DELETE", f"/v1/files/{folder}/permissions/{await id_of(other)}")


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 201)])
async def test_an_editor_copies_within_a_shared_folder(user: User, other: User, role: str, status: int) -> None:
    drive, folder = await id_of(user), await new_folder(user)
    await share(user, folder, other, role)
    file = (await user.store("a.txt", HELLO, parent_id=folder))["id"]
    answer = await other.call("POST", f"/v1/files/{file}/copy?drive_id={drive}", {"parent_id": folder})
    assert answer.status_code == status


async def test_an_item_is_shared_listed_and_taken_back(user: User, other: User) -> None:
    drive, them = await id_of(user), await id_of(other)
    folder, query = await new_folder(user, "Reports"), f"?drive_id={drive}"
    file = await user.store("a.txt", HELLO, parent_id=folder)
    given = await share(user, folder, other)
    assert given == {
        "user_id": them, "email": other.email, "display_name": None, "role": "viewer", "inherited_from": None,
    }  # fmt: skip
    by_id = await user.ok("PUT", f"/v1/files/{folder}/permissions", {"user_id": them, "role": "editor"})
    assert by_id == given | {"role": "editor"}
    assert await user.ok("GET", f"/v1/files/{folder}/permissions") == {"items": [by_id]}
    inherited = await user.ok("GET", f"/v1/files/{file['id']}/permissions")
    assert inherited == {"items": [by_id | {"inherited_from": folder}]}

    (item,) = (await other.ok("GET", "/v1/shared-with-me"))["items"]
    assert (item["shared_by_email"], item["shared_by_name"]) == (user.email, None)
    assert {key: item[key] for key in ("id", "drive_id", "name", "parent_id", "role", "shared_by")} == {
        "id": folder, "drive_id": drive, "name": "Reports", "parent_id": None, "role": "editor", "shared_by": drive,
    }  # fmt: skip
    assert (await other.ok("GET", f"/v1/files/{folder}{query}"))["parent_id"] is None
    listed = await other.ok("GET", f"/v1/files{query}&parent_id={folder}")
    assert ([entry["id"] for entry in listed["items"]], listed["changes_cursor"]) == ([file["id"]], None)
    path = (await other.ok("GET", f"/v1/files/{file['id']}/path{query}"))["items"]
    assert [(entry["id"], entry["parent_id"]) for entry in path] == [(folder, None), (file["id"], folder)]
    assert (await other.call("GET", f"/v1/files/{folder}")).status_code == 404  # it is not in their own drive

    made = await other.ok("POST", f"/v1/folders{query}", {"name": "new", "parent_id": folder})
    changes = await user.ok("GET", "/v1/changes")
    assert made["created_by"] == them
    await other.ok("DELETE", f"/v1/files/{folder}/permissions/{them}{query}")
    assert_problem(await other.call("GET", f"/v1/files/{folder}{query}"), 404, "not_found")
    assert (await other.ok("GET", "/v1/shared-with-me"))["items"] == []
    after = await user.ok("GET", f"/v1/changes?cursor={changes['next_cursor']}")
    assert [(change["what"], change["file_id"], change["actor_id"]) for change in after["items"]] == [
        ("shared", folder, them)
    ]


async def test_the_email_of_an_unknown_id_is_not_shown(shared: Gateway, user: User, other: User) -> None:
    them, friend = await id_of(other), await shared.user()
    team = (await user.ok("POST", "/v1/drives", {"name": "Team"}))["id"]
    member, members = f"/v1/drives/{team}/members/{them}", f"/v1/drives/{team}/members"
    folder = await new_folder(user)
    at = f"/v1/files/{folder}/permissions"
    await user.ok("PUT", members, {"email": friend.email, "role": "manager"})
    for role in ("viewer", "editor"):  # a repeat does not show it either
        for by_id in (user, friend):
            assert (await by_id.ok("PUT", member, {"role": role}))["email"] is None
        assert (await user.ok("PUT", at, {"user_id": them, "role": role}))["email"] is None
    listed = [*(await friend.ok("GET", members))["items"], *(await user.ok("GET", at))["items"]]
    assert [item["email"] for item in listed if item["user_id"] == them] == [None, None]
    # Who gives the address sees it, and so does everybody who sees the list.
    assert (await user.ok("PUT", at, {"email": other.email, "role": "editor"}))["email"] == other.email
    assert (await user.ok("GET", at))["items"][0]["email"] == other.email
    assert (await user.ok("PUT", member, {"role": "viewer"}))["email"] == other.email


async def test_the_email_of_a_person_one_knows_is_shown(shared: Gateway, user: User, other: User) -> None:
    me, third = await id_of(user), await shared.user()
    team = (await user.ok("POST", "/v1/drives", {"name": "Team"}))["id"]
    for person in (other, third):
        await user.ok("PUT", f"/v1/drives/{team}/members", {"email": person.email, "role": "viewer"})
    given = {"user_id": await id_of(third), "role": "viewer"}
    at = f"/v1/files/{await new_folder(other)}/permissions"
    assert (await other.ok("PUT", at, given))["email"] == third.email  # members of one drive
    stranger = await shared.user()
    await share(user, await new_folder(user), stranger)
    at = f"/v1/files/{await new_folder(stranger)}/permissions"
    back = await stranger.ok("PUT", at, {"user_id": me, "role": "viewer"})
    assert back["email"] == user.email  # they have shared something


async def test_a_granted_item_is_neither_moved_nor_trashed(user: User, other: User) -> None:
    drive, folder = await id_of(user), await new_folder(user)
    await share(user, folder, other, "editor")
    at = f"/v1/files/{folder}?drive_id={drive}"
    assert_problem(await other.call("DELETE", at), 403, "forbidden")
    inner = await new_folder(other, "inner", folder, drive)
    assert_problem(await other.call("PATCH", at, {"parent_id": inner}), 403, "forbidden")
    assert_problem(await other.call("PATCH", at, {"parent_id": "root"}), 404, "not_found")
    renamed = await other.ok("PATCH", at, {"name": f"{uuid4()}"})
    assert renamed["parent_id"] is None
    assert (await other.call("DELETE", f"/v1/files/{inner}?drive_id={drive}")).status_code == 204


async def test_a_change_of_a_permission_takes_effect_at_the_next_request(user: User, other: User) -> None:
    drive, folder, them = await id_of(user), await new_folder(user), await id_of(other)
    for role, status in (("editor", 201), ("viewer", 403), ("editor", 201)):
        await share(user, folder, other, role)
        body = {"name": f"{uuid4()}", "parent_id": folder}
        assert (await other.call("POST", f"/v1/folders?drive_id={drive}", body)).status_code == status
    await user.ok("DELETE", f"/v1/files/{folder}/permissions/{them}")
    assert (await other.call("GET", f"/v1/files/{folder}?drive_id={drive}")).status_code == 404


async def test_a_permission_gives_no_role_in_the_drive(user: User, other: User) -> None:
    drive = await new_drive(user)
    folder = await new_folder(user, drive=drive)
    body = {"email": other.email, "role": "editor"}
    await user.ok("PUT", f"/v1/files/{folder}/permissions?drive_id={drive}", body)
    for method, path, sent in (
        ("GET", f"/v1/drives/{drive}", None),
        ("PATCH", f"/v1/drives/{drive}", {"name": "x"}),
        ("DELETE", f"/v1/drives/{drive}", None),
        ("GET", f"/v1/drives/{drive}/members", None),
        ("PUT", f"/v1/drives/{drive}/members", body),
        ("PUT", f"/v1/drives/{drive}/members/{UNKNOWN_ID}", {"role": "viewer"}),
        ("DELETE", f"/v1/drives/{drive}/members/{await id_of(other)}", None),
    ):
        assert_problem(await other.call(method, path, sent), 403, "forbidden")
    assert [item["id"] for item in (await other.ok("GET", "/v1/drives"))["items"]] == [await id_of(other)]
    await add(user, drive, other, "viewer")
    assert (await other.ok("GET", f"/v1/drives/{drive}"))["role"] == "viewer"
    assert (await other.ok("GET", "/v1/shared-with-me"))["items"] == []


async def test_shared_items_are_listed_in_pages(user: User, other: User) -> None:
    folders = [await new_folder(user) for _ in range(5)]
    for folder in folders:
        await share(user, folder, other)
    found, cursor = [], ""
    while True:
        page = await other.ok("GET", f"/v1/shared-with-me?limit=2{cursor}")
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == folders[::-1]
    assert_problem(await user.call("GET", f"/v1/shared-with-me?limit=2{cursor}"), 422, "invalid_cursor")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "role"),
        ({"role": "viewer"}, 422, "user_id"),
        ({"role": "viewer", "email": "a@example.com", "user_id": UNKNOWN_ID}, 422, "user_id"),
        ({"role": "manager", "email": "a@example.com"}, 422, "role"),
        ({"role": "owner", "user_id": UNKNOWN_ID}, 422, "role"),
        ({"role": "viewer", "user_id": "me"}, 422, "user_id"),
        ({"role": "viewer", "email": "x" * 255}, 422, "email"),
        ({"role": "viewer", "email": "a@example.com", "inherited": True}, 422, "inherited"),
        ({"role": "viewer", "user_id": UNKNOWN_ID}, 404, ""),
        ({"role": "viewer", "email": "\0@example.com"}, 404, ""),
        ({"role": "viewer", "email": "nobody@example.com"}, 404, ""),
        ({"role": "viewer", "email": "{own}"}, 409, ""),
    ],
)
async def test_a_bad_permission_is_refused(user: User, body: Json, status: int, field: str) -> None:
    folder = await new_folder(user)
    if body.get("email") == "{own}":
        body = body | {"email": user.email}
    code = {422: "invalid_request", 404: "not_found", 409: "conflict"}[status]
    problem = assert_problem(await user.call("PUT", f"/v1/files/{folder}/permissions", body), status, code)
    assert [error["field"] for error in problem.get("errors", [])] == ([field] if field else [])
    assert (await user.ok("GET", f"/v1/files/{folder}/permissions"))["items"] == []


@pytest.mark.parametrize("id", ["me", "root", "%00", "x" * 500, UNKNOWN_ID])
async def test_bad_ids_of_permissions_are_refused(user: User, id: str) -> None:
    folder, body = await new_folder(user), {"role": "viewer", "user_id": UNKNOWN_ID}
    for method, path, sent in (
        ("GET", f"/v1/files/{id}/permissions", None),
        ("PUT", f"/v1/files/{id}/permissions", body),
        ("DELETE", f"/v1/files/{id}/permissions/{UNKNOWN_ID}", None),
        ("DELETE", f"/v1/files/{folder}/permissions/{id}", None),
    ):
        assert (await user.call(method, path, sent)).status_code in (404, 422)
