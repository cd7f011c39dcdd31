"""The change feed of a drive: the changes of its files and folders, in the order in which they took effect."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import FileId, UserId
from .access import Access
from .entries import File


class ChangeKind(StrEnum):
    """The kind of a change."""

    CREATED = "created"
    CONTENT = "content"
    """A file has a new version."""
    RENAMED = "renamed"
    MOVED = "moved"
    """The item is in another folder. It may have a new name too."""
    TRASHED = "trashed"
    RESTORED = "restored"
    DELETED = "deleted"
    """The item was deleted for good."""
    SHARED = "shared"
    PROPERTIES = "properties"


class Change(msgspec.Struct, frozen=True):
    """One change of one item. One request that changes one item is one change.

    Trashing, restoring or deleting a folder is one change of the folder, and includes everything below it. `cursor`
    continues after this change. `actor` is the user who made the change, or None for the system and for the holder of a
    link. `file` is the item at the time of the call, also if it is in the trash, or None if it was deleted for good.
    """

    kind: ChangeKind
    file_id: FileId
    at: datetime
    cursor: str
    actor: UserId | None = None
    file: File | None = None


class ChangePage(msgspec.Struct, frozen=True):
    """Changes in ascending order. `next_cursor` continues after these changes. It is set even if there are no changes
    yet."""

    items: tuple[Change, ...]
    next_cursor: str


class Activity(msgspec.Struct, frozen=True):
    """One change in the history of an item. `actor` is as in `Change`."""

    kind: ChangeKind
    at: datetime
    actor: UserId | None = None


class ActivityPage(msgspec.Struct, frozen=True):
    """One page of the history of an item. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[Activity, ...]
    next_cursor: str | None


class Changes(Protocol):
    async def list_changes(self, access: Access, cursor: str | None = None, limit: int = 100) -> ChangePage:
        """Return up to `limit` (1 to 1,000) changes after a cursor, oldest first. Without a cursor, the page has no
        changes, and `next_cursor` is the end of the feed.

        A change is in the feed as soon as the call that made it has returned, and stays there for 30 days. The order
        never changes, so a reader that continues with `next_cursor` gets every change exactly once. A page with fewer
        than `limit` changes can be followed by more changes. Only an empty page means that the reader is at the end of
        the feed.

        Raises Forbidden (an access with grants), InvalidRequest, InvalidCursor, CursorExpired
        (changes after the cursor are deleted, or the database was restored to a time before the cursor:
        list the files again).
        """
        ...

    async def list_activity(
        self, access: Access, id: FileId, limit: int = 100, cursor: str | None = None
    ) -> ActivityPage:
        """Return one page of the changes of an item outside the trash, newest first. `limit` is 1 to 1,000.

        The page has the changes of the item itself, without the changes of the folders above it. Changes older than 30
        days are deleted.

        Raises NotFound, InvalidRequest, InvalidCursor.
        """
        ...
