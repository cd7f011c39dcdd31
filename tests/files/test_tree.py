"""Folders, names, the trash, listings: nothing of another owner, nothing twice, nothing lost."""

import itertools
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, LeaseId
from drivebay.errors import InvalidCursor, InvalidRequest, NameTaken, NotFound, PreconditionFailed

from .conftest import SETTINGS, UNKNOWN, Drive, stranger, together


async def test_every_sort_pages_through_everything_in_order(plain: Drive) -> None:
    sizes = [3, 1, 2, 2, 5, 0, 4]
    for n, size in enumerate(sizes):
        await plain.store(f"f{(n * 5) % 7}", b"x" * size)
    for sort, descending, parent in itertools.product(c.Sort, (False, True), (None, ROOT)):
        seen: list[c.File] = []
        cursor = None
        while True:
            page = await plain.files.list_files(plain.owner, c.Listing(parent, sort, descending, 2, cursor))
            seen += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        keys = [
            {"name": f.name, "size": f.size, "created": f.created_at, "modified": f.modified_at}[sort.value]
            for f in seen
        ]
        assert len({f.id for f in seen}) == 7
        assert keys == sorted(keys, reverse=descending)


async def test_a_cursor_works_only_for_its_own_listing(drive: Drive) -> None:
    for n in range(3):
        await drive.store(f"f{n}")
    page = await drive.files.list_files(drive.owner, c.Listing(limit=1))
    assert page.next_cursor is not None
    for owner, listing in (
        (drive.owner, c.Listing(sort=c.Sort.NAME, cursor=page.next_cursor)),
        (drive.owner, c.Listing(parent=ROOT, cursor=page.next_cursor)),
        (drive.owner, c.Listing(cursor=page.next_cursor[:-2])),
        (stranger(), c.Listing(cursor=page.next_cursor)),
    ):
        with pytest.raises(InvalidCursor):
            await drive.files.list_files(owner, listing)


@pytest.mark.parametrize("limit", [0, 1001, -1])
async def test_a_page_has_1_to_1000_items(drive: Drive, limit: int) -> None:
    for call in (
        drive.files.list_files(drive.owner, c.Listing(limit=limit)),
        drive.files.list_trash(drive.owner, limit),
    ):
        with pytest.raises(InvalidRequest):
            await call


async def test_a_folder_shows_its_children_and_the_whole_list_shows_files(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.owner, ROOT, "dir", "k")
    await drive.store("in", parent=folder.id)
    await drive.store("out")
    assert await drive.names(folder.id) == ["in"]
    assert await drive.names(ROOT) == ["dir", "out"]
    assert await drive.names() == ["in", "out"]


async def test_listing_what_is_no_folder_of_ones_own_is_not_found(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.owner, ROOT, "dir", "k")
    for owner, parent in ((drive.owner, FileId(UNKNOWN)), (stranger(), folder.id)):
        with pytest.raises(NotFound):
            await drive.files.list_files(owner, c.Listing(parent))


async def test_a_folder_name_is_free_or_taken(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.owner, ROOT, "dir", "k")
    with pytest.raises(NameTaken):
        await drive.files.create_folder(drive.owner, ROOT, "dir")
    assert (await drive.files.create_folder(drive.owner, folder.id, "dir", "k2")).parent == folder.id
    assert (await drive.files.create_folder(drive.owner, ROOT, "Dir", "k3")).name == "Dir"


async def test_a_repeated_request_for_a_folder_gets_its_first_answer(drive: Drive) -> None:
    first = await drive.files.create_folder(drive.owner, ROOT, "dir", "k")
    await drive.files.change(drive.owner, first.id, c.Change("renamed"))
    assert await drive.files.create_folder(drive.owner, ROOT, "dir", "k") == first


async def test_rename_and_move_keep_the_object_and_change_the_etag(plain: Drive) -> None:
    folder = await plain.files.create_folder(plain.owner, ROOT, "dir")
    file = await plain.store("a.txt")
    before = await plain.files.content(plain.owner, file.id)
    moved = await plain.files.change(plain.owner, file.id, c.Change("b.txt", folder.id), file.etag)
    assert (moved.name, moved.parent) == ("b.txt", folder.id)
    assert moved.etag != file.etag
    assert (await plain.files.content(plain.owner, file.id)).key == before.key
    with pytest.raises(PreconditionFailed):
        await plain.files.change(plain.owner, file.id, c.Change("c.txt"), file.etag)
    with pytest.raises(PreconditionFailed):
        await plain.files.trash(plain.owner, file.id, file.etag)
    await plain.files.trash(plain.owner, file.id, moved.etag)


async def test_a_change_onto_a_taken_name_is_refused(drive: Drive) -> None:
    await drive.store("a")
    file = await drive.store("b")
    with pytest.raises(NameTaken):
        await drive.files.change(drive.owner, file.id, c.Change("a"))


async def test_a_folder_never_gets_into_itself(drive: Drive) -> None:
    outer = await drive.files.create_folder(drive.owner, ROOT, "outer", "1")
    inner = await drive.files.create_folder(drive.owner, outer.id, "inner", "2")
    for target in (outer.id, inner.id):
        with pytest.raises(InvalidRequest):
            await drive.files.change(drive.owner, outer.id, c.Change(parent=target))


