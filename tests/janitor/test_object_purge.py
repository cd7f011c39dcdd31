"""Purging: objects before rows, under leases, and without an effect on other objects when one fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any, cast

import pytest
from janitor_backend import Backend, key_of
from uuid_utils.compat import uuid7

from drivebay.contract.files import UploadRef
from drivebay.contract.ids import LeaseId
from drivebay.contract.storage import ThumbnailImage, thumbnail_key
from drivebay.errors import Unavailable
from drivebay.janitor.object_purge import MAX_FAILED_BATCHES, PurgeCounts, purge_objects
from drivebay.janitor.settings import Settings


async def purge(backend: Backend, settings: Settings) -> PurgeCounts:
    return await purge_objects(backend.files, backend.storage, settings, new_id=uuid7)


async def test_everything_due_is_purged_in_batches(backend: Backend) -> None:
    refs = await backend.make_due_for_purge(25)
    assert await purge(backend, Settings(batch=10)) == PurgeCounts(claimed=25, deleted=25, finished=25)
    assert await backend.purged() == set(refs)
    # A claim skips rows that another claim has locked, so a batch may be smaller than the limit.
    batches = [keys for (keys,) in backend.log.arguments("delete_objects")]
    assert sum(len(keys) for keys in batches) == 25
    assert 2 < len(batches) < 25
    assert max(len(keys) for keys in batches) <= 10
    assert not backend.bucket.objects.keys() & {key_of(ref) for ref in refs}


async def test_a_row_is_finished_only_after_its_object_is_deleted(backend: Backend) -> None:
    await backend.make_due_for_purge(1)
    await purge(backend, Settings(concurrent_batches=1))
    assert backend.log.names() == ["claim_purges", "delete_objects", "finish_purges", "claim_purges"]


class FolderClaims:
    """Claims that find no object. The first two delete folders until their time is over."""

    def __init__(self) -> None:
        self.claims = 0
        self.now = 0.0

    async def claim_purges(self, lease: LeaseId, limit: int) -> tuple[()]:
        self.claims += 1
        self.now += 6.0 if self.claims <= 2 else 0.1
        return ()

    def clock(self) -> float:
        return self.now


async def test_a_round_goes_on_after_a_long_claim_without_objects() -> None:
    claims, unused = FolderClaims(), cast("Any", None)
    counts = await purge_objects(
        cast("Any", claims), unused, Settings(concurrent_batches=1), new_id=uuid7, clock=claims.clock
    )
    assert (claims.claims, counts) == (3, PurgeCounts())


async def test_each_batch_has_its_own_lease(backend: Backend) -> None:
    await backend.make_due_for_purge(30)
    # One worker: two may each skip what the other has locked at that moment, and end the round early.
    await purge(backend, Settings(batch=10, concurrent_batches=1))
    claims = [lease for lease, _ in backend.log.arguments("claim_purges")]
    assert len(set(claims)) == len(claims)
    finished = [lease for lease, _ in backend.log.arguments("finish_purges")]
    assert len(set(finished)) == 3
    assert set(finished) <= set(claims)


async def test_two_batches_are_deleted_at_the_same_time(backend: Backend) -> None:
    await backend.make_claimable(20)
    both_deleting = asyncio.Barrier(2)

    async def wait_for_the_other(_: Any) -> None:
        await asyncio.wait_for(both_deleting.wait(), 10)

    backend.log.before["delete_objects"] = wait_for_the_other
    assert (await purge(backend, Settings(batch=10, concurrent_batches=2))).finished == 20


async def test_an_object_that_the_store_does_not_delete_keeps_its_row(backend: Backend) -> None:
    bad, good = await backend.make_due_for_purge(2)
    backend.bucket.undeletable.add(key_of(bad))
    assert await purge(backend, Settings()) == PurgeCounts(claimed=2, deleted=1, finished=1)
    assert await backend.purged() == {good}


async def test_after_its_lease_has_ended_a_janitor_finishes_nothing(backend: Backend) -> None:
    await backend.make_due_for_purge(1)

    async def let_another_janitor_claim(_: Any) -> None:
        await backend.end_leases()
        assert len(await backend.real_files.claim_purges(LeaseId(uuid7()), 10)) == 1

    backend.log.before["delete_objects"] = let_another_janitor_claim
    assert await purge(backend, Settings(concurrent_batches=1)) == PurgeCounts(claimed=1, deleted=1, finished=0)
    assert await backend.purged() == set()


async def test_no_row_is_finished_while_the_store_is_down(backend: Backend) -> None:
    await backend.make_claimable(30)
    backend.bucket.memory.broken = True
    with pytest.raises(Unavailable):
        await purge(backend, Settings(batch=10))
    assert await backend.purged() == set()
    assert len(backend.log.arguments("delete_objects")) == 2


async def test_several_batches_of_which_nothing_is_deleted_end_the_round(backend: Backend) -> None:
    backend.bucket.undeletable.update(map(key_of, await backend.make_due_for_purge(4 * MAX_FAILED_BATCHES)))
    with pytest.raises(Unavailable):
        await purge(backend, Settings(batch=2, concurrent_batches=1))
    assert len(backend.log.arguments("delete_objects")) == MAX_FAILED_BATCHES


async def test_objects_that_cannot_be_deleted_keep_no_others_waiting(backend: Backend) -> None:
    """They come first, and fill several batches. After a few failures the gaps grow."""
    bad = await backend.make_due_for_purge(20)
    backend.bucket.undeletable.update(map(key_of, bad))
    good = await backend.make_due_for_purge(5)
    await backend.database.execute("UPDATE files.purges SET due_at = now() - interval '1 day'")
    settings = Settings(batch=10, concurrent_batches=1)
    assert await purge(backend, settings) == PurgeCounts(claimed=25, deleted=5, finished=5)
    assert await backend.purged() == set(good)
    assert (await backend.real_files.get_backlog()).due_purges == 20
    gaps = []
    for _ in range(8):
        assert await purge(backend, settings) == PurgeCounts()
        gaps.append(await backend.make_next_attempts_due())
        assert (await purge(backend, settings)).claimed == 20
    assert gaps[0] < timedelta(seconds=31)
    assert all(next_gap > gap - timedelta(seconds=1) for gap, next_gap in pairwise(gaps))
    assert gaps[-1] > 6 * gaps[0]
    backend.bucket.undeletable.clear()
    await backend.make_next_attempts_due()
    assert (await purge(backend, settings)).finished == 20


async def test_two_janitors_share_the_work(backend: Backend) -> None:
    refs = await backend.make_claimable(60)
    counts = await asyncio.gather(*(purge(backend, Settings(batch=10)) for _ in range(2)))
    assert sum(each.finished for each in counts) == 60
    assert sum(each.claimed for each in counts) == 60
    assert await backend.purged() == set(refs)


async def test_a_multipart_upload_is_aborted_before_its_key_is_deleted(backend: Backend) -> None:
    plain, multipart = await backend.begin_upload(), await backend.begin_multipart()
    await backend.abort(plain, multipart)
    counts = await purge(backend, Settings(concurrent_batches=1))
    assert (counts.deleted, counts.finished) == (2, 2)
    steps = [name for name in backend.log.names() if name in ("abort_multipart", "delete_objects", "finish_purges")]
    assert steps == ["abort_multipart", "delete_objects", "finish_purges"]
    assert multipart.parts is not None
    assert backend.log.arguments("abort_multipart") == [(multipart.key, multipart.parts.multipart_id)]
    assert backend.bucket.unfinished_multiparts == {}


async def test_an_upload_whose_multipart_upload_is_not_aborted_is_not_finished(backend: Backend) -> None:
    plain, multipart = await backend.begin_upload(), await backend.begin_multipart()
    await backend.abort(plain, multipart)
    backend.log.errors["abort_multipart"] = [Unavailable("the store is down")]
    assert (await purge(backend, Settings(concurrent_batches=1))).deleted == 1
    assert {ref.id for ref in await backend.purged()} == {plain.id}


async def test_partial_parts_are_deleted_with_their_upload(backend: Backend) -> None:
    plain = await backend.begin_upload()
    in_parts = [await backend.begin_upload(multipart=True), await backend.begin_multipart()]
    for upload in in_parts:
        await backend.real_storage.write_partial_part(upload.key, 1, b"he")
    await backend.abort(plain, *in_parts)
    backend.log.errors["delete_partial_parts"] = [Unavailable("the store is down")]
    assert (await purge(backend, Settings(concurrent_batches=1))).deleted == 2
    deletions = backend.log.arguments("delete_partial_parts")
    assert sorted(deletions) == sorted((upload.key, 10_000) for upload in in_parts)
    purged = {ref.id for ref in await backend.purged()}
    assert plain.id in purged
    for upload in in_parts:
        partial_parts = await backend.real_storage.list_partial_parts(upload.key)
        assert (upload.id in purged) == (partial_parts == ()), "an upload with partial parts keeps its row"


async def _make_due_with_thumbnails(backend: Backend, count: int) -> list[UploadRef]:
    """Make objects due for purging that have thumbnails."""
    refs = await backend.make_due_for_purge(count)
    for ref in refs:
        await backend.storage.write_thumbnails(
            key_of(ref), (ThumbnailImage(64, b"small"), ThumbnailImage(1024, b"big"))
        )
        sql = "INSERT INTO files.thumbnails (owner_id, object_id, state, requested_by) VALUES ($1, $2, 'ready', $1)"
        await backend.database.execute(sql, ref.owner, ref.id)
    return refs


async def test_thumbnails_are_purged_with_their_object(backend: Backend) -> None:
    refs = await _make_due_with_thumbnails(backend, 2)
    assert len(backend.bucket.objects) == 6
    await purge(backend, Settings())
    assert backend.bucket.objects == {}
    # A worker that was late writes one more. The tombstone catches it.
    await backend.storage.write_thumbnails(key_of(refs[0]), (ThumbnailImage(256, b"late"),))
    await backend.pass_time(timedelta(days=8))
    await purge(backend, Settings())
    assert backend.bucket.objects == {}
    assert await backend.database.fetchval("SELECT count(*) FROM files.thumbnails") == 0


async def test_a_thumbnail_that_cannot_be_deleted_keeps_its_row(backend: Backend) -> None:
    stuck, other = await _make_due_with_thumbnails(backend, 2)
    key = thumbnail_key(key_of(stuck), 1024)
    backend.bucket.undeletable.add(key)
    counts = await purge(backend, Settings())
    assert (counts.claimed, counts.deleted) == (2, 1)
    assert await backend.purged() == {other}
    assert list(backend.bucket.objects) == [key]
