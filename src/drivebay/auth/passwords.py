"""Passwords: bcrypt over base64(HMAC-SHA-384(pepper, password)), in a pool of few threads.

bcrypt reads 72 bytes and stops at a zero byte; the HMAC in front makes every character count, and makes a
stolen table useless without the pepper. One hash costs a core a quarter of a second on purpose, so the
pool is bounded, and what would wait too long is refused at once.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self, TypeVar

import bcrypt
from prometheus_client import Gauge

from ..errors import Unavailable

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 256
"""In code points. Bounds what one call may cost, not what a password may be worth."""

_Result = TypeVar("_Result")

_SCHEME: Final = "hmac-sha384-bcrypt:"
PATIENCE: Final = 4.0
"""Seconds a password may take with its wait. Its caller gives up after ten, and people sooner."""
_FIRST_GUESS: Final = 0.25 / 2**12
"""Seconds that a hash of cost 0 would take; how long they really take is learned from each."""
_LEARN: Final = 0.125

_waiting = Gauge("drivebay_auth_hashes_waiting", "Passwords that are being hashed or wait for it")


class Passwords:
    """Hashes and checks passwords; a block, since it owns threads.

    `check` does the work of one comparison, and is an argument so that a test can count it.
    """

    def __init__(
        self,
        pepper: bytes,
        cost: int,
        threads: int,
        check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._pepper = pepper
        self._cost = cost
        self._check = check
        self._clock = clock
        self._seconds = _FIRST_GUESS * 2**cost
        self._pending = 0
        self._count = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        # Never right for anybody, and as dear to compare with as a real one.
        self._nobody = f"$2b${cost:02}$" + "." * 53

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """What to store. Unavailable at once when it would take longer than `PATIENCE`."""
        hashed = await self._run(lambda: bcrypt.hashpw(self._digest(password), bcrypt.gensalt(self._cost)))
        return _SCHEME + hashed.decode("ascii")

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether this is the password. With `stored` None the answer is no, at the same price.

        A password that nobody could have (see `fault`) is refused at once, whoever it is for. Unavailable as
        for `hash`.
        """
        if fault(password) is not None:
            return False
        hashed = self._nobody if stored is None else stored.removeprefix(_SCHEME)
        right = await self._run(lambda: self._check(self._digest(password), hashed.encode("ascii")))
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether it was stored at another cost than today's."""
        return not stored.startswith(f"{_SCHEME}$2b${self._cost:02}$")

    @property
    def busy(self) -> bool:
        """Whether whoever comes now has to wait."""
        return self._pending >= self._count

    def _digest(self, password: str) -> bytes:
        # NFC (RFC 8265, 4.2): the same password typed on another system is the same password.
        text = unicodedata.normalize("NFC", password).encode()
        return b64encode(hmac.digest(self._pepper, text, "sha384"))

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        takes = (self._pending // self._count + 1) * self._seconds
        # A thread that is free is never refused, or one slow hash could close the door for good.
        if self.busy and takes > PATIENCE:
            raise Unavailable("too many passwords are being checked at once", retry_after=math.ceil(PATIENCE))
        self._pending += 1
        _waiting.inc()
        try:
            result, took = await asyncio.get_running_loop().run_in_executor(self._threads, self._timed, work)
        finally:
            self._pending -= 1
            _waiting.dec()
        self._seconds += (took - self._seconds) * _LEARN
        return result

    def _timed(self, work: Callable[[], _Result]) -> tuple[_Result, float]:
        begun = self._clock()
        return work(), self._clock() - begun


def fault(password: str) -> str | None:
    """What is wrong with a password, in a few words; None if nothing is."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"
    if any("\ud800" <= character <= "\udfff" for character in password):
        return "must be Unicode text"
    return None
