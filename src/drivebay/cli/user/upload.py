"""The command `put`: upload files, folders, glob patterns and standard input.

A file that exists on the server with the same bytes is not sent again. So another run of the same command after a
failure uploads only the missing files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import typer

from drivebay.client import AsyncDrive, Conflict, File, OnConflict, Progress

from .console import JsonOption, result_printer, run_command
from .content_match import ChecksumOption, FolderListings, content_matches, is_unchanged, send_time
from .exit_codes import CommandError, ExitCode, UploadInProgress
from .file_modes import differs_on_server, read_umask, send_mode
from .name_filter import ExcludeOption, IncludeOption, NameFilter
from .open_drive import open_transfer_drive
from .progress import ProgressDisplay, QuietOption, progress_display
from .resume_state import ResumeFolder
from .server_names import validate_name
from .standard_input import open_input
from .upload_items import STDIN, UploadItem, UploadScanner, UploadTarget, expand_globs
from .workers import Failures, LargeFileLimit, run_workers

app = typer.Typer()

_SMALL_SIZE: Final = 2**20
"""Only a few files of more than this number of bytes are in progress at the same time."""


class UploadedFile(msgspec.Struct, frozen=True):
    """The result for one file. `status` is `stored`, or `there` if the server already had the same bytes."""

    path: str
    id: str
    size: int
    status: str


@dataclass(frozen=True, slots=True)
class _UploadOptions:
    on_conflict: OnConflict
    content_type: str | None
    checksum: bool


@app.command()
def put(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Local files, folders and glob patterns; - is standard input."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="FOLDER", help="The folder on the server.")] = "/",
    name: Annotated[
        str | None, typer.Option(help="The name on the server, for a single file. Standard input needs one.")
    ] = None,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            help="If another file has the name: fail, rename the upload, or replace the file with a new version."
        ),
    ] = OnConflict.FAIL,
    content_type: Annotated[
        str | None, typer.Option(help="The media type. The default depends on the file's name.")
    ] = None,
    parents: Annotated[
        bool, typer.Option("-p", "--parents", help="Create the folder on the server if it does not exist.")
    ] = False,
    checksum: ChecksumOption = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Upload files, folders or standard input.

    Print the path of each file on the server. Files keep their modification times and permission bits. Run the same
    command again to resume after an interruption.
    """

    async def command() -> None:
        paths = expand_globs(sources)
        if name is not None:
            validate_name(name)
        if name is not None and (len(paths) != 1 or (paths[0] != STDIN and paths[0].is_dir())):
            raise CommandError("--name needs exactly one file", ExitCode.USAGE, "upload one file, or remove --name")
        ResumeFolder().check_writable()
        read_umask()  # before the command starts threads
        async with open_transfer_drive(as_json) as drive:
            folder = await (drive.make_folder(to, parents=True) if parents and to.strip("/") else drive.resolve(to))
            if not folder.is_folder:
                raise CommandError(f"{to} is a file", ExitCode.CONFLICT, "give a folder with --to")
            failures = Failures(as_json)
            options = _UploadOptions(on_conflict, content_type, checksum)
            with (
                progress_display(enabled=not (quiet or as_json)) as display,
                result_printer(as_json, _to_line) as show,
            ):
                scanner = UploadScanner(drive, failures, display, NameFilter(include, exclude))
                uploader = _Uploader(drive, options, display, show)
                target = UploadTarget(folder, to.rstrip("/"), name)
                async with aclosing(scanner.find_items(paths, target)) as items:
                    await run_workers(items, uploader.upload, failures, lambda item: item.path)
                failures.raise_if_any()

    run_command(command, as_json)


def _to_line(uploaded: UploadedFile) -> str:
    return uploaded.path


class _Uploader:
    """Uploads items, and shows the result of each."""

    def __init__(
        self,
        drive: AsyncDrive,
        options: _UploadOptions,
        display: ProgressDisplay,
        show: Callable[[UploadedFile], None],
    ) -> None:
        self._drive = drive
        self._options = options
        self._display = display
        self._show = show
        self._listings = FolderListings(drive)
        self._limit = LargeFileLimit(_SMALL_SIZE)

    async def upload(self, item: UploadItem) -> None:
        """Upload one item, if the server does not have the same bytes already. Raises Conflict if another file has its
        name."""
        async with self._limit.acquire(item.size):
            with self._display.track(item.path, item.size) as progress:
                self._show(await self._upload_if_different(item, progress))

    async def _upload_if_different(self, item: UploadItem, progress: Progress | None) -> UploadedFile:
        on_conflict = self._options.on_conflict
        if item.source == STDIN:
            # Standard input can be read only once, so it cannot be compared.
            return await self._send(item, on_conflict, progress)
        # The listing of a folder is loaded when the first of its names is taken. From then on it shows which files are
        # unchanged, so they need not be read.
        listed = (self._listings.loaded(item.folder) or {}).get(unicodedata.normalize("NFC", item.name))
        if listed is not None and self._is_unchanged(item, listed) and not differs_on_server(item.source, listed):
            return UploadedFile(item.path, listed.id, listed.size, "there")
        try:
            # Use FAIL even if the user chose rename or replace: if the name is taken, the bytes are compared first.
            return await self._send(item, OnConflict.FAIL, progress)
        except Conflict as error:
            if error.code != "name_taken":
                raise
        existing = await self._find_existing(item)
        if existing is None and on_conflict is OnConflict.FAIL:
            raise UploadInProgress(item.path)
        is_folder = existing is not None and existing.is_folder
        if (
            existing is not None
            and not is_folder
            and (self._is_unchanged(item, existing) or await content_matches(self._drive, item.source, existing))
        ):
            await send_time(self._drive, item.source, existing)
            await send_mode(self._drive, item.source, existing)
            return UploadedFile(item.path, existing.id, existing.size, "there")
        if on_conflict is OnConflict.FAIL:
            found = "is a folder" if is_folder else "already exists with different content"
            conflict = Conflict(409, "name_taken", f"{item.path} {found}")
            replace = "" if is_folder else "--on-conflict replace or "
            conflict.add_note(f"choose another name, or add {replace}--on-conflict rename")
            raise conflict
        return await self._send(item, on_conflict, progress)

    def _is_unchanged(self, item: UploadItem, existing: File) -> bool:
        return not self._options.checksum and is_unchanged(item.source, existing)

    async def _find_existing(self, item: UploadItem) -> File | None:
        # The server stores names in NFC. A local name can be in another form.
        return (await self._listings.by_name(item.folder)).get(unicodedata.normalize("NFC", item.name))

    async def _send(self, item: UploadItem, on_conflict: OnConflict, progress: Progress | None) -> UploadedFile:
        upload = await self._drive.send(
            open_input() if item.source == STDIN else item.source,
            item.folder,
            item.name,
            content_type=self._options.content_type,
            on_conflict=on_conflict,
            progress=progress,
        )
        file_id, path = upload.file_id or "", item.path
        if item.source != STDIN:
            # A replaced file keeps its properties, so read its stored mode before the comparison.
            replaced = on_conflict is OnConflict.REPLACE
            await send_mode(self._drive, item.source, await self._drive.file(file_id) if replaced else file_id)
        if on_conflict is OnConflict.RENAME:
            path = f"{path.rpartition('/')[0]}/{(await self._drive.file(file_id)).name}"
        return UploadedFile(path, file_id, upload.size, "stored")
