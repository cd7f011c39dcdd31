"""A real SeaweedFS tells what is written to it, through restarts of either side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from ingest_fakes import Publish, RecordingFiles, running, some_ref, until
from uuid_utils.compat import uuid7

from drivebay.contract.files import UploadRef
from drivebay.contract.storage import Put
from drivebay.embedded import seaweedfs
from drivebay.embedded.seaweedfs import Store
from drivebay.ingest import nats
from drivebay.ingest.events import Message
from drivebay.ingest.seaweedfs import Filer
from drivebay.ingest.settings import Settings
from drivebay.proto.seaweedfs import Change
from drivebay.storage import service as storage
from drivebay.wire.stream import server_stream

pytestmark = pytest.mark.xdist_group("ingest_seaweedfs")

Write = Callable[..., Awaitable[UploadRef]]


def utc_now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
async def weed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with seaweedfs.run(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
async def write(weed: Store, listening: Settings) -> AsyncIterator[Write]:
    """Write an object of ours through S3, as a client does."""
    settings = storage.Settings(weed.s3_endpoint, weed.access_key, weed.secret_key, bucket=listening.bucket)
    async with storage.open(settings, now=utc_now) as service, httpx.AsyncClient() as client:

        async def write(body: bytes = b"hello", *, key: str | None = None) -> UploadRef:
            ref = some_ref()
            put = Put(key or f"{ref.owner}/{ref.id}", len(body), "text/plain")
            signed = await service.presign_put(put, utc_now(), 60)
            answer = await client.put(signed.url, content=body, headers=signed.headers)
            assert answer.status_code == 200, answer.text
            return ref

        yield write


@pytest.fixture
def listening(weed: Store, ingest_nats_url: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(
        ingest_nats_url,
        bucket=f"bucket-{uuid7().hex[-12:]}",
        filer_address=weed.filer_grpc,
        sweep_interval=timedelta(seconds=60),
    )


async def test_what_is_written_is_told(files: RecordingFiles, listening: Settings, write: Write) -> None:
    async with running(files, listening):
        full, empty = await write(b"hello"), await write(b"")
        await until(lambda: {full, empty} <= set(files.completed))


async def test_nothing_else_is_told(files: RecordingFiles, listening: Settings, write: Write) -> None:
    async with running(files, listening):
        await write(key="not-ours/at-all.txt")
        await write(key=f".uploads/{uuid7()}/0001.part")
        last = await write()
        await until(lambda: last in files.completed)
    assert {ref for batch in files.batches for ref in batch} == {last}


async def test_what_is_written_while_nobody_listens_is_told_later(
    files: RecordingFiles, listening: Settings, write: Write
) -> None:
    async with running(files, listening):
        first = await write()
        await until(lambda: first in files.completed)
    missed = [await write() for _ in range(20)]
    async with running(files, listening):
        await until(lambda: set(missed) <= set(files.completed))
    assert len(files.completed) == 21


async def test_two_listeners_make_one_event(listening: Settings, write: Write) -> None:
    one, two = RecordingFiles(), RecordingFiles()
    async with running(one, listening), running(two, listening):
        refs = [await write() for _ in range(10)]
        await until(lambda: set(refs) <= {*one.completed, *two.completed})
        async with nats.connect(listening) as stream:
            info = await stream._js.stream_info(listening.stream)
    assert info.state.messages == 10


async def test_the_position_moves_only_when_events_are_safe(listening: Settings, write: Write) -> None:
    class Refusing:
        def __init__(self) -> None:
            self.saved: list[int] = []

        async def publish(self, messages: list[Message]) -> None:
            raise RuntimeError("not stored")

        async def position(self, name: str) -> int | None:
            return None

        async def save_position(self, name: str, position: int) -> None:
            self.saved.append(position)

    outlet = Refusing()
    filer = Filer(
        listening.filer_address or "",
        listening.bucket,
        open_stream=server_stream,
        new_id=uuid7,
        now=utc_now,
        on_connect=lambda: None,
    )
    await write()
    with pytest.raises(ExceptionGroup):
        await filer.run(outlet)
    assert outlet.saved == []


async def test_a_killed_store_has_its_pending_uploads_looked_up_as_soon_as_it_is_back(
    files: RecordingFiles, tmp_path: Path, ingest_nats_url: str, make_settings: Callable[..., Settings]
) -> None:
    async with seaweedfs.run(tmp_path / "weed") as weed:
        settings = make_settings(ingest_nats_url, filer_address=weed.filer_grpc, sweep_interval=timedelta(seconds=60))
        assert weed.process is not None
        async with running(files, settings):
            await until(lambda: files.rechecks == 1)
            await weed.process.kill()
            forgotten = some_ref()
            files.pending.append(forgotten)
            await weed.process.start()
            await until(lambda: forgotten in files.completed)
        assert files.rechecks == 2


async def test_an_overwritten_object_is_told_and_a_moved_or_deleted_one_is_not_misread(listening: Settings) -> None:
    ref = some_ref()
    filer = Filer("", "b", open_stream=server_stream, new_id=uuid7, now=utc_now, on_connect=lambda: None)
    key = f"{ref.owner}/{ref.id}"
    told = filer.translate(
        [
            Change(1, f"/buckets/b/{key}", 5),
            Change(2, f"/buckets/b/{key}", 6),
            Change(3, None, 0),
            Change(4, f"/buckets/b/.uploads/{key}", 5),
            Change(5, f"/buckets/other/{key}", 5),
        ]
    )
    assert [message.id for message in told] == [f"1:{key}", f"2:{key}"]


async def test_a_queue_that_is_down_stops_no_later_event(
    files: RecordingFiles, listening: Settings, write: Write, publish: Publish
) -> None:
    async with running(files, listening):
        first = await write()
        await until(lambda: first in files.completed)
        async with nats.connect(listening) as stream:
            await stream._js.delete_stream(listening.stream)
        second = await write()
        await until(lambda: second in files.completed)
