"""Shared drives over HTTP: their life, their members, and what each role may do in them."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast
from uuid import UUID, uuid4

import pytest

from drivebay.contract.auth import AccountUpdate, Actor
from drivebay.contract.auth import Role as AdminRole
from drivebay.contract.files import Files, Role
from drivebay.contract.ids import DriveId, UserId
from drivebay.gateway.access_rules import ACCESS_RULES, DriveSource
from drivebay.gateway.account_purge import end_account
from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem
from .test_authorization import RULES, UPLOAD, anonymous, ask, bearer
from .tus_client import encode_metadata

ROLES = ("viewer", "editor", "manager")
UNKNOWN_ID = "01a20000-0000-7000-8000-000000000001"


async def new_drive(manager: User, name: str = "Team") -> str:
    return str((await manager.ok("POST", "/v1/drives", {"name": name}))["id"])


async def id_of(user: User) -> str:
    return str((await user.ok("GET", "/v1/me"))["id"])


async def add(manager: User, drive: str, user: User, role: str) -> Json:
    return await manager.ok("PUT", f"/v1/drives/{drive}/members", {"email": user.email, "role": role})


async def store_in(user: User, drive: str, name: str = "a.txt", body: bytes = b"hello") -> str:
    """Upload a file into a drive and return its id."""
    upload = await user.ok("POST", f"/v1/uploads?drive_id={drive}", UPLOAD | {"name": name, "size": len(body)})
    assert await user.bucket.send("PUT", upload["url"], upload["headers"], body) == 200
    done = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete?drive_id={drive}")
    return str(done["file_id"])


async def test_a_drive_is_created_listed_renamed_and_deleted(user: User, other: User) -> None:
    created = await user.call("POST", "/v1/drives", {"name": "Team"})
    drive = created.json()
    assert (created.status_code, created.headers["location"]) == (201, f"/v1/drives/{drive['id']}")
    assert {key: drive[key] for key in ("kind", "name", "role")} == {
        "kind": "shared",
        "name": "Team",
        "role": "manager",
    }
    me = await user.ok("GET", "/v1/me")
    listed = (await user.ok("GET", "/v1/drives"))["items"]
    assert [item["id"] for item in listed] == [me["id"], drive["id"]]
    assert listed[0] | {"name": ""} == {
        "id": me["id"], "kind": "personal", "name": "", "role": "manager", "created_at": me["created_at"],
        "created_by": me["id"], "usage": me["usage"],
    }  # fmt: skip
    assert await user.ok("GET", f"/v1/drives/{me['id']}") == listed[0]
    renamed = await user.ok("PATCH", f"/v1/drives/{drive['id']}", {"name": "Crew"})
    assert renamed == drive | {"name": "Crew"} == await user.ok("GET", f"/v1/drives/{drive['id']}")
    await add(user, drive["id"], other, "viewer")
    await user.ok("DELETE", f"/v1/drives/{drive['id']}")
    for caller in (user, other):
        assert_problem(await caller.call("GET", f"/v1/drives/{drive['id']}"), 404, "not_found")
        assert_problem(await caller.call("GET", f"/v1/files?drive_id={drive['id']}"), 404, "not_found")
        assert [item["kind"] for item in (await caller.ok("GET", "/v1/drives"))["items"]] == ["personal"]
    assert_problem(await user.call("DELETE", f"/v1/drives/{drive['id']}"), 404, "not_found")


async def test_drives_are_listed_in_pages(user: User, other: User) -> None:
    own = [await id_of(user), *[await new_drive(user, f"{number}") for number in range(4)]]
    for limit in (1, 2, 5):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            parameters: dict[str, Any] = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
            page = await user.ok("GET", "/v1/drives", parameters=parameters)
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            assert len(page["items"]) == limit
            assert_problem(await other.call("GET", "/v1/drives", parameters={"cursor": cursor}), 422, "invalid_cursor")
        assert seen == own


async def test_members_share_the_files_of_a_drive_and_its_quota(user: User, other: User) -> None:
    drive = await new_drive(user)
    await add(user, drive, other, "editor")
    file = await store_in(other, drive)
    assert [item["id"] for item in (await user.ok("GET", f"/v1/files?drive_id={drive}"))["items"]] == [file]
    download = await user.ok("GET", f"/v1/files/{file}/download?drive_id={drive}")
    assert await user.bucket.send("GET", download["url"], {}, b"") == 200
    for caller in (user, other):
        assert (await caller.ok("GET", f"/v1/drives/{drive}"))["usage"]["used_bytes"] == 5
        assert (await caller.ok("GET", "/v1/me"))["usage"]["used_bytes"] == 0
        # Without `drive_id`, the id of a file in a shared drive is unknown.
        assert_problem(await caller.call("GET", f"/v1/files/{file}"), 404, "not_found")
        assert (await caller.ok("GET", "/v1/files"))["items"] == []


async def test_the_location_of_an_upload_names_its_drive(user: User) -> None:
    drive = await new_drive(user)
    begun = await user.call("POST", f"/v1/uploads?drive_id={drive}", UPLOAD)
    assert begun.headers["location"] == f"/v1/uploads/{begun.json()['id']}?drive_id={drive}"
    metadata = encode_metadata(filename="a.txt", relativePath="one/two/a.txt")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": metadata}
    created = await user.call("POST", f"/v1/tus?drive_id={drive}", headers=headers)
    assert created.status_code == 201
    location = created.headers["location"]
    assert location.endswith(f"?drive_id={drive}")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = await user.http.patch(location, content=b"hello", headers=headers | {"Authorization": bearer(user)})
    assert (sent.status_code, sent.headers["upload-offset"]) == (204, "5")
    names = [item["name"] for item in (await user.ok("GET", f"/v1/files?drive_id={drive}&parent_id=root"))["items"]]
    assert names == ["one"]
    assert (await user.ok("GET", "/v1/files?parent_id=root"))["items"] == []


async def test_the_id_of_the_own_drive_changes_nothing(user: User, other: User) -> None:
    file = await user.store("a.txt", b"hello")
    own, theirs = await id_of(user), await id_of(other)
    assert (await user.ok("GET", f"/v1/files?drive_id={own}"))["items"][0]["id"] == file["id"]
    assert_problem(await user.call("GET", f"/v1/files?drive_id={theirs}"), 404, "not_found")


async def test_members_are_listed_changed_and_removed(user: User, other: User) -> None:
    drive, me, them = await new_drive(user), await id_of(user), await id_of(other)
    shown = {"user_id": them, "email": other.email, "display_name": None, "role": "viewer"}
    assert await add(user, drive, other, "viewer") == shown
    own = {"user_id": me, "email": user.email, "display_name": None, "role": "manager"}
    listed = await other.ok("GET", f"/v1/drives/{drive}/members")
    assert sorted(listed["items"], key=lambda item: item["role"]) == [own, shown]
    path = f"/v1/drives/{drive}/members/{them}"
    assert await user.ok("PUT", path, {"role": "editor"}) == shown | {"role": "editor"}
    assert (await other.ok("GET", f"/v1/drives/{drive}"))["role"] == "editor"
    await user.ok("DELETE", path)
    assert_problem(await other.call("GET", f"/v1/files?drive_id={drive}"), 404, "not_found")
    assert_problem(await user.call("DELETE", path), 404, "not_found")


async def test_a_member_must_have_an_account(user: User) -> None:
    drive = await new_drive(user)
    by_email = await user.call(
        "PUT", f"/v1/drives/{drive}/members", {"email": f"{uuid4()}@example.com", "role": "viewer"}
    )
    assert_problem(by_email, 404, "not_found")
    by_id = await user.call("PUT", f"/v1/drives/{drive}/members/{UNKNOWN_ID}", {"role": "viewer"})
    assert_problem(by_id, 404, "not_found")


async def test_the_last_manager_stays(user: User, other: User) -> None:
    drive, me, them = await new_drive(user), await id_of(user), await id_of(other)
    await add(user, drive, other, "editor")
    path = f"/v1/drives/{drive}/members"
    assert_problem(await user.call("PUT", f"{path}/{me}", {"role": "viewer"}), 409, "last_manager")
    assert_problem(await user.call("DELETE", f"{path}/{me}"), 409, "last_manager")
    await add(user, drive, other, "manager")
    await user.ok("DELETE", f"{path}/{me}")
    assert [item["user_id"] for item in (await other.ok("GET", path))["items"]] == [them]


async def test_every_member_may_leave(user: User, other: User, shared: Gateway) -> None:
    drive, them, third = await new_drive(user), await id_of(other), await shared.user()
    await add(user, drive, third, "viewer")
    for role in ("viewer", "editor", "manager"):
        await add(user, drive, other, role)
        for member in (user, third) if role != "manager" else ():
            path = f"/v1/drives/{drive}/members/{await id_of(member)}"
            assert_problem(await other.call("DELETE", path), 403, "forbidden")
        assert (await other.ok("GET", f"/v1/drives/{drive}"))["created_by"] == await id_of(user)
        await other.ok("DELETE", f"/v1/drives/{drive}/members/{them}")
        assert_problem(await other.call("DELETE", f"/v1/drives/{drive}/members/{them}"), 404, "not_found")
        assert_problem(await other.call("GET", f"/v1/drives/{drive}"), 404, "not_found")


@pytest.mark.parametrize("demote", [True, False])
async def test_two_managers_cannot_remove_each_other_at_once(user: User, other: User, demote: bool) -> None:
    me, them = await id_of(user), await id_of(other)
    for _ in range(5):
        drive = await new_drive(user)
        await add(user, drive, other, "manager")

        async def end(caller: User, target: str, drive: str = drive) -> int:
            path = f"/v1/drives/{drive}/members/{target}"
            sent = caller.call("PUT", path, {"role": "viewer"}) if demote else caller.call("DELETE", path)
            return (await sent).status_code

        statuses = sorted(await asyncio.gather(end(user, me), end(other, them), end(user, them), end(other, me)))
        assert statuses[0] in (200, 204)
        remaining = {}
        for caller in (user, other):
            response = await caller.call("GET", f"/v1/drives/{drive}/members")
            if response.status_code == 200:
                remaining = {item["user_id"]: item["role"] for item in response.json()["items"]}
        assert list(remaining.values()).count("manager") == 1


async def test_a_personal_drive_has_no_members_and_stays(user: User, other: User) -> None:
    own, them = await id_of(user), await id_of(other)
    assert_problem(await user.call("DELETE", f"/v1/drives/{own}"), 409, "conflict")
    assert_problem(await user.call("PATCH", f"/v1/drives/{own}", {"name": "x"}), 409, "conflict")
    path = f"/v1/drives/{own}/members"
    assert_problem(await user.call("PUT", path, {"email": other.email, "role": "viewer"}), 409, "conflict")
    assert_problem(await user.call("DELETE", f"{path}/{them}"), 409, "conflict")
    assert [item["role"] for item in (await user.ok("GET", path))["items"]] == ["manager"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/v1/files?drive_id=mine", None, "drive_id"),
        ("GET", "/v1/files?drive_id=", None, "drive_id"),
        ("GET", "/v1/files?drive_id=root", None, "drive_id"),
        ("GET", "/v1/drives/mine", None, "id"),
        ("POST", "/v1/drives", {"name": "a/b"}, "name"),
        ("POST", "/v1/drives", {"name": ""}, "name"),
        ("POST", "/v1/drives", {"name": "a", "owner": "me"}, "owner"),
        ("PATCH", "/v1/drives/{drive}", {"name": "\0"}, "name"),
        ("PUT", "/v1/drives/{drive}/members/me", {"role": "viewer"}, "user_id"),
        ("DELETE", "/v1/drives/{drive}/members/me", None, "user_id"),
        ("PUT", "/v1/drives/{drive}/members", {"email": "a@example.com", "role": "owner"}, "role"),
        ("PUT", "/v1/drives/{drive}/members", {"role": "viewer"}, "email"),
    ],
)
async def test_bad_input_names_its_field(user: User, method: str, path: str, body: Json | None, field: str) -> None:
    drive = await new_drive(user)
    problem = assert_problem(await user.call(method, path.replace("{drive}", drive), body), 422, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_repeated_creation_returns_the_first_drive(user: User) -> None:
    key = {"Idempotency-Key": "k"}
    first = await user.call("POST", "/v1/drives", {"name": "Team"}, headers=key)
    again = await user.call("POST", "/v1/drives", {"name": "Team"}, headers=key)
    assert (first.status_code, first.json()) == (201, again.json())
    other_name = await user.call("POST", "/v1/drives", {"name": "Crew"}, headers=key)
    assert_problem(other_name, 422, "idempotency_key_reused")
    assert len((await user.ok("GET", "/v1/drives"))["items"]) == 2


async def test_members_have_idempotency_keys_of_their_own(user: User, other: User) -> None:
    drive = await new_drive(user)
    await add(user, drive, other, "editor")
    made = [
        await caller.call("POST", f"/v1/folders?drive_id={drive}", {"name": name}, headers={"Idempotency-Key": "k"})
        for caller, name in ((user, "a"), (other, "b"), (user, "a"))
    ]
    assert [response.status_code for response in made] == [201, 201, 201]
    assert [response.json()["name"] for response in made] == ["a", "b", "a"]


@pytest.mark.parametrize("by_admin", [False, True])
async def test_memberships_and_permissions_of_a_deleted_account_end_at_once(own: Gateway, by_admin: bool) -> None:
    """Not only when a gateway purges accounts, which no task does here."""
    keeper, leaving = await own.user(), await own.user()
    drive = await new_drive(keeper)
    await add(keeper, drive, leaving, "editor")
    led = await new_drive(leaving, "Led")
    await add(leaving, led, keeper, "viewer")
    file = (await keeper.store("a.txt", b"hello"))["id"]
    await keeper.ok("PUT", f"/v1/files/{file}/permissions", {"email": leaving.email, "role": "viewer"})
    theirs = (await leaving.store("b.txt", b"hello"))["id"]
    await leaving.ok("PUT", f"/v1/files/{theirs}/permissions", {"email": keeper.email, "role": "viewer"})
    hook = await leaving.ok("POST", "/v1/webhooks", {"url": "https://example.com/hook"})
    if by_admin:
        id = await id_of(leaving)
        admin = await own.user()
        operator = Actor(is_operator=True)
        await own.auth.update_account(operator, UserId(UUID(await id_of(admin))), AccountUpdate(role=AdminRole.ADMIN))
        await admin.ok("DELETE", f"/v1/admin/users/{id}")
    else:
        await leaving.ok("DELETE", "/v1/me", {"password": leaving.password})
    members = (await keeper.ok("GET", f"/v1/drives/{drive}/members"))["items"]
    assert [member["email"] for member in members] == [keeper.email]
    members = (await keeper.ok("GET", f"/v1/drives/{led}/members"))["items"]
    assert [(member["email"], member["role"]) for member in members] == [(keeper.email, "manager")]
    assert (await keeper.ok("GET", f"/v1/files/{file}/permissions"))["items"] == []
    assert (await keeper.ok("GET", "/v1/shared-with-me"))["items"] == []
    assert await own.database.fetchval("SELECT count(*) FROM files.webhooks WHERE id = $1", UUID(hook["id"])) == 0


class LargeDrive:
    """A files service on which it takes very long to empty a drive."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def end_links(self, user: UserId) -> None:
        self.calls.append("end_links")

    async def empty_drive(self, drive: DriveId) -> bool:
        try:
            await asyncio.Event().wait()
        finally:
            self.calls.append("empty_drive was cancelled")
        return False


