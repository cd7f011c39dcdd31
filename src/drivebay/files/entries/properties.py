"""Properties: pairs of text that clients keep with an entry, such as the mode of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...contract.files import EntryUpdate
from ...errors import FieldError, InvalidRequest

MAX_PROPERTIES: Final = 50
"""The maximum number of properties of one entry."""
MAX_PROPERTY_BYTES: Final = 4096
"""The maximum number of bytes of UTF-8 of all keys and values of one entry together."""


def check_properties(update: EntryUpdate) -> None:
    """Raise InvalidRequest unless the keys and values of an update are text that the database can store."""
    text = "".join((*update.properties, *update.properties.values(), *update.removed_properties))
    if "" in update.properties:
        raise _invalid_error("must not have an empty key")
    if "\0" in text:  # guard: property-nul
        raise _invalid_error("must not contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _invalid_error("must be valid Unicode") from None


def merge_properties(current: Mapping[str, str], update: EntryUpdate) -> dict[str, str]:
    """Return the properties after an update. Raises InvalidRequest if they are too many or too long."""
    merged = {key: value for key, value in current.items() if key not in update.removed_properties}
    if not update.properties:
        return merged
    merged |= update.properties
    if len(merged) > MAX_PROPERTIES:  # guard: property-count
        raise _invalid_error(f"are limited to {MAX_PROPERTIES}; these would be {len(merged)}")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in merged.items())
    if size > MAX_PROPERTY_BYTES:  # guard: property-bytes
        raise _invalid_error(f"are limited to {MAX_PROPERTY_BYTES} bytes of UTF-8 together; these would have {size}")
    return merged


def _invalid_error(problem: str) -> InvalidRequest:
    return InvalidRequest(f"properties {problem}", errors=(FieldError("properties", problem),))
