"""The command line of the screenshots: `python -m tests.screenshots`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from . import photographer, views

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


def main(
    to: Annotated[Path, typer.Option(help="Folder of the pictures.")] = FOLDER,
    only: Annotated[str, typer.Option(help="Names of views, separated by spaces. Default: all.")] = "",
    width: Annotated[int, typer.Option(min=320, help="Width of the window in pixels.")] = photographer.WIDTH,
) -> None:
    """Start Drivebay, store files, and take a picture of each view, light and dark."""
    chosen = only.split() or list(views.VIEWS)
    if unknown := sorted(set(chosen) - set(views.VIEWS)):
        raise typer.BadParameter(f"unknown view {unknown[0]!r}; choose from {', '.join(views.VIEWS)}")
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        for picture in asyncio.run(photographer.take(Path(folder), chosen, to, width)):
            print(f"{picture}  {picture.stat().st_size / 1024:.0f} KiB", file=sys.stderr)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
