"""The hints of one process: from its own services, and from other processes through a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeAlias
from uuid import UUID

Listener: TypeAlias = Callable[[UUID | None], None]
"""Receives the id of a drive that has changed. If hints were lost, it receives None: any drive may have changed."""


class Outgoing(NamedTuple):
    """Hints for other processes: the ids of the drives that have changed, without repeats, and whether sessions have
    ended."""

    drives: Collection[UUID] = ()
    has_revocation: bool = False


class HintChannel:
    """Passes hints to the listeners of this process, and to a transport if there is one.

    `is_alone`: all changes are made in this process, so no transport is needed. `reaches_all`: hints can reach every
    process that uses the database (see the function `reaches_all`).
    """

    def __init__(self, *, is_alone: bool = False, reaches_all: bool = True) -> None:
        self._is_alone = is_alone
        self._reaches_all = reaches_all
        self._listeners: list[Listener] = []
        self._revocation_listeners: list[Callable[[], None]] = []
        self._outgoing: set[UUID] = set()
        self._has_outgoing_revocation = False
        self._has_outgoing = asyncio.Event()
        self._is_forwarding = False
        self._is_transport_healthy: Callable[[], bool] = lambda: False

    @property
    def is_healthy(self) -> bool:
        """Whether hints about all drives reach this process now, as far as the process can detect."""
        return self._reaches_all and (self._is_alone or self._is_transport_healthy())  # guard: hints-reach-all

    def listen(self, listener: Listener) -> None:
        """Call the listener with each hint about a drive. The listener must return immediately and raise nothing."""
        self._listeners.append(listener)

    def publish(self, drive: UUID) -> None:
        """Publish a hint that a drive has changed. Call it after the commit. It never waits and never fails."""
        self.deliver(drive)
        if self._is_forwarding:  # without a connection, hints are dropped to save memory
            self._outgoing.add(drive)
            self._has_outgoing.set()

    def listen_for_revocations(self, listener: Callable[[], None]) -> None:
        """Call the listener when another process has ended sessions. The listener must return immediately and raise
        nothing."""
        self._revocation_listeners.append(listener)

    def publish_revocation(self) -> None:
        """Publish a hint for other processes that sessions have ended. Call it after the commit. It never waits and
        never fails."""
        if self._is_forwarding:
            self._has_outgoing_revocation = True
            self._has_outgoing.set()

    # -- for the transport

    def deliver(self, drive: UUID | None) -> None:
        """Pass a hint about a drive to the listeners of this process. If `drive` is None, any drive may have
        changed."""
        for listener in self._listeners:
            listener(drive)

    def deliver_revocation(self) -> None:
        """Tell the listeners of this process that another process has ended sessions."""
        for listener in self._revocation_listeners:
            listener()

    def start_forwarding(self, is_healthy: Callable[[], bool]) -> None:
        """Collect hints for the transport from now on. `is_healthy` returns whether the transport works."""
        self._is_forwarding = True
        self._is_transport_healthy = is_healthy

    def stop_forwarding(self) -> None:
        """Drop the hints for the transport from now on. Hints are not healthy meanwhile."""
        self._is_forwarding = False
        self._is_transport_healthy = lambda: False
        self._outgoing.clear()
        self._has_outgoing_revocation = False

    async def take_outgoing(self, timeout: float) -> Outgoing:
        """Wait for hints for other processes, and return them. After `timeout` seconds the result is empty."""
        try:
            async with asyncio.timeout(timeout):
                await self._has_outgoing.wait()
        except TimeoutError:
            return Outgoing()
        self._has_outgoing.clear()
        outgoing = Outgoing(self._outgoing, self._has_outgoing_revocation)
        self._outgoing, self._has_outgoing_revocation = set(), False
        return outgoing


def reaches_all(database_url: str | None, nats_url: str | None) -> bool:
    """Return whether hints can reach every process that uses the database.

    The URL of an embedded server is None. If the database is not embedded, other processes may use it, so hints need a
    NATS server that is not embedded either. Without it, requests poll for changes.
    """
    return nats_url is not None or database_url is None
