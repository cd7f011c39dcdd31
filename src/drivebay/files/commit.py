"""The one place where an upload becomes a file.

Three callers come here: an event, a client's `complete`, and the sweeper. None is believed. The object is
looked up, outside any transaction, and held against the recorded intent; then one guarded transaction
makes the file appear, turns reserved bytes into used ones and records the change. Whoever comes second
finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.files import OnConflict, Outcome, UploadRef
from ..contract.ids import ROOT, FileId, UserId
from ..contract.storage import Object, Presence, Storage
from ..crash import crash_point
from ..db import Connection, Database
from ..errors import Unavailable
from .names import alternatives
from .settings import Settings
from .store import Row, Store, object_key

log = structlog.get_logger(__name__)
OUTCOMES = Counter("drivebay_files_commits", "Commits by what they did", ["outcome"])
ENDED = Counter("drivebay_files_uploads", "Uploads by how they ended", ["outcome"])


class Commit:
    """Holds what committing needs; made once by the service."""

    def __init__(
        self, db: Database, store: Store, storage: Storage, settings: Settings, new_id: Callable[[], UUID]
    ) -> None:
        self._db = db
        self._store = store
        self._storage = storage
        self._settings = settings
        self._new_id = new_id

    async def run(self, uploads: Sequence[UploadRef]) -> tuple[Outcome, ...]:
        """What became of each upload, in order. One may stand in the list twice."""
        wanted = sorted(set(uploads))
        rows = await self._store.uploads(self._db, [ref.owner for ref in wanted], [ref.id for ref in wanted])
        outcomes: dict[UploadRef, Outcome] = dict.fromkeys(wanted, Outcome.NO_UPLOAD)
        open_rows: dict[UploadRef, Row] = {}
        for row in rows:
            ref = UploadRef(row["owner_id"], row["id"])
            outcomes[ref] = Outcome.ALREADY
            if _is_open(row):
                open_rows[ref] = row
        if open_rows:
            outcomes.update(await self._settle(open_rows))
        for outcome in outcomes.values():
            OUTCOMES.labels(outcome.value).inc()
        return tuple(outcomes[ref] for ref in uploads)

    async def _settle(self, rows: Mapping[UploadRef, Row]) -> dict[UploadRef, Outcome]:
        objects = await self._look_up(rows)
        crash_point("commit.looked_up")
        enforced = await self._checksum_enforced(rows)
        outcomes: dict[UploadRef, Outcome] = {}
        good: dict[UploadRef, tuple[Row, Object, bytes | None]] = {}
        for ref, row in rows.items():
            found = objects[ref]
            if found.presence is Presence.UNKNOWN:
                outcomes[ref] = Outcome.UNKNOWN
            elif found.presence is Presence.ABSENT:
                outcomes[ref] = Outcome.EXPIRED if row["overdue"] else Outcome.ABSENT
            elif reason := _difference(row, found):
                outcomes[ref] = await self._reject(ref, reason)
            else:
                good[ref] = (row, found, _verified(row, found, enforced))
        # `overdue` was read before the look-up: what came in between is seen by the next check.
        if late := [ref for ref, outcome in outcomes.items() if outcome is Outcome.EXPIRED]:
            await self._expire(late)
        if good:
            outcomes.update(await self._complete(good))
        return outcomes

    async def _look_up(self, rows: Mapping[UploadRef, Row]) -> dict[UploadRef, Object]:
        keys = {ref: object_key(ref.owner, ref.id) for ref in rows}
        try:
            found = await self._storage.look_up(tuple(keys.values()))
        except Unavailable:
            return {ref: Object(key, Presence.UNKNOWN) for ref, key in keys.items()}
        return dict(zip(rows, found, strict=True))

    async def _checksum_enforced(self, rows: Mapping[UploadRef, Row]) -> bool:
        if all(row["sha256"] is None for row in rows.values()):
            return False
        try:
            return (await self._storage.capabilities()).checksum
        except Unavailable:
            return False

    async def _reject(self, ref: UploadRef, reason: str) -> Outcome:
        async with self._db.transaction() as tx:
            await self._store.lock_owners(tx, [ref.owner])
            if not await self._store.end_upload(tx, ref.owner, ref.id, "rejected", reason):
                return Outcome.ALREADY
            crash_point("reject.before_commit")
        crash_point("reject.after_commit")
        ENDED.labels("rejected").inc()
        log.warning("upload_rejected", owner=str(ref.owner), upload=str(ref.id), reason=reason)
        return Outcome.REJECTED

    async def _expire(self, refs: Sequence[UploadRef]) -> None:
        owners, ids = [ref.owner for ref in refs], [ref.id for ref in refs]
        async with self._db.transaction() as tx:
            await self._store.lock_owners(tx, sorted(set(owners)))
            expired = await self._store.expire_uploads(tx, owners, ids, self._settings.watch)
            crash_point("expire.before_commit")
        crash_point("expire.after_commit")
        ENDED.labels("expired").inc(len(expired))

    async def _complete(self, good: Mapping[UploadRef, tuple[Row, Object, bytes | None]]) -> dict[UploadRef, Outcome]:
        outcomes = dict.fromkeys(good, Outcome.ALREADY)
        async with self._db.transaction() as tx:
            await self._store.lock_owners(tx, sorted({ref.owner for ref in good}))
            plain = {ref: row for ref, (row, _, _) in good.items() if _is_plain(row)}
            done = await self._enter(tx, good, {ref: (ROOT, row["name"]) for ref, row in plain.items()})
            # What is left is in a folder, replaces a file, found its name taken, or had ended: one by one.
            for ref in good.keys() - done:
                if await self._complete_one(tx, good, ref):
                    done.add(ref)
            crash_point("commit.before_commit")
        crash_point("commit.after_commit")
        outcomes.update(dict.fromkeys(done, Outcome.COMPLETED))
        ENDED.labels("complete").inc(len(done))
        return outcomes

    async def _enter(
        self,
        tx: Connection,
        good: Mapping[UploadRef, tuple[Row, Object, bytes | None]],
        places: Mapping[UploadRef, tuple[FileId, str]],
    ) -> set[UploadRef]:
        refs = list(places)
        if not refs:
            return set()
        rows = await self._store.complete(
            tx,
            [ref.owner for ref in refs],
            [ref.id for ref in refs],
            [good[ref][1].etag for ref in refs],
            [good[ref][2] for ref in refs],
            [FileId(self._new_id()) for _ in refs],
            [places[ref][0] for ref in refs],
            [places[ref][1] for ref in refs],
        )
        return {UploadRef(row["owner_id"], row["id"]) for row in rows}

    async def _complete_one(
        self, tx: Connection, good: Mapping[UploadRef, tuple[Row, Object, bytes | None]], ref: UploadRef
    ) -> bool:
        # Whether it is still open is for the statements below to say: they change nothing that has ended.
        row = await self._store.upload(tx, ref.owner, ref.id)
        if row is None:
            return False
        parent, name = FileId(row["parent_id"]), row["name"]
        if parent != ROOT and not await self._store.ancestors(tx, ref.owner, parent):
            parent = ROOT  # The folder went meanwhile; the bytes are here, so the file is kept, at the top.
        if row["on_conflict"] == OnConflict.REPLACE:
            there = await self._store.entry_named(tx, ref.owner, parent, name)
            if there is not None and there["kind"] == "file":
                _, found, digest = good[ref]
                grace = self._settings.trash_grace
                return await self._store.replace(tx, ref.owner, ref.id, found.etag, digest, there["id"], grace)
        name = await free_name(self._store, tx, ref.owner, parent, name, ref.id)
        return bool(await self._enter(tx, good, {ref: (parent, name)}))


def _is_open(row: Row) -> bool:
    """Whether its bytes may still become a file: it is awaited, or watched for."""
    return bool(row["state"] == "pending" or (row["state"] == "expired" and row["next_check_at"] is not None))


def _is_plain(row: Row) -> bool:
    return bool(row["on_conflict"] != OnConflict.REPLACE and row["parent_id"] == ROOT)


def _difference(row: Row, found: Object) -> str | None:
    if found.size != row["size"]:
        return "size_mismatch"
    if row["sha256"] is not None and found.sha256 is not None and found.sha256 != row["sha256"]:
        return "checksum_mismatch"
    return None


def _verified(row: Row, found: Object, enforced: bool) -> bytes | None:
    """The checksum that the bytes are known to have: as the store reports it, or as it enforced it."""
    if found.sha256 is not None:
        return found.sha256
    return row["sha256"] if enforced else None


async def free_name(store: Store, tx: Connection, owner: UserId, parent: FileId, name: str, but: UUID) -> str:
    """The name, or the first alternative to it that neither a sibling nor a pending upload (except `but`)
    holds. The owner's row is locked, so it stays free."""
    candidates = alternatives(name)
    batch = [name]
    while True:
        taken = await store.taken(tx, owner, parent, batch, but)
        for candidate in batch:
            if candidate not in taken:
                return candidate
        batch = list(islice(candidates, 64))
