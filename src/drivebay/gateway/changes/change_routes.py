"""The routes of the change feed."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..route import Parameter, Route
from . import views
from .activity_resource import ActivityResource
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


def change_routes(
    changes: ChangeResource, activity: ActivityResource, limit: Parameter, page: tuple[Parameter, ...]
) -> tuple[Route, ...]:
    """Return the routes of changes. `limit` is the parameter for the length of a page, `page` the parameters of a
    list."""
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
        Route(
            "GET", "/v1/files/{id}/activity", "listActivity",
            "List the changes of a file or folder in the last 30 days, newest first",
            activity.list_activity, {200: views.ActivityList}, parameters=page,
            errors=(errors.NotFound, errors.InvalidCursor), scopes=_READ,
        ),
    )  # fmt: skip
