"""Whether a copy may go to a folder."""

from __future__ import annotations

from ...contract.ids import ROOT, DriveId, FileId
from ...errors import NotFound, WouldCycle
from ...postgres import Connection
from ..entries.store import EntryStore


async def count_levels_above(
    entries: EntryStore, tx: Connection, drive: DriveId, source: FileId, parent: FileId
) -> int:
    """Return the number of levels of folders above a copy of `source` in the folder `parent`.

    Raises NotFound (there is no such folder), WouldCycle.
    """
    ancestors = () if parent == ROOT else await entries.select_ancestors(tx, drive, parent)
    if parent != ROOT and not ancestors:
        raise NotFound(f"no folder {parent}")
    if source in ancestors:  # guard: copy-into-itself
        raise WouldCycle("a folder cannot be copied into itself or a folder below it")
    return len(ancestors)
