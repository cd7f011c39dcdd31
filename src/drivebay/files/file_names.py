"""Valid file names, and numbered names for a name that is taken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

from ..errors import FieldError, InvalidRequest

MAX_NAME_BYTES = 255
_MAX_DIGITS: Final = 9
"""A number of this many digits fits in an `int` of PostgreSQL."""
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


class NumberedForm(NamedTuple):
    """The form of numbered names: `prefix`, a number that is smaller than `stop`, and `suffix`."""

    prefix: str
    suffix: str
    stop: int

    def name(self, number: int) -> str:
        return f"{self.prefix}{number}{self.suffix}"


def numbered_form(name: str, number: int) -> NumberedForm:
    """Return the form of the numbered names of `name` from a number on.

    A long name is shortened more for a number with more digits, so such a name has several forms.
    """
    digits = len(str(number))
    prefix, suffix = _numbered_affixes(name, digits)
    while digits < _MAX_DIGITS and _numbered_affixes(name, digits + 1) == (prefix, suffix):
        digits += 1
    return NumberedForm(prefix, suffix, 10**digits)


def numbered_names(name: str, start: int = 1) -> Iterator[str]:
    """Yield `report (1).pdf`, `report (2).pdf`, ... for `report.pdf`, each at most 255 bytes long."""
    first = start
    while True:
        form = numbered_form(name, first)
        for number in range(first, form.stop):
            yield form.name(number)
        first = form.stop


def _numbered_affixes(name: str, digits: int) -> tuple[str, str]:
    """Return what stands before and after a number with so many digits."""
    dot = name.rfind(".")
    stem, suffix = (name[:dot], name[dot:]) if dot > 0 else (name, "")
    max_bytes = MAX_NAME_BYTES - len(" ()") - digits
    stem_bytes = max_bytes - len(suffix.encode())
    if stem_bytes >= 1:
        return _truncate(stem, stem_bytes) + " (", ")" + suffix
    return _truncate(name, max_bytes) + " (", ")"  # The suffix is too long, so truncate the whole name.


def _truncate(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")
