"""Adds the search names of entries that were created before an upgrade, in batches."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from ..contract.files import Files
from .settings import Settings

log = structlog.get_logger(__name__)

_MAX_BATCHES: Final = 10_000
"""The maximum number of batches in one round, so that a round has an end. The next round continues."""


async def index_names(files: Files, settings: Settings) -> int:
    """Add the missing search names, and return the number of entries read. Raises Unavailable or TimeoutError.

    Several janitors may do this at the same time: each batch skips the drive that another janitor is working on.
    """
    total = 0
    for _ in range(_MAX_BATCHES):
        async with asyncio.timeout(settings.deadline.total_seconds()):
            read = await files.index_names(settings.batch)
        if not read:
            break
        total += read
    if total:
        log.info("names_indexed", entries=total)
    return total
