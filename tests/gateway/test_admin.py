"""The admin API: who may use it, what it changes, and what it does not show."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from drivebay.auth import settings as auth_settings
from drivebay.auth.service import prune
from drivebay.auth.store import Store
from drivebay.contract.auth import AccountUpdate, Actor, Role
from drivebay.contract.ids import UserId
from drivebay.errors import Forbidden, Unauthenticated
from drivebay.testing.client import Json, eventually

from .conftest import SECRET, Gateway, User, assert_problem
from .test_authorization import RULES

OPERATOR = Actor(is_operator=True)


async def id_of(user: User) -> str:
    return str((await user.ok("GET", "/v1/me"))["id"])


async def make_admin(gateway: Gateway, user: User) -> User:
    update = AccountUpdate(role=Role.ADMIN)
    await gateway.auth.update_account(OPERATOR, UserId(UUID(await id_of(user))), update)
    return user


async def all_pages(admin: User, path: str, **parameters: str) -> list[Json]:
    """Return the items of every page."""
    items: list[Json] = []
    cursor: str | None = None
    while True:
        page = await admin.ok("GET", path, parameters=parameters | ({} if cursor is None else {"cursor": cursor}))
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


@pytest.fixture
async def admin(shared: Gateway) -> User:
    """An admin of the shared gateway. It has other admins too."""
    return await make_admin(shared, await shared.user())


async def test_a_demoted_admin_is_refused_at_once(shared: Gateway, admin: User, other: User) -> None:
    await make_admin(shared, other)
    assert (await admin.call("GET", "/v1/admin/users")).status_code == 200
    await other.ok("PATCH", f"/v1/admin/users/{await id_of(admin)}", {"role": "user"})
    assert_problem(await admin.call("GET", "/v1/admin/users"), 403, "forbidden")
    assert_problem(await admin.call("POST", "/v1/admin/users", {"email": "x@example.com"}), 403, "forbidden")


async def test_an_admin_cannot_reach_the_files_of_others(admin: User, user: User) -> None:
    file = await user.store("secret.txt", b"secret")
    for method, path in (
        ("GET", f"/v1/files/{file['id']}"),
        ("GET", f"/v1/files/{file['id']}/download"),
        ("GET", f"/v1/files/{file['id']}/content"),
        ("DELETE", f"/v1/files/{file['id']}"),
    ):
        assert_problem(await admin.call(method, path), 404, "not_found")
    listed = await admin.ok("GET", "/v1/files", parameters={"owner_id": await id_of(user)})
    assert listed["items"] == []


async def test_an_admin_sees_accounts_with_their_usage(admin: User, user: User) -> None:
    await user.store("a.txt", b"hello")
    shown = await admin.ok("GET", f"/v1/admin/users/{await id_of(user)}")
    me = await user.ok("GET", "/v1/me")
    assert (shown["email"], shown["role"], shown["disabled"]) == (user.email, "user", False)
    assert shown["usage"] == me["usage"]
    assert shown["usage"]["used_bytes"] == 5
    found = await all_pages(admin, "/v1/admin/users", q=user.email.upper())
    assert found == [shown]


async def test_an_unknown_account_is_not_found(admin: User) -> None:
    path = f"/v1/admin/users/{uuid4()}"
    assert_problem(await admin.call("GET", path), 404, "not_found")
    assert_problem(await admin.call("PATCH", path, {"role": "admin"}), 404, "not_found")
    assert_problem(await admin.call("PATCH", path, {"limit_bytes": 1}), 404, "not_found")
    assert_problem(await admin.call("POST", f"{path}/sessions/end"), 404, "not_found")


@pytest.mark.parametrize("sort", ["email", "-email", "used", "-used", "created", "-created"])
async def test_every_account_is_listed_once_in_order(own: Gateway, sort: str) -> None:
    admin = await make_admin(own, await own.user())
    for size in (3, 0, 1, 2, 0, 2):
        user = await own.user()
        if size:
            await user.store("a.txt", b"x" * size)
    full = (await admin.ok("GET", "/v1/admin/users", parameters={"sort": sort}))["items"]
    assert len(full) == 7
    for limit in ("1", "2", "3", "7"):
        paged = await all_pages(admin, "/v1/admin/users", sort=sort, limit=limit)
        assert sorted(item["id"] for item in paged) == sorted(item["id"] for item in full)
        values = [_sort_value(item, sort) for item in paged]
        assert values == sorted(values, reverse=sort.startswith("-"))


def _sort_value(item: Json, sort: str) -> Any:
    name = sort.removeprefix("-")
    return item["usage"]["used_bytes"] if name == "used" else item[{"created": "created_at"}.get(name, name)]


async def test_a_cursor_of_another_list_is_refused(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    for _ in range(3):
        await (await own.user()).store("a.txt", b"x")
    for sort in ("email", "created", "-used"):
        page = await admin.ok("GET", "/v1/admin/users", parameters={"sort": sort, "limit": "1", "q": "example"})
        cursor = page["next_cursor"]
        for changed in ({"q": "exam"}, {"sort": "-created"}, {"cursor": cursor[:-2] + "AA"}, {"cursor": "x"}):
            sent = {"sort": sort, "limit": "1", "q": "example", "cursor": cursor, **changed}
            response = await admin.call("GET", "/v1/admin/users", parameters=sent)
            assert_problem(response, 422, "invalid_cursor")


@pytest.mark.parametrize("sort", ["used", "-used"])
async def test_every_cursor_of_the_order_by_usage_belongs_to_its_list(own: Gateway, sort: str) -> None:
    """Also the cursor at the end of the first part: it names no account."""
    admin = await make_admin(own, await own.user())
    for size in (1, 2, 0, 0):
        user = await own.user()
        if size:
            await user.store("a.txt", b"x" * size)
    seen, cursor, cursors = [], None, []
    while True:
        sent = {"sort": sort, "limit": "1", "q": "example"} | ({} if cursor is None else {"cursor": cursor})
        page = await admin.ok("GET", "/v1/admin/users", parameters=sent)
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        cursors.append(cursor)
    assert len(seen) == len(set(seen)) == 5
    created = {"sort": "created", "limit": "1", "q": "example"}
    inner = (await admin.ok("GET", "/v1/admin/users", parameters=created))["next_cursor"]
    forged = ["s.", "e.", "S.", "E.", "s", "e", f"e.{inner}", f"E.{inner}", f"S.{inner}"]
    forged += [("e" if each[0] == "s" else "s") + each[1:] for each in cursors]
    forged += [each[0].swapcase() + each[1:] for each in cursors]
    forged += [("E" if each[0] == "S" else "S") + each[1:] for each in cursors if each[0].isupper()]
    refused = [{"sort": sort, "q": "example", "cursor": each} for each in forged]
    refused += [{"sort": sort, "q": "exam", "cursor": each} for each in cursors]
    refused += [{"sort": "used" if sort == "-used" else "-used", "q": "example", "cursor": each} for each in cursors]
    for sent in refused:
        response = await admin.call("GET", "/v1/admin/users", parameters=sent)
        assert response.status_code == 422, sent
        assert_problem(response, 422, "invalid_cursor")


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({"sort": "size"}, "sort"), ({"sort": ""}, "sort"), ({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit"),
     ({"q": "\0"}, "q"), ({"q": "x" * 255}, "q")],
)  # fmt: skip
async def test_a_bad_parameter_of_the_list_is_named(admin: User, parameters: dict[str, str], field: str) -> None:
    problem = assert_problem(await admin.call("GET", "/v1/admin/users", parameters=parameters), 422, "invalid_request")
    assert problem["errors"][0]["field"] == field


async def test_a_query_that_sql_could_misread_finds_nothing(admin: User) -> None:
    for query in ("%", "_", "\\", "'; DROP TABLE auth.users; --", "\U0001f600"):
        assert await all_pages(admin, "/v1/admin/users", q=query) == []


async def test_an_invited_user_sets_a_password_once(shared: Gateway, admin: User) -> None:
    email = f"{uuid4().hex}@example.com"
    created = await admin.ok("POST", "/v1/admin/users", {"email": email, "limit_bytes": 1234})
    assert created["usage"]["limit_bytes"] == 1234
    assert created["invitation_url"].startswith(("http://", "https://"))
    token = created["invitation_url"].partition("#token=")[2]
    login = {"email": email, "password": "a quiet green table"}
    assert_problem(await shared.http.post("/v1/login", json=login), 401, "invalid_credentials")
    body = {"token": token, "password": login["password"]}
    answers = await asyncio.gather(*(shared.http.post("/v1/password/reset/confirm", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 401, 401, 401]
    assert (await shared.http.post("/v1/login", json=login)).status_code == 200
    assert_problem(await shared.http.post("/v1/password/reset/confirm", json=body), 401, "invalid_token")


async def test_the_token_of_an_invitation_is_not_stored(shared: Gateway, admin: User) -> None:
    created = await admin.ok("POST", "/v1/admin/users", {"email": f"{uuid4().hex}@example.com"})
    token = created["invitation_url"].partition("#token=")[2]
    rows = await shared.database.fetch("SELECT t::text AS row FROM auth.password_tokens t")
    rows += await shared.database.fetch("SELECT a::text AS row FROM auth.audit a")
    assert rows
    assert not any(token in row["row"] for row in rows)


async def test_a_repeated_creation_returns_the_same_invitation(admin: User) -> None:
    body, headers = {"email": f"{uuid4().hex}@example.com"}, {"Idempotency-Key": uuid4().hex}
    first = await admin.call("POST", "/v1/admin/users", body, headers=headers)
    second = await admin.call("POST", "/v1/admin/users", body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    changed = await admin.call("POST", "/v1/admin/users", {**body, "role": "admin"}, headers=headers)
    assert_problem(changed, 422, "idempotency_key_reused")
    assert_problem(await admin.call("POST", "/v1/admin/users", body), 409, "email_taken")


async def test_a_disabled_account_loses_its_sessions_and_cannot_log_in(shared: Gateway, admin: User) -> None:
    user = await shared.user()
    path = f"/v1/admin/users/{await id_of(user)}"
    assert (await admin.ok("PATCH", path, {"disabled": True}))["disabled"] is True
    refresh = await shared.http.post("/v1/token/refresh", json={"refresh_token": user.tokens["refresh_token"]})
    assert refresh.status_code == 401
    login = {"email": user.email, "password": user.password}
    refused = await shared.http.post("/v1/login", json=login)
    wrong = await shared.http.post("/v1/login", json={**login, "password": "another password"})
    assert {**refused.json(), "request_id": ""} == {**wrong.json(), "request_id": ""}
    assert (await admin.ok("PATCH", path, {"disabled": False}))["disabled"] is False
    await user.log_in()


async def test_ending_the_sessions_of_an_account_leaves_its_password(shared: Gateway, admin: User) -> None:
    user = await shared.user()
    await admin.ok("POST", f"/v1/admin/users/{await id_of(user)}/sessions/end")
    refresh = await shared.http.post("/v1/token/refresh", json={"refresh_token": user.tokens["refresh_token"]})
    assert refresh.status_code == 401
    await user.log_in()


async def test_a_quota_is_set_enforced_and_cleared(admin: User, user: User) -> None:
    path = f"/v1/admin/users/{await id_of(user)}"
    default = (await user.ok("GET", "/v1/me"))["usage"]["limit_bytes"]
    assert (await admin.ok("PATCH", path, {"limit_bytes": 3}))["usage"]["limit_bytes"] == 3
    upload = {"name": "a.txt", "size": 4, "content_type": "text/plain"}
    assert_problem(await user.call("POST", "/v1/uploads", upload), 507, "quota_exceeded")
    assert (await user.ok("POST", "/v1/uploads", {**upload, "size": 3}))["status"] == "pending"
    assert (await admin.ok("PATCH", path, {"role": "user"}))["usage"]["limit_bytes"] == 3
    assert (await admin.ok("PATCH", path, {"limit_bytes": None}))["usage"]["limit_bytes"] == default


@pytest.mark.parametrize("limit", [-1, 2**53 + 1, 1.5, "1", True, 10**30])
async def test_a_limit_that_is_no_number_of_bytes_is_refused(admin: User, user: User, limit: object) -> None:
    response = await admin.call("PATCH", f"/v1/admin/users/{await id_of(user)}", {"limit_bytes": limit})
    assert_problem(response, 422, "invalid_request")


async def test_the_last_admin_stays_an_admin(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    path = f"/v1/admin/users/{await id_of(admin)}"
    for body in ({"role": "user"}, {"disabled": True}, {"role": "user", "disabled": True}):
        assert_problem(await admin.call("PATCH", path, body), 409, "last_admin")
    disabled = await make_admin(own, await own.user())
    await admin.ok("PATCH", f"/v1/admin/users/{await id_of(disabled)}", {"disabled": True})
    assert_problem(await admin.call("PATCH", path, {"role": "user"}), 409, "last_admin")


async def test_admins_who_demote_each_other_at_once_leave_one(own: Gateway) -> None:
    admins = [await make_admin(own, await own.user()) for _ in range(4)]
    ids = [await id_of(admin) for admin in admins]
    calls = [
        admin.call("PATCH", f"/v1/admin/users/{ids[(at + 1) % 4]}", {"role": "user"}) for at, admin in enumerate(admins)
    ]
    answers = [answer.status_code for answer in await asyncio.gather(*calls)]
    assert set(answers) <= {200, 403, 409}
    left = await own.database.fetch("SELECT id FROM auth.users WHERE role = 'admin'")
    assert 1 <= len(left) == 4 - answers.count(200)


async def test_changes_are_in_the_audit_log(shared: Gateway, admin: User, user: User) -> None:
    target = await id_of(user)
    for body in ({"role": "admin"}, {"role": "user"}, {"disabled": True}, {"disabled": False}, {"limit_bytes": 7}):
        response = await admin.call("PATCH", f"/v1/admin/users/{target}", body, headers={"X-Request-Id": "audit-1"})
        assert response.status_code == 200, response.text
    await admin.ok("PATCH", f"/v1/admin/users/{target}", {"role": "user"})  # changes nothing
    events = await all_pages(admin, "/v1/admin/audit", user_id=target, limit="2")
    mine = [event for event in events if event["actor_id"] == await id_of(admin)]
    assert [event["action"] for event in mine] == [
        "quota_changed", "account_enabled", "account_disabled", "role_changed", "role_changed",
    ]  # fmt: skip
    assert mine[0]["detail"] == {"limit_bytes": "7"}
    assert {event["target"] for event in mine} == {target}
    assert {(event["address"], event["request_id"]) for event in mine} == {("192.0.2.7", "audit-1")}
    assert mine == sorted(mine, key=lambda event: (event["at"], event["id"]), reverse=True)
    one = await all_pages(admin, "/v1/admin/audit", user_id=target, action="quota_changed")
    assert one == mine[:1]
    assert await all_pages(admin, "/v1/admin/audit", user_id=target, until=mine[-1]["at"]) == events[len(mine) :]
    since = await all_pages(admin, "/v1/admin/audit", user_id=target, since=mine[0]["at"], action="quota_changed")
    assert since == mine[:1]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [({"since": "yesterday"}, "invalid_request"), ({"until": "2026-01-01T00:00:00"}, "invalid_request"),
     ({"user_id": "me"}, "invalid_request"), ({"action": "\0"}, "invalid_request"), ({"cursor": "x"}, "invalid_cursor"),
     ({"action": "x" * 65}, "invalid_request"), ({"since": "0001-01-01T00:00:00+14:00"}, "invalid_request"),
     ({"until": "9999-12-31T23:59:59-01:00"}, "invalid_request")],
)  # fmt: skip
async def test_a_bad_parameter_of_the_audit_log_is_refused(admin: User, parameters: dict[str, str], code: str) -> None:
    assert_problem(await admin.call("GET", "/v1/admin/audit", parameters=parameters), 422, code)


async def test_statistics_are_the_sums_of_all_accounts(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    for size in (3, 4):
        await (await own.user()).store("a.txt", b"x" * size)
    await admin.begin("b.txt", b"hello")
    shown = await admin.ok("GET", "/v1/admin/stats")
    assert shown == {
        "users": 3, "drives": 3, "files": 2, "used_bytes": 7, "reserved_bytes": 5, "pending_uploads": 1,
        "purges_due": 0, "dead_letters": 0,
    }  # fmt: skip


@pytest.mark.parametrize("field", ["id", "email", "password", "disabled_at", "created_at", ""])
async def test_an_update_takes_no_other_field(admin: User, user: User, field: str) -> None:
    response = await admin.call("PATCH", f"/v1/admin/users/{await id_of(user)}", {"role": "admin", field: "x"})
    assert_problem(response, 422, "invalid_request")
    assert (await admin.ok("GET", f"/v1/admin/users/{await id_of(user)}"))["role"] == "user"


@pytest.mark.parametrize("operation", sorted(operation for operation, rule in RULES.items() if rule.admin))
async def test_only_an_admin_may_call_it(shared: Gateway, admin: User, other: User, operation: str) -> None:
    method, path = operation.replace("{id}", await id_of(other)).split(" ")
    body = RULES[operation].body
    sent = None if body is None else json.loads(json.dumps(body).replace("{new}", uuid4().hex))
    assert_problem(await other.call(method, path, sent), 403, "forbidden")
    assert (await admin.call(method, path, sent)).is_success


@pytest.mark.parametrize("operation", sorted(operation for operation, rule in RULES.items() if rule.admin))
async def test_others_learn_nothing_about_a_bad_request(shared: Gateway, other: User, operation: str) -> None:
    """401 comes before 403, and 403 before everything about the request."""
    method, path = operation.replace("{id}", "no-uuid").split(" ")
    bad: Json = {"json": [1]} if method in ("POST", "PATCH") else {}
    query = {"limit": "x", "sort": "x", "cursor": "x", "since": "x"}
    theirs = {"Authorization": f"Bearer {other.tokens['access_token']}"}
    callers: list[tuple[dict[str, str], int, str]] = [({}, 401, "unauthenticated"), (theirs, 403, "forbidden")]
    for headers, status, code in callers:
        response = await shared.http.request(method, path, params=query, headers=headers, **bad)
        assert_problem(response, status, code)
    if bad:
        response = await shared.http.request(method, path, content=b"{", headers=theirs)
        assert_problem(response, 403, "forbidden")


async def test_an_invited_admin_who_never_logged_in_does_not_count(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    path = f"/v1/admin/users/{await id_of(admin)}"
    invited = await admin.ok("POST", "/v1/admin/users", {"email": "eve@example.com", "role": "admin"})
    for body in ({"role": "user"}, {"disabled": True}):
        assert_problem(await admin.call("PATCH", path, body), 409, "last_admin")
    assert_problem(await admin.call("DELETE", "/v1/me", {"password": admin.password}), 409, "last_admin")
    token = invited["invitation_url"].partition("#token=")[2]
    new_password = {"token": token, "password": "a quiet green table"}
    assert (await own.http.post("/v1/password/reset/confirm", json=new_password)).status_code == 204
    assert_problem(await admin.call("PATCH", path, {"role": "user"}), 409, "last_admin")
    login = {"email": "eve@example.com", "password": "a quiet green table"}
    assert (await own.http.post("/v1/login", json=login)).status_code == 200
    await admin.ok("PATCH", path, {"role": "user"})


async def test_an_invited_admin_can_be_deleted(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    invited = await admin.ok("POST", "/v1/admin/users", {"email": "eve@example.com", "role": "admin"})
    await admin.ok("DELETE", f"/v1/admin/users/{invited['id']}")


async def test_own_changes_are_recorded_with_address_and_program(own: Gateway) -> None:
    admin, user = await make_admin(own, await own.user()), await own.user()
    target = await id_of(user)
    agent = {"User-Agent": "Agent/1.0"}
    created = await user.call("POST", "/v1/me/tokens", {"name": "a", "scopes": ["read"]}, headers=agent)
    await user.call("DELETE", f"/v1/me/tokens/{created.json()['id']}", headers=agent)
    change = {"current_password": user.password, "new_password": "a quiet green table"}
    await user.call("POST", "/v1/me/password", change, headers=agent)
    await user.call("DELETE", "/v1/me", {"password": "a quiet green table"}, headers=agent)
    events = [
        event for event in await all_pages(admin, "/v1/admin/audit", user_id=target) if event["action"] != "login"
    ]
    assert [event["action"] for event in events] == [
        "account_deleted", "password_changed", "api_token_revoked", "api_token_created",
    ]  # fmt: skip
    assert {(event["address"], event["user_agent"]) for event in events} == {("192.0.2.7", "Agent/1.0")}


async def test_a_deleted_account_is_gone_at_once(shared: Gateway, admin: User) -> None:
    user = await shared.user()
    path = f"/v1/admin/users/{await id_of(user)}"
    await admin.ok("DELETE", path)
    assert (await user.call("GET", "/v1/me")).status_code == 401
    login = {"email": user.email, "password": user.password}
    assert_problem(await shared.http.post("/v1/login", json=login), 401, "invalid_credentials")
    assert_problem(await admin.call("GET", path), 404, "not_found")
    assert_problem(await admin.call("DELETE", path), 404, "not_found")
    assert await all_pages(admin, "/v1/admin/users", q=user.email) == []


async def test_the_last_admin_cannot_delete_the_account(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    body = {"password": admin.password}
    assert_problem(await admin.call("DELETE", "/v1/me", body), 409, "last_admin")
    assert_problem(await admin.call("DELETE", f"/v1/admin/users/{await id_of(admin)}"), 409, "last_admin")
    await make_admin(own, await own.user())
    assert (await admin.call("DELETE", "/v1/me", body)).status_code == 204


async def test_the_role_is_shown_to_its_user(admin: User, user: User) -> None:
    assert (await admin.ok("GET", "/v1/me"))["role"] == "admin"
    assert (await user.ok("GET", "/v1/me"))["role"] == "user"


async def test_a_disabled_account_loses_access_tokens_and_api_tokens(shared: Gateway, admin: User) -> None:
    user = await shared.user()
    path = f"/v1/admin/users/{await id_of(user)}"
    secret = (await user.ok("POST", "/v1/me/tokens", {"name": "a", "scopes": ["read"]}))["token"]
    await admin.ok("PATCH", path, {"disabled": True})
    assert (await user.call("GET", "/v1/me")).status_code == 401
    with pytest.raises(Unauthenticated):
        await shared.auth.verify_api_token(secret)


async def test_logins_and_password_changes_are_in_the_audit_log(own: Gateway) -> None:
    admin, user = await make_admin(own, await own.user()), await own.user()
    target = await id_of(user)
    wrong = {"email": user.email, "password": "another password"}
    for body in (wrong, {"email": f"{uuid4().hex}@example.com", "password": "x" * 8}):
        assert (await own.http.post("/v1/login", json=body, headers={"User-Agent": "evil\ttest"})).status_code == 401
    change = {"current_password": user.password, "new_password": "a quiet green table"}
    await user.ok("POST", "/v1/me/password", change)
    events = await all_pages(admin, "/v1/admin/audit", user_id=target)
    assert [event["action"] for event in events] == ["password_changed", "login_failed", "login"]
    assert (events[1]["actor_id"], events[1]["user_agent"]) == (None, "evil\ufffdtest")
    failed = await all_pages(admin, "/v1/admin/audit", action="login_failed")
    assert [event["target"] for event in failed] == [None, target]


async def test_api_tokens_are_in_the_audit_log(own: Gateway) -> None:
    admin, user = await make_admin(own, await own.user()), await own.user()
    created = await user.ok("POST", "/v1/me/tokens", {"name": "backup", "scopes": ["write", "read"]})
    await user.ok("DELETE", f"/v1/me/tokens/{created['id']}")
    assert (await user.call("DELETE", f"/v1/me/tokens/{created['id']}")).status_code == 404
    events = await all_pages(admin, "/v1/admin/audit", user_id=await id_of(user))
    assert [event["action"] for event in events] == ["api_token_revoked", "api_token_created", "login"]
    assert events[0]["detail"] == {"token_id": created["id"]}
    assert events[1]["detail"] == {"token_id": created["id"], "name": "backup", "scopes": "read write"}
    assert {event["actor_id"] for event in events} == {await id_of(user)}
    assert created["token"] not in str(events)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM auth.audit",
        "UPDATE auth.audit SET action = 'x'",
        "UPDATE auth.audit SET address = ''",
        "UPDATE auth.audit SET address = '', user_agent = '', detail = detail - 'name'",
    ],
)
async def test_the_database_refuses_changes_of_the_audit_log(own: Gateway, statement: str) -> None:
    await own.user()
    with pytest.raises(Exception, match="only added"):
        await own.database.execute(statement)


async def test_records_of_a_deleted_account_lose_nothing_but_personal_data(own: Gateway) -> None:
    await own.user()
    await own.database.execute("UPDATE auth.users SET deleted_at = now()")
    forget = "UPDATE auth.audit SET address = '', user_agent = '', detail = detail - 'name'"
    for changes in (", actor_id = NULL", ", action = 'x'", ", at = now()", ", target = 'x'", ", request_id = 'x'"):
        with pytest.raises(Exception, match="only added"):
            await own.database.execute(forget + changes)
    for changed in ("address = '192.0.2.1'", "user_agent = 'x'", """detail = '{"name": "x"}'"""):
        with pytest.raises(Exception, match="only added"):
            await own.database.execute(f"UPDATE auth.audit SET {changed}")
    await own.database.execute(forget)


async def test_old_events_are_pruned(own: Gateway) -> None:
    for days in (364, 366, 400):
        await own.database.execute(
            "INSERT INTO auth.audit (id, at, action) VALUES (gen_random_uuid(), now() - $1 * interval '1 day', 'old')",
            days,
        )
    await prune(Store(own.database), auth_settings.Settings(SECRET))
    rows = await own.database.fetch("SELECT extract(day FROM now() - at)::int AS days FROM auth.audit")
    assert [row["days"] for row in rows] == [364]


async def test_a_role_that_a_transaction_takes_away_is_not_used(own: Gateway) -> None:
    """A change waits for the change of its actor, and is refused after it."""
    admin, other = await make_admin(own, await own.user()), await make_admin(own, await own.user())
    user = await own.user()
    path = f"/v1/admin/users/{await id_of(user)}"
    async with own.database.transaction() as tx:
        await tx.fetch("SELECT pg_advisory_xact_lock(hashtextextended('drivebay.auth.admins', 0))")
        waiting = asyncio.create_task(admin.call("PATCH", path, {"role": "admin"}))
        await eventually(lambda: _is_waiting(own))
        await tx.execute("UPDATE auth.users SET role = 'user' WHERE id = $1", UUID(await id_of(admin)))
    assert_problem(await waiting, 403, "forbidden")
    assert (await other.ok("GET", path))["role"] == "user"


async def _is_waiting(own: Gateway) -> bool:
    return bool(
        await own.database.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    )


async def test_a_reset_password_ends_every_session(shared: Gateway) -> None:
    user = await shared.user()
    id = UserId(UUID(await id_of(user)))
    secret = (await user.ok("POST", "/v1/me/tokens", {"name": "a", "scopes": ["read"]}))["token"]
    older, token = [await shared.auth.create_reset_token(OPERATOR, id) for _ in range(2)]
    body = {"token": token, "password": "a quiet green table"}
    assert (await shared.http.post("/v1/password/reset/confirm", json=body)).status_code == 204
    assert (await user.call("GET", "/v1/me")).status_code == 401
    with_secret = await shared.http.get("/v1/files", headers={"Authorization": f"Bearer {secret}"})
    assert_problem(with_secret, 401, "unauthenticated")
    refused = await shared.http.post("/v1/password/reset/confirm", json={**body, "token": older})
    assert_problem(refused, 401, "invalid_token")
    user.password = body["password"]
    await user.log_in()


async def test_a_changed_password_ends_reset_links(shared: Gateway) -> None:
    user = await shared.user()
    token = await shared.auth.create_reset_token(OPERATOR, UserId(UUID(await id_of(user))))
    change = {"current_password": user.password, "new_password": "a quiet green table"}
    await user.ok("POST", "/v1/me/password", change)
    body = {"token": token, "password": "a loud yellow chair"}
    assert_problem(await shared.http.post("/v1/password/reset/confirm", json=body), 401, "invalid_token")
    user.password = change["new_password"]
    await user.log_in()


async def test_a_disabled_account_loses_its_links(shared: Gateway, admin: User) -> None:
    user = await shared.user()
    id = UserId(UUID(await id_of(user)))
    token = await shared.auth.create_reset_token(OPERATOR, id)
    for disabled in (True, False):
        await admin.ok("PATCH", f"/v1/admin/users/{id}", {"disabled": disabled})
    body = {"token": token, "password": "a quiet green table"}
    assert_problem(await shared.http.post("/v1/password/reset/confirm", json=body), 401, "invalid_token")
    await user.log_in()


async def test_a_common_password_is_refused_and_the_link_stays_valid(shared: Gateway) -> None:
    user = await shared.user()
    token = await shared.auth.create_reset_token(OPERATOR, UserId(UUID(await id_of(user))))
    for password in ("password", "12345678"):
        body = {"token": token, "password": password}
        problem = await shared.http.post("/v1/password/reset/confirm", json=body)
        assert assert_problem(problem, 422, "invalid_request")["errors"][0]["field"] == "password"
    body = {"token": token, "password": "a quiet green table"}
    assert (await shared.http.post("/v1/password/reset/confirm", json=body)).status_code == 204


async def test_an_invitation_expires(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    created = await admin.ok("POST", "/v1/admin/users", {"email": f"{uuid4().hex}@example.com"})
    await own.database.execute("UPDATE auth.password_tokens SET expires_at = now()")
    body = {"token": created["invitation_url"].partition("#token=")[2], "password": "a quiet green table"}
    assert_problem(await own.http.post("/v1/password/reset/confirm", json=body), 401, "invalid_token")


async def test_a_disabled_admin_is_no_admin(own: Gateway) -> None:
    admin = await make_admin(own, await own.user())
    await own.database.execute("UPDATE auth.users SET disabled_at = now()")
    with pytest.raises(Forbidden):
        await own.auth.count_accounts(Actor(UserId(UUID(await id_of(admin)))))


async def test_a_caller_without_a_user_is_no_operator(own: Gateway) -> None:
    with pytest.raises(Forbidden):
        await own.auth.count_accounts(Actor())


@pytest.mark.parametrize("field", ["limit", "name", "disabled", "id"])
async def test_a_new_account_takes_no_other_field(admin: User, field: str) -> None:
    response = await admin.call("POST", "/v1/admin/users", {"email": f"{uuid4().hex}@example.com", field: "x"})
    assert assert_problem(response, 422, "invalid_request")["errors"][0]["field"] == field


async def test_a_quota_of_one_account_changes_no_other(admin: User, user: User, other: User) -> None:
    before = (await other.ok("GET", "/v1/me"))["usage"]
    await other.store("a.txt", b"x")
    await admin.ok("PATCH", f"/v1/admin/users/{await id_of(user)}", {"limit_bytes": 1})
    assert (await other.ok("GET", "/v1/me"))["usage"]["limit_bytes"] == before["limit_bytes"]
