"""Purges: rows are deleted last, by one janitor at a time, and never while an entry can be restored."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from drivebay import postgres
from drivebay.contract import files as c
from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, DriveId, LeaseId
from drivebay.errors import NotFound
from drivebay.files.maintenance.store import MaintenanceStore
from drivebay.files.purges.store import PurgeStore
from drivebay.files.trash.store import TrashStore
from drivebay.postgres import Statements
from drivebay.testing.client import eventually

from .conftest import SETTINGS, Drive, gather_results, new_owner


async def test_bytes_are_freed_after_the_object_is_deleted(direct_drive: Drive) -> None:
    file = await direct_drive.upload_file("a", b"12345")
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    assert await direct_drive.run_purges() == 0
    await direct_drive.advance_time(SETTINGS.trash_grace)
    assert (await direct_drive.files.list_trash(direct_drive.access)).items == ()
    with pytest.raises(NotFound):
        await direct_drive.files.restore_entry(direct_drive.access, file.id)
    lease = LeaseId(uuid7())
    (claimed,) = await direct_drive.files.claim_purges(lease, 10)
    assert (await direct_drive.files.get_usage(direct_drive.access)).used_bytes == 5
    assert await direct_drive.files.finish_purges(lease, (claimed.ref,)) == 1
    assert (await direct_drive.files.get_usage(direct_drive.access)).used_bytes == 0
    assert await direct_drive.files.known_uploads((claimed.ref,)) == (True,)
    del direct_drive.bucket.objects[claimed.key]


async def test_the_key_of_a_tombstone_is_deleted_again_and_then_its_rows(direct_drive: Drive) -> None:
    file = await direct_drive.upload_file("a")
    key = (await direct_drive.files.get_content(direct_drive.access, file.id)).key
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    await direct_drive.advance_time(SETTINGS.trash_grace)
    await direct_drive.run_purges()
    direct_drive.bucket.put(key, b"replayed PUT")
    assert await direct_drive.run_purges() == 0
    await direct_drive.advance_time(SETTINGS.tombstone)
    assert await direct_drive.run_purges() == 1
    assert direct_drive.bucket.objects == {}
    assert await direct_drive.database.fetchval("SELECT count(*) FROM files.versions") == 0
    assert await direct_drive.run_purges() == 0


async def test_bytes_that_arrive_after_an_abort_are_deleted_when_their_url_has_expired(direct_drive: Drive) -> None:
    """The URL of an aborted upload works until the deadline, although the reservation is released."""
    upload = await direct_drive.begin()
    await direct_drive.files.abort_upload(direct_drive.access, upload.id)
    assert await direct_drive.run_purges() == 1
    direct_drive.bucket.put(upload.key, b"late")
    assert await direct_drive.run_purges() == 0
    await direct_drive.advance_time(SETTINGS.upload_ttl + timedelta(minutes=1))
    assert await direct_drive.run_purges() == 1
    assert direct_drive.bucket.objects == {}
    # The tombstone stays for bytes of a request that takes longer.
    direct_drive.bucket.put(upload.key, b"later")
    await direct_drive.advance_time(SETTINGS.tombstone)
    assert await direct_drive.run_purges() == 1
    assert direct_drive.bucket.objects == {}
    assert await direct_drive.files.known_uploads((c.UploadRef(direct_drive.owner, upload.id),)) == (False,)


async def test_an_event_for_an_aborted_upload_deletes_its_bytes_at_once(direct_drive: Drive) -> None:
    upload = await direct_drive.begin()
    await direct_drive.files.abort_upload(direct_drive.access, upload.id)
    await direct_drive.run_purges()
    for _ in range(3):
        direct_drive.bucket.put(upload.key, b"late")
        outcome = await direct_drive.files.commit_uploads(
            (c.UploadRef(direct_drive.owner, upload.id),), c.Trigger.EVENT
        )
        assert outcome == (c.CommitOutcome.ALREADY_ENDED,)
        assert await direct_drive.run_purges() == 1
        assert direct_drive.bucket.objects == {}
    assert await direct_drive.files.known_uploads((c.UploadRef(direct_drive.owner, upload.id),)) == (True,)


async def test_a_janitor_whose_lease_ended_finishes_nothing(direct_drive: Drive) -> None:
    file = await direct_drive.upload_file("a")
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    await direct_drive.advance_time(SETTINGS.trash_grace)
    slow, fast = LeaseId(uuid7()), LeaseId(uuid7())
    (claimed,) = await direct_drive.files.claim_purges(slow, 10)
    assert await direct_drive.files.claim_purges(fast, 10) == ()
    await direct_drive.advance_time(SETTINGS.lease)
    assert await direct_drive.files.claim_purges(fast, 10) == (claimed,)
    assert await direct_drive.files.finish_purges(slow, (claimed.ref,)) == 0
    assert await direct_drive.files.finish_purges(fast, (claimed.ref,)) == 1
    assert await direct_drive.files.finish_purges(fast, (claimed.ref,)) == 0
    direct_drive.bucket.objects.clear()


async def test_a_concurrent_restore_and_purge_have_one_winner(direct_drive: Drive) -> None:
    for n in range(10):
        file = await direct_drive.upload_file(f"{n}")
        await direct_drive.files.trash_entry(direct_drive.access, file.id)
        await direct_drive.database.execute(
            "UPDATE files.entries SET purge_after = clock_timestamp() + $2::interval WHERE id = $1",
            file.id,
            timedelta(milliseconds=n),
        )
        restored, purged = await gather_results(
            direct_drive.files.restore_entry(direct_drive.access, file.id), direct_drive.run_purges()
        )
        again = await direct_drive.run_purges() if isinstance(restored, NotFound) else 0
        if isinstance(restored, c.File):
            assert purged == 0
            assert (await direct_drive.files.get_file(direct_drive.access, file.id)).id == file.id
        else:
            assert isinstance(restored, NotFound)
            # A purge skips an entry that a restore has locked. The next purge then deletes it.
            assert purged + again == 1
            with pytest.raises(NotFound):
                await direct_drive.files.get_file(direct_drive.access, file.id)
        assert (await direct_drive.files.get_backlog()).due_purges == 0


async def test_a_purge_skips_an_entry_that_is_being_restored(direct_drive: Drive) -> None:
    file = await direct_drive.upload_file("a")
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    await direct_drive.database.execute(
        "UPDATE files.entries SET purge_after = clock_timestamp() + interval '1 second'"
    )
    (trashed,) = (await direct_drive.files.list_trash(direct_drive.access)).items
    async with direct_drive.database.transaction() as tx:
        assert await TrashStore().restore_entry(tx, direct_drive.owner, trashed, (ROOT, "a"), direct_drive.owner)
        await asyncio.sleep(1.1)  # The grace period ends during the restore.
        claiming = asyncio.create_task(direct_drive.files.claim_purges(LeaseId(uuid7()), 10))
        await asyncio.wait([claiming], timeout=1)
    assert await claiming == ()
    assert await direct_drive.list_names() == ["a"]


async def test_two_janitors_never_lease_the_same_object(direct_drive: Drive) -> None:
    for n in range(20):
        await direct_drive.files.abort_upload(direct_drive.access, (await direct_drive.begin(str(n), b"x")).id)
    async with direct_drive.database.transaction() as tx:
        first = await PurgeStore().lease_purges(tx, LeaseId(uuid7()), 7, SETTINGS.lease)
        claiming = asyncio.create_task(direct_drive.files.claim_purges(LeaseId(uuid7()), 1000))
        await asyncio.wait([claiming], timeout=1)
    second = await claiming
    assert (len(first), len(second)) == (7, 13)
    assert {purge.ref.id for purge in first}.isdisjoint(purge.ref.id for purge in second)


async def test_concurrent_janitors_lease_different_objects(direct_drive: Drive) -> None:
    for n in range(20):
        await direct_drive.files.trash_entry(direct_drive.access, (await direct_drive.upload_file(str(n), b"x")).id)
    await direct_drive.advance_time(SETTINGS.trash_grace)
    batches = await gather_results(*(direct_drive.files.claim_purges(LeaseId(uuid7()), 7) for _ in range(4)))
    keys = [purge.key for batch in batches if isinstance(batch, tuple) for purge in batch]
    assert len(keys) == len(set(keys))
    assert len(keys) >= 7


async def test_a_missing_object_is_reported_and_nothing_is_deleted(direct_drive: Drive) -> None:
    file = await direct_drive.upload_file("a")
    key = (await direct_drive.files.get_content(direct_drive.access, file.id)).key
    kept = direct_drive.bucket.objects.pop(key)
    assert [violation.invariant for violation in await direct_drive.files.check_invariants()] == [
        "a_stored_version_has_its_object"
    ]
    assert await direct_drive.database.fetchval("SELECT state FROM files.versions") == "missing"
    assert await direct_drive.list_names() == ["a"]
    direct_drive.bucket.objects[key] = kept
    assert await direct_drive.files.check_invariants() == ()
    assert await direct_drive.database.fetchval("SELECT state FROM files.versions") == "stored"


@pytest.mark.parametrize("state", ["stored", "missing"])
async def test_a_store_that_is_down_changes_no_missing_mark(direct_drive: Drive, state: str) -> None:
    await direct_drive.upload_file("a")
    await direct_drive.database.execute("UPDATE files.versions SET state = $1", state)
    direct_drive.bucket.broken = True
    (violation,) = await direct_drive.files.check_invariants()
    assert violation.is_unknown
    assert "did not report 1 of 1 stored versions" in violation.detail
    assert await direct_drive.database.fetchval("SELECT state FROM files.versions") == state
    direct_drive.bucket.broken = False
    assert await direct_drive.files.check_invariants() == ()


async def test_folders_do_not_keep_an_object_waiting(direct_drive: Drive) -> None:
    drive = direct_drive
    for number in range(6):
        folder = await drive.files.create_folder(drive.access, ROOT, f"folder {number}")
        await drive.files.trash_entry(drive.access, folder.id)
    file = await drive.upload_file("a")
    await drive.files.trash_entry(drive.access, file.id)
    await drive.advance_time(SETTINGS.trash_grace)
    assert len(await drive.files.claim_purges(LeaseId(uuid7()), 2)) == 1


async def test_a_backup_holds_purges_until_it_ends(direct_drive: Drive, database_url: str) -> None:
    file = await direct_drive.upload_file("a")
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    await direct_drive.database.execute("UPDATE files.entries SET purge_after = now() - interval '1s'")
    async with postgres.prevent_purges(database_url) as hold:
        assert await direct_drive.files.claim_purges(LeaseId(uuid7()), 10) == ()
        assert await hold.is_held()

    async def claimed() -> bool:
        return len(await direct_drive.files.claim_purges(LeaseId(uuid7()), 10)) == 1

    await eventually(claimed, within=30)  # the server notices the end of the backup's session a moment later


async def test_an_empty_drive_on_a_store_that_is_down_is_not_called_sound(direct_drive: Drive) -> None:
    assert await direct_drive.files.check_invariants() == ()
    direct_drive.bucket.broken = True

    async def noticed() -> bool:  # the storage service asks about its health at most once a second
        violations = await direct_drive.files.check_invariants()
        return [(each.invariant, each.is_unknown) for each in violations] == [("a_stored_version_has_its_object", True)]

    await eventually(noticed, within=30)
    direct_drive.bucket.broken = False

    async def sound() -> bool:
        return await direct_drive.files.check_invariants() == ()

    await eventually(sound, within=30)


async def test_a_database_that_does_not_answer_is_no_damage(direct_drive: Drive) -> None:
    await direct_drive.database.execute("ALTER TABLE files.versions RENAME TO hidden")
    await direct_drive.database.execute(
        "CREATE FUNCTION files.fail() RETURNS SETOF files.hidden LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'down' USING ERRCODE = 'cannot_connect_now'; END $$"
    )
    await direct_drive.database.execute("CREATE VIEW files.versions AS SELECT * FROM files.fail()")
    violations = await direct_drive.files.check_invariants()
    await direct_drive.database.execute("DROP VIEW files.versions")
    await direct_drive.database.execute("DROP FUNCTION files.fail")
    await direct_drive.database.execute("ALTER TABLE files.hidden RENAME TO versions")
    assert {each.is_unknown for each in violations} == {True}
    assert {"used_is_the_sum_of_versions", "a_stored_version_has_its_object"} <= {each.invariant for each in violations}


async def test_the_check_joins_whole_tables_by_hashing(direct_drive: Drive, tmp_path: Path) -> None:
    """With statistics of an empty table, other joins of 10,000 entries took longer than a statement may take."""
    settings = "concat_ws(' ', current_setting('enable_nestloop'), current_setting('enable_mergejoin'))"
    store = MaintenanceStore()
    (tmp_path / "invariants.sql").write_text(
        f"-- name: settings\nSELECT NULL::uuid AS owner_id, {settings} AS detail;\n"
    )
    store.invariants = Statements(tmp_path / "invariants.sql")
    (violation,) = await store.select_violations(direct_drive.database, "settings", 1)
    assert violation.detail == "off off"
    assert await direct_drive.database.fetchval(f"SELECT {settings}") == "on on"


async def test_a_folder_is_restored_completely_or_not_at_all(direct_drive: Drive) -> None:
    """The grace period ends while the restore waits for the lock of the drive."""
    outer = await direct_drive.files.create_folder(direct_drive.access, ROOT, "outer")
    inner = await direct_drive.files.create_folder(direct_drive.access, outer.id, "inner")
    await direct_drive.upload_file("x", parent=inner.id)
    await direct_drive.files.trash_entry(direct_drive.access, outer.id)
    await direct_drive.database.execute(
        "UPDATE files.entries SET purge_after = now() + interval '1 s' WHERE id = $1", outer.id
    )
    async with direct_drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", direct_drive.owner)
        restoring = asyncio.create_task(direct_drive.files.restore_entry(direct_drive.access, outer.id))
        await asyncio.sleep(1.1)
        await direct_drive.files.claim_purges(LeaseId(uuid7()), 1)
    with pytest.raises(NotFound):
        await restoring
    assert await direct_drive.list_names() == []
    assert await direct_drive.run_purges() == 1


async def claimed_of_two_drives(drive: Drive, lease: LeaseId) -> dict[DriveId, c.PurgeTask]:
    """Delete one file in each of two drives, and claim their purges."""
    other = drive.for_owner(new_owner())
    for each in (drive, other):
        file = await each.upload_file("a", b"12345")
        await each.files.trash_entry(each.access, file.id)
        await each.files.delete_trashed(each.access, file.id)
    claimed = {task.ref.owner: task for task in await drive.files.claim_purges(lease, 10)}
    assert claimed.keys() == {drive.owner, other.owner}
    drive.bucket.objects.clear()
    return claimed


async def used_bytes(drive: Drive, owner: DriveId) -> int:
    return (await drive.files.get_usage(Access.personal(owner))).used_bytes


async def finish_beside_lock(
    drive: Drive, tx: postgres.Connection, lease: LeaseId, claimed: dict[DriveId, c.PurgeTask]
) -> asyncio.Task[int]:
    """Lock a drive in `tx` and begin to finish the purges of it and another one. Return when the other has no bytes."""
    (other,) = claimed.keys() - {drive.owner}
    await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
    refs = tuple(task.ref for task in claimed.values())
    finishing = asyncio.create_task(drive.files.finish_purges(lease, refs))
    async with asyncio.timeout(60):
        while await used_bytes(drive, other):
            await asyncio.sleep(0.01)
    return finishing


async def test_a_locked_drive_does_not_delay_the_purges_of_others(direct_drive: Drive) -> None:
    """They are finished, and the bytes freed, while a long transaction holds the lock of the drive."""
    claimed = await claimed_of_two_drives(direct_drive, lease := LeaseId(uuid7()))
    async with direct_drive.database.transaction() as tx:
        finishing = await finish_beside_lock(direct_drive, tx, lease, claimed)
        assert await finishing == 1  # it has waited for the other drive, in vain
        assert await used_bytes(direct_drive, direct_drive.owner) == 5
    assert await direct_drive.files.claim_purges(LeaseId(uuid7()), 10) == ()
    await direct_drive.advance_time(SETTINGS.lease)
    again = LeaseId(uuid7())
    assert await direct_drive.files.claim_purges(again, 10) == (claimed[direct_drive.owner],)
    assert await direct_drive.files.finish_purges(again, (claimed[direct_drive.owner].ref,)) == 1
    assert await used_bytes(direct_drive, direct_drive.owner) == 0


async def test_a_purge_waits_for_a_drive_that_is_locked_for_a_moment(direct_drive: Drive) -> None:
    claimed = await claimed_of_two_drives(direct_drive, lease := LeaseId(uuid7()))
    async with direct_drive.database.transaction() as tx:
        finishing = await finish_beside_lock(direct_drive, tx, lease, claimed)
    assert await finishing == 2
    assert await used_bytes(direct_drive, direct_drive.owner) == 0


async def test_a_starting_and_a_finishing_purge_do_not_deadlock(direct_drive: Drive) -> None:
    """Both lock rows of one old version: one its purge, the other its version."""
    await direct_drive.upload_file("a")
    file = await direct_drive.upload_file("a", b"second", on_conflict=c.OnConflict.REPLACE)
    await direct_drive.advance_time(SETTINGS.versions_age, "versions")
    lease = LeaseId(uuid7())
    (old,) = await direct_drive.files.claim_purges(lease, 10)
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    await direct_drive.advance_time(SETTINGS.trash_grace + timedelta(hours=1), "entries")
    async with direct_drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.versions WHERE id = $1 FOR UPDATE", old.ref.id)
        begins = asyncio.create_task(direct_drive.files.claim_purges(LeaseId(uuid7()), 10))
        await asyncio.sleep(0.3)
        ends = asyncio.create_task(direct_drive.files.finish_purges(lease, (old.ref,)))
        await asyncio.sleep(0.3)
    assert (len(await begins), await ends) == (1, 1)
    direct_drive.bucket.objects.clear()


async def test_a_deleted_entry_leaves_the_trash_at_once_and_its_bytes_with_the_next_purge(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "folder", "key")
    file = await drive.upload_file("a", b"12345", folder.id)
    kept = await drive.upload_file("kept", b"123")
    pending = await drive.begin("late", b"1234567", folder.id, key="late")
    with pytest.raises(NotFound):
        await drive.files.delete_trashed(drive.access, folder.id)
    for id in (folder.id, kept.id):
        await drive.files.trash_entry(drive.access, id)
    with pytest.raises(NotFound):
        await drive.files.delete_trashed(drive.access, file.id)
    with pytest.raises(NotFound):
        await drive.files.delete_trashed(Access.personal(new_owner()), folder.id)
    await drive.files.delete_trashed(drive.access, folder.id)
    assert [item.id for item in (await drive.files.list_trash(drive.access)).items] == [kept.id]
    for call in (drive.files.restore_entry, drive.files.delete_trashed):
        with pytest.raises(NotFound):
            await call(drive.access, folder.id)
    drive.bucket.put(pending.key, b"1234567")
    done = await drive.files.complete_upload(drive.access, pending.id)
    assert done.file is not None
    assert (await drive.files.get_file(drive.access, done.file)).parent == ROOT
    assert await drive.run_purges() == 1
    assert (await drive.files.get_usage(drive.access)).used_bytes == 3 + 7
    await drive.files.restore_entry(drive.access, kept.id)
    assert await drive.list_names() == ["kept", "late"]


async def test_an_empty_trash_holds_nothing_of_its_owner(drive: Drive) -> None:
    other = drive.for_owner(new_owner())
    for own in (drive, other):
        for name in ("a", "b"):
            await own.files.trash_entry(own.access, (await own.upload_file(name)).id)
        await own.upload_file("stays")
    for _ in range(2):
        await drive.files.empty_trash(drive.access)
    assert (await drive.files.list_trash(drive.access)).items == ()
    assert len((await other.files.list_trash(other.access)).items) == 2
    assert await drive.run_purges() == 2
    assert (await drive.files.get_usage(drive.access)).used_bytes == 5
    assert await drive.list_names() == ["stays"]
