"""The second factor over HTTP: setup, login with a code, recovery codes, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pyotp
import pytest

from drivebay.auth.settings import Rate
from drivebay.contract.ids import UserId
from drivebay.gateway.settings import Settings
from drivebay.testing.client import eventually

from .conftest import Gateway, User, assert_problem, open_gateway
from .test_admin import OPERATOR, id_of, make_admin

WRONG = "000000"


class Factor:
    """The authenticator app of a user. Each call of `code` is for the next time step, as the clock is set forward."""

    def __init__(self, gateway: Gateway, user: User, secret: str) -> None:
        self.gateway = gateway
        self.user = user
        self.totp = pyotp.TOTP(secret)
        self.recovery_codes: list[str] = []

    def code(self, offset: int = 0) -> str:
        return self.totp.at(self.gateway.clock(), counter_offset=offset)

    def next_step(self) -> None:
        self.gateway.clock.ahead += timedelta(seconds=30)

    async def challenge(self) -> str:
        body = {"email": self.user.email, "password": self.user.password}
        response = await self.user.http.post("/v1/login", json=body)
        return str(assert_problem(response, 401, "second_factor_required")["challenge"])

    async def send(self, challenge: str, code: str) -> httpx.Response:
        return await self.user.http.post("/v1/login/totp", json={"challenge": challenge, "code": code})

    async def log_in(self, code: str) -> httpx.Response:
        return await self.send(await self.challenge(), code)


async def begin(gateway: Gateway) -> Factor:
    gateway.clock.stopped = gateway.clock.stopped or gateway.clock()
    user = await gateway.user()
    return Factor(gateway, user, str((await user.ok("POST", "/v1/me/totp"))["secret"]))


async def enable(gateway: Gateway) -> Factor:
    factor = await begin(gateway)
    answer = await factor.user.ok("POST", "/v1/me/totp/confirm", {"code": factor.code()})
    factor.recovery_codes = answer["recovery_codes"]
    factor.next_step()
    return factor


def wrong_code(factor: Factor) -> str:
    valid = {factor.code(offset) for offset in (-1, 0, 1)}
    return next(code for code in ("000000", "000001", "000002", "000003") if code not in valid)


async def test_the_uri_names_issuer_account_and_secret(own: Gateway) -> None:
    user = await own.user()
    answer = await user.ok("POST", "/v1/me/totp")
    uri = urlsplit(answer["uri"])
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query) == {"secret": [answer["secret"]], "issuer": ["Drivebay"]}
    assert user.email.replace("@", "%40") in uri.path


async def test_a_second_factor_is_not_active_before_its_confirmation(own: Gateway) -> None:
    factor = await begin(own)
    assert_problem(
        await factor.user.call("POST", "/v1/me/totp/confirm", {"code": wrong_code(factor)}), 401, "invalid_code"
    )
    await factor.user.log_in()
    replaced = Factor(own, factor.user, str((await factor.user.ok("POST", "/v1/me/totp"))["secret"]))
    old = await factor.user.call("POST", "/v1/me/totp/confirm", {"code": factor.code()})
    assert_problem(old, 401, "invalid_code")
    answer = await factor.user.ok("POST", "/v1/me/totp/confirm", {"code": replaced.code()})
    assert len(set(answer["recovery_codes"])) == 10
    assert_problem(await factor.user.call("POST", "/v1/me/totp"), 409, "already_enabled")
    confirmed = await factor.user.call("POST", "/v1/me/totp/confirm", {"code": replaced.code(1)})
    assert_problem(confirmed, 409, "already_enabled")


async def test_confirming_nothing_is_not_found(user: User) -> None:
    assert_problem(await user.call("POST", "/v1/me/totp/confirm", {"code": WRONG}), 404, "not_found")
    removal = {"password": user.password, "code": WRONG}
    assert_problem(await user.call("DELETE", "/v1/me/totp", removal), 404, "not_found")


@pytest.mark.parametrize("own", [{"login_limit": Rate(1000, timedelta(minutes=1))}], indirect=True)
async def test_a_code_is_only_charged_while_a_secret_is_set_up(own: Gateway) -> None:
    user = await own.user()
    await user.call("POST", "/v1/me/totp/confirm", {"code": WRONG})
    assert not await own.database.fetch("SELECT FROM auth.throttle WHERE bucket LIKE 'code:%'")
    await user.ok("POST", "/v1/me/totp")
    await user.call("POST", "/v1/me/totp/confirm", {"code": "12345"})
    assert await own.database.fetch("SELECT FROM auth.throttle WHERE bucket LIKE 'code:%'")


async def test_a_login_with_a_code_waits_for_a_change_by_an_admin(own: Gateway) -> None:
    """In another order of locks each of the two would wait for the other."""
    factor = await enable(own)
    challenge = await factor.challenge()
    async with own.database.transaction() as tx:
        await tx.fetch("SELECT FROM auth.users FOR UPDATE")
        login = asyncio.create_task(factor.send(challenge, factor.recovery_codes[0]))
        waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'auth.users'"

        async def waits() -> bool:
            return login.done() or bool(await own.database.fetchval(waiting))

        await eventually(waits)
        # An admin's change deletes the challenge. It must not wait for the login.
        assert await tx.fetch("SELECT FROM auth.recovery_codes WHERE used_at IS NULL FOR UPDATE NOWAIT")
        assert await tx.fetch("SELECT FROM auth.login_challenges FOR UPDATE NOWAIT")
    assert (await login).status_code == 200


async def test_a_login_needs_password_and_code(own: Gateway) -> None:
    factor = await enable(own)
    answer = await factor.log_in(factor.code())
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    factor.user.tokens = answer.json()
    await factor.user.ok("GET", "/v1/me")


@pytest.mark.parametrize("offset", [-2, -1, 0, 1, 2])
async def test_a_code_is_valid_for_one_step_of_clock_skew(own: Gateway, offset: int) -> None:
    factor = await enable(own)
    factor.next_step()
    factor.next_step()
    answer = await factor.log_in(factor.code(offset))
    assert answer.status_code == (200 if abs(offset) <= 1 else 401)


async def test_a_code_is_used_once(own: Gateway) -> None:
    factor = await enable(own)
    code, earlier = factor.code(), factor.code(-1)
    assert (await factor.log_in(code)).status_code == 200
    assert_problem(await factor.log_in(code), 401, "invalid_code")
    assert_problem(await factor.log_in(earlier), 401, "invalid_code")
    factor.next_step()
    assert (await factor.log_in(factor.code())).status_code == 200


async def test_the_code_of_the_confirmation_is_used_up(own: Gateway) -> None:
    factor = await begin(own)
    code = factor.code()
    await factor.user.ok("POST", "/v1/me/totp/confirm", {"code": code})
    assert_problem(await factor.log_in(code), 401, "invalid_code")


async def test_one_code_at_once_gives_one_session(own: Gateway) -> None:
    factor = await enable(own)
    challenges = [await factor.challenge() for _ in range(6)]
    answers = await asyncio.gather(*(factor.send(challenge, factor.code()) for challenge in challenges))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]


async def test_a_code_that_one_auth_process_accepted_is_refused_by_another(own: Gateway, database_url: str) -> None:
    factor = await enable(own)
    async with open_gateway(database_url, Settings()) as another:
        another.clock.stopped, another.clock.ahead = own.clock.stopped, own.clock.ahead
        challenges = [await factor.challenge() for _ in range(6)]
        body = [{"challenge": challenge, "code": factor.code()} for challenge in challenges]
        sent = (
            gateway.http.post("/v1/login/totp", json=body[number]) for number, gateway in enumerate([own, another] * 2)
        )
        assert sorted([answer.status_code for answer in await asyncio.gather(*sent)]) == [200, 401, 401, 401]
        for gateway, late in zip((own, another), body[4:], strict=True):
            assert_problem(await gateway.http.post("/v1/login/totp", json=late), 401, "invalid_code")


async def test_one_challenge_gives_one_session(own: Gateway) -> None:
    factor = await enable(own)
    challenge = await factor.challenge()
    codes = [factor.code(), *factor.recovery_codes[:4]]
    answers = await asyncio.gather(*(factor.send(challenge, code) for code in codes))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_a_recovery_code_is_used_once_in_any_spelling(own: Gateway) -> None:
    factor = await enable(own)
    first, second = factor.recovery_codes[:2]
    assert (await factor.log_in(first)).status_code == 200
    assert_problem(await factor.log_in(first), 401, "invalid_code")
    assert (await factor.log_in(second.replace("-", " ").lower())).status_code == 200
    challenges = [await factor.challenge() for _ in range(4)]
    answers = await asyncio.gather(*(factor.send(each, factor.recovery_codes[2]) for each in challenges))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_a_recovery_code_of_another_account_is_refused(own: Gateway) -> None:
    factor, other = await enable(own), await enable(own)
    assert_problem(await factor.log_in(other.recovery_codes[0]), 401, "invalid_code")
    assert (await other.log_in(other.recovery_codes[0])).status_code == 200


async def test_a_challenge_takes_five_tries(own: Gateway) -> None:
    factor = await enable(own)
    challenge = await factor.challenge()
    for _ in range(5):
        assert_problem(await factor.send(challenge, wrong_code(factor)), 401, "invalid_code")
    assert_problem(await factor.send(challenge, factor.code()), 401, "invalid_code")
    assert (await factor.log_in(factor.code())).status_code == 200


async def test_five_tries_at_once_are_five_tries(own: Gateway) -> None:
    factor = await enable(own)
    challenge = await factor.challenge()
    await asyncio.gather(*(factor.send(challenge, wrong_code(factor)) for _ in range(8)))
    rows = await own.database.fetch("SELECT tries_left FROM auth.login_challenges")
    assert [row["tries_left"] for row in rows] == [0]


async def test_a_challenge_lives_five_minutes(own: Gateway) -> None:
    factor = await enable(own)
    for age, status in (("299 seconds", 200), ("301 seconds", 401)):
        challenge = await factor.challenge()
        await own.database.execute(f"UPDATE auth.login_challenges SET expires_at = expires_at - interval '{age}'")
        assert (await factor.send(challenge, factor.code())).status_code == status
        factor.next_step()


async def test_a_new_password_ends_challenges(own: Gateway) -> None:
    factor = await enable(own)
    challenge = await factor.challenge()
    await own.database.execute("UPDATE auth.users SET password_version = password_version + 1")
    assert_problem(await factor.send(challenge, factor.code()), 401, "invalid_code")


async def test_a_disabled_account_cannot_complete_a_login(own: Gateway) -> None:
    factor = await enable(own)
    challenge = await factor.challenge()
    await own.database.execute("UPDATE auth.users SET disabled_at = now()")
    assert_problem(await factor.send(challenge, factor.code()), 401, "invalid_code")


@pytest.mark.parametrize("challenge", ["", "x", "A" * 43, "\u2603", "x" * 100_000])
async def test_an_unknown_challenge_is_an_invalid_code(own: Gateway, challenge: str) -> None:
    response = await own.http.post("/v1/login/totp", json={"challenge": challenge, "code": WRONG})
    assert_problem(response, 401, "invalid_code")


@pytest.mark.parametrize("code", ["", "12345", "1234567", "\u0661\u0662\u0663\u0664\u0665\u0666", "x" * 100_000, "\0"])
async def test_a_malformed_code_is_an_invalid_code(own: Gateway, code: str) -> None:
    factor = await enable(own)
    assert_problem(await factor.log_in(code), 401, "invalid_code")


@pytest.mark.parametrize(
    "own", [{"login_limit": None}, {"login_limit": Rate(1000, timedelta(minutes=1))}], indirect=True
)
async def test_wrong_codes_over_many_challenges_are_limited(own: Gateway) -> None:
    factor = await enable(own)
    statuses = [(await factor.log_in(wrong_code(factor))).status_code for _ in range(21)]
    assert statuses == [401] * 20 + [429]
    assert (await factor.log_in(factor.code())).status_code == 429
    assert (await factor.log_in(factor.recovery_codes[0])).status_code == 200
    assert (await factor.log_in(factor.code())).status_code == 200


async def test_wrong_codes_of_a_removal_leave_the_login(own: Gateway) -> None:
    factor = await enable(own)
    removal = {"password": factor.user.password, "code": wrong_code(factor)}
    statuses = [(await factor.user.call("DELETE", "/v1/me/totp", removal)).status_code for _ in range(21)]
    assert statuses == [401] * 20 + [429]
    assert (await factor.log_in(factor.code())).status_code == 200


async def test_removing_needs_password_and_code(own: Gateway) -> None:
    factor = await enable(own)
    user = factor.user
    code = factor.code()
    wrong = {"password": "another password", "code": code}
    assert_problem(await user.call("DELETE", "/v1/me/totp", wrong), 401, "invalid_credentials")
    refused = await user.call("DELETE", "/v1/me/totp", {"password": user.password, "code": wrong_code(factor)})
    assert_problem(refused, 401, "invalid_code")
    await user.ok("DELETE", "/v1/me/totp", {"password": user.password, "code": code})
    await user.log_in()
    assert not await own.database.fetch("SELECT FROM auth.recovery_codes")


async def test_neither_secret_nor_codes_are_stored_in_readable_form(own: Gateway) -> None:
    factor = await enable(own)
    challenge = await factor.challenge()
    rows = await own.database.fetch(
        "SELECT t::text AS row FROM auth.totp t UNION ALL SELECT r::text FROM auth.recovery_codes r"
        " UNION ALL SELECT c::text FROM auth.login_challenges c UNION ALL SELECT a::text FROM auth.audit a"
    )
    text = " ".join(row["row"] for row in rows)
    secret = factor.totp.secret
    for hidden in (secret, secret.encode().hex(), factor.totp.byte_secret().hex(), challenge, *factor.recovery_codes):
        assert hidden not in text
    assert not any(code.replace("-", "").encode().hex() in text for code in factor.recovery_codes)


async def test_a_secret_of_another_account_cannot_be_moved(own: Gateway) -> None:
    factor, other = await enable(own), await enable(own)
    ids = await id_of(factor.user), await id_of(other.user)
    await own.database.execute(
        "UPDATE auth.totp SET sealed = (SELECT sealed FROM auth.totp WHERE user_id = $2) WHERE user_id = $1", *ids
    )
    assert (await factor.log_in(other.code())).status_code == 500


async def test_the_second_factor_is_in_the_audit_log(own: Gateway) -> None:
    factor = await enable(own)
    admin = await make_admin(own, await own.user())
    await factor.log_in(wrong_code(factor))
    await factor.log_in(factor.code())
    target = await id_of(factor.user)
    events = (await admin.ok("GET", "/v1/admin/audit", parameters={"user_id": target}))["items"]
    assert [(event["action"], event["detail"]) for event in events] == [
        ("login", {}), ("login_failed", {"reason": "code"}), ("second_factor_enabled", {}), ("login", {}),
    ]  # fmt: skip
    assert (await admin.ok("GET", f"/v1/admin/users/{target}"))["second_factor"] is True


async def test_an_operator_removes_a_lost_second_factor(own: Gateway) -> None:
    factor = await enable(own)
    await own.auth.reset_second_factor(OPERATOR, UserId(UUID(await id_of(factor.user))))
    await factor.user.log_in()


async def test_a_disabled_account_gets_no_challenge(own: Gateway) -> None:
    factor = await enable(own)
    await own.database.execute("UPDATE auth.users SET disabled_at = now()")
    login = {"email": factor.user.email, "password": factor.user.password}
    assert_problem(await own.http.post("/v1/login", json=login), 401, "invalid_credentials")
