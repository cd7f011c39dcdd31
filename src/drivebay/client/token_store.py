"""Stores the tokens of a login. The SDK stores them in memory, the command line in a keyring or a file.

A refresh token works once. A second use after the repeat window (ten seconds) ends the session. So processes that share
tokens refresh the tokens under a lock: `TokenStore.refresh_lock`.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Protocol

from .api_models import Tokens


class TokenStore(Protocol):
    """Stored tokens, possibly shared by several processes. The methods may block: the SDK calls them in a thread."""

    def load(self) -> Tokens | None:
        """Return the tokens that were saved last, by any process. Return None if there is no login."""
        ...

    def save(self, tokens: Tokens | None) -> None:
        """Replace the stored tokens. None deletes them."""
        ...

    def refresh_lock(self) -> AbstractContextManager[object]:
        """Return a lock to hold while tokens are refreshed. `with` waits until no other process holds it."""
        ...


class MemoryTokenStore:
    """A `TokenStore` for one process."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def refresh_lock(self) -> AbstractContextManager[object]:
        return self._lock
