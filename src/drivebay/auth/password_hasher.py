"""Hashes passwords with bcrypt over base64(HMAC-SHA-384(pepper, password)), in a small thread pool.

bcrypt reads at most 72 bytes, and stops at a zero byte. With the HMAC, every character of a password counts, and a
stolen table is useless without the pepper. One hash takes about a quarter of a second of CPU time, by design. So the
pool has few threads, and `concurrency/hashing_queue.py` divides their time among the clients.
"""

from __future__ import annotations

import asyncio
import hmac
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self, TypeVar

import bcrypt
from prometheus_client import Gauge

from ..concurrency.hashing_queue import SECONDS_AT_COST_ZERO, UNKNOWN_CLIENT, HashClient, HashingQueue

MIN_LENGTH: Final = 8
"""The minimum length of a password in code points."""
MAX_LENGTH: Final = 256
"""The maximum length of a password in code points. It bounds the cost of one call."""

_SCHEME: Final = "hmac-sha384-bcrypt:"

_UNUSABLE: Final = "." * 53
"""A salt and a hash that match no password."""

_Result = TypeVar("_Result")

_waiting = Gauge(
    "drivebay_auth_hashes_waiting", "Passwords that are being hashed or wait for a thread", multiprocess_mode="livesum"
)


class PasswordHasher:
    """Hashes and verifies passwords. A context manager, because it owns threads.

    `compare` does the work of one comparison. It is an argument so that a test can count the calls.
    """

    def __init__(
        self,
        pepper: bytes,
        cost: int,
        threads: int,
        compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._pepper = pepper
        self._cost = cost
        self._compare = compare
        self._clock = clock
        self._queue = HashingQueue(threads, SECONDS_AT_COST_ZERO * 2**cost)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        # No password matches this hash, and a comparison with it costs as much as with a real hash.
        self._dummy_hash = _dummy_hash(cost)  # guard: unknown-account-hash-cost

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def hash(self, password: str, client: HashClient = UNKNOWN_CLIENT) -> str:
        """Return the hash to store for `password`.

        Raises Unavailable if the queue is full and refuses this hash (see `HashingQueue`).
        """
        hashed = await self._run(client, lambda: bcrypt.hashpw(self._digest(password), bcrypt.gensalt(self._cost)))
        return _SCHEME + hashed.decode("ascii")

    async def verify(self, password: str, stored: str | None, client: HashClient = UNKNOWN_CLIENT) -> bool:
        """Return whether `password` matches the stored hash.

        If `stored` is None (an unknown account), the result is False. A wrong password and an unknown account take the
        same time, even if the hash of the account was created with a lower cost than the current one. A password that
        cannot be valid (see `password_problem`) is refused without any work. Raises Unavailable as `hash` does.
        """
        if password_problem(password) is not None:
            return False
        hashed = self._dummy_hash if stored is None else stored.removeprefix(_SCHEME)
        matches = await self._run(client, lambda: self._matches(self._digest(password), hashed))
        return matches and stored is not None  # guard: unknown-account-password

    @property
    def unusable_hash(self) -> str:
        """The hash to store for an account without a password. No password matches it."""
        return _SCHEME + self._dummy_hash

    def needs_rehash(self, stored: str) -> bool:
        """Return whether the hash was created with another cost than the current cost."""
        return not stored.startswith(f"{_SCHEME}$2b${self._cost:02}$")

    @property
    def is_busy(self) -> bool:
        """Whether all threads are in use, so that the next call has to wait."""
        return self._queue.is_busy

    def _matches(self, digest: bytes, hashed: str) -> bool:
        if self._compare(digest, hashed.encode("ascii")):
            return True
        # Each step of the cost doubles the work. So these comparisons and the first one together take as long as one
        # comparison with the current cost, which an unknown account gets.
        for cost in range(_cost_of(hashed), self._cost):  # guard: old-hash-cost
            self._compare(digest, _dummy_hash(cost).encode("ascii"))
        return False

    def _digest(self, password: str) -> bytes:
        # NFC (RFC 8265, 4.2), because operating systems encode the same password in different Unicode forms.
        text = unicodedata.normalize("NFC", password).encode()
        digest = hmac.digest(self._pepper, text, "sha384")  # guard: password-pepper, password-all-characters
        return b64encode(digest)

    async def _run(self, client: HashClient, work: Callable[[], _Result]) -> _Result:
        _waiting.inc()
        try:
            async with self._queue.slot(client):
                loop = asyncio.get_running_loop()
                thread = loop.run_in_executor(self._threads, self._run_measured, work)
                try:
                    result, seconds = await asyncio.shield(thread)
                except asyncio.CancelledError:
                    # A thread cannot be stopped, so it keeps its slot until it ends.
                    await asyncio.wait([thread])  # guard: hash-slot
                    raise
        finally:
            _waiting.dec()
        self._queue.record(seconds)
        return result

    def _run_measured(self, work: Callable[[], _Result]) -> tuple[_Result, float]:
        started = self._clock()
        return work(), self._clock() - started


def _dummy_hash(cost: int) -> str:
    return f"$2b${cost:02}$" + _UNUSABLE


def _cost_of(hashed: str) -> int:
    """Return the cost of a bcrypt hash, such as 12 of `$2b$12$...`."""
    return int(hashed.split("$")[2])


def is_usable(stored: str) -> bool:
    """Return whether a stored hash is the hash of a password. An account without a password has an unusable hash."""
    return not stored.endswith(_UNUSABLE)


def password_problem(password: str) -> str | None:
    """Return the reason why a password cannot be valid (its length, or it is no Unicode text), or None.

    `new_password_problem` also refuses common passwords.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"
    if any("\ud800" <= character <= "\udfff" for character in password):
        return "must be valid Unicode text"
    return None
