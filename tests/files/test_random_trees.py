"""Random trees that are trashed, restored, moved and purged, compared with a model.

The model knows of each entry its folder, and whether it was trashed itself. An entry is outside the trash if neither it
nor a folder above it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId, LeaseId
from drivebay.errors import NotFound, WouldCycle

from .conftest import SETTINGS, Drive, new_owner
from .state_machine import DriveMachine, run_machine

NAMES = st.sampled_from(["a", "b"])
NUMBERS = st.integers(0, 20)


@dataclass
class Expected:
    """What the model expects of an entry. `trashed`: itself. `gone`: purged, or due for it."""

    kind: c.Kind
    parent: FileId
    trashed: bool = False
    gone: bool = False


class Machine(DriveMachine):
    @initialize()
    def create_user(self) -> None:
        self.drive: Drive = self.loop.drive.for_owner(new_owner())
        self.all: dict[FileId, Expected] = {}
        self.pending: list[tuple[c.Upload, FileId]] = []

    # -- the model

    def chain(self, id: FileId) -> list[Expected]:
        chain = []
        while id != ROOT:
            chain.append(self.all[id])
            id = self.all[id].parent
        return chain

    def is_live(self, id: FileId) -> bool:
        return not any(entry.trashed or entry.gone for entry in self.chain(id))

    def pick(self, number: int) -> FileId:
        ids = list(self.all)
        return ids[number % len(ids)] if ids else FileId(new_owner())

    def pick_folder(self, number: int) -> FileId:
        """Return a folder, in the trash or not, or the root."""
        folders = [ROOT, *(id for id, entry in self.all.items() if entry.kind is c.Kind.FOLDER)]
        return folders[number % len(folders)]

    def below(self, head: FileId) -> list[FileId]:
        """Return the entries that a trashed one takes along: those below it that were not trashed before."""
        taken = [head]
        for id in taken:
            taken += [child for child, entry in self.all.items() if entry.parent == id and not entry.trashed]
        return taken

    # -- operations

    @rule(parent=NUMBERS, name=NAMES)
    def create_folder(self, parent: int, name: str) -> None:
        folder = self.pick_folder(parent)
        taken = f"{name} {len(self.all)}"
        try:
            created = self.run(self.drive.files.create_folder(self.drive.access, folder, taken))
        except NotFound:
            assert not self.is_live(folder)
        else:
            assert self.is_live(folder)
            self.all[created.id] = Expected(c.Kind.FOLDER, folder)

    @rule(parent=NUMBERS, name=NAMES)
    def begin(self, parent: int, name: str) -> None:
        folder = self.pick_folder(parent)
        try:
            upload = self.run(self.drive.begin(name, b"x", folder))
        except NotFound:
            assert not self.is_live(folder)
        else:
            assert self.is_live(folder)
            self.pending.append((upload, folder))

    @rule(number=NUMBERS)
    def complete(self, number: int) -> None:
        """The folder of the upload may have been trashed or purged since."""
        if not self.pending:
            return
        upload, folder = self.pending.pop(number % len(self.pending))
        self.drive.bucket.put(upload.key, b"x")
        done = self.run(self.drive.files.complete_upload(self.drive.access, upload.id))
        assert done.file is not None
        hiding = next((entry for entry in self.chain(folder) if entry.trashed or entry.gone), None)
        self.all[done.file] = Expected(c.Kind.FILE, ROOT if hiding is not None and hiding.gone else folder)

    @rule(number=NUMBERS, into=NUMBERS)
    def move(self, number: int, into: int) -> None:
        id, folder = self.pick(number), self.pick_folder(into)
        update = c.EntryUpdate(parent=folder, on_conflict=c.OnConflict.RENAME)
        try:
            moved = self.run(self.drive.files.update_entry(self.drive.access, id, update))
        except NotFound:
            assert id not in self.all or not self.is_live(id) or not self.is_live(folder)
        except WouldCycle:
            assert self.all[id] in self.chain(folder)
        else:
            assert self.is_live(id)
            assert self.is_live(folder)
            assert moved.parent == folder
            self.all[id].parent = folder

    @rule(number=NUMBERS)
    def trash(self, number: int) -> None:
        id = self.pick(number)
        try:
            self.run(self.drive.files.trash_entry(self.drive.access, id))
        except NotFound:
            assert id not in self.all or not self.is_live(id)
        else:
            assert self.is_live(id)
            self.all[id].trashed = True

    @rule(number=NUMBERS)
    def restore(self, number: int) -> None:
        id = self.pick(number)
        try:
            restored = self.run(self.drive.files.restore_entry(self.drive.access, id))
        except NotFound:
            assert id not in self.all or not self.all[id].trashed or self.all[id].gone
        else:
            entry = self.all[id]
            assert entry.trashed
            assert not entry.gone
            entry.trashed = False
            entry.parent = entry.parent if self.is_live(entry.parent) else ROOT
            assert restored.parent == entry.parent

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        id = self.pick(number)
        try:
            self.run(self.drive.files.delete_trashed(self.drive.access, id))
        except NotFound:
            assert id not in self.all or not self.all[id].trashed or self.all[id].gone
        else:
            for taken in self.below(id):
                self.all[taken].gone = True

    @rule(limit=st.integers(1, 4))
    def purge_a_step(self, limit: int) -> None:
        """A janitor that dies after its claim."""
        self.run(self.drive.files.claim_purges(LeaseId(new_owner()), limit))

    # -- what must hold

    @invariant()
    def listings_show_what_is_outside_the_trash(self) -> None:
        if not hasattr(self, "all"):
            return
        files = self.run(self.list_ids(None))
        live = {id for id in self.all if self.is_live(id)}
        assert files == {id for id in live if self.all[id].kind is c.Kind.FILE}
        for folder in (ROOT, *(id for id in live if self.all[id].kind is c.Kind.FOLDER)):
            assert self.run(self.list_ids(folder)) == {id for id in live if self.all[id].parent == folder}
        usage = self.run(self.drive.files.get_usage(self.drive.access))
        assert usage.file_count == len(files)
        trash = {item.id for item in self.run(self.drive.files.list_trash(self.drive.access, 1000)).items}
        assert trash == {id for id, entry in self.all.items() if entry.trashed and not entry.gone}

    async def list_ids(self, parent: FileId | None) -> set[FileId]:
        page = await self.drive.files.list_files(self.drive.access, c.Listing(parent, limit=1000))
        return {item.id for item in page.items}

    def teardown(self) -> None:
        if hasattr(self, "all"):
            self.run(self.drive.advance_time(SETTINGS.lease * 2, "purges"))
            for _ in range(20):
                self.run(self.drive.run_purges())
            assert self.run(self.drive.files.check_invariants()) == ()
            left = self.run(
                self.drive.database.fetch("SELECT id FROM files.entries WHERE owner_id = $1", self.drive.owner)
            )
            assert {row["id"] for row in left} == {id for id, entry in self.all.items() if not entry.gone}


@pytest.mark.slow
def test_random_trees_are_as_the_model_expects(database_url: str) -> None:
    run_machine(Machine, database_url, examples=60, steps=40)
