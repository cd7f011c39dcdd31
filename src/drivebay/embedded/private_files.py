"""Files and folders of embedded servers that only their own user may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def create_private_folder(folder: Path) -> Path:
    """Create a folder that only this user may enter. An existing folder is not changed. Return the absolute path."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def load_or_create_secret(file: Path) -> str:
    """Return the secret in `file`: 43 characters that need no quotes in any format. The first call creates the file."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32).replace("-", "a").replace("_", "b"))
    return file.read_text("utf-8")


def write_private(file: Path, text: str) -> None:
    """Replace a file atomically. Only this user may read it."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    new.replace(file)
