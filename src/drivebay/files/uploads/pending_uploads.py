"""Lists the pending uploads of an owner, so that a client can resume them or abort them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ...contract.files import Access, UploadPage
from ...contract.ids import UploadId
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Database
from ..entries.listings import LAST_ID, check_page_size
from ..permissions.access_scope import require_whole_drive
from ..settings import Settings
from .store import UploadStore

_FIRST_ID: Final = UploadId(UUID(int=0))


class PendingUploadService:
    """Implements `list_pending_uploads` of `contract.files.Uploads`."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._uploads = UploadStore()
        self._cursor_key = settings.cursor_key

    async def list_pending_uploads(
        self, access: Access, limit: int = 100, cursor: str | None = None, oldest_first: bool = False
    ) -> UploadPage:
        require_whole_drive(access)  # guard: scope-pending-uploads
        check_page_size(limit)
        query = f"{access.drive} uploads {oldest_first}"  # guard: uploads-cursor-owner
        after = _FIRST_ID if oldest_first else UploadId(LAST_ID)
        if cursor is not None:
            after = UploadId(decode_cursor(self._cursor_key, query, cursor).id)
        uploads = await self._uploads.list_pending_page(self._db, access.drive, after, limit + 1, oldest_first)
        next_cursor = None
        if len(uploads) > limit:
            uploads.pop()
            next_cursor = encode_cursor(self._cursor_key, query, Position("", uploads[-1].id))
        return UploadPage(tuple(uploads), next_cursor)
