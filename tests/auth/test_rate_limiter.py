"""Rate limits: exactly the allowed number of calls, and a correct waiting time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from drivebay.auth.rate_limiter import (
    ADDRESS_FACTOR,
    AUDIT_LIMIT,
    CODE_LIMIT,
    FIRST_ATTEMPTS,
    LOOKUP_LIMIT,
    UNKNOWN_LIMIT_FACTORS,
    Attempt,
    RateLimiter,
    client_network,
)
from drivebay.auth.rate_limits.store import prune_buckets
from drivebay.auth.settings import Rate
from drivebay.auth.store import Store
from drivebay.contract.ids import UserId
from drivebay.errors import RateLimited
from drivebay.postgres import Database

RATE = Rate(20, timedelta(minutes=1))
LOGIN_RATE = Rate(RATE.count, timedelta(hours=1))
"""Slow enough that a bucket gets no token back while a test runs."""


@pytest.fixture
def limiter(database: Database) -> RateLimiter:
    return RateLimiter(Store(database), RATE, LOGIN_RATE)


async def age_buckets(database: Database, by: timedelta) -> None:
    await database.execute("UPDATE auth.throttle SET full_at = full_at - $1::interval", by)


async def count_granted(*calls: object) -> int:
    results = await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload]
    assert all(result is None or isinstance(result, RateLimited) for result in results), results
    return sum(result is None for result in results)


async def test_many_concurrent_calls_are_granted_up_to_the_limit(limiter: RateLimiter) -> None:
    assert await count_granted(*(limiter.charge_signup("192.0.2.1") for _ in range(50))) == 20


async def test_a_call_succeeds_after_the_waiting_time(limiter: RateLimiter, database: Database) -> None:
    await count_granted(*(limiter.charge_signup("192.0.2.1") for _ in range(20)))
    with pytest.raises(RateLimited) as caught:
        await limiter.charge_signup("192.0.2.1")
    assert caught.value.retry_after in (2, 3)
    await age_buckets(database, timedelta(seconds=3))
    assert await count_granted(*(limiter.charge_signup("192.0.2.1") for _ in range(5))) == 1


async def test_a_bucket_never_holds_more_than_its_capacity(limiter: RateLimiter, database: Database) -> None:
    await limiter.charge_signup("192.0.2.1")
    await age_buckets(database, timedelta(days=1))
    assert await count_granted(*(limiter.charge_signup("192.0.2.1") for _ in range(50))) == 20


ANN, BOB = "ann@example.org", "bob@example.org"


def network(number: int) -> str:
    return f"198.51.{number // 256}.{number % 256}"


async def test_an_account_has_a_limit_at_each_network(limiter: RateLimiter) -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        assert (
            await count_granted(*(limiter.charge_password_attempt(Attempt(ANN, address)) for _ in range(30)))
            == RATE.count
        )


async def test_a_network_is_limited_over_all_accounts(limiter: RateLimiter) -> None:
    calls = [limiter.charge_password_attempt(Attempt(f"{n}@example.org", "192.0.2.1")) for n in range(110)]
    assert await count_granted(*calls) == RATE.count * ADDRESS_FACTOR
    await limiter.charge_password_attempt(Attempt(ANN, "192.0.2.2"))


async def test_under_attack_a_further_network_has_only_its_first_tries(database: Database) -> None:
    limiter = RateLimiter(Store(database), None, Rate(10, timedelta(hours=1)))
    for n in range(UNKNOWN_LIMIT_FACTORS[0]):
        assert (
            await count_granted(*(limiter.charge_password_attempt(Attempt(ANN, network(n))) for _ in range(10))) == 10
        )
    for n in range(100, 103):
        calls = [limiter.charge_password_attempt(Attempt(ANN, network(n))) for _ in range(10)]
        assert await count_granted(*calls) == FIRST_ATTEMPTS[0]
    assert await count_granted(*(limiter.charge_password_attempt(Attempt(BOB, network(200))) for _ in range(10))) == 10


async def test_no_number_of_networks_keeps_a_user_out(limiter: RateLimiter) -> None:
    """The user logs in at a network of their own: one that the account knows, or one that it does not know."""
    for n in range(500):
        await count_granted(limiter.charge_password_attempt(Attempt(ANN, network(n))))
    await limiter.charge_password_attempt(Attempt(ANN, "192.0.2.1", is_known=True))
    await limiter.charge_password_attempt(Attempt(ANN, "192.0.2.2"))


async def test_a_known_network_has_a_limit_of_its_own(limiter: RateLimiter) -> None:
    """Others who share the network cannot use it up with attempts on their accounts."""
    others = [limiter.charge_password_attempt(Attempt(f"{n}@example.org", "192.0.2.1")) for n in range(200)]
    assert await count_granted(*others) == RATE.count * ADDRESS_FACTOR
    known = [limiter.charge_password_attempt(Attempt(ANN, "192.0.2.1", is_known=True)) for _ in range(50)]
    assert await count_granted(*known) == RATE.count


async def test_a_refused_network_takes_nothing_from_an_account(database: Database) -> None:
    limiter = RateLimiter(Store(database), None, Rate(2, timedelta(hours=1)))
    others = [limiter.charge_password_attempt(Attempt(f"{n}@example.org", "192.0.2.1")) for n in range(20)]
    assert await count_granted(*others) == 2 * ADDRESS_FACTOR
    assert await count_granted(*(limiter.charge_password_attempt(Attempt(ANN, "192.0.2.1")) for _ in range(20))) == 0
    buckets = await database.fetch("SELECT bucket FROM auth.throttle WHERE bucket LIKE 'login:%'")
    assert not [row for row in buckets if Attempt(ANN, "").account_hash in row["bucket"]]


async def test_a_login_forgets_the_failures_of_its_network_only(limiter: RateLimiter) -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        await count_granted(*(limiter.charge_password_attempt(Attempt(ANN, address)) for _ in range(30)))
    await limiter.clear_failures(Attempt(ANN, "192.0.2.1"))
    assert (
        await count_granted(*(limiter.charge_password_attempt(Attempt(ANN, "192.0.2.1")) for _ in range(30)))
        == RATE.count
    )
    assert await count_granted(limiter.charge_password_attempt(Attempt(ANN, "192.0.2.2"))) == 0


async def test_many_right_logins_from_one_network_are_not_limited(limiter: RateLimiter) -> None:
    for n in range(3 * RATE.count * ADDRESS_FACTOR):
        attempt = Attempt(f"{n}@example.org", "192.0.2.1")
        await limiter.charge_password_attempt(attempt)
        await limiter.clear_failures(attempt)


async def test_right_logins_of_a_known_network_pay_for_no_others(limiter: RateLimiter) -> None:
    """An attacker with an account of their own must not earn attempts on other accounts."""
    await count_granted(
        *(limiter.charge_password_attempt(Attempt(f"{n}@example.org", "192.0.2.1")) for n in range(200))
    )
    for _ in range(30):
        own = Attempt(BOB, "192.0.2.1", is_known=True)
        await limiter.charge_password_attempt(own)
        await limiter.clear_failures(own)
    assert await count_granted(limiter.charge_password_attempt(Attempt(ANN, "192.0.2.1"))) == 0


async def test_sign_up_and_login_have_separate_limits(limiter: RateLimiter) -> None:
    await count_granted(*(limiter.charge_signup("192.0.2.1") for _ in range(21)))
    await limiter.charge_password_attempt(Attempt(ANN, "192.0.2.1"))


async def test_many_networks_leave_sign_ups_for_others(database: Database) -> None:
    limiter = RateLimiter(Store(database), LOGIN_RATE, None)
    for n in range(60):
        assert await count_granted(*(limiter.charge_signup(network(n)) for _ in range(21))) == 20
    await limiter.charge_signup("192.0.2.1")


async def test_without_limits_nothing_is_refused_or_stored(database: Database) -> None:
    limiter = RateLimiter(Store(database), None, None)
    assert await count_granted(*(limiter.charge_signup("192.0.2.1") for _ in range(100))) == 100
    assert await count_granted(*(limiter.charge_password_attempt(Attempt(ANN, "192.0.2.1")) for _ in range(100))) == 100
    await limiter.clear_failures(Attempt(ANN, "192.0.2.1"))
    assert await database.fetchval("SELECT count(*) FROM auth.throttle") == 0


async def test_codes_are_limited_also_without_a_limit_of_logins(database: Database) -> None:
    limiter, user = RateLimiter(Store(database), None, None), UserId(uuid4())
    assert await count_granted(*(limiter.charge_code(user) for _ in range(30))) == CODE_LIMIT.count
    # An attacker elsewhere who knows the password leaves the tries of the user's own network.
    assert await count_granted(*(limiter.charge_code(user, "192.0.2.1") for _ in range(30))) == CODE_LIMIT.count
    assert await count_granted(*(limiter.charge_confirmation_code(user) for _ in range(30))) == CODE_LIMIT.count
    await limiter.refill_code_bucket(user)
    await limiter.charge_code(user)


async def test_lookups_and_records_are_limited_by_user_and_network(limiter: RateLimiter) -> None:
    caller, victim = UserId(uuid4()), UserId(uuid4())
    assert await count_granted(*(limiter.charge_lookup(caller) for _ in range(110))) == LOOKUP_LIMIT.count
    await limiter.charge_lookup(victim)
    records = [await limiter.charge_audit_record(victim, "192.0.2.1") for _ in range(AUDIT_LIMIT.count + 5)]
    assert [record.granted for record in records] == [True] * AUDIT_LIMIT.count + [False] * 5
    assert [record.tokens for record in records[:3]] == [99, 98, 97]
    assert records[AUDIT_LIMIT.count - 1].tokens == 0, "the last one is marked"
    assert not (await limiter.charge_audit_record(None, "192.0.2.1")).granted
    assert (await limiter.charge_audit_record(None, "192.0.2.2")).granted


async def test_only_full_buckets_are_pruned(limiter: RateLimiter, database: Database) -> None:
    await limiter.charge_signup("192.0.2.1")
    await age_buckets(database, timedelta(minutes=1))
    await limiter.charge_signup("192.0.2.2")
    await prune_buckets(database)
    buckets = await database.fetch("SELECT bucket FROM auth.throttle")
    assert {row["bucket"] for row in buckets} == {"signup:address:192.0.2.2"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("unix", "elsewhere", False),
        ("", "unix", False),
    ],
)
def test_addresses_of_one_customer_are_one_network(one: str, other: str, same: bool) -> None:
    assert (client_network(one) == client_network(other)) is same


def test_a_text_that_is_no_address_gives_a_key_of_fixed_length() -> None:
    assert len(client_network("x" * 100_000)) == len(client_network("\ud800")) == 64


@pytest.mark.parametrize(("count", "per"), [(0, 60), (-1, 60), (1, 0), (1, -1)])
def test_a_rate_must_be_above_zero(count: int, per: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate(count, timedelta(seconds=per))
