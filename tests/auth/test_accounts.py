"""Sign-up and login."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from drivebay import postgres
from drivebay.auth import email_address
from drivebay.auth.rate_limiter import AUDIT_LIMIT, FIRST_ATTEMPTS, LOOKUP_LIMIT, MAX_KNOWN, client_network
from drivebay.auth.service import prune
from drivebay.auth.settings import Rate, Settings
from drivebay.auth.store import Store
from drivebay.contract.auth import Actor, Auth
from drivebay.contract.ids import UserId
from drivebay.errors import (
    EmailTaken,
    Error,
    IdempotencyKeyReused,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    RateLimited,
)
from drivebay.postgres import Database
from drivebay.testing.client import eventually

from .conftest import StartService

EMAIL, PASSWORD, ADDRESS = "Ann@Example.org", "correct horse battery", "192.0.2.1"


async def test_a_new_account_is_found_and_can_log_in(auth: Auth) -> None:
    user = await auth.sign_up(f"  {EMAIL} ", PASSWORD, ADDRESS, "key")
    assert user.email == EMAIL
    assert user.created_at.utcoffset() == timedelta()
    assert await auth.get_user(user.id) == user
    tokens = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    assert (await auth.verify_token(tokens.access_token)).user == user.id
    assert tokens.expires_in == 15 * 60


@pytest.mark.parametrize("email", [EMAIL, "ann@example.org", " ANN@EXAMPLE.ORG "])
async def test_addresses_that_differ_in_case_have_one_account(auth: Auth, email: str) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    with pytest.raises(EmailTaken):
        await auth.sign_up(email, "another password", ADDRESS)
    await auth.log_in(email, PASSWORD, ADDRESS)


async def test_addresses_that_differ_in_unicode_normalization_have_one_account(auth: Auth) -> None:
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
        # Characters that no mail server accepts before the @.
        "a(b@example.org",
        "a,b@example.org",
        "a;b@example.org",
        "a:b@example.org",
        "a<b>@example.org",
        "a[b]@example.org",
        "a\\b@example.org",
        'a"b@example.org',
        '"quoted local part"@example.org',
        '"ann"@example.org',
        "ann@[192.0.2.1]",
        "Ann <ann@example.org>",
        # Not an internationalized domain.
        "ann@xn--a.org",
        "ann@\u2024.org",
        "\u00df" * 120 + "@example.org",
    ],
)
async def test_a_malformed_address_is_refused_with_its_field(start_service: StartService, email: str) -> None:
    # Called directly, because protobuf itself refuses some of these texts.
    async with start_service() as auth:
        with pytest.raises(InvalidRequest) as caught:
            await auth.sign_up(email, PASSWORD, ADDRESS)
        assert [error.field for error in caught.value.errors] == ["email"]
        with pytest.raises(InvalidCredentials):
            await auth.log_in(email, PASSWORD, ADDRESS)


@pytest.mark.parametrize(
    "email",
    [
        "a@localhost",
        "ann@files.local",
        "x" * 64 + "@example.org",
        "ann+tag@sub.example.org",
        "ann@bücher.example",
        "ann@xn--bcher-kva.example",
        "o'neil!#$%&*/=?^_`{|}~@example.org",
        "ren\u00e9@example.org",
    ],
)
async def test_an_unusual_address_is_accepted(auth: Auth, email: str) -> None:
    assert (await auth.sign_up(email, PASSWORD, ADDRESS, "key")).email == email


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ann@m\u00fcnchen.de", "ann@xn--mnchen-3ya.de"),
        ("ann@xn--mnchen-3ya.de", "Ann@M\u00dcNCHEN.de"),
        ("ann@mu\u0308nchen.de", "ann@XN--MNCHEN-3YA.de"),
        ("ann@m\u00fcnchen.de", "ann@m\u00fcnchen\uff0ede"),
    ],
)
async def test_an_internationalized_domain_and_its_ascii_form_have_one_account(
    auth: Auth, first: str, second: str
) -> None:
    user = await auth.sign_up(first, PASSWORD, ADDRESS, "key")
    assert user.email == first
    with pytest.raises(EmailTaken):
        await auth.sign_up(second, "another password", ADDRESS)
    await auth.log_in(second, PASSWORD, ADDRESS)


async def test_domains_that_differ_in_a_sharp_s_are_two_accounts(auth: Auth) -> None:
    # Full case folding turns \u00df into ss, but these are two domains (IDNA 2008).
    for email, password in (("ann@stra\u00dfe.de", "the first password"), ("ann@strasse.de", "the second password")):
        await auth.sign_up(email, password, ADDRESS, email)
    for email, password in (("ann@stra\u00dfe.de", "the first password"), ("ann@strasse.de", "the second password")):
        await auth.log_in(email, password, ADDRESS)


@pytest.mark.parametrize(
    ("written", "stored_key", "typed"),
    [
        ("ann@M\u00fcnchen.de", "ann@m\u00fcnchen.de", "ann@m\u00fcnchen.de"),
        ("ann@M\u00fcnchen.de", "ann@m\u00fcnchen.de", "ann@xn--mnchen-3ya.de"),
        ("a(b@example.org", "a(b@example.org", "A(b@example.org"),
        ("ann@exa\U0001f4e7.org", "ann@exa\U0001f4e7.org", "ann@exa\U0001f4e7.org"),
    ],
)
async def test_an_account_stored_by_an_earlier_release_can_log_in(
    auth: Auth, database: Database, written: str, stored_key: str, typed: str
) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    await database.execute("UPDATE auth.users SET email = $1, email_key = $2", written, stored_key)
    await auth.log_in(typed, PASSWORD, ADDRESS)


async def test_two_accounts_of_one_domain_stored_by_an_earlier_release_can_both_log_in(
    auth: Auth, database: Database
) -> None:
    for email, stored in (("a@example.org", "ann@m\u00fcnchen.de"), ("b@example.org", "ann@xn--mnchen-3ya.de")):
        await auth.sign_up(email, f"password of {stored}", ADDRESS, email)
        await database.execute("UPDATE auth.users SET email = $2, email_key = $2 WHERE email = $1", email, stored)
    for stored in ("ann@m\u00fcnchen.de", "ann@xn--mnchen-3ya.de"):
        await auth.log_in(stored, f"password of {stored}", ADDRESS)


@given(st.text(max_size=300) | st.builds("{}@{}".format, st.text(max_size=70), st.text(max_size=100)))
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    parsed = email_address.parse(text)
    assert parsed.problem is None or parsed.problem != ""
    assert parsed.problem is not None or email_address.parse(parsed.key).key == parsed.key


@pytest.mark.parametrize("password", ["", "1234567", "x" * 257, "x" * 1_000_000, "1234567\ud800"])
async def test_a_password_of_invalid_length_is_refused_with_its_field(
    start_service: StartService, password: str
) -> None:
    async with start_service() as auth:
        with pytest.raises(InvalidRequest) as caught:
            await auth.sign_up(EMAIL, password, ADDRESS)
        assert [error.field for error in caught.value.errors] == ["password"]
        assert not password or password not in str(caught.value)
        with pytest.raises(InvalidCredentials):
            await auth.log_in(EMAIL, password, ADDRESS)


@pytest.mark.parametrize("password", ["12345679x", "x" * 256, "\U0001f511" * 8, "zero\0byte"])
async def test_every_character_of_a_password_at_the_length_limits_counts(auth: Auth, password: str) -> None:
    await auth.sign_up(EMAIL, password, ADDRESS, "key")
    await auth.log_in(EMAIL, password, ADDRESS)
    with pytest.raises(InvalidCredentials):
        await auth.log_in(EMAIL, password[:-1] + "y", ADDRESS)


async def test_a_sign_up_reports_all_invalid_fields_at_once(auth: Auth) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await auth.sign_up("nobody", "short", ADDRESS, "")
    assert {error.field for error in caught.value.errors} == {"email", "password", "idempotency_key"}


async def test_an_unknown_address_and_a_wrong_password_give_the_same_error(auth: Auth) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    errors: list[tuple[type[Error], str, object]] = []
    for email in (EMAIL, "nobody@example.org", "not an address"):
        with pytest.raises(InvalidCredentials) as caught:
            await auth.log_in(email, "a wrong password", ADDRESS)
        errors.append((type(caught.value), caught.value.detail, caught.value.errors))
    assert errors[0] == errors[1] == errors[2]


async def test_an_unknown_address_and_a_wrong_password_cost_one_hash_each(
    start_service: StartService, database_url: str
) -> None:
    hashes: list[bytes] = []

    def recording_compare(password: bytes, hashed: bytes) -> bool:
        hashes.append(hashed[:7])
        return bcrypt.checkpw(password, hashed)

    async with start_service(compare=recording_compare) as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        for email in (EMAIL, "nobody@example.org") * 100:
            with pytest.raises(InvalidCredentials):
                await auth.log_in(email, "a wrong password", ADDRESS)
    assert hashes == [b"$2b$04$"] * 200


class RecordingDatabase:
    """A database that records the statements of the task that created it."""

    def __init__(self, database: postgres.Database) -> None:
        self._database = database
        self._task = asyncio.current_task()
        self.statements: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def _record(self, sql: str) -> None:
        if asyncio.current_task() is self._task:  # not the periodic jobs
            self.statements.append(sql)

    async def fetch(self, sql: str, *arguments: object) -> Any:
        self._record(sql)
        return await self._database.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> Any:
        self._record(sql)
        return await self._database.fetchrow(sql, *arguments)


async def test_every_failed_login_and_every_request_for_a_reset_runs_the_same_statements(
    start_service: StartService, database: postgres.Database
) -> None:
    """So neither the answer nor its time says whether an address has an account."""
    recording = RecordingDatabase(database)
    limit = Rate(100, timedelta(minutes=1))
    async with start_service(on=recording, login_limit=limit, signup_limit=limit, sends_mail=True) as auth:
        for email in (EMAIL, "disabled@example.org", "deleted@example.org", "factor@example.org"):
            await auth.sign_up(email, PASSWORD, ADDRESS)
        await database.execute("UPDATE auth.users SET disabled_at = now() WHERE email LIKE 'disabled%'")
        await database.execute("UPDATE auth.users SET deleted_at = now() WHERE email LIKE 'deleted%'")
        await database.execute(
            "INSERT INTO auth.totp (user_id, sealed, confirmed_at)"
            " SELECT id, 'x', now() FROM auth.users WHERE email LIKE 'factor%'"
        )
        logins, resets = {}, {}
        for email in (EMAIL, "disabled@example.org", "deleted@example.org", "factor@example.org", "nobody@example.org"):
            recording.statements = []
            with pytest.raises(InvalidCredentials):
                await auth.log_in(email, "a wrong password", ADDRESS)
            logins[email], recording.statements = recording.statements, []
            await auth.request_password_reset(Actor(address=ADDRESS), email)
            resets[email] = recording.statements
    assert len(logins[EMAIL]) >= 5
    assert len(resets[EMAIL]) >= 3
    for calls in (logins, resets):
        assert all(statements == calls[EMAIL] for statements in calls.values())


async def test_no_database_connection_is_held_while_a_password_is_hashed(
    start_service: StartService, database_url: str
) -> None:
    gate = threading.Event()
    async with (
        postgres.connect(database_url, size=1) as database,
        start_service(compare=lambda _, __: gate.wait(10), on=database) as auth,
    ):
        user = await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        logins = [asyncio.create_task(auth.log_in(EMAIL, PASSWORD, ADDRESS)) for _ in range(10)]
        # The only connection is free while ten passwords wait to be hashed.
        assert await asyncio.wait_for(auth.get_user(user.id), 5) == user
        assert not any(login.done() for login in logins)
        gate.set()
        await asyncio.gather(*logins)


async def test_a_login_renews_a_hash_of_another_cost(start_service: StartService, database: Database) -> None:
    async with start_service() as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
    async with start_service(bcrypt_cost=5) as auth:
        with pytest.raises(InvalidCredentials):
            await auth.log_in(EMAIL, "a wrong password", ADDRESS)
        assert "$2b$04$" in await database.fetchval("SELECT password_hash FROM auth.users")
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        assert "$2b$05$" in await database.fetchval("SELECT password_hash FROM auth.users")
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)


async def test_a_login_does_not_renew_a_hash_while_the_hasher_is_busy(
    start_service: StartService, database: Database
) -> None:
    async with start_service() as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
    gates = [threading.Event(), threading.Event()]
    next_gate = iter(gates)
    async with start_service(bcrypt_cost=5, compare=lambda _, __: next(next_gate).wait(10)) as auth:
        first, second = (asyncio.create_task(auth.log_in(EMAIL, PASSWORD, ADDRESS)) for _ in gates)

        async def both_wait() -> bool:
            return REGISTRY.get_sample_value("drivebay_auth_hashes_waiting") == 2

        await eventually(both_wait, every=0.01)
        gates[0].set()
        await asyncio.wait((first, second), timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert (first.done(), second.done()) in {(True, False), (False, True)}, (
            "one login has ended and the other waits"
        )
        assert "$2b$04$" in await database.fetchval("SELECT password_hash FROM auth.users")
        gates[1].set()
        await asyncio.gather(first, second)
        assert "$2b$05$" in await database.fetchval("SELECT password_hash FROM auth.users")


async def test_a_repeated_sign_up_with_an_idempotency_key_gives_the_first_result(auth: Auth) -> None:
    first = await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    assert await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key") == first


@pytest.mark.parametrize(("email", "password"), [("bob@example.org", PASSWORD), (EMAIL, "another password")])
async def test_an_idempotency_key_with_another_request_is_refused(auth: Auth, email: str, password: str) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    with pytest.raises(IdempotencyKeyReused):
        await auth.sign_up(email, password, ADDRESS, "key")


async def test_an_idempotency_key_belongs_to_one_network_address(auth: Auth) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    other = await auth.sign_up("bob@example.org", PASSWORD, "192.0.2.2", "key")
    assert other.email == "bob@example.org"


async def test_an_idempotency_key_expires_after_a_day(auth: Auth, database: Database) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    await database.execute("UPDATE auth.idempotency SET created_at = created_at - interval '24 hours'")
    other = await auth.sign_up("bob@example.org", PASSWORD, ADDRESS, "key")
    assert await auth.sign_up("bob@example.org", PASSWORD, ADDRESS, "key") == other


async def test_ten_concurrent_deliveries_of_one_sign_up_create_one_account(auth: Auth, database: Database) -> None:
    calls = (auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key") for _ in range(10))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    users = {answer.id for answer in answers if not isinstance(answer, BaseException)}
    assert len(users) == 1
    assert all(not isinstance(a, BaseException) or (isinstance(a, Error) and a.code == "in_progress") for a in answers)
    assert await database.fetchval("SELECT count(*) FROM auth.users") == 1


async def test_ten_concurrent_sign_ups_for_one_address_create_one_account(auth: Auth, database: Database) -> None:
    calls = (auth.sign_up(EMAIL, PASSWORD, ADDRESS, f"key {n}") for n in range(10))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, EmailTaken) for answer in answers) == 9
    assert await database.fetchval("SELECT count(*) FROM auth.users") == 1


async def test_a_refused_sign_up_does_not_use_its_idempotency_key(auth: Auth) -> None:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "one")
    with pytest.raises(EmailTaken):
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "two")
    assert (await auth.sign_up("bob@example.org", PASSWORD, ADDRESS, "two")).email == "bob@example.org"


async def test_login_attempts_are_limited_and_the_owner_gets_in_after_the_wait(
    start_service: StartService, database: Database
) -> None:
    async with start_service(login_limit=Rate(3, timedelta(minutes=1))) as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        for email in (EMAIL, "nobody@example.org"):
            for _ in range(3):
                with pytest.raises(InvalidCredentials):
                    await auth.log_in(email, "a wrong password", ADDRESS)
            with pytest.raises(RateLimited) as caught:
                await auth.log_in(email, PASSWORD, ADDRESS)
            assert caught.value.retry_after in (19, 20)
        await database.execute("UPDATE auth.throttle SET full_at = full_at - interval '20 s'")
        for _ in range(8):
            await auth.log_in(EMAIL, PASSWORD, ADDRESS)


@pytest.mark.parametrize("is_known", [True, False])
async def test_an_attacker_with_many_addresses_cannot_keep_a_user_out(
    start_service: StartService, is_known: bool
) -> None:
    async with start_service(login_limit=Rate(3, timedelta(hours=1))) as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        if is_known:
            await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        for n in range(60):
            with pytest.raises((InvalidCredentials, RateLimited)):
                await auth.log_in(EMAIL, "a wrong password", f"198.51.100.{n}")
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        assert await auth.log_in(EMAIL, PASSWORD, ADDRESS), "the network is known now"


async def test_a_network_is_known_after_a_complete_login_and_for_90_days(
    start_service: StartService, database: Database, settings: Settings
) -> None:
    async with start_service() as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        with pytest.raises(InvalidCredentials):
            await auth.log_in(EMAIL, "a wrong password", "192.0.2.9")
        assert not await database.fetch("SELECT FROM auth.known_networks")
        for n in range(MAX_KNOWN + 3):
            await auth.log_in(EMAIL, PASSWORD, f"2001:db8:0:{n:x}::1")
        rows = await database.fetch("SELECT network FROM auth.known_networks ORDER BY last_login_at")
        assert [row["network"] for row in rows] == [
            client_network(f"2001:db8:0:{n:x}::1") for n in range(3, MAX_KNOWN + 3)
        ]
        await database.execute("UPDATE auth.known_networks SET last_login_at = now() - interval '91 days'")
        await prune(Store(database), settings)
        assert not await database.fetch("SELECT FROM auth.known_networks")


async def test_another_account_does_not_make_a_network_known(start_service: StartService) -> None:
    async with start_service(login_limit=Rate(5, timedelta(hours=1))) as auth:
        await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        await auth.sign_up("mallory@example.org", PASSWORD, ADDRESS)
        await auth.log_in("mallory@example.org", PASSWORD, ADDRESS)
        for n in range(30):
            with pytest.raises((InvalidCredentials, RateLimited)):
                await auth.log_in(EMAIL, "a wrong password", f"198.51.100.{n}")
        # The account is under attack. A network that it does not know gets no more than its first tries.
        granted = 0
        for _ in range(7):
            with pytest.raises((InvalidCredentials, RateLimited)) as caught:
                await auth.log_in(EMAIL, "a wrong password", ADDRESS)
            granted += caught.type is InvalidCredentials
        assert granted == FIRST_ATTEMPTS[0]


async def test_the_failed_logins_in_the_audit_log_are_bounded(start_service: StartService, database: Database) -> None:
    async with start_service() as auth:
        user = await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        for email in (EMAIL, "nobody@example.org"):
            for n in range(AUDIT_LIMIT.count + 3):
                with pytest.raises(InvalidCredentials):
                    await auth.log_in(email, "short", f"198.51.100.{n % 100}")
        rows = await database.fetch("SELECT detail::text FROM auth.audit WHERE target = $1 ORDER BY at", str(user.id))
        assert len(rows) == AUDIT_LIMIT.count
        assert "not_recorded" in rows[-1]["detail"]
        assert "not_recorded" not in rows[-2]["detail"]


async def test_a_login_above_the_limit_costs_no_hash(start_service: StartService, database_url: str) -> None:
    hashes: list[bytes] = []

    def recording_compare(password: bytes, hashed: bytes) -> bool:
        hashes.append(hashed)
        return False

    async with start_service(compare=recording_compare, login_limit=Rate(3, timedelta(minutes=1))) as auth:
        for email in (EMAIL, "nobody@example.org"):
            for n in range(5):
                with pytest.raises(InvalidCredentials if n < 3 else RateLimited):
                    await auth.log_in(email, "a wrong password", ADDRESS)
    assert len(hashes) == 6


async def test_a_repeated_sign_up_is_not_refused_by_the_limit(start_service: StartService) -> None:
    async with start_service(signup_limit=Rate(1, timedelta(minutes=1))) as auth:
        first = await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
        assert await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key") == first
        with pytest.raises(RateLimited):
            await auth.sign_up("bob@example.org", PASSWORD, ADDRESS, "another key")


async def test_sign_ups_are_limited(start_service: StartService, database: Database) -> None:
    async with start_service(signup_limit=Rate(2, timedelta(minutes=1))) as auth:
        for n in range(2):
            await auth.sign_up(f"{n}@example.org", PASSWORD, ADDRESS)
        with pytest.raises(RateLimited) as caught:
            await auth.sign_up("2@example.org", PASSWORD, ADDRESS)
        assert caught.value.retry_after in (29, 30)
        assert (await auth.sign_up("2@example.org", PASSWORD, "192.0.2.2")).email == "2@example.org"


async def test_an_unknown_user_id_is_not_found(auth: Auth) -> None:
    with pytest.raises(NotFound):
        await auth.get_user(UserId(UUID(int=0)))


async def test_accounts_are_found_by_email_and_listed_by_id(auth: Auth) -> None:
    ann = await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
    bob = await auth.sign_up("bob@m\u00fcnchen.example", PASSWORD, ADDRESS)
    for email in (EMAIL, EMAIL.lower(), f" {EMAIL.upper()} "):
        assert await auth.find_user(email) == ann
    assert await auth.find_user("BOB@xn--mnchen-3ya.example") == bob
    for email in ("nobody@example.org", "", "\0", "no email", "x" * 300 + "@example.org"):
        with pytest.raises(NotFound):
            await auth.find_user(email)
    unknown = UserId(UUID(int=0))
    assert set(await auth.list_users((ann.id, unknown, bob.id, ann.id))) == {ann, bob}
    for ids in ((), (unknown,) * 1001):
        with pytest.raises(InvalidRequest):
            await auth.list_users(ids)


async def test_a_user_looks_up_a_bounded_number_of_addresses(start_service: StartService) -> None:
    """A lookup shows whether an address has an account."""
    async with start_service() as auth:
        ann = await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        for n in range(LOOKUP_LIMIT.count):
            with pytest.raises(NotFound):
                await auth.find_user(f"{n}@example.org", ann.id)
        with pytest.raises(RateLimited):
            await auth.find_user(EMAIL, ann.id)
        assert await auth.find_user(EMAIL) == ann


async def test_a_user_looks_up_a_bounded_number_of_ids(start_service: StartService) -> None:
    """A lookup by id shows the email address, and the id of an owner is in the URLs of a link."""
    async with start_service() as auth:
        ann = await auth.sign_up(EMAIL, PASSWORD, ADDRESS)
        bob = await auth.sign_up("bob@example.org", PASSWORD, ADDRESS)
        for _ in range(LOOKUP_LIMIT.count):
            assert await auth.get_user(bob.id, ann.id) == bob
        with pytest.raises(RateLimited):
            await auth.get_user(bob.id, ann.id)
        assert await auth.get_user(bob.id) == bob
        assert await auth.get_user(ann.id, ann.id) == ann


async def test_health_reports_the_database(auth: Auth) -> None:
    assert [(health.name, health.ok) for health in await auth.health()] == [("postgres", True)]
