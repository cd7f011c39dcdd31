"""The statements of listings: each template becomes one statement for each sort, direction and filter of stars."""

from __future__ import annotations

from typing import Final

from ...contract import files as contract
from ...postgres import Statements

SHORT_PAGE: Final = 100
"""A page of at most this number of entries is read with a short statement (see `_shorten`)."""

_SORT_COLUMNS = {
    contract.Sort.NAME: "name",
    contract.Sort.MODIFIED: "modified_at",
    contract.Sort.CREATED: "created_at",
    contract.Sort.SIZE: "size",
}
_FIND_BY_NAME = "find_by_name"
_PAGE_WITH_LAST_CHANGE = """\
SELECT g.last_change, page.* FROM files.usage g LEFT JOIN LATERAL (
{page}
) page ON true WHERE g.owner_id = $1"""
_SHORT_PAGE = "SELECT * FROM (\n{page}\n) short_page LIMIT $4"
_FILTERS = {
    None: ("", "", " AND kind = 'file'"),
    True: ("_starred", " AND starred", " AND starred"),
    False: ("_unstarred", " AND NOT starred", " AND NOT starred AND kind = 'file'"),
}
"""For each value of `starred`: the end of the name of a statement, its condition in one folder, and its condition in
all folders."""


def expand_listings(statements: Statements) -> dict[str, str]:
    """Return all statements. Each template of a listing is replaced by the statements that are made from it."""
    expanded = dict(statements)
    expanded[_FIND_BY_NAME] = _with_last_change(expanded[_FIND_BY_NAME])
    children, children_by_name, all_files = (
        expanded.pop(name) for name in ("list_children", "list_children_by_name", "list_all")
    )
    for sort, column in _SORT_COLUMNS.items():
        by_name = sort is contract.Sort.NAME
        templates = {"list_children": children_by_name if by_name else children, "list_all": all_files}
        for descending in (False, True):
            direction, after = ("DESC", "<") if descending else ("ASC", ">")
            for suffix, in_folder, in_all in _FILTERS.values():
                for scope, template in templates.items():
                    starred = in_all if scope == "list_all" else in_folder
                    page = template.format(column=column, direction=direction, after=after, starred=starred)
                    expanded[listing_name(scope + suffix, sort, descending)] = _with_last_change(page)
                    if scope == "list_children":
                        short_name = listing_name(scope + suffix + "_short", sort, descending)
                        expanded[short_name] = _with_last_change(_shorten(page))
    return expanded


def _shorten(page: str) -> str:
    """Return the statement of a page of at most `SHORT_PAGE` entries.

    PostgreSQL keeps the plan of a prepared statement if a plan for all parameters does not cost more than new plans for
    each call. If the limit is a parameter, PostgreSQL expects a tenth of all rows, and plans each call anew. The
    planning then takes longer than reading the page. With a constant limit in the inner query, PostgreSQL expects a
    tenth of that limit, keeps the plan, and reads only as many rows as the outer limit allows.
    """
    return _SHORT_PAGE.replace("{page}", page.rstrip().rstrip(";").replace("LIMIT $4", f"LIMIT {SHORT_PAGE + 1}"))


def _with_last_change(page: str) -> str:
    """Return a statement for a page, with the number of the owner's last change in front of each row.

    The page and the number are from one snapshot, so a client that reads the changes after this number misses no
    change. An empty page has one row without a file. The usage table has one row for the owner, so the join keeps the
    order of the page.
    """
    return _PAGE_WITH_LAST_CHANGE.replace("{page}", page.rstrip().rstrip(";"))


def listing_name(scope: str, sort: contract.Sort, descending: bool) -> str:
    return f"{scope}_{sort.value}_{'descending' if descending else 'ascending'}"


def name_suffix(starred: bool | None) -> str:
    """Return the end of the name of a listing statement with this filter of stars."""
    return _FILTERS[starred][0]
