"""Free names: the name that a new entry gets if its intended name is taken."""

from __future__ import annotations

from uuid import UUID

import msgspec

from ...contract.ids import DriveId, FileId
from ...postgres import Connection
from ..file_names import numbered_form
from .store import EntryStore, IgnoredNames

NO_UPLOAD = UUID(int=0)
"""An id that no upload has. With this id as `except_upload`, the names of all pending uploads are taken."""


class Location(msgspec.Struct, frozen=True):
    """A name in a folder of an owner.

    If the folder is in the trash, `trashed_with` is the entry with which the folder was trashed.
    """

    owner: DriveId
    parent: FileId
    name: str
    trashed_with: FileId | None = None


async def is_name_taken(entries: EntryStore, tx: Connection, location: Location) -> bool:
    """Return whether an entry or a pending upload has the wanted name."""
    return await _is_taken(entries, tx, location, IgnoredNames(NO_UPLOAD, None))


async def find_free_name(
    entries: EntryStore,
    tx: Connection,
    location: Location,
    *,
    except_upload: UUID = NO_UPLOAD,
    own_name: str | None = None,
) -> str:
    """Return the wanted name, or the first numbered name that no entry and no pending upload holds.

    Two taken names are ignored: the name of the pending upload `except_upload`, and `own_name`, which the entry itself
    has in this folder already. The caller must hold the lock of the drive, so that the name stays free.
    """
    name, _ = await _find_from(entries, tx, location, IgnoredNames(except_upload, own_name), 0)
    return name


async def find_next_free_name(
    entries: EntryStore, tx: Connection, location: Location, numbers: dict[Location, int]
) -> str:
    """Return a free name as `find_free_name` does, for one of many uploads that begin in this transaction.

    `numbers` has the number of the last name that was found at each location, 0 for the wanted name itself. No name
    becomes free during the transaction, so the search begins at this number. The last name itself is still free if its
    upload was refused.
    """
    start = numbers.get(location, 0)  # guard: free-name-start
    name, numbers[location] = await _find_from(entries, tx, location, IgnoredNames(NO_UPLOAD, None), start)
    return name


async def _find_from(
    entries: EntryStore, tx: Connection, location: Location, ignored: IgnoredNames, number: int
) -> tuple[str, int]:
    """Return the first free name from a number on, and its number. 0 is the number of the wanted name itself."""
    if number == 0:
        if not await _is_taken(entries, tx, location, ignored):
            return location.name, 0
        number = 1
    place = (location.owner, location.parent, location.trashed_with)
    while True:
        form = numbered_form(location.name, number)
        free_number = await entries.select_free_number(tx, place, form, number, ignored)
        if free_number < form.stop:  # guard: free-name-form
            return form.name(free_number), free_number
        number = form.stop


async def _is_taken(entries: EntryStore, tx: Connection, location: Location, ignored: IgnoredNames) -> bool:
    """Return whether the wanted name itself is taken."""
    if location.name == ignored.own_name:  # guard: free-own-name
        return False
    ids = (location.owner, location.parent, [location.name], ignored.except_upload)
    if location.trashed_with is None:
        return bool(await entries.select_taken_names(tx, *ids))
    return bool(await entries.select_taken_names_in_trash(tx, *ids, location.trashed_with))
