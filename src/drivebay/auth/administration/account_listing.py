"""Lists of accounts, page by page."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from ...contract.auth import AccountListing, AccountPage, UserSort
from ...errors import FieldError, InvalidCursor, InvalidRequest
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ..store import Executor
from . import store

MAX_PAGE: Final = 1000
"""The maximum number of accounts in one page."""
MAX_QUERY: Final = 254
"""The maximum number of characters of a query. No email address is longer."""
_FIRST: Final = Position("", UUID(int=0))
"""The position before the first account. No account has an empty email or an empty time."""


async def list_accounts(db: Executor, cursor_key: bytes, listing: AccountListing) -> AccountPage:
    """Return one page. Raises InvalidRequest, InvalidCursor."""
    check_limit(listing.limit)
    query = fold_query(listing.query)
    list_query = f"accounts {listing.sort.value} {listing.descending} {query}"
    if listing.context:
        list_query = f"{listing.context}\0{list_query}"  # guard: account-cursor-context
    after = _first_position(listing)
    first_cursor = encode_cursor(cursor_key, list_query, _FIRST)
    if listing.cursor is not None:
        position = decode_cursor(cursor_key, list_query, listing.cursor)
        after = after if position == _FIRST else _parse_position(listing.sort, position)
    order = (listing.sort, listing.descending)
    accounts = await store.list_accounts(db, order, query, after, listing.limit + 1)
    items, next_cursor = tuple(row.account for row in accounts[: listing.limit]), None
    if len(accounts) > listing.limit:
        last = accounts[listing.limit - 1]
        by_email = listing.sort is UserSort.EMAIL
        value = last.email_key if by_email else last.account.created_at.isoformat()
        next_cursor = encode_cursor(cursor_key, list_query, Position(value, last.account.id))
    return AccountPage(items, next_cursor, first_cursor)


def fold_query(query: str) -> str:
    """Return a query in NFC and case-folded, as the keys of emails are stored.

    Raises InvalidRequest for a text that is too long or cannot be stored.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", query).casefold())
    is_storable = not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in folded)
    if len(query) > MAX_QUERY or not is_storable:
        problem = f"must be at most {MAX_QUERY} characters of valid text"
        raise InvalidRequest(f"q {problem}", errors=(FieldError("q", problem),))
    return folded


def check_limit(limit: int) -> None:
    """Raise InvalidRequest if the number of items of a page is not from 1 to 1,000."""
    if not 1 <= limit <= MAX_PAGE:
        problem = f"must be 1 to {MAX_PAGE}"
        raise InvalidRequest(f"limit {problem}", errors=(FieldError("limit", problem),))


def _first_position(listing: AccountListing) -> tuple[object, UUID]:
    if listing.sort is UserSort.EMAIL:
        return None, UUID(int=0)
    if listing.descending:
        return datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1)
    return datetime.min.replace(tzinfo=UTC), UUID(int=0)


def _parse_position(sort: UserSort, position: Position) -> tuple[object, UUID]:
    if sort is UserSort.EMAIL:
        return str(position.value), position.id
    try:
        return datetime.fromisoformat(str(position.value)), position.id
    except ValueError:
        raise InvalidCursor from None
