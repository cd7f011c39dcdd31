"""Where a login's tokens are kept. The SDK keeps them in memory; the command line in a keyring or a file.

A refresh token is good for one use, and one that comes back a second time ends the session. So whoever shares tokens
with other processes must let one alone trade them: `alone`.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Protocol

from .models import Tokens


class Session(Protocol):
    """Tokens that outlive a call. Its methods may block for a moment: they are called in a thread."""

    def tokens(self) -> Tokens | None:
        """The latest that were kept, by anybody who shares them; None if nobody is logged in."""
        ...

    def keep(self, tokens: Tokens | None) -> None:
        """Keep these from now on; None forgets them."""
        ...

    def alone(self) -> AbstractContextManager[object]:
        """Held while tokens are traded for new ones. Waits for whoever holds it."""
        ...


class InMemory:
    """Implements `Session` for one process."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    def tokens(self) -> Tokens | None:
        return self._tokens

    def keep(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def alone(self) -> AbstractContextManager[object]:
        return self._lock
