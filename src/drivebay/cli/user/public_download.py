"""Downloads with the URL of a link, for `get`. They need no login. The options are the same as for a drive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from drivebay.client import AsyncPublicLink, LinkFile, LinkInfo, Progress, Unauthenticated
from drivebay.client.drive_paths import check_name
from drivebay.client.part_file import check_target

from .console import OutputError, result_printer
from .content_match import has_time, is_same_file, set_time
from .download_items import DownloadedFile, to_line
from .download_zip import ZipOptions, show_archive, zip_name
from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode, if_not_found
from .name_filter import NameFilter
from .progress import ProgressDisplay, progress_display
from .workers import Failures


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """The options of `get` that select the local target and the files."""

    to: Path
    output: Path | None
    name_filter: NameFilter
    force: bool
    checksum: bool


class LinkOptions(NamedTuple):
    """Options of the command: `as_zip` downloads one ZIP file, `quiet` shows no progress.

    `password` is the password of the link, or None if the user was not asked for it.
    """

    password: str | None
    as_zip: bool
    quiet: bool
    as_json: bool


async def download_link(url: str, local: LocalTarget, options: LinkOptions) -> bool:
    """Download the file or folder of a link, and print the local path of each file.

    With `as_zip`, the result is one ZIP file: `output`, or a file in the folder `to`. The ZIP file counts as one
    download of the link. If the link has a password and `options` has no password, download nothing and return False.
    Raises CommandError.
    """
    async with AsyncPublicLink(url) as link:
        info = await _open_link(link, options.password)
        if info is None:
            return False
        if options.as_zip:
            await _download_zip(link, info, local, ZipOptions(local.force, options.quiet, options.as_json))
            return True
        with (
            progress_display(enabled=not (options.quiet or options.as_json)) as display,
            result_printer(options.as_json, to_line) as show,
        ):
            failures = Failures(options.as_json)
            await _LinkDownload(local, display, show, failures).run(link, info)
            failures.raise_if_any()
    return True


async def _open_link(link: AsyncPublicLink, password: str | None) -> LinkInfo | None:
    """Return the data of a link, or None if it has a password and `password` is None."""
    try:
        with if_not_found("check the URL, or ask the person who sent it for a new link"):
            return await link.info()
    except Unauthenticated as error:
        if error.code != "password_required":
            raise
    if password is None:
        return None
    await link.unlock(password)
    return await link.info()


async def _download_zip(link: AsyncPublicLink, info: LinkInfo, local: LocalTarget, options: ZipOptions) -> None:
    target = local.output or local.to / zip_name(info.name)
    check_target(target, options.force)
    archive = await link.archive()

    async def download(progress: Progress | None) -> None:
        await link.download_archive(target, archive, overwrite=options.force, progress=progress)

    await show_archive(archive, target, options, download)


class _LinkDownload:
    """Downloads the file or folder of a link, and shows the result of each file. A failure does not stop the others."""

    def __init__(
        self,
        local: LocalTarget,
        display: ProgressDisplay,
        show: Callable[[DownloadedFile], None],
        failures: Failures,
    ) -> None:
        self._local = local
        self._display = display
        self._show = show
        self._failures = failures

    async def run(self, link: AsyncPublicLink, info: LinkInfo) -> None:
        """Download a file, or a folder with everything in it. Raises CommandError."""
        local = self._local
        if info.is_folder:
            if local.output is not None:
                raise CommandError("--output needs a link to a file", ExitCode.USAGE, "use --to for a folder, or --zip")
            await self._download_folder(link, "root", local.to / check_name(info.name), "")
        elif local.name_filter.selects(info.name, is_folder=False):
            self._display.add_to_total(info.size)
            with self._display.track(info.name, info.size) as progress:
                local_path = local.output or local.to
                target = await link.download(local_path, overwrite=local.force, progress=progress)
            self._show(DownloadedFile(str(target), "root", info.size, "fetched"))

    async def _download_folder(self, link: AsyncPublicLink, folder: str, target: Path, path: str) -> None:
        await asyncio.to_thread(target.mkdir, exist_ok=True)
        inner: list[LinkFile] = []
        async with aclosing(link.files(folder)) as files:
            async for file in files:
                if not self._local.name_filter.selects(f"{path}{file.name}", is_folder=file.is_folder):
                    continue
                if file.is_folder:
                    inner.append(file)
                    continue
                try:
                    await self._download_file(link, file, target / check_name(file.name))
                except EXPECTED_ERRORS as error:
                    if isinstance(error, BrokenPipeError | OutputError):
                        raise  # no result can be shown any more
                    self._failures.add(error, f"{path}{file.name}")
        for subfolder in inner:
            await self._download_folder(
                link, subfolder.id, target / check_name(subfolder.name), f"{path}{subfolder.name}/"
            )

    async def _download_file(self, link: AsyncPublicLink, file: LinkFile, target: Path) -> None:
        """Download one file, unless the local file has the same size and time, or the same size and checksum.

        With `--checksum`, the same time is not enough. If only the times differ, the local file gets the time of the
        file on the server.
        """
        local = self._local
        self._display.add_to_total(file.size)
        with self._display.track(file.name, file.size) as progress:
            is_here = await asyncio.to_thread(is_same_file, target, file, checksum=local.checksum)
            if not is_here:
                await link.download(target, file, overwrite=local.force, progress=progress)
            elif not has_time(target, file.modified_at):
                set_time(target, file.modified_at)
        self._show(DownloadedFile(str(target), file.id, file.size, "here" if is_here else "fetched"))
