"""The command `sync`: make a folder on the server equal to a folder on this computer, or the reverse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from drivebay.client import AsyncDrive, Conflict, File, NotFound, OnConflict

from .console import JsonOption, print_note, result_printer, run_command
from .content_match import ChecksumOption, content_matches, copy_time, has_time_of, is_unchanged, send_time
from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode, UploadInProgress
from .file_modes import copy_mode, differs_locally, differs_on_server, read_umask, send_mode
from .name_filter import ExcludeOption, IncludeOption, NameFilter
from .open_drive import open_transfer_drive
from .progress import ProgressDisplay, QuietOption, progress_display
from .resume_state import ResumeFolder
from .sync_scan import SyncPair, SyncRoots, SyncScan
from .workers import Failures, LargeFileLimit, run_workers

app = typer.Typer()

_SMALL_SIZE: Final = 128 * 2**10
"""Only a few files of more than this number of bytes are in progress at the same time."""


class SyncStep(msgspec.Struct, frozen=True):
    """One change at the target.

    `action` is `upload`, `download` or `delete`. It is `time` or `mode` if only the time or the permission bits differ.
    """

    action: str
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class _SyncOptions:
    up: bool
    delete: bool
    dry_run: bool
    checksum: bool = False


@app.command()
def sync(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The folder to copy from.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The folder to change.")],
    up: Annotated[bool, typer.Option("--up", help="SOURCE is on this computer and TARGET on the server.")] = False,
    down: Annotated[bool, typer.Option("--down", help="SOURCE is on the server and TARGET on this computer.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the files and folders that only TARGET has.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Print what would change, and change nothing.")
    ] = False,
    checksum: ChecksumOption = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the folder TARGET equal to the folder SOURCE.

    A path that starts with a slash is on the server. If both paths start with a slash, give --up or --down. Print each
    change. Files with the same size and modification time, or the same bytes, are not transferred, and files keep their
    modification times and permission bits. A changed file on the server gets a new version. --delete moves files on the
    server to the trash, and deletes files on this computer. Nothing is deleted if anything failed.
    """

    async def command() -> None:
        options = _SyncOptions(_is_upload(source, target, up, down), delete, dry_run, checksum)
        if options.up and not dry_run:
            ResumeFolder().check_writable()
        read_umask()  # before the command starts threads
        async with open_transfer_drive(as_json) as drive:
            roots = await _find_roots(drive, source, target, options)
            failures = Failures(as_json)
            scan = SyncScan(
                drive, failures, NameFilter(include, exclude), makes_folders=not dry_run, finds_extra=delete
            )
            with (
                progress_display(enabled=not (quiet or as_json)) as display,
                result_printer(as_json, _to_line) as show,
            ):
                transfer = _Sync(drive, options, display, show)
                pairs = scan.uploads(roots) if options.up else scan.downloads(roots)
                async with aclosing(pairs) as all_pairs:
                    await run_workers(all_pairs, transfer.work, failures, lambda pair: pair.remote_path)
                if delete and failures.any:  # guard: sync-delete-after-failure
                    print_note("nothing was deleted, because something failed", as_json)
                elif delete:
                    await transfer.delete(scan, failures)
                failures.raise_if_any()

    run_command(command, as_json)


def _to_line(step: SyncStep) -> str:
    return f"{step.action:<8}  {step.path}"


def _is_upload(source: str, target: str, up: bool, down: bool) -> bool:
    """Return whether the target is on the server. Raises CommandError if that is not clear."""
    source_slash, target_slash = source.startswith("/"), target.startswith("/")
    if up and down:
        raise CommandError("--up and --down exclude each other", ExitCode.USAGE, "give one of them")
    if not (target_slash if up else source_slash if down else source_slash != target_slash):
        next_step = "start the path of the folder on the server with /; if both paths do, add --up or --down"
        raise CommandError("one of the folders must be on the server", ExitCode.USAGE, next_step)
    return up or (not down and target_slash)


async def _find_roots(drive: AsyncDrive, source: str, target: str, options: _SyncOptions) -> SyncRoots:
    """Return the two folders. A missing target on the server is created, but not in a dry run.

    Raises CommandError, NotFound.
    """
    local, remote_path = (Path(source), target) if options.up else (Path(target), source)
    if options.up and not local.is_dir():
        kind = "not a folder" if local.exists() else "missing"
        raise CommandError(f"{local} is {kind}", ExitCode.NOT_FOUND, "sync works with folders; use put for a file")
    remote: File | None
    try:
        remote = await drive.resolve(remote_path)
    except NotFound:
        if not options.up:
            raise
        remote = None if options.dry_run else await drive.make_folder(remote_path, parents=True)
    if remote is not None and not remote.is_folder:
        raise CommandError(f"{remote_path} is a file", ExitCode.CONFLICT, "sync works with folders; use put or get")
    return SyncRoots(local, remote, remote_path.rstrip("/"))


