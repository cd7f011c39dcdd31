"""Files in folders: what there is, renaming, moving, the trash. The store is never touched here.

Whoever changes names or places holds the owner's row, so two moves of one owner never cross: neither a
cycle nor a doubled name can slip in between a look and a change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from ..contract import files as contract
from ..contract.ids import ROOT, FileId, UserId
from ..db import Connection, Database
from ..errors import FieldError, InvalidCursor, InvalidRequest, NameTaken, NotFound, PreconditionFailed
from . import cursor, names
from .commit import free_name
from .settings import Settings
from .store import LAST_ID, LAST_TIME, Row, Store, file_of, listed_of, new_folder, trashed_of
from .uploads import fingerprint, replayed

_NO_ID = UUID(int=0)
_FIRST: dict[contract.Sort, str | int | datetime] = {
    contract.Sort.NAME: "",
    contract.Sort.SIZE: -1,
    contract.Sort.CREATED: datetime(1970, 1, 1, tzinfo=UTC),
    contract.Sort.MODIFIED: datetime(1970, 1, 1, tzinfo=UTC),
}
_LAST: dict[contract.Sort, str | int | datetime] = {
    contract.Sort.NAME: "\U0010ffff" * 64,  # 256 bytes, so it comes after every name
    contract.Sort.SIZE: 2**63 - 1,
    contract.Sort.CREATED: LAST_TIME,
    contract.Sort.MODIFIED: LAST_TIME,
}
_TIMES = (contract.Sort.CREATED, contract.Sort.MODIFIED)


class Tree:
    def __init__(
        self, db: Database, store: Store, settings: Settings, cursor_key: bytes, new_id: Callable[[], UUID]
    ) -> None:
        self._db = db
        self._store = store
        self._settings = settings
        self._cursor_key = cursor_key
        self._new_id = new_id

    async def page(self, owner: UserId, listing: contract.Listing) -> contract.FilePage:
        _check_limit(listing.limit)
        if listing.name is not None:
            return await self._named(owner, listing, listing.name)
        query = f"{owner} {listing.parent} {listing.sort} {listing.descending}"
        past, id = (_LAST if listing.descending else _FIRST)[listing.sort], LAST_ID if listing.descending else _NO_ID
        if listing.cursor is not None:
            place = cursor.unseal(self._cursor_key, query, listing.cursor)
            past, id = _from_text(listing.sort, place.value), place.id
        rows = await self._store.page(self._db, owner, listing, past, id)
        if not rows and listing.parent not in (None, ROOT):
            await self._require_folder(owner, listing.parent)
        items = tuple([listed_of(row) for row in rows[: listing.limit]])
        following = None
        if len(rows) > listing.limit:
            last = items[-1]
            place = cursor.Place(_as_text(listing.sort, last), last.id)
            following = cursor.seal(self._cursor_key, query, place)
        return contract.FilePage(items, following)

    async def _named(self, owner: UserId, listing: contract.Listing, name: str) -> contract.FilePage:
        if listing.parent is None:
            problem = "goes with parent_id"
            raise InvalidRequest(f"name {problem}", errors=(FieldError("name", problem),))
        if listing.cursor is not None:
            raise InvalidCursor
        row = await self._store.entry_named(self._db, owner, listing.parent, names.normalized(name))
        if row is not None:
            return contract.FilePage((file_of(row),), None)
        if listing.parent != ROOT:
            await self._require_folder(owner, listing.parent)
        return contract.FilePage((), None)

    async def _require_folder(self, owner: UserId, id: FileId | None) -> None:
        if id is None:
            return
        row = await self._store.entry(self._db, owner, id)
        if row is None or row["kind"] != "folder":
            raise NotFound(f"no folder {id}")

    async def trash_page(self, owner: UserId, limit: int, after: str | None) -> contract.FilePage:
        _check_limit(limit)
        query = f"{owner} trash"
        at, id = LAST_TIME, LAST_ID
        if after is not None:
            place = cursor.unseal(self._cursor_key, query, after)
            at, id = datetime.fromisoformat(str(place.value)), place.id
        rows = await self._store.trash_page(self._db, owner, at, id, limit + 1)
        items = tuple(trashed_of(row) for row in rows[:limit])
        following = None
        if len(rows) > limit and (trashed_at := items[-1].trashed_at) is not None:
            place = cursor.Place(trashed_at.isoformat(), items[-1].id)
            following = cursor.seal(self._cursor_key, query, place)
        return contract.FilePage(items, following)

    async def file(self, owner: UserId, id: FileId) -> contract.File:
        row = _there(await self._store.described(self._db, owner, id), id)
        found = file_of(row)
        if row["parts_sha256"] is None:
            return found
        return msgspec.structs.replace(found, part_size=row["part_size"], parts_sha256=row["parts_sha256"])

    async def create_folder(self, owner: UserId, parent: FileId, name: str, key: str | None) -> contract.File:
        name = names.normalized(name)
        body = fingerprint("folder", parent, name)
        async with self._db.transaction() as tx:
            before = None if key is None else await replayed(self._store, tx, owner, key, body)
            if before is not None:
                return new_folder(before["made"], name, parent, before["created_at"])
            await self._store.lock_usage(tx, owner, self._settings.quota)
            await self._require_room(tx, owner, parent, height=1)
            await self._require_free(tx, owner, parent, name)
            row = await self._store.add_folder(tx, owner, FileId(self._new_id()), parent, name)
            if key is not None:
                await self._store.remember(tx, owner, key, body, row["id"])
        return new_folder(row["id"], name, parent, row["created_at"])

    async def change(self, owner: UserId, id: FileId, change: contract.Change, if_match: str | None) -> contract.File:
        name = None if change.name is None else names.normalized(change.name)
        async with self._db.transaction() as tx:
            await self._store.lock_usage(tx, owner, self._settings.quota)
            row = _there(await self._store.entry(tx, owner, id), id)
            _match(row, if_match)
            parent = FileId(row["parent_id"]) if change.parent is None else change.parent
            if parent != row["parent_id"]:
                await self._require_move(tx, owner, row, parent)
            if (parent, name or row["name"]) == (row["parent_id"], row["name"]):
                return file_of(row)
            await self._require_free(tx, owner, parent, name or row["name"])
            return file_of(_there(await self._store.place(tx, owner, id, name, parent), id))

    async def _require_move(self, tx: Connection, owner: UserId, row: Row, parent: FileId) -> None:
        height = 0
        if row["kind"] == "folder":
            if row["id"] in await self._store.ancestors(tx, owner, parent):
                raise _bad_parent("a folder cannot be moved into itself")
            height = await self._store.height(tx, owner, row["id"])
        await self._require_room(tx, owner, parent, height)

    async def _require_room(self, tx: Connection, owner: UserId, parent: FileId, height: int) -> None:
        """The parent is a live folder, and folders `height` levels high fit under it."""
        above = await self._store.ancestors(tx, owner, parent) if parent != ROOT else ()
        if parent != ROOT and not above:
            raise NotFound(f"no folder {parent}")
        if height and len(above) + height > self._settings.max_depth:
            raise _bad_parent(f"folders are at most {self._settings.max_depth} deep")

    async def _require_free(self, tx: Connection, owner: UserId, parent: FileId, name: str) -> None:
        if await self._store.taken(tx, owner, parent, [name], _NO_ID):
            raise NameTaken(f"{name!r} is there already")

    async def trash(self, owner: UserId, id: FileId, if_match: str | None) -> None:
        async with self._db.transaction() as tx:
            await self._store.lock_usage(tx, owner, self._settings.quota)
            _match(_there(await self._store.entry(tx, owner, id), id), if_match)
            await self._store.trash(tx, owner, id, self._settings.trash_grace)

    async def restore(self, owner: UserId, id: FileId) -> contract.File:
        async with self._db.transaction() as tx:
            await self._store.lock_usage(tx, owner, self._settings.quota)
            row = _there(await self._store.trashed(tx, owner, id), id)
            parent = FileId(row["parent_id"])
            if parent != ROOT and not await self._store.ancestors(tx, owner, parent):
                parent = ROOT
            name = await free_name(self._store, tx, owner, parent, row["name"], _NO_ID)
            back = await self._store.restore(tx, owner, id, parent, name, row["trashed_at"])
            return file_of(_there(back, id))


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= 1000:
        raise InvalidRequest("a limit is 1 to 1000", errors=(FieldError("limit", "is not 1 to 1000"),))


def _there(row: Row | None, id: FileId) -> Row:
    if row is None:
        raise NotFound(f"no file {id}")
    return row


def _match(row: Row, if_match: str | None) -> None:
    if if_match is not None and if_match != file_of(row).etag:
        raise PreconditionFailed


def _bad_parent(problem: str) -> InvalidRequest:
    return InvalidRequest(problem, errors=(FieldError("parent_id", problem),))


def _as_text(sort: contract.Sort, file: contract.File) -> str | int:
    if sort is contract.Sort.NAME:
        return file.name
    if sort is contract.Sort.SIZE:
        return file.size
    return (file.created_at if sort is contract.Sort.CREATED else file.modified_at).isoformat()


def _from_text(sort: contract.Sort, value: str | int) -> str | int | datetime:
    return datetime.fromisoformat(str(value)) if sort in _TIMES else value
