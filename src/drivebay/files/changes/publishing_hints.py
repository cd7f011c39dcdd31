"""Publishes a hint after each call that changes entries."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from ...contract.files import Access
from ...hints import HintChannel

P = ParamSpec("P")
T = TypeVar("T")


def publishing_hints(
    hints: HintChannel, method: Callable[P, Coroutine[Any, Any, T]]
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Wrap a method so that it publishes a hint after each successful call.

    The first argument of the method is `access`. The method commits its transaction before it returns.
    """

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        result = await method(*args, **kwargs)
        access = cast("Access", args[0] if args else kwargs["access"])
        hints.publish(access.drive)  # guard: hint-after-change
        return result

    return call
