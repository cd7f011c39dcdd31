"""Upload sources: a path, bytes, an open file or an iterable, read by offset and as often as needed.

The content of a source must not change until the upload ends. A file that changes is detected by its size and its
modification time, and raises `ContentChanged`. A small file is read once, into memory. Content of unknown size is
written to a temporary file first.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final, Protocol, TypeAlias, cast

from .batcher import Batcher
from .errors import ContentChanged

Content: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes]
)
"""A value that can be uploaded: a path (`str` or `Path`), bytes, an open binary file, or a generator or other iterable
of bytes, which may be asynchronous."""

MAX_IN_MEMORY: Final = 64 * 2**10
"""Files up to this number of bytes are read into memory."""
_BLOCK_SIZE: Final = 2**20
"""The number of bytes that are read and hashed at once."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OPENER_THREADS: Final = 2
"""The number of threads that open files."""


class Source(Protocol):
    """Content to upload. The methods block: call them in a thread."""

    @property
    def size(self) -> int: ...

    @property
    def identity(self) -> str | None:
        """A string that is equal for the same file in the same state, in any process.

        It is None if an upload of this source cannot be resumed.
        """
        ...

    @property
    def path(self) -> Path | None: ...

    @property
    def modified_at(self) -> datetime | None:
        """The modification time of the file, if the source is a file with a path."""
        ...

    @property
    def content(self) -> bytes | None:
        """All bytes, if they are in memory."""
        ...

    @property
    def sha256(self) -> bytes | None:
        """The SHA-256 of all bytes, if it is known already."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes. Raises ContentChanged if the file has become too short."""
        ...

    def check(self) -> None:
        """Check that the file has not changed since it was opened. Raises ContentChanged."""
        ...


class _FileSource:
    """A `Source` for a regular file, from the offset `start` to its end."""

    content = None
    sha256 = None

    def __init__(self, fd: int, path: Path | None, start: int = 0) -> None:
        self._fd = fd
        self._start = start
        self._initial_state = _file_state(fd)
        self.path = path
        self.size = max(0, self._initial_state[0] - start)

    @property
    def modified_at(self) -> datetime | None:
        return None if self.path is None else file_time(self._initial_state[1])

    @property
    def identity(self) -> str | None:
        size, mtime = self._initial_state
        return None if self.path is None else f"{self.path} {size} {mtime}"

    def read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._fd, length, self._start + offset)
        while len(data) < length:
            more = os.pread(self._fd, length - len(data), self._start + offset + len(data))
            if not more:
                raise ContentChanged(f"{self._name()} became shorter while it was read: upload it again")
            data += more
        return data

    def check(self) -> None:
        if _file_state(self._fd) != self._initial_state:
            raise ContentChanged(f"{self._name()} changed while it was read: upload it again")

    def _name(self) -> str:
        return "the file" if self.path is None else str(self.path)


class _MemorySource:
    """A `Source` for bytes in memory."""

    identity = None

    def __init__(
        self,
        content: bytes | bytearray | memoryview,
        path: Path | None = None,
        sha256: bytes | None = None,
        modified_at: datetime | None = None,
    ) -> None:
        self.content = bytes(content)  # a copy, because the caller may change a bytearray
        self.size = len(self.content)
        self.path = path
        self.sha256 = sha256
        self.modified_at = modified_at

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def check(self) -> None:
        pass


OpenedPath: TypeAlias = _MemorySource | tuple[IO[bytes], Path]
"""A small file, read into memory, or a large file that is open, with its absolute path."""
PathOpener: TypeAlias = Batcher[Path, OpenedPath]


def path_opener() -> PathOpener:
    """Return a batcher that opens paths in threads, several in each call."""

    def open_all(paths: Sequence[Path]) -> list[OpenedPath | Exception]:
        return [_try_open(path) for path in paths]

    return Batcher(
        lambda paths: asyncio.to_thread(open_all, paths), discard_result=_close_opened, concurrency=_OPENER_THREADS
    )


