"""The command `get`: download files, folders and glob patterns.

A local file with the same size and time, or the same bytes, is not downloaded again. So another run of the same command
after a failure downloads only the missing files.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Final

import typer

from drivebay.client import AsyncDrive, is_link_url

from .account import PasswordStdinOption, read_password
from .console import JsonOption, result_printer, run_command
from .content_match import ChecksumOption, content_matches, copy_time, has_time_of, is_unchanged
from .download_items import DownloadedFile, DownloadItem, DownloadScanner, to_line
from .download_zip import ZipOptions, download_zip
from .exit_codes import CommandError, ExitCode
from .file_modes import copy_mode, read_umask
from .name_filter import ExcludeOption, IncludeOption, NameFilter
from .open_drive import open_transfer_drive
from .progress import ProgressDisplay, QuietOption, progress_display
from .public_download import LinkOptions, LocalTarget, download_link
from .workers import Failures, LargeFileLimit, run_workers

app = typer.Typer()

_SMALL_SIZE: Final = 128 * 2**10
"""Files of up to this number of bytes wait in memory until they can be written to disk."""


@app.command()
def get(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files, folders and glob patterns on the server, or the URL of a link."),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="The local folder to download to.")] = Path(),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The local path, for a single file.")
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace local files that have other content.")] = False,
    as_zip: Annotated[
        bool, typer.Option("--zip", help="Download everything as one ZIP file: to -o FILE, or into the folder --to.")
    ] = False,
    checksum: ChecksumOption = False,
    password_stdin: PasswordStdinOption = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Download files and folders, or the item of a link by its URL.

    Print the local path of each file. Files keep their modification times and permission bits. Run the same command
    again to resume after an interruption.
    """

    async def command(password: str | None = None) -> bool:
        """Return False if nothing was downloaded because the link has a password, and `password` is None."""
        if output is not None and len(paths) != 1 and not as_zip:
            raise CommandError("--output needs exactly one file", ExitCode.USAGE, "use --to for several files")
        if output == Path("-"):
            next_step = "write to standard output with `drivebay cat`"
            raise CommandError("--output - is not supported", ExitCode.USAGE, next_step)
        if output is None and not to.is_dir():
            raise CommandError(f"{to} is not a folder", ExitCode.NOT_FOUND, f"create it: mkdir -p {to}")
        if as_zip and (include or exclude or checksum):
            raise CommandError("--zip excludes --include, --exclude and --checksum", ExitCode.USAGE)
        if any(is_link_url(path) for path in paths):
            if len(paths) != 1:
                raise CommandError(
                    "the URL of a link must be the only argument", ExitCode.USAGE, "run get once for each"
                )
            local = LocalTarget(to, output, NameFilter(include, exclude), force=force, checksum=checksum)
            return await download_link(paths[0], local, LinkOptions(password, as_zip, quiet, as_json))
        read_umask()  # before the command starts threads
        if as_zip:
            await download_zip(paths, to, output, ZipOptions(force, quiet, as_json))
            return True
        async with open_transfer_drive(as_json) as drive:
            failures = Failures(as_json)
            with (
                progress_display(enabled=not (quiet or as_json)) as display,
                result_printer(as_json, to_line) as show,
            ):
                scanner = DownloadScanner(drive, failures, display, NameFilter(include, exclude))
                downloader = _Downloader(drive, display, show, force=force, checksum=checksum)
                async with aclosing(scanner.find_items(paths, to, output)) as items:
                    await run_workers(items, downloader.download, failures, lambda item: str(item.target))
                failures.raise_if_any()
        return True

    def ask_then_download() -> Coroutine[None, None, bool]:
        # Ask outside the event loop, because inside the loop Ctrl-C would not end the prompt.
        return command(read_password(password_stdin, label="Password of the link"))

    if not run_command(command, as_json):
        run_command(ask_then_download, as_json)


class _Downloader:
    """Downloads items, and shows the result of each."""

    def __init__(
        self,
        drive: AsyncDrive,
        display: ProgressDisplay,
        show: Callable[[DownloadedFile], None],
        *,
        force: bool,
        checksum: bool,
    ) -> None:
        self._drive = drive
        self._force = force
        self._checksum = checksum
        self._display = display
        self._show = show
        self._limit = LargeFileLimit(_SMALL_SIZE)

    async def download(self, item: DownloadItem) -> None:
        """Download one item, if the local file does not have the same bytes already. Raises FileExistsError if there is
        another file and `force` is False."""
        file, target = item.file, item.target
        async with self._limit.acquire(file.size):
            with self._display.track(file.name, file.size) as progress:
                matches = not self._checksum and is_unchanged(target, file)
                if not matches:
                    matches = await content_matches(self._drive, target, file)
                    if matches and not has_time_of(target, file):
                        copy_time(file, target)
                if not matches:
                    await self._drive.download(file, target, overwrite=self._force, progress=progress)
                copy_mode(file, target)
                self._show(DownloadedFile(str(target), file.id, file.size, "here" if matches else "fetched"))
