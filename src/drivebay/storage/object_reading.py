"""Reads ranges of objects for other services."""

from __future__ import annotations

from ..errors import NotFound
from .argument_checks import check_key, check_range
from .bucket import Bucket
from .store_startup import StoreStartup


class ObjectReading:
    """Implements `read_object` of `contract.storage.Objects`."""

    def __init__(self, bucket: Bucket, startup: StoreStartup) -> None:
        self._bucket = bucket
        self._startup = startup

    async def read_object(self, key: str, offset: int, length: int) -> bytes:
        check_key(key)
        check_range(offset, length)
        self._startup.require_ready()
        body = await self._bucket.read_range(key, offset, length)
        if body is None:
            raise NotFound(f"no object {key} with these bytes")
        return body
