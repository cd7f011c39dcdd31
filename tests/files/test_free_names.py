"""Free names: the number that a new entry gets if its name is taken."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from uuid import UUID

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId
from drivebay.errors import NameTaken
from drivebay.files.entries.free_names import Location, find_free_name, find_next_free_name
from drivebay.files.entries.store import EntryStore
from drivebay.files.file_names import numbered_names
from drivebay.postgres import Connection

from .conftest import Drive, new_owner


@dataclass
class CountingConnection:
    """Counts the queries of a transaction."""

    tx: Connection
    queries: int = field(default=0)

    async def fetch(self, *arguments: object) -> object:
        self.queries += 1
        return await self.tx.fetch(*arguments)  # type: ignore[arg-type]

    async def fetchval(self, *arguments: object) -> object:
        self.queries += 1
        return await self.tx.fetchval(*arguments)  # type: ignore[arg-type]


async def insert_folders(drive: Drive, names: list[str], parent: FileId = ROOT) -> None:
    await drive.begin("another name")  # Inserts the usage row, which counts the entries.
    await drive.database.execute(
        "INSERT INTO files.entries (owner_id, id, parent_id, kind, name)"
        " SELECT $1, gen_random_uuid(), $2, 'folder', name FROM unnest($3::text[]) name",
        drive.owner,
        parent,
        names,
    )


async def take_names(drive: Drive, name: str, count: int) -> None:
    """Insert folders with a name and the first numbered names of it."""
    await insert_folders(drive, [name, *islice(numbered_names(name), count - 1)])


async def find(drive: Drive, name: str, parent: FileId = ROOT) -> tuple[str, int]:
    """Return the free name, and the number of queries."""
    async with drive.database.transaction() as tx:
        counting = CountingConnection(tx)
        found = await find_free_name(EntryStore(), counting, Location(drive.owner, parent, name))  # type: ignore[arg-type]
        return found, counting.queries


async def test_a_free_name_among_thousands_is_found_with_two_queries(direct_drive: Drive) -> None:
    await take_names(direct_drive, "image.jpg", 3001)
    assert await find(direct_drive, "image.jpg") == ("image (3001).jpg", 2)


@pytest.mark.parametrize("name", ["a", "a.txt", ".profile", "é" * 127, "x" * 255, "a." + "x" * 253, "y" * 249 + ".jpg"])
async def test_the_first_missing_number_is_taken(direct_drive: Drive, name: str) -> None:
    """Long names are shortened more for 10 and for 100."""
    numbered = list(islice(numbered_names(name), 120))
    await insert_folders(direct_drive, [name, *numbered[:4], *numbered[5:9], *numbered[10:99], *numbered[100:]])
    for missing in (numbered[4], numbered[9], numbered[99]):
        assert (await find(direct_drive, name))[0] == missing
        await insert_folders(direct_drive, [missing])
    assert (await find(direct_drive, name))[0] == next(numbered_names(name, 121))


async def test_similar_names_take_no_number(direct_drive: Drive) -> None:
    similar = ["(1)", "(01)", "( 1)", "(1)x", "(1.5)", "(-1)", "(1", "(99999999999999)", "(\u0661)", "(2)", "(4)"]
    await insert_folders(direct_drive, ["a.txt", *(f"a {each}.txt" for each in similar[1:]), "a (1).text", "b (1).txt"])
    assert (await find(direct_drive, "a.txt"))[0] == "a (1).txt"
    await insert_folders(direct_drive, ["a (1).txt"])
    assert (await find(direct_drive, "a.txt"))[0] == "a (3).txt"
    await insert_folders(direct_drive, ["100%_.txt", "100%_ (1).txt", "100x_ (2).txt"])
    assert (await find(direct_drive, "100%_.txt"))[0] == "100%_ (2).txt"


async def test_an_entry_whose_affixes_overlap_is_no_number(direct_drive: Drive) -> None:
    await insert_folders(direct_drive, ["x).foo.foo (1", "x).foo (1"])
    assert await find(direct_drive, "x).foo.foo (1") == ("x).foo (1).foo (1", 2)


async def test_names_of_other_drives_folders_and_of_the_trash_are_free(direct_drive: Drive) -> None:
    drive = direct_drive
    other = drive.for_owner(new_owner())
    folder = (await drive.files.create_folder(drive.access, ROOT, "folder")).id
    await insert_folders(drive, ["a"])
    await insert_folders(drive, ["a (1)"], folder)
    await insert_folders(other, ["a", "a (1)"])
    await other.begin("a (1) (1)")
    trashed = await drive.files.create_folder(drive.access, ROOT, "a (1)")
    await drive.files.trash_entry(drive.access, trashed.id)
    assert (await find(drive, "a"))[0] == "a (1)"
    await other.begin("b")
    await other.begin("b (1)")
    await drive.begin("b")
    assert (await drive.begin("b")).name == "b (1)"
    for name in ("a", "b"):
        with pytest.raises(NameTaken):
            await drive.begin(name, on_conflict=c.OnConflict.FAIL)
    assert (await drive.begin("a (1)", on_conflict=c.OnConflict.FAIL)).name == "a (1)"


async def test_a_pending_upload_holds_its_number_until_it_ends(direct_drive: Drive) -> None:
    drive = direct_drive
    uploads = [await drive.begin("a") for _ in range(4)]
    assert [upload.name for upload in uploads] == ["a", "a (1)", "a (2)", "a (3)"]
    await drive.begin("a (4)", on_conflict=c.OnConflict.REPLACE)  # replaces, and so takes no name
    await drive.files.abort_upload(drive.access, uploads[2].id)
    assert [(await drive.begin("a")).name for _ in range(2)] == ["a (2)", "a (4)"]


async def test_names_in_a_trashed_folder_are_those_that_come_back_with_it(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = (await drive.files.create_folder(drive.access, ROOT, "folder")).id
    await drive.begin("a (4)", parent=folder)
    await drive.files.trash_entry(drive.access, folder)
    await insert_folders(drive, ["a (3)"], folder)  # hidden by the folder

    async def insert_trashed(of: Drive, trashed_with: UUID, *names: str) -> None:
        await of.database.execute(
            "INSERT INTO files.entries (owner_id, id, parent_id, kind, name, trashed_at, purge_after, trashed_with)"
            " SELECT $1, gen_random_uuid(), $2, 'folder', name, now(), now() + interval '1 day', $3"
            " FROM unnest($4::text[]) name",
            of.owner,
            folder,
            trashed_with,
            list(names),
        )

    await insert_trashed(drive, folder, "a", "a (1)")
    await insert_trashed(drive, uuid7(), "a (2)")  # trashed before the folder
    other = drive.for_owner(new_owner())
    await insert_folders(other, ["a (2)"], folder)
    await insert_trashed(other, folder, "a (2)", "b")
    await other.begin("a (2)")
    location = Location(drive.owner, folder, "a", trashed_with=folder)
    found = []
    for _ in range(2):
        async with drive.database.transaction() as tx:
            found.append(await find_free_name(EntryStore(), tx, location))
        await insert_trashed(drive, folder, found[-1])
    assert found == ["a (2)", "a (5)"]
    async with drive.database.transaction() as tx:
        assert await find_free_name(EntryStore(), tx, msgspec.structs.replace(location, name="b")) == "b"
    # Not all of these rows belong to what a drive may contain, and the invariants are checked after each test.
    await drive.database.execute("DELETE FROM files.entries WHERE parent_id = $1", folder)


async def test_a_late_file_does_not_take_the_name_of_a_pending_upload_in_the_trash(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = (await drive.files.create_folder(drive.access, ROOT, "folder")).id
    late = await drive.begin("a.txt", b"late!", folder)
    await drive.advance_time(timedelta(minutes=16), "uploads")
    await drive.files.commit_uploads((c.UploadRef(drive.owner, late.id),))
    assert (await drive.begin("a.txt", b"pending", folder)).name == "a.txt"
    await drive.files.trash_entry(drive.access, folder)
    drive.bucket.put(late.key, b"late!")
    await drive.files.commit_uploads((c.UploadRef(drive.owner, late.id),))
    await drive.files.restore_entry(drive.access, folder)
    assert await drive.list_names(folder) == ["a (1).txt"]


async def test_an_entry_keeps_its_own_number(direct_drive: Drive) -> None:
    drive = direct_drive
    await insert_folders(drive, ["a", "a (1)", "a (3)"])
    entry = await drive.files.create_folder(drive.access, ROOT, "a (2)")
    update = c.EntryUpdate("a", on_conflict=c.OnConflict.RENAME)
    assert (await drive.files.update_entry(drive.access, entry.id, update)).name == "a (2)"
    async with drive.database.transaction() as tx:
        for name in ("a", "a (3)"):
            location = Location(drive.owner, ROOT, name)
            assert await find_free_name(EntryStore(), tx, location, own_name=name) == name


async def test_free_names_of_one_transaction_are_searched_once(direct_drive: Drive) -> None:
    await take_names(direct_drive, "a", 3001)
    location = Location(direct_drive.owner, ROOT, "a")
    numbers: dict[Location, int] = {}
    found = []
    async with direct_drive.database.transaction() as tx:
        for _ in range(3):
            found.append(await find_next_free_name(EntryStore(), tx, location, numbers))
            await tx.execute(
                "INSERT INTO files.entries (owner_id, id, parent_id, kind, name) VALUES ($1, $2, $3, 'folder', $4)",
                direct_drive.owner,
                uuid7(),
                ROOT,
                found[-1],
            )
        assert numbers == {location: 3003}
        # Names with lower numbers are not searched again. No name becomes free during a transaction.
        await tx.execute("DELETE FROM files.entries WHERE owner_id = $1 AND name = 'a (7)'", direct_drive.owner)
        assert await find_next_free_name(EntryStore(), tx, location, dict(numbers)) == "a (3004)"
        # Another name is searched from its own beginning. A name that was found and not used is found again.
        other = msgspec.structs.replace(location, name="b")
        found += [await find_next_free_name(EntryStore(), tx, other, numbers) for _ in range(2)]
    assert found == ["a (3001)", "a (3002)", "a (3003)", "b", "b"]


async def test_a_batch_of_one_name_continues_its_numbers(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.files.create_folder(drive.access, ROOT, "a (2)")
    intents = [
        c.UploadIntent("a", 0, "text/plain", ROOT, on_conflict)
        for on_conflict in (c.OnConflict.RENAME, c.OnConflict.FAIL, c.OnConflict.RENAME, c.OnConflict.RENAME)
    ]
    results = await drive.files.begin_uploads(drive.access, tuple(intents))
    assert [result.upload and result.upload.name for result in results] == ["a", None, "a (1)", "a (3)"]