@asynccontextmanager
async def open_source(content: Content, opener: PathOpener) -> AsyncIterator[Source]:
    """Open the content as a source, and close it at the end.

    Raises OSError, ContentChanged, ValueError for a path that is not a regular file, and TypeError for content of
    another type.
    """
    if isinstance(content, bytes | bytearray | memoryview):
        yield _MemorySource(content)
    elif isinstance(content, str | os.PathLike):
        opened = await opener.submit(Path(content))
        if isinstance(opened, _MemorySource):
            yield opened
        else:
            file, path = opened
            with file:
                yield _FileSource(file.fileno(), path)
    else:
        with _spool_file() as spool:
            if isinstance(content, AsyncIterable):
                async for block in content:
                    await asyncio.to_thread(_write_block, spool, block)
                fd, start = spool.fileno(), 0
            elif callable(getattr(content, "read", None)):
                fd, start = await asyncio.to_thread(_seekable_file, cast("IO[bytes]", content), spool)
            elif isinstance(content, Iterable):
                fd, start = await asyncio.to_thread(_spool_blocks, content, spool), 0
            else:
                raise TypeError(_wrong_type_message(content))
            yield _FileSource(fd, None, start)


def sha256_of(source: Source, offset: int = 0, length: int | None = None) -> bytes:
    """Return the SHA-256 of a range, by default of all bytes. The function blocks. Raises ContentChanged."""
    remaining = source.size if length is None else length
    digest = hashlib.sha256()
    while remaining:
        block = source.read(offset, min(remaining, _BLOCK_SIZE))
        digest.update(block)
        offset += len(block)
        remaining -= len(block)
    return digest.digest()


async def _close_opened(opened: OpenedPath) -> None:
    if not isinstance(opened, _MemorySource):
        opened[0].close()


def _try_open(path: Path) -> OpenedPath | Exception:
    try:
        return _open_path(path)
    except Exception as error:  # noqa: BLE001 - raised in the caller of this path; the other paths are opened
        return error


def _open_path(path: Path) -> OpenedPath:
    """Open a file. A small file is also read and hashed. Raises OSError, ValueError, ContentChanged."""
    file = _open_regular_file(path)
    try:
        source = _FileSource(file.fileno(), path.absolute())
        if source.size > MAX_IN_MEMORY:
            return file, path.absolute()
        content = source.read(0, source.size)
        source.check()
    except BaseException:
        file.close()
        raise
    file.close()
    return _MemorySource(content, path, hashlib.sha256(content).digest(), source.modified_at)


def _open_regular_file(path: Path) -> IO[bytes]:
    # Check before opening, because opening a pipe or a device may block forever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is not a regular file and cannot be uploaded")
    return path.open("rb", buffering=0)


def _seekable_file(file: IO[bytes], spool: IO[bytes]) -> tuple[int, int]:
    """Return a file descriptor and the offset where the content starts.

    A regular file is used directly. A pipe, or an object without a descriptor, is copied to `spool`.
    """
    if isinstance(cast("object", file), io.TextIOBase):
        raise TypeError("the file is open in text mode: open it with mode 'rb'")
    with suppress(OSError, AttributeError):
        fd = file.fileno()
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd, file.tell()
    return _spool_blocks(iter(lambda: file.read(_BLOCK_SIZE), b""), spool), 0


def _spool_blocks(blocks: Iterable[bytes], spool: IO[bytes]) -> int:
    """Write all blocks to the temporary file and return its descriptor. The function blocks."""
    for block in blocks:
        _write_block(spool, block)
    return spool.fileno()


def _write_block(spool: IO[bytes], block: object) -> None:
    if not isinstance(block, bytes | bytearray | memoryview):
        raise TypeError(f"the content yields {type(block).__name__} instead of bytes")
    remaining = memoryview(block).cast("B")
    try:
        while remaining:
            remaining = remaining[spool.write(remaining) :]
    except OSError as error:
        # The error of a file without a name does not say which disk is full.
        reason = f"{os.strerror(error.errno or 0)}, in the folder for temporary files (TMPDIR)"
        raise OSError(error.errno, reason, tempfile.gettempdir()) from None


@contextmanager
def _spool_file() -> Iterator[IO[bytes]]:
    """Yield a temporary file without a buffer, so that each write raises the error of a full disk itself."""
    with tempfile.TemporaryFile(buffering=0) as spool:
        yield spool


def _wrong_type_message(content: object) -> str:
    accepted = "a path (str or Path), bytes, an open binary file, or an iterable or async iterable of bytes"
    return f"the content to upload must be {accepted}, not {type(content).__name__}"


def file_time(mtime_ns: int) -> datetime | None:
    """Return the time for `st_mtime_ns`, exact to a microsecond, as the server keeps it. None if it is out of range."""
    try:
        return _EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        return None


def _file_state(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_size, status.st_mtime_ns
