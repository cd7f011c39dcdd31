"""Multipart uploads in the store that no upload knows are aborted when they are old."""

from __future__ import annotations

from datetime import timedelta

import pytest
from janitor_backend import Backend, key_of, new_ref, utc_now

from drivebay.errors import Unavailable
from drivebay.janitor.multipart_cleanup import MultipartCounts, abort_orphaned_multiparts
from drivebay.janitor.settings import Settings
from drivebay.testing.scans import UnsharedScan

NOW = utc_now() + timedelta(hours=25)


async def clean_up(backend: Backend) -> MultipartCounts:
    """Clean up as a janitor whose clock is ahead, so that the multipart uploads of a test are old."""
    return await abort_orphaned_multiparts(backend.files, backend.storage, Settings(), UnsharedScan(), now=NOW)


async def test_old_multipart_uploads_that_no_upload_knows_are_aborted(backend: Backend) -> None:
    known = await backend.begin_multipart()
    assert known.parts is not None
    orphan, young = key_of(new_ref()), key_of(new_ref())
    orphan_id = await backend.bucket.create_multipart(orphan, {})
    second_id = await backend.bucket.create_multipart(known.key, {})
    young_id = await backend.bucket.create_multipart(young, {})
    backend.bucket.unfinished_multiparts[young_id].begun_at = NOW - timedelta(hours=23)
    foreign_id = await backend.bucket.create_multipart("another/application.bin", {})
    assert await clean_up(backend) == MultipartCounts(listed=5, too_young=1, aborted=2)
    aborted = backend.log.arguments("abort_multipart")
    assert sorted(aborted) == sorted([(orphan, orphan_id), (known.key, second_id)])
    assert backend.bucket.unfinished_multiparts.keys() == {known.parts.multipart_id, young_id, foreign_id}


async def test_all_pages_of_multipart_uploads_are_searched(backend: Backend) -> None:
    for _ in range(2500):
        await backend.bucket.create_multipart(key_of(new_ref()), {})
    assert (await clean_up(backend)).aborted == 2500
    assert len(backend.log.arguments("list_multiparts")) == 3


async def test_nothing_is_aborted_while_files_is_down(backend: Backend) -> None:
    await backend.bucket.create_multipart(key_of(new_ref()), {})
    backend.log.errors["list_multipart_ids"] = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await clean_up(backend)
    assert backend.log.arguments("abort_multipart") == []


@pytest.mark.parametrize("failure", [Unavailable("refused"), TimeoutError()], ids=["refused", "hangs"])
async def test_one_that_cannot_be_aborted_does_not_stop_the_others(backend: Backend, failure: Exception) -> None:
    for _ in range(5):
        await backend.bucket.create_multipart(key_of(new_ref()), {})
    backend.log.errors["abort_multipart"] = [failure, failure]
    assert await clean_up(backend) == MultipartCounts(listed=5, too_young=0, aborted=3)
    assert await clean_up(backend) == MultipartCounts(listed=2, too_young=0, aborted=2)
