"""The routes of the change feed."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..route import Parameter, Route
from . import views
from .change_resource import MAX_WAIT, ChangeResource

_CURSOR = Parameter(
    "cursor", "query", {"type": "string"}, "`next_cursor` of the last response, or `changes_cursor` of a list of files"
)
_WAIT = Parameter(
    "wait",
    "query",
    {"type": "integer", "minimum": 0, "maximum": MAX_WAIT, "default": 0},
    "seconds to wait for a change if there is none after the cursor",
)
_LAST_EVENT_ID = Parameter(
    "Last-Event-ID",
    "header",
    {"type": "string"},
    "the `id` of the last event, or a cursor. Default: changes from now on",
)
_READ: Final = (Scope.READ,)


def change_routes(changes: ChangeResource, limit: Parameter) -> tuple[Route, ...]:
    """Return the routes of the change feed. `limit` is the parameter for the length of a page."""
    cursor_errors = (errors.InvalidCursor, errors.CursorExpired)
    return (
        Route(
            "GET", "/v1/changes", "listChanges", "List the changes after a cursor, oldest first; or wait for one",
            changes.list_changes, {200: views.ChangeList}, parameters=(_CURSOR, _WAIT, limit),
            errors=cursor_errors, scopes=_READ,
        ),
        Route(
            "GET", "/v1/events", "streamChanges", "Follow the changes as server-sent events", changes.stream_changes,
            {200: None}, parameters=(_LAST_EVENT_ID,), errors=cursor_errors, response_media_type="text/event-stream",
            scopes=_READ,
        ),
    )  # fmt: skip
