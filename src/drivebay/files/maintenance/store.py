"""SQL statements for operators: dead letters, the backlog, invariants, and the versions whose object must exist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec

from ...contract.files import Backlog, DeadLetter, UploadRef, Violation
from ...contract.ids import DriveId, UploadId
from ...postgres import Database, Statements
from ..object_keys import object_key

BEFORE_ALL_VERSIONS = UploadRef(DriveId(UUID(int=0)), UploadId(UUID(int=0)))
"""The start of a listing of all versions: it sorts before every version."""


class StoredVersion(msgspec.Struct, frozen=True):
    """A version whose object must exist. `is_missing`: the last look-up did not find the object."""

    ref: UploadRef
    key: str
    size: int
    sha256: bytes | None
    is_missing: bool


class MaintenanceStore:
    def __init__(self) -> None:
        folder = Path(__file__).parent
        self.statements = Statements(folder / "statements.sql")
        self.invariants = Statements(folder / "invariants.sql")

    async def insert_dead_letter(self, db: Database, event: DeadLetter) -> None:
        """Insert an event. An event with the same id is not changed."""
        sql = self.statements["insert_dead_letter"]
        await db.execute(sql, event.id, event.subject, event.reason, event.payload, event.deliveries)

    async def trim_changes(self, db: Database, limit: int, age: timedelta) -> int:
        """Delete about `limit` changes that are older than `age`, and return their number."""
        return int(await db.fetchval(self.statements["trim_changes"], limit, age))

    async def select_backlog(self, db: Database) -> Backlog:
        record = await db.fetchrow(self.statements["select_backlog"])
        assert record is not None  # noqa: S101 - an aggregate without GROUP BY returns one row
        return Backlog(*record)

    async def select_violations(self, db: Database, invariant: str, limit: int) -> list[Violation]:
        """Return up to `limit` violations of an invariant."""
        query = self.invariants[invariant].rstrip().rstrip(";")
        async with db.transaction() as tx:
            # An invariant reads whole tables. Without statistics of their present size, the planner may choose nested
            # loops, or a merge join by the drive alone. The time of both grows with the square of the size.
            await tx.execute("SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off")  # guard: check-joins
            records = await tx.fetch(f"SELECT owner_id, detail FROM ({query}) AS violations LIMIT {limit}")  # noqa: S608
        return [Violation(invariant, *record) for record in records]

    async def select_versions_after(self, db: Database, last: UploadRef, limit: int) -> list[StoredVersion]:
        """Return up to `limit` versions after `last`, ordered by owner and id."""
        records = await db.fetch(self.statements["select_versions_after"], last.owner, last.id, limit)
        return [
            StoredVersion(
                ref=UploadRef(record["owner_id"], record["id"]),
                key=record["key"] or object_key(record["owner_id"], record["id"]),
                size=record["size"],
                sha256=record["sha256"],
                is_missing=record["is_missing"],
            )
            for record in records
        ]

    async def mark_missing(self, db: Database, versions: Sequence[tuple[UploadRef, bool]]) -> None:
        """Mark each version as missing (True) or as stored (False)."""
        owners, ids = [ref.owner for ref, _ in versions], [ref.id for ref, _ in versions]
        await db.execute(self.statements["mark_missing"], owners, ids, [missing for _, missing in versions])
