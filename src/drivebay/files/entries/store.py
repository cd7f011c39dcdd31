"""SQL statements on files and folders outside the trash.

Methods that take a `Connection`, and no `Database`, need the lock of the drive (see `files/usage/store.py`),
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from ...contract import files as contract
from ...contract.ids import DriveId, FileId
from ...errors import Unavailable
from ...postgres import Connection, Database, Statements
from ..file_names import NumberedForm
from ..object_keys import object_key
from .listing_statements import SHORT_PAGE, expand_listings, listing_name, name_suffix

_properties_decoder = msgspec.json.Decoder(dict[str, str])
_KINDS = {"file": contract.Kind.FILE, "folder": contract.Kind.FOLDER}


class TreeEntry(NamedTuple):
    """An entry of one of several trees. `top` is the number of the tree, from 1 on.

    `depth` is 0 for the top of the tree, 1 for the entries in it, and so on.
    """

    top: int
    id: FileId
    parent: FileId
    kind: contract.Kind
    name: str
    size: int
    modified_at: datetime
    depth: int


class ReadFiles(NamedTuple):
    """Files of a whole drive that are outside the trash, and the number of the last change that they contain.

    `last` is the last file that was read, perhaps a hidden file, or None if all files were read.
    """

    files: list[contract.File]
    last: contract.File | None
    last_change: int


class IgnoredNames(NamedTuple):
    """Two taken names that are ignored: the name of this pending upload, and the name of the entry itself."""

    except_upload: UUID
    own_name: str | None


class EntryStore:
    """`statements` has one statement of each list for each sort and direction, such as `list_all_size_ascending`."""

    def __init__(self) -> None:
        self.statements = expand_listings(Statements(Path(__file__).with_name("statements.sql")))

    async def select_taken_names(
        self, tx: Connection, owner: DriveId, parent: FileId, names: Sequence[str], except_upload: UUID
    ) -> frozenset[str]:
        """Return the names that an entry outside the trash or a pending upload has.

        The upload `except_upload` is ignored.
        """
        records = await tx.fetch(self.statements["select_taken_names"], owner, parent, names, except_upload)
        return frozenset(record["name"] for record in records)

    async def select_taken_names_in_trash(
        self, tx: Connection, owner: DriveId, parent: FileId, names: Sequence[str], *ids: UUID
    ) -> frozenset[str]:
        """Return the names that will be taken in a trashed folder after the folder is restored.

        `ids` are the upload that is ignored, and the entry with which the folder was trashed.
        """
        records = await tx.fetch(self.statements["select_taken_names_in_trash"], owner, parent, names, *ids)
        return frozenset(record["name"] for record in records)

    async def select_free_number(
        self,
        tx: Connection,
        place: tuple[DriveId, FileId, FileId | None],
        form: NumberedForm,
        start: int,
        ignored: IgnoredNames,
    ) -> int:
        """Return the first number from `start` on whose name no entry and no pending upload has, or `form.stop` or
        more.

        `place` has the owner, the folder, and the entry with which the folder was trashed, or None.
        """
        owner, parent, trashed_with = place
        arguments = (form.prefix, form.suffix, start, *ignored, trashed_with)
        return int(await tx.fetchval(self.statements["select_free_number"], owner, parent, *arguments))

    async def select_entry(self, db: Database | Connection, owner: DriveId, id: FileId) -> contract.File | None:
        """Return an entry outside the trash, or None. Needs no lock."""
        record = await db.fetchrow(self.statements["select_entry"], owner, id)
        return None if record is None else file_from(record)

    async def select_entry_with_parts(
        self, db: Database | Connection, owner: DriveId, id: FileId
    ) -> contract.File | None:
        """Return an entry outside the trash with the part size and the checksum of its parts, or None."""
        record = await db.fetchrow(self.statements["select_entry_with_parts"], owner, id)
        if record is None:
            return None
        file = file_from(record)
        if record["parts_sha256"] is None:
            return file
        return msgspec.structs.replace(file, part_size=record["part_size"], parts_sha256=record["parts_sha256"])

    async def select_entry_by_name(
        self, db: Database | Connection, owner: DriveId, parent: FileId, name: str
    ) -> contract.File | None:
        """Return the entry with this name in a folder, or None. A trashed entry is ignored. Needs no lock.

        The caller has checked the folder.
        """
        record = await db.fetchrow(self.statements["select_entry_by_name"], owner, parent, name)
        return None if record is None else file_from(record)

    async def find_by_name(
        self, db: Database | Connection, owner: DriveId, parent: FileId, name: str
    ) -> tuple[list[contract.File], int]:
        """Return the entry with this name in a folder outside the trash, and the number of the owner's last change.

        The result has the form of `list_page`: a list of at most one entry, and the number.
        """
        records = await db.fetch(self.statements["find_by_name"], owner, parent, name)
        if not records:
            return [], 0
        return [file_from(record) for record in records if record["id"] is not None], records[0]["last_change"]

    async def select_content(self, db: Database | Connection, owner: DriveId, id: FileId) -> contract.Content | None:
        """Return the content of a file outside the trash, or None."""
        record = await db.fetchrow(self.statements["select_content"], owner, id)
        return None if record is None else content_from(owner, record)

    async def select_contents(
        self, db: Database | Connection, owner: DriveId, ids: Sequence[FileId]
    ) -> dict[FileId, contract.Content]:
        """Return the contents of the files that are outside the trash."""
        return {id: content for id, (_, content) in (await self.select_versions(db, owner, ids)).items()}

    async def select_versions(
        self, db: Database | Connection, owner: DriveId, ids: Sequence[FileId]
    ) -> dict[FileId, tuple[UUID, contract.Content]]:
        """Return the current versions of the files that are outside the trash, with their contents."""
        records = await db.fetch(self.statements["select_contents"], owner, ids)
        return {record["id"]: (record["version_id"], content_from(owner, record)) for record in records}

    async def select_tree(self, tx: Connection, owner: DriveId, tops: Sequence[FileId], limit: int) -> list[TreeEntry]:
        """Return up to `limit` entries: those in `tops` and everything below them, each folder before its contents.

        Needs no lock.
        """
        records = await tx.fetch(self.statements["select_tree"], owner, tops, limit)
        return [
            TreeEntry(top, id, parent, _KINDS[kind], name, size, modified_at, depth)
            for top, id, parent, kind, name, size, modified_at, depth in records
        ]

    async def select_ancestors(self, tx: Connection, owner: DriveId, folder: FileId) -> tuple[FileId, ...]:
        """Return the folder and the folders above it, nearest first. Needs no lock.

        Return nothing for a file, for a folder in the trash, and for an id that does not exist.
        """
        return tuple(record["id"] for record in await tx.fetch(self.statements["select_ancestors"], owner, folder))

    async def select_untrashed_folders(
        self, tx: Connection, folders: Collection[tuple[DriveId, FileId]]
    ) -> frozenset[tuple[DriveId, FileId]]:
        """Return the folders that are outside the trash, as pairs of owner and id."""
        owners, ids = zip(*folders, strict=True)
        records = await tx.fetch(self.statements["select_untrashed_folders"], owners, ids)
        return frozenset((record["owner_id"], record["id"]) for record in records)

    async def select_height(self, tx: Connection, owner: DriveId, folder: FileId) -> int:
        """Return the number of levels of folders from this folder down, including it."""
        return int(await tx.fetchval(self.statements["select_height"], owner, folder))

    async def select_along_path(
        self, db: Database | Connection, owner: DriveId, parent: FileId, names: Sequence[str]
    ) -> list[contract.File]:
        """Return the existing entries of a path below `parent`, from the top down. Needs no lock."""
        records = await db.fetch(self.statements["select_along_path"], owner, parent, names)
        return [file_from(record) for record in records]

    async def select_path(self, db: Database | Connection, owner: DriveId, id: FileId) -> tuple[contract.File, ...]:
        """Return the folders above an entry from the top down, and the entry. Empty if there is no such entry."""
        return tuple(file_from(record) for record in await db.fetch(self.statements["select_path"], owner, id))

    async def measure_tree(self, db: Database, owner: DriveId, folder: FileId) -> contract.TreeSize:
        """Return the size of everything below a folder. Raises Unavailable if that takes too long."""
        async with db.transaction() as tx:
            await tx.execute(self.statements["limit_measurement"])
            try:
                record = await tx.fetchrow(self.statements["measure_tree"], owner, folder)
            except asyncpg.QueryCanceledError:
                raise Unavailable(
                    "the folder has too many entries to count them now; measure the folders in it"
                ) from None
        assert record is not None  # noqa: S101 - an aggregate returns a row
        return contract.TreeSize(*record)

    async def insert_folder(
        self, tx: Connection, access: contract.Access, id: FileId, parent: FileId, name: str
    ) -> contract.File:
        """Insert a folder and return it."""
        created_at = await tx.fetchval(self.statements["insert_folder"], access.drive, id, parent, name, access.actor)
        return new_folder(access, id, parent, name, created_at)

    async def update_entry(
        self, tx: Connection, access: contract.Access, changed: contract.File, kind: contract.ChangeKind
    ) -> contract.File | None:
        """Set the name, parent, time, star and properties of an entry outside the trash to the values in `changed`.

        Return None when the owner has no such entry.
        """
        record = await tx.fetchrow(
            self.statements["update_entry"],
            access.drive,
            changed.id,
            changed.name,
            changed.parent,
            changed.modified_at,
            changed.starred,
            msgspec.json.encode(changed.properties).decode() if changed.properties else None,
            access.actor,
            kind.value,
        )
        return None if record is None else file_from(record)

    async def replace_file(
        self, tx: Connection, access: contract.Access, target: FileId, source: FileId
    ) -> contract.File | None:
        """Make the content of `source` the current version of `target`, delete the entry `source`, and return `target`.

        The versions of both stay. Return None if one of the files does not exist, or if it is too late to restore
        `source` from the trash.
        """
        record = await tx.fetchrow(self.statements["replace_file"], access.drive, target, source, access.actor)
        return None if record is None else file_from(record)

    async def list_page(
        self,
        db: Database | Connection,
        owner: DriveId,
        listing: contract.Listing,
        after: tuple[str | int | datetime, UUID],
    ) -> tuple[list[contract.File], int]:
        """Return the files of a folder after a position (sort value and id), and the number of the last change that
        they contain.

        Return one more file than the limit if there is a next page.
        """
        scope = "list_children" + name_suffix(listing.starred)
        if listing.limit <= SHORT_PAGE:  # guard: short-page
            scope += "_short"
        sql = self.statements[listing_name(scope, listing.sort, listing.descending)]
        records = await db.fetch(sql, owner, *after, listing.limit + 1, listing.parent)
        if not records:  # an owner without a usage row
            return [], 0
        last_change = records[0]["last_change"]
        if records[0]["id"] is None:
            return [], last_change
        return [_file_from_columns(owner, record) for record in records], last_change

    async def read_files(
        self,
        db: Database | Connection,
        owner: DriveId,
        listing: contract.Listing,
        after: tuple[str | int | datetime, UUID],
        limits: tuple[int, int],
    ) -> ReadFiles:
        """Return files of the whole drive after a position (sort value and id).

        `limits` are the maximum number of files to return, and the maximum number to read: trashed folders hide some of
        the files that are read.
        """
        scope = "list_all" + name_suffix(listing.starred)
        sql = self.statements[listing_name(scope, listing.sort, listing.descending)]
        records = await db.fetch(sql, owner, *after, *limits)
        last_change = records[0]["last_change"] if records else 0
        if not records or records[0]["id"] is None:
            return ReadFiles([], None, last_change)
        # guard: trash-above-listed-files
        files = [_file_from_columns(owner, record) for record in records if not record["is_hidden"]]
        last = _file_from_columns(owner, records[-1]) if records[-1]["is_last"] else None
        return ReadFiles(files, last, last_change)


def file_from(record: asyncpg.Record) -> contract.File:
    """Return the file or folder of a row of files.entries."""
    id = record["id"]
    return contract.File(
        id=id,
        kind=_KINDS[record["kind"]],
        name=record["name"],
        parent=record["parent_id"],
        size=record["size"],
        content_type=record["content_type"],
        sha256=record["sha256"],
        etag=_entity_tag(id, record["revision"]),
        created_at=record["created_at"],
        modified_at=record["modified_at"],
        drive=record["owner_id"],
        version=record["version_id"],
        starred=record["starred"],
        properties=_properties_from(record["properties"]),
        created_by=record["created_by"],
        modified_by=record["modified_by"],
    )


def _properties_from(text: str | None) -> dict[str, str]:
    return {} if text is None else _properties_decoder.decode(text)


def _file_from_columns(owner: DriveId, record: asyncpg.Record) -> contract.File:
    # Lists read far more rows than other statements. Access by position is faster than by name.
    _, id, kind, name, parent, size, content_type, sha256, revision, created_at, modified_at, *others = record
    version, starred, properties, created_by, modified_by = others[:5]
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
        drive=owner,
        version=version,
        starred=starred,
        properties=_properties_from(properties),
        created_by=created_by,
        modified_by=modified_by,
    )


def new_folder(access: contract.Access, id: FileId, parent: FileId, name: str, created_at: datetime) -> contract.File:
    """Return a folder as it is right after its creation."""
    return contract.File(
        id=id,
        kind=contract.Kind.FOLDER,
        name=name,
        parent=parent,
        size=0,
        content_type="",
        sha256=None,
        etag=_entity_tag(id, 1),
        created_at=created_at,
        modified_at=created_at,
        drive=access.drive,
        created_by=access.actor,
        modified_by=access.actor,
    )


def _entity_tag(id: UUID, revision: int) -> str:
    return f'"{id.hex}-{revision:x}"'


def content_from(owner: DriveId, record: asyncpg.Record) -> contract.Content:
    """Return the content of a row with the columns of a version and the name of its file."""
    parts_sha256 = record["parts_sha256"]
    return contract.Content(
        key=record["key"] or object_key(owner, record["version_id"]),  # guard: content-copied-key
        name=record["name"],
        content_type=record["content_type"],
        size=record["size"],
        sha256=record["sha256"],
        part_size=record["part_size"] if parts_sha256 else None,
        parts_sha256=parts_sha256,
        etag=record["etag"] or "",
    )
