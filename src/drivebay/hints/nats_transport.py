"""Hints between processes over core NATS: subjects `drivebay.changes.{drive}` and `drivebay.revocations`, no body, no
JetStream.

A process with the files service publishes changes, and a process with the gateway or the worker subscribes to them. The
processes with the files service also send a heartbeat every few seconds, so that subscribers notice when no such
process is connected. A gateway tells the other gateways that sessions have ended. Errors here never fail a request:
while NATS is down, hints are dropped.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import Final
from uuid import UUID

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ..concurrency.cancellation import raise_pending_cancellation
from .hint_channel import HintChannel

log = structlog.get_logger(__name__)

_CHANGES_PREFIX: Final = "drivebay.changes."
_REVOCATIONS: Final = "drivebay.revocations"
_HEARTBEAT: Final = "beat"
_HEARTBEAT_INTERVAL: Final = 5.0
"""Seconds between two heartbeats of a publisher."""
_HEARTBEAT_TIMEOUT: Final = 15.0
"""Seconds without a heartbeat after which hints are not healthy."""
_GATHER_TIME: Final = 0.01
"""Seconds between two rounds of publishing. Each drive sends at most one hint in a round."""
_CONNECT_TIMEOUT: Final = 3
"""Seconds that an attempt to connect may take."""
_MIN_RECONNECT_DELAY: Final = 0.2
"""Seconds before the reconnect after a stable connection. The delay doubles after each failure."""
_MAX_RECONNECT_DELAY: Final = 10.0
"""The longest delay in seconds before a reconnect."""
_STABLE_AFTER: Final = 10.0
"""Seconds after which a connection counts as stable. The next reconnect begins with the shortest delay again."""
_LOG_INTERVAL: Final = 60.0
"""Seconds between two log lines about a connection that fails again and again."""


class NatsTransport:
    """Carries the hints of a channel to and from other processes.

    `publishes`: the files service runs in this process. `listens`: the gateway or the worker runs in this process.
    """

    def __init__(self, url: str, channel: HintChannel, *, publishes: bool, listens: bool) -> None:
        self._url = url
        self._channel = channel
        self._publishes = publishes
        self._listens = listens
        self._last_received_at = float("-inf")

    async def run(self) -> None:
        """Run until cancelled. Reconnect with exponential backoff after a connection is lost."""
        delay, logged_at = _MIN_RECONNECT_DELAY, float("-inf")
        while True:
            started = time.monotonic()
            try:
                await self._run_connection()
            except (nats.errors.Error, OSError, TimeoutError) as error:
                if time.monotonic() - logged_at >= _LOG_INTERVAL:
                    logged_at = time.monotonic()
                    log.warning("hints_unavailable", reason=str(error) or type(error).__name__)
            except Exception as error:  # a defect here must not stop the process
                log.error("hints_failed", exc_info=error)
            raise_pending_cancellation()
            is_stable = time.monotonic() - started > _STABLE_AFTER
            delay = _MIN_RECONNECT_DELAY if is_stable else min(_MAX_RECONNECT_DELAY, 2 * delay)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def _run_connection(self) -> None:
        closed = asyncio.Event()
        last_error: Exception | None = None

        async def on_closed() -> None:
            closed.set()

        async def on_error(error: Exception) -> None:
            # Without this callback the client would print the error.
            nonlocal last_error
            last_error = error

        client = Client()
        subscriptions: list[Subscription] = []
        try:
            try:
                await client.connect(
                    self._url.split(","),
                    name="drivebay-hints",
                    no_echo=True,  # the channel delivers the hints of its own process
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=_CONNECT_TIMEOUT,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    closed_cb=on_closed,
                    error_cb=on_error,
                )
            except nats.errors.NoServersError as error:
                raise last_error or error from None
            if self._listens:
                subscriptions.append(await client.subscribe(f"{_CHANGES_PREFIX}*", cb=self._receive))
                subscriptions.append(await client.subscribe(_REVOCATIONS, cb=self._receive_revocation))
                await client.flush(_CONNECT_TIMEOUT)
            raise_pending_cancellation()  # guard: hints-cancellation
            self._channel.start_forwarding(self._is_healthy)
            self._channel.deliver(None)  # hints may have been lost before this connection
            await self._publish_until(client, closed)
        finally:
            self._channel.stop_forwarding()
            with suppress(nats.errors.Error, TimeoutError, OSError):
                async with asyncio.timeout(1):
                    await client.close()
            # If the close fails or takes too long, the tasks of the subscriptions still run, so cancel them here.
            receiving = [task for each in subscriptions if (task := getattr(each, "_wait_for_msgs_task", None))]
            for task in receiving:
                task.cancel()
            if receiving:
                await asyncio.wait(receiving)

    async def _publish_until(self, client: Client, closed: asyncio.Event) -> None:
        heartbeat_at = float("-inf")
        while not closed.is_set():
            outgoing = await self._channel.take_outgoing(_HEARTBEAT_INTERVAL / 5)
            if outgoing.has_revocation:
                await client.publish(_REVOCATIONS)
            for drive in outgoing.drives:
                await client.publish(f"{_CHANGES_PREFIX}{drive}")
            if self._publishes and time.monotonic() - heartbeat_at >= _HEARTBEAT_INTERVAL:
                heartbeat_at = time.monotonic()
                await client.publish(f"{_CHANGES_PREFIX}{_HEARTBEAT}")
            await asyncio.sleep(_GATHER_TIME)

    async def _receive(self, message: Msg) -> None:
        subject = message.subject.removeprefix(_CHANGES_PREFIX)
        self._last_received_at = time.monotonic()
        if subject == _HEARTBEAT:
            return
        with suppress(ValueError):  # other publishers may send subjects that are not valid
            self._channel.deliver(UUID(subject))

    async def _receive_revocation(self, message: Msg) -> None:
        self._channel.deliver_revocation()

    def _is_healthy(self) -> bool:
        return self._publishes or time.monotonic() - self._last_received_at < _HEARTBEAT_TIMEOUT
