"""The worker makes the thumbnails that users ask for: real images, real services, and a bucket in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from drivebay.contract.files import ThumbnailState
from drivebay.contract.ids import FileId
from drivebay.contract.storage import THUMBNAIL_SIZES, THUMBNAILS_PREFIX, thumbnail_key
from drivebay.errors import Unavailable
from drivebay.worker import service, thumbnail_jobs
from drivebay.worker.settings import Settings
from drivebay.worker.thumbnail_jobs import ThumbnailJobs
from drivebay.worker.thumbnail_subprocess import ProcessLimits

from ..files.conftest import SETTINGS as FILES_SETTINGS
from ..files.conftest import Drive, open_drive
from ..thumbnail_samples import noise_jpeg, one_color_png, opened, pdf, png, video

OWN = Settings(interval=timedelta(milliseconds=20), thumbnail_limits=ProcessLimits(time=timedelta(seconds=60)))


@pytest.fixture
async def drive(database_url: str) -> AsyncIterator[Drive]:
    settings = replace(FILES_SETTINGS, max_file_size=2**24, quota=2**30, max_video_source=2**24)
    async with open_drive(database_url, "direct", settings) as drive:
        yield drive


def jobs(drive: Drive, settings: Settings = OWN) -> ThumbnailJobs:
    return ThumbnailJobs(drive.files, drive.storage, settings, new_id=uuid7)


async def add(drive: Drive, body: bytes, content_type: str = "image/png") -> FileId:
    return (await drive.upload_file("a", body, content_type=content_type)).id


async def state_of(drive: Drive, id: FileId) -> ThumbnailState:
    return (await drive.files.get_thumbnail(drive.access, id)).state


async def test_a_thumbnail_that_was_asked_for_is_made_in_all_sizes_beside_the_object(drive: Drive) -> None:
    id = await add(drive, png())
    assert await state_of(drive, id) is ThumbnailState.QUEUED
    used = (await drive.files.get_usage(drive.access)).used_bytes
    assert await jobs(drive).make_next() == 1
    found = await drive.files.get_thumbnail(drive.access, id)
    assert found.state is ThumbnailState.READY
    for size in THUMBNAIL_SIZES:
        image = opened(drive.bucket.objects[thumbnail_key(found.key, size)][1])
        assert max(image.width, image.height) == min(size, 640)
    assert (await drive.files.get_usage(drive.access)).used_bytes == used
    assert await jobs(drive).make_next() == 0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"hello", "image/png"),
        (png()[:200], "image/png"),
        (noise_jpeg()[:20_000], "image/jpeg"),
        (one_color_png(30_000, 30_000), "image/png"),
        (b"%PDF-1.4", "application/pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "image/png"),
    ],
    ids=["text", "cut png", "cut jpeg", "bomb", "cut pdf", "svg that says png"],
)
async def test_a_file_that_cannot_be_shown_has_no_preview_and_the_next_one_is_made(
    drive: Drive, body: bytes, content_type: str
) -> None:
    bad, good = await add(drive, body, content_type), await add(drive, png())
    for id in (bad, good):
        await state_of(drive, id)
    worker = jobs(drive)
    assert [await worker.make_next() for _ in range(3)] == [1, 1, 0]
    assert await state_of(drive, bad) is ThumbnailState.NONE
    assert await state_of(drive, good) is ThumbnailState.READY


async def test_the_bytes_count_and_not_the_type(drive: Drive) -> None:
    id = await add(drive, pdf(), "image/png")
    await state_of(drive, id)
    await jobs(drive).make_next()
    assert await state_of(drive, id) is ThumbnailState.READY


async def test_a_process_that_dies_is_tried_again_and_then_there_is_no_preview(drive: Drive) -> None:
    id = await add(drive, png())
    await state_of(drive, id)
    hasty = replace(OWN, thumbnail_limits=replace(OWN.thumbnail_limits, time=timedelta()))
    with capture_logs() as logs:
        for _ in range(3):
            assert await jobs(drive, hasty).make_next() == 1
            assert await state_of(drive, id) is ThumbnailState.QUEUED
            await drive.advance_time(timedelta(minutes=1), "thumbnails")
    assert [line["event"] for line in logs].count("thumbnail_failed") == 3
    assert await jobs(drive).make_next() == 0
    assert await state_of(drive, id) is ThumbnailState.NONE


async def test_of_a_large_video_the_beginning_and_the_end_are_read(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = video()
    monkeypatch.setattr(thumbnail_jobs, "_CHUNK", 1000)
    monkeypatch.setattr(thumbnail_jobs, "_VIDEO_START", len(body) - 3000)
    monkeypatch.setattr(thumbnail_jobs, "_VIDEO_END", 3000)
    id = await add(drive, body, "video/mp4")
    await state_of(drive, id)
    await jobs(drive, replace(OWN, max_thumbnail_source=len(body) - 1)).make_next()
    assert await state_of(drive, id) is ThumbnailState.READY


async def test_a_file_larger_than_the_worker_reads_has_no_preview(drive: Drive) -> None:
    body = png()
    id = await add(drive, body)
    await state_of(drive, id)
    await jobs(drive, replace(OWN, max_thumbnail_source=len(body) - 1)).make_next()
    assert await state_of(drive, id) is ThumbnailState.NONE


async def test_an_object_that_is_gone_has_no_preview(drive: Drive) -> None:
    id = await add(drive, png())
    key = (await drive.files.get_thumbnail(drive.access, id)).key
    body = drive.bucket.objects.pop(key)
    await jobs(drive).make_next()
    assert await state_of(drive, id) is ThumbnailState.NONE
    drive.bucket.objects[key] = body


async def test_a_store_that_is_down_says_nothing_about_the_file(drive: Drive) -> None:
    id = await add(drive, png())
    await state_of(drive, id)
    drive.bucket.broken = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            await jobs(drive).make_next()
        assert await state_of(drive, id) is ThumbnailState.QUEUED
        await drive.advance_time(timedelta(minutes=1), "thumbnails")
    drive.bucket.broken = False
    assert await jobs(drive).make_next() == 1
    assert await state_of(drive, id) is ThumbnailState.READY


class NoAccounts:
    """The auth service, which has nothing to do here."""


@pytest.mark.parametrize("is_on", [True, False])
async def test_the_worker_makes_thumbnails_unless_they_are_off(drive: Drive, is_on: bool) -> None:
    id = await add(drive, png())
    await state_of(drive, id)
    own = replace(OWN, thumbnails=is_on)
    running = asyncio.create_task(
        service.run(NoAccounts(), own, files=drive.files, storage=drive.storage)  # type: ignore[arg-type]
    )
    with suppress(TimeoutError):
        async with asyncio.timeout(60 if is_on else 1):
            while await state_of(drive, id) is ThumbnailState.QUEUED:
                await asyncio.sleep(0.02)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert any(key.startswith(THUMBNAILS_PREFIX) for key in drive.bucket.objects) == is_on
