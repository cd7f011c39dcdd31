"""Media types as clients may name them (RFC 9110, section 8.3.1)."""

from __future__ import annotations

import re

from ..errors import FieldError, InvalidRequest

MAX_LENGTH = 255
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
_TYPE = re.compile(rf"{_NAME}/{_NAME}(?:[ \t]*;[ \t]*{_NAME}=(?:{_NAME}|{_QUOTED}))*")


def checked(content_type: str) -> str:
    """The type as it was written, if it is one. Raises InvalidRequest."""
    if len(content_type) > MAX_LENGTH or not _TYPE.fullmatch(content_type):
        problem = "not a media type such as text/plain or application/pdf"
        raise InvalidRequest(problem, errors=(FieldError("content_type", problem),))
    return content_type
