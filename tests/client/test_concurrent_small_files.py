"""Many small files at once: they share requests, each has its own result, and failed uploads free their names."""

import asyncio
import errno
import os
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from drivebay.client import (
    ROOT,
    AsyncDrive,
    Conflict,
    MemoryTokenStore,
    NetworkError,
    NotFound,
    OnConflict,
    PendingBatch,
    RetryPolicy,
    UnfinishedUpload,
)

from .conftest import NewDrive, Site
from .memory_resume_store import MemoryResumeStore
from .transfer_helpers import random_bytes, reserved_bytes

ROOT_WITH_OTHER_ID = msgspec.structs.replace(ROOT, id="no\udcffid")


class RequestCounter:
    """Counts the API requests that the gateway has answered since `reset`, by method and route."""

    def __init__(self, site: Site, http: httpx.AsyncClient) -> None:
        self._site = site
        self._http = http
        self._before: Counter[str] = Counter()

    async def reset(self) -> None:
        self._before = await self._answered()

    async def since_reset(self) -> Counter[str]:
        return await self._answered() - self._before

    async def _answered(self) -> Counter[str]:
        text = (await self._http.get(f"{self._site.world.api}/metrics")).text
        answered: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "drivebay_http_request_seconds_count" and sample.labels["route"] != "/metrics":
                    # One sample for each status, too.
                    answered[f"{sample.labels['method']} {sample.labels['route']}"] += int(sample.value)
        return answered


@pytest.fixture
def requests(site: Site, http: httpx.AsyncClient) -> RequestCounter:
    return RequestCounter(site, http)


async def test_concurrent_transfers_share_requests(drive: AsyncDrive, requests: RequestCounter, tmp_path: Path) -> None:
    folder = await drive.make_folder("/many")
    content_by_name = {f"{number}.bin": random_bytes(number * 700, seed=number) for number in range(60)}
    for name, content in content_by_name.items():
        (tmp_path / name).write_bytes(content)
    await requests.reset()
    await asyncio.gather(*(drive.send(tmp_path / name, folder) for name in content_by_name))
    sent = await requests.since_reset()
    assert set(sent) == {"POST /v1/uploads/batch", "POST /v1/uploads/batch/complete"}
    assert sent.total() <= 30
    files = [file async for file in drive.files(folder)]
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    await requests.reset()
    await asyncio.gather(*(drive.download(file, downloads) for file in files))
    assert {path.name: path.read_bytes() for path in downloads.iterdir()} == content_by_name
    assert 1 <= (await requests.since_reset()).total() <= 15


async def test_a_refused_upload_does_not_affect_others_in_its_batch(drive: AsyncDrive) -> None:
    await drive.send(b"first", name="taken.txt")
    results = await asyncio.gather(
        drive.send(b"other", name="taken.txt", on_conflict=OnConflict.FAIL),
        drive.send(b"hello", name="good.txt", on_conflict=OnConflict.FAIL),
        drive.send(b"hello", name="a/b"),
        return_exceptions=True,
    )
    assert isinstance(results[0], Conflict)
    assert results[0].code == "name_taken"
    assert not isinstance(results[1], BaseException)
    assert getattr(results[2], "code", "") == "invalid_request"
    assert sorted([file.name async for file in drive.files()]) == ["good.txt", "taken.txt"]


async def test_an_upload_that_cannot_be_requested_fails_alone(new_drive: NewDrive, tmp_path: Path) -> None:
    resume_store = MemoryResumeStore()
    drive = await new_drive(resume_store=resume_store)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    bad: list[Awaitable[object]] = [
        drive.send(b"bad", name="bad\udcff"),
        drive.send(b"bad", name="x" * 2**20),
        drive.send(b"bad", name="type.txt", content_type="text/\udcff"),
        drive.send(b"bad", ROOT_WITH_OTHER_ID, "folder.txt"),
        drive.send(tmp_path / "gone"),
        drive.send(tmp_path / "folder", name="folder"),
        drive.send(tmp_path / "pipe"),
        drive.send(f"{tmp_path}/nul\0", name="nul"),
        drive.send("x" * 300, name="long"),
    ]
    good = [drive.send(b"good", name=f"{number}.txt") for number in range(60)]
    results = await asyncio.gather(*bad, *good, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results[: len(bad)]), results[: len(bad)]
    assert [result for result in results[len(bad) :] if isinstance(result, BaseException)] == []
    assert len([file async for file in drive.files()]) == 60
    assert resume_store.batches == {}


