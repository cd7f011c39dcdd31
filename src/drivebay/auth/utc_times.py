"""Converts times of callers to UTC, and refuses times that PostgreSQL cannot store."""

from __future__ import annotations

from datetime import UTC, datetime

from ..errors import FieldError, InvalidRequest


def to_utc(time: datetime, field: str) -> datetime:
    """Return a time in UTC. Raises InvalidRequest if it has no time zone, or if its year in UTC is not 1 to 9999."""
    try:
        if time.tzinfo is not None:  # guard: time-zone
            return time.astimezone(UTC)
    except OverflowError:
        pass
    problem = "must be a time with a zone, before the year 10000 in UTC"
    raise InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))
