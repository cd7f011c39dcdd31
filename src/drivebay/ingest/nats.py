"""The queue of events: one JetStream stream, one durable consumer, at-least-once in every direction.

A message goes away only when it is answered; whatever happens to the broker, the connection or this
process before that brings it back. Stream and consumer are made when they are not there, also when they
vanish later; a stream that is there keeps the limits its operator gave it.

A connection is never mended: when anything is wrong with it, it is dropped and `connect` makes a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Final

import msgspec
import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors

from ..errors import Unavailable
from .events import Delivery, Message
from .settings import Settings

POSITIONS: Final = "positions"

# The broker must have told something within this; it promises a heartbeat each _HEARTBEAT seconds.
_SILENCE: Final = 12.0
_HEARTBEAT: Final = 5
_PULL_LASTS: Final = 30
_CONNECT_WITHIN: Final = 3
_MAX_AGE: Final = timedelta(days=7)
_DUPLICATE_WINDOW: Final = timedelta(minutes=10)
# Messages that wait for a later try count too; while the store is down they are many.
_MAX_ACK_PENDING: Final = 20_000


def consumer(bucket: str) -> str:
    """The durable consumer of all who commit what is in this bucket. A store tells of all its buckets in one
    stream, and deployments that share the store must not take each other's events."""
    return f"ingest-{bucket.replace('.', '_')}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except js_errors.ServiceUnavailableError as error:
        _heed_cancelling()
        raise Unavailable("NATS answers, but not its JetStream: is it switched on, and has it a leader?") from error
    except (nats.errors.Error, TimeoutError, OSError) as error:
        _heed_cancelling()
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise Unavailable(f"NATS cannot answer ({why})") from error
    _heed_cancelling()


def _heed_cancelling() -> None:
    # The client swallows a cancellation that meets it while it flushes; unheeded, we would never end.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class _Pull(msgspec.Struct):
    """A request for messages; times in nanoseconds
    (https://docs.nats.io/reference/reference-protocols/nats_api_reference)."""

    batch: int
    expires: int
    idle_heartbeat: int


class _Delivered:
    """A JetStream message as a `Delivery`."""

    def __init__(self, message: Msg) -> None:
        self._message = message
        meta = message.metadata
        self.count: int = meta.num_delivered or 1
        # A stream that was deleted and made again numbers from 1 again; the time keeps the ids apart.
        self.id = f"{meta.stream}:{meta.sequence.stream}:{meta.timestamp.isoformat()}"
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


class _Status(msgspec.Struct, frozen=True):
    """What the broker says of a pull instead of a message; `unfilled` is how many it will not send."""

    code: str
    text: str
    unfilled: int


