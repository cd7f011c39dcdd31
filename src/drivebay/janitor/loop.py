"""The janitor as it runs: purge and expiry each round, strays now and then.

Any number may run at once. Nothing it does is urgent: whatever fails waits for the next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
import uuid_utils.compat

from ..contract.files import Files
from ..contract.storage import Storage
from ..errors import Unavailable
from . import expire, parts, purge, strays
from .settings import Settings

log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def run(
    files: Files,
    storage: Storage,
    settings: Settings,
    *,
    new_id: Callable[[], UUID] = uuid_utils.compat.uuid7,
    now: Callable[[], datetime] = _utc_now,
) -> None:
    """Run until cancelled."""

    async def round_() -> None:
        await expire.once(files, settings)

    async def purges() -> None:
        await purge.once(files, storage, settings, new_id=new_id)

    async def stray() -> None:
        await strays.once(files, storage, settings, now=now())

    async def unfinished() -> None:
        await parts.once(files, storage, settings, now=now())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_each(settings.interval, "purge", purges))
        tasks.create_task(_each(settings.interval, "expire", round_))
        # Not at once: who has just restored an old database checks it before objects are moved.
        tasks.create_task(_each(settings.stray_interval, "strays", stray, wait_first=True))
        tasks.create_task(_each(settings.stray_interval, "parts", unfinished, wait_first=True))


async def _each(
    interval: timedelta, part: str, once: Callable[[], Awaitable[None]], *, wait_first: bool = False
) -> None:
    if wait_first:
        await asyncio.sleep(interval.total_seconds())
    while True:
        try:
            await once()
        except (Unavailable, TimeoutError) as error:
            log.warning("janitor_unavailable", part=part, reason=str(error) or "deadline passed")
        except Exception as error:  # one part's defect must not stop the others
            log.error("janitor_failed", part=part, exc_info=error)
        await asyncio.sleep(interval.total_seconds())
