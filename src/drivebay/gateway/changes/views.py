"""JSON types of the change feed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from ...contract import files
from ..entries.views import File, file_view
from ..json_types import Time


class Change(msgspec.Struct):
    """One change of a file or folder. `file` is the item at the time of the request, or null if it was deleted for
    good. `trashed`, `restored` and `deleted` of a folder include everything below it. `actor_id` is null for the
    system."""

    what: files.ChangeKind
    file: File | None
    file_id: UUID
    at: Time
    actor_id: UUID | None


class ChangeList(msgspec.Struct):
    """Changes in the order in which they took effect. `next_cursor` continues after them."""

    items: list[Change]
    next_cursor: Annotated[str, Meta(description="never null")]


def change_view(change: files.Change) -> Change:
    file = None if change.file is None else file_view(change.file)
    return Change(change.what, file, change.file_id, change.at, change.actor)


def change_list_view(page: files.ChangePage) -> ChangeList:
    return ChangeList([change_view(change) for change in page.items], page.next_cursor)
