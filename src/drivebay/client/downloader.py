"""Downloads to a local path: the file is complete, verified and synced before it gets its name.

A large file is fetched in ranges, several at once, into a part file (`.part`). A state file next to it records the
finished ranges. If the version is still the same, the next attempt fetches only the other ranges.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

import msgspec

from .api_models import File
from .batcher import Batcher
from .errors import ChecksumMismatch, ContentChanged
from .part_file import (
    SmallDownload,
    check_target,
    lock_part,
    part_path,
    rename_part,
    set_file_time,
    sync_folder,
    target_in_errors,
    verify,
    write_at,
    write_small_files,
)
from .ranged_reader import RangedReader, Readers
from .store_client import Progress, ProgressCounter, StoreClient
from .task_groups import run_all

RANGE_SIZE: Final = 8 * 2**20
"""The number of bytes of one range. If the file was uploaded in parts, a range is a part instead. A file up to this
size is fetched in one request."""
_SAVE_STATE_EVERY: Final = 8
"""The number of finished ranges between two writes of the state file."""
_PART_FILE_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""Errors after which the part file is deleted: the disk is full, or the file system does not allow the target's
name."""
_WRITER_THREADS: Final = 3
"""The number of threads that write small files."""
_WRITE_TIMEOUT: Final = 5.0
"""The maximum number of seconds for which `close` waits for the writer threads."""


class _State(msgspec.Struct):
    """The content of the state file: the version, the size of its ranges in bytes (`range`), and the indexes of the
    ranges that are on disk (`done`)."""

    etag: str
    size: int
    range: int
    done: list[int]


class Downloader:
    """Downloads files to local paths."""

    def __init__(self, store: StoreClient, readers: Readers) -> None:
        self._store = store
        self._readers = readers
        self._writer: Batcher[SmallDownload, None] = Batcher(
            lambda downloads: asyncio.to_thread(write_small_files, downloads), concurrency=_WRITER_THREADS
        )

    async def close(self) -> None:
        """Wait for small files that are being written."""
        await self._writer.close(_WRITE_TIMEOUT)

    async def fetch(self, file: File, target: Path, *, overwrite: bool, progress: Progress | None = None) -> None:
        """Download a file to `target`.

        Raises FileExistsError if the file exists and `overwrite` is False. Raises OSError, ChecksumMismatch,
        ContentChanged, ApiError, NetworkError, StoreError.
        """
        check_target(target, overwrite)
        try:
            await self._fetch_version(file, target, overwrite, progress)
        except ContentChanged:
            # The file was replaced after the previous attempt, or during this attempt: fetch the new version.
            await self._fetch_version(file, target, overwrite, progress)

    async def _fetch_version(self, file: File, target: Path, overwrite: bool, progress: Progress | None) -> None:
        reader = await self._readers.open(file)
        counter = ProgressCounter(reader.size, progress)
        part_file = part_path(target, file.id)
        if reader.size > RANGE_SIZE:
            await _RangedDownload(reader, self._store, part_file, counter).fetch(target, overwrite)
        else:
            content = await self._read_all(reader, counter)
            await self._writer.submit(SmallDownload(reader, part_file, content, target, overwrite))

    async def _read_all(self, reader: RangedReader, progress: ProgressCounter) -> bytes:
        received = []
        async with self._store.slots, aclosing(reader.chunks(0, reader.size)) as chunks:
            async for chunk in chunks:
                received.append(chunk)
                progress.add(len(chunk))
        return b"".join(received)


