"""The byte range of a request (RFC 9110, section 14)."""

from __future__ import annotations

import re
from typing import Final

from ...errors import RangeNotSatisfiable

_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.IGNORECASE)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the start and the stop (exclusive) of a range in bytes. `size` is the length of the archive.

    None: the header has no range, or one that is ignored, such as several ranges. The response is the whole archive
    then. Raises RangeNotSatisfiable.
    """
    matched = None if header is None else _RANGE.fullmatch(header)
    if matched is None or matched.group(1, 2) == ("", ""):
        return None
    first, last = matched.group(1, 2)
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return None
    if start >= size:
        raise RangeNotSatisfiable(f"the archive has {size} bytes")
    return start, stop
