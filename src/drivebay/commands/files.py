"""Small files that are whole or not there: written beside, for their owner's eyes only, and renamed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, body: bytes) -> None:
    """Put this into a file that only its owner can read, in place of what was there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def read(path: Path) -> bytes | None:
    """None if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
