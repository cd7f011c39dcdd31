"""Reads the audit log, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from ...contract.auth import Actor, AuditPage, AuditQuery
from ...errors import FieldError, InvalidCursor, InvalidRequest
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Database
from ..administration.account_listing import check_limit
from ..administration.admins import require_admin
from . import store

_MAX_ACTION: Final = 64
_BEFORE_FIRST_PAGE: Final = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
"""The position before the first page. It is after the time of every event, because the newest events are listed
first."""


class AuditReader:
    """The method of `contract.auth.Administration` that reads the audit log. `cursor_key` signs cursors."""

    def __init__(self, database: Database, cursor_key: bytes) -> None:
        self._database = database
        self._cursor_key = cursor_key

    async def list_audit_events(self, actor: Actor, query: AuditQuery) -> AuditPage:
        await require_admin(self._database, actor)
        check_limit(query.limit)
        _check_action(query.action)
        list_query = f"audit {query.user} {query.action} {query.since} {query.until}"
        after = _BEFORE_FIRST_PAGE
        if query.cursor is not None:
            after = _parse_position(decode_cursor(self._cursor_key, list_query, query.cursor))
        events = await store.list_events(self._database, query, after, query.limit + 1)
        items, next_cursor = tuple(events[: query.limit]), None
        if len(events) > query.limit:
            position = Position(items[-1].at.isoformat(), items[-1].id)
            next_cursor = encode_cursor(self._cursor_key, list_query, position)
        return AuditPage(items, next_cursor)


def _check_action(action: str | None) -> None:
    if action is not None and not (len(action) <= _MAX_ACTION and action.isascii() and action.isprintable()):
        problem = f"must be at most {_MAX_ACTION} printable ASCII characters"
        raise InvalidRequest(f"action {problem}", errors=(FieldError("action", problem),))


def _parse_position(position: Position) -> tuple[datetime, UUID]:
    try:
        return datetime.fromisoformat(str(position.value)).astimezone(UTC), position.id
    except ValueError:
        raise InvalidCursor from None
