"""Runs `thumbnail_process.py` for one file: with few environment variables, a time limit and a limit of the output."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL
from typing import Final

from ..contract.storage import THUMBNAIL_SIZES, ThumbnailImage

MAX_VIDEO: Final = 2**40
"""The maximum size of a video in bytes. The process gets only the beginning and the end of a large video, in a file in
memory of the same length."""
_VIDEO_STARTS: Final = ((0, b"\x1aE\xdf\xa3"), (4, b"ftyp"), (8, b"AVI "), (0, b"OggS"))
"""The offsets and the bytes that identify a video: Matroska and WebM, MP4, AVI, Ogg."""
_PROGRAM: Final = Path(__file__).with_name("thumbnail_process.py")
_NO_PREVIEW: Final = 2
"""`NO_PREVIEW` of the program. The program is not imported, because it would load the libraries into the worker."""
_MAX_OUTPUT: Final = 3 * 2**20
"""The maximum number of bytes of all thumbnails of one file together."""
_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4
_ENVIRONMENT: Final = {"VIPS_CONCURRENCY": "1", "MALLOC_ARENA_MAX": "1", "VIPS_WARNING": "1", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits of one process: bytes of memory, CPU time, time until it is killed, and pixels of an image."""

    memory: int = 512 * 2**20
    cpu: timedelta = timedelta(seconds=15)
    time: timedelta = timedelta(seconds=30)
    pixels: int = 250_000_000


@dataclass(frozen=True, slots=True)
class FileTail:
    """The last bytes of a file whose middle is not read, and their offset."""

    offset: int
    body: bytes


class NotReadable(Exception):
    """No thumbnail can be made of these bytes. A second attempt would have the same result."""


class ProcessFailed(Exception):
    """The process was killed, took too long, or wrote an invalid output. The message is the reason."""


def has_libraries() -> bool:
    """Return whether the libraries that read images and PDF documents are installed, without loading them."""
    return find_spec("pyvips") is not None and find_spec("pypdfium2") is not None


def has_video_library() -> bool:
    """Return whether the library that reads videos is installed, without loading it."""
    return find_spec("av") is not None


def may_be_video(start: bytes) -> bool:
    """Return whether a file that begins with these bytes may be a video. AVIF and HEIC images may be videos too."""
    return any(start[offset : offset + len(mark)] == mark for offset, mark in _VIDEO_STARTS)


async def make_thumbnails(
    body: bytes, limits: ProcessLimits, end: FileTail | None = None
) -> tuple[ThumbnailImage, ...]:
    """Return the thumbnails of an image, a PDF document or a video, largest first. Raises NotReadable, ProcessFailed.

    With `end`, the file is longer than `body`, and the bytes between `body` and `end` are missing. The process has
    ended when this function returns, also if the task is cancelled.
    """
    sizes = sorted(THUMBNAIL_SIZES, reverse=True)
    numbers = (limits.memory, int(limits.cpu.total_seconds()), limits.pixels, *sizes)
    with _closed_memory(), _memory_file(body, end) as source, _memory_file(b"") as target:
        # Do not start the process with asyncio: uvloop forks, which runs the fork handlers of gRPC in the child, and
        # the child may hang there. `Popen` uses vfork, which runs no handlers.
        process = subprocess.Popen(  # noqa: S603, ASYNC220
            [sys.executable, "-I", str(_PROGRAM), *map(str, numbers)],
            stdin=source, stdout=target, stderr=subprocess.DEVNULL, env=_ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
        status = await _wait(process, limits)
        output = os.pread(target, _MAX_OUTPUT + 1, 0)
    if status == _NO_PREVIEW:
        raise NotReadable
    if status != 0:
        raise ProcessFailed(f"signal {-status}" if status < 0 else f"exit status {status}")
    return _parse(output, sizes)


@contextmanager
def _closed_memory() -> Iterator[None]:
    """Keep other processes of the same user from reading and changing the memory of this process.

    The memory contains the keys of the deployment. Without root, the process that reads the file has the same user.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    before = prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    if prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):  # guard: thumbnail-closed-memory
        raise OSError(ctypes.get_errno(), "prctl failed")
    try:
        yield
    finally:
        prctl(_PR_SET_DUMPABLE, before, 0, 0, 0)


@contextmanager
def _memory_file(body: bytes, end: FileTail | None = None) -> Iterator[int]:
    """Yield the descriptor of a file in memory with these bytes, at its beginning. Missing bytes take no memory."""
    descriptor = os.memfd_create("thumbnail")
    try:
        for offset, part in ((0, body), *(() if end is None else ((end.offset, end.body),))):
            os.lseek(descriptor, offset, os.SEEK_SET)
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


async def _wait(process: subprocess.Popen[bytes], limits: ProcessLimits) -> int:
    """Return the exit status of a process. If it takes too long, kill it and raise ProcessFailed."""
    waiting = asyncio.ensure_future(asyncio.to_thread(process.wait))
    seconds = limits.time.total_seconds()  # guard: thumbnail-time
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(waiting)
    except TimeoutError:
        raise ProcessFailed(f"it took longer than {seconds:g} seconds") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, SIGKILL)  # and its child processes
        await asyncio.shield(waiting)


def _parse(output: bytes, sizes: list[int]) -> tuple[ThumbnailImage, ...]:
    if len(output) > _MAX_OUTPUT:  # guard: thumbnail-output
        raise ProcessFailed("its output is too long")
    images, position = [], 0
    for size in sizes:
        length = int.from_bytes(output[position : position + 4], "big")
        body = output[position + 4 : position + 4 + length]
        position += 4 + length
        # The output is not trusted: a file may have taken control of the process.
        if len(body) != length or not (body[:4] == b"RIFF" and body[8:12] == b"WEBP"):  # guard: thumbnail-webp
            raise ProcessFailed("its output is not a list of thumbnails")
        images.append(ThumbnailImage(size, body))
    if position != len(output):
        raise ProcessFailed("its output is not a list of thumbnails")
    return tuple(images)
