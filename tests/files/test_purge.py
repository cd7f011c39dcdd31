"""Deleting for good: the row goes last, one janitor at a time, and never what somebody may still have back."""

import asyncio
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, LeaseId
from drivebay.errors import NotFound
from drivebay.files.store import Store

from .conftest import SETTINGS, Drive, together


async def test_after_the_grace_the_object_goes_then_the_bytes_are_free(plain: Drive) -> None:
    file = await plain.store("a", b"12345")
    await plain.files.trash(plain.owner, file.id)
    assert await plain.purge() == 0
    await plain.pass_time(SETTINGS.trash_grace)
    assert (await plain.files.list_trash(plain.owner)).items == ()
    with pytest.raises(NotFound):
        await plain.files.restore(plain.owner, file.id)
    lease = LeaseId(uuid7())
    (claimed,) = await plain.files.claim_purges(lease, 10)
    assert (await plain.files.usage(plain.owner)).used_bytes == 5
    assert await plain.files.finish_purges(lease, (claimed.ref,)) == 1
    assert (await plain.files.usage(plain.owner)).used_bytes == 0
    assert await plain.files.known((claimed.ref,)) == (True,)
    del plain.bucket.objects[claimed.key]


async def test_a_tombstone_is_deleted_once_more_and_then_forgotten(plain: Drive) -> None:
    file = await plain.store("a")
    key = (await plain.files.content(plain.owner, file.id)).key
    await plain.files.trash(plain.owner, file.id)
    await plain.pass_time(SETTINGS.trash_grace)
    await plain.purge()
    plain.bucket.put(key, b"replayed PUT")
    assert await plain.purge() == 0
    await plain.pass_time(SETTINGS.tombstone)
    assert await plain.purge() == 1
    assert plain.bucket.objects == {}
    assert await plain.database.fetchval("SELECT count(*) FROM files.versions") == 0
    assert await plain.purge() == 0


async def test_a_janitor_that_slept_past_its_lease_finishes_nothing(plain: Drive) -> None:
    file = await plain.store("a")
    await plain.files.trash(plain.owner, file.id)
    await plain.pass_time(SETTINGS.trash_grace)
    slow, fast = LeaseId(uuid7()), LeaseId(uuid7())
    (claimed,) = await plain.files.claim_purges(slow, 10)
    assert await plain.files.claim_purges(fast, 10) == ()
    await plain.pass_time(SETTINGS.lease)
    assert await plain.files.claim_purges(fast, 10) == (claimed,)
    assert await plain.files.finish_purges(slow, (claimed.ref,)) == 0
    assert await plain.files.finish_purges(fast, (claimed.ref,)) == 1
    assert await plain.files.finish_purges(fast, (claimed.ref,)) == 0
    plain.bucket.objects.clear()


async def test_restore_against_purge_has_one_winner(plain: Drive) -> None:
    for n in range(10):
        file = await plain.store(f"{n}")
        await plain.files.trash(plain.owner, file.id)
        await plain.database.execute(
            "UPDATE files.entries SET purge_after = clock_timestamp() + $2::interval WHERE id = $1",
            file.id,
            timedelta(milliseconds=n),
        )
        restored, purged = await together(plain.files.restore(plain.owner, file.id), plain.purge())
        again = await plain.purge() if isinstance(restored, NotFound) else 0
        if isinstance(restored, c.File):
            assert purged == 0
            assert (await plain.files.file(plain.owner, file.id)).id == file.id
        else:
            assert isinstance(restored, NotFound)
            assert purged == 1 or again == 1 or (await plain.files.queues()).due_purges in (0, 1)


async def test_a_purge_leaves_alone_what_is_just_being_restored(plain: Drive) -> None:
    file = await plain.store("a")
    await plain.files.trash(plain.owner, file.id)
    trashed_at = await plain.database.fetchval(
        "UPDATE files.entries SET purge_after = clock_timestamp() + interval '1 second' RETURNING trashed_at"
    )
    async with plain.database.transaction() as tx:
        assert await Store().restore(tx, plain.owner, file.id, ROOT, "a", trashed_at) is not None
        await asyncio.sleep(1.1)  # The grace ends while the restoring is under way.
        claiming = asyncio.create_task(plain.files.claim_purges(LeaseId(uuid7()), 10))
        await asyncio.wait([claiming], timeout=1)
    assert await claiming == ()
    assert await plain.names() == ["a"]


