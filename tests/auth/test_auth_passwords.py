"""Passwords: every character counts, every comparison costs the same, and hashing stays in its bounds."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable

import bcrypt
import pytest

from drivebay.auth.passwords import MAX_LENGTH, PATIENCE, Passwords
from drivebay.errors import Unavailable

GOOD = "correct horse battery"


def passwords(
    pepper: bytes = b"p" * 32,
    cost: int = 4,
    threads: int = 1,
    check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
    clock: Callable[[], float] = time.perf_counter,
) -> Passwords:
    return Passwords(pepper, cost, threads, check, clock)


async def test_the_right_password_matches_and_another_does_not() -> None:
    with passwords() as hashing:
        stored = await hashing.hash(GOOD)
        assert await hashing.matches(GOOD, stored)
        assert not await hashing.matches(GOOD + " ", stored)
        assert GOOD not in stored


@pytest.mark.parametrize("length", [72, 73, 100, MAX_LENGTH])
async def test_the_last_character_of_a_long_password_counts(length: int) -> None:
    with passwords() as hashing:
        stored = await hashing.hash("x" * length)
        assert await hashing.matches("x" * length, stored)
        assert not await hashing.matches("x" * (length - 1) + "y", stored)
        assert not await hashing.matches("x" * (length - 1), stored)


async def test_what_follows_a_zero_byte_counts() -> None:
    with passwords() as hashing:
        stored = await hashing.hash("same\0one way")
        assert not await hashing.matches("same\0another", stored)


async def test_two_hashes_of_one_password_differ() -> None:
    with passwords() as hashing:
        assert await hashing.hash(GOOD) != await hashing.hash(GOOD)


async def test_without_the_pepper_a_hash_is_of_no_use() -> None:
    with passwords() as hashing, passwords(b"q" * 32) as thief:
        assert not await thief.matches(GOOD, await hashing.hash(GOOD))


async def test_a_password_typed_in_another_normal_form_is_the_same() -> None:
    with passwords() as hashing:
        assert await hashing.matches("cafe\u0301 au lait", await hashing.hash("caf\u00e9 au lait"))


async def test_a_hash_carries_its_scheme_and_its_cost() -> None:
    with passwords(cost=5) as hashing, passwords(cost=4) as cheaper:
        stored = await hashing.hash(GOOD)
        assert stored.startswith("hmac-sha384-bcrypt:$2b$05$")
        assert not hashing.outdated(stored)
        assert cheaper.outdated(stored)


async def test_nobody_costs_as_much_as_somebody() -> None:
    work: list[tuple[int, bytes]] = []

    def counted(password: bytes, hashed: bytes) -> bool:
        work.append((len(password), hashed[:7]))
        return bcrypt.checkpw(password, hashed)

    with passwords(cost=5, check=counted) as hashing:
        stored = await hashing.hash(GOOD)
        assert not await hashing.matches("a wrong password", stored)
        assert not await hashing.matches("a wrong password", None)
    assert work == [(64, b"$2b$05$")] * 2


async def test_nobody_has_no_password() -> None:
    with passwords(check=lambda _, __: True) as hashing:
        assert not await hashing.matches(GOOD, None)


@pytest.mark.parametrize("password", ["x" * 1_000_000, "x" * (MAX_LENGTH + 1), "short", "", "surrogate \ud800"])
async def test_a_password_that_nobody_has_is_refused_without_any_work(password: str) -> None:
    def never(_: bytes, __: bytes) -> bool:
        raise AssertionError("was hashed")

    with passwords(check=never) as hashing:
        stored = await hashing.hash(GOOD)
        assert not await hashing.matches(password, stored)
        assert not await hashing.matches(password, None)


async def test_ten_at_once_leave_the_event_loop_free_and_take_turns() -> None:
    gate = threading.Event()
    lock = threading.Lock()
    at_once = most = 0

    def gated(_: bytes, __: bytes) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        opened = gate.wait(10)
        with lock:
            at_once -= 1
        return opened

    with passwords(threads=2, check=gated) as hashing:
        stored = await hashing.hash(GOOD)
        checks = [asyncio.create_task(hashing.matches(GOOD, stored)) for _ in range(10)]
        await asyncio.sleep(0.05)
        # That this line is reached with the gate shut is the point: a blocked loop would never open it.
        gate.set()
        assert all(await asyncio.gather(*checks))
    assert most == 2


@pytest.mark.parametrize("threads", [1, 3])
async def test_who_would_wait_longer_than_a_caller_does_is_told_to_come_back(threads: int) -> None:
    gate = threading.Event()
    gate.set()
    seconds = itertools.count()  # each look at the clock is a second later, so each hash takes one
    clock = threading.Lock()

    def ticking() -> float:
        with clock:
            return float(next(seconds))

    with passwords(threads=threads, check=lambda _, __: gate.wait(10), clock=ticking) as hashing:
        stored = await hashing.hash(GOOD)
        for _ in range(50):
            assert await hashing.matches(GOOD, stored)
        gate.clear()
        fit = int(PATIENCE) * threads
        checks = [asyncio.create_task(hashing.matches(GOOD, stored)) for _ in range(fit)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            await hashing.matches(GOOD, stored)
        gate.set()
        assert all(await asyncio.gather(*checks))
        assert await hashing.matches(GOOD, stored), "and is welcome when the crowd has gone"
    assert caught.value.retry_after is not None


async def test_before_anything_was_hashed_the_queue_is_already_bounded() -> None:
    gate = threading.Event()
    with passwords(cost=12, check=lambda _, __: gate.wait(10)) as hashing:
        checks = [asyncio.create_task(hashing.matches(GOOD, None)) for _ in range(100)]
        await asyncio.sleep(0)
        gate.set()
        found = await asyncio.gather(*checks, return_exceptions=True)
    refused = [one for one in found if isinstance(one, Unavailable)]
    assert len(found) - len(refused) == 16  # of a quarter of a second each


async def test_one_that_took_for_ever_does_not_close_the_door() -> None:
    times = iter([0.0, 1e6, *(1e6 + n / 1000 for n in range(1000))])
    with passwords(clock=lambda: next(times)) as hashing:
        stored = await hashing.hash(GOOD)
        for _ in range(3):
            assert await hashing.matches(GOOD, stored)
