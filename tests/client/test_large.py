"""Large files: in parts and in ranges, gone on with where they stopped, and never mixed up."""

import asyncio
import os
from pathlib import Path

import pytest

from drivebay.client import AsyncDrive, Changed, Damaged, File, NetworkError, Patience

from .conftest import NewDrive, Site
from .kept import MIB, Kept, random_bytes

SIZE = 36 * MIB + 5
BODY = random_bytes(SIZE)
HASTY = Patience(seconds=0.5, first=0.02, longest=0.1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(BODY)
    return path


async def reserved(drive: AsyncDrive) -> int:
    usage = (await drive.me()).usage
    assert usage is not None
    return usage.reserved_bytes


async def stopped_midway(drive: AsyncDrive, site: Site, source: Path) -> None:
    """An upload that the network ends after two thirds."""

    def stop(done: int, total: int) -> None:
        if done > 24 * MIB:
            site.store.refuse = True
            site.store.cut()

    with pytest.raises(NetworkError):
        await drive.send(source, progress=stop)
    site.heal()


async def test_a_large_file_goes_in_parts_and_comes_in_ranges(drive: AsyncDrive, source: Path, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    file = await drive.upload(source, progress=lambda done, total: sent.append((done, total)))
    assert sent[-1] == (SIZE, SIZE)
    assert (file.size, file.sha256) == (SIZE, None)
    came: list[tuple[int, int]] = []
    await drive.download(file, tmp_path / "back", progress=lambda done, total: came.append((done, total)))
    assert came[-1] == (SIZE, SIZE)
    assert (tmp_path / "back").read_bytes() == BODY
    assert await drive.read(file) == BODY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "large.bin"]


async def test_an_upload_goes_on_where_it_stopped(site: Site, new_drive: NewDrive, source: Path) -> None:
    kept = Kept()
    drive = await new_drive(resume=kept, patience=HASTY, parallel=1)
    await stopped_midway(drive, site, source)
    (unfinished,) = kept.items.values()
    assert (unfinished.name, unfinished.size, unfinished.path) == ("large.bin", SIZE, str(source))
    before = site.store.passed
    done = await drive.send(source)
    assert done.id == unfinished.upload_id
    assert site.store.passed - before < SIZE - 8 * MIB
    assert await drive.read(done.file_id or "") == BODY
    assert kept.items == {}


async def test_without_a_place_to_note_it_a_failed_upload_is_given_up(
    site: Site, new_drive: NewDrive, source: Path
) -> None:
    drive = await new_drive(patience=HASTY)
    await stopped_midway(drive, site, source)
    assert await reserved(drive) == 0


async def test_what_was_finished_by_an_attempt_that_never_knew_is_not_sent_again(
    site: Site, new_drive: NewDrive, source: Path
) -> None:
    kept = Kept()
    drive = await new_drive(resume=kept, patience=HASTY, parallel=1)
    await stopped_midway(drive, site, source)
    note = dict(kept.items)
    first = await drive.send(source)
    kept.items.update(note)  # as if the process had been killed before it knew
    before = site.store.passed
    again = await drive.send(source)
    assert (again.id, again.file_id) == (first.id, first.file_id)
    assert site.store.passed == before
    assert kept.items == {}


async def test_a_changed_file_is_a_new_upload(site: Site, new_drive: NewDrive, source: Path) -> None:
    kept = Kept()
    drive = await new_drive(resume=kept, patience=HASTY, parallel=1)
    await stopped_midway(drive, site, source)
    first = next(iter(kept.items.values())).upload_id
    # Other bytes with the same size and the same time: only the checksums tell.
    was = source.stat()
    other = random_bytes(SIZE, seed=2)
    source.write_bytes(other)
    os.utime(source, ns=(was.st_atime_ns, was.st_mtime_ns))
    done = await drive.send(source)
    assert done.id != first
    assert await drive.read(done.file_id or "") == other
    assert (await drive.show_upload(first)).status == "aborted"


@pytest.mark.parametrize("size", [1 * MIB, SIZE])
async def test_a_file_that_changes_while_it_is_read_is_refused(new_drive: NewDrive, tmp_path: Path, size: int) -> None:
    kept = Kept()
    drive = await new_drive(resume=kept)
    path = tmp_path / "log"
    path.write_bytes(BODY[:size])

    def write(done: int, total: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(Changed):
        await drive.send(path, progress=write)
    assert [file.name async for file in drive.files()] == []
    assert await reserved(drive) == 0
    assert kept.items == {}


@pytest.mark.parametrize("size", [4 * MIB, SIZE])
async def test_a_wrong_byte_on_the_way_up_is_refused_and_sent_again(site: Site, drive: AsyncDrive, size: int) -> None:
    site.store.spoil = 2 * MIB
    done = await drive.send(BODY[:size], name="a.bin")
    assert site.store.spoil is None
    assert await drive.read(done.file_id or "") == BODY[:size]


@pytest.mark.parametrize("size", [4 * MIB, SIZE])
async def test_a_wrong_byte_on_the_way_down_is_noticed_and_nothing_is_kept(
    site: Site, drive: AsyncDrive, size: int, tmp_path: Path
) -> None:
    file = await drive.upload(BODY[:size], name="a.bin")
    site.store.spoil = 3 * MIB
    with pytest.raises(Damaged):
        await drive.download(file, tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []
    site.store.spoil = 3 * MIB
    with pytest.raises(Damaged):
        await drive.read(file)
    await drive.download(file, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY[:size]


async def interrupted(drive: AsyncDrive, file: File, target: Path) -> None:
    """A download that is cancelled after two thirds."""
    enough = asyncio.Event()
    task = asyncio.create_task(
        drive.download(file, target, progress=lambda done, _: enough.set() if done > 24 * MIB else None)
    )
    await asyncio.wait_for(enough.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not target.exists()


async def test_a_download_goes_on_where_it_stopped(site: Site, new_drive: NewDrive, tmp_path: Path) -> None:
    drive = await new_drive(parallel=1)
    file = await drive.upload(BODY, name="a.bin")
    await interrupted(drive, file, tmp_path / "a.bin")
    before = site.store.passed
    await drive.download(file, tmp_path / "a.bin")
    assert site.store.passed - before < SIZE - 8 * MIB
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert len(list(tmp_path.iterdir())) == 1


async def test_versions_are_not_mixed(site: Site, drive: AsyncDrive, tmp_path: Path) -> None:
    file = await drive.upload(BODY, name="a.bin")
    await interrupted(drive, file, tmp_path / "a.bin")
    other = random_bytes(SIZE, seed=3)
    assert (await drive.upload(other, name="a.bin", on_conflict="replace")).id == file.id
    await drive.download("/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == other


async def test_what_is_there_is_not_overwritten_unasked(drive: AsyncDrive, tmp_path: Path) -> None:
    file = await drive.upload(b"new", name="a")
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        await drive.download(file, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    await drive.download(file, tmp_path, overwrite=True)
    assert (tmp_path / "a").read_bytes() == b"new"


async def test_two_downloads_of_one_file_to_one_place_do_not_meet(drive: AsyncDrive, tmp_path: Path) -> None:
    file = await drive.upload(BODY, name="a")
    results = await asyncio.gather(
        *(drive.download(file, tmp_path / "a", overwrite=True) for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(result, BlockingIOError) for result in results) == 1
    assert (tmp_path / "a").read_bytes() == BODY
