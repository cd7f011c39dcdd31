"""SeaweedFS sends no events over S3, but its filer tells every change of its tree to whoever listens.

Here those become the events that MinIO would have sent, in the same queue. How far we have listened is
kept beside the queue and moves on only after the events up to there are safe, so a restart misses nothing
that the filer still knows. It does not know everything: killed, it forgets the changes of its last minute,
while the objects are there. So each time the stream is connected again `on_connect` is called, and
whoever is interested looks for what no event will tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..crash import crash_point
from ..errors import Unavailable
from ..proto import seaweedfs
from .events import Created, Message, Outlet, ref, render

log = structlog.get_logger(__name__)

CHANGES = Counter("drivebay_ingest_filer_changes_total", "Changes told by the filer, by what they were", ["kind"])

# Changes of several filers are merged with a little skew; what comes twice is dropped by its id.
OVERLAP: Final = timedelta(seconds=5)
FIRST: Final = timedelta(minutes=1)
"""How far back listening begins when nothing is known; older pending uploads are the sweeper's."""

_SAVE_EACH: Final = 1.0
_BATCH: Final = 500


class OpenStream(Protocol):
    def __call__(self, address: str, method: str, request: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Call a streaming gRPC method; entering the block means connected. Raises Unavailable, there
        and while reading."""
        ...


class Filer:
    """Listens to one filer for one bucket. Any number may listen at once."""

    def __init__(
        self,
        address: str,
        bucket: str,
        *,
        open_stream: OpenStream,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        on_connect: Callable[[], None],
    ) -> None:
        self._address = address
        self._prefix = f"/buckets/{bucket}/"
        self._bucket = bucket
        self._open_stream = open_stream
        self._new_id = new_id
        self._now = now
        self._on_connect = on_connect

    async def run(self, outlet: Outlet) -> None:
        """Until cancelled, or until the filer or the outlet raises Unavailable."""
        name = f"seaweedfs.{self._bucket}"
        saved = await outlet.position(name)
        since = resumption(saved) if saved else int(self._now().timestamp() * 1e9) - _nanoseconds(FIRST)
        client = self._new_id().int % (2**31 - 1) + 1
        request = seaweedfs.subscription(client, self._prefix, since)
        async with self._open_stream(self._address, seaweedfs.SUBSCRIBE, request) as responses:
            log.info("filer_connected", address=self._address, resumed=saved is not None)
            self._on_connect()
            arrived: asyncio.Queue[seaweedfs.Change | Unavailable] = asyncio.Queue(maxsize=10 * _BATCH)
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(_read(responses, arrived))
                try:
                    await self._forward(arrived, outlet, name)
                except Unavailable as error:
                    lost = error
                    reader.cancel()
        raise lost

    async def _forward(self, arrived: asyncio.Queue[seaweedfs.Change | Unavailable], outlet: Outlet, name: str) -> None:
        unsaved: int | None = None
        saved_at = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(_SAVE_EACH if unsaved else None):
                    changes = await _gather(arrived)
            except TimeoutError:
                changes = ()
            if changes:
                messages = self.translate(changes)
                if messages:
                    await outlet.publish(messages)
                    crash_point("position.before_save")
                unsaved = changes[-1].at
            if unsaved and (not changes or time.monotonic() - saved_at >= _SAVE_EACH):
                await outlet.save_position(name, unsaved)
                crash_point("position.after_save")
                unsaved, saved_at = None, time.monotonic()

    def translate(self, changes: Sequence[seaweedfs.Change]) -> list[Message]:
        """The events among the changes: an object of ours that was written, or written again."""
        messages: list[Message] = []
        for change in changes:
            # Parts of multipart uploads lie under `.uploads/`, which is no key of ours either.
            key = change.path.removeprefix(self._prefix) if change.path and change.path.startswith(self._prefix) else ""
            if ref(key) is None:
                CHANGES.labels("other").inc()
                continue
            CHANGES.labels("created").inc()
            at = datetime.fromtimestamp(change.at / 1e9, UTC)
            payload = render(Created(self._bucket, key, change.size, at))
            # Equal for everybody who listens, so that two listeners make one event.
            messages.append(Message(f"{change.at}:{key}", payload))
        return messages


async def _read(responses: AsyncIterator[bytes], arrived: asyncio.Queue[seaweedfs.Change | Unavailable]) -> None:
    try:
        async for response in responses:
            await arrived.put(seaweedfs.change(response))
    except Unavailable as error:
        await arrived.put(error)
    except ValueError as error:
        await arrived.put(Unavailable(f"the filer cannot be understood: {error}"))


async def _gather(arrived: asyncio.Queue[seaweedfs.Change | Unavailable]) -> Sequence[seaweedfs.Change]:
    """What has arrived, at least one. An error comes out when everything before it is out."""
    first = await arrived.get()
    if isinstance(first, Unavailable):
        raise first
    changes = [first]
    while len(changes) < _BATCH and not arrived.empty():
        following = arrived.get_nowait()
        if isinstance(following, Unavailable):
            # Its turn is next; the reader has ended, so the order holds.
            arrived.put_nowait(following)
            break
        changes.append(following)
    return changes


def resumption(position: int) -> int:
    """Where listening goes on that has come as far as `position` (nanoseconds)."""
    return max(0, position - _nanoseconds(OVERLAP))


def _nanoseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1e9)
