"""Reads the changes of a SeaweedFS filer and publishes them as events.

SeaweedFS sends no S3 events, but its filer streams every change of its tree. The listener publishes the events that
MinIO would send. It saves its position in the stream after the queue has stored the events, so a restart loses no
change that the filer still has.

A filer that is killed loses the changes of its last minute, although the objects exist. So the listener calls
`on_connect` after each new connection, and the sweeper looks up all pending uploads.

In a cluster, a listener for each filer reads the changes that this filer made. SeaweedFS has another stream with the
changes of all filers, which has the changes later, and stops for two minutes when one of the filers stops.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..errors import Unavailable
from ..observability.crash_points import crash_point
from ..proto import seaweedfs
from .event_queue import Message, QueueWriter
from .events import ObjectCreated, render_event, upload_ref

log = structlog.get_logger(__name__)

CHANGES = Counter("drivebay_ingest_filer_changes_total", "Changes sent by the filer, by kind", ["kind"])

OVERLAP: Final = timedelta(seconds=5)
"""The order of changes from several filers is not exact, so a restart reads the last seconds again. The queue drops
repeated messages by their ids."""
INITIAL_LOOKBACK: Final = timedelta(minutes=1)
"""Without a checkpoint, the listener reads the changes of this period before its start. The sweeper finds older
uploads."""

MAX_LOOKBACK: Final = timedelta(minutes=10)
"""If the checkpoint is older, the listener reads only the changes of this period before its start, because the queue
drops repeated messages only for this period. The sweeper finds the uploads of older changes."""

_SAVE_INTERVAL: Final = 1.0
"""The number of seconds between two saved checkpoints."""
_MAX_BATCH: Final = 500
"""The maximum number of changes that are published together."""


class OpenStream(Protocol):
    def __call__(self, address: str, method: str, request: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Call a streaming gRPC method. The block begins when the connection is established.

        Raises Unavailable when the block begins, and while the stream is read.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChangeStream:
    """The changes of one bucket that one filer sends. `address` is the gRPC address of the filer. `is_clustered`: other
    listeners read the other filers of the same cluster."""

    address: str
    bucket: str
    is_clustered: bool = False

    @property
    def method(self) -> str:
        """The gRPC method that sends the changes."""
        return seaweedfs.SUBSCRIBE_LOCAL if self.is_clustered else seaweedfs.SUBSCRIBE

    @property
    def checkpoint_name(self) -> str:
        """The name of the checkpoint of this stream."""
        name = f"seaweedfs.{self.bucket}"
        return f"{name}.{re.sub(r'[^A-Za-z0-9.-]', '_', self.address)}" if self.is_clustered else name

    def start(self, saved: int | None, now: datetime) -> int:
        """Return the position from which to read, in nanoseconds since 1970. `saved` is the checkpoint."""
        if not saved:
            return _nanoseconds_since_epoch(now - INITIAL_LOOKBACK)
        return max(resume_position(saved), _nanoseconds_since_epoch(now - MAX_LOOKBACK))  # guard: filer-lookback


class FilerListener:
    """Listens to one filer for one bucket. Any number of listeners may run at the same time."""

    def __init__(
        self,
        stream: ChangeStream,
        *,
        open_stream: OpenStream,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        on_connect: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._prefix = f"/buckets/{stream.bucket}/"
        self._open_stream = open_stream
        self._new_id = new_id
        self._now = now
        self._on_connect = on_connect

    async def run(self, queue: QueueWriter) -> None:
        """Run until cancelled. Raises Unavailable when the filer or the queue fails."""
        stream = self._stream
        saved = await queue.load_checkpoint(stream.checkpoint_name)
        client = self._new_id().int % (2**31 - 1) + 1
        request = seaweedfs.subscription(client, self._prefix, stream.start(saved, self._now()))
        async with self._open_stream(stream.address, stream.method, request) as responses:
            log.info("filer_connected", address=stream.address, resumed=saved is not None)
            self._on_connect()  # guard: filer-recheck
            incoming: asyncio.Queue[seaweedfs.Change | Unavailable] = asyncio.Queue(maxsize=10 * _MAX_BATCH)
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(_read_changes(responses, incoming))
                try:
                    await self._publish_changes(incoming, queue)
                except Unavailable as error:
                    stream_error = error
                    reader.cancel()
        raise stream_error

    async def _publish_changes(
        self, incoming: asyncio.Queue[seaweedfs.Change | Unavailable], queue: QueueWriter
    ) -> None:
        checkpoint_name = self._stream.checkpoint_name
        unsaved: int | None = None
        saved_at = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(_SAVE_INTERVAL if unsaved else None):
                    changes = await _take_batch(incoming)
            except TimeoutError:
                changes = ()
            if changes:
                messages = self.to_messages(changes)
                if messages:
                    await queue.publish(messages)  # guard: filer-position-last
                    crash_point("checkpoint.before_save")
                unsaved = changes[-1].at
            if unsaved and (not changes or time.monotonic() - saved_at >= _SAVE_INTERVAL):
                await queue.save_checkpoint(checkpoint_name, unsaved)
                crash_point("checkpoint.after_save")
                unsaved, saved_at = None, time.monotonic()

    def to_messages(self, changes: Sequence[seaweedfs.Change]) -> list[Message]:
        """Return an event for each change that wrote the object of an upload."""
        messages: list[Message] = []
        for change in changes:
            # Parts of multipart uploads are under `.uploads/`, which is not the key of an upload.
            key = change.path.removeprefix(self._prefix) if change.path and change.path.startswith(self._prefix) else ""
            if upload_ref(key) is None:
                CHANGES.labels("other").inc()
                continue
            CHANGES.labels("created").inc()
            at = datetime.fromtimestamp(change.at / 1e9, UTC)
            payload = render_event(ObjectCreated(self._stream.bucket, key, change.size, at))
            # Every listener uses the same id for a change, so two listeners create one event.
            message_id = f"{change.at}:{key}"  # guard: filer-message-id
            messages.append(Message(message_id, payload))
        return messages


async def _read_changes(
    responses: AsyncIterator[bytes], incoming: asyncio.Queue[seaweedfs.Change | Unavailable]
) -> None:
    try:
        async for response in responses:
            await incoming.put(seaweedfs.change(response))
    except Unavailable as error:
        await incoming.put(error)
    except ValueError as error:
        await incoming.put(Unavailable(f"the filer sent an unreadable message: {error}"))


async def _take_batch(incoming: asyncio.Queue[seaweedfs.Change | Unavailable]) -> Sequence[seaweedfs.Change]:
    """Wait until at least one change has arrived, and return all changes that have arrived.

    An error of the reader is raised only after all changes before it.
    """
    first = await incoming.get()
    if isinstance(first, Unavailable):
        raise first
    changes = [first]
    while len(changes) < _MAX_BATCH and not incoming.empty():
        item = incoming.get_nowait()
        if isinstance(item, Unavailable):
            # Put the error back for the next call. The reader has ended, so no change follows it.
            incoming.put_nowait(item)
            break
        changes.append(item)
    return changes


def resume_position(position: int) -> int:
    """Return the position from which to resume after the saved `position`. Both are in nanoseconds."""
    return max(0, position - int(OVERLAP.total_seconds() * 1e9))  # guard: filer-overlap


def _nanoseconds_since_epoch(at: datetime) -> int:
    return int(at.timestamp() * 1e9)
