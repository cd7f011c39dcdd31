"""Paths as people write them, there and here."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from uuid import UUID

from .errors import NotFound, UnsafeName
from .models import File


def names_of(path: str) -> list[str]:
    """The names of `/reports/2026/a.pdf`, as the server keeps them (NFC). `/` has none. Raises ValueError."""
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no path: one begins with /")
    return [unicodedata.normalize("NFC", name) for name in path.split("/") if name]


def checked_id(text: str) -> str:
    """An id as it was given. Raises NotFound for what cannot be one: mostly a path without its slash."""
    try:
        UUID(text)
    except ValueError:
        raise NotFound(404, "not_found", f"{text!r} is no path, which begins with a slash, and no id") from None
    return text


def parent_and_name(path: str) -> tuple[str, str]:
    """`/reports/2026` and `a.pdf`. Raises ValueError for the root, which has no name."""
    names = names_of(path)
    if not names:
        raise ValueError("/ has no name")
    return "/" + "/".join(names[:-1]), names[-1]


def local_target(path: Path, file: File) -> Path:
    """Where a file goes that is to be stored at this path, or in it if it is a folder. Raises UnsafeName."""
    if not path.is_dir():
        return path
    if file.name in ("", ".", "..") or "/" in file.name or "\0" in file.name:
        raise UnsafeName(f"{file.name!r} is no name for a file here")
    return path / file.name
