"""Downloads to a path: whole, checked and synced to disk before they have their name, or not there at all.

The bytes come into `.<name>.<id>.part` beside the target. Large files come in ranges, several at once, and what has
come is noted beside it, so that the next attempt fetches only the rest, if it is still the same version.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from . import reading
from .errors import Changed, Damaged
from .http import Http
from .lanes import Lane
from .models import File
from .reading import Reading
from .store import Store
from .together import all_of
from .uploads import Count, Progress

RANGE: Final = 8 * 2**20
_NOTED_EVERY: Final = 8
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BLOCK: Final = 2**20
_WRITERS: Final = 3
_WRITTEN_WITHIN: Final = 5.0


class _Note(msgspec.Struct):
    """Which ranges of which version are on disk."""

    etag: str
    size: int
    range: int
    done: list[int]


class Downloads:
    def __init__(self, http: Http, store: Store, links: reading.Links) -> None:
        self._http = http
        self._store = store
        self._links = links
        self._writing: Lane[_Small, None] = Lane(lambda small: asyncio.to_thread(_write_small, small), at_once=_WRITERS)

    async def close(self) -> None:
        await self._writing.close(_WRITTEN_WITHIN)

    async def to_path(self, file: File, target: Path, *, overwrite: bool, progress: Progress | None = None) -> None:
        """Raises FileExistsError unless `overwrite`; OSError, Damaged, Changed, ApiError, NetworkError, StoreError."""
        _check_free(target, overwrite)
        part = target.parent / f".{target.name[:60]}.{file.id}.part"
        for last in (False, True):
            source = await reading.begin(self._http, self._store, self._links, file)
            moved = Count(source.size, progress)
            try:
                if source.size <= RANGE:
                    await self._small(source, part, target, overwrite, moved)
                else:
                    await _Large(source, self._store, part, moved).fetch(target, overwrite)
                return
            except Changed:
                # Replaced since the attempt that we went on with, or just now: once more, from the beginning.
                if last:
                    raise

    async def _small(self, source: Reading, part: Path, target: Path, overwrite: bool, moved: Count) -> None:
        body = []
        async with self._store.slots, aclosing(source.chunks(0, source.size)) as chunks:
            async for chunk in chunks:
                body.append(chunk)
                moved(len(chunk))
        await self._writing(_Small(source, part, b"".join(body), target, overwrite))


class _Small(NamedTuple):
    """All bytes of a small file, on their way to disk."""

    source: Reading
    part: Path
    body: bytes
    target: Path
    overwrite: bool


class _Large:
    """A download in ranges."""

    def __init__(self, source: Reading, store: Store, part: Path, moved: Count) -> None:
        self._source = source
        self._store = store
        self._part = part
        self._note = part.with_name(f"{part.name}.json")
        self._moved = moved
        self._range = source.part_size or RANGE
        self._digests: dict[int, bytes] = {}
        self._done: set[int] = set()
        self._unnoted = 0
        self._note_task: asyncio.Task[None] | None = None
        self._noting = threading.Lock()

    async def fetch(self, target: Path, overwrite: bool) -> None:
        try:
            with _locked(self._part) as fd:
                await asyncio.to_thread(self._prepare, fd)
                try:
                    await self._ranges(fd)
                except BaseException:
                    # What has come is not fetched again.
                    await asyncio.shield(asyncio.to_thread(self._write_note, fd))
                    raise
                finally:
                    await self._noted()
                await asyncio.to_thread(self._finish, fd, target, overwrite)
        except (Damaged, Changed):
            self._discard()
            raise
        except OSError as error:
            if error.errno in _FULL:
                self._discard()  # the disk gets its room back
            raise

    def _prepare(self, fd: int) -> None:
        """Go on with what is there, or make room for all of it at once, so that a full disk is known now."""
        with suppress(OSError, msgspec.MsgspecError):
            note = msgspec.json.decode(self._note.read_bytes(), type=_Note)
            if (note.size, note.range) == (self._source.size, self._range) and os.fstat(fd).st_size == note.size:
                self._source.etag, self._done = note.etag, set(note.done)
                self._moved(sum(self._span(index)[1] - self._span(index)[0] for index in self._done))
                return
        os.ftruncate(fd, 0)
        try:
            os.posix_fallocate(fd, 0, self._source.size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            os.ftruncate(fd, self._source.size)

    def _span(self, index: int) -> tuple[int, int]:
        return index * self._range, min((index + 1) * self._range, self._source.size)

    async def _ranges(self, fd: int) -> None:
        count = -(-self._source.size // self._range)
        left = iter([index for index in range(count) if index not in self._done])
        if self._source.etag is None:
            # Alone: it brings the ETag that all the others are held against.
            await self._fetch(fd, next(left))

        async def work() -> None:
            for index in left:
                await self._fetch(fd, index)

        await all_of(*(work() for _ in range(self._store.parallel)))

    async def _fetch(self, fd: int, index: int) -> None:
        start, stop = self._span(index)
        digest = hashlib.sha256()

        def write(block: bytes, at: int) -> None:
            _write_all(fd, block, at)
            if self._source.parts_sha256 is not None:
                digest.update(block)

        async with self._store.slots, aclosing(self._source.blocks(start, stop)) as blocks:
            async for block in blocks:
                await asyncio.to_thread(write, block, start)
                start += len(block)
                self._moved(len(block))
        self._digests[index] = digest.digest()
        self._done.add(index)
        self._unnoted += 1
        if self._unnoted >= _NOTED_EVERY and (self._note_task is None or self._note_task.done()):
            # Beside the others: a disk is slower than the network may be, and nobody waits for its syncing.
            await self._noted()
            self._unnoted = 0
            self._note_task = asyncio.create_task(asyncio.to_thread(self._write_note, fd), name="note of a download")

    async def _noted(self) -> None:
        """Wait for the note that is being written. Raises what went wrong with it."""
        if self._note_task is not None:
            task, self._note_task = self._note_task, None
            await task

    def _write_note(self, fd: int) -> None:
        if self._source.etag is None:
            return
        with self._noting:
            done = sorted(self._done)
            os.fdatasync(fd)  # the bytes before the word that they are there
            fresh = self._note.with_name(f"{self._note.name}.new")
            fresh.write_bytes(msgspec.json.encode(_Note(self._source.etag, self._source.size, self._range, done)))
            fresh.replace(self._note)

    def _finish(self, fd: int, target: Path, overwrite: bool) -> None:
        _verify(self._source, fd, self._digests)
        os.fsync(fd)
        _name(self._part, target, overwrite)
        _sync_folder(target.parent)
        self._note.unlink(missing_ok=True)

    def _discard(self) -> None:
        for path in (self._part, self._note, self._note.with_name(f"{self._note.name}.new")):
            path.unlink(missing_ok=True)


def _check_free(target: Path, overwrite: bool) -> None:
    """In vain to fetch what could not have its name; and no device or pipe gives its place to a file."""
    if not overwrite and target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "is there, and is no file", str(target))


def _write_small(several: Sequence[_Small]) -> list[Exception | None]:
    """Each whole, on disk and under its name, or not there. All are written before the first is synced: then the disk
    has one turn for many."""
    failed: dict[int, Exception] = {}
    with ExitStack() as locks:
        written = {}
        for place, small in enumerate(several):
            with _failing(failed, place, small.part):
                written[place] = _write(small, locks)
        for fd in written.values():
            # Linux begins to write it to disk, and does not wait. So most of the syncs find their work done: measured
            # on ext4, 80 us instead of 190.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for place, fd in written.items():
            with _failing(failed, place, several[place].part):
                os.fsync(fd)
        for place in written.keys() - failed.keys():
            small = several[place]
            with _failing(failed, place, small.part):
                _name(small.part, small.target, small.overwrite)
    folders = {several[place].target.parent for place in written.keys() - failed.keys()}
    for folder in folders:
        _sync_folder(folder)
    return [failed.get(place) for place in range(len(several))]


@contextmanager
def _failing(failed: dict[int, Exception], place: int, part: Path) -> Iterator[None]:
    try:
        yield
    except BlockingIOError as error:  # another process fetches it: the part is theirs
        failed[place] = error
    except (OSError, Damaged) as error:
        part.unlink(missing_ok=True)
        failed[place] = error


def _write(small: _Small, locks: ExitStack) -> int:
    """The part with all its bytes, not synced yet. Raises OSError, Damaged."""
    source = small.source
    if source.sha256 not in (None, hashlib.sha256(small.body).digest()):
        raise _damaged(source)
    fd = locks.enter_context(_locked(small.part))
    os.ftruncate(fd, 0)
    _write_all(fd, small.body, 0)
    if source.sha256 is None:
        _verify(source, fd, {})
    return fd


def _verify(source: Reading, fd: int, known: dict[int, bytes]) -> None:
    """Raises Damaged. `known` are digests of parts that were taken while they came."""
    if source.sha256 is not None:
        if _digest(fd, 0, source.size) != source.sha256:
            raise _damaged(source)
    elif source.parts_sha256 is not None and source.part_size:
        whole = hashlib.sha256()
        for index, start in enumerate(range(0, source.size, source.part_size) or (0,)):
            stop = min(start + source.part_size, source.size)
            whole.update(known.get(index) or _digest(fd, start, stop))
        if whole.digest() != source.parts_sha256:
            raise _damaged(source)


def _damaged(source: Reading) -> Damaged:
    return Damaged(f"{source.file.name} came with other bytes than were stored; nothing was kept")


def _digest(fd: int, start: int, stop: int) -> bytes:
    found = hashlib.sha256()
    while start < stop and (block := os.pread(fd, min(_BLOCK, stop - start), start)):
        found.update(block)
        start += len(block)
    return found.digest()


def _write_all(fd: int, block: bytes, at: int) -> None:
    left = memoryview(block)
    while left:
        written = os.pwrite(fd, left, at)
        left, at = left[written:], at + written


@contextmanager
def _locked(part: Path) -> Iterator[int]:
    """The part file, open for us alone. Raises BlockingIOError while another process fetches the same."""
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _busy(part, error.errno) from None
        if not part.exists() or os.fstat(fd).st_ino != part.stat().st_ino:
            # Whoever held it has finished and given it its name: what we have open is the final file.
            raise _busy(part, errno.EAGAIN)
        yield fd
    finally:
        os.close(fd)


def _busy(part: Path, number: int | None) -> BlockingIOError:
    return BlockingIOError(number, "another process is fetching this file", str(part))


def _name(part: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        part.replace(target)
    else:
        try:
            target.hardlink_to(part)  # unlike a rename it never takes the place of what is there
        except FileExistsError:
            raise
        except OSError:
            part.replace(target)  # a file system without links
        else:
            part.unlink()


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
