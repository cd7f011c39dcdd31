"""What each user knows, on disk before the next step is taken.

A record is one line of JSON: the time, the user, what happened, and its fields. Intentions are written
before the step (`put`), facts after it (`stored`), so a step that was cut short can be told from one that
never began.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """`what` happened to `user`. `upload`, `file` are ids; `detail` is for people. `asked`: when the request was sent
    whose answer this is. `expires`: until when an upload is waited for."""

    at: float
    user: str
    what: str
    upload: str = ""
    file: str = ""
    name: str = ""
    parent: str = ""
    size: int = 0
    sha256: str = ""
    url: str = ""
    detail: str = ""
    asked: float = 0.0
    expires: float = 0.0


_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode


class Ledger:
    """One file for all users; steps that wait at the same time share one sync."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self.records = 0

    async def write(self, user: str, what: str, **fields: object) -> None:
        """Returns when the record is on disk."""
        record = msgspec.convert({"at": time.time(), "user": user, "what": what, **fields}, Record)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.append(_encode(record))
        self._waiting.append(done)
        self._wake.set()
        self.records += 1
        await done

    async def sync(self) -> None:
        """Write and sync until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            lines, self._lines = self._lines, []
            waiting, self._waiting = self._waiting, []
            await asyncio.to_thread(self._write, b"".join(line + b"\n" for line in lines))
            for done in waiting:
                if not done.done():
                    done.set_result(None)

    def _write(self, lines: bytes) -> None:
        os.write(self._descriptor, lines)
        os.fsync(self._descriptor)


@asynccontextmanager
async def keep(path: Path) -> AsyncIterator[Ledger]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    ledger = Ledger(descriptor)
    try:
        async with asyncio.TaskGroup() as tasks:
            syncing = tasks.create_task(ledger.sync())
            try:
                yield ledger
            finally:
                syncing.cancel()
    finally:
        os.close(descriptor)


def read(path: Path) -> Iterator[Record]:
    """The records as they are on disk, in order."""
    with path.open("rb") as file:
        for line in file:
            yield _decode(line)
