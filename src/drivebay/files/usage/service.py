"""Implements `contract.files.Quotas`: usage and quotas of many drives."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ...contract.files import DriveUsage, Totals, Usage, UsageListing, UsagePage
from ...contract.ids import DriveId
from ...errors import InvalidRequest
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Database
from ..settings import Settings
from .store import UsageStore

MAX_QUOTA: Final = 2**53
"""The maximum quota in bytes. JSON numbers are exact up to this value."""
_MAX_ITEMS: Final = 1000
"""The maximum number of drives in one call."""
_MAX_CONTEXT: Final = 1000
"""The maximum number of characters of `UsageListing.context`. A cursor is valid only for the same context."""
_LOWEST_POSITION: Final = (0, UUID(int=0))
_HIGHEST_POSITION: Final = (2**63 - 1, UUID(int=2**128 - 1))


class QuotaService:
    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._usage = UsageStore()
        self._cursor_key = settings.cursor_key

    async def set_quota(self, drive: DriveId, limit_bytes: int | None) -> Usage:
        if limit_bytes is not None and not 0 <= limit_bytes <= MAX_QUOTA:
            raise InvalidRequest(f"limit_bytes must be 0 to {MAX_QUOTA}")
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, drive, self._settings.quota)
            await self._usage.set_quota(tx, drive, limit_bytes)
        (usage,) = await self.get_usages((drive,))
        return usage

    async def get_usages(self, drives: tuple[DriveId, ...]) -> tuple[Usage, ...]:
        if len(drives) > _MAX_ITEMS:
            raise InvalidRequest(f"at most {_MAX_ITEMS} drives can be read at once")
        usage_by_drive = {row.drive: row.usage for row in await self._select_usages(drives)}
        empty = Usage(0, 0, self._settings.quota, 0)
        return tuple(usage_by_drive.get(drive, empty) for drive in drives)

    async def list_usages(self, listing: UsageListing) -> UsagePage:
        if not 1 <= listing.limit <= _MAX_ITEMS:
            raise InvalidRequest(f"limit must be 1 to {_MAX_ITEMS}")
        if len(listing.context) > _MAX_CONTEXT:
            raise InvalidRequest(f"context must be at most {_MAX_CONTEXT} characters")
        query = f"usages {listing.descending} {listing.context}"
        after = _HIGHEST_POSITION if listing.descending else _LOWEST_POSITION
        if listing.cursor is not None:
            position = decode_cursor(self._cursor_key, query, listing.cursor)
            after = int(position.value), position.id
        usages = await self._usage.list_usages(
            self._db, after, listing.limit + 1, self._settings.quota, descending=listing.descending
        )
        items, next_cursor = tuple(usages[: listing.limit]), None
        if len(usages) > listing.limit:
            last = items[-1]
            next_cursor = encode_cursor(self._cursor_key, query, Position(last.usage.used_bytes, last.drive))
        return UsagePage(items, next_cursor)

    async def get_totals(self) -> Totals:
        return await self._usage.select_totals(self._db)

    async def _select_usages(self, drives: tuple[DriveId, ...]) -> list[DriveUsage]:
        return await self._usage.select_usages(self._db, drives, self._settings.quota)
