"""Writes and deletes thumbnails, which are objects under a prefix of their own."""

from __future__ import annotations

import hashlib
from typing import Final

from ..contract.storage import THUMBNAIL_SIZES, DeletionResult, ThumbnailImage, thumbnail_key
from ..errors import InvalidRequest
from .argument_checks import check_key, check_keys
from .bucket import Bucket
from .object_deletion import ObjectDeletion
from .store_startup import StoreStartup

_MAX_BODY: Final = 2**20
"""The maximum number of bytes of one thumbnail."""


class ThumbnailObjects:
    """Implements `contract.storage.Thumbnails`."""

    def __init__(self, bucket: Bucket, startup: StoreStartup, deletion: ObjectDeletion) -> None:
        self._bucket = bucket
        self._startup = startup
        self._deletion = deletion

    async def write_thumbnails(self, key: str, images: tuple[ThumbnailImage, ...]) -> None:
        sizes = [image.size for image in images]
        if not sizes or len(set(sizes)) < len(sizes) or not set(sizes) <= set(THUMBNAIL_SIZES):
            raise InvalidRequest("a call accepts one image of each size, and at least one")
        if not all(1 <= len(image.body) <= _MAX_BODY for image in images):
            raise InvalidRequest(f"a thumbnail must have 1 to {_MAX_BODY} bytes")
        for name in (key, *(thumbnail_key(key, size) for size in sizes)):
            check_key(name)
        self._startup.require_ready()
        for image in images:
            digest = hashlib.sha256(image.body).digest()
            await self._bucket.put_object(thumbnail_key(key, image.size), image.body, digest)

    async def delete_thumbnails(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        check_keys(keys)
        groups = [tuple(thumbnail_key(key, size) for size in THUMBNAIL_SIZES) for key in keys]
        for group in groups:
            for name in group:
                check_key(name)
        self._startup.require_ready()
        deletions = await self._deletion.delete_exactly(tuple(name for group in groups for name in group))
        errors = {deletion.key: deletion.error for deletion in deletions if deletion.error is not None}
        return tuple(
            DeletionResult(key, next((errors[name] for name in group if name in errors), None))
            for key, group in zip(keys, groups, strict=True)
        )
