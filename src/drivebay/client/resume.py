"""What is needed to go on with an upload in parts after this process has ended. The SDK asks, its caller keeps."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Protocol

import msgspec


class Unfinished(msgspec.Struct, frozen=True):
    """An upload that was begun. `key` names the file in its state, and where it goes; `path` is for people."""

    key: str
    upload_id: str
    server: str
    path: str
    size: int
    name: str
    begun_at: datetime


class Begun(msgspec.Struct, frozen=True):
    """A request that begins small uploads, as it is about to be sent: its Idempotency-Key, and its body."""

    key: str
    server: str
    body: bytes


class Resume(Protocol):
    """Unfinished uploads, kept where another process finds them. Its methods block: call them in a thread."""

    def note(self, begun: Begun) -> None:
        """Held while this process lives, and until `drop`."""
        ...

    def drop(self, key: str) -> None:
        """Every upload of it has ended."""
        ...

    def abandoned(self, server: str) -> list[Begun]:
        """What was begun at this server by processes that have ended. It is ours to end from now on."""
        ...

    def find(self, key: str) -> Unfinished | None: ...

    def keep(self, unfinished: Unfinished) -> None:
        """Whole or not at all, whenever the process ends."""
        ...

    def forget(self, key: str) -> None:
        """Does nothing if there is none."""
        ...


def key(*facts: str) -> str:
    """The name of this upload, fit for a file's name."""
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
