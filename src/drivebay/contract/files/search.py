"""Search over the names of entries."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import FileId
from .access import Access
from .entries import File, Kind


class Search(msgspec.Struct, frozen=True):
    """A query over names, and filters that all results must pass.

    `text` has 1 to 255 characters. `media_type` is a media type, or `image`, `video`, `audio` or `document`. Sizes are
    in bytes, and both limits are inclusive. Times are exclusive. `below` is a folder. Results are in it or in folders
    below it. `starred` True finds only entries with a star, and False only entries without a star. `limit` is 1 to
    1,000. `cursor` continues a search whose other fields are equal.
    """

    text: str
    kind: Kind | None = None
    media_type: str | None = None
    min_size: int | None = None
    max_size: int | None = None
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    below: FileId | None = None
    limit: int = 100
    cursor: str | None = None
    starred: bool | None = None


class FoundFile(msgspec.Struct, frozen=True):
    """A result of a search. `path` has the names from the root to the entry, each after a slash."""

    file: File
    path: str


class SearchPage(msgspec.Struct, frozen=True):
    """One page of results, best first. `next_cursor` gets the next page and is None on the last page.

    One call reads a bounded number of names. If few of them pass the filters, a page has fewer results than the limit,
    or no results, and still a `next_cursor`.
    """

    items: tuple[FoundFile, ...]
    next_cursor: str | None


class Searches(Protocol):
    async def search_files(self, access: Access, search: Search) -> SearchPage:
        """Return one page of the files and folders whose name matches the text. Entries in the trash are not found.

        Names are compared without case and accents. The best results come first: names that begin with the text, in
        alphabetical order; then names that contain the text; then names that contain the text with one misspelling. A
        misspelling is a letter missing, added or wrong, or two letters swapped. The last two kinds are ordered newest
        first. A text of fewer than 4 or more than 32 characters finds no misspellings. The newest 4,000 names are
        searched for any misspelling. In older names, a misspelling is found only in a whole word of 4 to 16 letters.
        Names from before an upgrade are found when `index_names` has added them.

        An access with grants searches below a folder that it reaches. Paths begin at the highest granted item.

        Raises NotFound (the folder `below`), Forbidden (an access with grants without `below`), InvalidRequest,
        InvalidCursor, Unavailable (the search took too long).
        """
        ...

    async def index_names(self, limit: int) -> int:
        """Add the search names of up to `limit` (1 to 1,000) entries that are older than the search. Return the number
        of entries that were read.

        0 means that none are left, or that other calls are adding them. Calls may run at the same time. Raises
        InvalidRequest.
        """
        ...
