"""One janitor at a time scans the bucket, at a bounded rate, and another one continues where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from janitor_backend import Backend, key_of, new_ref, utc_now
from uuid_utils.compat import uuid7

from drivebay.contract.files import ScanKind
from drivebay.contract.ids import LeaseId
from drivebay.contract.storage import ThumbnailImage
from drivebay.errors import Unavailable
from drivebay.janitor.bucket_scan import BucketScan
from drivebay.janitor.multipart_cleanup import abort_orphaned_multiparts
from drivebay.janitor.orphans import quarantine_orphans
from drivebay.janitor.settings import Settings

SETTINGS = Settings(scan_rate=1_000_000, scan_page=10)


async def claim(backend: Backend, lease: LeaseId | None = None, kind: ScanKind = ScanKind.OBJECTS) -> BucketScan | None:
    return await BucketScan.claim(backend.files, SETTINGS, kind, lease or LeaseId(uuid7()))


async def pass_scan_time(backend: Backend, time: timedelta) -> None:
    await backend.database.execute("UPDATE files.scans SET leased_until = leased_until - $1::interval", time)


async def scan_orphans(backend: Backend, scan: BucketScan) -> int:
    later = utc_now() + timedelta(days=2)
    return (await quarantine_orphans(backend.files, backend.storage, SETTINGS, scan, now=later)).listed


async def test_a_scan_that_stopped_is_continued_by_another_janitor(backend: Backend) -> None:
    for number in range(35):
        backend.bucket.put(f"object{number:02}", b"hello")
    first = await claim(backend)
    assert first is not None
    backend.log.before["list_objects"] = stop_after(2)
    with pytest.raises(Unavailable):
        await scan_orphans(backend, first)
    assert await claim(backend) is None
    await pass_scan_time(backend, timedelta(hours=1))
    second = await claim(backend)
    assert second is not None
    assert second.position == "object19"
    # The first one still runs. It notices that the scan is not its own any more.
    assert not await first.finish_page("object29", 10)
    assert await scan_orphans(backend, second) == 15
    assert await claim(backend) is None
    assert len(backend.quarantined()) == 35


@pytest.mark.parametrize("method", ["quarantine_object", "delete_thumbnails"])
async def test_a_long_page_of_orphans_keeps_its_lease(backend: Backend, method: str) -> None:
    for number in range(3):
        if method == "quarantine_object":
            backend.bucket.put(f"object{number}", b"hello")
        else:
            await backend.storage.write_thumbnails(key_of(new_ref()), (ThumbnailImage(64, b"small"),))
    scan = await claim(backend)
    assert scan is not None

    async def let_time_pass(*_: object) -> None:
        assert await claim(backend) is None
        await pass_scan_time(backend, timedelta(minutes=11))

    backend.log.before[method] = let_time_pass
    assert await scan_orphans(backend, scan) == 3
    assert len(backend.log.arguments(method)) == 3


async def test_a_long_page_of_multipart_uploads_keeps_its_lease(backend: Backend) -> None:
    for _ in range(3):
        await backend.bucket.create_multipart(key_of(new_ref()), {})
    scan = await claim(backend, kind=ScanKind.MULTIPARTS)
    assert scan is not None

    async def let_time_pass(*_: object) -> None:
        assert await claim(backend, kind=ScanKind.MULTIPARTS) is None
        await pass_scan_time(backend, timedelta(minutes=11))

    backend.log.before["abort_multipart"] = let_time_pass
    later = utc_now() + timedelta(days=2)
    counts = await abort_orphaned_multiparts(backend.files, backend.storage, SETTINGS, scan, now=later)
    assert counts.aborted == 3


def stop_after(pages: int) -> Callable[..., Awaitable[None]]:
    seen = 0

    async def stop(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == pages + 1:
            raise Unavailable("stopped")

    return stop


async def test_a_complete_scan_is_due_again_after_the_interval(backend: Backend) -> None:
    scan = await claim(backend)
    assert scan is not None
    await scan_orphans(backend, scan)
    for lease in (None, scan._lease):
        assert await claim(backend, lease) is None
    await backend.database.execute("UPDATE files.scans SET due_at = due_at - $1::interval", SETTINGS.orphan_interval)
    again = await claim(backend)
    assert again is not None
    assert again.position is None


async def test_a_janitor_goes_on_with_its_own_scan_after_a_failure(backend: Backend) -> None:
    scan = await claim(backend)
    assert scan is not None
    assert await scan.finish_page("a", 0)
    again = await claim(backend, scan._lease)
    assert again is not None
    assert again.position == "a"


async def test_of_many_janitors_one_scans(backend: Backend) -> None:
    scans = await asyncio.gather(*(claim(backend) for _ in range(10)))
    assert len([scan for scan in scans if scan is not None]) == 1


async def test_a_page_takes_as_long_as_the_rate_says(backend: Backend) -> None:
    settings = replace(SETTINGS, scan_rate=10)
    scan = await BucketScan.claim(backend.files, settings, ScanKind.OBJECTS, LeaseId(uuid7()))
    assert scan is not None
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scan.finish_page("a", 100), 0.5)
