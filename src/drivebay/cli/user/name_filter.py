"""The options `--include` and `--exclude`, which select the files and folders of a transfer."""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase
from typing import Annotated

import typer

IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="PATTERN", help="Transfer only files that match this pattern. Can be repeated."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Leave out files, and folders with their content, that match this pattern. Can be repeated.",
    ),
]


class NameFilter:
    """Selects files and folders by glob patterns.

    A pattern with a slash is compared with the path below the transferred folder. Any other pattern is compared only
    with the name of the file or folder. If a file or folder matches an exclude pattern, it is left out, even if it
    matches an include pattern.
    """

    def __init__(self, include: list[str] | None = None, exclude: list[str] | None = None) -> None:
        self._include = [_normalize(pattern) for pattern in include or []]
        self._exclude = [_normalize(pattern) for pattern in exclude or []]

    @property
    def is_active(self) -> bool:
        """Whether there is a pattern."""
        return bool(self._include or self._exclude)

    def selects(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a file or folder is transferred. `path` is relative to the transferred folder."""
        path = unicodedata.normalize("NFC", path)
        if any(_matches(path, pattern) for pattern in self._exclude):
            return False
        return is_folder or not self._include or any(_matches(path, pattern) for pattern in self._include)


def _normalize(pattern: str) -> str:
    return unicodedata.normalize("NFC", pattern.removeprefix("./").strip("/"))


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern)
