"""Every statement separates owners by itself, and does not rely on unique ids.

In these tests two owners, twins, have rows with the same ids. An operation of one owner must leave the rows of its
twin unchanged, and must have the same result as without the twin.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from dataclasses import replace as altered
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access, Grant, Role
from drivebay.contract.ids import ROOT, DriveId, FileId, LeaseId, UploadId, UserId
from drivebay.errors import NotFound

from .conftest import SETTINGS, Drive, new_owner, open_drive

SHALLOW = altered(SETTINGS, max_depth=10, versions_keep=1, max_permissions=2, max_shared_items=2, max_links=2)
GUEST = UserId(uuid7())
TABLES = (
    *("usage", "uploads", "entries", "versions", "purges", "changes", "idempotency", "permissions", "shared_with"),
    "links",
)


@dataclass
class TwinSetup:
    """An owner with data of every kind, and its twin."""

    drive: Drive
    twin: DriveId
    folder: c.File
    deep: c.File
    empty: c.File
    file: c.File
    trashed: c.File
    pending: c.Upload

    @property
    def files(self) -> c.Files:
        return self.drive.files

    @property
    def owner(self) -> DriveId:
        return self.drive.owner

    @property
    def access(self) -> Access:
        return Access.personal(self.owner)

    @property
    def ref(self) -> c.UploadRef:
        return c.UploadRef(self.owner, self.pending.id)

    async def rows(self, owner: DriveId) -> dict[str, object]:
        """Return all rows of an owner, without the owner's id."""
        return {
            table: json.loads(
                await self.drive.database.fetchval(
                    "SELECT coalesce(jsonb_agg(to_jsonb(r) - 'owner_id' ORDER BY to_jsonb(r)::text), '[]')::text "
                    f"FROM files.{table} r WHERE owner_id = $1",
                    owner,
                )
            )
            for table in (*TABLES, "objects")
        }

    async def update_twin(self, change: str, *values: object) -> None:
        """Change rows of the twin: `UPDATE files.<change> AND owner_id = <twin>`."""
        await self.drive.database.execute(
            f"UPDATE files.{change} AND owner_id = ${len(values) + 1}", *values, self.twin
        )


async def create_setup(drive: Drive) -> TwinSetup:
    folder = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    deep = folder
    for n in range(7):
        deep = await drive.files.create_folder(drive.access, deep.id, str(n))
    empty = await drive.files.create_folder(drive.access, ROOT, "empty")
    await drive.upload_file("a.txt", b"old")
    file = await drive.upload_file("a.txt", b"one", on_conflict=c.OnConflict.REPLACE)
    await drive.upload_file("in.txt", b"in", parent=folder.id)
    trashed = await drive.upload_file("t.txt", b"gone")
    await drive.files.trash_entry(drive.access, trashed.id)
    pending = await drive.begin("p.txt", b"pending", key="upload")
    await drive.files.put_permission(drive.access, folder.id, GUEST, Role.VIEWER)
    setup = TwinSetup(drive, new_owner(), folder, deep, empty, file, trashed, pending)
    # The usage row comes last, because the database counts the entries that are inserted while it exists. It also
    # creates the objects of the versions that are inserted.
    for table in (*TABLES[1:], TABLES[0]):
        await drive.database.execute(
            f"INSERT INTO files.{table} SELECT (jsonb_populate_record(NULL::files.{table}, to_jsonb(r) || "
            f"jsonb_build_object('owner_id', $2::uuid))).* FROM files.{table} r WHERE owner_id = $1",
            drive.owner,
            setup.twin,
        )
    for key, (_, body) in tuple(drive.bucket.objects.items()):
        drive.bucket.put(key.replace(str(drive.owner), str(setup.twin)), body)
    return setup


# -- operations: each prepares, yields, and then acts ----------------------------------------------------


