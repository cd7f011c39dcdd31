"""Ingest as it runs: the sweeper always, and beside it whatever brings events.

Each part has an owner here and lives until the whole is cancelled. A broker or a store that is down costs
speed, never an upload: the sweeper goes on regardless.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
import uuid_utils.compat

from ..contract.files import Files
from ..errors import Unavailable
from . import nats
from .gaps import growing
from .loop import Loop
from .seaweedfs import Filer, OpenStream
from .settings import EventSource, Settings
from .sweep import Sweeper
from .webhook import Webhook

log = structlog.get_logger(__name__)

_FIRST_GAP: Final = timedelta(milliseconds=200)
_SAY_EACH: Final = 3.0
_STEADY: Final = 10.0
"""Seconds after which a connection counts as having worked, so that the next gap is short again."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def run(
    files: Files,
    settings: Settings,
    *,
    open_stream: OpenStream,
    new_id: Callable[[], UUID] = uuid_utils.compat.uuid7,
    now: Callable[[], datetime] = _utc_now,
    webhook: Webhook | None = None,
) -> None:
    """Run until cancelled. `open_stream` reaches the filer (`wire.stream.server_stream`); `webhook` is a door that
    somebody else serves.

    Raises ValueError at once for settings that do not fit together.
    """
    if settings.source is EventSource.SEAWEEDFS and settings.filer_address is None:
        raise ValueError("events from SeaweedFS need the address of its filer")
    sweeper = Sweeper(files, settings)

    async def consume() -> None:
        async with nats.connect(settings) as stream:
            log.info("events_connected", stream=settings.stream)
            await Loop(files, settings, now).run(stream)

    async def listen(address: str) -> None:
        filer = Filer(
            address,
            settings.bucket,
            open_stream=open_stream,
            new_id=new_id,
            now=now,
            on_connect=sweeper.wake,
        )
        async with nats.connect(settings) as stream:
            await filer.run(stream)

    async def forward(door: Webhook) -> None:
        async with nats.connect(settings) as stream:
            await door.forward(stream)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sweeper.run())
        if not settings.listens:
            log.info("events_off", reason="the sweeper alone finds uploads")
            return
        tasks.create_task(_again("events", consume, settings.reconnect_longest))
        address = settings.filer
        if address is not None:
            tasks.create_task(_again("filer", lambda: listen(address), settings.reconnect_longest))
        if webhook is not None:
            tasks.create_task(_again("webhook", lambda: forward(webhook), settings.reconnect_longest))


async def _again(part: str, once: Callable[[], Awaitable[None]], longest: timedelta) -> None:
    """Run `once` for ever: whenever it ends, begin again after a growing gap, saying so every few seconds."""
    attempt = 0
    said = float("-inf")
    while True:
        began = time.monotonic()
        try:
            await once()
        except Unavailable as error:
            if time.monotonic() - said >= _SAY_EACH:
                said = time.monotonic()
                log.warning("source_unavailable", part=part, reason=error.detail)
        except Exception as error:  # a defect here must not take the sweeper along
            log.error("source_failed", part=part, exc_info=error)
        attempt = 0 if time.monotonic() - began > _STEADY else attempt + 1
        await asyncio.sleep(growing(_FIRST_GAP, longest, attempt).total_seconds())
