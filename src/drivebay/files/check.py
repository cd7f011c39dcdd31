"""Every invariant held against the database and the store: what tests run after each scenario and what
`drivebay check` runs."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from ..contract.files import Violation
from ..contract.ids import UserId
from ..contract.storage import Object, Presence, Storage
from ..db import Database, Statements
from .store import Row, Store, object_key

_PAGE = 1000
_MOST = 100
"""Violations reported of one invariant; more would not help anybody."""


async def run(db: Database, store: Store, storage: Storage) -> tuple[Violation, ...]:
    statements = Statements(Path(__file__).with_name("invariants.sql"))
    found: list[Violation] = []
    for name, sql in statements.items():
        rows = await db.fetch(f"SELECT * FROM ({sql.rstrip().rstrip(';')}) AS violations LIMIT {_MOST}")  # noqa: S608
        found += [Violation(name, row["owner_id"], row["detail"]) for row in rows]
    return (*found, *await _objects(db, store, storage))


async def _objects(db: Database, store: Store, storage: Storage) -> list[Violation]:
    """Look every stored version up. An object that is gone, or is back, is marked so; 'unknown' is no verdict."""
    found: list[Violation] = []
    owner, id = UUID(int=0), UUID(int=0)
    while rows := await store.versions_after(db, owner, id, _PAGE):
        owner, id = rows[-1]["owner_id"], rows[-1]["id"]
        objects = await storage.look_up(tuple(row["key"] or object_key(row["owner_id"], row["id"]) for row in rows))
        changed: list[tuple[Row, bool]] = []
        for row, there in zip(rows, objects, strict=True):
            if problem := _problem(row, there):
                found.append(Violation("a_stored_version_has_its_object", UserId(row["owner_id"]), problem))
            missing = there.presence is Presence.ABSENT
            if there.presence is not Presence.UNKNOWN and missing != (row["state"] == "missing"):
                changed.append((row, missing))
        if changed:
            await store.mark_versions(
                db,
                [row["owner_id"] for row, _ in changed],
                [row["id"] for row, _ in changed],
                [missing for _, missing in changed],
            )
    return found[:_MOST]


def _problem(row: Row, there: Object) -> str | None:
    if there.presence is Presence.ABSENT:
        return f"the object of version {row['id']} is missing"
    if there.presence is Presence.UNKNOWN:
        return f"the store could not be asked about version {row['id']}"
    if there.size != row["size"]:
        return f"the object of version {row['id']} has {there.size} bytes, not {row['size']}"
    if row["sha256"] is not None and there.sha256 is not None and there.sha256 != row["sha256"]:
        return f"the object of version {row['id']} has another checksum"
    return None
