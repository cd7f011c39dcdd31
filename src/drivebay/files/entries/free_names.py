"""Free names: the name that a new entry gets if its intended name is taken."""

from __future__ import annotations

from itertools import islice
from uuid import UUID

import msgspec

from ...contract.ids import DriveId, FileId
from ...postgres import Connection
from ..file_names import numbered_names
from .store import EntryStore

NO_UPLOAD = UUID(int=0)
"""An id that no upload has. With this id as `except_upload`, the names of all pending uploads are taken."""
_FIRST_BATCH = 64
"""The number of numbered names that the first query looks up. Each further query looks up more."""
_MAX_BATCH = 4096
"""The maximum number of numbered names that one query looks up."""


class Location(msgspec.Struct, frozen=True):
    """A name in a folder of an owner.

    If the folder is in the trash, `trashed_with` is the entry with which the folder was trashed.
    """

    owner: DriveId
    parent: FileId
    name: str
    trashed_with: FileId | None = None


async def find_free_name(
    entries: EntryStore,
    tx: Connection,
    location: Location,
    *,
    except_upload: UUID = NO_UPLOAD,
    own_name: str | None = None,
) -> str:
    """Return the wanted name, or the first numbered name that no entry and no pending upload holds.

    Two taken names count as free: the name of the pending upload `except_upload`, and `own_name`, which the entry
    itself has in this folder already. The caller must hold the owner's lock, so that the name stays free.
    """
    name, _ = await _find_from(entries, tx, location, (except_upload, own_name), 0)
    return name


async def find_next_free_name(
    entries: EntryStore, tx: Connection, location: Location, numbers: dict[Location, int]
) -> str:
    """Return a free name as `find_free_name` does, for one of many uploads that begin in this transaction.

    `numbers` has the number of the last name that was found at each location, 0 for the wanted name itself. No name
    becomes free during the transaction, so the search continues after this number.
    """
    start = numbers.get(location, 0)  # guard: free-name-start
    name, numbers[location] = await _find_from(entries, tx, location, (NO_UPLOAD, None), start)
    return name


async def _find_from(
    entries: EntryStore, tx: Connection, location: Location, free: tuple[UUID, str | None], number: int
) -> tuple[str, int]:
    """Return the first free name from a number on, and its number. 0 is the number of the wanted name itself."""
    except_upload, own_name = free
    candidates = numbered_names(location.name, max(number, 1))
    names, batch_size = [location.name] if number == 0 else list(islice(candidates, 1)), _FIRST_BATCH
    while True:
        taken = await _select_taken(entries, tx, location, names, except_upload)
        for offset, name in enumerate(names):
            if name not in taken or name == own_name:  # guard: free-own-name
                return name, number + offset
        number += len(names)
        # Growing batches keep the number of queries small for a name that is taken thousands of times.
        names = list(islice(candidates, batch_size))
        batch_size = min(2 * batch_size, _MAX_BATCH)


async def _select_taken(
    entries: EntryStore, tx: Connection, location: Location, names: list[str], except_upload: UUID
) -> frozenset[str]:
    if location.trashed_with is None:
        return await entries.select_taken_names(tx, location.owner, location.parent, names, except_upload)
    ids = (except_upload, location.trashed_with)
    return await entries.select_taken_names_in_trash(tx, location.owner, location.parent, names, *ids)
