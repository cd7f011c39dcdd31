"""The option `--zip` of the command `get`: files and folders as one ZIP file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from drivebay.client import Archive, Progress
from drivebay.client.part_file import check_target

from .console import result_printer
from .open_drive import open_transfer_drive
from .progress import progress_display
from .remote_paths import match_path

_SUFFIX: Final = ".zip"
_MAX_STEM: Final = 240
"""The maximum number of bytes of the name before the suffix. Most file systems allow 255 bytes for the whole name."""


class ZipOptions(NamedTuple):
    """Options of the command: `force` replaces a local file, `quiet` shows no progress."""

    force: bool
    quiet: bool
    as_json: bool


class DownloadedArchive(msgspec.Struct, frozen=True):
    """The result: the local path of the ZIP file, and its length in bytes."""

    path: str
    size: int


def zip_name(name: str) -> str:
    """Return the local name of the ZIP file for a file or folder with this name on the server."""
    stem = "".join("_" if c in "/\\\0" else c for c in name).encode()[:_MAX_STEM].decode(errors="ignore")
    return f"{stem}{_SUFFIX}"


def _to_line(archive: DownloadedArchive) -> str:
    return archive.path


async def download_zip(paths: list[str], to: Path, output: Path | None, options: ZipOptions) -> None:
    """Download the files and folders at the paths as one ZIP file: `output`, or a file in the folder `to`."""
    async with open_transfer_drive(options.as_json) as drive:
        files = [file for path in paths for file in await match_path(drive, path)]
        name = files[0].name if len(files) == 1 and files[0].id != "root" else "files"
        target = output or to / zip_name(name)
        check_target(target, options.force)
        # The server adds up the files in folders.
        archive = await drive.archive(files)

        async def download(progress: Progress | None) -> None:
            await drive.download_archive(archive, target, overwrite=options.force, progress=progress)

        await show_archive(archive, target, options, download)


async def show_archive(
    archive: Archive, target: Path, options: ZipOptions, download: Callable[[Progress | None], Awaitable[None]]
) -> None:
    """Show the progress and the result of the download of an archive."""
    with (
        progress_display(enabled=not (options.quiet or options.as_json)) as display,
        result_printer(options.as_json, _to_line) as show,
        display.track(target.name, archive.size) as progress,
    ):
        display.add_to_total(archive.size)
        await download(progress)
        show(DownloadedArchive(str(target), archive.size))
