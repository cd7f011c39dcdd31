"""Password hashing: every character counts, each comparison costs the same, and the queue is bounded."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable

import bcrypt
import pytest

from drivebay.auth.password_hasher import MAX_LENGTH, PasswordHasher
from drivebay.concurrency.hashing_queue import MAX_HASH_SECONDS, HashClient, HashingQueue
from drivebay.errors import Unavailable

PASSWORD = "correct horse battery"


def make_hasher(
    pepper: bytes = b"p" * 32,
    cost: int = 4,
    threads: int = 1,
    compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
    clock: Callable[[], float] = time.perf_counter,
) -> PasswordHasher:
    return PasswordHasher(pepper, cost, threads, compare, clock)


async def test_the_right_password_matches_and_another_does_not() -> None:
    with make_hasher() as hasher:
        stored = await hasher.hash(PASSWORD)
        assert await hasher.verify(PASSWORD, stored)
        assert not await hasher.verify(PASSWORD + " ", stored)
        assert PASSWORD not in stored


async def test_a_cancelled_hash_keeps_its_slot_until_its_thread_has_ended() -> None:
    began, go_on = threading.Event(), threading.Event()

    def compare(*_: bytes) -> bool:
        began.set()
        return go_on.wait(60)

    with make_hasher(compare=compare) as hasher:
        cancelled = asyncio.create_task(hasher.verify(PASSWORD, None))
        await asyncio.to_thread(began.wait, 60)
        cancelled.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert hasher.is_busy
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert not hasher.is_busy


@pytest.mark.parametrize("length", [72, 73, 100, MAX_LENGTH])
async def test_the_last_character_of_a_long_password_counts(length: int) -> None:
    with make_hasher() as hasher:
        stored = await hasher.hash("x" * length)
        assert await hasher.verify("x" * length, stored)
        assert not await hasher.verify("x" * (length - 1) + "y", stored)
        assert not await hasher.verify("x" * (length - 1), stored)


async def test_characters_after_a_zero_byte_count() -> None:
    with make_hasher() as hasher:
        stored = await hasher.hash("same\0one way")
        assert not await hasher.verify("same\0another", stored)


async def test_two_hashes_of_one_password_differ() -> None:
    with make_hasher() as hasher:
        assert await hasher.hash(PASSWORD) != await hasher.hash(PASSWORD)


async def test_a_hash_does_not_verify_with_another_pepper() -> None:
    with make_hasher() as hasher, make_hasher(b"q" * 32) as other:
        assert not await other.verify(PASSWORD, await hasher.hash(PASSWORD))


async def test_passwords_that_differ_in_unicode_normalization_are_equal() -> None:
    with make_hasher() as hasher:
        assert await hasher.verify("cafe\u0301 au lait", await hasher.hash("caf\u00e9 au lait"))


async def test_a_hash_names_its_scheme_and_cost() -> None:
    with make_hasher(cost=5) as hasher, make_hasher(cost=4) as cheaper:
        stored = await hasher.hash(PASSWORD)
        assert stored.startswith("hmac-sha384-bcrypt:$2b$05$")
        assert not hasher.needs_rehash(stored)
        assert cheaper.needs_rehash(stored)


async def test_an_unknown_account_costs_as_much_as_a_wrong_password() -> None:
    calls: list[tuple[int, bytes]] = []

    def recording_compare(password: bytes, hashed: bytes) -> bool:
        calls.append((len(password), hashed[:7]))
        return bcrypt.checkpw(password, hashed)

    with make_hasher(cost=5, compare=recording_compare) as hasher:
        stored = await hasher.hash(PASSWORD)
        assert not await hasher.verify("a wrong password", stored)
        assert not await hasher.verify("a wrong password", None)
    assert calls == [(64, b"$2b$05$")] * 2


async def test_a_wrong_password_takes_as_long_for_a_hash_of_a_lower_cost() -> None:
    """Each step of the cost doubles the work. So an operator who raises the cost reveals no account."""
    costs: list[int] = []

    def recording_compare(password: bytes, hashed: bytes) -> bool:
        costs.append(int(hashed[4:6]))
        return bcrypt.checkpw(password, hashed)

    with make_hasher(cost=4) as older, make_hasher(cost=7, compare=recording_compare) as hasher:
        for stored in (await older.hash(PASSWORD), older.unusable_hash, await hasher.hash(PASSWORD), None):
            costs.clear()
            assert not await hasher.verify("a wrong password", stored)
            assert sum(2**cost for cost in costs) == 2**7
        costs.clear()
        assert await hasher.verify(PASSWORD, await older.hash(PASSWORD))
        assert costs == [4]  # the login renews the hash then


async def test_no_password_matches_an_unknown_account() -> None:
    with make_hasher(compare=lambda _, __: True) as hasher:
        assert not await hasher.verify(PASSWORD, None)


@pytest.mark.parametrize("password", ["x" * 1_000_000, "x" * (MAX_LENGTH + 1), "short", "", "surrogate \ud800"])
async def test_an_invalid_password_is_refused_without_any_work(password: str) -> None:
    def fail_compare(_: bytes, __: bytes) -> bool:
        raise AssertionError("the password was compared")

    with make_hasher(compare=fail_compare) as hasher:
        stored = await hasher.hash(PASSWORD)
        assert not await hasher.verify(password, stored)
        assert not await hasher.verify(password, None)


async def test_ten_concurrent_checks_use_two_threads_and_do_not_block_the_event_loop() -> None:
    gate = threading.Event()
    lock = threading.Lock()
    running = max_running = 0

    def gated_compare(_: bytes, __: bytes) -> bool:
        nonlocal running, max_running
        with lock:
            running += 1
            max_running = max(max_running, running)
        is_open = gate.wait(10)
        with lock:
            running -= 1
        return is_open

    with make_hasher(threads=2, compare=gated_compare) as hasher:
        stored = await hasher.hash(PASSWORD)
        checks = [asyncio.create_task(hasher.verify(PASSWORD, stored)) for _ in range(10)]
        await asyncio.sleep(0.05)
        # A blocked event loop would never reach this line.
        gate.set()
        assert all(await asyncio.gather(*checks))
    assert max_running == 2


@pytest.mark.parametrize("threads", [1, 3])
async def test_a_check_that_would_wait_too_long_is_refused_with_retry_after(threads: int) -> None:
    gate = threading.Event()
    gate.set()
    seconds = itertools.count()  # each reading of the clock is one second later, so each hash takes one second
    lock = threading.Lock()

    def ticking_clock() -> float:
        with lock:
            return float(next(seconds))

    with make_hasher(threads=threads, compare=lambda _, __: gate.wait(10), clock=ticking_clock) as hasher:
        stored = await hasher.hash(PASSWORD)
        for _ in range(50):
            assert await hasher.verify(PASSWORD, stored)
        gate.clear()
        capacity = int(MAX_HASH_SECONDS) * threads
        checks = [asyncio.create_task(hasher.verify(PASSWORD, stored)) for _ in range(capacity)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            await hasher.verify(PASSWORD, stored)
        gate.set()
        assert all(await asyncio.gather(*checks))
        assert await hasher.verify(PASSWORD, stored)
    assert caught.value.retry_after is not None


async def test_the_queue_is_bounded_before_the_first_hash() -> None:
    gate = threading.Event()
    with make_hasher(cost=12, compare=lambda _, __: gate.wait(10)) as hasher:
        checks = [asyncio.create_task(hasher.verify(PASSWORD, None)) for _ in range(100)]
        await asyncio.sleep(0)
        gate.set()
        results = await asyncio.gather(*checks, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Unavailable)]
    assert len(results) - len(refused) == 16  # a quarter of a second each


async def test_one_very_slow_hash_does_not_block_later_calls() -> None:
    times = iter([0.0, 1e6, *(1e6 + n / 1000 for n in range(1000))])
    with make_hasher(clock=lambda: next(times)) as hasher:
        stored = await hasher.hash(PASSWORD)
        for _ in range(3):
            assert await hasher.verify(PASSWORD, stored)


class Places:
    """Takes places of a queue one after another, and records the order in which clients get them."""

    def __init__(self, queue: HashingQueue) -> None:
        self.queue = queue
        self.served: list[str] = []
        self.gate = asyncio.Event()

    async def take(self, client: HashClient) -> None:
        async with self.queue.slot(client):
            self.served.append(client.key)
            await self.gate.wait()

    async def start(self, *clients: HashClient) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.take(client)) for client in clients]
        await asyncio.sleep(0)
        return tasks

    async def end(self, tasks: list[asyncio.Task[None]]) -> list[BaseException | None]:
        self.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)


ATTACKER, USER = HashClient("198.51.100.1"), HashClient("192.0.2.1")


async def test_a_client_with_few_hashes_goes_before_one_with_many() -> None:
    places = Places(HashingQueue(1, 0.1))
    tasks = await places.start(*[ATTACKER] * 20, USER)
    assert await places.end(tasks) == [None] * 21
    assert places.served[:3] == [ATTACKER.key, USER.key, ATTACKER.key]


async def test_in_a_full_queue_a_client_takes_the_place_of_the_one_with_the_most() -> None:
    places = Places(HashingQueue(1, 0.25))
    tasks = await places.start(*[ATTACKER] * 50, USER, HashClient("198.51.100.2"))
    results = await places.end(tasks)
    assert results[50:] == [None, None]
    assert sum(isinstance(result, Unavailable) for result in results[:50]) == 36


async def test_a_client_that_the_account_knows_goes_before_strangers() -> None:
    """An attacker with a new address for each login does not keep a user out."""
    places = Places(HashingQueue(1, 0.25))
    strangers = [HashClient(f"198.51.100.{n}") for n in range(50)]
    known = HashClient("account:192.0.2.1", is_known=True)
    tasks = await places.start(*strangers, known)
    results = await places.end(tasks)
    assert results[-1] is None
    assert places.served[1] == known.key


async def test_a_client_that_gives_up_leaves_its_place() -> None:
    places = Places(HashingQueue(1, 0.25))
    tasks = await places.start(ATTACKER, USER, USER)
    tasks[1].cancel()
    results = await places.end(tasks)
    assert isinstance(results[1], asyncio.CancelledError)
    assert places.served == [ATTACKER.key, USER.key]
    assert not places.queue.is_busy


async def test_old_hashes_count_no_more() -> None:
    now = 0.0
    places = Places(HashingQueue(1, 0.25, lambda: now))
    places.gate.set()
    for _ in range(8):
        await places.take(ATTACKER)
    now = 3600.0
    places.gate.clear()
    tasks = await places.start(HashClient("198.51.100.9"), ATTACKER, USER)
    await places.end(tasks)
    assert places.served[-2:] == [ATTACKER.key, USER.key]
