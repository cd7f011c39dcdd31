"""Throttling: exactly as many as allowed, whoever counts, and a waiting time that is true."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from drivebay.auth.store import Store
from drivebay.auth.throttle import GLOBAL, PER_ADDRESS, Rate, Throttle, network
from drivebay.db import Database
from drivebay.errors import RateLimited

RATE = Rate(20, timedelta(minutes=1))


@pytest.fixture
def throttle(database: Database) -> Throttle:
    return Throttle(Store(database), RATE, RATE)


async def later(database: Database, by: timedelta) -> None:
    await database.execute("UPDATE auth.throttle SET full_at = full_at - $1::interval", by)


async def granted(*calls: object) -> int:
    answers = await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload]
    assert all(answer is None or isinstance(answer, RateLimited) for answer in answers), answers
    return sum(answer is None for answer in answers)


async def test_of_many_at_once_exactly_the_rate_is_granted(throttle: Throttle) -> None:
    assert await granted(*(throttle.sign_up("192.0.2.1") for _ in range(50))) == 20


async def test_the_waiting_time_is_true(throttle: Throttle, database: Database) -> None:
    await granted(*(throttle.sign_up("192.0.2.1") for _ in range(20)))
    with pytest.raises(RateLimited) as caught:
        await throttle.sign_up("192.0.2.1")
    assert caught.value.retry_after in (2, 3)
    await later(database, timedelta(seconds=3))
    assert await granted(*(throttle.sign_up("192.0.2.1") for _ in range(5))) == 1


async def test_a_bucket_never_holds_more_than_it_does_when_new(throttle: Throttle, database: Database) -> None:
    await throttle.sign_up("192.0.2.1")
    await later(database, timedelta(days=1))
    assert await granted(*(throttle.sign_up("192.0.2.1") for _ in range(50))) == 20


async def test_one_account_is_guarded_whatever_address_asks(throttle: Throttle) -> None:
    calls = [throttle.log_in("ann@example.org", f"192.0.2.{n}") for n in range(50)]
    assert await granted(*calls) == 20
    await throttle.log_in("bob@example.org", "192.0.2.1")


async def test_one_address_is_guarded_whatever_account_it_asks_for(throttle: Throttle) -> None:
    calls = [throttle.log_in(f"{n}@example.org", "192.0.2.1") for n in range(20 * PER_ADDRESS + 10)]
    assert await granted(*calls) == 20 * PER_ADDRESS


async def test_everybody_together_is_guarded(database: Database) -> None:
    throttle = Throttle(Store(database), None, Rate(1, timedelta(hours=1)))
    calls = [throttle.log_in(f"{n}@example.org", f"192.0.2.{n}") for n in range(GLOBAL + 10)]
    assert await granted(*calls) == GLOBAL


async def test_an_address_that_is_refused_cannot_lock_an_account(database: Database) -> None:
    throttle = Throttle(Store(database), None, Rate(2, timedelta(hours=1)))
    assert await granted(*(throttle.log_in(f"{n}@example.org", "192.0.2.1") for n in range(20))) == 2 * PER_ADDRESS
    assert await granted(*(throttle.log_in("ann@example.org", "192.0.2.1") for _ in range(20))) == 0
    assert await granted(*(throttle.log_in("ann@example.org", "192.0.2.2") for _ in range(20))) == 2


async def test_the_right_password_gives_the_account_its_share_back(throttle: Throttle) -> None:
    await granted(*(throttle.log_in("ann@example.org", f"192.0.2.{n}") for n in range(20)))
    await throttle.logged_in("ann@example.org")
    await throttle.log_in("ann@example.org", "192.0.2.1")


async def test_sign_up_and_login_are_counted_apart(throttle: Throttle) -> None:
    await granted(*(throttle.sign_up("192.0.2.1") for _ in range(21)))
    await throttle.log_in("ann@example.org", "192.0.2.1")


async def test_no_limit_never_refuses_and_writes_nothing(database: Database) -> None:
    throttle = Throttle(Store(database), None, None)
    assert await granted(*(throttle.sign_up("192.0.2.1") for _ in range(100))) == 100
    assert await granted(*(throttle.log_in("a@example.org", "192.0.2.1") for _ in range(100))) == 100
    assert await database.fetchval("SELECT count(*) FROM auth.throttle") == 0


async def test_only_full_buckets_are_swept_away(throttle: Throttle, database: Database) -> None:
    await throttle.sign_up("192.0.2.1")
    await later(database, timedelta(minutes=1))
    await throttle.sign_up("192.0.2.2")
    await Store(database).prune_throttle()
    buckets = await database.fetch("SELECT bucket FROM auth.throttle")
    assert {row["bucket"] for row in buckets} == {"signup:address:192.0.2.2", "signup:global:"}


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
def test_an_address_stands_for_the_line_behind_it(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


def test_what_is_no_address_has_a_bounded_width() -> None:
    assert len(network("x" * 100_000)) == len(network("\ud800")) == 64


@pytest.mark.parametrize(("count", "per"), [(0, 60), (-1, 60), (1, 0), (1, -1)])
def test_a_rate_is_above_zero(count: int, per: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate(count, timedelta(seconds=per))
