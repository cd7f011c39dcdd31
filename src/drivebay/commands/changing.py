"""`mkdir`, `mv`, `rm`, `restore`."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer

from drivebay.client import ROOT, AsyncDrive, File, NotFound

from .console import AsJson, answer, answer_json, run
from .drives import opened
from .exits import Exit, Wrong

app = typer.Typer()

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Paths, which begin with a slash, or ids.")]


@app.command()
def mkdir(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="What they shall be: /reports/2026.")],
    parents: Annotated[bool, typer.Option("-p", "--parents", help="Folders on the way too; one may be there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make folders."""

    async def work() -> None:
        async with opened() as drive:
            made = [await _made(drive, path, parents) for path in paths]
        if as_json:
            answer_json(made)

    run(work, as_json)


async def _made(drive: AsyncDrive, path: str, parents: bool) -> File:
    try:
        return await drive.make_folder(path, parents=parents)
    except NotFound:
        above = path.rstrip("/").rpartition("/")[0]
        raise Wrong(f"there is no folder {above} to make it in", Exit.NOT_FOUND, "-p makes it too") from None


@app.command()
def mv(
    source: Annotated[str, typer.Argument(help="What is to be moved.")],
    target: Annotated[str, typer.Argument(help="Its new path, or a folder to move it into.")],
    as_json: AsJson = False,
) -> None:
    """Rename or move a file or folder."""

    async def work() -> None:
        async with opened() as drive:
            file = await drive.resolve(source)
            if file == ROOT:
                raise Wrong("/ cannot be moved", Exit.USAGE)
            if target.endswith("/") and not (await drive.resolve(target)).is_folder:
                raise Wrong(f"{target} is a file", Exit.CONFLICT, "without the slash at its end it is a name")
            moved = await drive.move(file, target)
        if as_json:
            answer_json(moved)

    run(work, as_json)


@app.command()
def rm(
    paths: Paths,
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Folders too, with all that is in them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put files, or with -r folders, into the trash; `drivebay restore` takes them out again."""

    async def work() -> None:
        async with opened() as drive:
            found = [await drive.resolve(path) for path in paths]
            for path, file in zip(paths, found, strict=True):
                if file == ROOT:
                    raise Wrong("/ cannot be put into the trash", Exit.USAGE)
                if file.is_folder and not recursive:
                    raise Wrong(f"{path} is a folder", Exit.USAGE, "say -r to trash it with all that is in it")
            for file in found:
                await drive.trash(file)
        if as_json:
            answer_json(found)

    run(work, as_json)


@app.command()
def restore(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names in the trash, or ids.")],
    as_json: AsJson = False,
) -> None:
    """Take files and folders out of the trash, by name or id."""

    async def work() -> None:
        async with opened() as drive:
            async with aclosing(drive.trashed()) as trash:
                inside = [file async for file in trash]
            back = [await _restored(drive, name, inside) for name in names]
        if as_json:
            answer_json(back)
        else:
            for file in back:
                answer(file.name)

    run(work, as_json)


async def _restored(drive: AsyncDrive, name: str, trash: list[File]) -> File:
    found = [file for file in trash if name in (file.name, file.id)]
    if not found:
        step = "`drivebay ls --trash` shows what is there; say the name alone, without its folders, or the id"
        raise Wrong(f"there is no {name} in the trash", Exit.NOT_FOUND, step)
    if len(found) > 1:
        ids = ", ".join(file.id for file in found)
        raise Wrong(f"{len(found)} of that name are in the trash", Exit.CONFLICT, f"say which, latest first: {ids}")
    return await drive.restore(found[0])
