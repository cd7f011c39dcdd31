"""Paths as people write them, there and here."""

from __future__ import annotations

import unicodedata

from .errors import UnsafeName
from .models import File


def names_of(path: str) -> list[str]:
    """The names of `/reports/2026/a.pdf`, as the server keeps them (NFC). `/` has none. Raises ValueError."""
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no path: one begins with /")
    return [unicodedata.normalize("NFC", name) for name in path.split("/") if name]


def parent_and_name(path: str) -> tuple[str, str]:
    """`/reports/2026` and `a.pdf`. Raises ValueError for the root, which has no name."""
    names = names_of(path)
    if not names:
        raise ValueError("/ has no name")
    return "/" + "/".join(names[:-1]), names[-1]


def local_name(file: File) -> str:
    """The file's name, if it can be one in a local folder. Raises UnsafeName."""
    if file.name in ("", ".", "..") or "/" in file.name or "\0" in file.name:
        raise UnsafeName(f"{file.name!r} is no name for a file here")
    return file.name
