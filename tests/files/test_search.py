"""Search over names: what is found, in which order, by which filters, and where it does not look."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access, Grant, Role
from drivebay.contract.ids import ROOT, DriveId, FileId, UserId
from drivebay.errors import Forbidden, InvalidCursor, InvalidRequest, NotFound
from drivebay.files.search.misspellings import contains_misspelt

from .conftest import UNKNOWN_ID, Drive, new_owner, open_drive


async def find(drive: Drive, text: str, **fields: object) -> list[str]:
    """Return the names of all results, over all pages."""
    names, cursor = [], None
    while True:
        search = c.Search(text, cursor=cursor, **fields)  # type: ignore[arg-type]
        page = await drive.files.search_files(drive.access, search)
        names += [found.file.name for found in page.items]
        if page.next_cursor is None:
            return names
        cursor = page.next_cursor


async def make_folders(drive: Drive, *names: str, parent: FileId = ROOT) -> list[FileId]:
    return [(await drive.files.create_folder(drive.access, parent, name)).id for name in names]


async def make_many(drive: Drive, names: Mapping[str, int]) -> None:
    """Insert many files directly: `{i}` in a name is a number from 1 to the count."""
    await drive.files.create_folder(drive.access, ROOT, "first")
    for name, count in names.items():
        await drive.database.execute(
            """
            INSERT INTO files.entries (owner_id, id, parent_id, kind, name)
            SELECT $1, ('01a20000' || lpad(to_hex(i), 8, '0') || substr(md5($3 || i::text), 1, 16))::uuid, $2, 'folder',
                   replace($3::text, '{i}', i::text)
            FROM generate_series(1, $4::int) i""",
            drive.owner,
            ROOT,
            name,
            count,
        )


async def test_prefixes_come_before_substrings_and_these_before_misspellings(drive: Drive) -> None:
    await make_folders(drive, "Annual Report", "reporting", "Reprot", "report", "unrelated", "my-report-2")
    assert await find(drive, "report") == ["report", "reporting", "my-report-2", "Annual Report", "Reprot"]


@pytest.mark.parametrize("text", ["reort", "repoort", "rexort", "reoprt", "eport", "reportt", "xeport", "erport"])
async def test_one_misspelling_is_found(direct_drive: Drive, text: str) -> None:
    await make_folders(direct_drive, "Yearly report 2026.pdf", "holiday.jpg")
    assert await find(direct_drive, text) == ["Yearly report 2026.pdf"]


async def test_two_misspellings_are_not_found(direct_drive: Drive) -> None:
    await make_folders(direct_drive, "report")
    assert await find(direct_drive, "rxpoxt") == []
    assert await find(direct_drive, "rpeotr") == []
    # Half of the text is in the name, so the index finds it. More than one letter is wrong in the other half.
    assert await find(direct_drive, "repxyz") == []


async def test_a_text_of_three_letters_finds_no_misspelling(direct_drive: Drive) -> None:
    await make_folders(direct_drive, "cat")
    assert await find(direct_drive, "cut") == []


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("Résumé.PDF", ["resume", "RÉSUMÉ", "résume.pdf", "sum", "re\u0301sume\u0301"]),
        ("Straße", ["strasse", "STRASSE", "straße"]),
        ("ΑΘΉΝΑ", ["αθηνα", "Αθήνα"]),
        ("Отчёт за год", ["отчет", "ОТЧЁТ", "за г"]),
        ("年度报告书.txt", ["报告", "年度报告", "告"]),
        ("한국어 문서", ["한국", "문서", "국"]),
        ("تَقْرِير", ["تقرير"]),
        ("ｆｕｌｌ width ①", ["full", "1"]),
        ("emoji 🗂️ box", ["🗂"]),
        ("Łódź", ["lodz"]),
        ("İstanbul", ["istanbul"]),
    ],
)
async def test_case_accents_and_scripts_do_not_matter(direct_drive: Drive, name: str, texts: list[str]) -> None:
    await make_folders(direct_drive, name, "another")
    for text in texts:
        assert await find(direct_drive, text) == [name], text


@pytest.mark.parametrize(("text", "found"), [("%", ["100%"]), ("_", ["a_b"]), ("a_b", ["a_b"]), ("\\", ["c\\d"])])
async def test_wildcards_mean_themselves(direct_drive: Drive, text: str, found: list[str]) -> None:
    await make_folders(direct_drive, "100%", "a_b", "axb", "c\\d")
    assert await find(direct_drive, text) == found


@pytest.mark.parametrize("text", ["", "   ", "a\0b", "\ud800", "x" * 256, "y" * 10_000, "\t"])
async def test_a_wrong_text_is_refused(direct_drive: Drive, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await find(direct_drive, text)
    assert caught.value.errors[0].field == "q"


@pytest.mark.parametrize("text", ["\u0301", "\u202e\u202e", "x" * 255, "é" * 255, "a" * 200 + "%_", "a\tb"])
async def test_an_odd_text_finds_nothing(direct_drive: Drive, text: str) -> None:
    await make_folders(direct_drive, "something")
    assert await find(direct_drive, text) == []


async def test_filters(drive: Drive) -> None:
    small = await drive.upload_file("report.txt", b"1")
    await drive.upload_file("report.md", b"12345")
    await make_folders(drive, "reports")
    assert await find(drive, "report", kind=c.Kind.FOLDER) == ["reports"]
    assert await find(drive, "report", kind=c.Kind.FILE, max_size=1) == ["report.txt"]
    assert await find(drive, "report", kind=c.Kind.FILE, min_size=2) == ["report.md"]
    assert await find(drive, "report", media_type="text/plain") == ["report.md", "report.txt"]
    assert await find(drive, "report", media_type="document") == ["report.md", "report.txt"]
    assert await find(drive, "report", media_type="image") == []
    assert await find(drive, "report", modified_after=small.modified_at) == ["report.md", "reports"]
    assert await find(drive, "report", modified_before=small.modified_at) == []
    assert await find(drive, "report", modified_before=datetime.now(UTC) + timedelta(hours=1), max_size=1) == [
        "report.txt",
        "reports",
    ]


async def test_only_with_or_without_a_star(direct_drive: Drive) -> None:
    drive = direct_drive
    starred, _ = await make_folders(drive, "report one", "report two")
    await drive.files.update_entry(drive.access, starred, c.EntryUpdate(starred=True))
    assert await find(drive, "report", starred=True) == ["report one"]
    assert await find(drive, "report", starred=False) == ["report two"]
    assert await find(drive, "report") == ["report one", "report two"]


@pytest.mark.parametrize("fields", [{"media_type": "picture"}, {"media_type": "a/\0"}, {"min_size": -1}, {"limit": 0}])
async def test_a_wrong_filter_is_refused(direct_drive: Drive, fields: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        await find(direct_drive, "a", **fields)


async def test_only_below_a_folder(direct_drive: Drive) -> None:
    drive = direct_drive
    top, _ = await make_folders(drive, "top", "report other")
    (middle,) = await make_folders(drive, "report middle", parent=top)
    (deep,) = await make_folders(drive, "report deep", parent=middle)
    assert await find(drive, "report", below=top) == ["report deep", "report middle"]
    assert await find(drive, "report", below=middle) == ["report deep"]
    assert await find(drive, "report", below=deep) == []
    assert len(await find(drive, "report", below=ROOT)) == 3
    for unknown in (FileId(UNKNOWN_ID), (await drive.upload_file("file")).id):
        with pytest.raises(NotFound):
            await find(drive, "report", below=unknown)


async def test_a_result_has_its_path(direct_drive: Drive) -> None:
    drive = direct_drive
    (top,) = await make_folders(drive, "top")
    (report,) = await make_folders(drive, "Report", parent=top)
    (found,) = (await drive.files.search_files(drive.access, c.Search("report"))).items
    assert (found.path, found.file) == ("/top/Report", await drive.files.get_file(drive.access, report))


async def test_an_access_to_a_folder_finds_only_what_is_below_it(direct_drive: Drive) -> None:
    drive = direct_drive
    secret, other = await make_folders(drive, "secret report", "other")
    (shared,) = await make_folders(drive, "shared", parent=secret)
    (inside,) = await make_folders(drive, "report", parent=shared)
    grants = (Grant(shared, Role.VIEWER), Grant(inside, Role.EDITOR))
    limited = Access(drive.owner, UserId(new_owner()), Role.EDITOR, grants)
    page = await drive.files.search_files(limited, c.Search("report", below=shared))
    assert [(found.file.id, found.path) for found in page.items] == [(inside, "/shared/report")]
    assert page.items[0].file.parent == shared
    assert (await drive.files.search_files(limited, c.Search("report", below=inside))).items == ()
    for outside in (secret, other, ROOT):
        with pytest.raises(NotFound):
            await drive.files.search_files(limited, c.Search("report", below=outside))
    with pytest.raises(Forbidden):
        await drive.files.search_files(limited, c.Search("report"))


async def test_the_trash_and_other_drives_are_not_searched(drive: Drive) -> None:
    stranger = drive.for_owner(new_owner())
    _, trashed = await make_folders(drive, "report kept", "report gone")
    await make_folders(drive, "report inside", parent=trashed)
    await make_folders(stranger, "report theirs")
    await drive.files.trash_entry(drive.access, trashed)
    assert await find(drive, "report") == ["report kept"]
    await drive.files.restore_entry(drive.access, trashed)
    assert await find(drive, "report") == ["report gone", "report inside", "report kept"]
    assert await find(stranger, "report") == ["report theirs"]


async def test_a_drive_with_the_same_ids_changes_nothing(direct_drive: Drive) -> None:
    drive = direct_drive
    top, other = await make_folders(drive, "top", "other")
    await make_folders(drive, "report", "my report", "reprot", parent=other)
    await make_folders(drive, "report", parent=top)

    async def results() -> list[list[tuple[str, str]]]:
        searches = (c.Search("report"), c.Search("report", below=top), c.Search("t"), c.Search("other"))
        pages = [await drive.files.search_files(drive.access, search) for search in searches]
        return [[(found.file.name, found.path) for found in page.items] for page in pages]

    before = await results()
    await drive.database.execute(
        """
        INSERT INTO files.entries (owner_id, id, parent_id, kind, name)
        SELECT $1, id, CASE WHEN id = $2 THEN $3 ELSE parent_id END, kind, name || ' reporting' FROM files.entries""",
        twin := new_owner(),
        other,
        top,
    )
    assert await results() == before
    await drive.database.execute("DELETE FROM files.entries WHERE owner_id = $1", twin)


async def test_a_new_name_is_found_and_the_old_one_is_not(drive: Drive) -> None:
    file = await drive.upload_file("before.txt")
    await drive.files.update_entry(drive.access, file.id, c.EntryUpdate("after.txt"))
    assert await find(drive, "after") == ["after.txt"]
    assert await find(drive, "before") == []


async def test_a_purged_entry_leaves_no_name(direct_drive: Drive) -> None:
    drive = direct_drive
    (folder,) = await make_folders(drive, "gone")
    await drive.files.trash_entry(drive.access, folder)
    await drive.files.empty_trash(drive.access)
    await drive.run_purges()
    assert await drive.database.fetchval("SELECT count(*) FROM files.search_names") == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_pages_have_every_result_once(direct_drive: Drive, limit: int) -> None:
    await make_folders(direct_drive, "report", "report 2", "a report", "b report", "c reprot", "d reprot")
    expected = ["report", "report 2", "b report", "a report", "d reprot", "c reprot"]
    assert await find(direct_drive, "report", limit=limit) == expected


async def test_the_last_page_has_no_cursor(direct_drive: Drive) -> None:
    await make_folders(direct_drive, "report", "report 2")
    page = await direct_drive.files.search_files(direct_drive.access, c.Search("report", limit=2))
    assert len(page.items) == 2
    assert page.next_cursor is None


async def test_a_cursor_belongs_to_one_search_of_one_drive(direct_drive: Drive) -> None:
    drive = direct_drive
    await make_folders(drive, "report", "report 2")
    cursor = (await drive.files.search_files(drive.access, c.Search("report", limit=1))).next_cursor
    assert cursor is not None
    for text, fields in (("reports", {}), ("report", {"kind": c.Kind.FILE}), ("report", {"min_size": 0})):
        with pytest.raises(InvalidCursor):
            await drive.files.search_files(drive.access, c.Search(text, cursor=cursor, **fields))  # type: ignore[arg-type]
    with pytest.raises(InvalidCursor):
        await drive.files.search_files(Access.personal(new_owner()), c.Search("report", cursor=cursor))
    with pytest.raises(InvalidCursor):
        await drive.files.search_files(drive.access, c.Search("report", cursor=cursor[:-2] + "AA"))


@pytest.fixture
async def new_connections(database_url: str) -> AsyncIterator[Drive]:
    """A drive whose connections have no plans yet. The plans of other tests are made for small tables."""
    async with open_drive(database_url, "direct") as drive:
        yield drive


async def test_many_names(new_connections: Drive) -> None:
    """More names than one scan reads: old matches come from the indexes."""
    drive = new_connections
    await make_many(drive, {"old report {i}": 3, "filler {i}": 9000})
    assert sorted(await find(drive, "report")) == ["old report 1", "old report 2", "old report 3"]
    assert sorted(await find(drive, "reprot")) == ["old report 1", "old report 2", "old report 3"]
    assert len(await find(drive, "filler", limit=1000)) == 9000
    assert len(await find(drive, "iller", limit=1000)) == 9000
    assert len(await find(drive, "fillre", limit=1000)) == 9000
    assert len(await find(drive, "f", limit=1000)) == 9001
    assert len(await find(drive, "o", limit=1000)) == 3
    assert (await find(drive, "filler 8999"))[0] == "filler 8999"


async def test_names_from_before_an_upgrade_are_added_in_batches(direct_drive: Drive) -> None:
    drive, other = direct_drive, direct_drive.for_owner(DriveId(uuid7()))
    await make_folders(drive, "report 1", "report 2", "report 3")
    await make_folders(other, "report")
    await drive.database.execute("DELETE FROM files.search_names")
    await drive.database.execute("INSERT INTO files.search_backlog (owner_id) SELECT owner_id FROM files.usage")
    assert await find(drive, "report") == []
    batches = []
    while (added := await drive.files.index_names(2)) > 0:
        batches.append(added)
    assert sorted(batches) == [1, 1, 2]
    assert await find(drive, "report") == ["report 1", "report 2", "report 3"]
    assert await find(other, "report") == ["report"]
    with pytest.raises(InvalidRequest):
        await drive.files.index_names(0)


async def test_a_long_text_finds_no_misspelling(direct_drive: Drive) -> None:
    await make_folders(direct_drive, "a" * 32 + "b", "c" * 31 + "d")
    assert await find(direct_drive, "c" * 31 + "x") == ["c" * 31 + "d"]
    assert await find(direct_drive, "a" * 32 + "x") == []


def test_misspellings_by_hand() -> None:
    assert contains_misspelt("abcd", "abcd")
    assert contains_misspelt("xabzdx", "abcd")
    assert not contains_misspelt("xazzdx", "abcd")
    assert not contains_misspelt("", "abcd")
    assert not contains_misspelt("ab", "abcd")
