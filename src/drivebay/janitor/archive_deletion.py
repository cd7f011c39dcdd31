"""Deletes the lists of archives that have expired, in batches."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from ..contract.files import Files
from .settings import Settings

log = structlog.get_logger(__name__)

_BATCH: Final = 20
"""The maximum number of archives in one transaction. Each may have 10,000 entries."""
_MAX_BATCHES: Final = 1000
"""The maximum number of batches in one round, so that a round has an end. The next round continues."""


async def delete_expired_archives(files: Files, settings: Settings) -> int:
    """Delete archives that have expired and return their number. Raises Unavailable or TimeoutError.

    Several janitors may do this at the same time: each batch skips the archives that another janitor deletes.
    """
    total = 0
    for _ in range(_MAX_BATCHES):
        async with asyncio.timeout(settings.deadline.total_seconds()):
            deleted = await files.delete_expired_archives(_BATCH)
        if not deleted:
            break
        total += deleted
    if total:
        log.info("archives_deleted", archives=total)
    return total
