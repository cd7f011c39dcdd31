"""Each statement keeps owners apart by itself, and does not rely on ids that never meet.

Here they do meet: a twin is another owner whose rows have the very same ids. Whatever is done for the one
leaves the other's rows as they were, and comes out as if the other were not there.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from dataclasses import replace as altered
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, LeaseId, UploadId, UserId
from drivebay.errors import NotFound

from .conftest import SETTINGS, Drive, open_drive, stranger

SHALLOW = altered(SETTINGS, max_depth=10)
TABLES = ("usage", "uploads", "entries", "versions", "purges", "changes", "idempotency")


@dataclass
class Home:
    """An owner with something of everything, and its twin."""

    drive: Drive
    twin: UserId
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
    def owner(self) -> UserId:
        return self.drive.owner

    @property
    def ref(self) -> c.UploadRef:
        return c.UploadRef(self.owner, self.pending.id)

    async def rows(self, owner: UserId) -> dict[str, object]:
        """All that is written of an owner, but for who it is."""
        return {
            table: json.loads(
                await self.drive.database.fetchval(
                    "SELECT coalesce(jsonb_agg(to_jsonb(r) - 'owner_id' ORDER BY to_jsonb(r)::text), '[]')::text "
                    f"FROM files.{table} r WHERE owner_id = $1",
                    owner,
                )
            )
            for table in TABLES
        }

    async def of_twin(self, change: str, *values: object) -> None:
        """Change rows of the twin: `UPDATE files.<change> AND owner_id = <twin>`."""
        await self.drive.database.execute(
            f"UPDATE files.{change} AND owner_id = ${len(values) + 1}", *values, self.twin
        )


async def furnished(drive: Drive) -> Home:
    folder = await drive.files.create_folder(drive.owner, ROOT, "dir", "k")
    deep = folder
    for n in range(7):
        deep = await drive.files.create_folder(drive.owner, deep.id, str(n))
    empty = await drive.files.create_folder(drive.owner, ROOT, "empty")
    file = await drive.store("a.txt", b"one")
    await drive.store("in.txt", b"in", parent=folder.id)
    trashed = await drive.store("t.txt", b"gone")
    await drive.files.trash(drive.owner, trashed.id)
    pending = await drive.begin("p.txt", b"pending", key="upload")
    home = Home(drive, stranger(), folder, deep, empty, file, trashed, pending)
    for table in TABLES:
        await drive.database.execute(
            f"INSERT INTO files.{table} SELECT (jsonb_populate_record(NULL::files.{table}, to_jsonb(r) || "
            f"jsonb_build_object('owner_id', $2::uuid))).* FROM files.{table} r WHERE owner_id = $1",
            drive.owner,
            home.twin,
        )
    for key, (_, body) in tuple(drive.bucket.objects.items()):
        drive.bucket.put(key.replace(str(drive.owner), str(home.twin)), body)
    return home


# -- what is done: each leaves the twin's rows alone, and is not misled by them ----------------------------


async def begin(home: Home) -> AsyncIterator[None]:
    yield
    await home.files.trash(home.owner, home.file.id)
    assert (await home.drive.begin("a.txt")).name == "a.txt"


async def begin_in_a_folder_that_only_the_twin_has(home: Home) -> AsyncIterator[None]:
    yield
    await home.files.trash(home.owner, home.folder.id)
    with pytest.raises(NotFound):
        await home.drive.begin("new.txt", parent=home.folder.id)


async def begin_with_a_promise(home: Home) -> AsyncIterator[None]:
    yield
    await home.files.trash(home.owner, home.file.id)
    await home.files.abort(home.owner, home.pending.id)
    for name in ("a.txt", "p.txt"):
        await home.drive.begin(name, on_conflict=c.OnConflict.FAIL)


async def begin_with_a_key_of_the_twin(home: Home) -> AsyncIterator[None]:
    yield
    await home.drive.database.execute("DELETE FROM files.idempotency WHERE owner_id = $1", home.owner)
    assert (await home.drive.begin("other.txt", key="upload")).name == "other.txt"


async def complete(home: Home) -> AsyncIterator[None]:
    home.drive.bucket.put(home.pending.key, b"pending")
    home.drive.bucket.put(f"{home.twin}/{home.pending.id}", b"pending")
    yield
    assert await home.files.commit((home.ref,)) == (c.Outcome.COMPLETED,)


async def replace(home: Home) -> AsyncIterator[None]:
    yield
    replaced = await home.drive.store("a.txt", b"two", on_conflict=c.OnConflict.REPLACE)
    assert replaced.id == home.file.id


async def replace_what_only_the_twin_has(home: Home) -> AsyncIterator[None]:
    await home.of_twin("entries SET name = 'x.txt' WHERE id = $1", home.file.id)
    yield
    assert (await home.drive.store("x.txt", on_conflict=c.OnConflict.REPLACE)).id != home.file.id


async def abort(home: Home) -> AsyncIterator[None]:
    yield
    await home.files.abort(home.owner, home.pending.id)


async def reject(home: Home) -> AsyncIterator[None]:
    yield
    home.drive.bucket.put(home.pending.key, b"others")
    assert await home.files.commit((home.ref,)) == (c.Outcome.REJECTED,)


async def expire(home: Home) -> AsyncIterator[None]:
    await home.drive.pass_time(timedelta(minutes=16), "uploads")
    yield
    assert await home.files.commit((home.ref,)) == (c.Outcome.EXPIRED,)


async def claim_checks(home: Home) -> AsyncIterator[None]:
    yield
    await home.drive.database.execute("UPDATE files.uploads SET next_check_at = now() WHERE owner_id = $1", home.owner)
    assert await home.files.claim_checks(10, overdue=False) == (home.ref,)


async def make_a_folder_far_down(home: Home) -> AsyncIterator[None]:
    yield
    assert (await home.files.create_folder(home.owner, home.deep.id, "bottom")).parent == home.deep.id


async def rename(home: Home) -> AsyncIterator[None]:
    yield
    assert (await home.files.change(home.owner, home.file.id, c.Change("b.txt"))).name == "b.txt"


async def move_a_folder_that_is_high_at_the_twin(home: Home) -> AsyncIterator[None]:
    await home.of_twin("entries SET parent_id = $2 WHERE id = $1", home.folder.id, home.empty.id)
    yield
    await home.files.change(home.owner, home.empty.id, c.Change(parent=home.deep.id))


async def trash_a_folder_that_holds_more_at_the_twin(home: Home) -> AsyncIterator[None]:
    await home.of_twin("entries SET parent_id = $2 WHERE id = $1", home.file.id, home.folder.id)
    yield
    await home.files.trash(home.owner, home.folder.id)
    assert await home.drive.names() == ["a.txt"]


async def restore(home: Home) -> AsyncIterator[None]:
    yield
    assert (await home.files.restore(home.owner, home.trashed.id)).name == "t.txt"


async def purge(home: Home) -> AsyncIterator[None]:
    await home.drive.pass_time(SETTINGS.trash_grace, "entries")
    await home.of_twin("entries SET purge_after = purge_after + $1::interval WHERE true", SETTINGS.trash_grace)
    yield
    assert await home.drive.purge() == 1
    with pytest.raises(NotFound):
        await home.files.restore(home.owner, home.trashed.id)
    await home.drive.pass_time(SETTINGS.tombstone, "purges")
    assert await home.drive.purge() == 1


async def finish_one_purge_of_a_batch(home: Home) -> AsyncIterator[None]:
    await home.drive.pass_time(SETTINGS.trash_grace, "entries")
    lease = LeaseId(uuid7())
    (mine,) = (claim for claim in await home.files.claim_purges(lease, 10) if claim.ref.owner == home.owner)
    yield
    assert await home.files.finish_purges(lease, (mine.ref,)) == 1
    del home.drive.bucket.objects[mine.key]


async def find_an_object_missing(home: Home) -> AsyncIterator[None]:
    yield
    key = (await home.files.content(home.owner, home.file.id)).key
    kept = home.drive.bucket.objects.pop(key)
    assert len(await home.files.check()) == 1
    home.drive.bucket.objects[key] = kept


STEPS: tuple[Callable[[Home], AsyncIterator[None]], ...] = (
    begin,
    begin_in_a_folder_that_only_the_twin_has,
    begin_with_a_promise,
    begin_with_a_key_of_the_twin,
    complete,
    replace,
    replace_what_only_the_twin_has,
    abort,
    reject,
    expire,
    claim_checks,
    make_a_folder_far_down,
    rename,
    move_a_folder_that_is_high_at_the_twin,
    trash_a_folder_that_holds_more_at_the_twin,
    restore,
    purge,
    finish_one_purge_of_a_batch,
    find_an_object_missing,
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
async def test_what_one_owner_does_is_not_about_its_twin(
    step: Callable[[Home], AsyncIterator[None]], database_url: str
) -> None:
    async with open_drive(database_url, "direct", SHALLOW) as drive:
        home = await furnished(drive)
        doing = step(home)
        await anext(doing)  # arranges what it needs
        before = await home.rows(home.twin)
        await anext(doing, None)
        assert await home.rows(home.twin) == before


async def test_a_list_holds_nothing_of_a_twin(plain: Drive) -> None:
    home = await furnished(plain)
    for listing in (c.Listing(), c.Listing(ROOT), c.Listing(ROOT, c.Sort.NAME), c.Listing(sort=c.Sort.NAME)):
        page = await home.files.list_files(home.owner, listing)
        assert len({item.id for item in page.items}) == len(page.items) > 0
    assert len((await home.files.list_trash(home.owner)).items) == 1


async def test_an_owner_without_rows_is_given_nobody_elses(plain: Drive) -> None:
    home = await furnished(plain)
    nobody = plain.of(stranger())
    assert await nobody.names() == await nobody.names(ROOT) == []
    assert (await nobody.files.list_trash(nobody.owner)).items == ()
    assert await nobody.files.usage(nobody.owner) == c.Usage(0, 0, SHALLOW.quota, 0)
    ids = (home.pending.id, home.file.id)
    assert await nobody.files.known(tuple(c.UploadRef(nobody.owner, UploadId(id)) for id in ids)) == (False, False)