async def begin(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.trash_entry(setup.access, setup.file.id)
    assert (await setup.drive.begin("a.txt")).name == "a.txt"


async def begin_in_a_folder_of_the_twin(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.trash_entry(setup.access, setup.folder.id)
    with pytest.raises(NotFound):
        await setup.drive.begin("new.txt", parent=setup.folder.id)


async def begin_without_conflict(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.trash_entry(setup.access, setup.file.id)
    await setup.files.abort_upload(setup.access, setup.pending.id)
    for name in ("a.txt", "p.txt"):
        await setup.drive.begin(name, on_conflict=c.OnConflict.FAIL)


async def begin_with_the_key_of_the_twin(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.drive.database.execute("DELETE FROM files.idempotency WHERE owner_id = $1", setup.owner)
    assert (await setup.drive.begin("other.txt", key="upload")).name == "other.txt"


async def complete(setup: TwinSetup) -> AsyncIterator[None]:
    setup.drive.bucket.put(setup.pending.key, b"pending")
    setup.drive.bucket.put(f"{setup.twin}/{setup.pending.id}", b"pending")
    yield
    assert await setup.files.commit_uploads((setup.ref,)) == (c.CommitOutcome.COMPLETED,)


async def replace(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    replaced = await setup.drive.upload_file("a.txt", b"two", on_conflict=c.OnConflict.REPLACE)
    assert replaced.id == setup.file.id


async def restore_and_delete_a_version(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    current, old = (await setup.files.list_versions(setup.access, setup.file.id)).items
    assert (await setup.files.restore_version(setup.access, setup.file.id, old.id)).size == 3
    content = await setup.files.get_version_content(setup.access, setup.file.id, current.id)
    assert setup.drive.bucket.objects[content.key][1] == b"one"
    await setup.files.delete_version(setup.access, setup.file.id, current.id)


async def delete_an_old_version(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    old = (await setup.files.list_versions(setup.access, setup.file.id)).items[1]
    await setup.files.delete_version(setup.access, setup.file.id, old.id)


async def delete_a_version_that_shares_its_object(setup: TwinSetup) -> AsyncIterator[None]:
    old = (await setup.files.list_versions(setup.access, setup.file.id)).items[1]
    await setup.files.copy_entry(setup.access, setup.file.id, c.CopyTarget(ROOT, "shared"))
    await setup.files.update_entry(setup.access, setup.file.id, c.EntryUpdate("old"))
    yield
    assert setup.file.version is not None
    await setup.files.restore_version(setup.access, setup.file.id, old.id)
    await setup.files.delete_version(setup.access, setup.file.id, setup.file.version)


async def delete_aged_versions(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.drive.database.execute(
        "UPDATE files.versions SET replaced_at = replaced_at - interval '31 days' WHERE owner_id = $1", setup.owner
    )
    yield
    assert await setup.drive.run_purges() == 1


async def copy_a_folder(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    copy = await setup.files.copy_entry(setup.access, setup.folder.id, c.CopyTarget(ROOT, "copy"))
    assert await setup.drive.list_names(copy.id) == ["0", "in.txt"]


async def copy_a_folder_by_a_job(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    job = await setup.files.start_copy(setup.access, setup.folder.id, c.CopyTarget(ROOT, "copy"))
    lease = LeaseId(uuid7())
    (task,) = await setup.files.claim_jobs(lease, 1)
    while await setup.files.run_job_step(lease, task):
        pass
    result = (await setup.files.get_job(UserId(setup.owner), job.id)).result
    assert result is not None
    assert await setup.drive.list_names(result.id) == ["0", "in.txt"]


async def run_jobs(setup: TwinSetup) -> None:
    lease = LeaseId(uuid7())
    for task in await setup.files.claim_jobs(lease, 10):
        while await setup.files.run_job_step(lease, task):
            pass


async def copy_into_another_drive(setup: TwinSetup) -> AsyncIterator[None]:
    user = UserId(setup.owner)
    target = await setup.files.resolve_access(user, (await setup.files.create_drive(user, "other")).id)
    yield
    folder = await setup.files.start_drive_copy(setup.access, setup.folder.id, target, c.CopyTarget(ROOT))
    file = await setup.files.start_drive_copy(setup.access, setup.file.id, target, c.CopyTarget(ROOT))
    await run_jobs(setup)
    for job, done in ((folder, 9), (file, 1)):
        assert (await setup.files.get_job(user, job.id)).done == done


async def copy_a_folder_that_only_the_twin_has_below(setup: TwinSetup) -> AsyncIterator[None]:
    user = UserId(setup.owner)
    target = await setup.files.resolve_access(user, (await setup.files.create_drive(user, "other")).id)
    job = await setup.files.start_drive_copy(setup.access, setup.folder.id, target, c.CopyTarget(ROOT))
    lease = LeaseId(uuid7())
    (task,) = await setup.files.claim_jobs(lease, 10)
    for _ in range(2):
        assert await setup.files.run_job_step(lease, task)
    child = await setup.files.find_entry(setup.access, ("dir", "0"))
    await setup.files.update_entry(setup.access, child.id, c.EntryUpdate(parent=ROOT))
    yield
    while await setup.files.run_job_step(lease, task):
        pass
    assert (await setup.files.get_job(user, job.id)).done == 3


async def copy_from_another_drive(setup: TwinSetup) -> AsyncIterator[None]:
    user = UserId(setup.owner)
    drive = await setup.files.create_drive(user, "other")
    source = await setup.files.resolve_access(user, drive.id)
    folder = await setup.files.create_folder(source, ROOT, "folder")
    copied = await setup.files.start_drive_copy(setup.access, setup.file.id, source, c.CopyTarget(folder.id))
    assert copied.result is not None
    yield
    await setup.files.start_drive_copy(source, copied.result.id, setup.access, c.CopyTarget(ROOT, "one"))
    for _ in range(2):
        job = await setup.files.start_drive_copy(source, folder.id, setup.access, c.CopyTarget(ROOT, "two"))
        lease = LeaseId(uuid7())
        (task,) = await setup.files.claim_jobs(lease, 10)
        for _ in range(2):
            assert await setup.files.run_job_step(lease, task)
        await setup.files.cancel_job(user, job.id)
        while await setup.files.run_job_step(lease, task):
            pass


async def replace_a_file_of_the_twin(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.update_twin("entries SET name = 'x.txt' WHERE id = $1", setup.file.id)
    yield
    assert (await setup.drive.upload_file("x.txt", on_conflict=c.OnConflict.REPLACE)).id != setup.file.id


async def commit_into_a_trashed_folder(setup: TwinSetup) -> AsyncIterator[None]:
    """The twin's folder has other entries and pending uploads of the same names, and was trashed too."""
    drive, twin = setup.drive, setup.drive.for_owner(setup.twin)
    wanted = {"x.txt": c.OnConflict.REPLACE, "y.txt": c.OnConflict.RENAME, "z.txt": c.OnConflict.RENAME}
    uploads = [await drive.begin(name, parent=setup.folder.id, on_conflict=how) for name, how in wanted.items()]
    (inside,) = (await setup.files.list_files(twin.access, c.Listing(setup.folder.id, name="in.txt"))).items
    await twin.begin("y.txt", parent=setup.folder.id)
    await twin.upload_file("z.txt", parent=setup.folder.id)
    await twin.files.update_entry(twin.access, inside.id, c.EntryUpdate("x.txt"))
    for owner in (drive.owner, twin.owner):
        await drive.files.trash_entry(Access.personal(owner), setup.folder.id)
    yield
    for upload in uploads:
        drive.bucket.put(upload.key, b"hello")
        await drive.files.complete_upload(drive.access, upload.id)
    await drive.files.restore_entry(drive.access, setup.folder.id)
    assert await drive.list_names(setup.folder.id) == ["0", "in.txt", "x.txt", "y.txt", "z.txt"]


async def commit_into_a_folder_that_only_the_twin_has(setup: TwinSetup) -> AsyncIterator[None]:
    upload = await setup.drive.begin("x.txt", parent=setup.empty.id)
    await setup.drive.database.execute(
        "DELETE FROM files.entries WHERE owner_id = $1 AND id = $2", setup.owner, setup.empty.id
    )
    yield
    setup.drive.bucket.put(upload.key, b"hello")
    await setup.files.complete_upload(setup.access, upload.id)
    assert "x.txt" in await setup.drive.list_names(ROOT)


async def list_pending_uploads(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.drive.for_owner(setup.twin).begin("another")
    yield
    for oldest_first in (False, True):
        page = await setup.files.list_pending_uploads(setup.access, oldest_first=oldest_first)
        assert [upload.id for upload in page.items] == [setup.pending.id]


async def abort(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.abort_upload(setup.access, setup.pending.id)


async def reject(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    setup.drive.bucket.put(setup.pending.key, b"others")
    assert await setup.files.commit_uploads((setup.ref,)) == (c.CommitOutcome.REJECTED,)


async def expire(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.drive.advance_time(timedelta(minutes=16), "uploads")
    yield
    assert await setup.files.commit_uploads((setup.ref,)) == (c.CommitOutcome.EXPIRED,)


async def claim_checks(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.drive.database.execute(
        "UPDATE files.uploads SET next_check_at = now() WHERE owner_id = $1", setup.owner
    )
    assert await setup.files.claim_pending_uploads(10, overdue=False) == (setup.ref,)


async def claim_newest_checks(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.drive.database.execute(
        "UPDATE files.uploads SET next_check_at = now() WHERE owner_id = $1", setup.owner
    )
    assert await setup.files.claim_pending_uploads(10, overdue=False, newest_first=True) == (setup.ref,)


async def create_a_deep_folder(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    assert (await setup.files.create_folder(setup.access, setup.deep.id, "bottom")).parent == setup.deep.id


async def rename(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    assert (await setup.files.update_entry(setup.access, setup.file.id, c.EntryUpdate("b.txt"))).name == "b.txt"


async def change_values(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    update = c.EntryUpdate(starred=True, properties={"k": "v"})
    assert (await setup.files.update_entry(setup.drive.access, setup.file.id, update)).starred


async def replace_by_a_rename(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    update = c.EntryUpdate("in.txt", setup.folder.id, c.OnConflict.REPLACE)
    replaced = await setup.files.update_entry(setup.drive.access, setup.file.id, update)
    assert (replaced.id != setup.file.id, replaced.size) == (True, 3)


async def create_a_path(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.update_twin("entries SET name = 'other' WHERE id = $1", setup.empty.id)
    yield
    created = await setup.files.create_folders(setup.drive.access, ROOT, ("other", "new"))
    assert created.is_new


async def read_paths_and_sizes(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    path = await setup.files.get_path(setup.drive.access, setup.deep.id)
    assert [folder.name for folder in path] == ["dir", *map(str, range(7))]
    assert (await setup.files.find_entry(setup.drive.access, ("dir", "0"))).drive == setup.owner
    assert await setup.files.measure_tree(setup.drive.access, ROOT) == c.TreeSize(5, 2, 9)


async def move_a_folder_that_is_higher_for_the_twin(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.update_twin("entries SET parent_id = $2 WHERE id = $1", setup.folder.id, setup.empty.id)
    yield
    await setup.files.update_entry(setup.access, setup.empty.id, c.EntryUpdate(parent=setup.deep.id))


async def trash_a_folder_that_contains_more_for_the_twin(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.update_twin("entries SET parent_id = $2 WHERE id = $1", setup.file.id, setup.folder.id)
    yield
    await setup.files.trash_entry(setup.access, setup.folder.id)
    assert await setup.drive.list_names() == ["a.txt"]
    assert (await setup.files.get_usage(setup.access)).file_count == 1


async def read_below_a_folder_that_the_twin_trashed(setup: TwinSetup) -> AsyncIterator[None]:
    (inside,) = (await setup.files.list_files(setup.access, c.Listing(setup.folder.id, name="in.txt"))).items
    await setup.files.trash_entry(Access.personal(setup.twin), setup.folder.id)
    yield
    assert (await setup.files.list_files(setup.access, c.Listing(setup.folder.id, name="in.txt"))).items == (inside,)
    assert await setup.files.get_file(setup.access, inside.id) == inside
    with pytest.raises(NotFound):
        await setup.files.get_file(Access.personal(setup.twin), inside.id)


async def commit_below_a_trashed_folder(setup: TwinSetup) -> AsyncIterator[None]:
    upload = await setup.drive.begin("x.txt", parent=setup.deep.id)
    for owner in (setup.owner, setup.twin):
        await setup.files.trash_entry(Access.personal(owner), setup.folder.id)
    yield
    setup.drive.bucket.put(upload.key, b"hello")
    await setup.files.complete_upload(setup.access, upload.id)
    assert await setup.drive.list_names() == ["a.txt"]


async def count_the_files_of_a_trashed_folder(setup: TwinSetup) -> AsyncIterator[None]:
    """The files of the owner are not counted yet. Those of the twin are."""
    for owner in (setup.owner, setup.twin):
        await setup.files.trash_entry(Access.personal(owner), setup.folder.id)
    await setup.drive.database.execute(
        "UPDATE files.entries SET hidden_files = NULL WHERE owner_id = $1 AND id = $2", setup.owner, setup.folder.id
    )
    await setup.drive.database.execute("UPDATE files.usage SET hidden_files = 0 WHERE owner_id = $1", setup.owner)
    assert (await setup.files.get_usage(setup.access)).file_count == 2
    yield
    await setup.drive.run_purges()
    assert (await setup.files.get_usage(setup.access)).file_count == 1


async def purge_a_folder(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.trash_entry(setup.access, setup.folder.id)
    await setup.files.delete_trashed(setup.access, setup.folder.id)
    await setup.drive.run_purges()
    with pytest.raises(NotFound):
        await setup.files.restore_entry(setup.access, setup.folder.id)


async def restore(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    assert (await setup.files.restore_entry(setup.access, setup.trashed.id)).name == "t.txt"


async def restore_a_folder_that_is_deeper_for_the_twin(setup: TwinSetup) -> AsyncIterator[None]:
    """The new place is deeper, so the folders below are read."""
    deeper = setup.deep.id
    for name in ("8", "9"):
        deeper = (await setup.files.create_folder(Access.personal(setup.twin), deeper, name)).id
    for owner in (setup.owner, setup.twin):
        await setup.files.trash_entry(Access.personal(owner), setup.folder.id)
    yield
    restored = await setup.files.restore_entry(setup.access, setup.folder.id, setup.empty.id)
    assert restored.parent == setup.empty.id


async def delete_from_the_trash(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.delete_trashed(setup.access, setup.trashed.id)


async def empty_the_trash(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.empty_trash(setup.access)


async def begin_refused_items_again(setup: TwinSetup) -> AsyncIterator[None]:
    wanted = tuple(c.UploadIntent(f"{n}", 4_000, "text/plain", ROOT) for n in range(3))
    for owner in (setup.owner, setup.twin):
        first = (await setup.files.begin_uploads(Access.personal(owner), wanted, "batch"))[0].upload
        assert first is not None
        if owner == setup.owner:
            await setup.files.abort_upload(Access.personal(owner), first.id)
    yield
    assert all(result.upload for result in await setup.files.begin_uploads(setup.access, wanted, "batch"))


def granted(setup: TwinSetup, item: FileId) -> Access:
    return Access(setup.owner, GUEST, Role.EDITOR, (Grant(item, Role.EDITOR),))


async def reach_an_upload_whose_folder_only_the_twin_has(setup: TwinSetup) -> AsyncIterator[None]:
    upload = await setup.drive.begin("x.txt", parent=setup.folder.id)
    yield
    access = granted(setup, setup.folder.id)
    assert (await setup.files.get_upload(access, upload.id)).id == upload.id
    await setup.files.trash_entry(setup.access, setup.folder.id)
    with pytest.raises(NotFound):
        await setup.files.get_upload(access, upload.id)


async def reach_a_file_that_is_below_the_item_for_the_twin(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.update_twin("entries SET parent_id = $2 WHERE id = $1", setup.folder.id, setup.empty.id)
    (inside,) = (await setup.files.list_files(setup.access, c.Listing(setup.folder.id, name="in.txt"))).items
    yield
    assert (await setup.files.get_file(granted(setup, setup.folder.id), inside.id)).id == inside.id
    with pytest.raises(NotFound):
        await setup.files.get_file(granted(setup, setup.empty.id), inside.id)


async def share(setup: TwinSetup) -> AsyncIterator[None]:
    (inside,) = (await setup.files.list_files(setup.access, c.Listing(setup.folder.id, name="in.txt"))).items
    yield
    assert [each.user for each in await setup.files.list_permissions(setup.access, inside.id)] == [GUEST]
    assert len(await setup.files.list_permissions(setup.access, setup.folder.id)) == 1
    # The twin has as many permissions. Together they would be too many.
    await setup.files.put_permission(setup.access, setup.folder.id, UserId(uuid7()), Role.EDITOR)
    await setup.files.put_permission(setup.access, setup.empty.id, GUEST, Role.EDITOR)


async def share_again(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    await setup.files.delete_permission(setup.access, setup.folder.id, GUEST)
    with pytest.raises(NotFound):
        await setup.files.resolve_access(GUEST, setup.owner)
    await setup.files.put_permission(setup.access, setup.folder.id, GUEST, Role.VIEWER)
    assert (await setup.files.resolve_access(GUEST, setup.owner)).grants == (Grant(setup.folder.id, Role.VIEWER),)


async def trim_changes(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.drive.database.execute(
        "UPDATE files.changes SET at = at - interval '31 days' WHERE owner_id = $1", setup.owner
    )
    yield
    assert await setup.files.trim_changes(100) == 15


async def change_links(setup: TwinSetup) -> AsyncIterator[None]:
    new = c.NewLink(setup.file.id, c.LinkRole.VIEWER)
    link = await setup.files.create_link(setup.access, new)
    theirs = await setup.files.create_link(Access.personal(setup.twin), new)
    await setup.update_twin("links SET name = 'twin' WHERE true")
    yield
    with pytest.raises(NotFound):
        await setup.files.update_link(setup.access, theirs.id, c.LinkUpdate("a"))
    # From here on both links have one id.
    await setup.drive.database.execute("UPDATE files.links SET id = $1 WHERE owner_id = $2", theirs.id, setup.owner)
    assert (await setup.files.update_link(setup.access, theirs.id, c.LinkUpdate("a"))).name == "a"
    listed = (await setup.files.list_links(setup.access, c.LinkListing())).items
    assert [(each.id, each.name) for each in listed] == [(theirs.id, "a")]
    await setup.files.create_link(setup.access, new)
    await setup.files.delete_link(setup.access, theirs.id)
    assert link.id != theirs.id


async def purge(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.drive.advance_time(SETTINGS.trash_grace, "entries")
    await setup.update_twin("entries SET purge_after = purge_after + $1::interval WHERE true", SETTINGS.trash_grace)
    yield
    assert await setup.drive.run_purges() == 1
    with pytest.raises(NotFound):
        await setup.files.restore_entry(setup.access, setup.trashed.id)
    await setup.drive.advance_time(SETTINGS.tombstone, "purges")
    assert await setup.drive.run_purges() == 1


async def finish_one_purge_of_a_batch(setup: TwinSetup) -> AsyncIterator[None]:
    await setup.drive.advance_time(SETTINGS.trash_grace, "entries")
    lease = LeaseId(uuid7())
    (mine,) = (claim for claim in await setup.files.claim_purges(lease, 10) if claim.ref.owner == setup.owner)
    yield
    assert await setup.files.finish_purges(lease, (mine.ref,)) == 1
    del setup.drive.bucket.objects[mine.key]


async def report_a_missing_object(setup: TwinSetup) -> AsyncIterator[None]:
    yield
    key = (await setup.files.get_content(setup.access, setup.file.id)).key
    kept = setup.drive.bucket.objects.pop(key)
    assert len(await setup.files.check_invariants()) == 1
    setup.drive.bucket.objects[key] = kept


STEPS: tuple[Callable[[TwinSetup], AsyncIterator[None]], ...] = (
    begin,
    begin_in_a_folder_of_the_twin,
    begin_without_conflict,
    begin_with_the_key_of_the_twin,
    complete,
    replace,
    restore_and_delete_a_version,
    delete_an_old_version,
    delete_a_version_that_shares_its_object,
    delete_aged_versions,
    copy_a_folder,
    copy_a_folder_by_a_job,
    copy_into_another_drive,
    copy_a_folder_that_only_the_twin_has_below,
    copy_from_another_drive,
    replace_a_file_of_the_twin,
    commit_into_a_trashed_folder,
    commit_into_a_folder_that_only_the_twin_has,
    list_pending_uploads,
    abort,
    reject,
    expire,
    claim_checks,
    claim_newest_checks,
    create_a_deep_folder,
    rename,
    change_values,
    replace_by_a_rename,
    create_a_path,
    read_paths_and_sizes,
    move_a_folder_that_is_higher_for_the_twin,
    trash_a_folder_that_contains_more_for_the_twin,
    read_below_a_folder_that_the_twin_trashed,
    commit_below_a_trashed_folder,
    count_the_files_of_a_trashed_folder,
    purge_a_folder,
    restore,
    restore_a_folder_that_is_deeper_for_the_twin,
    delete_from_the_trash,
    empty_the_trash,
    begin_refused_items_again,
    reach_an_upload_whose_folder_only_the_twin_has,
    reach_a_file_that_is_below_the_item_for_the_twin,
    share,
    share_again,
    trim_changes,
    change_links,
    purge,
    finish_one_purge_of_a_batch,
    report_a_missing_object,
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
async def test_an_operation_of_one_owner_leaves_the_twin_unchanged(
    step: Callable[[TwinSetup], AsyncIterator[None]], database_url: str
) -> None:
    async with open_drive(database_url, "direct", SHALLOW) as drive:
        setup = await create_setup(drive)
        operation = step(setup)
        await anext(operation)  # prepares its data
        before = await setup.rows(setup.twin)
        await anext(operation, None)
        assert await setup.rows(setup.twin) == before


async def test_a_listing_contains_nothing_of_the_twin(direct_drive: Drive) -> None:
    setup = await create_setup(direct_drive)
    for listing in (c.Listing(), c.Listing(ROOT), c.Listing(ROOT, c.Sort.NAME), c.Listing(sort=c.Sort.NAME)):
        page = await setup.files.list_files(setup.access, listing)
        assert len({item.id for item in page.items}) == len(page.items) > 0
    assert len((await setup.files.list_trash(setup.access)).items) == 1


async def test_the_change_feed_contains_nothing_of_the_twin(direct_drive: Drive) -> None:
    start = (await direct_drive.files.list_changes(direct_drive.access)).next_cursor
    setup = await create_setup(direct_drive)
    await setup.drive.for_owner(setup.twin).upload_file("another")
    page = await setup.files.list_changes(setup.access, start)
    assert len({change.cursor for change in page.items}) == len(page.items) == 15
    assert (await setup.files.list_changes(setup.access)).next_cursor == page.items[-1].cursor


async def test_the_activity_contains_nothing_of_the_twin(direct_drive: Drive) -> None:
    setup = await create_setup(direct_drive)
    page = await setup.files.list_activity(setup.access, setup.file.id)
    assert len({each.at for each in page.items}) == len(page.items) > 1


async def test_an_owner_without_rows_gets_empty_results(direct_drive: Drive) -> None:
    setup = await create_setup(direct_drive)
    nobody = direct_drive.for_owner(new_owner())
    assert await nobody.list_names() == await nobody.list_names(ROOT) == []
    assert (await nobody.files.list_trash(nobody.access)).items == ()
    assert await nobody.files.get_usage(nobody.access) == c.Usage(0, 0, SHALLOW.quota, 0)
    ids = (setup.pending.id, setup.file.id)
    assert await nobody.files.known_uploads(tuple(c.UploadRef(nobody.owner, UploadId(id)) for id in ids)) == (
        False,
        False,
    )