class JetStream:
    """A `Source` and an `Outlet` over one connection. Made by `connect`."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=_CONNECT_WITHIN)
        self._settings = settings
        self._inbox = ""
        self._wanted = 0
        self._arrived: asyncio.Queue[Msg | _Status | None] = asyncio.Queue()

    # -- source ----------------------------------------------------------------------------------------

    async def next(self) -> Sequence[Delivery]:
        while True:
            with _translated():
                await self._ask()
            with _translated():
                found = await self._take()
            if found:
                return found

    async def _ask(self) -> None:
        """Keep a request for messages open all the time, so that an event costs no round trip."""
        if not self._inbox:
            await self._ensure_consumer()
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(self._inbox, cb=self._on_message, pending_msgs_limit=-1)
        if self._wanted <= self._settings.batch // 2:
            pull = _Pull(self._settings.batch, _PULL_LASTS * 10**9, _HEARTBEAT * 10**9)
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._settings.stream}.{consumer(self._settings.bucket)}"
            await self._client.publish(subject, msgspec.json.encode(pull), reply=self._inbox)
            self._wanted += self._settings.batch

    async def _take(self) -> list[Delivery]:
        async with asyncio.timeout(_SILENCE):
            arrived = await self._arrived.get()
        found: list[Delivery] = []
        while True:
            if isinstance(arrived, Msg):
                self._wanted -= 1
                found.append(_Delivered(arrived))
            else:
                self._note(arrived)
            if self._arrived.empty() or len(found) >= self._settings.batch:
                return found
            arrived = self._arrived.get_nowait()

    def _note(self, status: _Status | None) -> None:
        if status is None:
            raise Unavailable("the connection to NATS is gone")
        if status.code in ("404", "408"):
            self._wanted = max(0, self._wanted - status.unfilled)
        elif status.code != "100":
            # The consumer or its stream is gone, or the broker is stopping: begin anew.
            raise Unavailable(f"NATS ended the pull ({status.code} {status.text})")

    async def _on_message(self, message: Msg) -> None:
        code = (message.headers or {}).get("Status")
        if code is None:
            self._arrived.put_nowait(message)
            return
        headers = message.headers or {}
        unfilled = int(headers.get("Nats-Pending-Messages", "0"))
        self._arrived.put_nowait(_Status(code, headers.get("Description", ""), unfilled))

    def lose(self) -> None:
        """Wake whoever waits for messages: none will come over this connection."""
        self._arrived.put_nowait(None)

    # -- outlet ----------------------------------------------------------------------------------------

    async def publish(self, messages: Sequence[Message]) -> None:
        subject = f"{self._settings.subject}.{self._settings.bucket}"
        with _translated():
            async with asyncio.timeout(self._settings.deadline.total_seconds()):
                stored = [
                    await self._js.publish_async(
                        subject, message.payload, headers={api.Header.MSG_ID.value: message.id}
                    )
                    for message in messages
                ]
                await asyncio.gather(*stored)

    async def position(self, name: str) -> int | None:
        with _translated():
            try:
                entry = await (await self._positions()).get(name)
            except js_errors.KeyNotFoundError:
                return None
        try:
            return int(entry.value or b"")
        except ValueError:
            return None

    async def save_position(self, name: str, position: int) -> None:
        with _translated():
            await (await self._positions()).put(name, str(position).encode())

    # -- what must be there ----------------------------------------------------------------------------

    async def _positions(self) -> nats.js.kv.KeyValue:
        bucket = f"{self._settings.stream}-{POSITIONS}"
        try:
            return await self._js.key_value(bucket)
        except js_errors.BucketNotFoundError:
            return await self._js.create_key_value(
                bucket=bucket, storage=api.StorageType.FILE, replicas=self._settings.replicas
            )

    async def ensure_stream(self) -> None:
        """Make the stream unless it is there. Raises Unavailable, also for one that is not ours to use."""
        with _translated():
            try:
                found = await self._js.stream_info(self._settings.stream)
                self._require_ours(found.config.subjects or [])
            except js_errors.NotFoundError:
                await self._js.add_stream(
                    name=self._settings.stream,
                    subjects=self._subjects(),
                    storage=api.StorageType.FILE,
                    # A full stream refuses what is new, and the publisher knows; dropping what is old
                    # would lose events that nobody has seen.
                    discard=api.DiscardPolicy.NEW,
                    max_age=_MAX_AGE.total_seconds(),
                    duplicate_window=_DUPLICATE_WINDOW.total_seconds(),
                    num_replicas=self._settings.replicas,
                )

    async def config(self) -> api.StreamConfig:
        with _translated():
            return (await self._js.stream_info(self._settings.stream)).config

    def _subjects(self) -> list[str]:
        return [self._settings.subject, f"{self._settings.subject}.>"]

    def _require_ours(self, subjects: Sequence[str]) -> None:
        # A stream without our subjects never brings an event; with others too, their messages would be buried.
        if set(subjects) != set(self._subjects()):
            raise Unavailable(
                f"the stream {self._settings.stream} holds {', '.join(subjects) or 'no subject'} and not "
                f"{' and '.join(self._subjects())}: set DRIVEBAY_EVENTS_SUBJECT to one of this deployment's own"
            )

    async def _ensure_consumer(self) -> None:
        await self._js.add_consumer(
            self._settings.stream,
            durable_name=consumer(self._settings.bucket),
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=self._settings.ack_wait.total_seconds(),
            max_ack_pending=_MAX_ACK_PENDING,
            # Giving up is our decision, made when the dead letter is safe.
            max_deliver=-1,
        )


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[JetStream]:
    """Connect to `settings.nats_url` and see to it that the stream is there. Raises Unavailable."""

    async def on_closed() -> None:
        stream.lose()

    last: Exception | None = None

    async def on_error(error: Exception) -> None:
        # Each call that fails says so itself; the client would also print.
        nonlocal last
        last = error

    client = Client()
    stream = JetStream(client, settings)
    try:
        with _translated():
            try:
                await client.connect(
                    settings.nats_url or "",
                    name="drivebay-ingest",
                    allow_reconnect=False,
                    # These bound the first connection too: unset, it is tried for two minutes without a word.
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=_CONNECT_WITHIN,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    closed_cb=on_closed,
                    error_cb=on_error,
                )
            except nats.errors.NoServersError as error:
                raise last or error from None
        await stream.ensure_stream()
        yield stream
    finally:
        # Closing sends what is still unsent: the last acks.
        with suppress(nats.errors.Error, TimeoutError, OSError):
            await asyncio.wait_for(client.close(), timeout=1)


async def check(settings: Settings) -> str | None:
    """None if NATS answers, its JetStream works and the stream is as it should be, else what is wrong, in one line."""
    try:
        async with connect(settings):
            return None
    except Unavailable as error:
        return error.detail


async def differences(settings: Settings) -> tuple[str, ...]:
    """What of the stream is not as events need it, one line each. Raises Unavailable."""
    async with connect(settings) as stream:
        found = await stream.config()
    wanted = {
        "storage is file": found.storage == api.StorageType.FILE,
        "discard is new": found.discard == api.DiscardPolicy.NEW,
        "duplicate_window is two minutes or more": (found.duplicate_window or 0) >= 120,
        "max_age is a day or more, or none": not found.max_age or found.max_age >= 86_400,
        "no_ack is false": not found.no_ack,
    }
    return tuple(
        f"the stream {settings.stream}: it is not so that {what}" for what, holds in wanted.items() if not holds
    )
