"""Follows the changes of a drive with requests that wait for a change (long polls)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, Protocol

import msgspec

from .api_models import Change, ChangePage

_WAIT: Final = 45
"""The number of seconds of one poll. It is less than a minute, because many proxies end a request after a minute."""


class _ReadChanges(Protocol):
    async def __call__(self, cursor: str | None, *, wait: int) -> ChangePage: ...


async def follow_changes(read: _ReadChanges, cursor: str | None) -> AsyncGenerator[Change, None]:
    """Yield each change after a cursor, without end. If `cursor` is None, begin with the current cursor.

    The last change of a page gets the cursor after the page. The other changes get the cursor before the page, because
    the server sends no cursor for each change. So a caller that resumes in the middle of a page sees the changes of the
    page again, and misses no change.
    """
    if cursor is None:
        cursor = (await read(None, wait=0)).next_cursor
    while True:
        page = await read(cursor, wait=_WAIT)
        for number, change in enumerate(page.items, 1):
            next_cursor = page.next_cursor if number == len(page.items) else cursor
            yield msgspec.structs.replace(change, cursor=next_cursor)
        cursor = page.next_cursor
