"""Runs the ingest service: the sweeper, and the event source and the event consumer if events are enabled.

If NATS or the store is down, uploads become files later, but no upload is lost, because the sweeper does not depend on
events.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
import uuid_utils.compat

from ..contract.files import Files
from ..errors import Unavailable
from . import nats_connection
from .backoff import exponential_backoff
from .event_consumer import EventConsumer
from .event_endpoint import EventEndpoint
from .event_health import EventHealth
from .filer_listener import ChangeStream, FilerListener, OpenStream
from .settings import EventSource, Settings
from .sweeper import Sweeper

log = structlog.get_logger(__name__)

_FIRST_RECONNECT_DELAY: Final = timedelta(milliseconds=200)
_LOG_INTERVAL: Final = 3.0
"""The minimum number of seconds between two log lines about the same unavailable connection."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def run(
    files: Files,
    settings: Settings,
    *,
    open_stream: OpenStream,
    new_id: Callable[[], UUID] = uuid_utils.compat.uuid7,
    now: Callable[[], datetime] = _utc_now,
    endpoint: EventEndpoint | None = None,
) -> None:
    """Run until cancelled.

    `open_stream` connects to the filer (`rpc.server_stream.server_stream`). The caller serves `endpoint` over HTTP.
    Raises ValueError immediately if the settings contradict each other.
    """
    if settings.source is EventSource.SEAWEEDFS and settings.filer_address is None:
        raise ValueError("events from SeaweedFS need the address of its filer: set DRIVEBAY_FILER_ADDRESS")
    health = _event_health(settings)
    sweeper = Sweeper(files, settings, health)
    consumer = EventConsumer(files, settings, now)

    async def consume_events() -> None:
        async with nats_connection.connect(settings) as queue:
            log.info("events_connected", stream=settings.stream)
            health.mark_connected("events")
            if not settings.active_filers:  # guard: events-recheck
                # The store itself publishes to NATS, and may have dropped events while NATS was down.
                sweeper.request_recheck()
            await consumer.run(queue)

    async def listen_to_filer(stream: ChangeStream) -> None:
        task = _filer_task(stream)
        connected_at: float | None = None

        def on_connect() -> None:
            nonlocal connected_at
            connected_at = time.monotonic()
            health.mark_connected(task)
            sweeper.request_recheck()

        listener = FilerListener(stream, open_stream=open_stream, new_id=new_id, now=now, on_connect=on_connect)
        async with nats_connection.connect(settings) as queue:
            try:
                await listener.run(queue)
            finally:
                if stream.is_clustered and connected_at is not None:  # guard: filer-lost-recheck
                    # The filer may have died with changes that it had not sent, and may never come back. After a short
                    # connection no recheck is needed, because a recheck was requested when the connection began.
                    was_stable = _lasted(connected_at, settings.stable_connection)  # guard: filer-stable
                    if was_stable:
                        sweeper.request_recheck()

    async def forward_posted_events(endpoint: EventEndpoint) -> None:
        async with nats_connection.connect(settings) as queue:
            await endpoint.forward_to(queue)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sweeper.run())
        if not settings.events_enabled:
            log.info("events_off", reason="only the sweeper finds uploads")
            return
        tasks.create_task(_keep_running("events", consume_events, settings, health))
        for stream in _change_streams(settings):
            listen = functools.partial(listen_to_filer, stream)
            tasks.create_task(_keep_running(_filer_task(stream), listen, settings, health))
        if endpoint is not None:
            tasks.create_task(
                _keep_running("event_endpoint", lambda: forward_posted_events(endpoint), settings, health)
            )


def _change_streams(settings: Settings) -> tuple[ChangeStream, ...]:
    """Return a stream for each filer. A single address may belong to any filer of a cluster."""
    filers = settings.active_filers
    return tuple(ChangeStream(address, settings.bucket, is_clustered=len(filers) > 1) for address in filers)


def _filer_task(stream: ChangeStream) -> str:
    return f"filer {stream.address}" if stream.is_clustered else "filer"


def _event_health(settings: Settings) -> EventHealth:
    if not settings.events_enabled:
        return EventHealth()
    return EventHealth("events", *map(_filer_task, _change_streams(settings)))


async def _keep_running(
    task: str, work: Callable[[], Awaitable[None]], settings: Settings, health: EventHealth
) -> None:
    """Run `work` until cancelled. After each end, start it again with exponential backoff."""
    attempt = 0
    last_logged = float("-inf")
    while True:
        started = time.monotonic()
        try:
            with health.watch(task):
                await work()
        except Unavailable as error:
            if time.monotonic() - last_logged >= _LOG_INTERVAL:
                last_logged = time.monotonic()
                log.warning("ingest_unavailable", task=task, reason=error.detail)
        except Exception as error:  # a defect in one task must not stop the sweeper
            log.error("ingest_failed", task=task, exc_info=error)
        attempt = 0 if _lasted(started, settings.stable_connection) else attempt + 1
        delay = exponential_backoff(_FIRST_RECONNECT_DELAY, settings.max_reconnect_delay, attempt)
        await asyncio.sleep(delay.total_seconds())


def _lasted(started: float, duration: timedelta) -> bool:
    """Return whether at least `duration` has passed since `started`, a time of the monotonic clock."""
    return time.monotonic() - started >= duration.total_seconds()
