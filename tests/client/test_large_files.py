"""Large files: uploads in parts and downloads in ranges, resumed after a failure, and never mixed with other bytes."""

import asyncio
import os
from pathlib import Path

import pytest

from drivebay.client import AsyncDrive, ChecksumMismatch, ContentChanged, File, NetworkError, RetryPolicy

from .conftest import NewDrive, Site
from .memory_resume_store import MemoryResumeStore
from .transfer_helpers import MIB, random_bytes, reserved_bytes

SIZE = 36 * MIB + 5
CONTENT = random_bytes(SIZE)
IMPATIENT = RetryPolicy(timeout=0.5, first_delay=0.02, max_delay=0.1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def resume_store() -> MemoryResumeStore:
    return MemoryResumeStore()


async def fail_after_two_thirds(drive: AsyncDrive, site: Site, source: Path) -> None:
    """Start an upload and break the network after two thirds of it."""

    def break_network(done: int, total: int) -> None:
        if done > 24 * MIB:
            site.store.refuse = True
            site.store.cut()

    with pytest.raises(NetworkError):
        await drive.send(source, progress=break_network)
    site.heal()


async def test_a_large_file_is_uploaded_and_downloaded_unchanged(
    drive: AsyncDrive, source: Path, tmp_path: Path
) -> None:
    upload_progress: list[tuple[int, int]] = []
    file = await drive.upload(source, progress=lambda done, total: upload_progress.append((done, total)))
    assert upload_progress[-1] == (SIZE, SIZE)
    assert (file.size, file.sha256) == (SIZE, None)
    download_progress: list[tuple[int, int]] = []
    await drive.download(file, tmp_path / "copy", progress=lambda done, total: download_progress.append((done, total)))
    assert download_progress[-1] == (SIZE, SIZE)
    assert (tmp_path / "copy").read_bytes() == CONTENT
    assert await drive.read(file) == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "large.bin"]


async def test_an_upload_resumes_where_it_stopped(
    site: Site, new_drive: NewDrive, source: Path, resume_store: MemoryResumeStore
) -> None:
    drive = await new_drive(resume_store=resume_store, retry_policy=IMPATIENT, parallel=1)
    await fail_after_two_thirds(drive, site, source)
    (record,) = resume_store.uploads.values()
    assert (record.name, record.size, record.path) == ("large.bin", SIZE, str(source))
    passed_before = site.store.passed
    upload = await drive.send(source)
    assert upload.id == record.upload_id
    assert site.store.passed - passed_before < SIZE - 8 * MIB
    assert await drive.read(upload.file_id or "") == CONTENT
    assert resume_store.uploads == {}


async def test_without_a_resume_store_a_failed_upload_is_aborted(site: Site, new_drive: NewDrive, source: Path) -> None:
    drive = await new_drive(retry_policy=IMPATIENT)
    await fail_after_two_thirds(drive, site, source)
    assert await reserved_bytes(drive) == 0


async def test_a_recorded_upload_that_is_complete_is_not_sent_again(
    site: Site, new_drive: NewDrive, source: Path, resume_store: MemoryResumeStore
) -> None:
    drive = await new_drive(resume_store=resume_store, retry_policy=IMPATIENT, parallel=1)
    await fail_after_two_thirds(drive, site, source)
    records = dict(resume_store.uploads)
    first = await drive.send(source)
    resume_store.uploads.update(records)  # as if the process had died before it removed the record
    passed_before = site.store.passed
    second = await drive.send(source)
    assert (second.id, second.file_id) == (first.id, first.file_id)
    assert site.store.passed == passed_before
    assert resume_store.uploads == {}


async def test_a_changed_file_starts_a_new_upload(
    site: Site, new_drive: NewDrive, source: Path, resume_store: MemoryResumeStore
) -> None:
    drive = await new_drive(resume_store=resume_store, retry_policy=IMPATIENT, parallel=1)
    await fail_after_two_thirds(drive, site, source)
    first_id = next(iter(resume_store.uploads.values())).upload_id
    # The size and the modification time are equal. Only the checksums differ.
    status = source.stat()
    other_content = random_bytes(SIZE, seed=2)
    source.write_bytes(other_content)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    upload = await drive.send(source)
    assert upload.id != first_id
    assert await drive.read(upload.file_id or "") == other_content
    assert (await drive.get_upload(first_id)).status == "aborted"


