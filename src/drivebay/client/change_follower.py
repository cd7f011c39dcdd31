"""Following the changes of a drive with long polls."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, Protocol

import msgspec

from .api_models import Change, ChangePage

_WAIT: Final = 45
"""Seconds of one poll. Many proxies end a request that takes a minute."""


class _ReadChanges(Protocol):
    async def __call__(self, cursor: str | None, *, wait: int) -> ChangePage: ...


async def follow_changes(read: _ReadChanges, cursor: str | None) -> AsyncGenerator[Change, None]:
    """Yield each change after a cursor, without end. None is the cursor of now.

    The cursor of a change is the one after its page if it is the last one there, else the one before its page.
    """
    if cursor is None:
        cursor = (await read(None, wait=0)).next_cursor
    while True:
        page = await read(cursor, wait=_WAIT)
        for number, change in enumerate(page.items, 1):
            reached = page.next_cursor if number == len(page.items) else cursor
            yield msgspec.structs.replace(change, cursor=reached)
        cursor = page.next_cursor
