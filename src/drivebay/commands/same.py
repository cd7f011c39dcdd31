"""Whether a file here and one there have the same bytes, as their checksums tell."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from pathlib import Path

from drivebay.client import AsyncDrive, File

_BLOCK = 2**20


def bytes_as(path: Path, file: File) -> bool:
    """False too where no checksum is known there. Blocks. Raises OSError."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if file.sha256 is not None:
        return _digest(path, file.size)[0] == file.sha256
    if file.parts_sha256 is not None and file.part_size:
        return hashlib.sha256(b"".join(_digest(path, file.part_size))).digest() == file.parts_sha256
    return False


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
