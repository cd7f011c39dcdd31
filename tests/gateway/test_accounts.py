"""Passwords, sessions, API tokens and deletion over HTTP, and how gateways learn what was revoked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay.auth.settings import SignupMode
from drivebay.contract.auth import Auth, RevocationPosition, RevokedSessions
from drivebay.contract.ids import SessionId
from drivebay.errors import Unavailable
from drivebay.gateway import app as gateway
from drivebay.gateway.account_purge import AccountPurge
from drivebay.gateway.api_token_cache import ApiTokenCache
from drivebay.gateway.revoked_sessions import RevokedSessions as GatewayRevokedSessions
from drivebay.gateway.settings import Settings
from drivebay.janitor.object_purge import purge_objects
from drivebay.janitor.settings import Settings as JanitorSettings
from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem, client

NEW_PASSWORD = "staple battery horse"


def second_gateway(own: Gateway) -> httpx.AsyncClient:
    """Return a client of another gateway process of the same deployment."""
    app = gateway.create_app(
        own.keys, own.files, own.storage, Settings(), now=own.clock, new_request_id=lambda: str(uuid7())
    )  # type: ignore[arg-type]
    return client(app)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def log_in(user: User, user_agent: str = "Agent/1.0") -> Json:
    account = {"email": user.email, "password": user.password}
    response = await user.http.post("/v1/login", json=account, headers={"User-Agent": user_agent})
    assert response.status_code == 200
    tokens: Json = response.json()
    return tokens


async def test_me_has_every_field_and_a_changed_name(user: User) -> None:
    me = await user.ok("GET", "/v1/me")
    assert set(me) == {
        "id", "email", "email_verified", "display_name", "role", "second_factor", "created_at", "usage"
    }  # fmt: skip
    assert (me["email_verified"], me["display_name"], me["role"], me["second_factor"]) == (False, "", "user", False)
    changed = await user.ok("PATCH", "/v1/me", {"display_name": "Ada Lovelace"})
    assert changed == me | {"display_name": "Ada Lovelace"}
    assert await user.ok("PATCH", "/v1/me", {}) == changed
    assert await user.ok("GET", "/v1/me") == changed


WRONG_PROFILES: list[Json] = [
    {"display_name": None},
    {"display_name": 1},
    {"display_name": "x" * 101},
    {"display_name": "a\x00"},
    {"role": "admin"},
    {"email": "a@example.com"},
]


@pytest.mark.parametrize("body", WRONG_PROFILES)
async def test_a_wrong_profile_is_refused(user: User, body: Json) -> None:
    assert_problem(await user.call("PATCH", "/v1/me", body), 422, "invalid_request")


async def test_a_changed_password_ends_every_other_session_at_once(user: User) -> None:
    other = await log_in(user)
    change = {"current_password": user.password, "new_password": NEW_PASSWORD}
    assert (await user.call("POST", "/v1/me/password", change)).status_code == 204
    assert_problem(await user.http.get("/v1/me", headers=bearer(other["access_token"])), 401, "unauthenticated")
    assert (await user.call("GET", "/v1/me")).status_code == 200
    response = await user.http.post("/v1/login", json={"email": user.email, "password": user.password})
    assert_problem(response, 401, "invalid_credentials")


async def test_a_refused_new_password_names_its_field(user: User) -> None:
    for password in ("password1", "short", "x" * 257):
        change = {"current_password": user.password, "new_password": password}
        problem = assert_problem(await user.call("POST", "/v1/me/password", change), 422, "invalid_request")
        assert [error["field"] for error in problem["errors"]] == ["new_password"]
    account = {"email": f"x{user.email}", "password": "Password1"}
    problem = assert_problem(await user.http.post("/v1/signup", json=account), 422, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == ["password"]


async def test_sessions_are_listed_and_ended(user: User) -> None:
    other = await log_in(user, "Tablet/2.0")
    listed = (await user.ok("GET", "/v1/me/sessions"))["items"]
    assert [item["current"] for item in listed] == [False, True]
    assert set(listed[0]) == {"id", "created_at", "last_used_at", "user_agent", "address", "current"}
    assert listed[0]["user_agent"].startswith("Tablet/2.0")
    assert listed[0]["address"] == "192.0.2.7"
    assert (await user.call("DELETE", f"/v1/me/sessions/{listed[0]['id']}")).status_code == 204
    assert_problem(await user.call("DELETE", f"/v1/me/sessions/{listed[0]['id']}"), 404, "not_found")
    assert_problem(await user.http.get("/v1/me", headers=bearer(other["access_token"])), 401, "unauthenticated")
    further = await log_in(user)
    assert (await user.call("DELETE", "/v1/me/sessions")).status_code == 204
    assert_problem(await user.http.get("/v1/me", headers=bearer(further["access_token"])), 401, "unauthenticated")
    assert [item["current"] for item in (await user.ok("GET", "/v1/me/sessions"))["items"]] == [True]


async def test_a_logout_ends_the_access_token(user: User) -> None:
    assert (await user.call("GET", "/v1/me")).status_code == 200
    body = {"refresh_token": user.tokens["refresh_token"]}
    assert (await user.http.post("/v1/logout", json=body)).status_code == 204
    assert_problem(await user.call("GET", "/v1/me"), 401, "unauthenticated")


async def test_an_unknown_refresh_token_empties_no_cache(own: Gateway) -> None:
    """Without a token anybody could make every request with an API token cost a call of auth."""
    user, other = await own.user(), await own.user()
    headers = bearer((await create_token(user, "read", "account"))["token"])
    verified = own.keys.verify_count
    await user.http.get("/v1/files", headers=headers)
    assert own.keys.verify_count == verified + 1
    for path in ("/v1/logout", "/v1/token/refresh"):
        for token in ("x", "A" * 43, other.tokens["refresh_token"]):
            await user.http.post(path, json={"refresh_token": token})
    await other.log_in()
    await other.ok("DELETE", "/v1/me/sessions")
    theirs = await create_token(other, "read")
    await other.ok("DELETE", f"/v1/me/tokens/{theirs['id']}")
    await other.ok("DELETE", "/v1/me", {"password": other.password})
    await user.http.get("/v1/files", headers=headers)
    assert own.keys.verify_count == verified + 1


async def test_logouts_at_once_share_an_answer_of_auth(own: Gateway) -> None:
    user = await own.user()
    asked = own.keys.revocation_count
    body = {"refresh_token": "A" * 43}
    answers = await asyncio.gather(*(user.http.post("/v1/logout", json=body) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {204}
    assert own.keys.revocation_count < asked + 20


# -- other gateways -------------------------------------------------------------------------------


async def test_every_gateway_refuses_an_ended_session_within_five_seconds(own: Gateway) -> None:
    user = await own.user()
    async with second_gateway(own) as other:
        own.clock.stopped = datetime.now(UTC)
        headers = bearer(user.tokens["access_token"])
        assert (await other.get("/v1/files", headers=headers)).status_code == 200
        asked = own.keys.revocation_count
        assert (await user.http.post("/v1/logout", json={"refresh_token": user.tokens["refresh_token"]})).is_success
        assert (await user.call("GET", "/v1/files")).status_code == 401
        own.clock.ahead = timedelta(seconds=5)
        assert_problem(await other.get("/v1/files", headers=headers), 401, "unauthenticated")
        for _ in range(10):
            await other.get("/v1/files", headers=headers)
        assert own.keys.revocation_count <= asked + 2, "no request asks auth while the last answer is fresh"


async def test_an_ended_session_is_remembered_until_its_tokens_have_expired(own: Gateway) -> None:
    user = await own.user()
    await user.http.post("/v1/logout", json={"refresh_token": user.tokens["refresh_token"]})
    for minutes in (1, 5, 14):
        own.clock.ahead = timedelta(minutes=minutes)
        assert_problem(await user.call("GET", "/v1/files"), 401, "unauthenticated")
    revoked = own.app.revoked_sessions
    assert len(revoked) == 1
    own.clock.ahead = timedelta(hours=1)
    await revoked.refresh()
    assert len(revoked) == 0


async def test_a_gateway_reads_all_pages_of_ended_sessions(own: Gateway) -> None:
    user = await own.user()
    me = await user.ok("GET", "/v1/me")
    await own.database.execute(
        "INSERT INTO auth.sessions (id, user_id, newest, expires_at, ended_at, end_reason) "
        "SELECT gen_random_uuid(), $1, sha256(n::text::bytea), now() + interval '1 day', "
        "now() - interval '10 seconds' + n * interval '1 millisecond', 'ended' FROM generate_series(1, 6000) n",
        UUID(me["id"]),
    )
    revoked = own.app.revoked_sessions
    asked = own.keys.revocation_count
    await revoked.refresh()
    assert (len(revoked), own.keys.revocation_count) == (6000, asked + 2)
    await user.http.post("/v1/logout", json={"refresh_token": user.tokens["refresh_token"]})
    assert_problem(await user.call("GET", "/v1/me"), 401, "unauthenticated")


async def test_a_session_that_ends_between_two_pages_is_in_the_next_answer(own: Gateway) -> None:
    """The next answer begins where the first page of this one was read."""
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    position = RevocationPosition(first, SessionId(UUID(int=1)))
    answers = iter([RevokedSessions((), first, position), RevokedSessions((), last), RevokedSessions((), last)])
    asked: list[tuple[datetime | None, RevocationPosition | None]] = []

    class Pages:
        async def list_revoked_sessions(
            self, since: datetime | None, limit: int, after: RevocationPosition | None
        ) -> RevokedSessions:
            asked.append((since, after))
            return next(answers)

    revoked = GatewayRevokedSessions(cast("Auth", Pages()), own.clock)
    await revoked.refresh()
    await revoked.refresh()
    assert asked == [(None, None), (None, position), (first, None)]


async def test_no_token_is_accepted_while_auth_cannot_say_what_ended(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/files")).status_code == 200
    own.keys.revocation_failure = Unavailable("auth does not respond")
    own.clock.ahead = timedelta(seconds=4)
    assert (await user.call("GET", "/v1/files")).status_code == 200
    own.clock.ahead = timedelta(seconds=6)
    response = await user.call("GET", "/v1/files")
    assert_problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1
    own.keys.revocation_failure = None
    own.clock.ahead = timedelta(seconds=8)
    assert (await user.call("GET", "/v1/files")).status_code == 200


# -- API tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+14:00"])
async def test_an_expiry_that_utc_cannot_have_is_refused(user: User, time: str) -> None:
    body = {"name": "x", "scopes": ["read"], "expires_at": time}
    problem = assert_problem(await user.call("POST", "/v1/me/tokens", body), 422, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == ["expires_at"]


async def create_token(user: User, *scopes: str) -> Json:
    return await user.ok("POST", "/v1/me/tokens", {"name": "script", "scopes": list(scopes)})


async def test_an_api_token_is_shown_once(user: User) -> None:
    created = await create_token(user, "read", "write")
    assert set(created) == {"id", "name", "scopes", "token", "expires_at", "created_at"}
    (listed,) = (await user.ok("GET", "/v1/me/tokens"))["items"]
    assert set(listed) == {"id", "name", "scopes", "expires_at", "created_at", "last_used_at"}
    assert listed["last_used_at"] is None
    folder = await user.http.post("/v1/folders", json={"name": "f"}, headers=bearer(created["token"]))
    assert folder.status_code == 201
    assert (await user.ok("GET", "/v1/files/" + folder.json()["id"]))["name"] == "f"
    (used,) = (await user.ok("GET", "/v1/me/tokens"))["items"]
    assert used["last_used_at"] is not None


async def test_a_repeated_creation_of_an_api_token_gives_the_first_answer(user: User) -> None:
    body = {"name": "script", "scopes": ["read"]}
    key = {"Idempotency-Key": "one"}
    first = await user.call("POST", "/v1/me/tokens", body, headers=key)
    again = await user.call("POST", "/v1/me/tokens", body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert len((await user.ok("GET", "/v1/me/tokens"))["items"]) == 1
    another = await user.call("POST", "/v1/me/tokens", {**body, "name": "other"}, headers=key)
    assert_problem(another, 422, "idempotency_key_reused")
    assert_problem(
        await user.call("POST", "/v1/me/tokens", body, headers={"Idempotency-Key": "x" * 256}), 422, "invalid_request"
    )


async def test_api_tokens_are_a_list_with_a_cursor(user: User, other: User) -> None:
    created = [(await create_token(user, "read"))["id"] for _ in range(3)]
    page = await user.ok("GET", "/v1/me/tokens", parameters={"limit": "2"})
    rest = await user.ok("GET", "/v1/me/tokens", parameters={"limit": "2", "cursor": page["next_cursor"]})
    assert [item["id"] for item in page["items"] + rest["items"]] == created[::-1]
    assert rest["next_cursor"] is None
    for caller, cursor in ((user, "x"), (user, page["next_cursor"][:-2] + "AA"), (other, page["next_cursor"])):
        response = await caller.call("GET", "/v1/me/tokens", parameters={"cursor": cursor})
        assert_problem(response, 422, "invalid_cursor")
    assert_problem(await user.call("GET", "/v1/me/tokens", parameters={"limit": "0"}), 422, "invalid_request")


async def test_a_call_outside_the_scopes_is_403(user: User) -> None:
    token = (await create_token(user, "read"))["token"]
    response = await user.http.post("/v1/folders", json={"name": "f"}, headers=bearer(token))
    problem = assert_problem(response, 403, "insufficient_scope")
    assert "write" in problem["detail"]
    assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


WRONG_TOKENS: list[Json] = [
    {"name": "a", "scopes": []},
    {"name": "a", "scopes": ["admin"]},
    {"name": "a"},
    {"name": "", "scopes": ["read"]},
    {"name": "a", "scopes": ["read"] * 17},
    {"name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"},
    {"name": "a", "scopes": ["read"], "expires_at": "tomorrow"},
]


@pytest.mark.parametrize("body", WRONG_TOKENS)
async def test_a_wrong_token_request_is_refused(user: User, body: Json) -> None:
    assert_problem(await user.call("POST", "/v1/me/tokens", body), 422, "invalid_request")


async def test_every_gateway_refuses_a_revoked_api_token_within_five_seconds(own: Gateway) -> None:
    user = await own.user()
    created = await create_token(user, "read")
    headers = bearer(created["token"])
    async with second_gateway(own) as other:
        own.clock.stopped = datetime.now(UTC)
        assert (await other.get("/v1/files", headers=headers)).status_code == 200
        assert (await user.http.get("/v1/files", headers=headers)).status_code == 200
        assert (await user.call("DELETE", f"/v1/me/tokens/{created['id']}")).status_code == 204
        assert_problem(await user.http.get("/v1/files", headers=headers), 401, "unauthenticated")
        own.clock.ahead = timedelta(seconds=5)
        assert_problem(await other.get("/v1/files", headers=headers), 401, "unauthenticated")


async def test_an_api_token_without_the_prefix_or_with_another_secret_is_refused(user: User) -> None:
    token = (await create_token(user, "read"))["token"]
    for wrong in (token[4:], token[:-1], token + "a", "dbt_" + "a" * 43, "dbt_" + "\u00e9" * 43, "dbt_" + "a" * 5000):
        response = await user.http.get("/v1/files", headers={b"Authorization": f"Bearer {wrong}".encode("latin-1")})
        assert_problem(response, 401, "unauthenticated")


async def test_the_cache_of_api_tokens_is_bounded(own: Gateway) -> None:
    user = await own.user()
    secrets = [(await create_token(user, "read"))["token"] for _ in range(3)]
    cache = ApiTokenCache(own.auth, own.clock, maximum=2)
    for secret in secrets:
        await cache.verify(secret, secret.encode())
    assert len(cache) == 2


# -- sign-up and deletion -------------------------------------------------------------------------


@pytest.mark.parametrize("own", [{"signup": SignupMode.CLOSED}, {"signup": SignupMode.INVITE}], indirect=True)
async def test_a_closed_deployment_refuses_sign_ups(own: Gateway) -> None:
    account = {"email": "ada@example.com", "password": "correct horse battery"}
    assert_problem(await own.http.post("/v1/signup", json=account), 403, "signup_closed")


async def test_a_deleted_account_is_purged_and_its_address_is_free_again(own: Gateway) -> None:
    user = await own.user()
    await user.store("a.txt", b"hello")
    token = (await create_token(user, "read"))["token"]
    refused = await user.call("DELETE", "/v1/me", {"password": "not the password"})
    assert_problem(refused, 401, "invalid_credentials")
    assert (await user.call("DELETE", "/v1/me", {"password": user.password})).status_code == 204
    for secret in (user.tokens["access_token"], token):
        assert_problem(await user.http.get("/v1/me", headers=bearer(secret)), 401, "unauthenticated")
    account = {"email": user.email, "password": user.password}
    assert_problem(await own.http.post("/v1/login", json=account), 401, "invalid_credentials")
    assert_problem(await own.http.post("/v1/signup", json=account), 409, "email_taken")

    purge = AccountPurge(own.auth, own.files, own.clock)
    await purge.run_once()
    assert await own.database.fetchval("SELECT count(*) FROM auth.users") == 1
    # The grace period passes, and the access tokens expire.
    await own.database.execute("UPDATE files.entries SET purge_after = now()")
    await own.database.execute("UPDATE auth.sessions SET ended_at = ended_at - interval '1 hour'")
    await purge_objects(own.files, own.storage, JanitorSettings(), new_id=uuid7)
    own.clock.ahead = timedelta(hours=1)
    await purge.run_once()
    assert await own.database.fetchval("SELECT count(*) FROM auth.users") == 0
    assert own.bucket.objects == {}
    assert (await own.http.post("/v1/signup", json=account)).status_code == 201


async def test_nothing_personal_is_left_of_a_purged_account(own: Gateway) -> None:
    user, other = await own.user(), await own.user()
    id = (await user.ok("PATCH", "/v1/me", {"display_name": "Ada Lovelace"}))["id"]
    await user.ok("POST", "/v1/me/tokens", {"name": "phone of Ada", "scopes": ["read"]})
    file = await user.store("letter of Ada.txt", b"hello")
    await user.ok("POST", f"/v1/files/{file['id']}/links", {"name": "link of Ada"})
    await user.ok("PUT", f"/v1/files/{file['id']}/permissions", {"email": other.email, "role": "viewer"})
    drive = (await other.ok("POST", "/v1/drives", {"name": "Team"}))["id"]
    await other.ok("PUT", f"/v1/drives/{drive}/members", {"email": user.email, "role": "editor"})
    await user.http.post("/v1/login", json={"email": user.email, "password": "not the password"})
    texts = (user.email, "Ada", "192.0.2.7", "python-httpx")
    before = await _rows_about(own, texts)
    assert {"auth.users", "auth.audit", "auth.sessions", "auth.api_tokens", "files.entries", "files.links"} <= before
    await user.ok("DELETE", "/v1/me", {"password": user.password})
    await other.ok("DELETE", "/v1/me", {"password": other.password})

    purge = AccountPurge(own.auth, own.files, own.clock)
    await purge.run_once()
    await own.database.execute("UPDATE files.entries SET purge_after = now()")
    await own.database.execute("UPDATE auth.sessions SET ended_at = ended_at - interval '1 hour'")
    await purge_objects(own.files, own.storage, JanitorSettings(), new_id=uuid7)
    own.clock.ahead = timedelta(hours=1)
    for _ in range(2):
        await purge.run_once()
        own.clock.ahead += timedelta(hours=1)
    assert await own.database.fetchval("SELECT count(*) FROM auth.users") == 0
    # The uploads of purged files end with their tombstones, after seven days.
    await own.database.execute("UPDATE files.purges SET due_at = now(), keep_until = now()")
    await purge_objects(own.files, own.storage, JanitorSettings(), new_id=uuid7)
    assert await _rows_about(own, texts) == set()
    assert await _rows_about(own, (id,)) >= {"auth.audit"}  # only as an id


async def _rows_about(gateway: Gateway, texts: tuple[str, ...]) -> set[str]:
    """Return the tables that have a row with one of these texts. Buckets of limits are left out: they end in a day."""
    tables = await gateway.database.fetch(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
        " WHERE table_schema IN ('auth', 'files') AND table_name <> 'throttle' AND table_type = 'BASE TABLE'"
    )
    found = set()
    for table in tables:
        rows = await gateway.database.fetch(f"SELECT t::text AS row FROM {table['name']} t")
        if any(text in row["row"] for row in rows for text in texts):
            found.add(str(table["name"]))
    return found
