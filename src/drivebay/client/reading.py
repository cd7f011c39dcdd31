"""Reading a file's bytes: any stretch of them, over as many connections as break.

All bytes of one reading are of one version: the store's ETag is held on to from the first answer, sent with each
later request, and compared with each answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from .errors import Changed, NetworkError, StoreError
from .http import Http, either
from .lanes import Lane
from .models import DownloadResults, File, Link
from .network import Response, whole
from .retry import Pauses
from .store import Store, refused

_FRESH_URLS: Final = 5
_BLOCK: Final = 2**20


class Reading:
    """One version of one file. `etag` is the store's; given, nothing else is read."""

    def __init__(self, http: Http, store: Store, file: File, link: Link, etag: str | None = None) -> None:
        self._http = http
        self._store = store
        self._link = link
        self._signing = asyncio.Lock()
        self.file = file
        self.etag = etag
        self.size = file.size if link.size is None else link.size
        told = file if link.size is None else link
        self.sha256 = told.sha256
        self.parts_sha256 = told.parts_sha256
        self.part_size = told.part_size

    async def blocks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to before `stop`, in blocks of a MiB. Raises Changed, NetworkError, StoreError."""
        kept = bytearray()
        async with aclosing(self.chunks(start, stop)) as chunks:
            async for chunk in chunks:
                kept += chunk
                if len(kept) >= _BLOCK:
                    yield bytes(kept)
                    kept.clear()
        if kept:
            yield bytes(kept)

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The same as they come."""
        pauses = Pauses(self._store.patience)
        at, signings = start, 0
        while at < stop:
            link = self._link
            try:
                async with self._store.network.open("GET", link.url, self._headers(at, stop)) as response:
                    if response.status == 403 and signings < _FRESH_URLS:
                        signings += 1
                        await self._sign_anew(link)
                        continue
                    await self._accept(response, at)
                    async with aclosing(response.chunks()) as chunks:
                        async for chunk in chunks:
                            wanted = chunk[: stop - at]
                            at += len(wanted)
                            yield wanted
                            pauses.progress()
                if at < stop:
                    raise NetworkError("the answer ended early")
            except NetworkError as error:
                await pauses.pause(error)
            except StoreError as error:
                if error.status < 500 and error.status not in (408, 429):
                    raise
                await pauses.pause(error)

    def _headers(self, at: int, stop: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if at or stop < self.size:
            headers["Range"] = f"bytes={at}-{stop - 1}"
        if self.etag:
            headers["If-Match"] = self.etag
        return headers

    async def _accept(self, response: Response, at: int) -> None:
        """Raises unless these are the bytes that were asked for, of the version that we read."""
        status, headers = response.status, response.headers
        what = f"reading {self.file.name}"
        if status == 412:
            raise Changed(f"{self.file.name} was replaced while it was read")
        if status not in (200, 206):
            raise refused(what, await whole(response))
        etag = headers.get("ETag", "")
        if self.etag and etag != self.etag:
            raise Changed(f"{self.file.name} was replaced while it was read")
        self.etag = etag
        begins = headers.get("Content-Range", "bytes 0-").removeprefix("bytes ").partition("-")[0]
        if begins != str(at):
            raise StoreError(f"{what}: bytes from {begins} instead of {at}", status)

    async def _sign_anew(self, old: Link) -> None:
        async with self._signing:
            if self._link is old:
                self._link = await self._http.call(Link, "GET", f"/v1/files/{self.file.id}/download")


class Links:
    """URLs of files' bytes; those that are asked for at the same time come together."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._lane: Lane[str, Link] = Lane(self._ask)

    async def of(self, id: str) -> Link:
        """Raises NotFound and other ApiErrors, NetworkError."""
        return await self._lane(id)

    async def close(self) -> None:
        await self._lane.close(0)

    async def _ask(self, ids: Sequence[str]) -> Sequence[Link | Exception]:
        if len(ids) == 1:
            return [await self._http.call(Link, "GET", f"/v1/files/{ids[0]}/download")]
        path = "/v1/files/batch/download"
        got = await self._http.call(DownloadResults, "POST", path, {"ids": ids}, idempotent=True)
        return [either(result.download, result.error) for result in got.items]


async def begin(http: Http, store: Store, links: Links, file: File) -> Reading:
    """A reading of the file's latest version."""
    return Reading(http, store, file, await links.of(file.id))


class Check:
    """Holds a stream against the checksum of its file, if one is known."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._now = hashlib.sha256()
        self._parts = hashlib.sha256()
        self._left = self._part = 0 if reading.sha256 is not None else reading.part_size or 0

    def update(self, block: bytes) -> None:
        while self._part and len(block) > self._left:
            # The part ends within the block.
            self._now.update(block[: self._left])
            block = block[self._left :]
            self._end_part()
        self._now.update(block)
        self._left -= len(block)

    def _end_part(self) -> None:
        self._parts.update(self._now.digest())
        self._now = hashlib.sha256()
        self._left = self._part

    def holds(self) -> bool:
        """Asked once, at the end."""
        if self._reading.sha256 is not None:
            return self._now.digest() == self._reading.sha256
        if self._reading.parts_sha256 is None:
            return True
        self._end_part()  # the last one, or the one empty part of an empty file
        return self._parts.digest() == self._reading.parts_sha256
