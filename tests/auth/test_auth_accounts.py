"""Sign-up and login, as the contract promises them."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from uuid import UUID

import bcrypt
import pytest
from prometheus_client import REGISTRY

from drivebay import db
from drivebay.auth.throttle import Rate
from drivebay.contract.auth import Auth
from drivebay.contract.ids import UserId
from drivebay.db import Database
from drivebay.errors import (
    EmailTaken,
    Error,
    IdempotencyKeyReused,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    RateLimited,
)
from drivebay.testing.client import eventually

from .conftest import Start

EMAIL, PASSWORD, ADDRESS = "Ann@Example.org", "correct horse battery", "192.0.2.1"


async def test_a_new_account_can_be_looked_up_and_logged_into(auth: Auth) -> None:
    user = await auth.sign_up(f"  {EMAIL} ", PASSWORD, ADDRESS, "key")
    assert user.email == EMAIL
    assert user.created_at.utcoffset() == timedelta()
    assert await auth.user(user.id) == user
    tokens = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    assert (await auth.verify_token(tokens.access_token)).user == user.id
    assert tokens.expires_in == 15 * 60


@pytest.mark.parametrize("email", [EMAIL, "ann@example.org", " ANN@EXAMPLE.ORG "])
async def test_an_address_has_one_account_whatever_its_case(auth: Auth, email: str) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    with pytest.raises(EmailTaken):
        await auth.sign_up(email, "another password", ADDRESS)
    await auth.log_in(email, PASSWORD, ADDRESS)


async def test_an_address_in_another_normal_form_is_the_same(auth: Auth) -> None:
    await auth.sign_up("ren\u00e9@example.org", PASSWORD, ADDRESS, "key")
    with pytest.raises(EmailTaken):
        await auth.sign_up("Rene\u0301@example.org", PASSWORD, ADDRESS)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "ann@",
        "@example.org",
        "ann@@example.org",
        "ann@b@example.org",
        "ann@example",
        "ann@example..org",
        "ann@.org",
        "ann@-example.org",
        "ann@exa_mple.org",
        "an n@example.org",
        "ann@example.org\nbcc: all",
        "ann\0@example.org",
        "ann\u202e@example.org",
        "\ud800@example.org",
        ".ann@example.org",
        "x" * 65 + "@example.org",
        "ann@" + "x" * 64 + ".org",
        "ann@" + "x." * 125 + "org",
        "x" * 1_000_000,
        "ß" * 60 + "@" + "ß." * 60 + "org",
    ],
)
async def test_what_is_no_address_is_refused_and_named(start: Start, email: str) -> None:
    # Direct only: some of these cannot be carried by protobuf at all, and are refused there.
    async with start() as auth:
        with pytest.raises(InvalidRequest) as caught:
            await auth.sign_up(email, PASSWORD, ADDRESS)
        assert [error.field for error in caught.value.errors] == ["email"]
        with pytest.raises(InvalidCredentials):
            await auth.log_in(email, PASSWORD, ADDRESS)


@pytest.mark.parametrize(
    "email", ["a@localhost", "x" * 64 + "@example.org", "ann+tag@sub.example.org", "ann@bücher.example"]
)
async def test_unusual_addresses_are_addresses(auth: Auth, email: str) -> None:
    assert (await auth.sign_up(email, PASSWORD, ADDRESS, "key")).email == email


@pytest.mark.parametrize("password", ["", "1234567", "x" * 257, "x" * 1_000_000, "1234567\ud800"])
async def test_a_password_outside_its_bounds_is_refused_and_named(start: Start, password: str) -> None:
    async with start() as auth:
        with pytest.raises(InvalidRequest) as caught:
            await auth.sign_up(EMAIL, password, ADDRESS)
        assert [error.field for error in caught.value.errors] == ["password"]
        assert not password or password not in str(caught.value)
        with pytest.raises(InvalidCredentials):
            await auth.log_in(EMAIL, password, ADDRESS)


@pytest.mark.parametrize("password", ["12345678", "x" * 256, "\U0001f511" * 8, "zero\0byte"])
async def test_a_password_at_its_bounds_works_whole(auth: Auth, password: str) -> None:
    await auth.sign_up(EMAIL, password, ADDRESS, "key")
    await auth.log_in(EMAIL, password, ADDRESS)
    with pytest.raises(InvalidCredentials):
        await auth.log_in(EMAIL, password[:-1] + "y", ADDRESS)


async def test_everything_wrong_is_said_at_once(auth: Auth) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await auth.sign_up("nobody", "short", ADDRESS, "")
    assert {error.field for error in caught.value.errors} == {"email", "password", "idempotency_key"}


async def test_an_unknown_address_and_a_wrong_password_are_answered_alike(auth: Auth) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    answers: list[tuple[type[Error], str, object]] = []
    for email in (EMAIL, "nobody@example.org", "no address at all"):
        with pytest.raises(InvalidCredentials) as caught:
            await auth.log_in(email, "a wrong password", ADDRESS)
        answers.append((type(caught.value), caught.value.detail, caught.value.errors))
    assert answers[0] == answers[1] == answers[2]


async def test_an_unknown_address_and_a_wrong_password_cost_the_same_work(start: Start, database_url: str) -> None:
    work: list[bytes] = []

    def counted(password: bytes, hashed: bytes) -> bool:
        work.append(hashed[:7])
        return bcrypt.checkpw(password, hashed)

    async with start(check=counted) as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        for email in (EMAIL, "nobody@example.org") * 100:
            with pytest.raises(InvalidCredentials):
                await auth.log_in(email, "a wrong password", ADDRESS)
    assert work == [b"$2b$04$"] * 200


async def test_nobody_waits_for_the_database_because_of_a_hash(start: Start, database_url: str) -> None:
    gate = threading.Event()
    async with (
        db.connect(database_url, size=1) as database,
        start(check=lambda _, __: gate.wait(10), over=database) as auth,
    ):
        user = await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        logins = [asyncio.create_task(auth.log_in(EMAIL, PASSWORD, ADDRESS)) for _ in range(10)]
        # The only connection there is stays free while ten passwords wait to be hashed.
        assert await asyncio.wait_for(auth.user(user.id), 5) == user
        assert not any(login.done() for login in logins)
        gate.set()
        await asyncio.gather(*logins)


async def test_a_hash_is_renewed_when_the_cost_has_changed(start: Start, database: Database) -> None:
    async with start() as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
    async with start(bcrypt_cost=5) as auth:
        with pytest.raises(InvalidCredentials):
            await auth.log_in(EMAIL, "a wrong password", ADDRESS)
        assert "$2b$04$" in await database.fetchval("SELECT password_hash FROM auth.users")
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        assert "$2b$05$" in await database.fetchval("SELECT password_hash FROM auth.users")
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)


async def test_while_others_wait_a_hash_is_not_renewed(start: Start, database: Database) -> None:
    async with start() as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
    gates = [threading.Event(), threading.Event()]
    next_gate = iter(gates)
    async with start(bcrypt_cost=5, check=lambda _, __: next(next_gate).wait(10)) as auth:
        first, second = (asyncio.create_task(auth.log_in(EMAIL, PASSWORD, ADDRESS)) for _ in gates)

        async def both_wait() -> bool:
            return REGISTRY.get_sample_value("drivebay_auth_hashes_waiting") == 2

        await eventually(both_wait, every=0.01)
        gates[0].set()
        await asyncio.wait((first, second), timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert (first.done(), second.done()) in {(True, False), (False, True)}, "one went on while the other waits"
        assert "$2b$04$" in await database.fetchval("SELECT password_hash FROM auth.users")
        gates[1].set()
        await asyncio.gather(first, second)
        assert "$2b$05$" in await database.fetchval("SELECT password_hash FROM auth.users")


async def test_the_same_sign_up_twice_with_a_key_gives_the_first_answer(auth: Auth) -> None:
    first = await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    assert await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key") == first


@pytest.mark.parametrize(("email", "password"), [("bob@example.org", PASSWORD), (EMAIL, "another password")])
async def test_a_key_is_for_one_sign_up_only(auth: Auth, email: str, password: str) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    with pytest.raises(IdempotencyKeyReused):
        await auth.sign_up(email, password, ADDRESS, "key")


async def test_a_key_belongs_to_its_address(auth: Auth) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    other = await auth.sign_up("bob@example.org", PASSWORD, "192.0.2.2", "key")
    assert other.email == "bob@example.org"


async def test_a_key_is_forgotten_after_a_day(auth: Auth, database: Database) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    await database.execute("UPDATE auth.idempotency SET created_at = created_at - interval '24 hours'")
    other = await auth.sign_up("bob@example.org", PASSWORD, ADDRESS, "key")
    assert await auth.sign_up("bob@example.org", PASSWORD, ADDRESS, "key") == other


async def test_ten_of_one_sign_up_at_once_make_one_account(auth: Auth, database: Database) -> None:
    calls = (auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key") for _ in range(10))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    users = {answer.id for answer in answers if not isinstance(answer, BaseException)}
    assert len(users) == 1
    assert all(not isinstance(a, BaseException) or (isinstance(a, Error) and a.code == "in_progress") for a in answers)
    assert await database.fetchval("SELECT count(*) FROM auth.users") == 1


async def test_ten_sign_ups_for_one_address_at_once_make_one_account(auth: Auth, database: Database) -> None:
    calls = (auth.sign_up(EMAIL, PASSWORD, ADDRESS, f"key {n}") for n in range(10))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, EmailTaken) for answer in answers) == 9
    assert await database.fetchval("SELECT count(*) FROM auth.users") == 1


async def test_a_sign_up_that_was_refused_does_not_use_its_key_up(auth: Auth) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "one")
    with pytest.raises(EmailTaken):
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "two")
    assert (await auth.sign_up("bob@example.org", PASSWORD, ADDRESS, "two")).email == "bob@example.org"


async def test_guessing_is_slowed_down_and_the_owner_is_let_in_afterwards(start: Start, database: Database) -> None:
    async with start(login_limit=Rate(3, timedelta(minutes=1))) as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        for email in (EMAIL, "nobody@example.org"):
            for n in range(3):
                with pytest.raises(InvalidCredentials):
                    await auth.log_in(email, "a wrong password", f"192.0.2.{n}")
            with pytest.raises(RateLimited) as caught:
                await auth.log_in(email, PASSWORD, "192.0.2.9")
            assert caught.value.retry_after in (19, 20)
        await database.execute("UPDATE auth.throttle SET full_at = full_at - interval '20 s'")
        for _ in range(8):
            await auth.log_in(EMAIL, PASSWORD, "192.0.2.9")


async def test_a_login_that_comes_too_often_costs_no_hash(start: Start, database_url: str) -> None:
    work: list[bytes] = []

    def counted(password: bytes, hashed: bytes) -> bool:
        work.append(hashed)
        return False

    async with start(check=counted, login_limit=Rate(3, timedelta(minutes=1))) as auth:
        for email in (EMAIL, "nobody@example.org"):
            for n in range(5):
                with pytest.raises(InvalidCredentials if n < 3 else RateLimited):
                    await auth.log_in(email, "a wrong password", f"192.0.2.{n}")
    assert len(work) == 6


async def test_signing_up_is_slowed_down_before_any_work(start: Start, database: Database) -> None:
    async with start(signup_limit=Rate(2, timedelta(minutes=1))) as auth:
        for n in range(2):
            await auth.sign_up(f"{n}@example.org", PASSWORD, ADDRESS)
        with pytest.raises(RateLimited) as caught:
            await auth.sign_up("2@example.org", PASSWORD, ADDRESS)
        assert caught.value.retry_after in (29, 30)
        assert (await auth.sign_up("2@example.org", PASSWORD, "192.0.2.2")).email == "2@example.org"


async def test_nobody_has_an_unknown_id(auth: Auth) -> None:
    with pytest.raises(NotFound):
        await auth.user(UserId(UUID(int=0)))


async def test_a_service_with_a_database_is_well(auth: Auth) -> None:
    assert [(health.name, health.ok) for health in await auth.health()] == [("postgres", True)]
