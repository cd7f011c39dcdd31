"""The queue of frames that wait to be sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from drivebay.rpc.multiplex_frames import (
    MAX_UNSENT,
    PIECE_SIZE,
    Call,
    Piece,
    Result,
    decode_client_frames,
    decode_server_frames,
)
from drivebay.rpc.multiplex_queue import SendQueue

from .multiplex_peers import (
    ANSWER,
)


class BlockedWriter:
    """Receives messages one at a time: the next one when `release` is called."""

    def __init__(self, decode: Callable[[bytes], list[Any]]) -> None:
        self.messages: list[list[Any]] = []
        self._decode = decode
        self._released = asyncio.Semaphore(0)

    async def write(self, message: bytes) -> None:
        await self._released.acquire()
        self.messages.append(self._decode(message))

    async def release(self, count: int) -> None:
        expected = len(self.messages) + count
        for _ in range(count):
            self._released.release()
        async with asyncio.timeout(ANSWER):
            while len(self.messages) < expected:
                await asyncio.sleep(0)


@asynccontextmanager
async def _running_queue(
    decode: Callable[[bytes], list[Any]] = decode_server_frames,
) -> AsyncIterator[tuple[SendQueue, BlockedWriter]]:
    writer = BlockedWriter(decode)
    queue = SendQueue(writer.write)
    sending = asyncio.create_task(queue.run())
    try:
        yield queue, writer
    finally:
        sending.cancel()


async def test_frames_of_one_turn_share_a_message() -> None:
    async with _running_queue() as (queue, writer):
        for id in range(100):
            queue.put(Result(id, b"r"))
        await writer.release(1)
        assert writer.messages == [[Result(id, b"r") for id in range(100)]]


async def test_a_small_result_waits_for_one_piece_of_a_large_one() -> None:
    async with _running_queue() as (queue, writer):
        for id in (1, 2):
            queue.put_result(id, bytes(10 * PIECE_SIZE))
        await writer.release(1)
        queue.put_result(3, b"small")
        await writer.release(2)  # one message was on its way already
        assert Result(3, b"small") in writer.messages[2]
        assert all(sum(isinstance(frame, Piece) for frame in message) <= 1 for message in writer.messages)
        await writer.release(17)
    received: Counter[int] = Counter()
    for frame in (frame for message in writer.messages for frame in message):
        if isinstance(frame, (Piece, Result)):
            received[frame.id] += len(frame.payload)
    assert received == Counter({1: 10 * PIECE_SIZE, 2: 10 * PIECE_SIZE, 3: 5})


async def test_a_server_reads_no_more_while_its_client_does_not_read() -> None:
    async with _running_queue() as (queue, writer):
        queue.put(Result(0, bytes(PIECE_SIZE)))
        await asyncio.wait_for(queue.wait_until_short(), ANSWER)
        for id in range(MAX_UNSENT // PIECE_SIZE):
            queue.put(Result(id, bytes(PIECE_SIZE)))
        waiting = asyncio.create_task(queue.wait_until_short())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        await writer.release(2)  # the first message has one frame
        await asyncio.wait_for(waiting, ANSWER)


async def test_a_call_that_is_cancelled_before_it_is_sent_is_not_sent() -> None:
    async with _running_queue(decode_client_frames) as (queue, writer):
        frames = [Call(id, "m", 1.0, b"") for id in range(3)]
        for frame in frames:
            queue.put(frame)
        assert queue.remove(frames[1])
        await writer.release(1)
        assert not queue.remove(frames[2])
        queue.close()
        assert [len(message) for message in writer.messages] == [2]
