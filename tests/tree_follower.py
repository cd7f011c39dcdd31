"""A client that follows the change feed and keeps the tree of a drive, from an empty drive on."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple


class Item(NamedTuple):
    """What a follower knows of a file or folder. `parent` is the id of its folder."""

    parent: Hashable
    name: str
    size: int


class TreeFollower:
    """The tree that the changes describe. `root` is the parent of the entries at the top.

    An entry is visible if neither it nor a folder above it was trashed. So a change of a folder applies to everything
    below it, and entries below need no change of their own.
    """

    def __init__(self, root: Hashable) -> None:
        self._root = root
        self._items: dict[Hashable, Item] = {}
        self._trashed: set[Hashable] = set()

    def apply(self, kind: str, id: Hashable, item: Item | None) -> None:
        """Apply one change. `item` is the entry as it is now, None if it is gone for good."""
        if item is None or kind == "deleted":
            self._items.pop(id, None)
        else:
            self._items[id] = item
        if kind == "trashed":
            self._trashed.add(id)
        elif kind in ("restored", "deleted"):
            self._trashed.discard(id)

    def tree(self) -> dict[Hashable, Item]:
        """Return the visible entries by id."""
        return {id: item for id, item in self._items.items() if self._is_visible(id)}

    def _is_visible(self, id: Hashable) -> bool:
        seen = set()
        while id != self._root:
            if id not in self._items or id in self._trashed or id in seen:
                return False
            seen.add(id)
            id = self._items[id].parent
        return True
