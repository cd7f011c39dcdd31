"""Batches: several items in one call, each with its own result."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

from ..contract.files import BatchResult, ItemError
from ..errors import Error, FieldError, InvalidRequest, QuotaExceeded, RateLimited, Unavailable

MAX_ITEMS: Final = 100
"""The maximum number of items in one batch."""
TEMPORARY_ERRORS: Final = frozenset(error.code for error in (QuotaExceeded, RateLimited, Unavailable))
"""The codes of temporary errors: the same request may succeed later."""


def check_batch_size(items: Sized, field: str) -> None:
    """Raise InvalidRequest, which names `field`, unless there are 1 to 100 items."""
    if not 1 <= len(items) <= MAX_ITEMS:
        problem = f"must be 1 to {MAX_ITEMS}"
        raise InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))


def failed_item(error: Error) -> BatchResult:
    """Return the result of an item that failed with this error."""
    return BatchResult(error=ItemError(error.code, error.detail, error.errors[0].field if error.errors else None))
