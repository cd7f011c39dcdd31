"""Thumbnails with the SDK, from a whole deployment: gateway, worker and a real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivebay.client import AsyncDrive, NotFound, Unavailable

from ..thumbnail_samples import jpeg, opened, png


async def test_the_sdk_waits_for_a_thumbnail_and_returns_it(drive: AsyncDrive, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    file = await drive.upload(tmp_path / "a.jpg")
    for size, width in ((64, 64), (256, 256), (1024, 640)):
        body = await drive.thumbnail(file, size)  # type: ignore[arg-type]
        assert body is not None
        assert body[8:12] == b"WEBP"
        assert opened(body).width == width


async def test_a_file_without_a_thumbnail_has_none_and_an_unknown_one_is_not_found(
    drive: AsyncDrive, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    (tmp_path / "b.png").write_bytes(png()[:100])
    for name in ("a.txt", "b.png"):
        assert await drive.thumbnail(await drive.upload(tmp_path / name)) is None
    with pytest.raises(NotFound):
        await drive.thumbnail("/missing.png")


async def test_a_thumbnail_that_is_not_made_in_time_is_unavailable(drive: AsyncDrive, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    file = await drive.upload(tmp_path / "a.png")
    with pytest.raises(Unavailable):
        await drive.thumbnail(file, wait=0)
