"""JSON types of the search."""

from __future__ import annotations

import msgspec

from ...contract import files
from ..entries.views import File, file_view


class FoundFile(File, kw_only=True):
    """A result of a search: a file or a folder, and its path, such as `/reports/2026/a.pdf`."""

    path: str


class SearchResults(msgspec.Struct):
    """One page of results, best first.

    A page may have fewer items than `limit`, or no items, although there are more results. Continue while `next_cursor`
    is not null.
    """

    items: list[FoundFile]
    next_cursor: str | None


def search_results_view(page: files.SearchPage) -> SearchResults:
    return SearchResults([_found_file_view(result) for result in page.items], page.next_cursor)


def _found_file_view(result: files.FoundFile) -> FoundFile:
    return FoundFile(**msgspec.structs.asdict(file_view(result.file)), path=result.path)
