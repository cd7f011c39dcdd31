"""Hints between processes, over a real NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

from nats.aio.client import Client

from drivebay.embedded.nats import Nats
from drivebay.hints import HintChannel
from drivebay.hints.nats_transport import NatsTransport

LIMIT = 60.0
"""Seconds. A test that reaches this limit has found a hint that does not arrive."""


class Receiver:
    """The hints that a channel delivers."""

    def __init__(self, channel: HintChannel) -> None:
        self.received: list[UUID | None] = []
        channel.listen(self.received.append)

    async def expect(self, *wanted: UUID | None) -> None:
        await until(lambda: set(wanted) <= set(self.received))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def process(url: str, *, publishes: bool, listens: bool) -> AsyncIterator[HintChannel]:
    """Run the transport of one process and yield its channel."""
    channel = HintChannel()
    running = asyncio.create_task(NatsTransport(url, channel, publishes=publishes, listens=listens).run())
    try:
        yield channel
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_hints_reach_the_gateways_of_other_processes(nats_url: str) -> None:
    async with (
        process(nats_url, publishes=True, listens=False) as files,
        process(nats_url, publishes=False, listens=True) as gateway,
        process(nats_url, publishes=True, listens=True) as everything,
    ):
        at_gateway, at_everything = Receiver(gateway), Receiver(everything)
        await until(lambda: gateway.is_healthy and files.is_healthy and everything.is_healthy)
        drives = [uuid4() for _ in range(20)]
        for drive in drives:
            for _ in range(3):
                files.publish(drive)
        await at_gateway.expect(*drives)
        await at_everything.expect(*drives)
        own = uuid4()
        everything.publish(own)
        assert at_everything.received[-1] == own, "the channel delivers to its own process at once"
        await at_gateway.expect(own)
        files.publish(last := uuid4())
        await at_everything.expect(last)
        assert at_everything.received.count(own) == 1, "and NATS does not bring it back"
        assert len(at_gateway.received) < 3 * len(drives), "hints about one drive are gathered"


async def test_messages_of_others_are_ignored(nats_url: str) -> None:
    client = Client()
    await client.connect(nats_url)
    try:
        async with process(nats_url, publishes=False, listens=True) as gateway:
            receiver = Receiver(gateway)
            await receiver.expect(None)
            drive = uuid4()
            for subject in ("x", "beat", "00000000", str(drive)[:-1]):
                await client.publish(f"drivebay.changes.{subject}", b"\xff" * 100)
            await client.publish(f"drivebay.changes.{drive}", b"ignored")
            await receiver.expect(drive)
            assert set(receiver.received) == {None, drive}
    finally:
        await client.close()


async def test_hints_are_healthy_while_there_is_nats_and_a_publisher(own_nats: Callable[[], Awaitable[Nats]]) -> None:
    server = await own_nats()
    assert server.server_process is not None
    async with process(server.url, publishes=False, listens=True) as gateway:
        receiver = Receiver(gateway)
        await receiver.expect(None)  # it is connected, but nobody publishes
        assert not gateway.is_healthy
        async with process(server.url, publishes=True, listens=False) as files:
            await until(lambda: gateway.is_healthy and files.is_healthy)
            await server.server_process.kill()
            await until(lambda: not gateway.is_healthy and not files.is_healthy)
            files.publish(uuid4())  # dropped, without an error
            receiver.received.clear()
            await server.server_process.start()
            await receiver.expect(None)  # hints may have been lost, so every waiting request looks again
            await until(lambda: gateway.is_healthy and files.is_healthy)
            files.publish(drive := uuid4())
            await receiver.expect(drive)


async def test_the_transport_ends_at_whatever_step_it_is_cancelled(nats_url: str) -> None:
    """The client of NATS swallows a cancellation while it connects, subscribes or publishes."""
    for steps in range(60):
        transport = NatsTransport(nats_url, HintChannel(), publishes=True, listens=True)
        running = asyncio.create_task(transport.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        ended, _ = await asyncio.wait([running], timeout=LIMIT)
        assert ended, f"it still runs after {steps} steps"
