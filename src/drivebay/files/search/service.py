"""Search over names, best results first.

A search runs up to five kinds of scans, one after another, until its page is full. Each kind of scan finds other
matches, and reads the names in its own order. So the position of a page is a kind of scan and the last name that it has
read. One call reads a bounded number of names, and each of its statements has a time limit, so that no search can delay
others.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from ...contract.files import Access, FoundFile, Role, Search, SearchPage
from ...contract.ids import ROOT, FileId
from ...errors import FieldError, InvalidCursor, InvalidRequest, NotFound
from ...formats import signed_cursors
from ...formats.signed_cursors import decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..entries.listings import check_page_size
from ..entries.store import EntryStore
from ..permissions.access_scope import AccessScope, require_whole_drive
from ..settings import Settings
from ..storable_text import storable_text
from ..usage.store import UsageStore
from .media_type_filters import GROUP_NAMES, like_patterns
from .misspellings import contains_misspelt, longest_word, split_halves
from .store import Filters, Match, Position, Scan, SearchStore, SearchText, Source

MAX_TEXT: Final = 255
"""The maximum number of characters of the text to search for."""
MAX_BATCH: Final = 1000
"""The maximum number of names that one call copies to the search index."""
_NAMES_PER_SCAN: Final = 4000
"""The number of names that one scan reads. For common names, this fills a page."""
_MAX_SCANS: Final = 8
"""The maximum number of scans in one call. A page that is not full after these scans has a cursor."""
_MAX_CANDIDATES: Final = 1000
"""The maximum number of possibly misspelt names that one scan returns."""
_ORDER: Final = (Source.PREFIX, Source.NEWEST, Source.PAIRS, Source.NEWEST_MISSPELT, Source.WORDS_MISSPELT)
"""The scans of a search, best results first."""
_ScanPosition: TypeAlias = tuple[Source, Position]
"""A kind of scan, and the last name that it has read."""
_MISSPELT: Final = (Source.NEWEST_MISSPELT, Source.WORDS_MISSPELT)


class SearchService:
    """Implements `contract.files.Searches`."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._search = SearchStore()
        self._entries = EntryStore()
        self._scope = AccessScope()
        self._usage = UsageStore()
        self._cursor_key = settings.cursor_key
        self._seconds = settings.search_time.total_seconds()

    async def search_files(self, access: Access, search: Search) -> SearchPage:
        check_page_size(search.limit)
        checked_text = _check_text(search.text)
        filters = _filters(search)
        if search.below is None:
            require_whole_drive(access)
        query = f"search {access.drive} {_digest(search)}"  # guard: search-cursor-query
        start = self._decode_position(query, search.cursor)
        # The check and the search use one snapshot, so that no folder moves between them.
        async with self._db.snapshot() as tx:
            await self._search.limit_time(tx, self._seconds)
            if search.below is not None:
                await self._check_folder(tx, access, search.below)
            text = await self._search.select_search_text(tx, checked_text)
            if not text:
                return SearchPage((), None)
            parsed = SearchText(text, split_halves(text), longest_word(text))
            matches, position = await _Reader(tx, self._search, access, parsed, filters).read(
                start, search.limit, self._seconds
            )
            ids = [match.file.id for match in matches]
            granted = [grant.item for grant in access.grants] or None
            paths = await self._search.select_paths(tx, access.drive, ids, granted) if ids else {}
        items = tuple(FoundFile(match.file, paths[match.file.id]) for match in matches)
        if position is None:
            return SearchPage(items, None)
        source, last = position
        encoded = signed_cursors.Position(f"{_ORDER.index(source)}{last.name}", last.id)
        return SearchPage(items, encode_cursor(self._cursor_key, query, encoded))

    async def index_names(self, limit: int) -> int:
        if not 1 <= limit <= MAX_BATCH:
            raise InvalidRequest(f"limit must be 1 to {MAX_BATCH}")
        async with self._db.transaction() as tx:
            claimed = await self._search.claim_backlog(tx)
            if claimed is None:
                return 0
            owner, after = claimed
            # The lock keeps the owner's names from changing while they are copied.
            await self._usage.lock_usage(tx, owner, self._settings.quota)
            # Return at least 1, also for an owner without entries, because 0 means that no owner is left.
            return max(1, await self._search.index_names(tx, owner, after, limit))

    def _decode_position(self, query: str, cursor: str | None) -> _ScanPosition | None:
        if cursor is None:
            return None
        value = decode_cursor(self._cursor_key, query, cursor)
        text = str(value.value)
        try:
            return _ORDER[int(text[:1])], Position(text[1:], value.id)
        except (ValueError, IndexError):
            raise InvalidCursor from None

    async def _check_folder(self, tx: Connection, access: Access, folder: FileId) -> None:
        await self._scope.require(tx, access, Role.VIEWER, folder)  # guard: search-scope
        if folder != ROOT and not await self._entries.select_ancestors(tx, access.drive, folder):
            raise NotFound(f"no folder {folder}")


