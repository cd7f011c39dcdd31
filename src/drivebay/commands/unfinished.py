"""Uploads that have not ended: a small file for each, under the user's state folder.

Those that can be gone on with stand there by themselves. Requests that begin small ones are in `begun`, each held by a
lock for as long as its process lives.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec
import platformdirs

from drivebay.client import Begun, Unfinished

from . import files


class Folder:
    """Implements `Resume` in files."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or platformdirs.user_state_path("drivebay") / "uploads"
        self._held: dict[str, int] = {}

    def find(self, key: str) -> Unfinished | None:
        body = files.read(self._path(key))
        return None if body is None else _decoded(body)

    def keep(self, unfinished: Unfinished) -> None:
        files.write(self._path(unfinished.key), msgspec.json.encode(unfinished))

    def forget(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def all(self) -> list[Unfinished]:
        """Every one, oldest first."""
        found = [_decoded(path.read_bytes()) for path in self._folder.glob("*.json")]
        return sorted((each for each in found if each is not None), key=lambda each: each.begun_at)

    def note(self, begun: Begun) -> None:
        folder = self._folder / "begun"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f".{begun.key}"
        fd = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._held[begun.key] = fd
        fcntl.flock(fd, fcntl.LOCK_EX)
        # It outlives this process. A power cut may take it: then the uploads end by their deadline.
        os.write(fd, msgspec.json.encode(begun))
        fresh.replace(self._note(begun.key))

    def drop(self, key: str) -> None:
        self._note(key).unlink(missing_ok=True)
        os.close(self._held.pop(key))

    def abandoned(self, server: str) -> list[Begun]:
        found = []
        for path in (self._folder / "begun").glob("*.json"):
            begun = self._taken(path, server)
            if begun is not None:
                found.append(begun)
        return found

    def _taken(self, path: Path, server: str) -> Begun | None:
        """What stands in this note, held by us; None if somebody else holds it, or it is of another server."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            begun = msgspec.json.decode(path.read_bytes(), type=Begun)
        except (BlockingIOError, FileNotFoundError, msgspec.MsgspecError):
            os.close(fd)
            return None
        if begun.server != server:
            os.close(fd)
            return None
        self._held[begun.key] = fd
        return begun

    def _note(self, key: str) -> Path:
        return self._folder / "begun" / f"{key}.json"

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def _decoded(body: bytes) -> Unfinished | None:
    try:
        return msgspec.json.decode(body, type=Unfinished)
    except msgspec.MsgspecError:
        return None  # of another version: that upload begins anew