@pytest.mark.parametrize("size", [1 * MIB, SIZE])
async def test_a_file_that_changes_while_it_is_read_is_not_stored(
    new_drive: NewDrive, tmp_path: Path, size: int, resume_store: MemoryResumeStore
) -> None:
    drive = await new_drive(resume_store=resume_store)
    path = tmp_path / "log"
    path.write_bytes(CONTENT[:size])

    def append(done: int, total: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(ContentChanged):
        await drive.send(path, progress=append)
    assert [file.name async for file in drive.files()] == []
    assert await reserved_bytes(drive) == 0
    assert resume_store.uploads == {}


@pytest.mark.parametrize("size", [4 * MIB, SIZE])
async def test_a_byte_damaged_during_the_upload_is_sent_again(site: Site, drive: AsyncDrive, size: int) -> None:
    site.store.corrupt_after = 2 * MIB
    upload = await drive.send(CONTENT[:size], name="a.bin")
    assert site.store.corrupt_after is None
    assert await drive.read(upload.file_id or "") == CONTENT[:size]


@pytest.mark.parametrize("size", [4 * MIB, SIZE])
async def test_a_byte_damaged_during_the_download_is_detected_and_leaves_no_file(
    site: Site, drive: AsyncDrive, size: int, tmp_path: Path
) -> None:
    file = await drive.upload(CONTENT[:size], name="a.bin")
    site.store.corrupt_after = 3 * MIB
    with pytest.raises(ChecksumMismatch):
        await drive.download(file, tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []
    site.store.corrupt_after = 3 * MIB
    with pytest.raises(ChecksumMismatch):
        await drive.read(file)
    await drive.download(file, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT[:size]


async def cancel_after_two_thirds(drive: AsyncDrive, file: File, target: Path) -> None:
    """Start a download and cancel it after two thirds."""
    two_thirds_done = asyncio.Event()
    task = asyncio.create_task(
        drive.download(file, target, progress=lambda done, _: two_thirds_done.set() if done > 24 * MIB else None)
    )
    await asyncio.wait_for(two_thirds_done.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not target.exists()


async def test_a_download_resumes_where_it_stopped(site: Site, new_drive: NewDrive, tmp_path: Path) -> None:
    drive = await new_drive(parallel=1)
    file = await drive.upload(CONTENT, name="a.bin")
    await cancel_after_two_thirds(drive, file, tmp_path / "a.bin")
    passed_before = site.store.passed
    await drive.download(file, tmp_path / "a.bin")
    assert site.store.passed - passed_before < SIZE - 8 * MIB
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert len(list(tmp_path.iterdir())) == 1


async def test_a_resumed_download_does_not_mix_versions(drive: AsyncDrive, tmp_path: Path) -> None:
    file = await drive.upload(CONTENT, name="a.bin")
    await cancel_after_two_thirds(drive, file, tmp_path / "a.bin")
    other_content = random_bytes(SIZE, seed=3)
    assert (await drive.upload(other_content, name="a.bin", on_conflict="replace")).id == file.id
    await drive.download("/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == other_content


async def test_an_existing_file_is_overwritten_only_on_request(drive: AsyncDrive, tmp_path: Path) -> None:
    file = await drive.upload(b"new", name="a")
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        await drive.download(file, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    await drive.download(file, tmp_path, overwrite=True)
    assert (tmp_path / "a").read_bytes() == b"new"


async def test_the_second_download_to_the_same_path_is_refused(drive: AsyncDrive, tmp_path: Path) -> None:
    file = await drive.upload(CONTENT, name="a")
    results = await asyncio.gather(
        *(drive.download(file, tmp_path / "a", overwrite=True) for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(result, BlockingIOError) for result in results) == 1
    assert (tmp_path / "a").read_bytes() == CONTENT
