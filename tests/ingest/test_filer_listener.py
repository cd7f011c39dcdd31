"""Changes in a real SeaweedFS become events, also after restarts of either side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from ingest_helpers import Publish, RecordingFiles, new_ref, open_jetstream, running_ingest, wait_until
from nats.js.kv import KeyValue
from uuid_utils.compat import uuid7

from drivebay.contract.files import UploadRef
from drivebay.contract.storage import PutSpec
from drivebay.embedded import seaweedfs
from drivebay.embedded.seaweedfs import Store
from drivebay.ingest.event_queue import Message
from drivebay.ingest.filer_listener import MAX_LOOKBACK, ChangeStream, FilerListener
from drivebay.ingest.settings import Settings
from drivebay.proto.seaweedfs import Change
from drivebay.rpc.server_stream import server_stream
from drivebay.storage import service as storage
from drivebay.testing import proxy
from drivebay.testing.client import eventually
from drivebay.testing.proxy import Proxy

pytestmark = pytest.mark.xdist_group("ingest_seaweedfs")

WriteObject = Callable[..., Awaitable[UploadRef]]


def utc_now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
async def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with seaweedfs.run(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
async def write(seaweedfs_server: Store, filer_settings: Settings) -> AsyncIterator[WriteObject]:
    """Writes the object of a new upload through S3, as a client does."""
    settings = storage.Settings(
        seaweedfs_server.s3_endpoint,
        seaweedfs_server.access_key,
        seaweedfs_server.secret_key,
        bucket=filer_settings.bucket,
    )
    async with storage.open(settings, now=utc_now) as service, httpx.AsyncClient() as client:

        async def write(body: bytes = b"hello", *, key: str | None = None) -> UploadRef:
            ref = new_ref()
            put = PutSpec(key or f"{ref.owner}/{ref.id}", len(body), "text/plain")
            signed = await service.presign_put(put, utc_now(), 60)
            answer = await client.put(signed.url, content=body, headers=signed.headers)
            assert answer.status_code == 200, answer.text
            return ref

        yield write


@pytest.fixture
def filer_settings(seaweedfs_server: Store, ingest_nats_url: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(
        ingest_nats_url,
        bucket=f"bucket-{uuid7().hex[-12:]}",
        filer_address=seaweedfs_server.filer_grpc,
        sweep_interval=timedelta(seconds=60),
    )


async def test_a_written_object_becomes_a_file(
    files: RecordingFiles, filer_settings: Settings, write: WriteObject
) -> None:
    async with running_ingest(files, filer_settings):
        full, empty = await write(b"hello"), await write(b"")
        await wait_until(lambda: {full, empty} <= set(files.completed))


async def test_objects_with_other_keys_cause_no_commit(
    files: RecordingFiles, filer_settings: Settings, write: WriteObject
) -> None:
    async with running_ingest(files, filer_settings):
        await write(key="not-ours/at-all.txt")
        await write(key=f".uploads/{uuid7()}/0001.part")
        last = await write()
        await wait_until(lambda: last in files.completed)
    assert {ref for batch in files.batches for ref in batch} == {last}


async def test_changes_during_a_stop_are_read_after_the_restart(
    files: RecordingFiles, filer_settings: Settings, write: WriteObject
) -> None:
    async with running_ingest(files, filer_settings):
        first = await write()
        await wait_until(lambda: first in files.completed)
    missed = [await write() for _ in range(20)]
    async with running_ingest(files, filer_settings):
        await wait_until(lambda: set(missed) <= set(files.completed))
    assert len(files.completed) == 21


async def test_changes_before_the_last_ten_minutes_become_no_events(
    files: RecordingFiles, filer_settings: Settings, write: WriteObject
) -> None:
    async with running_ingest(files, filer_settings), open_jetstream(filer_settings) as jetstream:
        first = await write()
        await wait_until(lambda: first in files.completed)
        await wait_until_saved(await jetstream.key_value(f"{filer_settings.stream}-positions"), 1)
    await write()
    later = utc_now() + MAX_LOOKBACK
    async with running_ingest(files, filer_settings, now=lambda: later):
        last = await write()
        await wait_until(lambda: last in files.completed)
    assert files.completed == [first, last]


async def test_two_listeners_publish_one_event(filer_settings: Settings, write: WriteObject) -> None:
    one, two = RecordingFiles(), RecordingFiles()
    async with running_ingest(one, filer_settings), running_ingest(two, filer_settings):
        refs = [await write() for _ in range(10)]
        await wait_until(lambda: set(refs) <= {*one.completed, *two.completed})
        async with open_jetstream(filer_settings) as jetstream:
            info = await jetstream.stream_info(filer_settings.stream)
    assert info.state.messages == 10


async def test_the_position_is_saved_only_after_the_events_are_stored(
    filer_settings: Settings, write: WriteObject
) -> None:
    class FailingQueue:
        def __init__(self) -> None:
            self.saved: list[int] = []

        async def publish(self, messages: list[Message]) -> None:
            raise RuntimeError("not stored")

        async def load_checkpoint(self, name: str) -> int | None:
            return None

        async def save_checkpoint(self, name: str, position: int) -> None:
            self.saved.append(position)

    queue = FailingQueue()
    listener = FilerListener(
        ChangeStream(filer_settings.filer_address or "", filer_settings.bucket),
        open_stream=server_stream,
        new_id=uuid7,
        now=utc_now,
        on_connect=lambda: None,
    )
    await write()
    with pytest.raises(ExceptionGroup):
        await listener.run(queue)
    assert queue.saved == []


async def test_after_a_restart_of_the_store_all_pending_uploads_are_looked_up(
    files: RecordingFiles, tmp_path: Path, ingest_nats_url: str, make_settings: Callable[..., Settings]
) -> None:
    async with seaweedfs.run(tmp_path / "weed") as seaweedfs_server:
        settings = make_settings(
            ingest_nats_url, filer_address=seaweedfs_server.filer_grpc, sweep_interval=timedelta(seconds=60)
        )
        assert seaweedfs_server.server_process is not None
        async with running_ingest(files, settings):
            await wait_until(lambda: files.rechecks == 1)
            await seaweedfs_server.server_process.kill()
            unreported = new_ref()
            files.pending.append(unreported)
            await seaweedfs_server.server_process.start()
            await wait_until(lambda: unreported in files.completed)
        assert files.rechecks == 2


@asynccontextmanager
async def two_filers(settings: Settings) -> AsyncIterator[tuple[Settings, Proxy, Proxy]]:
    """Settings with two addresses of the one filer, which stands for two filers of a cluster."""
    host, _, port = (settings.filer_address or "").partition(":")
    async with proxy.run((host, int(port))) as first, proxy.run((host, int(port))) as second:
        yield replace(settings, filer_address=f"{first.host_port},{second.host_port}"), first, second


async def test_events_arrive_while_one_filer_of_a_cluster_is_down(
    files: RecordingFiles, filer_settings: Settings, write: WriteObject
) -> None:
    async with two_filers(filer_settings) as (settings, first, second), running_ingest(files, settings):
        for down, up in ((first, second), (second, first), (first, second)):
            up.refuse, down.refuse = False, True
            down.cut()
            ref = await write()
            await wait_until(lambda ref=ref: ref in files.completed)  # type: ignore[misc]


async def test_a_change_that_two_filers_of_a_cluster_send_becomes_one_event(
    files: RecordingFiles, filer_settings: Settings, write: WriteObject
) -> None:
    async with two_filers(filer_settings) as (settings, _, _), running_ingest(files, settings):
        refs = [await write() for _ in range(10)]
        await wait_until(lambda: set(refs) <= set(files.completed))
        async with open_jetstream(settings) as jetstream:
            checkpoints = await jetstream.key_value(f"{settings.stream}-positions")
            await wait_until_saved(checkpoints, 2)
            info = await jetstream.stream_info(settings.stream)
    assert info.state.messages == 10


async def wait_until_saved(checkpoints: KeyValue, count: int) -> None:
    """Wait until so many checkpoints are saved."""

    async def are_saved() -> bool:
        return (await checkpoints.status()).values == count

    await eventually(are_saved)


async def test_when_a_filer_of_a_cluster_is_lost_all_pending_uploads_are_looked_up(
    files: RecordingFiles, filer_settings: Settings
) -> None:
    async with two_filers(filer_settings) as (settings, first, _):
        settings = replace(settings, stable_connection=timedelta(0))
        first.refuse = True
        async with running_ingest(files, settings):
            await wait_until(lambda: files.rechecks == 1)
            first.refuse = False
            await wait_until(lambda: files.rechecks == 2)
            unreported = new_ref()
            files.pending.append(unreported)
            first.refuse = True
            first.cut()
            await wait_until(lambda: unreported in files.completed)


async def test_an_overwritten_object_gives_an_event_and_a_deleted_one_does_not(filer_settings: Settings) -> None:
    ref = new_ref()
    stream = ChangeStream("", "b")
    listener = FilerListener(stream, open_stream=server_stream, new_id=uuid7, now=utc_now, on_connect=lambda: None)
    key = f"{ref.owner}/{ref.id}"
    messages = listener.to_messages(
        [
            Change(1, f"/buckets/b/{key}", 5),
            Change(2, f"/buckets/b/{key}", 6),
            Change(3, None, 0),
            Change(4, f"/buckets/b/.uploads/{key}", 5),
            Change(5, f"/buckets/other/{key}", 5),
        ]
    )
    assert [message.deduplication_id for message in messages] == [f"1:{key}", f"2:{key}"]


async def test_events_continue_after_the_stream_was_deleted(
    files: RecordingFiles, filer_settings: Settings, write: WriteObject, publish: Publish
) -> None:
    async with running_ingest(files, filer_settings):
        first = await write()
        await wait_until(lambda: first in files.completed)
        async with open_jetstream(filer_settings) as jetstream:
            await jetstream.delete_stream(filer_settings.stream)
        second = await write()
        await wait_until(lambda: second in files.completed)
