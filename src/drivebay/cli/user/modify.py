"""The commands that change files on the server: `mkdir`, `mv`, `cp`, `star`, `rm` and `restore`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

import typer

from drivebay.client import ROOT, ApiError, AsyncDrive, File, NotFound, OnConflict

from .console import JsonOption, print_json, print_line, run_command
from .exit_codes import CommandError, ExitCode
from .job_progress import wait_with_progress
from .open_drive import find_drive, open_drive
from .remote_paths import match_path
from .server_names import is_id_or_name

app = typer.Typer()
T = TypeVar("T")


def _run_on_drive(
    change: Callable[[AsyncDrive], Awaitable[T]], as_json: bool, show: Callable[[T], None] | None = None
) -> None:
    """Run a change on the chosen drive. Print its result as JSON or with `show`. Without `show`, print nothing."""

    async def command() -> None:
        async with open_drive() as drive:
            result = await change(drive)
        if as_json:
            print_json(result)
        elif show is not None:
            show(result)

    run_command(command, as_json)


@app.command()
def mkdir(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Paths of the new folders, for example /reports/2026.")
    ],
    parents: Annotated[
        bool, typer.Option("-p", "--parents", help="Create missing parent folders too. Accept existing folders.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create folders."""

    async def create(drive: AsyncDrive) -> list[File]:
        return [await _create_folder(drive, path, parents) for path in paths]

    _run_on_drive(create, as_json)


async def _create_folder(drive: AsyncDrive, path: str, parents: bool) -> File:
    try:
        return await drive.make_folder(path, parents=parents)
    except NotFound:
        parent = path.rstrip("/").rpartition("/")[0]
        raise CommandError(
            f"the parent folder {parent} does not exist", ExitCode.NOT_FOUND, "use -p to create it too"
        ) from None


