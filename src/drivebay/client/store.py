"""Bytes to and from the store, by the URLs that Drivebay signs.

A signed PUT allows one content in one place, so it may be sent as often as needed. A URL that has expired is asked for
again; what the store refuses for good is `StoreError`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .errors import NetworkError, StoreError
from .network import Answer, Network, ask
from .retry import Patience, Pauses
from .sources import Source

_SLAB: Final = 2 * 2**20
_CHUNK: Final = 256 * 1024
_FRESH_URLS: Final = 3
_REPEATS: Final = 3
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")

Moved = Callable[[int], None]
"""Told by how many bytes more, or fewer when something is sent again, have gone through."""


@dataclass(frozen=True)
class Signed:
    """A request that may be sent as it is."""

    method: str
    url: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Signed({self.method})"


class Store:
    """`parallel` bodies are under way at most."""

    def __init__(self, network: Network, patience: Patience, parallel: int) -> None:
        self.network = network
        self.patience = patience
        self.parallel = parallel
        self.slots = asyncio.Semaphore(parallel)

    async def put(
        self,
        what: str,
        signed: Signed,
        again: Callable[[], Awaitable[Signed | None]],
        source: Source,
        offset: int,
        length: int,
        moved: Moved,
    ) -> None:
        """Send these bytes. `again` signs anew, or says with None that it is not needed any more.

        Raises NetworkError, StoreError, Changed.
        """
        pauses = Pauses(self.patience)
        signings = repeats = 0
        while True:
            body = _Body(source, offset, length, moved)
            headers = {**signed.headers, "Content-Length": str(length)}
            try:
                async with self.slots:
                    answer = await ask(self.network, signed.method, signed.url, headers, body.at_once() or body)
            except NetworkError as error:
                body.undo()
                await pauses.pause(error)
                continue
            if answer.status < 300 or answer.status == 412:
                # 412: an earlier attempt has arrived whose answer was lost.
                body.finish()
                return
            body.undo()
            source.check()
            refusal = refused(what, answer)
            if answer.status == 403 and signings < _FRESH_URLS:
                signings += 1
                fresh = await again()
                if fresh is None:
                    return
                signed = fresh
            elif answer.status == 400 and repeats < _REPEATS:
                repeats += 1  # bytes were damaged on their way, or the way ended early
            elif answer.status >= 500 or answer.status in (408, 429):
                await pauses.pause(refusal)
            else:
                raise refusal


class _Body:
    """The bytes of one attempt, in chunks; a slab at a time is read in a thread."""

    def __init__(self, source: Source, offset: int, length: int, moved: Moved) -> None:
        self._source = source
        self._offset = offset
        self._length = length
        self._moved = moved
        self.sent = 0

    def at_once(self) -> bytes | None:
        """All of it, if it is in memory and no more than a chunk."""
        whole = self._source.whole
        if whole is None or self._length > _CHUNK:
            return None
        return whole[self._offset : self._offset + self._length]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = self._offset
        end = self._offset + self._length
        while at < end:
            slab = await asyncio.to_thread(self._source.read, at, min(_SLAB, end - at))
            at += len(slab)
            for start in range(0, len(slab), _CHUNK):
                chunk = slab[start : start + _CHUNK]
                if at == end and start + _CHUNK >= len(slab):
                    # The store makes an object of the last byte, and an event a file of the object: now or never.
                    self._source.check()
                yield chunk
                self.sent += len(chunk)
                self._moved(len(chunk))

    def undo(self) -> None:
        self._moved(-self.sent)

    def finish(self) -> None:
        """All of it is there, even what we had not sent this time."""
        self._moved(self._length - self.sent)


def refused(what: str, answer: Answer) -> StoreError:
    code = _CODE.search(answer.body[:4096])
    return StoreError(what, answer.status, code[1].decode() if code else "")
