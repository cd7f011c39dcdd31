"""SQL statements of the search over names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from ...contract.files import File
from ...contract.ids import DriveId, FileId
from ...postgres import Connection, Statements
from ..entries.store import file_from

_SUBSTRING: Final = "strpos(s.name, $12) > 1"
# A misspelling leaves one half of the text unchanged, or swaps the two letters in the middle.
_MISSPELT: Final = (
    "strpos(s.name, $12) = 0 AND (strpos(s.name, $14) > 0 OR strpos(s.name, $15) > 0 OR strpos(s.name, $16) > 0)"
)
_MISSPELT_WORD: Final = f"{_MISSPELT} AND $17::text IS NOT NULL"


class Source(Enum):
    """The names that a scan reads, and the condition of a match.

    Only PREFIX matches names that begin with the text. The other scans read the names of the newest entries first.
    """

    PREFIX = "prefix"
    """Reads the names that begin with the text, in the order of names."""
    NEWEST = "newest"
    """Reads all names. Matches contain the text, but do not begin with it."""
    PAIRS = "pairs"
    """Reads the names that have all pairs of characters of the text. Matches as for NEWEST."""
    NEWEST_MISSPELT = "newest_misspelt"
    """Reads all names. The matches are candidates: check each with `contains_misspelt`."""
    WORDS_MISSPELT = "words_misspelt"
    """Reads the names with a word that may be a misspelling of `SearchText.word`. Matches as for NEWEST_MISSPELT."""


_SCAN_PARTS: Final = {
    Source.PREFIX: ("scan_by_name", "$12::text IS NOT NULL"),
    Source.NEWEST: ("scan_newest", _SUBSTRING),
    Source.PAIRS: ("scan_pairs", _SUBSTRING),
    Source.NEWEST_MISSPELT: ("scan_newest", _MISSPELT),
    Source.WORDS_MISSPELT: ("scan_words", _MISSPELT_WORD),
}
_LAST_ID: Final = UUID(int=2**128 - 1)


class Filters(msgspec.Struct, frozen=True):
    """The filters of a search, as the statements take them. `types` are patterns of LIKE for media types."""

    kind: str | None
    types: tuple[str, ...] | None
    min_size: int | None
    max_size: int | None
    modified_after: datetime | None
    modified_before: datetime | None
    below: FileId | None
    starred: bool | None


class SearchText(msgspec.Struct, frozen=True):
    """A text without case and accents, and parts of it, with which the statements find misspelt names.

    `halves` is the result of `split_halves`: a name that contains the text with one misspelling contains one of these
    texts. `word` is the result of `longest_word`.
    """

    text: str
    halves: tuple[str, str, str] | None
    word: str | None

    @property
    def has_keys(self) -> bool:
        """Whether the index has keys for the text. A single character has a key only if it is outside ASCII."""
        return len(self.text) > 1 or not self.text.isascii()


class Position(msgspec.Struct, frozen=True):
    """The last name that a scan has read, and the id of its entry. Only the scan PREFIX uses `name`."""

    name: str
    id: UUID

    @classmethod
    def first(cls, source: Source, text: str) -> Position:
        """Return the position before every name that the scan can find."""
        return cls(text, UUID(int=0)) if source is Source.PREFIX else cls("", _LAST_ID)


class Match(msgspec.Struct, frozen=True):
    """An entry that a scan found. `name` is the search name of the entry: without case and accents."""

    file: File
    name: str


class Scan(msgspec.Struct, frozen=True):
    """The result of one scan: the matches in order, the last name that was read, and how many names were read."""

    matches: tuple[Match, ...]
    last: Position | None
    read: int


class SearchStore:
    def __init__(self) -> None:
        self.statements = _expand_scans(Statements(Path(__file__).with_name("statements.sql")))

    async def limit_time(self, tx: Connection, seconds: float) -> None:
        """Limit each later statement of the transaction to `seconds`, and to one process."""
        await tx.execute(
            f"SET LOCAL statement_timeout = {int(seconds * 1000)}; SET LOCAL max_parallel_workers_per_gather = 0"
        )

    async def select_search_text(self, tx: Connection, text: str) -> str:
        """Return the text without case and accents."""
        return str(await tx.fetchval(self.statements["select_search_text"], text))

    async def scan(
        self, tx: Connection, owner: DriveId, source: Source, query: tuple[SearchText, Filters, Position], limit: int,
        names: int,
    ) -> Scan:  # fmt: skip
        """Read at most `names` names after a position, and return the first `limit` matches."""
        text, filters, after = query
        arguments: list[object] = [owner, *msgspec.structs.astuple(filters), limit, names, text.text, after.id]
        if source is Source.PREFIX:
            arguments.append(after.name)
        elif source in (Source.NEWEST_MISSPELT, Source.WORDS_MISSPELT):
            arguments += text.halves or ("", "", "")
            if source is Source.WORDS_MISSPELT:
                arguments.append(text.word)
        records = await tx.fetch(self.statements[f"scan_{source.value}"], *arguments)
        matches = tuple(_match_from(record) for record in records if record["id"] is not None)
        summary = records[0]
        last = None if summary["last_id"] is None else Position(summary["last_name"], summary["last_id"])
        return Scan(matches, last, summary["read"])

    async def select_paths(
        self, tx: Connection, owner: DriveId, ids: Sequence[FileId], granted: Sequence[FileId] | None
    ) -> Mapping[FileId, str]:
        """Return the path of each entry, from the root of the drive or from the highest of the `granted` items."""
        records = await tx.fetch(self.statements["select_paths"], owner, ids, granted)
        return {record["id"]: record["path"] for record in records}

    async def claim_backlog(self, tx: Connection) -> tuple[DriveId, UUID] | None:
        """Lock the backlog row of a drive with names to add. This is not the lock of the drive.

        Return the drive and the id of the entry whose name was added last. Return None if there is no such drive, or if
        other transactions have locked them all.
        """
        record = await tx.fetchrow(self.statements["claim_search_backlog"])
        return None if record is None else (record["owner_id"], record["after"])

    async def index_names(self, tx: Connection, owner: DriveId, after: UUID, limit: int) -> int:
        """Add the names of the next `limit` entries of a drive, and return their number. Needs its lock."""
        record = await tx.fetchrow(self.statements["index_names"], owner, after, limit)
        assert record is not None  # noqa: S101 - an aggregate without GROUP BY returns one row
        if record["number"] < limit:
            await tx.execute(self.statements["finish_search_backlog"], owner)
        else:
            await tx.execute(self.statements["advance_search_backlog"], owner, record["last"])
        return int(record["number"])


def _expand_scans(statements: Statements) -> dict[str, str]:
    expanded = dict(statements)
    template = expanded.pop("scan")
    sources = {name: expanded.pop(name) for name in {source for source, _ in _SCAN_PARTS.values()}}
    for source, (name, condition) in _SCAN_PARTS.items():
        by_name = source is Source.PREFIX
        expanded[f"scan_{source.value}"] = template.format(
            source=sources[name],
            condition=condition,
            order="s.name, s.id" if by_name else "s.id DESC",
            matched_order="matched.search_name, matched.id" if by_name else "matched.id DESC",
            last="name DESC, id DESC" if by_name else "id",
        )
    return expanded


def _match_from(record: asyncpg.Record) -> Match:
    return Match(file_from(record), record["search_name"])
