"""Lists the objects of users and the thumbnails, and unfinished multipart uploads.

Staging, quarantine, partial parts and the objects of the probe are not listed.
"""

from __future__ import annotations

from typing import Final

from ..contract.storage import PARTIAL_PARTS_PREFIX, QUARANTINE_PREFIX, STAGING_PREFIX, MultipartPage, ObjectPage
from .argument_checks import check_key_position, check_limit, check_position
from .bucket import Bucket
from .capability_probe import INTERNAL_PREFIX
from .store_startup import StoreStartup

# guard: quarantine-hidden, partial-parts-hidden
_HIDDEN: Final = (INTERNAL_PREFIX, STAGING_PREFIX, QUARANTINE_PREFIX, PARTIAL_PARTS_PREFIX)


class ObjectListing:
    """Implements `list_objects` and `list_multiparts` of `contract.storage`."""

    def __init__(self, bucket: Bucket, startup: StoreStartup) -> None:
        self._bucket = bucket
        self._startup = startup

    async def list_objects(self, after: str | None, limit: int) -> ObjectPage:
        check_limit(limit)
        check_key_position(after)
        self._startup.require_ready()
        position: str | None = after or ""
        while position is not None:
            page = await self._bucket.list_objects("", position, limit)
            objects = tuple(object for object in page.objects if not object.key.startswith(_HIDDEN))
            position = _skip_hidden(page.after)
            if objects:
                return ObjectPage(objects, position)
        return ObjectPage((), None)

    async def list_multiparts(self, after: str | None, limit: int) -> MultipartPage:
        check_limit(limit)
        check_position(after)
        self._startup.require_ready()
        return await self._bucket.list_multiparts(after or "", limit)


def _skip_hidden(position: str | None) -> str | None:
    """Return the position, or the end of the hidden folder that contains it."""
    for prefix in _HIDDEN:
        if position is not None and position.startswith(prefix):
            # `0` is the character after `/`.
            return prefix[:-1] + "0"
    return position