async def test_a_deletion_waits_for_a_large_drive_only_some_seconds() -> None:
    files = LargeDrive()
    await end_account(cast("Files", files), UserId(uuid4()), 0.01)
    assert files.calls == ["end_links", "empty_drive was cancelled"]


@pytest.mark.parametrize("own", [{"shared_drives": "admins"}], indirect=True)
async def test_a_deployment_may_leave_shared_drives_to_administrators(own: Gateway) -> None:
    user = await own.user()
    assert_problem(await user.call("POST", "/v1/drives", {"name": "Team"}), 403, "forbidden")
    id = UserId(UUID((await user.ok("GET", "/v1/me"))["id"]))
    await own.auth.update_account(Actor(is_operator=True), id, AccountUpdate(role=AdminRole.ADMIN))
    assert (await user.call("POST", "/v1/drives", {"name": "Team"})).status_code == 201


# -- what each role may do -------------------------------------------------------------------------------

IN_A_DRIVE = sorted(
    operation for operation, rule in ACCESS_RULES.items() if rule is not None and rule.source is DriveSource.QUERY
)


def test_every_operation_with_a_token_has_an_access_rule() -> None:
    assert sorted(ACCESS_RULES) == sorted(operation for operation, rule in RULES.items() if not rule.public)


async def target_in(manager: User, drive: str, target: str) -> str:
    if target in ("file", "trashed"):
        file = await store_in(manager, drive, f"{uuid4()}.txt")
        if target == "trashed":
            await manager.ok("DELETE", f"/v1/files/{file}?drive_id={drive}")
        return file
    if target == "link":
        file = await store_in(manager, drive, f"{uuid4()}.txt")
        return str((await manager.ok("POST", f"/v1/files/{file}/links?drive_id={drive}", {}))["id"])
    body = UPLOAD | {"name": f"{uuid4()}", "multipart": target == "parts"}
    upload = await manager.ok("POST", f"/v1/uploads?drive_id={drive}", body)
    if target == "upload":
        assert await manager.bucket.send("PUT", upload["url"], upload["headers"], b"hello") == 200
    return str(upload["id"])


