"""`drivebay metadata`: decrypts the metadata of objects, to find their drives and names after a lost database."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from ...config import Settings, SettingsError
from ...config.parsing import root_secret
from ...storage.sealed_metadata import UnreadableMetadata, open_metadata
from .command_runner import fail, run_with_settings

app = typer.Typer()


@app.command()
def metadata(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="The key of an object.", show_default=False)
    ] = None,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="The value of its header x-amz-meta-drivebay.", show_default=False),
    ] = None,
    old_secret: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A file with a root secret that was used before. Can be repeated.", show_default=False
        ),
    ] = None,
) -> None:
    """Decrypt the metadata of objects: drive (`owner`), upload and name.

    Without arguments, the command reads lines from standard input: a key, a space and a value. It prints one line of
    JSON for each. Exit with status 1 if a value cannot be decrypted. The settings give the root secret.
    """
    if (key is None) != (value is None):
        raise typer.BadParameter("give a key and a value, or neither")

    async def secrets(settings: Settings) -> list[bytes]:
        if settings.secret is None:
            raise SettingsError("DRIVEBAY_SECRET is not set")
        return [settings.secret, *(root_secret(file.read_text("ascii").strip()) for file in old_secret or ())]

    usable = run_with_settings(secrets, {"DRIVEBAY_LOG": "warning"}, "command")
    lines = _read_lines(sys.stdin) if key is None or value is None else [(key, value)]
    failures = 0
    for key, value in lines:
        try:
            typer.echo(json.dumps({"key": key, **open_metadata(key, value, usable)}, ensure_ascii=False))
        except UnreadableMetadata as error:
            failures += 1
            typer.echo(json.dumps({"key": key, "error": str(error)}, ensure_ascii=False))
    if failures:
        fail(f"values that cannot be decrypted: {failures}")


def _read_lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, _, value = line.strip().rpartition(" ")
        if value:
            yield key.rstrip(), value
