"""SQL statements on copies of files and folders in one drive.

Methods that take a `Connection`, and no `Database`, need the lock of the drive (see `files/usage/store.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...contract.files import Access, File
from ...contract.ids import FileId, VersionId
from ...postgres import Connection, Statements
from ..entries.store import file_from


class NewCopy(msgspec.Struct, frozen=True):
    """A copy to insert. `name` None: the name of the original. `version` is set for a file."""

    original: FileId
    id: FileId
    parent: FileId
    name: str | None
    version: VersionId | None


class CopyStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def insert_copies(self, tx: Connection, access: Access, copies: Sequence[NewCopy]) -> dict[FileId, File]:
        """Insert copies, each folder before its content. Return them by id."""
        records = await tx.fetch(
            self.statements["insert_copies"],
            access.drive,
            access.actor,
            [copy.original for copy in copies],
            [copy.id for copy in copies],
            [copy.parent for copy in copies],
            [copy.name for copy in copies],
            [copy.version for copy in copies],
        )
        return {record["id"]: file_from(record) for record in records}
