"""Folders, names, the trash, listings: nothing of another owner, nothing twice, nothing lost."""

import itertools

import pytest

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId
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


async def test_what_went_along_with_its_folder_comes_back_only_with_it(plain: Drive) -> None:
    folder = await plain.files.create_folder(plain.owner, ROOT, "dir")
    file = await plain.store("a", parent=folder.id)
    await plain.files.trash(plain.owner, folder.id)
    with pytest.raises(NotFound):
        await plain.files.restore(plain.owner, file.id)
    assert await plain.names() == []
    await plain.files.restore(plain.owner, folder.id)
    assert await plain.names(folder.id) == ["a"]


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


async def test_a_dead_letter_is_kept_once(drive: Drive) -> None:
    letter = c.DeadLetter("stream:1", "drivebay.events", "no JSON", b"\xff", 8)
    await drive.files.bury(letter)
    await drive.files.bury(letter)
    assert (await drive.files.queues()).dead_letters == 1


async def test_a_name_is_looked_up_in_its_folder(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.owner, ROOT, "f", "k")
    inside, outside = await drive.store("caf\u00e9", parent=folder.id), await drive.store("outside")
    theirs = await drive.of(stranger()).store("theirs")
    gone = await drive.store("gone")
    await drive.files.trash(drive.owner, gone.id)

    async def named(name: str, parent: FileId) -> tuple[c.File, ...]:
        page = await drive.files.list_files(drive.owner, c.Listing(parent, name=name))
        assert page.next_cursor is None
        return page.items

    assert await named("caf\u00e9", folder.id) == await named("cafe\u0301", folder.id) == (inside,)
    assert await named("outside", ROOT) == (outside,)
    assert [item.id for item in await named("f", ROOT)] == [folder.id]
    for name, parent in (("outside", folder.id), ("gone", ROOT), ("theirs", ROOT), ("OUTSIDE", ROOT)):
        assert await named(name, parent) == ()
    assert theirs.name == "theirs"


async def test_a_look_up_by_name_that_makes_no_sense_is_refused(drive: Drive) -> None:
    await drive.store("a")
    await drive.store("b")
    cursor = (await drive.files.list_files(drive.owner, c.Listing(ROOT, limit=1))).next_cursor
    with pytest.raises(InvalidCursor):
        await drive.files.list_files(drive.owner, c.Listing(ROOT, cursor=cursor, name="a"))
    for listing in (c.Listing(None, name="a"), c.Listing(ROOT, name="a/b"), c.Listing(ROOT, name="")):
        with pytest.raises(InvalidRequest) as raised:
            await drive.files.list_files(drive.owner, listing)
        assert [error.field for error in raised.value.errors] == ["name"]
    for parent in (UNKNOWN, (await drive.store("c")).id):
        with pytest.raises(NotFound):
            await drive.files.list_files(drive.owner, c.Listing(FileId(parent), name="a"))
