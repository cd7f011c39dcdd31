"""What this package needs of a store: one bucket of any S3-like service.

A driver translates every failure of its own. What it cannot find out it raises as `Unavailable`; it never
guesses, and it says 'absent' only when the store said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from ..contract.storage import Deletion, Object, ObjectPage, StoredPart, UnfinishedPage


class Misconfigured(Exception):
    """The store is there and will not serve us as we are set up: wrong keys, wrong region, a bucket that is
    somebody else's. The sentence names the setting to change. Trying again does not help."""


class Sight(msgspec.Struct, frozen=True):
    """What one look at the bucket showed. `store_time` is the store's own clock, in whole seconds, None if it
    does not tell."""

    exists: bool
    store_time: datetime | None


class Bucket(Protocol):
    def presign(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        at: datetime,
        seconds: int,
        public: bool = True,
    ) -> str:
        """A URL on the clients' endpoint (ours if not `public`) that allows exactly this request, with
        these headers, for `seconds` from `at`. The same arguments give the same URL; nothing is sent."""
        ...

    def address(self, key: str) -> str:
        """A URL of a key as a stranger would ask for it, with no signature."""
        ...

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Use a URL as a client would; the status of the answer. Raises Unavailable."""
        ...

    async def connect(self) -> Sight:
        """Look at the bucket with our keys. Raises Misconfigured, Unavailable."""
        ...

    async def create(self) -> None:
        """Make the bucket; no error if it is ours already. Raises Misconfigured, Unavailable."""
        ...

    async def allow_origins(self, origins: tuple[str, ...]) -> bool:
        """Let pages of these origins PUT, GET and HEAD, and read `ETag`. False if the store has no such setting."""
        ...

    async def send_events(self, target: str) -> str | None:
        """Have the store tell `target`, an ARN it knows, of every new object, beside the rules that are there.
        None if it does from now on, else why not. Raises Unavailable."""
        ...

    async def versioned(self) -> bool:
        """Whether the bucket keeps the bytes of what is deleted or overwritten. Raises Unavailable."""
        ...

    async def sight(self) -> Sight:
        """A cheap look at the bucket. Raises Unavailable."""
        ...

    async def head(self, key: str) -> Object:
        """One object, found or absent. Raises Unavailable."""
        ...

    async def page(self, prefix: str, after: str, limit: int) -> ObjectPage:
        """Up to `limit` (1,000 at most) objects under `prefix` after the key `after`, in key order; without
        checksum and type. Raises Unavailable."""
        ...

    async def delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        """Delete up to 1,000 objects; what was not there counts as deleted. Raises Unavailable when nothing
        is known of any of them."""
        ...

    async def delete_one(self, key: str) -> None:
        """Delete one object; no error if it is not there. Raises Unavailable."""
        ...

    async def copy(self, source: str, target: str, etag: str | None = None) -> bool:
        """Copy an object with its type and metadata inside the store. False if there is no `source`, or none
        with this `etag`. Raises Unavailable."""
        ...

    async def write(self, key: str, body: bytes, sha256: bytes) -> None:
        """Write an object whose SHA-256 is told, over what may be there. Raises Unavailable."""
        ...

    async def read(self, key: str) -> bytes | None:
        """The bytes of an object; None if there is none. Raises Unavailable."""
        ...

    async def write_part(
        self, key: str, multipart: str, number: int, body: bytes, sha256: bytes, checked: bool
    ) -> bool:
        """Write a part whose SHA-256 is told, and kept with it if `checked`. False when the write has ended. Raises
        Unavailable."""
        ...

    async def begin_parts(self, key: str, headers: Mapping[str, str]) -> str:
        """Begin to write an object in parts, with these headers; the store's id for it. Raises Unavailable."""
        ...

    async def parts(self, key: str, multipart: str) -> tuple[StoredPart, ...] | None:
        """The parts that are there, by number, each once; None when no such write is under way. Raises
        Unavailable."""
        ...

    async def complete_parts(
        self, key: str, multipart: str, parts: Sequence[StoredPart], sha256: Sequence[bytes]
    ) -> bool:
        """Make the object of these parts, unless there is one. False when that was refused: the write has ended, or
        an object is there. `sha256` are the parts' checksums if the write was begun with them, else none. Raises
        Unavailable."""
        ...

    async def abort_parts(self, key: str, multipart: str) -> None:
        """End a write in parts; no error if it has ended. Raises Unavailable."""
        ...

    async def unfinished(self, after: str, limit: int) -> UnfinishedPage:
        """Writes in parts that have not ended, after the place `after`, by key. Raises Unavailable."""
        ...

    async def completes_once(self, key: str) -> bool:
        """Whether the end of an upload in parts can be refused since there is an object at `key`, as there is.
        May leave other bytes there. Raises Unavailable."""
        ...
