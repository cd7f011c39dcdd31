"""Deletes changes that are too old for the change feed, in batches."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from ..contract.files import Files
from .settings import Settings

log = structlog.get_logger(__name__)

_MAX_BATCHES: Final = 10_000
"""The maximum number of batches in one round, so that a round has an end. The next round continues."""


async def trim_changes(files: Files, settings: Settings) -> int:
    """Delete old changes in batches and return their number. Raises Unavailable or TimeoutError.

    Several janitors may do this at the same time: each batch skips the drives that another janitor is working on.
    """
    total = 0
    for _ in range(_MAX_BATCHES):
        async with asyncio.timeout(settings.deadline.total_seconds()):
            deleted = await files.trim_changes(settings.batch)
        if not deleted:
            break
        total += deleted
    if total:
        log.info("changes_trimmed", changes=total)
    return total
