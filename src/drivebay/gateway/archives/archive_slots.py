"""Limits the number of archives that are sent at once, in total and for each user."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Final

from ...errors import Unavailable
from ..user_limiter import UserLimiter

_NAME: Final = "archives"
_RETRY_AFTER: Final = 5
"""The number of seconds after which a refused client may try again."""


class ArchiveSlots:
    """Bounds the archives that are sent at once, because each needs memory and calls to the store."""

    def __init__(self, total: int, each_user: int) -> None:
        self._free = total
        self._user_limiter = UserLimiter(_NAME, each_user)

    def acquire(self, user: Hashable) -> Callable[[], None]:
        """Admit one archive of a user, and return the function that ends it. Raises Unavailable."""
        if self._free < 1:  # guard: archive-slots
            raise Unavailable("too many archives are sent at once; try again soon", retry_after=_RETRY_AFTER)
        if not self._user_limiter.acquire(user):
            raise Unavailable(
                "too many of your archives are sent at once; try again when one of them has ended",
                retry_after=_RETRY_AFTER,
            )
        self._free -= 1
        return partial(self._release, user)

    def _release(self, user: Hashable) -> None:
        self._free += 1
        self._user_limiter.release(user)
