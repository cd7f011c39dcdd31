"""Compares local files with files on the server, so that equal files are not transferred again.

A file of the same size and modification time counts as unchanged, unless the user asks for checksums. If only the times
differ, the checksums decide.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from drivebay.client import ApiError, AsyncDrive, File, LinkFile, file_time

_READ_SIZE: Final = 2**20
"""The number of bytes that are read and hashed at once."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ChecksumOption: TypeAlias = Annotated[
    bool,
    typer.Option("--checksum", "-c", help="Compare checksums also if size and modification time are the same."),
]


def is_unchanged(path: Path, file: File) -> bool:
    """Return whether a local file has the size and the modification time of a file on the server."""
    return not file.is_folder and _has_size(path, file.size) and has_time_of(path, file)


def has_time_of(path: Path, file: File) -> bool:
    """Return whether a local file has the modification time of a file on the server, to the microsecond."""
    return has_time(path, file.modified_at)


def has_time(path: Path, modified_at: datetime) -> bool:
    """Return whether a local file has a modification time, to the microsecond."""
    return _local_time(path) == modified_at


def is_same_file(path: Path, file: LinkFile, *, checksum: bool) -> bool:
    """Return whether a local file and a file of a link have the same size, and the same time or the same checksum.

    With `checksum`, the same time is not enough.
    """
    if not _has_size(path, file.size):
        return False
    if not checksum and has_time(path, file.modified_at):
        return True
    return file.sha256 is not None and _part_digests(path, file.size) == [file.sha256]


def _local_time(path: Path) -> datetime | None:
    return file_time(path.stat().st_mtime_ns)


def copy_time(file: File, path: Path) -> None:
    """Give a local file the modification time of a file on the server, if the file system allows it."""
    set_time(path, file.modified_at)


def set_time(path: Path, modified_at: datetime) -> None:
    """Give a local file a modification time, if the file system allows it."""
    microseconds = (modified_at - _EPOCH) // timedelta(microseconds=1)
    with suppress(OSError, OverflowError):
        os.utime(path, ns=(path.stat().st_atime_ns, microseconds * 1000))


async def send_time(drive: AsyncDrive, path: Path, file: File) -> None:
    """Give a file on the server the modification time of a local file with the same bytes, if the server accepts it."""
    modified_at = _local_time(path)
    if modified_at in (None, file.modified_at):
        return
    try:
        await drive.update(file, modified_at=modified_at)
    except ApiError as error:
        if error.code != "invalid_request":
            raise


async def content_matches(drive: AsyncDrive, path: Path, file: File) -> bool:
    """Return whether a local file and a file on the server have the same bytes.

    Also returns False if the server has no checksum. Raises OSError if the local file cannot be read.
    """
    if file.is_folder or not _has_size(path, file.size):
        return False
    if file.sha256 is not None:
        return await asyncio.to_thread(_part_digests, path, file.size) == [file.sha256]
    # A listing has no checksum of a file that was uploaded in parts. The response with the presigned URL has a
    # checksum.
    link = await drive.link(file)
    if link.sha256 is not None:
        return await asyncio.to_thread(_part_digests, path, file.size) == [link.sha256]
    if link.parts_sha256 is None or not link.part_size:
        return False
    digests = await asyncio.to_thread(_part_digests, path, link.part_size)
    return hashlib.sha256(b"".join(digests)).digest() == link.parts_sha256


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _part_digests(path: Path, part_size: int) -> list[bytes]:
    """Return the SHA-256 of each part of `part_size` bytes. An empty file has one part, which is empty."""
    digests: list[bytes] = []
    with path.open("rb") as source:
        while True:
            digest, remaining = hashlib.sha256(), part_size
            while remaining and (block := source.read(min(_READ_SIZE, remaining))):
                digest.update(block)
                remaining -= len(block)
            if remaining == part_size and digests:
                return digests
            digests.append(digest.digest())
            if remaining:
                return digests


class FolderListings:
    """The contents of folders on the server. Each folder is listed only once."""

    def __init__(self, drive: AsyncDrive) -> None:
        self._drive = drive
        self._listings: dict[str, dict[str, File]] = {}
        self._lock = asyncio.Lock()

    def loaded(self, folder: File) -> dict[str, File] | None:
        """Return the contents of a folder that was listed already, or None."""
        return self._listings.get(folder.id)

    async def by_name(self, folder: File) -> dict[str, File]:
        """Return the files and folders in `folder` by name."""
        async with self._lock:
            if folder.id not in self._listings:
                async with aclosing(self._drive.files(folder)) as files:
                    self._listings[folder.id] = {file.name: file async for file in files}
        return self._listings[folder.id]
