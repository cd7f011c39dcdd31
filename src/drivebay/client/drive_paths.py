"""Paths in a drive (`/reports/a.pdf`), ids, and the local path of a download."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from uuid import UUID

from .api_models import File
from .errors import NotFound, UnsafeName


def split_path(path: str) -> list[str]:
    """Return the names in a drive path, in Unicode form NFC as the server stores them. `/` has no names.

    Raises ValueError if the path does not start with a slash.
    """
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not a path in the drive: start it with /")
    return [unicodedata.normalize("NFC", name) for name in path.split("/") if name]


def split_parent(path: str) -> tuple[str, str]:
    """Return the path of the parent folder and the last name. Raises ValueError for the root, which has no name."""
    names = split_path(path)
    if not names:
        raise ValueError("/ is the root folder and has no name: give the path of a file or folder in it")
    return "/" + "/".join(names[:-1]), names[-1]


def validate_id(text: str) -> str:
    """Return the id unchanged.

    Raises NotFound if it is not a UUID. The usual cause is a path without its leading slash.
    """
    try:
        UUID(text)
    except ValueError:
        raise NotFound(404, "not_found", f"{text!r} is neither an id nor a path: start a path with /") from None
    return text


def trashed_id(file: str | File) -> str:
    """Return the id of a file in the trash. Raises ValueError for a path, NotFound for text that is not an id."""
    if isinstance(file, str) and file.startswith("/"):
        raise ValueError(f"{file!r} is a path, and files in the trash have none: give an id, or a File of trashed()")
    return file.id if isinstance(file, File) else validate_id(file)


def local_target(path: Path, file: File) -> Path:
    """Return the local path for a download: `path`, or `path / file.name` if `path` is a folder. Raises UnsafeName."""
    if not path.is_dir():
        return path
    return path / check_name(file.name)


def check_name(name: str) -> str:
    """Return the name unchanged. Raises UnsafeName if it would lead out of its folder on this computer."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise UnsafeName(f"{name!r} cannot be a file name on this computer: give a path with another name")
    return name
