"""Passkeys over HTTP: making, listing, logging in, as a second factor, and every answer that is refused."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from drivebay.auth.passkeys.service import MAX_PASSKEYS
from drivebay.auth.settings import Rate
from drivebay.contract.auth import MailKind
from drivebay.contract.ids import LeaseId, UserId
from drivebay.gateway.settings import Settings
from drivebay.testing.client import Json, eventually

from ..software_authenticator import BACKED_UP, BACKUP_ELIGIBLE, USER_PRESENT, USER_VERIFIED, Authenticator, encode
from .conftest import Gateway, User, assert_problem, open_gateway
from .test_admin import OPERATOR, id_of
from .test_second_factor import Factor

UNUSABLE = f"hmac-sha384-bcrypt:$2b$04${'.' * 53}"
"""What auth stores for an account without a password."""
BASE = "https://drive.example.com"
RP_ID = "drive.example.com"


@pytest.fixture
async def site(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """A gateway with a public URL. The fixture parameter changes its settings."""
    async with open_gateway(database_url, Settings(public_url=BASE), **getattr(request, "param", {})) as gateway:
        yield gateway


@dataclass
class Holder:
    """A user and a passkey of theirs."""

    gateway: Gateway
    user: User
    passkey: Authenticator
    id: str = ""

    async def options(self, challenge: str | None = None) -> Json:
        return await login_options(self.gateway, challenge)

    async def log_in(self, challenge: str | None = None) -> httpx.Response:
        return await send(self.gateway, self.passkey.get(await self.options(challenge)), challenge)


async def login_options(gateway: Gateway, challenge: str | None = None) -> Json:
    body = {} if challenge is None else {"challenge": challenge}
    answer = await gateway.http.post("/v1/login/passkey/options", json=body)
    assert answer.status_code == 200, answer.text
    options: Json = answer.json()["public_key"]
    return options


async def send(gateway: Gateway, credential: Json, challenge: str | None = None) -> httpx.Response:
    body = {"credential": credential} | ({} if challenge is None else {"challenge": challenge})
    return await gateway.http.post("/v1/login/passkey", json=body)


async def creation_options(user: User, **fields: str) -> Json:
    options = await user.ok("POST", "/v1/me/passkeys/options", {"password": user.password, **fields})
    public_key: Json = options["public_key"]
    return public_key


async def make(gateway: Gateway, user: User | None = None, **fields: Any) -> Holder:
    """Return a user with a passkey. `fields` are those of the authenticator."""
    user = user or await gateway.user()
    passkey = Authenticator(BASE, RP_ID, **fields)
    created = passkey.create(await creation_options(user))
    shown = await user.ok("POST", "/v1/me/passkeys", {"name": "my phone", "credential": created})
    return Holder(gateway, user, passkey, shown["id"])


async def with_code(gateway: Gateway, user: User) -> Factor:
    """Give a user a second factor of codes."""
    gateway.clock.stopped = gateway.clock.stopped or gateway.clock()
    factor = Factor(gateway, user, str((await user.ok("POST", "/v1/me/totp"))["secret"]))
    codes = await user.ok("POST", "/v1/me/totp/confirm", {"code": factor.code()})
    factor.recovery_codes = codes["recovery_codes"]
    factor.next_step()
    return factor


async def audit(gateway: Gateway, action: str) -> list[Json]:
    rows = await gateway.database.fetch("SELECT detail FROM auth.audit WHERE action = $1 ORDER BY id", action)
    return [json.loads(row["detail"]) for row in rows]


async def test_the_options_bind_a_passkey_to_this_site_and_account(site: Gateway) -> None:
    user = await site.user()
    options = await creation_options(user)
    assert options["rp"]["id"] == RP_ID
    assert options["user"]["id"] == encode(UUID(await id_of(user)).bytes)
    assert options["user"]["name"] == user.email
    selection = options["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    assert options["attestation"] == "none"
    assert options["excludeCredentials"] == []
    login = await login_options(site)
    assert (login["rpId"], login["userVerification"]) == (RP_ID, "required")
    assert login["allowCredentials"] == []
    assert login["challenge"] != options["challenge"]


async def test_a_passkey_is_a_whole_login(site: Gateway) -> None:
    holder = await make(site, flags=USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP)
    answer = await holder.log_in()
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    holder.user.tokens = answer.json()
    (shown,) = (await holder.user.ok("GET", "/v1/me/passkeys"))["items"]
    assert (shown["name"], shown["is_synced"]) == ("my phone", True)
    assert shown["last_used_at"] > shown["created_at"]
    assert (await audit(site, "login"))[-1] == {"passkey_id": holder.id}


async def test_a_passkey_needs_no_code_of_the_second_factor(site: Gateway) -> None:
    """It is two factors itself: the device, and the finger or the PIN of its user."""
    holder = await make(site)
    await with_code(site, holder.user)
    assert (await holder.log_in()).status_code == 200


async def test_a_passkey_takes_the_place_of_a_code(site: Gateway) -> None:
    holder = await make(site)
    factor = await with_code(site, holder.user)
    challenge = await factor.challenge()
    options = await holder.options(challenge)
    assert [one["id"] for one in options["allowCredentials"]] == [encode(holder.passkey.credential_id)]
    assert options["allowCredentials"][0]["transports"] == ["internal", "hybrid"]
    answer = await send(site, holder.passkey.get(options), challenge)
    assert answer.status_code == 200
    # The login is used up: neither a code nor another passkey completes it again.
    assert_problem(await factor.send(challenge, factor.code()), 401, "invalid_code")
    ended = await site.http.post("/v1/login/passkey/options", json={"challenge": challenge})
    assert_problem(ended, 401, "invalid_code")


async def test_a_login_that_waits_for_a_code_still_takes_one(site: Gateway) -> None:
    holder = await make(site)
    factor = await with_code(site, holder.user)
    challenge = await factor.challenge()
    await holder.options(challenge)
    assert (await factor.send(challenge, factor.code())).status_code == 200


async def test_an_account_with_only_a_passkey_logs_in_with_its_password_alone(site: Gateway) -> None:
    holder = await make(site)
    assert (await holder.user.ok("GET", "/v1/me"))["second_factor"] is False
    await holder.user.log_in()


async def test_a_second_step_without_a_passkey_is_not_found(site: Gateway) -> None:
    user = await site.user()
    factor = await with_code(site, user)
    challenge = {"challenge": await factor.challenge()}
    assert_problem(await site.http.post("/v1/login/passkey/options", json=challenge), 404, "not_found")
    unknown = {"challenge": "A" * 43}
    assert_problem(await site.http.post("/v1/login/passkey/options", json=unknown), 401, "invalid_code")


LIES: dict[str, Callable[[Authenticator], Authenticator]] = {
    "another origin": lambda passkey: passkey.but(origin="https://evil.example.com"),
    "the origin without TLS": lambda passkey: passkey.but(origin="http://drive.example.com"),
    "another port": lambda passkey: passkey.but(origin="https://drive.example.com:8443"),
    "an origin of this machine": lambda passkey: passkey.but(origin="http://localhost:8080"),
    "another relying party": lambda passkey: passkey.but(rp_id="evil.example.com"),
    "a part of the domain": lambda passkey: passkey.but(rp_id="example.com"),
    "no user verification": lambda passkey: passkey.but(flags=USER_PRESENT),
    "no user": lambda passkey: passkey.but(flags=USER_VERIFIED),
    "another key": lambda passkey: passkey.but(key=Authenticator(BASE, RP_ID).key),
    "the type of a creation": lambda passkey: passkey.but(client_data={"type": "webauthn.create"}),
    "another challenge": lambda passkey: passkey.but(client_data={"challenge": encode(os.urandom(32))}),
    "no challenge": lambda passkey: passkey.but(client_data={"challenge": ""}),
    "a page inside another one": lambda passkey: passkey.but(client_data={"crossOrigin": True}),
    "another user handle": lambda passkey: passkey.but(user_handle=uuid4().bytes),
    "an unknown credential": lambda passkey: passkey.but(credential_id=os.urandom(32)),
    "a long credential id": lambda passkey: passkey.but(credential_id=os.urandom(2000)),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_false_answer_logs_nobody_in(site: Gateway, lie: str) -> None:
    holder = await make(site)
    options = await holder.options()
    refused = assert_problem(await send(site, LIES[lie](holder.passkey).get(options)), 401, "invalid_passkey")
    unknown = await send(site, Authenticator(BASE, RP_ID).get(await holder.options()))
    known = assert_problem(unknown, 401, "invalid_passkey")
    # An unknown passkey and a false answer look the same.
    assert refused | {"request_id": ""} == known | {"request_id": ""}
    assert (await holder.log_in()).status_code == 200


async def test_the_challenge_of_a_false_answer_is_used_up(site: Gateway) -> None:
    holder = await make(site)
    options = await holder.options()
    assert_problem(await send(site, holder.passkey.but(flags=USER_PRESENT).get(options)), 401, "invalid_passkey")
    assert_problem(await send(site, holder.passkey.get(options)), 401, "invalid_passkey")


async def test_an_answer_is_accepted_once(site: Gateway) -> None:
    holder = await make(site, counts=False)
    answer = holder.passkey.get(await holder.options())
    answers = await asyncio.gather(*(send(site, answer) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 401, 401, 401]
    assert_problem(await send(site, answer), 401, "invalid_passkey")


async def test_an_answer_is_late_after_five_minutes(site: Gateway) -> None:
    holder = await make(site)
    options = await holder.options()
    await site.database.execute("UPDATE auth.passkey_challenges SET expires_at = expires_at - interval '5 minutes'")
    assert_problem(await send(site, holder.passkey.get(options)), 401, "invalid_passkey")


async def test_no_challenge_is_stored_in_readable_form(site: Gateway) -> None:
    holder = await make(site)
    options = await holder.options()
    rows = await site.database.fetch("SELECT c::text AS row FROM auth.passkey_challenges c")
    assert len(rows) == 1
    assert options["challenge"] not in rows[0]["row"]


@pytest.mark.parametrize("count", [4, 5])
async def test_a_count_that_does_not_grow_is_that_of_a_copy(site: Gateway, count: int) -> None:
    holder = await make(site, count=4)
    assert (await holder.log_in()).status_code == 200
    copy = holder.passkey.but(count=count - 1)
    assert_problem(await send(site, copy.get(await holder.options())), 401, "invalid_passkey")
    silent = holder.passkey.but(count=0, counts=False)
    assert_problem(await send(site, silent.get(await holder.options())), 401, "invalid_passkey")
    assert (await audit(site, "login_failed"))[-1]["reason"] == "passkey"
    assert (await holder.log_in()).status_code == 200


async def test_an_authenticator_that_does_not_count_is_accepted(site: Gateway) -> None:
    holder = await make(site, counts=False)
    assert [(await holder.log_in()).status_code for _ in range(2)] == [200, 200]


async def test_the_passkey_of_another_account_completes_no_login(site: Gateway) -> None:
    holder, other = await make(site), await make(site)
    factor = await with_code(site, holder.user)
    challenge = await factor.challenge()
    answer = other.passkey.get(await holder.options(challenge))
    assert_problem(await send(site, answer, challenge), 401, "invalid_passkey")


async def test_options_of_one_login_do_not_fit_another(site: Gateway) -> None:
    holder = await make(site)
    factor = await with_code(site, holder.user)
    first, second = await factor.challenge(), await factor.challenge()
    for begun, sent in ((first, second), (None, first), (first, None)):
        answer = holder.passkey.get(await holder.options(begun))
        assert_problem(await send(site, answer, sent), 401, "invalid_passkey")
    creation = await creation_options(holder.user, code=factor.code())
    assert_problem(await send(site, holder.passkey.get(creation)), 401, "invalid_passkey")
    login = holder.passkey.but(credential_id=os.urandom(32)).create({**creation, **await holder.options()})
    refused = await holder.user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": login})
    assert_problem(refused, 401, "invalid_passkey")


async def test_a_login_takes_five_tries_of_passkeys(site: Gateway) -> None:
    holder = await make(site)
    factor = await with_code(site, holder.user)
    challenge = await factor.challenge()
    for _ in range(5):
        wrong = holder.passkey.but(flags=USER_PRESENT).get(await holder.options(challenge))
        assert_problem(await send(site, wrong, challenge), 401, "invalid_passkey")
    body = {"challenge": challenge}
    assert_problem(await site.http.post("/v1/login/passkey/options", json=body), 401, "invalid_code")
    assert_problem(await factor.send(challenge, factor.code()), 401, "invalid_code")


NEW_LIES = {name: LIES[name] for name in LIES if name not in (
    "another key", "another user handle", "an unknown credential", "the type of a creation", "a long credential id",
)} | {
    "the type of a use": lambda passkey: passkey.but(client_data={"type": "webauthn.get"}),
    "a short credential id": lambda passkey: passkey.but(credential_id=b"short"),
    "a long credential id": lambda passkey: passkey.but(credential_id=os.urandom(1024)),
}  # fmt: skip


@pytest.mark.parametrize("lie", NEW_LIES)
async def test_a_false_answer_adds_no_passkey(site: Gateway, lie: str) -> None:
    user = await site.user()
    created = NEW_LIES[lie](Authenticator(BASE, RP_ID)).create(await creation_options(user))
    refused = await user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created})
    assert_problem(refused, 401, "invalid_passkey")
    assert (await user.ok("GET", "/v1/me/passkeys"))["items"] == []


async def test_options_make_one_passkey_in_their_session(site: Gateway) -> None:
    user, other = await site.user(), await site.user()
    options = await creation_options(user)
    body = {"name": "x", "credential": Authenticator(BASE, RP_ID).create(options)}
    assert_problem(await other.call("POST", "/v1/me/passkeys", body), 401, "invalid_passkey")
    first = dict(user.tokens)
    await user.log_in()
    assert_problem(await user.call("POST", "/v1/me/passkeys", body), 401, "invalid_passkey")
    user.tokens = first
    assert (await user.call("POST", "/v1/me/passkeys", body)).status_code == 201
    body["credential"] = Authenticator(BASE, RP_ID).create(options)
    assert_problem(await user.call("POST", "/v1/me/passkeys", body), 401, "invalid_passkey")


async def test_later_options_replace_earlier_ones(site: Gateway) -> None:
    user = await site.user()
    earlier, later = await creation_options(user), await creation_options(user)
    for options, status in ((earlier, 401), (later, 201)):
        created = Authenticator(BASE, RP_ID).create(options)
        answer = await user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created})
        assert answer.status_code == status


async def test_new_passkeys_are_late_after_five_minutes(site: Gateway) -> None:
    user = await site.user()
    created = Authenticator(BASE, RP_ID).create(await creation_options(user))
    await site.database.execute("UPDATE auth.passkey_challenges SET expires_at = expires_at - interval '5 minutes'")
    refused = await user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created})
    assert_problem(refused, 401, "invalid_passkey")


async def test_a_session_that_ended_adds_no_passkey(site: Gateway) -> None:
    """A gateway may accept its access token for five more seconds."""
    user = await site.user()
    created = Authenticator(BASE, RP_ID).create(await creation_options(user))
    await site.database.execute("UPDATE auth.sessions SET ended_at = now(), end_reason = 'ended'")
    refused = await user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created})
    assert_problem(refused, 401, "invalid_passkey")
    again = await user.call("POST", "/v1/me/passkeys/options", {"password": user.password})
    assert_problem(again, 401, "invalid_credentials")


async def test_a_credential_belongs_to_one_account(site: Gateway) -> None:
    holder, other = await make(site), await site.user()
    created = holder.passkey.create(await creation_options(other))
    refused = await other.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created})
    assert_problem(refused, 401, "invalid_passkey")
    assert (await creation_options(holder.user))["excludeCredentials"][0]["id"] == created["id"]


async def test_adding_and_removing_need_the_password(site: Gateway) -> None:
    holder = await make(site)
    wrong = {"password": "wrong horse"}
    for body in (wrong, {}):
        refused = await holder.user.call("POST", "/v1/me/passkeys/options", body)
        assert_problem(refused, 401, "invalid_credentials")
        refused = await holder.user.call("DELETE", f"/v1/me/passkeys/{holder.id}", body)
        assert_problem(refused, 401, "invalid_credentials")
    await holder.user.ok("DELETE", f"/v1/me/passkeys/{holder.id}", {"password": holder.user.password})
    assert_problem(await holder.log_in(), 401, "invalid_passkey")
    gone = await holder.user.call("DELETE", f"/v1/me/passkeys/{holder.id}", {"password": holder.user.password})
    assert_problem(gone, 404, "not_found")


async def test_adding_needs_a_code_where_the_account_has_a_second_factor(site: Gateway) -> None:
    """Otherwise a password alone would add a passkey, which then takes the place of the code."""
    user = await site.user()
    factor = await with_code(site, user)
    for code in ("", "000000"):
        body = {"password": user.password, "code": code}
        assert_problem(await user.call("POST", "/v1/me/passkeys/options", body), 401, "invalid_code")
    await creation_options(user, code=factor.code())
    body = {"password": user.password, "code": factor.code()}
    assert_problem(await user.call("POST", "/v1/me/passkeys/options", body), 401, "invalid_code")
    await creation_options(user, code=factor.recovery_codes[0])


async def test_an_account_without_a_password_adds_one_after_a_fresh_login(site: Gateway) -> None:
    user = await site.user()
    await site.database.execute("UPDATE auth.users SET password_hash = $1", UNUSABLE)
    await user.ok("POST", "/v1/me/passkeys/options", {})
    await site.database.execute("UPDATE auth.sessions SET started_at = now() - interval '6 minutes'")
    assert_problem(await user.call("POST", "/v1/me/passkeys/options", {}), 401, "invalid_credentials")


async def test_an_account_has_a_limited_number_of_passkeys(site: Gateway) -> None:
    user = await site.user()
    await make(site, user)
    last = await creation_options(user)
    await site.database.execute(
        "INSERT INTO auth.passkeys (id, user_id, credential_id, public_key, sign_count, name, is_synced)"
        " SELECT gen_random_uuid(), user_id, sha256(n::text::bytea), public_key, 0, n::text, false"
        " FROM auth.passkeys, generate_series(2, $1) n",
        MAX_PASSKEYS,
    )
    created = Authenticator(BASE, RP_ID).create(last)
    assert_problem(await user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created}), 409, "conflict")
    full = await user.call("POST", "/v1/me/passkeys/options", {"password": user.password})
    assert_problem(full, 409, "conflict")
    assert len((await user.ok("GET", "/v1/me/passkeys"))["items"]) == MAX_PASSKEYS


async def test_a_passkey_has_a_name(site: Gateway) -> None:
    holder = await make(site)
    path = f"/v1/me/passkeys/{holder.id}"
    assert (await holder.user.ok("PATCH", path, {"name": " key ring "}))["name"] == "key ring"
    for name in ("", "   ", "x" * 101, "a\nb", "a\u202eb"):
        assert_problem(await holder.user.call("PATCH", path, {"name": name}), 422, "invalid_request")
    other = await site.user()
    assert_problem(await other.call("PATCH", path, {"name": "mine"}), 404, "not_found")
    assert_problem(await other.call("DELETE", path, {"password": other.password}), 404, "not_found")
    assert (await other.ok("GET", "/v1/me/passkeys"))["items"] == []
    assert (await holder.user.ok("GET", "/v1/me/passkeys"))["items"][0]["name"] == "key ring"


async def test_a_disabled_account_cannot_use_its_passkeys(site: Gateway) -> None:
    holder = await make(site)
    await site.database.execute("UPDATE auth.users SET disabled_at = now()")
    assert_problem(await holder.log_in(), 401, "invalid_passkey")


async def test_a_deleted_account_has_no_passkeys(site: Gateway) -> None:
    holder = await make(site)
    await holder.user.ok("DELETE", "/v1/me", {"password": holder.user.password})
    assert not await site.database.fetch("SELECT FROM auth.passkeys")
    assert_problem(await holder.log_in(), 401, "invalid_passkey")


async def test_an_account_that_an_operator_deletes_has_no_passkeys(site: Gateway) -> None:
    holder = await make(site)
    await site.auth.remove_account(OPERATOR, UserId(UUID(await id_of(holder.user))))
    assert not await site.database.fetch("SELECT FROM auth.passkeys")


async def test_a_reset_of_the_password_removes_passkeys_and_a_change_keeps_them(site: Gateway) -> None:
    holder = await make(site)
    changed = {"current_password": holder.user.password, "new_password": "a quiet green table"}
    await holder.user.ok("POST", "/v1/me/password", changed)
    assert (await holder.log_in()).status_code == 200
    token = await site.auth.create_reset_token(OPERATOR, UserId(UUID(await id_of(holder.user))))
    body = {"token": token, "password": "a quiet red table"}
    assert (await site.http.post("/v1/password/reset/confirm", json=body)).status_code == 204
    assert_problem(await holder.log_in(), 401, "invalid_passkey")


@pytest.mark.parametrize("site", [{"sends_mail": True}], indirect=True)
async def test_a_reclaimed_account_has_no_passkeys(site: Gateway) -> None:
    """A stranger signed up with the address and added a passkey. Its owner asks for a new password."""
    holder = await make(site)
    assert (await site.http.post("/v1/password/reset", json={"email": holder.user.email})).status_code == 202
    mails = await site.auth.claim_mails(LeaseId(uuid4()), 10)
    (token,) = (mail.token for mail in mails if mail.kind is MailKind.RESET)
    body = {"token": token, "password": "a quiet red table"}
    assert (await site.http.post("/v1/password/reset/confirm", json=body)).status_code == 204
    assert len(await site.auth.list_reclaimed_accounts()) == 1
    assert_problem(await holder.log_in(), 401, "invalid_passkey")


async def test_an_operator_removes_passkeys_with_the_second_factor(site: Gateway) -> None:
    holder = await make(site)
    await make(site, holder.user)
    await site.auth.reset_second_factor(OPERATOR, UserId(UUID(await id_of(holder.user))))
    assert (await holder.user.ok("GET", "/v1/me/passkeys"))["items"] == []
    assert (await audit(site, "passkey_removed")) == [{"passkeys": "2"}]


async def test_a_login_with_a_passkey_waits_for_a_change_by_an_admin(site: Gateway) -> None:
    """In another order of locks each of the two would wait for the other."""
    holder = await make(site)
    answer = holder.passkey.get(await holder.options())
    async with site.database.transaction() as tx:
        await tx.fetch("SELECT FROM auth.users FOR UPDATE")
        login = asyncio.create_task(send(site, answer))
        waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'auth.users'"

        async def waits() -> bool:
            return login.done() or bool(await site.database.fetchval(waiting))

        await eventually(waits)
        # An admin's change deletes the passkey. It must not wait for the login.
        assert await tx.fetch("DELETE FROM auth.passkeys RETURNING id")
    assert_problem(await login, 401, "invalid_passkey")


async def test_passkeys_are_in_the_audit_log(site: Gateway) -> None:
    holder = await make(site)
    assert await audit(site, "passkey_added") == [{"passkey_id": holder.id, "name": "my phone"}]
    await holder.user.ok("DELETE", f"/v1/me/passkeys/{holder.id}", {"password": holder.user.password})
    assert await audit(site, "passkey_removed") == [{"passkey_id": holder.id}]
    await holder.log_in()
    assert (await audit(site, "login_failed"))[-1] == {"reason": "passkey"}


@pytest.mark.parametrize("site", [{"login_limit": Rate(2, timedelta(minutes=1))}], indirect=True)
async def test_logins_with_passkeys_are_limited_by_network(site: Gateway) -> None:
    holder = await make(site)
    for _ in range(15):
        assert (await holder.log_in()).status_code == 200  # a login gives its token back
    for _ in range(10):
        await holder.options()
    limited = await site.http.post("/v1/login/passkey/options", json={})
    assert_problem(limited, 429, "rate_limited")
    async with site.from_address("198.51.100.9") as elsewhere:
        assert (await elsewhere.post("/v1/login/passkey/options", json={})).status_code == 200


@pytest.mark.parametrize("site", [{"login_limit": Rate(1, timedelta(hours=1))}], indirect=True)
async def test_a_second_step_without_a_passkey_takes_no_token_of_its_network(site: Gateway) -> None:
    """The web app asks at each second step whether the account has a passkey."""
    holder = await make(site)
    factor = await with_code(site, await site.user())
    challenge = {"challenge": await factor.challenge()}
    for _ in range(6):  # the network has five tokens
        assert_problem(await site.http.post("/v1/login/passkey/options", json=challenge), 404, "not_found")
    assert (await holder.log_in()).status_code == 200


@pytest.mark.parametrize("site", [{"passwords": False}], indirect=True)
async def test_a_deployment_without_passwords_has_no_passkeys(site: Gateway) -> None:
    answer = Authenticator(BASE, RP_ID).get({"challenge": encode(os.urandom(32))})
    assert_problem(await site.http.post("/v1/login/passkey/options", json={}), 403, "forbidden")
    assert_problem(await send(site, answer), 403, "forbidden")


@pytest.mark.parametrize("url", ["http://drive.example.com", "https://192.0.2.1", "https://[2001:db8::1]:8443"])
async def test_a_url_that_cannot_have_passkeys_says_what_to_set(database_url: str, url: str) -> None:
    async with open_gateway(database_url, Settings(public_url=url)) as gateway:
        user = await gateway.user()
        body = {"password": user.password}
        refused = assert_problem(await user.call("POST", "/v1/me/passkeys/options", body), 404, "not_found")
        assert "DRIVEBAY_PUBLIC_URL" in refused["detail"]
        refused = assert_problem(await gateway.http.post("/v1/login/passkey/options", json={}), 404, "not_found")
        assert "DRIVEBAY_PUBLIC_URL" in refused["detail"]
        assert (await user.ok("GET", "/v1/me/passkeys"))["items"] == []


async def test_without_a_url_passkeys_work_on_this_machine_alone(own: Gateway) -> None:
    user = await own.user()
    local = {"Host": "localhost:8080"}
    body = {"password": user.password}
    refused = assert_problem(await user.call("POST", "/v1/me/passkeys/options", body), 404, "not_found")
    assert "DRIVEBAY_PUBLIC_URL" in refused["detail"]
    passkey = Authenticator("http://localhost:8080", "localhost")
    begun = await user.call("POST", "/v1/me/passkeys/options", body, headers=local)
    created = passkey.create(begun.json()["public_key"])
    assert (await user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created})).status_code == 201
    for origin, status in (("http://localhost:1234", 200), ("http://localhost.evil.example", 401),
                           ("https://drive.example.com", 401)):  # fmt: skip
        begun = await own.http.post("/v1/login/passkey/options", json={}, headers=local)
        answer = passkey.but(origin=origin).get(begun.json()["public_key"])
        passkey.count += 1
        assert (await send(own, answer)).status_code == status


@pytest.mark.parametrize(
    "change",
    [{"id": "=="}, {"id": "a"}, {"type": "password"}, {"response": {}}, {"response": None}, {"id": 7}],
)
async def test_a_malformed_credential_is_named(site: Gateway, change: Json) -> None:
    credential = Authenticator(BASE, RP_ID).get({"challenge": encode(os.urandom(32))}) | change
    assert_problem(await send(site, credential), 422, "invalid_request")


HOSTILE = (b"", b"{}", b"[]", b"\xff", b"[" * 20_000, b'{"challenge":1}', b"\xa1" * 500, b"\x9f" * 20_000, bytes(37))


@pytest.mark.parametrize("field", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
async def test_hostile_bytes_of_a_use_are_an_invalid_passkey(site: Gateway, field: str) -> None:
    holder = await make(site)
    for value in HOSTILE:
        answer = holder.passkey.get(await holder.options())
        if field == "userHandle" and not value:
            continue
        answer["response"][field] = encode(value)
        assert_problem(await send(site, answer), 401, "invalid_passkey")


async def test_hostile_attestations_are_an_invalid_passkey(site: Gateway) -> None:
    user = await site.user()
    for value in HOSTILE:
        created = Authenticator(BASE, RP_ID).create(await creation_options(user))
        created["response"]["attestationObject"] = encode(value)
        refused = await user.call("POST", "/v1/me/passkeys", {"name": "x", "credential": created})
        assert_problem(refused, 401, "invalid_passkey")