class FullResumeStore(MemoryResumeStore):
    """A resume store on a full disk."""

    def record_batch(self, batch: PendingBatch) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def save_upload(self, upload: UnfinishedUpload) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("size", [5, 17 * 2**20])
async def test_nothing_is_begun_without_its_record(
    new_drive: NewDrive, requests: RequestCounter, tmp_path: Path, size: int
) -> None:
    drive = await new_drive(resume_store=FullResumeStore())
    (tmp_path / "a.bin").write_bytes(bytes(size))
    await requests.reset()
    with pytest.raises(OSError, match="No space left"):
        await drive.send(tmp_path / "a.bin")
    assert (await requests.since_reset()).total() == 0


async def test_an_upload_whose_answer_was_lost_is_resumed(new_drive: NewDrive, tmp_path: Path) -> None:
    resume_store = MemoryResumeStore()
    drive = await new_drive(resume_store=resume_store)
    (tmp_path / "a.bin").write_bytes(bytes(17 * 2**20))

    def end_process(done: int, total: int) -> None:
        raise KeyError("the process ends")

    with pytest.raises(KeyError):
        await drive.send(tmp_path / "a.bin", progress=end_process, on_conflict="fail")
    ((key, record),) = resume_store.uploads.items()
    resume_store.uploads[key] = msgspec.structs.replace(record, upload_id="")
    upload = await drive.send(tmp_path / "a.bin", on_conflict="fail")
    assert (upload.id, resume_store.uploads) == (record.upload_id, {})
    assert await reserved_bytes(drive) == 0


async def test_a_record_that_cannot_be_deleted_does_not_fail_an_upload(new_drive: NewDrive, tmp_path: Path) -> None:
    class ReadOnlyAfterwards(MemoryResumeStore):
        def remove_batch(self, key: str) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        def remove_upload(self, key: str) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

    drive = await new_drive(resume_store=ReadOnlyAfterwards())
    (tmp_path / "a.bin").write_bytes(bytes(17 * 2**20))
    await drive.send(tmp_path / "a.bin")
    await drive.send(b"hello", name="b.txt")
    assert sorted([file.name async for file in drive.files()]) == ["a.bin", "b.txt"]


async def test_a_batch_that_cannot_be_aborted_does_not_stop_new_uploads(new_drive: NewDrive, site: Site) -> None:
    resume_store = MemoryResumeStore()
    drive = await new_drive(resume_store=resume_store)
    too_large = PendingBatch(uuid4().hex, site.server, b'{"uploads": [' + b" " * 2**21 + b"]}")
    malformed = PendingBatch(uuid4().hex, site.server, b'{"uploads": [')
    resume_store.abandoned = [too_large, malformed]
    await drive.send(b"hello", name="a.txt")
    assert resume_store.batches == {}


async def test_a_missing_file_does_not_affect_other_downloads(drive: AsyncDrive, tmp_path: Path) -> None:
    files = [await drive.upload(b"hello", name=f"{number}.txt") for number in range(4)]
    await drive.trash(files[2])
    results = await asyncio.gather(*(drive.download(file, tmp_path) for file in files), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["File", "File", "NotFound", "File"]
    assert isinstance(results[2], NotFound)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "1.txt", "3.txt"]


