"""What a file may be called, and what it is called when its name is taken."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ..errors import FieldError, InvalidRequest

MAX_BYTES = 255


def normalized(name: str, field: str = "name") -> str:
    """The name in NFC, if it is one: 1 to 255 bytes of UTF-8 without `/`, NUL or control characters, and
    not `.` or `..`. Raises InvalidRequest."""
    name = unicodedata.normalize("NFC", name)
    if problem := _problem(name):
        raise InvalidRequest(problem, errors=(FieldError(field, problem),))
    return name


def _problem(name: str) -> str | None:
    if not name:
        return "a name has at least one character"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "a name is valid Unicode"
    if length > MAX_BYTES:
        return f"a name has at most {MAX_BYTES} bytes of UTF-8; this one has {length}"
    if name in (".", ".."):
        return "a name is not '.' or '..'"
    if "/" in name:
        return "a name has no '/'"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "a name has no control characters"
    return None


def alternatives(name: str, start: int = 1) -> Iterator[str]:
    """`report (1).pdf`, `report (2).pdf`, ... for `report.pdf`, each within the limit of bytes."""
    dot = name.rfind(".")
    stem, suffix = (name[:dot], name[dot:]) if dot > 0 else (name, "")
    number = start
    while True:
        mark = f" ({number})"
        room = MAX_BYTES - len(mark.encode()) - len(suffix.encode())
        if room >= 1:
            yield _cut(stem, room) + mark + suffix
        else:  # the suffix alone fills the name
            yield _cut(name, MAX_BYTES - len(mark.encode())) + mark
        number += 1


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