@pytest.mark.parametrize("operation", IN_A_DRIVE)
async def test_a_role_may_do_what_its_rule_says(shared: Gateway, user: User, other: User, operation: str) -> None:
    rule, needed = RULES[operation], ACCESS_RULES[operation]
    assert needed is not None
    unknown: list[Json] = []
    for role in ("stranger", *ROLES):
        drive = await new_drive(user)
        if role != "stranger":
            await add(user, drive, other, role)
        # Editors change the links that they created.
        maker = other if rule.target == "link" and role in ("editor", "manager") else user
        id = await target_in(maker, drive, rule.target) if rule.target else ""
        for named in (UNKNOWN_ID, drive):
            status, problem = await ask(shared, operation, bearer(other), id, f"{operation}?drive_id={named}")
            if named == UNKNOWN_ID or role == "stranger":
                assert (status, problem["code"]) == (404, "not_found")
                unknown.append(anonymous(problem, named))
            elif ROLES.index(role) >= ROLES.index(needed.role.value):
                assert status == rule.own, problem
            else:
                assert (status, problem["code"]) == (403, "forbidden")
    assert all(problem == unknown[0] for problem in unknown)


CHANGES_OF_AN_ITEM: Final = [
    operation
    for operation in IN_A_DRIVE
    if operation.partition(" ")[2].startswith("/v1/files/{id}")
    and not operation.endswith("{id}/restore")
    and (rule := ACCESS_RULES[operation]) is not None
    and rule.role is Role.EDITOR
]


