"""Passwords of links: bcrypt over base64(HMAC-SHA-384(key, password)), as for the passwords of accounts.

bcrypt reads at most 72 bytes, and stops at a zero byte. With the HMAC, every character of a password counts. One hash
takes about a quarter of a second of CPU time, so only a few hashes run at once. `concurrency/hashing_queue.py` divides
this time among the clients.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final, TypeVar

import bcrypt

from ...concurrency.hashing_queue import SECONDS_AT_COST_ZERO, UNKNOWN_CLIENT, HashClient, HashingQueue
from ...errors import FieldError, InvalidRequest

MAX_LENGTH: Final = 256
"""The maximum length of a password in code points. It bounds the cost of one call."""
_MAX_CONCURRENT: Final = 2
"""The maximum number of passwords that are hashed at the same time."""
T = TypeVar("T")


class LinkPasswords:
    """Hashes and compares passwords in threads. `secret` is the secret of the service, `cost` the cost of bcrypt."""

    def __init__(self, secret: bytes, cost: int) -> None:
        self._key = hmac.digest(secret, b"link passwords", hashlib.sha256)
        self._cost = cost
        self._queue = HashingQueue(_MAX_CONCURRENT, SECONDS_AT_COST_ZERO * 2**cost)

    def check(self, password: str) -> None:
        """Raise InvalidRequest for a text that cannot be the password of a link."""
        if not 1 <= len(password) <= MAX_LENGTH or not _is_text(password):
            problem = f"must have 1 to {MAX_LENGTH} characters"
            raise InvalidRequest(f"password {problem}", errors=(FieldError("password", problem),))

    async def hash(self, password: str, client: HashClient = UNKNOWN_CLIENT) -> str:
        """Return the hash to store for a password.

        Raises InvalidRequest, and Unavailable if the queue is full and this client has the largest number of recent
        hashes.
        """
        self.check(password)
        digest = self.digest(password)
        return (await self._run(client, lambda: bcrypt.hashpw(digest, bcrypt.gensalt(self._cost)))).decode("ascii")

    async def matches(self, password: str, stored: str, client: HashClient = UNKNOWN_CLIENT) -> bool:
        """Return whether a password has the stored hash. Raises Unavailable as `hash` does."""
        if not 1 <= len(password) <= MAX_LENGTH or not _is_text(password):
            return False
        digest = self.digest(password)
        return await self._run(client, lambda: bcrypt.checkpw(digest, stored.encode("ascii")))

    def digest(self, password: str) -> bytes:
        """Return a keyed digest of a password. Without the key, nobody can test guesses."""
        # NFC (RFC 8265, 4.2), because operating systems encode the same password in different Unicode forms.
        text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        return b64encode(hmac.digest(self._key, text, "sha384"))  # guard: link-password-key

    async def _run(self, client: HashClient, work: Callable[[], T]) -> T:
        task = asyncio.create_task(self._run_in_slot(client, work))
        task.add_done_callback(_read_error)
        # A thread cannot be cancelled. So the slot stays taken until the hash ends, even if the caller is cancelled.
        return await asyncio.shield(task)

    async def _run_in_slot(self, client: HashClient, work: Callable[[], T]) -> T:
        async with self._queue.slot(client):
            result, seconds = await asyncio.to_thread(_run_measured, work)
        self._queue.record(seconds)
        return result


def _run_measured(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _read_error(ended: asyncio.Task[Any]) -> None:
    if not ended.cancelled():
        ended.exception()  # mark the exception as read, because a cancelled caller does not read it


def _is_text(password: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in password)
