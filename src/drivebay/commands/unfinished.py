"""Uploads that can be gone on with: a small file for each, under the user's state folder."""

from __future__ import annotations

from pathlib import Path

import msgspec
import platformdirs

from drivebay.client import Unfinished

from . import files


class Folder:
    """Implements `Resume` in files."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or platformdirs.user_state_path("drivebay") / "uploads"

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

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def _decoded(body: bytes) -> Unfinished | None:
    try:
        return msgspec.json.decode(body, type=Unfinished)
    except msgspec.MsgspecError:
        return None  # of another version: that upload begins anew
