"""Downloads of archives: several files and folders as one ZIP file on the local disk."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urljoin

from .api_client import ApiClient
from .api_models import Archive, File, Link
from .part_file import check_target, lock_part, part_path, rename_part, sync_folder, target_in_errors, write_at
from .ranged_reader import RangedReader
from .store_client import Progress, ProgressCounter, StoreClient


async def fetch_archive(
    api: ApiClient, store: StoreClient, archive: Archive, target: Path, *, overwrite: bool, progress: Progress | None
) -> None:
    """Download an archive to `target`. The file gets this name when it is complete and on disk.

    After a broken connection, the download continues where it stopped. Raises FileExistsError if the file exists and
    `overwrite` is False. Raises OSError, NetworkError, StoreError.
    """
    check_target(target, overwrite)
    counter = ProgressCounter(archive.size, progress)
    reader = _open_reader(api, store, archive, target.name)
    part = part_path(target, archive.url)
    with target_in_errors(target), lock_part(part) as fd:
        try:
            position = 0
            # Read in order and over one connection, because the server computes checksums from the bytes that it sends.
            async with store.slots, aclosing(reader.blocks(0, reader.size)) as blocks:
                async for block in blocks:
                    await asyncio.to_thread(write_at, fd, block, position)
                    position += len(block)
                    counter.add(len(block))
            await asyncio.to_thread(_finish, fd, part, target, overwrite)
        except BaseException:
            # The next call creates another archive, so it cannot use these bytes.
            part.unlink(missing_ok=True)
            raise


def _open_reader(api: ApiClient, store: StoreClient, archive: Archive, name: str) -> RangedReader:
    url = urljoin(f"{api.server}/", archive.url)
    file = File("", "file", name, "", archive.size, "application/zip", "", archive.expires_at, archive.expires_at)
    link = Link(url, archive.expires_at, archive.size)

    async def sign() -> Link:
        return link  # there is no other URL

    return RangedReader(sign, store, file, link)


def _finish(fd: int, part: Path, target: Path, overwrite: bool) -> None:
    os.fsync(fd)
    rename_part(part, target, overwrite)
    sync_folder(target.parent)
