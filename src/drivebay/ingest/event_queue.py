"""The interface of the event queue. Event sources write to it, and the consumer reads from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import msgspec


class Message(msgspec.Struct, frozen=True):
    """A message to publish.

    The queue ignores a second message with the same `deduplication_id` within minutes.
    """

    deduplication_id: str
    payload: bytes


class Delivery(Protocol):
    """One delivery of a message. It must be acknowledged exactly once, by `ack`, `retry` or `drop`. Without an
    acknowledgement the queue delivers the message again.

    `id` comes from the queue, and differs from the deduplication id. It is the same for every delivery of a message.
    `count` is 1 for the first delivery. If an acknowledgement cannot be sent, no error is raised, and the message is
    delivered again.
    """

    @property
    def id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def count(self) -> int: ...

    async def ack(self) -> None:
        """Acknowledge that the message is processed."""
        ...

    async def retry(self, delay: timedelta) -> None:
        """Request another delivery, not earlier than after `delay`."""
        ...

    async def drop(self) -> None:
        """End the deliveries of the message, although it was not processed."""
        ...


class QueueReader(Protocol):
    async def next_deliveries(self) -> Sequence[Delivery]:
        """Wait until at least one message has arrived, and return all messages that have arrived. Raises
        Unavailable."""
        ...


class QueueWriter(Protocol):
    """Publishes messages, and stores a checkpoint: the position up to which an event source was read."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages, and return when all are stored.

        If it raises Unavailable, some of the messages may be stored already.
        """
        ...

    async def load_checkpoint(self, name: str) -> int | None:
        """Return the position that was last saved as the checkpoint `name`, or None. Raises Unavailable."""
        ...

    async def save_checkpoint(self, name: str, position: int) -> None:
        """Save a position as the checkpoint `name`. Raises Unavailable."""
        ...
