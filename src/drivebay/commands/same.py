"""Whether a file here and one there have the same bytes, as their checksums tell."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from pathlib import Path

from drivebay.client import AsyncDrive, File

_BLOCK = 2**20


async def bytes_as(drive: AsyncDrive, path: Path, file: File) -> bool:
    """False too where no checksum is known there. Raises OSError."""
    if file.is_folder or not _size_is(path, file.size):
        return False
    if file.sha256 is not None:
        return await asyncio.to_thread(_digest, path, file.size) == [file.sha256]
    # A listing does not tell the checksum of a file that came in parts, but what tells its URL does.
    told = await drive.link(file)
    if told.sha256 is not None:
        return await asyncio.to_thread(_digest, path, file.size) == [told.sha256]
    if told.parts_sha256 is None or not told.part_size:
        return False
    parts = await asyncio.to_thread(_digest, path, told.part_size)
    return hashlib.sha256(b"".join(parts)).digest() == told.parts_sha256


def _size_is(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _digest(path: Path, stretch: int) -> list[bytes]:
    """SHA-256 of each stretch of so many bytes; of nothing, for an empty file."""
    found: list[bytes] = []
    with path.open("rb") as source:
        while True:
            digest, left = hashlib.sha256(), stretch
            while left and (block := source.read(min(_BLOCK, left))):
                digest.update(block)
                left -= len(block)
            if left == stretch and found:
                return found
            found.append(digest.digest())
            if left:
                return found


class Siblings:
    """What is in a folder there, listed once however many ask."""

    def __init__(self, drive: AsyncDrive) -> None:
        self._drive = drive
        self._known: dict[str, dict[str, File]] = {}
        self._asking = asyncio.Lock()

    async def of(self, folder: File) -> dict[str, File]:
        async with self._asking:
            if folder.id not in self._known:
                async with aclosing(self._drive.files(folder)) as files:
                    self._known[folder.id] = {file.name: file async for file in files}
        return self._known[folder.id]
