"""Lists accounts with their usage, in any order of the admin API.

The auth service orders by email and creation. Only the files service knows the usage, so a list in the order of the
usage has two parts: the accounts with stored bytes, in the order of the files service, and the other accounts, in the
order of the auth service. A descending list begins with the first part, an ascending list with the second. A cursor
begins with the letter of its part. After the letter, it has the cursor that files or auth has signed for this list and
this part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...contract.auth import Account, AccountListing, Actor, Auth, UserSort
from ...contract.files import Files, Usage, UsageListing
from ...contract.ids import DriveId, UserId
from ...errors import InvalidCursor

SORTS: Final = ("email", "-email", "used", "-used", "created", "-created")
_WITH_BYTES: Final = "s"
"""The letter of the part with the accounts that have stored bytes."""
_WITHOUT_BYTES: Final = "e"
"""The letter of the part with the accounts that have no stored bytes."""
_STARTS: Final = {"S": _WITH_BYTES, "E": _WITHOUT_BYTES}
"""The part of each letter that a cursor at the beginning of a part has. Other cursors have the letter of the part."""
_MAX_READ_PAGES: Final = 10
"""The maximum number of pages of a service that one request reads. The response may then be a page that is not full."""


@dataclass(frozen=True, slots=True)
class UserQuery:
    """The parameters of a list of accounts. `sort` is one of `SORTS`."""

    query: str
    sort: str
    limit: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class UserPage:
    """Accounts with their usage, and the cursor of the next page."""

    items: tuple[tuple[Account, Usage], ...]
    next_cursor: str | None


class UserLister:
    """Lists all accounts for an admin."""

    def __init__(self, auth: Auth, files: Files) -> None:
        self._auth = auth
        self._files = files

    async def list_users(self, actor: Actor, query: UserQuery) -> UserPage:
        """Return one page. Raises Forbidden (the actor is no admin), InvalidCursor, InvalidRequest."""
        if query.sort.removeprefix("-") == "used":
            return await self._list_by_usage(actor, query)
        listing = AccountListing(
            query=query.query,
            sort=UserSort(query.sort.removeprefix("-")),
            descending=query.sort.startswith("-"),
            limit=query.limit,
            cursor=query.cursor,
        )
        page = await self._auth.list_accounts(actor, listing)
        return UserPage(await self._with_usage(page.items), page.next_cursor)

    async def _list_by_usage(self, actor: Actor, query: UserQuery) -> UserPage:
        descending = query.sort.startswith("-")
        parts = (_WITH_BYTES, _WITHOUT_BYTES) if descending else (_WITHOUT_BYTES, _WITH_BYTES)
        part, cursor = parts[0], None
        if query.cursor is not None:
            part, cursor = await self._parse_cursor(actor, query, query.cursor)
        accounts: list[tuple[Account, Usage]] = []
        for _ in range(_MAX_READ_PAGES):
            missing_count = query.limit - len(accounts)
            read_part = self._read_with_bytes if part == _WITH_BYTES else self._read_without_bytes
            items, cursor = await read_part(actor, query, missing_count, cursor)
            accounts += items
            if cursor is None:
                if part == parts[1]:
                    return UserPage(tuple(accounts), None)
                part = parts[1]
            if len(accounts) >= query.limit:
                break
        if cursor is not None:
            return UserPage(tuple(accounts), f"{part}.{cursor}")
        start = await self._auth.list_accounts(actor, _start_listing(query, part, None))
        return UserPage(tuple(accounts), f"{part.upper()}.{start.first_cursor or ''}")

    async def _parse_cursor(self, actor: Actor, query: UserQuery, cursor: str) -> tuple[str, str | None]:
        """Return the part and the cursor in it, or None for the beginning of the part. Raises InvalidCursor."""
        part, _, rest = cursor.partition(".")
        if part in _STARTS and rest:
            # Auth refuses the cursor unless it was made for this list.
            await self._auth.list_accounts(actor, _start_listing(query, _STARTS[part], rest))
            return _STARTS[part], None
        if part not in (_WITH_BYTES, _WITHOUT_BYTES) or not rest:
            raise InvalidCursor
        return part, rest

    async def _read_with_bytes(
        self, actor: Actor, query: UserQuery, limit: int, cursor: str | None
    ) -> tuple[tuple[tuple[Account, Usage], ...], str | None]:
        """Return some of the next accounts with stored bytes, at most `limit`."""
        # Let auth check the role first: an empty page of the files service would not show that the actor is no admin.
        await self._auth.get_accounts(actor, ())
        listing = UsageListing(query.sort.startswith("-"), limit, cursor, f"{query.sort} {query.query}")
        page = await self._files.list_usages(listing)
        usages = {UserId(item.drive): item.usage for item in page.items}
        accounts = await self._auth.get_accounts(actor, tuple(usages), query.query)
        return tuple((account, usages[account.id]) for account in accounts), page.next_cursor

    async def _read_without_bytes(
        self, actor: Actor, query: UserQuery, limit: int, cursor: str | None
    ) -> tuple[tuple[tuple[Account, Usage], ...], str | None]:
        """Return some of the next accounts without stored bytes, at most `limit`."""
        descending = query.sort.startswith("-")
        # guard: usage-cursor-list
        listing = AccountListing(
            query.query, UserSort.CREATED, descending, limit, cursor, _cursor_context(query, _WITHOUT_BYTES)
        )
        page = await self._auth.list_accounts(actor, listing)
        items = await self._with_usage(page.items)
        return tuple(item for item in items if item[1].used_bytes == 0), page.next_cursor

    async def _with_usage(self, accounts: tuple[Account, ...]) -> tuple[tuple[Account, Usage], ...]:
        usages = await self._files.get_usages(tuple(DriveId(account.id) for account in accounts))
        return tuple(zip(accounts, usages, strict=True))


def _start_listing(query: UserQuery, part: str, cursor: str | None) -> AccountListing:
    """Return a listing of auth, to get a signed cursor for the beginning of a part, or to verify such a cursor."""
    return AccountListing(query.query, limit=1, cursor=cursor, context=_cursor_context(query, f"start of {part}"))


def _cursor_context(query: UserQuery, part: str) -> str:
    return f"{query.sort} {part}"
