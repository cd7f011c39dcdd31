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
_FIRST_BATCH = 64
_MAX_BATCH = 4096


class Location(msgspec.Struct, frozen=True):
    """A name in a folder of an owner.

    If the folder is in the trash, `trashed_with` is the entry that it was trashed with.
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

    Two taken names count as free: that of the pending upload `except_upload`, and `own_name`, which the entry itself
    has in this folder already. The caller must hold the owner's lock, so that the name stays free.
    """
    candidates = numbered_names(location.name)
    names, batch_size = [location.name], _FIRST_BATCH
    while True:
        taken = await _select_taken(entries, tx, location, names, except_upload)
        for name in names:
            if name not in taken or name == own_name:  # guard: free-own-name
                return name
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