async def test_crossing_moves_make_no_cycle(plain: Drive) -> None:
    for n in range(10):
        a = await plain.files.create_folder(plain.owner, ROOT, f"a{n}")
        b = await plain.files.create_folder(plain.owner, ROOT, f"b{n}")
        results = await together(
            plain.files.change(plain.owner, a.id, c.Change(parent=b.id)),
            plain.files.change(plain.owner, b.id, c.Change(parent=a.id)),
        )
        assert sum(isinstance(result, InvalidRequest) for result in results) == 1


async def test_folders_have_a_depth(plain: Drive) -> None:
    parent = ROOT
    for n in range(SETTINGS.max_depth):
        parent = (await plain.files.create_folder(plain.owner, parent, str(n))).id
    with pytest.raises(InvalidRequest):
        await plain.files.create_folder(plain.owner, parent, "one more")
    await plain.store("a file goes", parent=parent)
    pair = await plain.files.create_folder(plain.owner, ROOT, "pair")
    await plain.files.create_folder(plain.owner, pair.id, "child")
    page = await plain.files.list_files(plain.owner, c.Listing(ROOT, c.Sort.NAME, descending=False))
    deep = page.items[0].id
    for _ in range(SETTINGS.max_depth - 2):
        deep = (await plain.files.list_files(plain.owner, c.Listing(deep))).items[0].id
    with pytest.raises(InvalidRequest):
        await plain.files.change(plain.owner, pair.id, c.Change(parent=deep))


async def test_what_is_in_the_trash_is_gone_and_can_come_back(drive: Drive) -> None:
    file = await drive.store("a.txt")
    await drive.files.trash(drive.owner, file.id)
    for call in (drive.files.file, drive.files.content):
        with pytest.raises(NotFound):
            await call(drive.owner, file.id)
    with pytest.raises(NotFound):
        await drive.files.trash(drive.owner, file.id)
    (trashed,) = (await drive.files.list_trash(drive.owner)).items
    assert trashed.id == file.id
    assert trashed.trashed_at is not None
    usage = await drive.files.usage(drive.owner)
    assert (usage.used_bytes, usage.file_count) == (5, 0)
    assert (await drive.files.restore(drive.owner, file.id)).name == "a.txt"
    assert await drive.names() == ["a.txt"]
    with pytest.raises(NotFound):
        await drive.files.restore(drive.owner, file.id)


async def test_a_folder_goes_into_the_trash_and_comes_back_with_all_in_it(plain: Drive) -> None:
    folder = await plain.files.create_folder(plain.owner, ROOT, "dir")
    inner = await plain.files.create_folder(plain.owner, folder.id, "inner")
    await plain.store("a", parent=inner.id)
    early = await plain.store("b", parent=inner.id)
    await plain.files.trash(plain.owner, early.id)
    await plain.files.trash(plain.owner, folder.id)
    assert await plain.names() == []
    assert [item.name for item in (await plain.files.list_trash(plain.owner)).items] == ["dir", "b"]
    await plain.files.restore(plain.owner, folder.id)
    assert await plain.names(inner.id) == ["a"]
    assert (await plain.files.restore(plain.owner, early.id)).parent == inner.id


async def test_a_name_taken_meanwhile_and_a_folder_gone_meanwhile_do_not_stop_a_restore(plain: Drive) -> None:
    folder = await plain.files.create_folder(plain.owner, ROOT, "dir")
    file = await plain.store("a.txt", parent=folder.id)
    await plain.files.trash(plain.owner, file.id)
    await plain.files.trash(plain.owner, folder.id)
    await plain.store("a.txt")
    restored = await plain.files.restore(plain.owner, file.id)
    assert (restored.name, restored.parent) == ("a (1).txt", ROOT)


async def test_the_trash_pages_and_its_cursor_is_its_own(plain: Drive) -> None:
    for n in range(5):
        await plain.files.trash(plain.owner, (await plain.store(str(n))).id)
    seen: list[str] = []
    cursor = None
    while True:
        page = await plain.files.list_trash(plain.owner, 2, cursor)
        seen += [item.name for item in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]
    files = await plain.files.list_trash(plain.owner, 2)
    with pytest.raises(InvalidCursor):
        await plain.files.list_files(plain.owner, c.Listing(cursor=files.next_cursor))


async def test_a_stranger_cannot_tell_a_file_from_none(drive: Drive) -> None:
    file = await drive.store()
    other = stranger()
    for id in (file.id, FileId(UNKNOWN)):
        for call in (
            drive.files.file(other, id),
            drive.files.content(other, id),
            drive.files.trash(other, id),
            drive.files.restore(other, id),
            drive.files.change(other, id, c.Change("x")),
        ):
            with pytest.raises(NotFound) as caught:
                await call
            assert str(id) in caught.value.detail
    assert await drive.of(other).names() == []


async def test_after_the_grace_the_object_goes_then_the_bytes_are_free(plain: Drive) -> None:
    file = await plain.store("a", b"12345")
    await plain.files.trash(plain.owner, file.id)
    assert await plain.purge() == 0
    await plain.pass_time(SETTINGS.trash_grace)
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


async def test_two_janitors_never_get_the_same_object(plain: Drive) -> None:
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


async def test_a_dead_letter_is_kept_once(drive: Drive) -> None:
    letter = c.DeadLetter("stream:1", "drivebay.events", "no JSON", b"\xff", 8)
    await drive.files.bury(letter)
    await drive.files.bury(letter)
    assert (await drive.files.queues()).dead_letters == 1
