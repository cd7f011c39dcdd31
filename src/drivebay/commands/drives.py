"""The drive that a command works on."""

from __future__ import annotations

from typing import Final

from drivebay.client import AsyncDrive, Patience

from . import logins
from .unfinished import Folder

SHORT: Final = Patience(seconds=10.0)
"""For a command that somebody waits for."""
LONG: Final = Patience(seconds=300.0)
"""For transfers: a network may be gone for some minutes."""


def opened(*, parallel: int = 4, patience: Patience = SHORT) -> AsyncDrive:
    """The drive of whoever is logged in. Raises Wrong if nobody is."""
    server, session = logins.current()
    return AsyncDrive(server, session=session, resume=Folder(), parallel=parallel, patience=patience)
