"""Reads standard input for an upload, so that Ctrl-C ends the command while it waits for input.

A thread that waits in `read` cannot be cancelled. The event loop waits for its own threads when it closes, so the
blocks are read in daemon threads, which do not keep the process alive.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import IO, Final

_BLOCK_SIZE: Final = 2**20


def open_input() -> IO[bytes] | AsyncIterator[bytes]:
    """Return standard input itself if it is a file, otherwise its blocks."""
    return sys.stdin.buffer if sys.stdin.buffer.seekable() else _blocks(sys.stdin.fileno())


async def _blocks(descriptor: int) -> AsyncIterator[bytes]:
    while block := await _read_block(descriptor):
        yield block


async def _read_block(descriptor: int) -> bytes:
    """Return the next block, or no bytes at the end. Raises OSError."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def resolve(result: bytes | OSError) -> None:
        if future.done():
            return  # cancelled
        if isinstance(result, OSError):
            future.set_exception(result)
        else:
            future.set_result(result)

    def read() -> None:
        result: bytes | OSError
        try:
            result = os.read(descriptor, _BLOCK_SIZE)
        except OSError as error:
            result = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(resolve, result)

    threading.Thread(target=read, daemon=True).start()
    return await future