async def test_two_janitors_never_get_the_same_object(plain: Drive) -> None:
    for n in range(20):
        await plain.files.abort(plain.owner, (await plain.begin(str(n), b"x")).id)
    async with plain.database.transaction() as tx:
        first = await Store().lease_purges(tx, LeaseId(uuid7()), 7, SETTINGS.lease)
        claiming = asyncio.create_task(plain.files.claim_purges(LeaseId(uuid7()), 1000))
        await asyncio.wait([claiming], timeout=1)
    second = await claiming
    assert (len(first), len(second)) == (7, 13)
    assert {row["upload_id"] for row in first}.isdisjoint(purge.ref.id for purge in second)


async def test_janitors_at_once_get_different_objects(plain: Drive) -> None:
    for n in range(20):
        await plain.files.trash(plain.owner, (await plain.store(str(n), b"x")).id)
    await plain.pass_time(SETTINGS.trash_grace)
    batches = await together(*(plain.files.claim_purges(LeaseId(uuid7()), 7) for _ in range(4)))
    keys = [purge.key for batch in batches if isinstance(batch, tuple) for purge in batch]
    assert len(keys) == len(set(keys))
    assert len(keys) >= 7


async def test_a_missing_object_is_an_alarm_and_deletes_nothing(plain: Drive) -> None:
    file = await plain.store("a")
    key = (await plain.files.content(plain.owner, file.id)).key
    kept = plain.bucket.objects.pop(key)
    assert [violation.invariant for violation in await plain.files.check()] == ["a_stored_version_has_its_object"]
    assert await plain.database.fetchval("SELECT state FROM files.versions") == "missing"
    assert await plain.names() == ["a"]
    plain.bucket.objects[key] = kept
    assert await plain.files.check() == ()
    assert await plain.database.fetchval("SELECT state FROM files.versions") == "stored"


@pytest.mark.parametrize("state", ["stored", "missing"])
async def test_a_store_that_is_down_begins_and_ends_no_alarm(plain: Drive, state: str) -> None:
    await plain.store("a")
    await plain.database.execute("UPDATE files.versions SET state = $1", state)
    plain.bucket.broken = True
    (violation,) = await plain.files.check()
    assert "could not be asked" in violation.detail
    assert await plain.database.fetchval("SELECT state FROM files.versions") == state
    plain.bucket.broken = False
    assert await plain.files.check() == ()


async def test_a_folder_comes_back_with_all_in_it_or_not_at_all(plain: Drive) -> None:
    """Its grace ends while the restoring waits for the owner, and a purge takes a part of it."""
    outer = await plain.files.create_folder(plain.owner, ROOT, "outer")
    inner = await plain.files.create_folder(plain.owner, outer.id, "inner")
    await plain.store("x", parent=inner.id)
    await plain.files.trash(plain.owner, outer.id)
    await plain.database.execute(
        "UPDATE files.entries SET purge_after = now() + CASE id WHEN $1 THEN interval '900 ms' ELSE interval '1 s' END",
        inner.id,
    )
    async with plain.database.transaction() as tx:
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", plain.owner)
        restoring = asyncio.create_task(plain.files.restore(plain.owner, outer.id))
        await asyncio.sleep(1.1)
        await plain.files.claim_purges(LeaseId(uuid7()), 1)
    with pytest.raises(NotFound):
        await restoring
    assert await plain.names() == []


async def test_a_purge_that_begins_and_one_that_ends_do_not_cross(plain: Drive) -> None:
    """Both are about an old version: the one holds its row in the queue, the other the version's."""
    await plain.store("a")
    file = await plain.store("a", b"second", on_conflict=c.OnConflict.REPLACE)
    await plain.pass_time(SETTINGS.trash_grace + timedelta(hours=1), "purges")
    lease = LeaseId(uuid7())
    (old,) = await plain.files.claim_purges(lease, 10)
    await plain.files.trash(plain.owner, file.id)
    await plain.pass_time(SETTINGS.trash_grace + timedelta(hours=1), "entries")
    async with plain.database.transaction() as tx:
        await tx.execute("SELECT FROM files.versions WHERE id = $1 FOR UPDATE", old.ref.id)
        begins = asyncio.create_task(plain.files.claim_purges(LeaseId(uuid7()), 10))
        await asyncio.sleep(0.3)
        ends = asyncio.create_task(plain.files.finish_purges(lease, (old.ref,)))
        await asyncio.sleep(0.3)
    assert (len(await begins), await ends) == (1, 1)
    plain.bucket.objects.clear()
