"""Name conflicts: the name of an entry that is renamed, moved, copied or restored to a name that is taken."""

from __future__ import annotations

from typing import NamedTuple

from ...contract.files import File, Kind, OnConflict
from ...contract.ids import FileId
from ...errors import NameTaken
from ...postgres import Connection
from .free_names import NO_UPLOAD, Location, find_free_name
from .store import EntryStore


class Placement(NamedTuple):
    """The name of an entry in its folder. If `replaced` is set, the entry becomes a new version of the file `replaced`
    instead."""

    name: str
    replaced: FileId | None = None


async def place_entry(
    entries: EntryStore,
    tx: Connection,
    entry: File,
    location: Location,
    on_conflict: OnConflict,
    *,
    is_copy: bool = False,
) -> Placement:
    """Return the placement of an entry, or of a copy of it, at a new location.

    The caller must hold the lock of the drive. Raises NameTaken.
    """
    if on_conflict is OnConflict.RENAME:
        # If the request is repeated, the entry already has the free name that the first request chose.
        is_there = entry.trashed_at is None and entry.parent == location.parent and not is_copy  # guard: copy-own-name
        own_name = entry.name if is_there else None
        return Placement(await find_free_name(entries, tx, location, own_name=own_name))
    # guard: entry-taken-name
    if not await entries.select_taken_names(tx, location.owner, location.parent, [location.name], NO_UPLOAD):
        return Placement(location.name)
    if on_conflict is OnConflict.REPLACE and entry.kind is Kind.FILE:
        existing = await entries.select_entry_by_name(tx, location.owner, location.parent, location.name)
        if existing is not None and existing.kind is Kind.FILE:  # guard: replace-folder
            return Placement(location.name, existing.id)
    raise NameTaken(f"the name {location.name!r} is taken")
