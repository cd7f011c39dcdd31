"""The ledger: what each user intends and what it was promised, on disk before its next step.

A record is one line of JSON. A record such as `put_started` is written before a step, and one such as `stored` after
it. So the oracle can distinguish an interrupted step from one that never started.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec

RecordKind = Literal[
    "upload_requested",
    "upload_created",
    "put_started",
    "stored",
    "offset_reported",
    "abort_requested",
    "upload_terminated",
    "upload_not_found",
    "trash_requested",
    "trashed",
    "restore_requested",
    "restored",
    "purged",
    "move_requested",
    "folder_created",
    "copy_requested",
    "copied",
    "download_url",
    "content_requested",
    "content_confirmed",
    "version_deleted",
    "access_requested",
    "access_given",
    "withdrawal_requested",
    "access_withdrawn",
    "link_created",
    "link_download_requested",
    "link_downloaded",
    "link_download_refused",
    "link_revoke_requested",
    "link_revoked",
    "link_password_requested",
    "link_password_set",
    "archive_created",
    "job_requested",
    "job_started",
    "job_cancel_requested",
    "job_withdrawn",
    "job_unfinished",
    "job_ended",
    "copy_trash_requested",
    "copy_trashed",
    "violation",
    "fault_started",
    "fault_ended",
]


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of `user`. Faults have no user. Times are in seconds since 1970.

    `upload` and `file` are ids. `detail` is a text for people. `sent_at` is the time of the request whose response this
    is. `expires_at` is the time at which an upload expires, as announced by that response.
    """

    at: float
    user: str
    kind: RecordKind
    upload: str = ""
    file: str = ""
    name: str = ""
    parent: str = ""
    size: int = 0
    sha256: str = ""
    url: str = ""
    detail: str = ""
    sent_at: float = 0.0
    expires_at: float = 0.0


_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode


class Ledger:
    """One file for all users. Records that are written at the same time share one fsync."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._has_lines = asyncio.Event()
        self.record_count = 0

    async def write(self, user: str, kind: RecordKind, **fields: object) -> None:
        """Write a record and return when it is on disk."""
        record = msgspec.convert({"at": time.time(), "user": user, "kind": kind, **fields}, Record)
        synced: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.append(_encode(record))
        self._waiters.append(synced)
        self._has_lines.set()
        self.record_count += 1
        await synced

    async def sync_forever(self) -> None:
        """Write and sync new records until cancelled."""
        while True:
            await self._has_lines.wait()
            self._has_lines.clear()
            lines, self._lines = self._lines, []
            waiters, self._waiters = self._waiters, []
            await asyncio.to_thread(self._write_and_sync, b"".join(line + b"\n" for line in lines))
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _write_and_sync(self, lines: bytes) -> None:
        os.write(self._descriptor, lines)
        os.fsync(self._descriptor)


@asynccontextmanager
async def open_ledger(path: Path) -> AsyncIterator[Ledger]:
    """Open the ledger at `path` for appending. Yield it while a task syncs it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    ledger = Ledger(descriptor)
    try:
        async with asyncio.TaskGroup() as tasks:
            syncing = tasks.create_task(ledger.sync_forever())
            try:
                yield ledger
            finally:
                syncing.cancel()
    finally:
        os.close(descriptor)


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records on disk in order."""
    with path.open("rb") as file:
        for line in file:
            yield _decode(line)


def collect_trace(ledger_path: Path, log_folder: Path, id: str) -> str:
    """Return all ledger records and log lines about one upload or file, and the faults at that time."""
    records = list(read_records(ledger_path))
    about_id = [record for record in records if id in (record.upload, record.file)]
    first, last = (about_id[0].at, about_id[-1].at) if about_id else (0.0, 0.0)
    shown = (record for record in records if record in about_id or (not record.user and first - 10 < record.at < last))
    lines = [_encode(record).decode() for record in shown]
    for log in sorted(log_folder.glob("*.log")):
        lines += [f"{log.stem}: {line}" for line in log.read_text(errors="replace").splitlines() if id in line]
    return "\n".join(lines)
