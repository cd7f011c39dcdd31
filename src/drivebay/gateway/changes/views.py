"""JSON types of the change feed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from ...contract import auth, files
from ..entries.views import File, file_view
from ..json_types import Time


class Change(msgspec.Struct):
    """One change of a file or folder. `file` is the item at the time of the request, or null if it was deleted for
    good. `trashed`, `restored` and `deleted` of a folder include everything below it. `actor_id` is null for the system
    and for the holder of a link."""

    what: files.ChangeKind
    file: File | None
    file_id: UUID
    at: Time
    actor_id: UUID | None


class ChangeList(msgspec.Struct):
    """Changes in the order in which they took effect. `next_cursor` continues after them."""

    items: list[Change]
    next_cursor: Annotated[str, Meta(description="never null")]


class Activity(msgspec.Struct):
    """One change of a file or folder. `actor_id` is null for the system and for the holder of a link. `actor_name` is
    the display name of the user, or null if the user has no display name. The email address is only in the lists of
    permissions and members."""

    what: files.ChangeKind
    at: Time
    actor_id: UUID | None
    actor_name: str | None


class ActivityList(msgspec.Struct):
    """Changes of one file or folder, newest first."""

    items: list[Activity]
    next_cursor: str | None


def change_view(change: files.Change) -> Change:
    file = None if change.file is None else file_view(change.file)
    return Change(change.kind, file, change.file_id, change.at, change.actor)


def change_list_view(page: files.ChangePage) -> ChangeList:
    return ChangeList([change_view(change) for change in page.items], page.next_cursor)


def activity_list_view(page: files.ActivityPage, users: Iterable[auth.User]) -> ActivityList:
    names = {user.id: user.display_name or None for user in users}
    return ActivityList(
        [
            Activity(each.kind, each.at, each.actor, None if each.actor is None else names.get(each.actor))
            for each in page.items
        ],
        page.next_cursor,
    )
