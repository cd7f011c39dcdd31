"""Thumbnails in the store: where they are, and what is refused."""

from __future__ import annotations

import pytest

from drivebay.contract.storage import (
    THUMBNAIL_SIZES,
    THUMBNAILS_PREFIX,
    Presence,
    ThumbnailImage,
    thumbnail_key,
    thumbnail_source,
)
from drivebay.errors import InvalidRequest
from drivebay.storage.service import Service

KEY, OTHER = "owner/upload", "owner/other"


async def test_thumbnails_are_written_over_each_other_and_deleted_with_all_sizes(storage: Service) -> None:
    images = tuple(ThumbnailImage(size, b"RIFF%d" % size) for size in THUMBNAIL_SIZES)
    for _ in range(2):
        await storage.write_thumbnails(KEY, images)
    await storage.write_thumbnails(OTHER, images[:1])
    keys = tuple(thumbnail_key(KEY, size) for size in THUMBNAIL_SIZES)
    assert [found.presence for found in await storage.stat_objects(keys)] == [Presence.FOUND] * 3
    assert await storage.read_object(keys[1], 0, 7) == b"RIFF256"
    for _ in range(2):
        assert [each.error for each in await storage.delete_thumbnails((KEY, "owner/unknown"))] == [None, None]
    assert [found.presence for found in await storage.stat_objects(keys)] == [Presence.ABSENT] * 3
    listed = (await storage.list_objects(None, 10)).objects
    assert [found.key for found in listed] == [thumbnail_key(OTHER, 64)]


def test_the_key_of_a_thumbnail_names_its_object_whether_that_is_promoted_or_not() -> None:
    assert thumbnail_key(f"{KEY}~abc", 64) == thumbnail_key(KEY, 64)
    assert thumbnail_source(thumbnail_key(KEY, 256)) == KEY
    assert thumbnail_key(KEY, 64).startswith(THUMBNAILS_PREFIX)
    for key in (KEY, f"{KEY}.64.webp", f"{THUMBNAILS_PREFIX}{KEY}.65.webp", f"{THUMBNAILS_PREFIX}.64.webp"):
        assert thumbnail_source(key) is None


@pytest.mark.parametrize(
    "images",
    [
        (),
        (ThumbnailImage(65, b"x"),),
        (ThumbnailImage(64, b""),),
        (ThumbnailImage(64, b"x" * (2**20 + 1)),),
        (ThumbnailImage(64, b"x"), ThumbnailImage(64, b"y")),
    ],
)
async def test_other_sizes_and_long_images_are_refused(storage: Service, images: tuple[ThumbnailImage, ...]) -> None:
    with pytest.raises(InvalidRequest):
        await storage.write_thumbnails(KEY, images)
    assert (await storage.list_objects(None, 10)).objects == ()


async def test_keys_that_no_store_accepts_are_refused(storage: Service) -> None:
    for key in ("", "a/../b", "a\n", "x" * 1020):
        with pytest.raises(InvalidRequest):
            await storage.write_thumbnails(key, (ThumbnailImage(64, b"x"),))
        with pytest.raises(InvalidRequest):
            await storage.delete_thumbnails((key,))
