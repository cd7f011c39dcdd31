"""The cursors of change feeds."""

from __future__ import annotations

from ...contract.ids import ROOT, DriveId
from ...errors import InvalidCursor
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ..settings import Settings


class ChangeCursors:
    """Encodes and decodes the cursors of change feeds. A cursor contains the number of a change of one owner."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.cursor_key

    def encode(self, owner: DriveId, number: int) -> str:
        """Return the cursor of the position after the change with this number."""
        return encode_cursor(self._key, _query(owner), Position(number, ROOT))

    def decode(self, owner: DriveId, cursor: str) -> int:
        """Return the number of the change that was encoded. Raises InvalidCursor unless it was encoded for this
        owner."""
        number = decode_cursor(self._key, _query(owner), cursor).value
        if not isinstance(number, int):
            raise InvalidCursor
        return number


def _query(owner: DriveId) -> str:
    return f"{owner} changes"  # guard: changes-cursor-owner
