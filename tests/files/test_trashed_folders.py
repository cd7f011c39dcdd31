"""Uploads whose folder was trashed meanwhile: the file goes into the trash with its folder, and comes back with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId
from drivebay.errors import Error, NotFound

from .conftest import SETTINGS, Drive, gather_results
from .test_multipart import LARGE, open_drive, put_part, sha256

BODY = b"hello"


@pytest.fixture
async def direct_drive(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct", LARGE) as drive:
        yield drive


# -- the ways in which an upload becomes a file ---------------------------------------------------------


async def begin_single(drive: Drive, parent: FileId) -> c.Upload:
    upload = await drive.begin("a.txt", BODY, parent)
    drive.bucket.put(upload.key, BODY)
    return upload


async def begin_in_a_batch(drive: Drive, parent: FileId) -> c.Upload:
    intents = tuple(c.UploadIntent(name, len(BODY), "text/plain", parent) for name in ("a.txt", "b.txt"))
    one, two = [result.upload for result in await drive.files.begin_uploads(drive.access, intents)]
    assert one is not None
    assert two is not None
    await drive.files.abort_upload(drive.access, two.id)
    drive.bucket.put(one.key, BODY)
    return one


async def send_the_part(drive: Drive, upload: c.Upload) -> c.Upload:
    opened = await drive.files.open_parts(drive.access, upload.id, (c.PartIntent(1, sha256(BODY)),))
    assert await put_part(drive, opened, 1, BODY, sha256(BODY)) == 200
    return opened


async def begin_in_parts(drive: Drive, parent: FileId) -> c.Upload:
    intent = c.UploadIntent("a.txt", len(BODY), "text/plain", parent, multipart=True)
    return await send_the_part(drive, await drive.files.begin_upload(drive.access, intent))


async def begin_with_deferred_length(drive: Drive, parent: FileId) -> c.Upload:
    """Begin an upload as tus does for an unknown length."""
    intent = c.UploadIntent("a.txt", 0, "text/plain", parent, multipart=True, deferred_length=True)
    upload = await drive.files.begin_upload(drive.access, intent)
    return await send_the_part(drive, await drive.files.resize_upload(drive.access, upload.id, len(BODY), final=True))


async def complete(drive: Drive, upload: c.Upload) -> None:
    await drive.files.complete_upload(drive.access, upload.id)


async def complete_in_a_batch(drive: Drive, upload: c.Upload) -> None:
    await drive.files.complete_uploads(drive.access, (upload.id,))


async def deliver_an_event(drive: Drive, upload: c.Upload) -> None:
    await drive.files.commit_uploads((c.UploadRef(drive.owner, upload.id),), c.Trigger.EVENT)


async def sweep(drive: Drive, upload: c.Upload) -> None:
    await drive.advance_time(timedelta(seconds=10), "uploads")
    refs = await drive.files.claim_pending_uploads(10, overdue=False)
    assert refs == (c.UploadRef(drive.owner, upload.id),)
    await drive.files.commit_uploads(refs, c.Trigger.SWEEP)


async def sweep_after_its_deadline(drive: Drive, upload: c.Upload) -> None:
    await drive.advance_time(timedelta(minutes=16), "uploads")
    await drive.files.commit_uploads(await drive.files.claim_pending_uploads(10, overdue=True), c.Trigger.SWEEP)


Begin = Callable[[Drive, FileId], Awaitable[c.Upload]]
Commit = Callable[[Drive, c.Upload], Awaitable[None]]
WAYS: tuple[tuple[Begin, Commit], ...] = (
    (begin_single, complete),
    (begin_single, complete_in_a_batch),
    (begin_single, deliver_an_event),
    (begin_single, sweep),
    (begin_single, sweep_after_its_deadline),
    (begin_in_a_batch, complete_in_a_batch),
    (begin_in_parts, complete),
    (begin_with_deferred_length, complete),
)


async def committed_file(drive: Drive, upload: c.Upload) -> FileId:
    """Return the file of a complete upload."""
    now = await drive.files.get_upload(drive.access, upload.id)
    assert now.status is c.UploadStatus.COMPLETE
    assert now.file is not None
    return now.file


async def create_folders(drive: Drive, *names: str, parent: FileId = ROOT) -> list[FileId]:
    """Create folders, each inside the one before."""
    ids = []
    for name in names:
        parent = (await drive.files.create_folder(drive.access, parent, name)).id
        ids.append(parent)
    return ids


@pytest.mark.parametrize("depth", [1, 3], ids=["its folder", "a folder above"])
@pytest.mark.parametrize(("begin", "commit"), WAYS, ids=lambda way: way.__name__)
async def test_a_file_is_trashed_with_its_folder_and_comes_back_with_it(
    direct_drive: Drive, begin: Begin, commit: Commit, depth: int
) -> None:
    drive = direct_drive
    unrelated = await drive.upload_file("a.txt", b"unrelated")
    folders = await create_folders(drive, *"xyz"[:depth])
    upload = await begin(drive, folders[-1])
    await drive.files.trash_entry(drive.access, folders[0])
    await commit(drive, upload)
    file = await committed_file(drive, upload)
    with pytest.raises(NotFound):
        await drive.files.get_file(drive.access, file)
    with pytest.raises(NotFound):
        await drive.files.restore_entry(drive.access, file)
    assert [item.id for item in (await drive.files.list_trash(drive.access)).items] == [folders[0]]
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.reserved_bytes, usage.file_count) == (len(b"unrelated") + len(BODY), 0, 1)
    assert await drive.files.check_invariants() == ()
    await drive.files.restore_entry(drive.access, folders[0])
    restored = await drive.files.get_file(drive.access, file)
    assert (restored.parent, restored.name) == (folders[-1], "a.txt")
    assert (await drive.files.get_usage(drive.access)).file_count == 2
    assert await drive.files.get_file(drive.access, unrelated.id) == unrelated


async def test_the_file_of_a_folder_that_was_moved_and_trashed_follows_it(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    (target,) = await create_folders(drive, "target")
    upload = await begin_single(drive, folder)
    await drive.files.update_entry(drive.access, folder, c.EntryUpdate(parent=target))
    await drive.files.trash_entry(drive.access, target)
    await complete(drive, upload)
    await drive.files.restore_entry(drive.access, target)
    assert (await drive.files.get_file(drive.access, await committed_file(drive, upload))).parent == folder


async def test_a_file_belongs_to_the_trashing_of_its_own_folder(direct_drive: Drive) -> None:
    """A folder was trashed before the folder above it, so the folder above comes back without it."""
    drive = direct_drive
    outer, inner = await create_folders(drive, "outer", "inner")
    upload = await begin_single(drive, inner)
    await drive.files.trash_entry(drive.access, inner)
    await drive.files.trash_entry(drive.access, outer)
    await complete(drive, upload)
    await drive.files.restore_entry(drive.access, outer)
    assert await drive.list_names() == []
    await drive.files.restore_entry(drive.access, inner)
    assert await drive.list_names(inner) == ["a.txt"]


@pytest.mark.parametrize("on_conflict", list(c.OnConflict))
@pytest.mark.parametrize("purged", [True, False], ids=["purged", "about to be purged"])
async def test_the_file_of_a_purged_folder_gets_a_free_name_in_the_root(
    direct_drive: Drive, purged: bool, on_conflict: c.OnConflict
) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    unrelated = await drive.upload_file("a.txt", b"unrelated")
    upload = await drive.begin("a.txt", BODY, folder, on_conflict)
    await drive.files.trash_entry(drive.access, folder)
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    if purged:
        await drive.run_purges()
    drive.bucket.put(upload.key, BODY)
    await complete(drive, upload)
    file = await drive.files.get_file(drive.access, await committed_file(drive, upload))
    assert (file.parent, file.name) == (ROOT, "a (1).txt")
    assert (await drive.files.get_content(drive.access, unrelated.id)).size == len(b"unrelated")


async def test_files_of_one_name_in_a_trashed_folder_can_be_restored(direct_drive: Drive) -> None:
    """An expired upload releases its name, and its bytes arrive after another file took the name."""
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    late = await drive.begin("a.txt", b"late!", folder)
    await drive.advance_time(timedelta(minutes=16), "uploads")
    await deliver_an_event(drive, late)
    await drive.upload_file("a.txt", b"there", folder)
    pending = await drive.begin("a (1).txt", b"still pending", folder)
    await drive.files.trash_entry(drive.access, folder)
    drive.bucket.put(late.key, b"late!")
    await deliver_an_event(drive, late)
    assert await drive.files.check_invariants() == ()
    await drive.files.restore_entry(drive.access, folder)
    assert await drive.list_names(folder) == ["a (2).txt", "a.txt"]
    drive.bucket.put(pending.key, b"still pending")
    await complete(drive, pending)
    assert await drive.list_names(folder) == ["a (1).txt", "a (2).txt", "a.txt"]


async def test_a_replacement_replaces_the_file_that_was_trashed_with_its_folder(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    file = await drive.upload_file("a.txt", b"old", folder)
    unrelated = await drive.upload_file("a.txt", b"unrelated")
    upload = await drive.begin("a.txt", b"new one", folder, c.OnConflict.REPLACE)
    await drive.files.trash_entry(drive.access, folder)
    drive.bucket.put(upload.key, b"new one")
    await complete(drive, upload)
    assert await committed_file(drive, upload) == file.id
    with pytest.raises(NotFound):
        await drive.files.get_file(drive.access, file.id)
    await drive.files.restore_entry(drive.access, folder)
    assert (await drive.files.get_content(drive.access, file.id)).size == len(b"new one")
    assert await drive.files.get_file(drive.access, unrelated.id) == unrelated


async def test_a_replacement_leaves_a_file_that_was_trashed_before_its_folder(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    before = await drive.upload_file("a.txt", b"trashed before", folder)
    await drive.files.trash_entry(drive.access, before.id)
    upload = await drive.begin("a.txt", BODY, folder, c.OnConflict.REPLACE)
    await drive.files.trash_entry(drive.access, folder)
    drive.bucket.put(upload.key, BODY)
    await complete(drive, upload)
    assert await committed_file(drive, upload) != before.id
    restored = await drive.files.restore_entry(drive.access, before.id)
    assert restored.size == len(b"trashed before")


async def test_a_file_in_the_trash_is_purged_with_its_folder(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    upload = await begin_single(drive, folder)
    await drive.files.trash_entry(drive.access, folder)
    await complete(drive, upload)
    await drive.advance_time(SETTINGS.trash_grace, "entries")
    assert await drive.run_purges() == 1
    assert await drive.files.get_usage(drive.access) == c.Usage(0, 0, LARGE.quota, 0)


async def test_commits_race_with_trash_restore_and_purge(direct_drive: Drive) -> None:
    """Whatever comes first, every upload makes one file, no other file changes, and every invariant holds."""
    drive = direct_drive
    unrelated = await drive.upload_file("a.txt", b"unrelated")
    for turn in range(12):
        outer, inner = await create_folders(drive, f"outer {turn}", "inner")
        await drive.upload_file("a.txt", b"old", inner)
        conflicts = (c.OnConflict.RENAME, c.OnConflict.REPLACE, c.OnConflict.REPLACE)
        uploads = [await drive.begin("a.txt", BODY, inner, on_conflict) for on_conflict in conflicts]
        for upload in uploads:
            drive.bucket.put(upload.key, BODY)

        async def trash_and_restore(folder: FileId, purge: bool) -> None:
            await drive.files.trash_entry(drive.access, folder)
            if purge:
                async with drive.database.transaction() as tx:  # Time must not change within another transaction.
                    await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
                    await tx.execute(
                        "UPDATE files.entries SET trashed_at = trashed_at - $2::interval, "
                        "purge_after = purge_after - $2::interval WHERE owner_id = $1",
                        drive.owner,
                        SETTINGS.trash_grace,
                    )
                await drive.run_purges()
            with suppress(NotFound):
                await drive.files.restore_entry(drive.access, folder)

        results = await gather_results(
            *(complete(drive, upload) for upload in uploads),
            trash_and_restore(inner, purge=turn % 3 == 1),
            trash_and_restore(outer, purge=turn % 3 == 2),
            drive.files.commit_uploads(tuple(c.UploadRef(drive.owner, upload.id) for upload in uploads)),
        )
        assert not [result for result in results if isinstance(result, Exception) and not isinstance(result, Error)]
        for upload in uploads:
            await committed_file(drive, upload)
        assert await drive.files.check_invariants() == ()
    assert (await drive.files.get_content(drive.access, unrelated.id)).size == len(b"unrelated")


async def test_a_commit_that_waited_for_a_purge_uses_the_root(direct_drive: Drive) -> None:
    """The grace period ends while the commit waits for the lock of the drive."""
    drive = direct_drive
    (folder,) = await create_folders(drive, "folder")
    upload = await begin_single(drive, folder)
    await drive.files.trash_entry(drive.access, folder)
    async with drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
        commit = asyncio.create_task(complete(drive, upload))
        await asyncio.wait([commit], timeout=0.5)  # It waits for the lock.
        await tx.execute(
            "UPDATE files.entries SET purge_after = clock_timestamp() WHERE owner_id = $1 AND id = $2",
            drive.owner,
            folder,
        )
    await commit
    assert (await drive.files.get_file(drive.access, await committed_file(drive, upload))).parent == ROOT
