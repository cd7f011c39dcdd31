"""What can be uploaded: a path, bytes, a file object, an async iterator. All are read by offset, as often as needed.

A source has one size and one content from `opened` to its end, or it raises `Changed`: a file that somebody writes to
is noticed by its size and its time. A small one is read once, and what was read is its content. What has no size before
its end is written to a temporary file first.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Final, Protocol, TypeAlias

from .errors import Changed
from .lanes import Lane

Content: TypeAlias = str | Path | bytes | bytearray | memoryview | IO[bytes] | AsyncIterable[bytes]
"""A path (`str` or `Path`), the bytes themselves, an open binary file, or whatever yields bytes."""

IN_MEMORY: Final = 64 * 2**10
"""Bytes up to which a file is read into memory at once."""
_BLOCK: Final = 2**20


class Source(Protocol):
    """Bytes to send. Its methods block, for a thread to call."""

    @property
    def size(self) -> int: ...

    @property
    def identity(self) -> str | None:
        """The same for the same file in the same state, in any process; None where nothing can be found again."""
        ...

    @property
    def path(self) -> Path | None: ...

    @property
    def whole(self) -> bytes | None:
        """All of it, if it is in memory."""
        ...

    @property
    def sha256(self) -> bytes | None:
        """Of all of it, if that is known already."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises Changed if they are not there any more."""
        ...

    def check(self) -> None:
        """Raises Changed if it is not what it was."""
        ...


class _File:
    """Implements `Source` for a regular file, from `start` to its end."""

    whole = None
    sha256 = None

    def __init__(self, fd: int, path: Path | None, start: int = 0) -> None:
        self._fd = fd
        self._start = start
        self._at_first = _state(fd)
        self.path = path
        self.size = max(0, self._at_first[0] - start)

    @property
    def identity(self) -> str | None:
        size, mtime = self._at_first
        return None if self.path is None else f"{self.path} {size} {mtime}"

    def read(self, offset: int, length: int) -> bytes:
        got = os.pread(self._fd, length, self._start + offset)
        while len(got) < length:
            more = os.pread(self._fd, length - len(got), self._start + offset + len(got))
            if not more:
                raise Changed(f"{self._name()} became shorter while it was read")
            got += more
        return got

    def check(self) -> None:
        if _state(self._fd) != self._at_first:
            raise Changed(f"{self._name()} changed while it was read")

    def _name(self) -> str:
        return "the file" if self.path is None else str(self.path)


class _Bytes:
    """Implements `Source` for bytes in memory."""

    identity = None

    def __init__(
        self, body: bytes | bytearray | memoryview, path: Path | None = None, sha256: bytes | None = None
    ) -> None:
        self.whole = bytes(body)  # a copy of what others could change
        self.size = len(self.whole)
        self.path = path
        self.sha256 = sha256

    def read(self, offset: int, length: int) -> bytes:
        return self.whole[offset : offset + length]

    def check(self) -> None:
        pass


Found: TypeAlias = _Bytes | tuple[IO[bytes], Path]
"""A small file in memory; a larger one, open, and where it is."""
Files: TypeAlias = Lane[Path, Found]


def files() -> Files:
    """Files that are looked at in threads, several in one turn."""

    def look(paths: Sequence[Path]) -> list[Found | Exception]:
        return [_tried(path) for path in paths]

    return Lane(lambda paths: asyncio.to_thread(look, paths), _closed, at_once=2)


async def _closed(found: Found) -> None:
    if not isinstance(found, _Bytes):
        found[0].close()


@asynccontextmanager
async def opened(content: Content, files: Files) -> AsyncIterator[Source]:
    """The source of this content, closed afterwards. Raises OSError; ValueError for what is no regular file."""
    if isinstance(content, bytes | bytearray | memoryview):
        yield _Bytes(content)
    elif isinstance(content, str | Path):
        found = await files(Path(content))
        if isinstance(found, _Bytes):
            yield found
        else:
            file, path = found
            with file:
                yield _File(file.fileno(), path)
    elif isinstance(content, AsyncIterable):
        with tempfile.TemporaryFile() as spool:
            async for block in content:
                await asyncio.to_thread(spool.write, block)
            spool.flush()
            yield _File(spool.fileno(), None)
    else:
        with tempfile.TemporaryFile() as spool:
            # A file on disk is read where it is; a pipe, or what only looks like a file, is written down first.
            fd, start = await asyncio.to_thread(_place, content, spool)
            yield _File(fd, None, start)


def digest(source: Source, offset: int = 0, length: int | None = None) -> bytes:
    """The SHA-256 of a stretch, or of all of it. Blocks. Raises Changed."""
    left = source.size if length is None else length
    found = hashlib.sha256()
    while left:
        block = source.read(offset, min(left, _BLOCK))
        found.update(block)
        offset += len(block)
        left -= len(block)
    return found.digest()


def _tried(path: Path) -> Found | Exception:
    try:
        return _found(path)
    except (OSError, ValueError, Changed) as error:
        return error


def _found(path: Path) -> Found:
    """A small file as it is now, read and hashed at once. Raises OSError, ValueError, Changed."""
    file = _regular(path)
    try:
        source = _File(file.fileno(), path.absolute())
        if source.size > IN_MEMORY:
            return file, path.absolute()
        body = source.read(0, source.size)
        source.check()
    except BaseException:
        file.close()
        raise
    file.close()
    return _Bytes(body, path, hashlib.sha256(body).digest())


def _regular(path: Path) -> IO[bytes]:
    # Not a device or a pipe: opening one may wait for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is no regular file")
    return path.open("rb", buffering=0)


def _place(file: IO[bytes], spool: IO[bytes]) -> tuple[int, int]:
    """Where the file's bytes lie and begin: its own descriptor, or that of `spool`, into which they are copied."""
    with suppress(OSError, AttributeError):
        fd = file.fileno()
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd, file.tell()
    while block := file.read(_BLOCK):
        spool.write(block)
    spool.flush()
    return spool.fileno(), 0


def _state(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_size, found.st_mtime_ns
