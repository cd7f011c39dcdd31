"""The settings guide, `docs/guide/settings.md`, rendered from the declarations."""

from __future__ import annotations

from typing import Final

from .settings import SETTINGS

_INTRODUCTION: Final = """\
# Settings

Set environment variables, or write lines `NAME=value` into a file `.env` in the working directory. An environment
variable overrides the line in the file. The file is read literally: a `$` in a value has no special meaning.

Write durations as `90s`, `15m` or `30d`, sizes as `10GiB` or `500MB`, rates as `20/m` or `off`, and lists with commas.
If a value is invalid, or Drivebay does not know a name that begins with `DRIVEBAY_`, Drivebay does not start. It prints
one line with the name of the setting, and the accepted values or a similar name.

| name | default | meaning |
| --- | --- | --- |
"""


def render_guide() -> str:
    """Return the guide in Markdown. `python -m drivebay.config.guide` prints it."""
    rows = []
    for declaration in SETTINGS:
        default = declaration.default_note or (f"`{declaration.default}`" if declaration.default else "none")
        rows.append(f"| `{declaration.name}` | {default} | {declaration.description} |\n")
    return _INTRODUCTION + "".join(rows)


if __name__ == "__main__":
    print(render_guide(), end="")  # noqa: T201
