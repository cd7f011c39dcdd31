"""Secrets of the embedded servers: made once, kept beside their data, readable by their user only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def keep(file: Path) -> str:
    """The secret kept in `file`, made if there is none yet: 43 characters that need no quoting anywhere."""
    if not file.exists():
        write(file, secrets.token_urlsafe(32).replace("-", "a").replace("_", "b"))
    return file.read_text("utf-8")


def write(file: Path, text: str) -> None:
    """Write a file for our eyes only, whole or not at all."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
