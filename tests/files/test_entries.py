"""Files, folders, the trash and listings."""

import itertools

import pytest

from drivebay.contract import files as c
from drivebay.contract.files import Access
from drivebay.contract.ids import ROOT, FileId
from drivebay.errors import InvalidCursor, InvalidRequest, NameTaken, NotFound, PreconditionFailed, WouldCycle

from .conftest import SETTINGS, UNKNOWN_ID, Drive, gather_results, new_owner


async def test_every_sort_lists_all_files_in_order(direct_drive: Drive) -> None:
    sizes = [3, 1, 2, 2, 5, 0, 4]
    for n, size in enumerate(sizes):
        await direct_drive.upload_file(f"f{(n * 5) % 7}", b"x" * size)
    for sort, descending, parent in itertools.product(c.Sort, (False, True), (None, ROOT)):
        seen: list[c.File] = []
        cursor = None
        while True:
            page = await direct_drive.files.list_files(
                direct_drive.access, c.Listing(parent, sort, descending, 2, cursor)
            )
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


async def test_a_cursor_is_valid_only_for_its_own_listing(drive: Drive) -> None:
    for n in range(3):
        await drive.upload_file(f"f{n}")
    page = await drive.files.list_files(drive.access, c.Listing(limit=1))
    assert page.next_cursor is not None
    for owner, listing in (
        (drive.owner, c.Listing(sort=c.Sort.NAME, cursor=page.next_cursor)),
        (drive.owner, c.Listing(parent=ROOT, cursor=page.next_cursor)),
        (drive.owner, c.Listing(cursor=page.next_cursor[:-2])),
        (new_owner(), c.Listing(cursor=page.next_cursor)),
    ):
        with pytest.raises(InvalidCursor):
            await drive.files.list_files(Access.personal(owner), listing)


@pytest.mark.parametrize("limit", [0, 1001, -1])
async def test_a_page_has_1_to_1000_items(drive: Drive, limit: int) -> None:
    for call in (
        drive.files.list_files(drive.access, c.Listing(limit=limit)),
        drive.files.list_trash(drive.access, limit),
    ):
        with pytest.raises(InvalidRequest):
            await call