@pytest.mark.parametrize("operation", CHANGES_OF_AN_ITEM)
async def test_a_viewer_gets_the_same_for_a_hidden_item_as_for_an_unknown_one(
    shared: Gateway, user: User, other: User, operation: str
) -> None:
    drive = await new_drive(user)
    await add(user, drive, other, "viewer")
    elsewhere = (await user.store("a.txt", b"hello"))["id"]
    unknown = await ask(shared, operation, bearer(other), UNKNOWN_ID, f"{operation}?drive_id={drive}")
    hidden = await ask(shared, operation, bearer(other), elsewhere, f"{operation}?drive_id={drive}")
    assert unknown[0] == hidden[0] == 404
    assert anonymous(unknown[1], UNKNOWN_ID) == anonymous(hidden[1], elsewhere)


@pytest.mark.parametrize("role", ["stranger", *ROLES])
async def test_only_managers_change_the_drive_and_its_members(shared: Gateway, user: User, role: str) -> None:
    manager, caller = user, await shared.user()
    drive, member = await new_drive(manager), await shared.user()
    await add(manager, drive, member, "viewer")
    if role != "stranger":
        await add(manager, drive, caller, role)
    path, them = f"/v1/drives/{drive}", await id_of(member)
    calls: list[tuple[str, str, Json | None]] = [
        ("GET", path, None),
        ("GET", f"{path}/members", None),
        ("PATCH", path, {"name": "x"}),
        ("PUT", f"{path}/members", {"email": member.email, "role": "editor"}),
        ("PUT", f"{path}/members/{them}", {"role": "editor"}),
        ("DELETE", f"{path}/members/{them}", None),
        ("DELETE", path, None),
    ]
    for method, at, body in calls:
        response = await caller.call(method, at, body)
        if role == "stranger":
            assert_problem(response, 404, "not_found")
        elif role == Role.MANAGER or method == "GET":
            assert response.status_code in (200, 204), response.text
        else:
            assert_problem(response, 403, "forbidden")


async def test_a_change_of_role_takes_effect_at_the_next_request(user: User, other: User) -> None:
    drive, them = await new_drive(user), await id_of(other)
    for role, status in (("editor", 201), ("viewer", 403), ("editor", 201)):
        await add(user, drive, other, role)
        made = await other.call("POST", f"/v1/folders?drive_id={drive}", {"name": f"{uuid4()}"})
        assert made.status_code == status
    await user.ok("DELETE", f"/v1/drives/{drive}/members/{them}")
    assert (await other.call("GET", f"/v1/files?drive_id={drive}")).status_code == 404


async def test_a_request_about_the_personal_drive_takes_no_further_call(own: Gateway) -> None:
    async def refuse(*_: object) -> None:
        raise AssertionError("the access to a personal drive needs no call")

    user = await own.user()
    me = await id_of(user)
    own.files.resolve_access = refuse  # type: ignore[assignment,method-assign]
    file = await user.store("a.txt", b"hello")
    for query in ("", f"?drive_id={me}", f"?drive_id={me.upper()}"):
        assert [item["id"] for item in (await user.ok("GET", f"/v1/files{query}"))["items"]] == [file["id"]]