class _Sync:
    """Transfers files that differ, and deletes files that only the target has."""

    def __init__(
        self, drive: AsyncDrive, options: _SyncOptions, display: ProgressDisplay, show: Callable[[SyncStep], None]
    ) -> None:
        self._drive = drive
        self._options = options
        self._display = display
        self._show = show
        self._limit = LargeFileLimit(_SMALL_SIZE)

    async def work(self, pair: SyncPair) -> None:
        """Transfer one file, if the target does not have the same bytes already."""
        async with self._limit.acquire(pair.size):
            if pair.file is not None:
                same = not self._options.checksum and is_unchanged(pair.local, pair.file)
                if same or await content_matches(self._drive, pair.local, pair.file):
                    await self._copy_time(pair, pair.file)
                    await self._copy_mode(pair, pair.file)
                    return
            if not self._options.dry_run:
                self._display.add_to_total(pair.size)
                if pair.folder is not None:
                    await self._upload(pair, pair.folder)
                elif pair.file is not None:
                    await self._download(pair, pair.file)
        if self._options.up:
            self._show(SyncStep("upload", pair.remote_path, pair.size))
        else:
            self._show(SyncStep("download", str(pair.local), pair.size))

    async def _copy_time(self, pair: SyncPair, file: File) -> None:
        """Copy the time of the source to the target, so that the next run need not compare the bytes."""
        if has_time_of(pair.local, file):
            return
        if not self._options.dry_run:
            if self._options.up:
                await send_time(self._drive, pair.local, file)
            else:
                copy_time(file, pair.local)
        self._show(SyncStep("time", pair.remote_path if self._options.up else str(pair.local), 0))

    async def _copy_mode(self, pair: SyncPair, file: File) -> None:
        """Copy the permission bits of the source to the target."""
        up = self._options.up
        if not (differs_on_server(pair.local, file) if up else differs_locally(pair.local, file)):
            return
        if not self._options.dry_run:
            if up:
                await send_mode(self._drive, pair.local, file)
            else:
                copy_mode(file, pair.local)
        self._show(SyncStep("mode", pair.remote_path if up else str(pair.local), 0))

    async def _upload(self, pair: SyncPair, folder: File) -> None:
        on_conflict = OnConflict.FAIL if pair.file is None else OnConflict.REPLACE
        with self._display.track(pair.remote_path, pair.size) as progress:
            try:
                name = pair.remote_path.rpartition("/")[2]
                upload = await self._drive.send(pair.local, folder, name, on_conflict=on_conflict, progress=progress)
                await send_mode(self._drive, pair.local, pair.file or upload.file_id or "")
            except Conflict as error:
                if error.code != "name_taken":
                    raise
                if await self._exists(pair.remote_path):
                    message = f"{pair.remote_path}: a file of this name was created meanwhile"
                    raise CommandError(message, ExitCode.CONFLICT, "run the command again") from None
                raise UploadInProgress(pair.remote_path) from None

    async def _exists(self, path: str) -> bool:
        try:
            await self._drive.resolve(path)
        except NotFound:
            return False
        return True

    async def _download(self, pair: SyncPair, file: File) -> None:
        with self._display.track(pair.remote_path, pair.size) as progress:
            await self._drive.download(file, pair.local, overwrite=True, progress=progress)
        copy_mode(file, pair.local)

    async def delete(self, scan: SyncScan, failures: Failures) -> None:
        """Delete the files and folders that the scan found only at the target. A failure does not stop the others."""
        for path, file in scan.extra_remote:
            try:
                if not self._options.dry_run:
                    await self._drive.trash(file)
                self._show(SyncStep("delete", path, file.size))
            except NotFound:
                continue  # it was deleted in the meantime
            except EXPECTED_ERRORS as error:
                failures.add(error, path)
        for local in scan.extra_local:
            try:
                size = local.lstat().st_size if local.is_file() else 0
                if not self._options.dry_run:
                    await asyncio.to_thread(_delete_local, local)
                self._show(SyncStep("delete", str(local), size))
            except EXPECTED_ERRORS as error:
                failures.add(error, str(local))


def _delete_local(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()
