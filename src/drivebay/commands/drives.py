"""The drive that a command works on."""

from __future__ import annotations

from typing import Final

from drivebay.client import AsyncDrive, Patience

from . import logins
from .unfinished import Folder

SHORT: Final = Patience(seconds=10.0)
"""For a command that somebody waits for."""
_LONG: Final = Patience(seconds=300.0)
"""For transfers: a network may be gone for some minutes."""
_PARALLEL: Final = 8


def opened() -> AsyncDrive:
    """The drive of whoever is logged in. Raises Wrong if nobody is."""
    server, session = logins.current()
    return AsyncDrive(server, session=session, patience=SHORT)


def transferring() -> AsyncDrive:
    """The same for `put` and `get`: with a place for what is unfinished, and for many files fast."""
    from .network import AiohttpNetwork  # takes longer to import than a small command takes

    server, session = logins.current()
    network = AiohttpNetwork(connections=32)
    return AsyncDrive(server, session=session, resume=Folder(), parallel=_PARALLEL, patience=_LONG, network=network)
