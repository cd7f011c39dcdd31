"""Keeps the permission bits of files, such as 'executable', in the property `unix_mode` of the file on the server.

The bits are stored only if they differ from those of a new file, so most files need no property and no further request.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from drivebay.client import ApiError, AsyncDrive, File

MODE_PROPERTY: Final = "unix_mode"
_MODE: Final = re.compile("[0-7]{1,3}")


@cache
def read_umask() -> int:
    """Return the umask of the process. The first call must come before the command starts threads.

    In POSIX, a process can read its umask only by setting it. A file that another thread creates at this moment would
    get other bits.
    """
    current = os.umask(0o077)
    os.umask(current)
    return current


def differs_on_server(path: Path, file: File | None) -> bool:
    """Return whether `send_mode` would change the file on the server. `file` is None for a new file."""
    return _mode_to_store(path) != (None if file is None else file.properties.get(MODE_PROPERTY))


async def send_mode(drive: AsyncDrive, path: Path, file: str | File) -> None:
    """Store the permission bits of a local file with a file on the server. `file` is an id if the file is new.

    A file with too many properties stays as it is: no error is raised.
    """
    if not differs_on_server(path, None if isinstance(file, str) else file):
        return
    try:
        await drive.update(file, properties={MODE_PROPERTY: _mode_to_store(path)})
    except ApiError as error:
        if error.code != "invalid_request":
            raise


def differs_locally(path: Path, file: File) -> bool:
    """Return whether `copy_mode` would change the local file."""
    mode = _stored_mode(file)
    return mode is not None and path.stat().st_mode & 0o777 != mode


def copy_mode(file: File, path: Path) -> None:
    """Give a local file the permission bits that are stored with a file on the server, without the bits of the
    umask."""
    mode = _stored_mode(file)
    if mode is not None:
        with suppress(OSError):  # the file system has no permission bits, or the file has another owner
            path.chmod(mode)


def _mode_to_store(path: Path) -> str | None:
    """Return the bits to store as octal text, or None if they are the bits of a new file."""
    mode = path.stat().st_mode & 0o777
    return None if mode == 0o666 & ~read_umask() else f"{mode:o}"


def _stored_mode(file: File) -> int | None:
    stored = file.properties.get(MODE_PROPERTY, "")
    return int(stored, 8) & ~read_umask() if _MODE.fullmatch(stored) else None
