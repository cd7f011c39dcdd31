"""Batches: several items in one call, each with its own result."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Final

from ..contract.files import BatchResult, ItemError, RefusedItem
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


def refused_digests(refused: Sequence[RefusedItem], valid: int) -> dict[int, bytes]:
    """Return the digests of the items that the caller refused, by their position in the request.

    `valid` is the number of the other items. Raises InvalidRequest unless each position is a different one of the
    request.
    """
    digests = {item.position: item.digest for item in refused}
    if len(digests) < len(refused) or not digests.keys() <= set(range(valid + len(refused))):
        problem = "must have different positions inside the batch"
        raise InvalidRequest(f"refused {problem}", errors=(FieldError("refused", problem),))
    return digests


def failed_item(error: Error) -> BatchResult:
    """Return the result of an item that failed with this error."""
    return BatchResult(error=ItemError(error.code, error.detail, error.errors[0].field if error.errors else None))
