"""The proxy that injects network faults ends with its connections."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from drivebay.testing import proxy


@pytest.mark.parametrize("rounds", range(8))
async def test_a_stalled_proxy_ends_while_a_connection_arrives(tmp_path: Path, rounds: int) -> None:
    """The second connection arrives some rounds of the event loop before the end."""
    upstream = await asyncio.start_unix_server(_read_all, str(tmp_path / "upstream"))
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        async with upstream, asyncio.timeout(60):
            async with proxy.run(tmp_path / "upstream", tmp_path / "proxy") as faulty:
                faulty.stalled = True
                first.connect(str(tmp_path / "proxy"))
                while not faulty._open:
                    await asyncio.sleep(0.01)
                second.connect(str(tmp_path / "proxy"))
                second.send(b"hello")
                for _ in range(rounds):
                    await asyncio.sleep(0)
            assert not faulty._open


async def _read_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
