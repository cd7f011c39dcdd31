"""A client that follows the changes of a user during the soak. At the end it must know the files that listings show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.tree_follower import Item, TreeFollower

if TYPE_CHECKING:
    from .simulated_user import SimulatedUser

_WAIT: Final = 10
"""Seconds that a request waits for changes."""


class ChangeFollower:
    """Follows the changes of a user from the creation of the account on."""

    def __init__(self, user: SimulatedUser) -> None:
        self._user = user
        self._cursor = ""
        self._tree = TreeFollower("root")
        self._kinds: dict[str, str] = {}

    async def start(self) -> None:
        """Get the first cursor, before any fault happens."""
        response = await self._user.call("GET", "/v1/changes", expect=(200,))
        assert response is not None
        self._cursor = response.body["next_cursor"]

    async def follow(self, stop_at: float) -> None:
        """Follow the changes until the user stops, or until `stop_at` in seconds since 1970."""
        while time.time() < min(stop_at, self._user.stop_at):
            await self._read(_WAIT)

    async def read_to_the_end(self) -> dict[str, Item]:
        """Read all changes that there are. Return the files by id that a listing must show now."""
        while await self._read(0):
            pass
        return {str(id): item for id, item in self._tree.tree().items() if self._kinds[str(id)] == "file"}

    async def _read(self, wait: int) -> bool:
        """Apply the changes after the cursor. Return False if there was none."""
        path = f"/v1/changes?cursor={self._cursor}&wait={wait}"
        response = await self._user.retry(lambda: self._user.call("GET", path, expect=(200,)))
        if response is None:
            return True
        for change in response.body["items"]:
            file, item = change["file"], None
            if file is not None:
                item = Item(file["parent_id"], file["name"], file["size"])
                self._kinds[file["id"]] = file["kind"]
            self._tree.apply(change["what"], change["file_id"], item)
            self._user.counts["changes followed"] += 1
        self._cursor = response.body["next_cursor"]
        return bool(response.body["items"])
