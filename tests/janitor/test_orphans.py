"""Objects that no row accounts for are moved to quarantine when they are old, and never deleted."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from janitor_backend import Backend, key_of, new_ref, utc_now

from drivebay.contract.storage import THUMBNAILS_PREFIX, ThumbnailImage, thumbnail_key
from drivebay.errors import Unavailable
from drivebay.janitor.orphans import OrphanCounts, quarantine_orphans
from drivebay.janitor.settings import Settings
from drivebay.testing.scans import UnsharedScan


async def search(backend: Backend, *, later: timedelta = timedelta(hours=25)) -> OrphanCounts:
    """Search for orphans as a janitor whose clock is ahead, so that the objects of a test are old."""
    return await quarantine_orphans(backend.files, backend.storage, Settings(), UnsharedScan(), now=utc_now() + later)


async def test_old_orphans_are_quarantined_and_never_deleted(backend: Backend) -> None:
    upload, orphan = await backend.begin_upload(), new_ref()
    for key in (upload.key, key_of(orphan), "readme.txt"):
        backend.bucket.put(key, b"hello")
    assert await search(backend) == OrphanCounts(listed=3, too_young=0, quarantined=2)
    assert backend.quarantined() == sorted([key_of(orphan), "readme.txt"])
    assert upload.key in backend.bucket.objects
    assert backend.log.arguments("delete_objects") == []


async def test_objects_of_a_purged_upload_are_no_orphans(backend: Backend) -> None:
    upload = await backend.begin_upload()
    await backend.abort(upload)
    # A late PUT writes the object again. Its tombstone accounts for it.
    backend.bucket.put(upload.key, b"hello")
    assert await search(backend) == OrphanCounts(listed=1, too_young=0, quarantined=0)


async def test_thumbnails_of_known_objects_stay_and_those_of_unknown_objects_are_deleted(backend: Backend) -> None:
    upload, orphan = await backend.begin_upload(), new_ref()
    for key in (upload.key, key_of(orphan)):
        await backend.storage.write_thumbnails(key, (ThumbnailImage(64, b"small"), ThumbnailImage(256, b"larger")))
    young = await search(backend, later=timedelta(hours=23))
    assert young == OrphanCounts(listed=4, too_young=2, quarantined=0)
    counts = await search(backend)
    assert (counts.listed, counts.quarantined) == (4, 0)
    assert counts.deleted > 0
    assert sorted(backend.bucket.objects) == sorted(thumbnail_key(upload.key, size) for size in (64, 256))


async def test_something_else_under_the_prefix_of_thumbnails_is_quarantined(backend: Backend) -> None:
    names = [f"{THUMBNAILS_PREFIX}{key_of(new_ref())}.{end}" for end in ("65.webp", "64.png", "webp")]
    for name in names:
        backend.bucket.put(name, b"hello")
    assert (await search(backend)).quarantined == 3
    assert backend.quarantined() == sorted(names)


async def test_a_key_that_storage_refuses_does_not_stop_the_search(backend: Backend) -> None:
    for key in ("a/../b", "readme.txt"):
        backend.bucket.put(key, b"hello")
    assert await search(backend) == OrphanCounts(listed=2, too_young=0, quarantined=1)
    assert backend.quarantined() == ["readme.txt"]


@pytest.mark.parametrize("age", [timedelta(hours=23), timedelta(), timedelta(hours=-1)])
async def test_young_orphans_are_left_alone(backend: Backend, age: timedelta) -> None:
    for key in (key_of(new_ref()), "readme.txt"):
        backend.bucket.put(key, b"hello")
    assert await search(backend, later=age) == OrphanCounts(listed=2, too_young=2, quarantined=0)
    assert backend.quarantined() == []


async def test_an_orphan_without_a_time_is_left_alone(backend: Backend) -> None:
    backend.bucket.put("readme.txt", b"hello")
    info, body = backend.bucket.objects["readme.txt"]
    backend.bucket.objects["readme.txt"] = (msgspec.structs.replace(info, modified_at=None), body)
    assert await search(backend) == OrphanCounts(listed=1, too_young=1, quarantined=0)


async def test_all_pages_of_the_store_are_searched(backend: Backend) -> None:
    upload = await backend.begin_upload()
    backend.bucket.put(upload.key, b"hello")
    for _ in range(2499):
        backend.bucket.put(key_of(new_ref()), b"hello")
    assert await search(backend) == OrphanCounts(listed=2500, too_young=0, quarantined=2499)
    assert len(backend.log.arguments("list_objects")) == 3


async def test_nothing_is_moved_while_files_is_down(backend: Backend) -> None:
    backend.bucket.put(key_of(new_ref()), b"hello")
    backend.log.errors["known_uploads"] = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await search(backend)
    assert backend.quarantined() == []


@pytest.mark.parametrize("failure", [Unavailable("AccessDenied"), TimeoutError()], ids=["refused", "hangs"])
async def test_an_orphan_that_cannot_be_moved_does_not_stop_the_search(backend: Backend, failure: Exception) -> None:
    for number in range(25):
        backend.bucket.put(f"object{number:02}", b"hello")
    backend.log.errors["quarantine_object"] = [failure, failure]
    assert await search(backend) == OrphanCounts(listed=25, too_young=0, quarantined=23)
    assert await search(backend) == OrphanCounts(listed=2, too_young=0, quarantined=2)


async def test_thumbnails_that_cannot_be_deleted_do_not_stop_the_search(backend: Backend) -> None:
    await backend.storage.write_thumbnails(key_of(new_ref()), (ThumbnailImage(64, b"small"),))
    backend.bucket.put("zzz", b"hello")
    backend.log.errors["delete_thumbnails"] = [Unavailable("refused")]
    assert await search(backend) == OrphanCounts(listed=2, too_young=0, quarantined=1)


async def test_a_store_that_is_down_ends_the_search(backend: Backend) -> None:
    backend.bucket.put(key_of(new_ref()), b"hello")
    backend.bucket.memory.broken = True
    with pytest.raises(Unavailable):
        await search(backend)
