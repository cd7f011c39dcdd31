"""Passwords: every character counts, every comparison costs the same, and hashing stays in its bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import bcrypt
import pytest

from drivebay.auth.passwords import MAX_LENGTH, Passwords
from drivebay.errors import Unavailable

GOOD = "correct horse battery"


def passwords(
    pepper: bytes = b"p" * 32, cost: int = 4, threads: int = 1, check: Callable[[bytes, bytes], bool] = bcrypt.checkpw
) -> Passwords:
    return Passwords(pepper, cost, threads, check)


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


async def test_too_many_at_once_are_told_to_come_back() -> None:
    gate = threading.Event()
    with passwords(check=lambda _, __: gate.wait(10)) as hashing:
        stored = await hashing.hash(GOOD)
        checks = [asyncio.create_task(hashing.matches(GOOD, stored)) for _ in range(128)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            await hashing.matches(GOOD, stored)
        gate.set()
        assert all(await asyncio.gather(*checks))
        assert await hashing.matches(GOOD, stored), "and are welcome when the crowd has gone"
    assert caught.value.retry_after is not None