async def test_an_existing_local_file_does_not_affect_other_downloads(drive: AsyncDrive, tmp_path: Path) -> None:
    files = [await drive.upload(f"body {number}".encode(), name=f"{number}.txt") for number in range(3)]
    existing = tmp_path / "1.txt"
    existing.write_bytes(b"mine")
    results = await asyncio.gather(
        *(drive.download(file, tmp_path / file.name) for file in files), return_exceptions=True
    )
    assert [isinstance(result, FileExistsError) for result in results] == [False, True, False]
    assert (existing.read_bytes(), (tmp_path / "2.txt").read_bytes()) == (b"mine", b"body 2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "1.txt", "2.txt"]


async def test_a_download_that_cannot_be_written_fails_alone(drive: AsyncDrive, tmp_path: Path) -> None:
    long_name = "\N{GRINNING FACE}" * 60
    names = ["0.txt", "1.txt", "2.txt", long_name]
    files = [await drive.upload(b"hello", name=name) for name in names]
    targets = [tmp_path / name for name in names]
    targets[0] = tmp_path / ("x" * 256)
    targets[1] = tmp_path / "missing" / "1.txt"
    invented = msgspec.structs.replace(files[2], id="no id")
    results = await asyncio.gather(
        *(drive.download(file, target) for file, target in zip(files, targets, strict=True)),
        drive.download(invented, tmp_path / "invented"),
        drive.download(files[2], f"{tmp_path}/nul\0"),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results[2:4]] == ["File", "File"], results
    assert [isinstance(result, Exception) for result in results] == [True, True, False, False, True, True]
    missing = results[1]
    assert isinstance(missing, FileNotFoundError)
    assert missing.filename == str(tmp_path / "missing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.txt", long_name]


async def test_uploads_cancelled_while_they_begin_free_their_names(drive: AsyncDrive, site: Site) -> None:
    site.api.delay = 0.3
    uploads = [asyncio.create_task(drive.send(b"hello", name=f"{number}.txt")) for number in range(20)]
    await asyncio.sleep(0.1)
    for task in uploads:
        task.cancel()
    await asyncio.gather(*uploads, return_exceptions=True)
    site.heal()
    await drive._upload_batcher.close()
    assert await reserved_bytes(drive) == 0
    await asyncio.gather(
        *(drive.send(b"hello", name=f"{number}.txt", on_conflict=OnConflict.FAIL) for number in range(20))
    )


async def test_uploads_of_a_dead_process_are_aborted_by_the_next(new_drive: NewDrive, site: Site) -> None:
    token_store, resume_store = MemoryTokenStore(), MemoryResumeStore()
    first = await new_drive()
    token_store.save(await first._api.current_tokens())
    impatient = RetryPolicy(timeout=0.3, first_delay=0.02)
    drive = await new_drive(token_store=token_store, resume_store=resume_store, retry_policy=impatient)
    names = [f"{number}.txt" for number in range(3)]
    sent = PendingBatch(uuid4().hex, site.server, msgspec.json.encode({"uploads": [intent(name) for name in names]}))
    never_sent = PendingBatch(uuid4().hex, site.server, msgspec.json.encode({"uploads": [intent("d.txt")]}))
    invalid = PendingBatch(uuid4().hex, site.server, b'{"uploads": []}')
    await drive._upload_batcher._send_batch(sent)
    assert await reserved_bytes(drive) == 15
    resume_store.abandoned = [sent, never_sent, invalid]
    site.api.refuse = True
    site.api.cut()
    with pytest.raises(NetworkError):
        await drive.send(b"hello", name="later.txt")
    site.heal()
    await asyncio.gather(*(drive.send(b"hello", name=name, on_conflict=OnConflict.FAIL) for name in names))
    assert await reserved_bytes(drive) == 0
    assert (resume_store.batches, resume_store.abandoned) == ({}, [])
    assert sorted([file.name async for file in drive.files()]) == names


def intent(name: str) -> dict[str, object]:
    return {"name": name, "size": 5, "content_type": "text/plain", "parent_id": "root", "on_conflict": "fail"}