async def test_a_folder_lists_its_children_and_the_whole_listing_only_files(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    await drive.upload_file("in", parent=folder.id)
    await drive.upload_file("out")
    assert await drive.list_names(folder.id) == ["in"]
    assert await drive.list_names(ROOT) == ["dir", "out"]
    assert await drive.list_names() == ["in", "out"]


async def test_listing_a_folder_of_another_owner_is_not_found(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    for owner, parent in ((drive.owner, FileId(UNKNOWN_ID)), (new_owner(), folder.id)):
        with pytest.raises(NotFound):
            await drive.files.list_files(Access.personal(owner), c.Listing(parent))


async def test_a_folder_name_is_unique_in_its_parent(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    with pytest.raises(NameTaken):
        await drive.files.create_folder(drive.access, ROOT, "dir")
    assert (await drive.files.create_folder(drive.access, folder.id, "dir", "k2")).parent == folder.id
    assert (await drive.files.create_folder(drive.access, ROOT, "Dir", "k3")).name == "Dir"


async def test_a_repeated_create_folder_returns_the_first_result(drive: Drive) -> None:
    first = await drive.files.create_folder(drive.access, ROOT, "dir", "k")
    await drive.files.update_entry(drive.access, first.id, c.EntryUpdate("renamed"))
    assert await drive.files.create_folder(drive.access, ROOT, "dir", "k") == first


async def test_rename_and_move_keep_the_object_and_change_the_etag(direct_drive: Drive) -> None:
    folder = await direct_drive.files.create_folder(direct_drive.access, ROOT, "dir")
    file = await direct_drive.upload_file("a.txt")
    before = await direct_drive.files.get_content(direct_drive.access, file.id)
    moved = await direct_drive.files.update_entry(
        direct_drive.access, file.id, c.EntryUpdate("b.txt", folder.id), file.etag
    )
    assert (moved.name, moved.parent) == ("b.txt", folder.id)
    assert moved.etag != file.etag
    assert (await direct_drive.files.get_content(direct_drive.access, file.id)).key == before.key
    with pytest.raises(PreconditionFailed):
        await direct_drive.files.update_entry(direct_drive.access, file.id, c.EntryUpdate("c.txt"), file.etag)
    with pytest.raises(PreconditionFailed):
        await direct_drive.files.trash_entry(direct_drive.access, file.id, file.etag)
    await direct_drive.files.trash_entry(direct_drive.access, file.id, moved.etag)


async def test_a_rename_to_a_taken_name_is_refused(drive: Drive) -> None:
    await drive.upload_file("a")
    file = await drive.upload_file("b")
    with pytest.raises(NameTaken):
        await drive.files.update_entry(drive.access, file.id, c.EntryUpdate("a"))


async def test_a_folder_cannot_be_moved_into_itself(drive: Drive) -> None:
    outer = await drive.files.create_folder(drive.access, ROOT, "outer", "1")
    inner = await drive.files.create_folder(drive.access, outer.id, "inner", "2")
    for target in (outer.id, inner.id):
        with pytest.raises(WouldCycle):
            await drive.files.update_entry(drive.access, outer.id, c.EntryUpdate(parent=target))


async def test_concurrent_moves_create_no_cycle(direct_drive: Drive) -> None:
    for n in range(10):
        a = await direct_drive.files.create_folder(direct_drive.access, ROOT, f"a{n}")
        b = await direct_drive.files.create_folder(direct_drive.access, ROOT, f"b{n}")
        results = await gather_results(
            direct_drive.files.update_entry(direct_drive.access, a.id, c.EntryUpdate(parent=b.id)),
            direct_drive.files.update_entry(direct_drive.access, b.id, c.EntryUpdate(parent=a.id)),
        )
        assert sum(isinstance(result, WouldCycle) for result in results) == 1


async def test_the_nesting_of_folders_is_limited(direct_drive: Drive) -> None:
    parent = ROOT
    for n in range(SETTINGS.max_depth):
        parent = (await direct_drive.files.create_folder(direct_drive.access, parent, str(n))).id
    with pytest.raises(InvalidRequest):
        await direct_drive.files.create_folder(direct_drive.access, parent, "one more")
    await direct_drive.upload_file("a file goes", parent=parent)
    pair = await direct_drive.files.create_folder(direct_drive.access, ROOT, "pair")
    await direct_drive.files.create_folder(direct_drive.access, pair.id, "child")
    page = await direct_drive.files.list_files(direct_drive.access, c.Listing(ROOT, c.Sort.NAME, descending=False))
    deep = page.items[0].id
    for _ in range(SETTINGS.max_depth - 2):
        deep = (await direct_drive.files.list_files(direct_drive.access, c.Listing(deep))).items[0].id
    with pytest.raises(InvalidRequest):
        await direct_drive.files.update_entry(direct_drive.access, pair.id, c.EntryUpdate(parent=deep))


async def test_a_trashed_file_is_not_found_and_can_be_restored(drive: Drive) -> None:
    file = await drive.upload_file("a.txt")
    await drive.files.trash_entry(drive.access, file.id)
    for call in (drive.files.get_file, drive.files.get_content):
        with pytest.raises(NotFound):
            await call(drive.access, file.id)
    with pytest.raises(NotFound):
        await drive.files.trash_entry(drive.access, file.id)
    (trashed,) = (await drive.files.list_trash(drive.access)).items
    assert trashed.id == file.id
    assert trashed.trashed_at is not None
    usage = await drive.files.get_usage(drive.access)
    assert (usage.used_bytes, usage.file_count) == (5, 0)
    assert (await drive.files.restore_entry(drive.access, file.id)).name == "a.txt"
    assert await drive.list_names() == ["a.txt"]
    with pytest.raises(NotFound):
        await drive.files.restore_entry(drive.access, file.id)


async def test_a_folder_is_trashed_and_restored_with_its_contents(direct_drive: Drive) -> None:
    folder = await direct_drive.files.create_folder(direct_drive.access, ROOT, "dir")
    inner = await direct_drive.files.create_folder(direct_drive.access, folder.id, "inner")
    await direct_drive.upload_file("a", parent=inner.id)
    early = await direct_drive.upload_file("b", parent=inner.id)
    await direct_drive.files.trash_entry(direct_drive.access, early.id)
    await direct_drive.files.trash_entry(direct_drive.access, folder.id)
    assert await direct_drive.list_names() == []
    assert [item.name for item in (await direct_drive.files.list_trash(direct_drive.access)).items] == ["dir", "b"]
    await direct_drive.files.restore_entry(direct_drive.access, folder.id)
    assert await direct_drive.list_names(inner.id) == ["a"]
    assert (await direct_drive.files.restore_entry(direct_drive.access, early.id)).parent == inner.id


async def test_a_file_trashed_with_its_folder_is_restored_only_with_it(direct_drive: Drive) -> None:
    folder = await direct_drive.files.create_folder(direct_drive.access, ROOT, "dir")
    file = await direct_drive.upload_file("a", parent=folder.id)
    await direct_drive.files.trash_entry(direct_drive.access, folder.id)
    with pytest.raises(NotFound):
        await direct_drive.files.restore_entry(direct_drive.access, file.id)
    assert await direct_drive.list_names() == []
    await direct_drive.files.restore_entry(direct_drive.access, folder.id)
    assert await direct_drive.list_names(folder.id) == ["a"]


async def test_a_restore_works_when_the_name_is_taken_and_the_folder_is_trashed(direct_drive: Drive) -> None:
    folder = await direct_drive.files.create_folder(direct_drive.access, ROOT, "dir")
    file = await direct_drive.upload_file("a.txt", parent=folder.id)
    await direct_drive.files.trash_entry(direct_drive.access, file.id)
    await direct_drive.files.trash_entry(direct_drive.access, folder.id)
    await direct_drive.upload_file("a.txt")
    restored = await direct_drive.files.restore_entry(direct_drive.access, file.id)
    assert (restored.name, restored.parent) == ("a (1).txt", ROOT)


async def test_the_trash_has_pages_and_its_own_cursor(direct_drive: Drive) -> None:
    for n in range(5):
        await direct_drive.files.trash_entry(direct_drive.access, (await direct_drive.upload_file(str(n))).id)
    seen: list[str] = []
    cursor = None
    while True:
        page = await direct_drive.files.list_trash(direct_drive.access, 2, cursor)
        seen += [item.name for item in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]
    files = await direct_drive.files.list_trash(direct_drive.access, 2)
    with pytest.raises(InvalidCursor):
        await direct_drive.files.list_files(direct_drive.access, c.Listing(cursor=files.next_cursor))


async def test_a_file_of_another_owner_is_not_found(drive: Drive) -> None:
    file = await drive.upload_file()
    other = new_owner()
    for id in (file.id, FileId(UNKNOWN_ID)):
        for call in (
            drive.files.get_file(Access.personal(other), id),
            drive.files.get_content(Access.personal(other), id),
            drive.files.trash_entry(Access.personal(other), id),
            drive.files.restore_entry(Access.personal(other), id),
            drive.files.update_entry(Access.personal(other), id, c.EntryUpdate("x")),
        ):
            with pytest.raises(NotFound) as caught:
                await call
            assert str(id) in caught.value.detail
    assert await drive.for_owner(other).list_names() == []


async def test_a_dead_letter_is_stored_once(drive: Drive) -> None:
    letter = c.DeadLetter("stream:1", "drivebay.events", "no JSON", b"\xff", 8)
    await drive.files.dead_letter(letter)
    await drive.files.dead_letter(letter)
    assert (await drive.files.get_backlog()).dead_letters == 1


async def test_an_entry_is_found_by_name_in_its_folder(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "f", "k")
    inside, outside = await drive.upload_file("caf\u00e9", parent=folder.id), await drive.upload_file("outside")
    others = await drive.for_owner(new_owner()).upload_file("others")
    gone = await drive.upload_file("gone")
    await drive.files.trash_entry(drive.access, gone.id)

    async def named(name: str, parent: FileId) -> tuple[c.File, ...]:
        page = await drive.files.list_files(drive.access, c.Listing(parent, name=name))
        assert page.next_cursor is None
        return page.items

    assert await named("caf\u00e9", folder.id) == await named("cafe\u0301", folder.id) == (inside,)
    assert await named("outside", ROOT) == (outside,)
    assert [item.id for item in await named("f", ROOT)] == [folder.id]
    for name, parent in (("outside", folder.id), ("gone", ROOT), ("others", ROOT), ("OUTSIDE", ROOT)):
        assert await named(name, parent) == ()
    assert others.name == "others"


async def test_an_invalid_search_by_name_is_refused(drive: Drive) -> None:
    await drive.upload_file("a")
    await drive.upload_file("b")
    cursor = (await drive.files.list_files(drive.access, c.Listing(ROOT, limit=1))).next_cursor
    with pytest.raises(InvalidCursor):
        await drive.files.list_files(drive.access, c.Listing(ROOT, cursor=cursor, name="a"))
    for listing in (c.Listing(None, name="a"), c.Listing(ROOT, name="a/b"), c.Listing(ROOT, name="")):
        with pytest.raises(InvalidRequest) as raised:
            await drive.files.list_files(drive.access, listing)
        assert [error.field for error in raised.value.errors] == ["name"]
    for parent in (UNKNOWN_ID, (await drive.upload_file("c")).id):
        with pytest.raises(NotFound):
            await drive.files.list_files(drive.access, c.Listing(FileId(parent), name="a"))