class _RangedDownload:
    """The download of one large file, in ranges."""

    def __init__(self, reader: RangedReader, store: StoreClient, part_file: Path, progress: ProgressCounter) -> None:
        self._reader = reader
        self._store = store
        self._part_file = part_file
        self._progress = progress
        self._range_size = reader.part_size or RANGE_SIZE
        self._digests: dict[int, bytes] = {}
        self._done: set[int] = set()
        self._state_file = part_file.with_name(f"{part_file.name}.json")
        self._state_lock = threading.Lock()
        self._save_task: asyncio.Task[None] | None = None
        self._unsaved = 0

    async def fetch(self, target: Path, overwrite: bool) -> None:
        """Fetch the missing ranges and rename the part file to `target`. Raises the errors of `Downloader.fetch`."""
        try:
            with target_in_errors(target), lock_part(self._part_file) as fd:
                await asyncio.to_thread(self._prepare, fd)
                try:
                    await self._fetch_ranges(fd)
                except BaseException:
                    # Save the state even if this task is cancelled, so that the next attempt does not fetch these
                    # ranges again.
                    await asyncio.shield(asyncio.to_thread(self._save_state, fd))
                    raise
                finally:
                    await self._finish_save()
                await asyncio.to_thread(self._finish, fd, target, overwrite)
        except (ChecksumMismatch, ContentChanged):
            self._delete_files()
            raise
        except OSError as error:
            if error.errno in _PART_FILE_ERRORS:
                self._delete_files()
            raise

    def _prepare(self, fd: int) -> None:
        """Load the state of an earlier attempt. If there is no such state, reserve disk space, so that a full disk is
        noticed now."""
        with suppress(OSError, msgspec.MsgspecError):
            state = msgspec.json.decode(self._state_file.read_bytes(), type=_State)
            same_layout = (state.size, state.range) == (self._reader.size, self._range_size)
            if same_layout and os.fstat(fd).st_size == state.size:
                self._reader.etag, self._done = state.etag, set(state.done)
                self._progress.add(sum(stop - start for start, stop in map(self._range_bounds, self._done)))
                return
        os.ftruncate(fd, 0)
        try:
            os.posix_fallocate(fd, 0, self._reader.size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            os.ftruncate(fd, self._reader.size)

    def _range_bounds(self, index: int) -> tuple[int, int]:
        return index * self._range_size, min((index + 1) * self._range_size, self._reader.size)

    async def _fetch_ranges(self, fd: int) -> None:
        count = -(-self._reader.size // self._range_size)
        missing = iter([index for index in range(count) if index not in self._done])
        if self._reader.etag is None:
            # Fetch the first range alone: its ETag is sent with all other requests.
            await self._fetch_range(fd, next(missing))

        async def work() -> None:
            for index in missing:
                await self._fetch_range(fd, index)

        await run_all(*(work() for _ in range(self._store.parallel)))

    async def _fetch_range(self, fd: int, index: int) -> None:
        position, stop = self._range_bounds(index)
        digest = hashlib.sha256()

        def write(block: bytes, offset: int) -> None:
            write_at(fd, block, offset)
            if self._reader.parts_sha256 is not None:
                digest.update(block)

        async with self._store.slots, aclosing(self._reader.blocks(position, stop)) as blocks:
            async for block in blocks:
                await asyncio.to_thread(write, block, position)
                position += len(block)
                self._progress.add(len(block))
        self._digests[index] = digest.digest()
        self._done.add(index)
        self._unsaved += 1
        if self._unsaved >= _SAVE_STATE_EVERY and (self._save_task is None or self._save_task.done()):
            # Save the state in the background: the transfer must not wait until a slow disk has synced.
            await self._finish_save()  # the earlier save has ended; this only raises its error
            self._unsaved = 0
            self._save_task = asyncio.create_task(asyncio.to_thread(self._save_state, fd), name="save download state")

    async def _finish_save(self) -> None:
        """Wait for a running write of the state file. Raises its error."""
        if self._save_task is not None:
            task, self._save_task = self._save_task, None
            await task

    def _save_state(self, fd: int) -> None:
        if self._reader.etag is None:
            return
        with self._state_lock:
            done = sorted(self._done)
            os.fdatasync(fd)  # the bytes must be on disk before the state file records them
            new_state_file = self._new_state_file()
            state = _State(self._reader.etag, self._reader.size, self._range_size, done)
            new_state_file.write_bytes(msgspec.json.encode(state))
            new_state_file.replace(self._state_file)

    def _finish(self, fd: int, target: Path, overwrite: bool) -> None:
        verify(self._reader, fd, self._digests)
        set_file_time(fd, self._reader.file.modified_at)
        os.fsync(fd)
        rename_part(self._part_file, target, overwrite)
        sync_folder(target.parent)
        self._state_file.unlink(missing_ok=True)

    def _delete_files(self) -> None:
        for path in (self._part_file, self._state_file, self._new_state_file()):
            path.unlink(missing_ok=True)

    def _new_state_file(self) -> Path:
        return self._state_file.with_name(f"{self._state_file.name}.new")
