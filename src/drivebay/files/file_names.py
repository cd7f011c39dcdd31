"""Valid file names, and numbered names for a name that is taken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ..errors import FieldError, InvalidRequest

MAX_NAME_BYTES = 255
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # category Cc of Unicode


def normalize_name(name: str, field: str = "name") -> str:
    """Return the name in Unicode form NFC.

    A valid name has 1 to 255 bytes of UTF-8, no `/`, no control characters, and is not `.` or `..`.
    Raises InvalidRequest, which names `field`.
    """
    name = unicodedata.normalize("NFC", name)
    if problem := _find_problem(name):
        raise InvalidRequest(problem, errors=(FieldError(field, problem),))
    return name


def _find_problem(name: str) -> str | None:
    if not name:
        return "a name must have at least one character"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "a name must be valid Unicode"
    if length > MAX_NAME_BYTES:
        return f"names are limited to {MAX_NAME_BYTES} bytes of UTF-8, and this one has {length}"
    if name in (".", ".."):
        return "a name must not be '.' or '..'"
    if "/" in name:  # guard: name-slash
        return "a name must not contain '/'"
    if _CONTROL.search(name):
        return "a name must not contain control characters"
    return None


def numbered_names(name: str, start: int = 1) -> Iterator[str]:
    """Yield `report (1).pdf`, `report (2).pdf`, ... for `report.pdf`, each at most 255 bytes long."""
    dot = name.rfind(".")
    stem, suffix = (name[:dot], name[dot:]) if dot > 0 else (name, "")
    number = start
    while True:
        number_suffix = f" ({number})"
        stem_bytes = MAX_NAME_BYTES - len(number_suffix.encode()) - len(suffix.encode())
        if stem_bytes >= 1:
            yield _truncate(stem, stem_bytes) + number_suffix + suffix
        else:  # The suffix is too long, so truncate the whole name.
            yield _truncate(name, MAX_NAME_BYTES - len(number_suffix.encode())) + number_suffix
        number += 1


def _truncate(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")
