"""Lists of files, in pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from ...contract.files import Access, File, FilePage, Kind, Listing, Sort
from ...contract.ids import ROOT, DriveId, FileId
from ...errors import FieldError, InvalidCursor, InvalidRequest, NotFound
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..changes.change_cursors import ChangeCursors
from ..file_names import normalize_name
from ..permissions.access_scope import AccessScope, require_whole_drive
from ..settings import Settings
from .store import EntryStore, ReadFiles

MAX_PAGE_SIZE: Final = 1000
LAST_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""A time after every time in the database."""
LAST_ID: Final = UUID(int=2**128 - 1)
FILES_PER_READ: Final = 10_000
"""The first statement of a page may find too few files outside the trash. Then each further statement reads at most
this number of files."""
_MAX_READS: Final = 3
"""The maximum number of statements for one page of a whole drive. A page that is not full after them has a cursor."""
_FIRST_ID: Final = UUID(int=0)
_FIRST_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOWEST_VALUES: Final[dict[Sort, str | int | datetime]] = {
    Sort.NAME: "",
    Sort.SIZE: -1,
    Sort.CREATED: _FIRST_TIME,
    Sort.MODIFIED: _FIRST_TIME,
}
"""For each order, a sort value before the values of all entries."""
_HIGHEST_VALUES: Final[dict[Sort, str | int | datetime]] = {
    # Longer than any name (255 bytes) and made of the highest character, so it sorts after every name.
    Sort.NAME: "\U0010ffff" * 64,
    Sort.SIZE: 2**63 - 1,
    Sort.CREATED: LAST_TIME,
    Sort.MODIFIED: LAST_TIME,
}
"""For each order, a sort value after the values of all entries."""


class ListingService:
    """Implements `list_files` of `contract.files.Entries`."""

    def __init__(self, db: Database, settings: Settings, files_per_read: int = FILES_PER_READ) -> None:
        self._db = db
        self._files_per_read = files_per_read
        self._entries = EntryStore()
        self._scope = AccessScope()
        self._cursor_key = settings.cursor_key
        self._change_cursors = ChangeCursors(settings)

    async def list_files(self, access: Access, listing: Listing) -> FilePage:
        check_page_size(listing.limit)
        if listing.parent is None:
            require_whole_drive(access)  # guard: scope-list-all
        folders = () if listing.parent is None else (listing.parent,)
        async with self._scope.reading(self._db, access, *folders) as (db, _):
            page = await self._read_page(db, access, listing)
        # Hide the cursor of the feed from users of single items, because it reveals how many changes the drive has.
        return msgspec.structs.replace(page, changes_cursor=None) if access.grants else page

    async def _read_page(self, db: Database | Connection, access: Access, listing: Listing) -> FilePage:
        if listing.name is not None:
            return await self._find_by_name(db, access.drive, listing, listing.name)
        query = f"{access.drive} {listing.parent} {listing.sort} {listing.descending}"  # guard: cursor-owner
        if listing.starred is not None:
            query += f" {listing.starred}"  # guard: cursor-starred
        position = self._position(listing, query)
        last: File | None = None
        if listing.parent is None:
            files, last, last_change = await self._read_files(db, access.drive, listing, position)
        else:
            files, last_change = await self._entries.list_page(db, access.drive, listing, position)
            if not files:
                await self._require_folder(db, access.drive, listing.parent)
        if len(files) > listing.limit:
            files.pop()
            last = files[-1]
        next_cursor = None
        if last is not None:
            next_position = Position(_cursor_value(listing.sort, last), last.id)
            next_cursor = encode_cursor(self._cursor_key, query, next_position)
        return FilePage(tuple(files), next_cursor, self._change_cursors.encode(access.drive, last_change))

    async def _read_files(
        self, db: Database | Connection, owner: DriveId, listing: Listing, after: tuple[str | int | datetime, UUID]
    ) -> ReadFiles:
        """Return a page of the files of a drive, with one more than its limit if there is a next page.

        Trashed folders may hide very many files, so this method reads a limited number of files. If these do not fill
        the page, `last` is the last file that was read, and the next page continues after it.
        """
        files: list[File] = []
        last_change = None
        max_read = listing.limit + 1
        for _ in range(_MAX_READS):
            limits = (listing.limit + 1 - len(files), max_read)
            read = await self._entries.read_files(db, owner, listing, after, limits)
            files += read.files
            if last_change is None:
                # A client that reads the changes after this number gets all changes that the later reads may contain.
                last_change = read.last_change
            if len(files) > listing.limit or read.last is None:
                return ReadFiles(files, None, last_change)
            after = (_sort_value(listing.sort, read.last), read.last.id)
            max_read = self._files_per_read
        return ReadFiles(files, read.last, last_change or 0)

    def _position(self, listing: Listing, query: str) -> tuple[str | int | datetime, UUID]:
        if listing.cursor is None:
            if listing.descending:
                return _HIGHEST_VALUES[listing.sort], LAST_ID
            return _LOWEST_VALUES[listing.sort], _FIRST_ID
        position = decode_cursor(self._cursor_key, query, listing.cursor)
        if listing.sort in (Sort.CREATED, Sort.MODIFIED):
            return datetime.fromisoformat(str(position.value)), position.id
        return position.value, position.id

    async def _find_by_name(self, db: Database | Connection, owner: DriveId, listing: Listing, name: str) -> FilePage:
        if listing.parent is None:
            problem = "needs parent_id"
            raise InvalidRequest(f"name {problem}", errors=(FieldError("name", problem),))
        if listing.cursor is not None:
            raise InvalidCursor
        files, last_change = await self._entries.find_by_name(db, owner, listing.parent, normalize_name(name))
        if not files:
            await self._require_folder(db, owner, listing.parent)
        if listing.starred is not None:
            files = [file for file in files if file.starred is listing.starred]
        return FilePage(tuple(files), None, self._change_cursors.encode(owner, last_change))

    async def _require_folder(self, db: Database | Connection, owner: DriveId, id: FileId) -> None:
        if id == ROOT:
            return
        entry = await self._entries.select_entry(db, owner, id)
        if entry is None or entry.kind is not Kind.FOLDER:
            raise NotFound(f"no folder {id}")


def check_page_size(limit: int) -> None:
    """Raise InvalidRequest unless the limit is 1 to 1,000."""
    if not 1 <= limit <= MAX_PAGE_SIZE:
        problem = f"must be 1 to {MAX_PAGE_SIZE}"
        raise InvalidRequest(f"limit {problem}", errors=(FieldError("limit", problem),))


def _cursor_value(sort: Sort, file: File) -> str | int:
    value = _sort_value(sort, file)
    return value.isoformat() if isinstance(value, datetime) else value


def _sort_value(sort: Sort, file: File) -> str | int | datetime:
    if sort is Sort.NAME:
        return file.name
    if sort is Sort.SIZE:
        return file.size
    return file.created_at if sort is Sort.CREATED else file.modified_at