class _Reader:
    """Reads one page of one search."""

    def __init__(self, tx: Connection, store: SearchStore, access: Access, text: SearchText, filters: Filters) -> None:
        self._tx = tx
        self._store = store
        self._access = access
        self._text = text
        self._filters = filters

    async def read(
        self, start: _ScanPosition | None, limit: int, seconds: float
    ) -> tuple[list[Match], _ScanPosition | None]:
        """Return up to `limit` matches, and the scan and position of the next page, if there is one.

        After `seconds`, no further scan begins.
        """
        source, after = start or self._first_position(Source.PREFIX)
        found_matches: list[tuple[Source, Match]] = []
        clock = asyncio.get_running_loop()
        ends_at = clock.time() + seconds
        for number in range(_MAX_SCANS):
            if number and clock.time() > ends_at:
                break
            # Read one more match than the page needs, to find out whether there is a next page.
            missing = limit + 1 - len(found_matches)
            max_matches = max(missing, _MAX_CANDIDATES) if source in _MISSPELT else missing
            query = (self._text, self._filters, after)
            scan = await self._store.scan(self._tx, self._access.drive, source, query, max_matches, _NAMES_PER_SCAN)
            found_matches += [(source, match) for match in (await self._select_matches(source, scan))[:missing]]
            if len(found_matches) > limit:
                page = [match for _, match in found_matches[:limit]]
                return page, (found_matches[limit - 1][0], Position(page[-1].name, page[-1].file.id))
            if len(scan.matches) == max_matches:
                after = Position(scan.matches[-1].name, scan.matches[-1].file.id)
                continue
            next_position = self._next_scan_position(source, scan)
            if next_position is None:
                return [match for _, match in found_matches], None
            source, after = next_position
        return [match for _, match in found_matches], (source, after)

    async def _select_matches(self, source: Source, scan: Scan) -> list[Match]:
        if source not in _MISSPELT:
            return list(scan.matches)

        def compare() -> list[Match]:
            # guard: search-misspelt
            return [match for match in scan.matches if contains_misspelt(match.name, self._text.text)]

        # This may take up to a second for names that repeat one letter, which is too long for the event loop.
        return await asyncio.to_thread(compare)

    def _next_scan_position(self, source: Source, scan: Scan) -> _ScanPosition | None:
        """Return where the search continues after a scan whose matches were all returned, or None at the end."""
        if scan.read < _NAMES_PER_SCAN or scan.last is None:  # this was the last name of the source
            if source is Source.PREFIX:
                return self._first_position(Source.NEWEST)
            if source in _MISSPELT or self._text.halves is None:
                return None
            return self._first_position(Source.NEWEST_MISSPELT)
        if source is Source.NEWEST and self._text.has_keys:
            return Source.PAIRS, scan.last
        if source is Source.NEWEST_MISSPELT:
            return None if self._text.word is None else (Source.WORDS_MISSPELT, scan.last)
        return source, scan.last

    def _first_position(self, source: Source) -> _ScanPosition:
        return source, Position.first(source, self._text.text)


def _check_text(text: str) -> str:
    text = text.strip()
    problem = None
    if not 1 <= len(text) <= MAX_TEXT:
        problem = f"must have 1 to {MAX_TEXT} characters besides spaces"
    elif storable_text(text) != text:
        problem = "must be valid Unicode without NUL"
    if problem is not None:
        raise InvalidRequest(f"q {problem}", errors=(FieldError("q", problem),))
    return text


def _filters(search: Search) -> Filters:
    types = None
    if search.media_type is not None:
        types = like_patterns(search.media_type)
        if types is None or storable_text(search.media_type) != search.media_type:
            problem = f"must be a media type, or one of {', '.join(GROUP_NAMES)}"
            raise InvalidRequest(f"type {problem}", errors=(FieldError("type", problem),))
    below = None if search.below == ROOT else search.below
    return Filters(
        None if search.kind is None else search.kind.value,
        types,
        _check_size("min_size", search.min_size),
        _check_size("max_size", search.max_size),
        _check_time("modified_after", search.modified_after),
        _check_time("modified_before", search.modified_before),
        below,
        search.starred,
    )


def _check_size(field: str, size: int | None) -> int | None:
    if size is not None and not 0 <= size < 2**63:
        problem = "must be 0 to 2^63 - 1"
        raise InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))
    return size


def _check_time(field: str, time: datetime | None) -> datetime | None:
    try:
        if time is None or time.tzinfo is not None:
            return None if time is None else time.astimezone(UTC)
    except OverflowError:
        pass
    problem = "must be a time with a time zone, in the years 1 to 9999"
    raise InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))


def _digest(search: Search) -> str:
    """Return a digest of all parameters that affect the results. A cursor is valid only for the same digest."""
    parameters = msgspec.structs.replace(search, limit=0, cursor=None)
    return hashlib.blake2b(msgspec.msgpack.encode(parameters), digest_size=16).hexdigest()
