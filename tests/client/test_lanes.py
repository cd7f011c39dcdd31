"""Things done together: who comes along, who hears of which failure, and what becomes of an answer nobody wants."""

import asyncio
from collections.abc import Sequence

import pytest

from drivebay.client import NetworkError
from drivebay.client.lanes import MOST, Lane


class Desk:
    """Serves what it is given once `open` is set, and keeps what was asked for together."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.served: list[list[int]] = []

    async def serve(self, items: Sequence[int]) -> list[int | Exception]:
        self.served.append(list(items))
        await self.open.wait()
        if 13 in items:
            raise ConnectionError("all of it")
        return [ValueError(item) if item < 0 else item * 10 for item in items]


async def test_what_is_asked_while_others_are_served_goes_together() -> None:
    desk = Desk()
    lane = Lane(desk.serve)
    first = [asyncio.create_task(lane(item)) for item in (1, 2)]
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(lane(item)) for item in (3, 4, 5)]
    await asyncio.sleep(0.01)
    assert desk.served == [[1, 2]]
    desk.open.set()
    assert await asyncio.gather(*first, *later) == [10, 20, 30, 40, 50]
    assert desk.served == [[1, 2], [3, 4, 5]]


async def test_whoever_asks_again_at_once_is_served_again() -> None:
    desk = Desk()
    desk.open.set()
    lane = Lane(desk.serve)
    async with asyncio.timeout(5):
        assert [await lane(item) for item in (1, 2, 3)] == [10, 20, 30]


async def test_no_more_go_together_than_one_request_may_hold() -> None:
    desk = Desk()
    desk.open.set()
    lane = Lane(desk.serve)
    await asyncio.gather(*(lane(item) for item in range(100, 100 + MOST + 1)))
    assert [len(items) for items in desk.served] == [MOST, 1]


async def test_a_failure_is_heard_by_whom_it_concerns() -> None:
    desk = Desk()
    desk.open.set()
    lane = Lane(desk.serve)
    answers = await asyncio.gather(lane(1), lane(-2), lane(3), return_exceptions=True)
    assert (answers[0], repr(answers[1]), answers[2]) == (10, "ValueError(-2)", 30)
    both = await asyncio.gather(lane(1), lane(13), return_exceptions=True)
    assert [type(answer) for answer in both] == [ConnectionError, ConnectionError]
    assert await lane(4) == 40


async def test_an_answer_of_another_length_is_nobodys() -> None:
    async def serve(items: Sequence[int]) -> list[int | Exception]:
        return list(items[1:])

    lane = Lane(serve)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(lane(1), lane(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NetworkError, NetworkError]


async def test_an_answer_whose_asker_has_gone_is_not_lost() -> None:
    desk = Desk()
    orphans: list[int] = []

    async def orphaned(answer: int) -> None:
        orphans.append(answer)

    lane = Lane(desk.serve, orphaned)
    gone, stays = asyncio.create_task(lane(1)), asyncio.create_task(lane(2))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(lane(3))
    await asyncio.sleep(0.01)
    gone.cancel()
    waiting.cancel()
    desk.open.set()
    assert await stays == 20
    await lane.close(5)
    assert (orphans, desk.served) == ([10], [[1, 2]])


async def test_whoever_waits_when_it_is_closed_is_let_go() -> None:
    lane = Lane(Desk().serve)
    asker = asyncio.create_task(lane(1))
    await asyncio.sleep(0.01)
    await lane.close(0.01)
    with pytest.raises(asyncio.CancelledError):
        await asker


async def test_several_turns_at_once_are_no_more_than_told() -> None:
    desk = Desk()
    lane = Lane(desk.serve, at_once=2)
    asked = []
    for item in range(5):
        asked.append(asyncio.create_task(lane(item)))
        await asyncio.sleep(0.01)
    assert desk.served == [[0], [1]]
    desk.open.set()
    assert await asyncio.gather(*asked) == [0, 10, 20, 30, 40]
