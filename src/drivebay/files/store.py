"""The statements of the files service, each behind one function, and the values made of their rows.

Functions that change anything take a connection inside a transaction whose owner rows are locked (see
`migrations/0001_files.sql`), unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from ..contract import files as contract
from ..contract.ids import FileId, LeaseId, UploadId, UserId
from ..contract.storage import Multipart
from ..db import Connection, Database, Statements, touched

Row: TypeAlias = asyncpg.Record
UniqueViolation = asyncpg.UniqueViolationError

_COLUMN = {
    contract.Sort.NAME: "name",
    contract.Sort.MODIFIED: "modified_at",
    contract.Sort.CREATED: "created_at",
    contract.Sort.SIZE: "size",
}
_STATUS = {
    "pending": contract.UploadStatus.PENDING,
    "complete": contract.UploadStatus.COMPLETE,
    "rejected": contract.UploadStatus.FAILED,
    "expired": contract.UploadStatus.EXPIRED,
    "aborted": contract.UploadStatus.ABORTED,
}
LAST_TIME = datetime(9999, 12, 31, tzinfo=UTC)
LAST_ID = UUID(int=2**128 - 1)
_KINDS = {"file": contract.Kind.FILE, "folder": contract.Kind.FOLDER}


def object_key(owner: UUID, upload: UUID) -> str:
    """`{owner_id}/{upload_id}`: opaque, unique for ever, never a name."""
    return f"{owner}/{upload}"


def upload_of(row: Row) -> contract.Upload:
    owner, id = row["owner_id"], row["id"]
    return contract.Upload(
        id=id,
        owner=owner,
        status=_STATUS[row["state"]],
        name=row["name"],
        size=row["size"],
        content_type=row["content_type"],
        sha256=row["sha256"],
        key=object_key(owner, id),
        metadata={"owner": str(owner), "upload": str(id), "name": row["name"]},
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        file=row["file_id"],
        reason=row["reason"],
        parts=parts_of(row),
        deferred=row["deferred"],
        note=row["note"],
    )


def content_of(owner: UUID, row: Row) -> contract.Content:
    key = row["key"] or object_key(owner, row["version_id"])
    known = (row["sha256"], row["part_size"] if row["parts_sha256"] else None, row["parts_sha256"])
    return contract.Content(key, row["name"], row["content_type"], row["size"], *known)


def parts_of(row: Row) -> contract.Parts | None:
    if (size := row["part_size"]) is None:
        return None
    # An empty file has one part, which is empty.
    return contract.Parts(size, max(1, -(-row["size"] // size)), row["multipart"], row["checked"])


def file_of(row: Row) -> contract.File:
    id = row["id"]
    return contract.File(
        id=id,
        kind=_KINDS[row["kind"]],
        name=row["name"],
        parent=row["parent_id"],
        size=row["size"],
        content_type=row["content_type"],
        sha256=row["sha256"],
        etag=f'"{id.hex}-{row["revision"]:x}"',
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


def listed_of(row: Row) -> contract.File:
    """The same of a row of a listing, whose columns come in this order: by far the most rows are these."""
    id, kind, name, parent, size, content_type, sha256, revision, created_at, modified_at = row
    return contract.File(
        id,
        _KINDS[kind],
        name,
        parent,
        size,
        content_type,
        sha256,
        f'"{id.hex}-{revision:x}"',
        created_at,
        modified_at,
    )


def new_folder(id: FileId, name: str, parent: FileId, created_at: datetime) -> contract.File:
    """A folder as the answer to its making shows it, then and for a repeated request."""
    return contract.File(id, contract.Kind.FOLDER, name, parent, 0, "", None, f'"{id.hex}-1"', created_at, created_at)


def trashed_of(row: Row) -> contract.File:
    return msgspec.structs.replace(file_of(row), trashed_at=row["trashed_at"], purge_after=row["purge_after"])


class Store:
    """`sql` maps names to statements; the listings are spelled out once for each sort and direction."""

    def __init__(self) -> None:
        self.sql = dict(Statements(Path(__file__).with_name("store.sql")))
        templates = {scope: self.sql.pop(scope) for scope in ("list_children", "list_children_by_name", "list_all")}
        for scope, template in templates.items():
            for sort, column in _COLUMN.items():
                if scope == "list_children_by_name" and sort is not contract.Sort.NAME:
                    continue
                for descending in (False, True):
                    name = _listing("list_children" if scope == "list_children_by_name" else scope, sort, descending)
                    self.sql[name] = template.format(
                        column=column, direction="DESC" if descending else "ASC", past="<" if descending else ">"
                    )

    # -- uploads -----------------------------------------------------------------------------------

    async def begin(
        self,
        db: Database,
        owner: UserId,
        id: UploadId,
        intent: contract.Intent,
        ttl: timedelta,
        quota: int,
        most: int,
        part_size: int | None,
    ) -> Row | None:
        """The fast path, a transaction of its own. None, or UniqueViolation, when something is in the way."""
        return await db.fetchrow(
            self.sql["begin"],
            owner,
            id,
            intent.parent,
            intent.name,
            intent.on_conflict.value,
            intent.size,
            intent.content_type,
            intent.sha256,
            ttl,
            quota,
            most,
            part_size,
            intent.deferred,
            intent.note,
        )

    async def lock_usage(self, tx: Connection, owner: UserId, quota: int) -> Row:
        row = await tx.fetchrow(self.sql["lock_usage"], owner, quota)
        assert row is not None  # noqa: S101 - an upsert returns its row
        return row

    async def lock_owners(self, tx: Connection, owners: Sequence[UserId]) -> None:
        await tx.execute(self.sql["lock_owners"], owners)

    async def reserve(self, tx: Connection, owner: UserId, size: int) -> None:
        await tx.execute(self.sql["reserve"], owner, size)

    async def add_upload(
        self,
        tx: Connection,
        owner: UserId,
        id: UploadId,
        intent: contract.Intent,
        ttl: timedelta,
        part_size: int | None,
    ) -> Row:
        row = await tx.fetchrow(
            self.sql["add_upload"],
            owner,
            id,
            intent.parent,
            intent.name,
            intent.on_conflict.value,
            intent.size,
            intent.content_type,
            intent.sha256,
            ttl,
            part_size,
            intent.deferred,
            intent.note,
        )
        assert row is not None  # noqa: S101 - an insert returns its row
        return row

    async def begin_many(
        self, tx: Connection, owner: UserId, wanted: Mapping[UploadId, contract.Intent], ttl: timedelta
    ) -> Sequence[Row]:
        """Those that nothing stands in the way of; none of them comes in parts or replaces a file."""
        intents = wanted.values()
        return await tx.fetch(
            self.sql["begin_many"],
            owner,
            list(wanted),
            [intent.parent for intent in intents],
            [intent.name for intent in intents],
            [intent.on_conflict.value for intent in intents],
            [intent.size for intent in intents],
            [intent.content_type for intent in intents],
            [intent.sha256 for intent in intents],
            ttl,
        )

    async def resize(self, tx: Connection, owner: UserId, id: UploadId, size: int, final: bool) -> Row | None:
        """None when its length is known, or it has ended."""
        return await tx.fetchrow(self.sql["resize"], owner, id, size, final)

    async def upload(self, db: Database | Connection, owner: UserId, id: UploadId) -> Row | None:
        return await db.fetchrow(self.sql["upload"], owner, id)

    async def uploads(
        self, db: Database | Connection, owners: Sequence[UserId], ids: Sequence[UploadId], url_life: timedelta
    ) -> Sequence[Row]:
        return await db.fetch(self.sql["uploads"], owners, ids, url_life)

    async def copies(self, db: Database, owners: Sequence[UserId], ids: Sequence[UploadId]) -> Sequence[str]:
        return [row["key"] for row in await db.fetch(self.sql["copies"], owners, ids)]

    async def discarded(self, db: Database, owners: Sequence[UserId], ids: Sequence[UploadId]) -> None:
        await db.execute(self.sql["discarded"], owners, ids)

    async def end_upload(
        self, tx: Connection, owner: UserId, id: UploadId, state: str, reason: str | None, cause: str | None
    ) -> bool:
        """False when the upload had ended before."""
        return await tx.fetchval(self.sql["end_upload"], owner, id, state, reason, cause) is not None

    async def expire_uploads(
        self, tx: Connection, owners: Sequence[UserId], ids: Sequence[UploadId], watch: timedelta
    ) -> Sequence[Row]:
        return await tx.fetch(self.sql["expire_uploads"], owners, ids, watch)

    async def complete(
        self,
        tx: Connection,
        owners: Sequence[UserId],
        ids: Sequence[UploadId],
        etags: Sequence[str],
        digests: Sequence[bytes | None],
        files: Sequence[FileId],
        parents: Sequence[FileId],
        names: Sequence[str],
        copies: Sequence[str | None],
        url_life: timedelta,
        cause: str | None,
    ) -> Sequence[Row]:
        """The uploads that became files; the names of the others are taken."""
        return await tx.fetch(
            self.sql["complete"], owners, ids, etags, digests, files, parents, names, copies, url_life, cause
        )

    async def replace(
        self,
        tx: Connection,
        owner: UserId,
        id: UploadId,
        etag: str,
        sha256: bytes | None,
        file: FileId,
        grace: timedelta,
        copy: str | None,
        url_life: timedelta,
        cause: str | None,
    ) -> bool:
        replaced = await tx.fetchval(self.sql["replace"], owner, id, etag, sha256, file, grace, copy, url_life, cause)
        return replaced is not None

    async def claim_checks(self, db: Database, limit: int, overdue: bool) -> Sequence[Row]:
        return await db.fetch(self.sql["claim_checks"], limit, overdue)

    async def recheck_pending(self, db: Database) -> int:
        return await db.execute(self.sql["recheck_pending"])

    async def timeline(self, db: Database, owner: UserId, id: UploadId) -> Sequence[Row]:
        return await db.fetch(self.sql["timeline"], owner, id)

    # -- uploads in parts --------------------------------------------------------------------------
    # Each is one statement about one upload, guarded by its state; none touches what an owner's lock guards.

    async def begin_parts(
        self, db: Database, owner: UserId, id: UploadId, multipart: Multipart, ttl: timedelta
    ) -> Row | None:
        """The upload, with whichever write in parts was first. None when it has ended."""
        return await db.fetchrow(self.sql["begin_parts"], owner, id, multipart.id, multipart.checked, ttl)

    async def prolong(self, db: Database, owner: UserId, id: UploadId, ttl: timedelta) -> Row | None:
        """None when there is time enough, or it has ended."""
        return await db.fetchrow(self.sql["prolong"], owner, id, ttl)

    async def claim_parts(
        self, db: Database, owner: UserId, id: UploadId, numbers: Sequence[int], sha256: Sequence[bytes]
    ) -> None:
        await db.execute(self.sql["claim_parts"], owner, id, numbers, sha256)

    async def parts(self, db: Database, owner: UserId, id: UploadId) -> Sequence[Row]:
        return await db.fetch(self.sql["parts"], owner, id)

    async def forget_parts(self, tx: Connection, owners: Sequence[UserId], ids: Sequence[UploadId]) -> None:
        await tx.execute(self.sql["forget_parts"], owners, ids)

    async def begin_assembly(
        self, db: Database, owner: UserId, id: UploadId, sha256: bytes | None, ttl: timedelta
    ) -> bool:
        """False when the upload has ended."""
        return await db.fetchval(self.sql["begin_assembly"], owner, id, sha256, ttl) is not None

    async def multiparts(self, db: Database, owners: Sequence[UserId], ids: Sequence[UploadId]) -> Sequence[str]:
        return [row["multipart"] for row in await db.fetch(self.sql["multiparts"], owners, ids)]

    # -- files and folders -------------------------------------------------------------------------

    async def taken(
        self, tx: Connection, owner: UserId, parent: FileId, names: Sequence[str], but: UUID
    ) -> frozenset[str]:
        rows = await tx.fetch(self.sql["taken"], owner, parent, names, but)
        return frozenset(row["name"] for row in rows)

    async def entry(self, db: Database | Connection, owner: UserId, id: FileId) -> Row | None:
        return await db.fetchrow(self.sql["entry"], owner, id)

    async def described(self, db: Database, owner: UserId, id: FileId) -> Row | None:
        """The entry with what is known of its version's parts."""
        return await db.fetchrow(self.sql["described"], owner, id)

    async def entry_named(self, db: Database | Connection, owner: UserId, parent: FileId, name: str) -> Row | None:
        return await db.fetchrow(self.sql["entry_named"], owner, parent, name)

    async def content(self, db: Database, owner: UserId, id: FileId) -> Row | None:
        return await db.fetchrow(self.sql["content"], owner, id)

    async def contents(self, db: Database, owner: UserId, ids: Sequence[FileId]) -> Sequence[Row]:
        return await db.fetch(self.sql["contents"], owner, ids)

    async def live_folders(
        self, tx: Connection, owners: Sequence[UserId], ids: Sequence[FileId]
    ) -> frozenset[tuple[UUID, UUID]]:
        """Those of these that are folders and not in the trash, as (owner, id)."""
        rows = await tx.fetch(self.sql["live_folders"], owners, ids)
        return frozenset((row["owner_id"], row["id"]) for row in rows)

    async def ancestors(self, tx: Connection, owner: UserId, folder: FileId) -> Sequence[UUID]:
        """The folder itself and those above it; empty when it is not there."""
        return [row["id"] for row in await tx.fetch(self.sql["ancestors"], owner, folder)]

    async def height(self, tx: Connection, owner: UserId, folder: FileId) -> int:
        return int(await tx.fetchval(self.sql["height"], owner, folder))

    async def add_folder(self, tx: Connection, owner: UserId, id: FileId, parent: FileId, name: str) -> Row:
        row = await tx.fetchrow(self.sql["add_folder"], owner, id, parent, name)
        assert row is not None  # noqa: S101 - an insert returns its row
        return row

    async def place(
        self, tx: Connection, owner: UserId, id: FileId, name: str | None, parent: FileId | None
    ) -> Row | None:
        return await tx.fetchrow(self.sql["place"], owner, id, name, parent)

    async def trash(self, tx: Connection, owner: UserId, id: FileId, grace: timedelta) -> bool:
        return touched(await tx.execute(self.sql["trash"], owner, id, grace)) > 0

    async def trashed(self, tx: Connection, owner: UserId, id: FileId) -> Row | None:
        return await tx.fetchrow(self.sql["trashed"], owner, id)

    async def restore(
        self, tx: Connection, owner: UserId, id: FileId, parent: FileId, name: str, trashed_at: datetime
    ) -> Row | None:
        return await tx.fetchrow(self.sql["restore"], owner, id, parent, name, trashed_at)

    async def trash_page(self, db: Database, owner: UserId, at: datetime, id: UUID, limit: int) -> Sequence[Row]:
        return await db.fetch(self.sql["trash_page"], owner, at, id, limit)

    async def page(
        self, db: Database, owner: UserId, listing: contract.Listing, past: str | int | datetime, id: UUID
    ) -> Sequence[Row]:
        """One row more than the limit, so that the caller knows whether there is a next page."""
        if listing.parent is None:
            sql = self.sql[_listing("list_all", listing.sort, listing.descending)]
            return await db.fetch(sql, owner, past, id, listing.limit + 1)
        sql = self.sql[_listing("list_children", listing.sort, listing.descending)]
        return await db.fetch(sql, owner, past, id, listing.limit + 1, listing.parent)

    async def usage(self, db: Database, owner: UserId, quota: int) -> Row | None:
        return await db.fetchrow(self.sql["usage"], owner, quota)

    # -- purge -------------------------------------------------------------------------------------

    async def condemn(self, tx: Connection, limit: int) -> None:
        await tx.execute(self.sql["condemn"], limit)

    async def lease_purges(self, tx: Connection, lease: LeaseId, limit: int, term: timedelta) -> Sequence[Row]:
        return await tx.fetch(self.sql["lease_purges"], lease, limit, term)

    async def lock_leased_owners(
        self, tx: Connection, lease: LeaseId, owners: Sequence[UserId], ids: Sequence[UploadId]
    ) -> None:
        await tx.execute(self.sql["lock_leased_owners"], lease, owners, ids)

    async def finish_purges(
        self, tx: Connection, lease: LeaseId, owners: Sequence[UserId], ids: Sequence[UploadId], tombstone: timedelta
    ) -> int:
        return int(await tx.fetchval(self.sql["finish_purges"], lease, owners, ids, tombstone))

    async def known(self, db: Database, owners: Sequence[UserId], ids: Sequence[UploadId]) -> Sequence[bool]:
        return [row["known"] for row in await db.fetch(self.sql["known"], owners, ids)]

    # -- the rest ----------------------------------------------------------------------------------

    async def try_key(self, tx: Connection, owner: UserId, key: str) -> bool:
        return bool(await tx.fetchval(self.sql["try_key"], str(owner), key))

    async def remember(
        self, tx: Connection, owner: UserId, key: str, fingerprint: bytes, made: UUID, answers: bytes | None = None
    ) -> bool:
        return await tx.fetchval(self.sql["remember"], owner, key, fingerprint, made, answers) is not None

    async def remembered(self, tx: Connection, owner: UserId, key: str) -> Row | None:
        return await tx.fetchrow(self.sql["remembered"], owner, key)

    async def forget_keys(self, db: Database) -> int:
        return await db.execute(self.sql["forget_keys"])

    async def bury(self, db: Database, letter: contract.DeadLetter) -> None:
        await db.execute(self.sql["bury"], letter.id, letter.subject, letter.reason, letter.payload, letter.deliveries)

    async def queues(self, db: Database) -> Row | None:
        return await db.fetchrow(self.sql["queues"])

    async def versions_after(self, db: Database, owner: UUID, id: UUID, limit: int) -> Sequence[Row]:
        return await db.fetch(self.sql["versions_after"], owner, id, limit)

    async def mark_versions(
        self, db: Database, owners: Sequence[UUID], ids: Sequence[UUID], missing: Sequence[bool]
    ) -> None:
        await db.execute(self.sql["mark_versions"], owners, ids, missing)


def _listing(scope: str, sort: contract.Sort, descending: bool) -> str:
    return f"{scope}_{sort.value}_{'descending' if descending else 'ascending'}"
