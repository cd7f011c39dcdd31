"""The retry policy: delays, the time limit, and which errors are repeated."""

import pytest

from drivebay.client import (
    ApiError,
    Conflict,
    ContentChanged,
    Error,
    NetworkError,
    RequestNotSent,
    RetryPolicy,
    StoreError,
    Unavailable,
)
from drivebay.client.retry_policy import MAX_RETRY_AFTER, Retries

LOST = NetworkError("lost")


class FakeTime:
    """A clock that only advances by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.delays: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.delays.append(seconds)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def retries_with(time: FakeTime, *, timeout: float = 60, max_delay: float = 4, random: float = 0.5) -> Retries:
    policy = RetryPolicy(
        timeout=timeout, first_delay=1, max_delay=max_delay, random=lambda: random, clock=time.clock, sleep=time.sleep
    )
    return Retries(policy)


async def test_delays_double_up_to_the_maximum(time: FakeTime) -> None:
    retries = retries_with(time)
    for _ in range(5):
        await retries.wait(LOST)
    assert time.delays == [1, 2, 4, 4, 4]


@pytest.mark.parametrize(("random", "delay"), [(0.0, 0.5), (1.0, 1.5)])
async def test_jitter_changes_a_delay_by_up_to_half(time: FakeTime, random: float, delay: float) -> None:
    await retries_with(time, random=random).wait(LOST)
    assert time.delays == [delay]


async def test_the_error_is_raised_when_the_next_attempt_would_be_too_late(time: FakeTime) -> None:
    retries = retries_with(time, timeout=4)
    await retries.wait(LOST)
    await retries.wait(LOST)
    with pytest.raises(NetworkError, match="lost"):
        await retries.wait(LOST)
    assert time.now == 3


async def test_progress_restarts_the_time_limit_and_the_delays(time: FakeTime) -> None:
    retries = retries_with(time, timeout=4)
    for _ in range(3):
        await retries.wait(LOST)
        await retries.wait(LOST)
        retries.record_progress()
    assert time.delays == [1, 2] * 3


@pytest.mark.parametrize(("retry_after", "delay"), [(10.0, 10.0), (0.1, 0.5), (900.0, MAX_RETRY_AFTER)])
async def test_retry_after_lengthens_the_delay_up_to_a_limit(time: FakeTime, retry_after: float, delay: float) -> None:
    busy = Unavailable(503, "unavailable", "busy", retry_after=retry_after)
    await retries_with(time, timeout=100, random=0).wait(busy)
    assert time.delays == [delay]


@pytest.mark.parametrize(
    ("error", "is_repeated"),
    [
        (LOST, True),
        (RequestNotSent("refused"), True),
        (Unavailable(429, "rate_limited", ""), True),
        (Unavailable(503, "unavailable", ""), True),
        (Conflict(409, "in_progress", ""), True),
        (Conflict(409, "name_taken", ""), False),
        (ApiError(500, "internal", ""), False),
        (StoreError("reading", 500), True),
        (StoreError("reading", 408), True),
        (StoreError("reading", 403), False),
        (ContentChanged("changed"), False),
    ],
)
async def test_only_temporary_errors_are_repeated(time: FakeTime, error: Error, is_repeated: bool) -> None:
    retries = retries_with(time)
    if is_repeated:
        await retries.wait(error)
    else:
        with pytest.raises(type(error)):
            await retries.wait(error)
    assert len(time.delays) == is_repeated