@app.command()
def mv(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE", help="Files and folders: paths that start with /, or ids.")
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="The new path, or an existing folder to move into."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Rename a file or folder, or move files and folders into a folder."""

    async def move(drive: AsyncDrive) -> File | list[File]:
        files = await _resolve_sources(drive, sources, target, "moved")
        if len(files) > 1:
            return _require_files(await drive.move_all(files, target))
        return await drive.move(files[0], target)

    _run_on_drive(move, as_json)


@app.command()
def cp(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE", help="Files and folders: paths that start with /, or ids.")
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="The path of the copy, or an existing folder to copy into."),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="If a file has the name, make the copy its new version.")
    ] = False,
    to_drive: Annotated[
        str | None,
        typer.Option("--to-drive", metavar="NAME_OR_ID", help="Copy into another drive. TARGET is a path in it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Copy files and folders, without sending their bytes. If the name is taken, the copy gets a number.

    A large copy runs as a job on the server. The command waits for the job. After Ctrl-C the job continues.
    """

    async def copy(drive: AsyncDrive) -> File | list[File]:
        on_conflict = OnConflict.REPLACE if replace else OnConflict.RENAME
        if to_drive is not None:
            return await copy_into(drive, (await find_drive(drive, to_drive)).id, on_conflict)
        files = await _resolve_sources(drive, sources, target, "copied")
        if len(files) == 1:
            return await copy_one(drive, files[0], on_conflict)
        results = await drive.copy_all(files, target, on_conflict)
        for position, result in enumerate(results):
            if isinstance(result, ApiError) and result.code == "too_large":
                results[position] = await copy_one(drive, files[position], on_conflict)
        return _require_files(results)

    async def copy_into(drive: AsyncDrive, id: str, on_conflict: OnConflict) -> File | list[File]:
        files = await _resolve_sources(drive, sources, target, "copied", id)
        copies = [await copy_one(drive, file, on_conflict, id) for file in files]
        return copies[0] if len(copies) == 1 else copies

    async def copy_one(drive: AsyncDrive, file: File, on_conflict: OnConflict, drive_id: str | None = None) -> File:
        started = await drive.start_copy(file, target, on_conflict, drive_id=drive_id)
        return started if isinstance(started, File) else await wait_with_progress(drive, started, as_json)

    _run_on_drive(copy, as_json)


async def _resolve_sources(
    drive: AsyncDrive, sources: list[str], target: str, action: str, target_drive: str | None = None
) -> list[File]:
    """Return the sources of a move or a copy. `action` is "moved" or "copied", for messages.

    Raises CommandError if a source is the root folder, or if the target must be a folder but is a file.
    """
    files = [await drive.resolve(source) for source in sources]
    if ROOT in files:
        raise CommandError(f"/ cannot be {action}", ExitCode.USAGE)
    if (target.endswith("/") or len(files) > 1) and not (await drive.resolve(target, target_drive)).is_folder:
        next_step = "remove the slash at the end" if len(files) == 1 else "give a folder as the target"
        raise CommandError(f"{target} is a file", ExitCode.CONFLICT, next_step)
    return files


def _require_files(results: list[File | ApiError]) -> list[File]:
    """Return the files of a batch. If there are errors, raise the first error."""
    for result in results:
        if isinstance(result, ApiError):
            raise result
    return [result for result in results if isinstance(result, File)]


@app.command()
def star(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files and folders: paths that start with /, or ids.")
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Remove the star.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give files and folders a star. `drivebay ls --starred` lists them."""

    async def set_stars(drive: AsyncDrive) -> list[File]:
        return [await drive.update(path, starred=not remove) for path in paths]

    _run_on_drive(set_stars, as_json)


@app.command()
def rm(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files, folders and glob patterns: paths that start with /, or ids."),
    ],
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Move folders too, with everything in them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move files, and with -r folders, to the trash. `drivebay restore` restores them."""

    async def remove(drive: AsyncDrive) -> list[File]:
        # All arguments are checked before the first file is moved.
        files: dict[str, File] = {}
        for path in paths:
            for file in await match_path(drive, path):
                _check_removable(file, recursive)
                files[file.id] = file  # once, even if several patterns match the file
        for result in await drive.trash_all(list(files.values())):
            # A file that no longer exists is not an error.
            if isinstance(result, ApiError) and not isinstance(result, NotFound):
                raise result
        return list(files.values())

    _run_on_drive(remove, as_json)


def _check_removable(file: File, recursive: bool) -> None:
    if file == ROOT:
        raise CommandError("/ cannot be moved to the trash", ExitCode.USAGE)
    if file.is_folder and not recursive:
        next_step = "use -r to move the folder and everything in it to the trash"
        raise CommandError(f"{file.name} is a folder", ExitCode.USAGE, next_step)


@app.command()
def restore(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names or ids of files and folders in the trash.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FOLDER", help="The folder to restore to. The default is the old folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Restore files and folders from the trash, by name or id."""

    async def restore_all(drive: AsyncDrive) -> list[File]:
        async with aclosing(drive.trashed()) as trash:
            trashed = [file async for file in trash]
        files = [find_trashed(name, trashed) for name in names]
        if to is None:
            return _require_files(await drive.restore_all(files))
        return [await drive.restore(file, to) for file in files]

    def show(restored: list[File]) -> None:
        for file in restored:
            print_line(file.name)

    _run_on_drive(restore_all, as_json, show)


def find_trashed(name: str, trash: list[File]) -> File:
    """Return the entry of the trash with this name or id.

    Raises CommandError if there is no such entry, or more than one.
    """
    matches = [file for file in trash if is_id_or_name(name, file.id, file.name)]
    if not matches:
        next_step = "list the trash with `drivebay ls --trash`, and give the name without its folders, or the id"
        raise CommandError(f"{name} is not in the trash", ExitCode.NOT_FOUND, next_step)
    if len(matches) > 1:
        ids = ", ".join(file.id for file in matches)
        message = f"the trash contains {len(matches)} entries with the name {name}"
        raise CommandError(message, ExitCode.CONFLICT, f"give the id of one of them (the latest first): {ids}")
    return matches[0]
