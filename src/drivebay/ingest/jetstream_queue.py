"""The event queue on JetStream: one stream and one durable consumer, with at-least-once delivery.

A message stays in the stream until `ack` or `drop`. If NATS, the connection or this process fails before, the message
is delivered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors

from ..errors import Unavailable
from .event_queue import Delivery, Message
from .nats_errors import translate_nats_errors
from .settings import Settings
from .stream_setup import check_stream, consumer_name, ensure_consumer, ensure_stream, open_checkpoint_store

_HEARTBEAT: Final = 5
"""The number of seconds between two heartbeats of NATS while a pull request is open."""
_MAX_SILENCE: Final = 12.0
"""The number of seconds without a message or heartbeat after which the connection counts as broken: two heartbeats are
missing."""
_PULL_EXPIRY: Final = 30
"""The number of seconds for which one pull request is open."""
_REQUEST_TIMEOUT: Final = 3
"""The maximum number of seconds of one request to JetStream."""
_NO_MESSAGES: Final = "404"
_PULL_EXPIRED: Final = "408"
_HEARTBEAT_STATUS: Final = "100"


class _PullRequest(msgspec.Struct):
    """A request for messages. Times are in nanoseconds
    (https://docs.nats.io/reference/reference-protocols/nats_api_reference)."""

    batch: int
    expires: int
    idle_heartbeat: int


class _PullStatus(msgspec.Struct, frozen=True):
    """The status of a pull request, which NATS sends instead of messages.

    `unfilled` is the number of requested messages that NATS will not send for this request.
    """

    code: str
    description: str
    unfilled: int


class _JetStreamDelivery:
    """A JetStream message as a `Delivery`."""

    def __init__(self, message: Msg) -> None:
        self._message = message
        metadata = message.metadata
        self.count: int = metadata.num_delivered or 1
        # The time keeps ids unique when a stream is deleted and created again, because its numbers start at 1 again.
        self.id = f"{metadata.stream}:{metadata.sequence.stream}:{metadata.timestamp.isoformat()}"
        self.subject: str = message.subject
        self.payload: bytes = message.data

    async def ack(self) -> None:
        with suppress(nats.errors.Error, OSError):
            await self._message.ack()

    async def retry(self, delay: timedelta) -> None:
        with suppress(nats.errors.Error, OSError):
            await self._message.nak(delay=delay.total_seconds())

    async def drop(self) -> None:
        with suppress(nats.errors.Error, OSError):
            await self._message.term()


class JetStreamQueue:
    """A `QueueReader` and a `QueueWriter` on one connection. Create it with `nats_connection.connect`."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._jetstream: JetStreamContext = client.jetstream(timeout=_REQUEST_TIMEOUT)
        self._settings = settings
        self._inbox = ""
        self._requested = 0
        self._incoming: asyncio.Queue[Msg | _PullStatus | None] = asyncio.Queue()

    async def open_stream(self) -> None:
        """Create the stream if it does not exist. Raises Unavailable."""
        with translate_nats_errors():
            await ensure_stream(self._client, self._jetstream, self._settings)

    async def check_stream(self) -> None:
        """Raise Unavailable if JetStream does not respond or the stream is not usable. Create nothing."""
        with translate_nats_errors():
            await check_stream(self._jetstream, self._settings)

    async def stream_info(self) -> api.StreamInfo:
        """Return the configuration and the replicas of the stream. Raises Unavailable."""
        with translate_nats_errors():
            return await self._jetstream.stream_info(self._settings.stream)

    def mark_closed(self) -> None:
        """Wake the reader with an error, because the connection is closed."""
        self._incoming.put_nowait(None)

    # -- reading ---------------------------------------------------------------------------------------

    async def next_deliveries(self) -> Sequence[Delivery]:
        while True:
            with translate_nats_errors():
                await self._request_messages()
            with translate_nats_errors():
                deliveries = await self._take_incoming()
            if deliveries:
                return deliveries

    async def _request_messages(self) -> None:
        """Keep a pull request open at all times, so that an event needs no extra round trip."""
        if not self._inbox:
            await ensure_consumer(self._jetstream, self._settings)
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(self._inbox, cb=self._on_message, pending_msgs_limit=-1)
        if self._requested <= self._settings.batch // 2:
            request = _PullRequest(self._settings.batch, _PULL_EXPIRY * 10**9, _HEARTBEAT * 10**9)
            consumer = consumer_name(self._settings.bucket)
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._settings.stream}.{consumer}"
            await self._client.publish(subject, msgspec.json.encode(request), reply=self._inbox)
            self._requested += self._settings.batch

    async def _take_incoming(self) -> list[Delivery]:
        async with asyncio.timeout(_MAX_SILENCE):
            item = await self._incoming.get()
        deliveries: list[Delivery] = []
        while True:
            if isinstance(item, Msg):
                self._requested -= 1
                deliveries.append(_JetStreamDelivery(item))
            else:
                self._handle_status(item)
            if self._incoming.empty() or len(deliveries) >= self._settings.batch:
                return deliveries
            item = self._incoming.get_nowait()

    def _handle_status(self, status: _PullStatus | None) -> None:
        if status is None:
            raise Unavailable("the connection to NATS is closed")
        if status.code in (_NO_MESSAGES, _PULL_EXPIRED):
            self._requested = max(0, self._requested - status.unfilled)
        elif status.code != _HEARTBEAT_STATUS:
            # The consumer or its stream was deleted, or NATS is stopping. A new connection creates them again.
            raise Unavailable(f"NATS ended the pull request ({status.code} {status.description})")

    async def _on_message(self, message: Msg) -> None:
        headers = message.headers or {}
        code = headers.get("Status")
        if code is None:
            self._incoming.put_nowait(message)
            return
        unfilled = int(headers.get("Nats-Pending-Messages", "0"))
        self._incoming.put_nowait(_PullStatus(code, headers.get("Description", ""), unfilled))

    # -- writing ---------------------------------------------------------------------------------------

    async def publish(self, messages: Sequence[Message]) -> None:
        subject = f"{self._settings.subject}.{self._settings.bucket}"
        with translate_nats_errors():
            async with asyncio.timeout(self._settings.deadline.total_seconds()):
                acknowledgements = [
                    await self._jetstream.publish_async(
                        subject, message.payload, headers={api.Header.MSG_ID.value: message.deduplication_id}
                    )
                    for message in messages
                ]
                await asyncio.gather(*acknowledgements)

    async def load_checkpoint(self, name: str) -> int | None:
        with translate_nats_errors():
            checkpoints = await open_checkpoint_store(self._jetstream, self._settings)
            try:
                entry = await checkpoints.get(name)
            except js_errors.KeyNotFoundError:
                return None
        try:
            return int(entry.value or b"")
        except ValueError:
            return None

    async def save_checkpoint(self, name: str, position: int) -> None:
        with translate_nats_errors():
            checkpoints = await open_checkpoint_store(self._jetstream, self._settings)
            await checkpoints.put(name, str(position).encode())
