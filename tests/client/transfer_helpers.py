"""Content and waits for tests of transfers."""

from __future__ import annotations

import asyncio
from random import Random

from drivebay.client import AsyncDrive
from drivebay.testing.proxy import Proxy

MIB = 2**20


def random_bytes(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


async def reserved_bytes(drive: AsyncDrive) -> int:
    """Return the bytes that the user's unfinished uploads reserve."""
    usage = (await drive.me()).usage
    assert usage is not None
    return usage.reserved_bytes


async def until_passed(proxy: Proxy, size: int) -> None:
    """Wait until `size` more bytes have passed through the proxy."""
    end = proxy.passed + size
    async with asyncio.timeout(60):
        while proxy.passed < end:
            await asyncio.sleep(0.01)
