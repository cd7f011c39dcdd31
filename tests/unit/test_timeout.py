"""A timeout ends a block in time, and leaves every other end of the block as it is."""

from __future__ import annotations

import asyncio

import pytest

from drivebay.concurrency.timeout import Timeout


async def test_a_block_that_takes_too_long_raises_timeout_error() -> None:
    with pytest.raises(TimeoutError), Timeout(0.01) as timeout:
        await asyncio.Event().wait()
    assert timeout.expired
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # the task is not cancelled any more


async def test_a_block_that_ends_in_time_is_not_cancelled_later() -> None:
    with Timeout(0.01) as timeout:
        await asyncio.sleep(0)
    await asyncio.sleep(0.03)
    assert not timeout.expired


async def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    async def work() -> None:
        with Timeout(600):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_wins_over_a_timeout_at_the_same_time() -> None:
    async def work() -> None:
        with Timeout(0):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_outer_timeout_is_not_taken_for_the_inner_one() -> None:
    with pytest.raises(TimeoutError), Timeout(0.01) as outer, Timeout(600) as inner:
        await asyncio.Event().wait()
    assert outer.expired
    assert not inner.expired


async def test_an_error_of_the_block_is_raised_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), Timeout(600):
        raise ZeroDivisionError
