"""Media types in requests (RFC 9110, section 8.3.1)."""

from __future__ import annotations

import re

from ..errors import FieldError, InvalidRequest

MAX_LENGTH = 255
"""The maximum number of characters of a media type."""
_TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token of RFC 9110, 5.6.2
_QUOTED_STRING = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
_MEDIA_TYPE = re.compile(rf"{_TCHARS}/{_TCHARS}(?:[ \t]*;[ \t]*{_TCHARS}=(?:{_TCHARS}|{_QUOTED_STRING}))*")


def check_media_type(content_type: str) -> str:
    """Return the media type unchanged. Raises InvalidRequest when it is not a media type."""
    if len(content_type) > MAX_LENGTH or not _MEDIA_TYPE.fullmatch(content_type):
        problem = "not a media type such as text/plain or application/pdf"
        raise InvalidRequest(problem, errors=(FieldError("content_type", problem),))
    return content_type
