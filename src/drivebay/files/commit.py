"""The one place where an upload becomes a file.

Three callers come here: an event, a client's `complete`, and the sweeper. None is believed. The object is
looked up, outside any transaction, and held against the recorded intent; then one guarded transaction
makes the file appear, turns reserved bytes into used ones and records the change. Whoever comes second
finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import TypeAlias
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter

from ..contract.files import Cause, OnConflict, Outcome, UploadRef
from ..contract.ids import ROOT, FileId, UserId
from ..contract.storage import Arrival, Object, Presence, Storage
from ..crash import crash_point
from ..db import Connection, Database
from ..errors import Unavailable
from .names import alternatives
from .settings import Settings
from .store import Row, Store, object_key

log = structlog.get_logger(__name__)

OUTCOMES = Counter("drivebay_files_commits", "Commits by what they did", ["outcome"])
ENDED = Counter("drivebay_files_uploads", "Uploads by how they ended", ["outcome"])

Good: TypeAlias = Mapping[UploadRef, tuple[Row, Object, bytes | None]]
"""Uploads whose objects are what was intended: row, object, and the SHA-256 that the store checked."""


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

    async def run(self, uploads: Sequence[UploadRef], cause: Cause | None) -> tuple[Outcome, ...]:
        """What became of each upload, in order. One may stand in the list twice."""
        wanted = sorted(set(uploads))
        owners, ids = [ref.owner for ref in wanted], [ref.id for ref in wanted]
        rows = await self._store.uploads(self._db, owners, ids, self._settings.url_life)
        outcomes: dict[UploadRef, Outcome] = dict.fromkeys(wanted, Outcome.NO_UPLOAD)
        open_rows: dict[UploadRef, Row] = {}
        for row in rows:
            ref = UploadRef(row["owner_id"], row["id"])
            outcomes[ref] = Outcome.ALREADY
            if _is_open(row):
                open_rows[ref] = row
        if open_rows:
            outcomes.update(await self._settle(open_rows, cause))
        if spent := [row for row in rows if row["spent"]]:
            await self._discard(spent)
        for outcome in outcomes.values():
            OUTCOMES.labels(outcome.value).inc()
        return tuple(outcomes[ref] for ref in uploads)

    async def _settle(self, rows: Mapping[UploadRef, Row], cause: Cause | None) -> dict[UploadRef, Outcome]:
        objects = await self._look_up(rows)
        crash_point("commit.looked_up")
        enforced = await self._checksum_enforced(rows)
        outcomes: dict[UploadRef, Outcome] = {}
        right: dict[UploadRef, Object] = {}
        for ref, row in rows.items():
            found = objects[ref]
            if found.presence is Presence.UNKNOWN:
                outcomes[ref] = Outcome.UNKNOWN
            elif found.presence is Presence.ABSENT:
                outcomes[ref] = Outcome.EXPIRED if row["overdue"] else Outcome.ABSENT
            elif reason := _difference(row, found):
                outcomes[ref] = await self._reject(ref, reason, cause)
            else:
                right[ref] = found
        accepted = await self._accept(right)
        good = {
            ref: (rows[ref], found, _verified(rows[ref], found, enforced))
            for ref, found in accepted.items()
            if found.presence is Presence.FOUND
        }
        # Changed since it was looked at, or being copied still.
        outcomes.update(dict.fromkeys(accepted.keys() - good.keys(), Outcome.UNKNOWN))
        # `overdue` was read before the look-up: what came in between is seen by the next check.
        if late := [ref for ref, outcome in outcomes.items() if outcome is Outcome.EXPIRED]:
            await self._expire(late)
        if good:
            outcomes.update(await self._complete(good, cause))
        return outcomes

    async def _look_up(self, rows: Mapping[UploadRef, Row]) -> dict[UploadRef, Object]:
        keys = {ref: object_key(ref.owner, ref.id) for ref in rows}
        try:
            found = await self._storage.arrived(tuple(keys.values()))
        except Unavailable:
            return {ref: Object(key, Presence.UNKNOWN) for ref, key in keys.items()}
        return dict(zip(rows, found, strict=True))

    async def _accept(self, right: Mapping[UploadRef, Object]) -> dict[UploadRef, Object]:
        """The objects where nobody can change them any more, or unknown."""
        if all(found.key == object_key(ref.owner, ref.id) for ref, found in right.items()):
            return dict(right)
        try:
            seen = tuple(Arrival(found.key, found.etag, found.size) for found in right.values())
            accepted = await self._storage.accept(seen)
        except Unavailable:
            return {ref: Object(found.key, Presence.UNKNOWN) for ref, found in right.items()}
        crash_point("commit.accepted")
        return {
            # The same bytes, so their checksum is what it was.
            ref: msgspec.structs.replace(there, sha256=there.sha256 or right[ref].sha256)
            for ref, there in zip(right, accepted, strict=True)
        }

    async def _discard(self, spent: Sequence[Row]) -> None:
        """Delete what is beside the copies of complete uploads. What fails is tried at the next check."""
        owners, ids = [row["owner_id"] for row in spent], [row["id"] for row in spent]
        try:
            await self._storage.discard(tuple(await self._store.copies(self._db, owners, ids)))
        except Unavailable as error:
            log.warning("discard_failed", uploads=len(spent), reason=error.detail)
            return
        await self._store.discarded(self._db, owners, ids)

    async def _checksum_enforced(self, rows: Mapping[UploadRef, Row]) -> bool:
        if all(row["sha256"] is None for row in rows.values()):
            return False
        try:
            return (await self._storage.capabilities()).checksum
        except Unavailable:
            return False

    async def _reject(self, ref: UploadRef, reason: str, cause: Cause | None) -> Outcome:
        async with self._db.transaction() as tx:
            await self._store.lock_owners(tx, [ref.owner])
            if not await self._store.end_upload(tx, ref.owner, ref.id, "rejected", reason, cause and cause.value):
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

    async def _complete(self, good: Good, cause: Cause | None) -> dict[UploadRef, Outcome]:
        outcomes = dict.fromkeys(good, Outcome.ALREADY)
        async with self._db.transaction() as tx:
            await self._store.lock_owners(tx, sorted({ref.owner for ref in good}))
            done = await self._enter(tx, good, await self._plain(tx, good), cause)
            # What is left replaces a file, found its folder gone or its name taken: one by one.
            for ref, row in await self._still_open(tx, good.keys() - done):
                if await self._complete_one(tx, good, ref, row, cause):
                    done.add(ref)
            if in_parts := [ref for ref in done if good[ref][0]["part_size"] is not None]:
                await self._store.forget_parts(tx, [ref.owner for ref in in_parts], [ref.id for ref in in_parts])
            crash_point("commit.before_commit")
        crash_point("commit.after_commit")
        outcomes.update(dict.fromkeys(done, Outcome.COMPLETED))
        ENDED.labels("complete").inc(len(done))
        return outcomes

    async def _plain(self, tx: Connection, good: Good) -> dict[UploadRef, tuple[FileId, str]]:
        """Where those go that can be entered all at once."""
        rows = {ref: row for ref, (row, _, _) in good.items() if row["on_conflict"] != OnConflict.REPLACE}
        folders = {(row["owner_id"], row["parent_id"]) for row in rows.values() if row["parent_id"] != ROOT}
        live: frozenset[tuple[UUID, UUID]] = frozenset()
        if folders:
            owners, ids = zip(*folders, strict=True)
            live = await self._store.live_folders(tx, owners, ids)
        return {
            ref: (FileId(row["parent_id"]), row["name"])
            for ref, row in rows.items()
            if row["parent_id"] == ROOT or (row["owner_id"], row["parent_id"]) in live
        }

    async def _enter(
        self,
        tx: Connection,
        good: Good,
        places: Mapping[UploadRef, tuple[FileId, str]],
        cause: Cause | None,
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
            [_copy(ref, good[ref][1]) for ref in refs],
            self._settings.url_life,
            cause and cause.value,
        )
        return {UploadRef(row["owner_id"], row["id"]) for row in rows}

    async def _still_open(self, tx: Connection, left: Collection[UploadRef]) -> list[tuple[UploadRef, Row]]:
        """Those that nobody was faster with; their owners are locked."""
        if not left:
            return []
        owners, ids = [ref.owner for ref in left], [ref.id for ref in left]
        rows = await self._store.uploads(tx, owners, ids, self._settings.url_life)
        return [(UploadRef(row["owner_id"], row["id"]), row) for row in rows if _is_open(row)]

    async def _complete_one(self, tx: Connection, good: Good, ref: UploadRef, row: Row, cause: Cause | None) -> bool:
        parent, name = FileId(row["parent_id"]), row["name"]
        if parent != ROOT and not await self._store.ancestors(tx, ref.owner, parent):
            parent = ROOT  # The folder went meanwhile; the bytes are here, so the file is kept, at the top.
        if row["on_conflict"] == OnConflict.REPLACE:
            there = await self._store.entry_named(tx, ref.owner, parent, name)
            if there is not None and there["kind"] == "file":
                _, found, digest = good[ref]
                own = self._settings
                return await self._store.replace(
                    tx,
                    ref.owner,
                    ref.id,
                    found.etag,
                    digest,
                    there["id"],
                    own.trash_grace,
                    _copy(ref, found),
                    own.url_life,
                    cause and cause.value,
                )
        name = await free_name(self._store, tx, ref.owner, parent, name, ref.id)
        return bool(await self._enter(tx, good, {ref: (parent, name)}, cause))


def _is_open(row: Row) -> bool:
    """Whether its bytes may still become a file: it is awaited, or watched for."""
    return bool(row["state"] == "pending" or (row["state"] == "expired" and row["next_check_at"] is not None))


def _copy(ref: UploadRef, found: Object) -> str | None:
    """The key of an object that is not at its upload's."""
    return None if found.key == object_key(ref.owner, ref.id) else found.key


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
    # Of what came in parts the store has checked each, and nobody the whole.
    return row["sha256"] if enforced and row["part_size"] is None else None


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
