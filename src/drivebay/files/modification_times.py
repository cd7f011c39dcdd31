"""The modification times that clients send with their files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from ..errors import FieldError, InvalidRequest

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_AHEAD: Final = timedelta(days=1)
"""How far in the future a modification time may be, because the clock of a client may be set to a wrong time zone."""


def check_modified_at(time: datetime, now: datetime) -> datetime:
    """Return a modification time in UTC. Raises InvalidRequest unless it is from 1970 to one day after `now`."""
    if time.tzinfo is None or not _EARLIEST <= time <= now + _MAX_AHEAD:  # guard: modified-at-range
        problem = "must be a time with a zone, from 1970 to one day after now"
        raise InvalidRequest(f"modified_at {problem}", errors=(FieldError("modified_at", problem),))
    return time.astimezone(UTC)
