"""Uploads: small files in one request, large ones in parts, several at once; gone on with where they stopped.

The bytes are hashed before they are sent and the store checks them, so a file arrives whole and as it was, or not at
all. What fails is given up on the server too, so that nothing of it stays; an upload in parts that can be resumed
is left there to be resumed.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from . import resume as resuming
from .beginnings import Beginnings
from .errors import Changed, Conflict, NotFound, UploadFailed
from .http import Http
from .models import OnConflict, Upload
from .parts import NotAsBefore, Parts
from .resume import Resume, Unfinished
from .retry import Patience
from .sources import Source, digest
from .store import Signed, Store

IN_ONE: Final = 16 * 2**20
"""Bytes up to which a file is sent in one request."""

_ASSEMBLY: Final = Patience(seconds=900.0)
"""A store may take minutes to put a large file together."""
_ROUNDS: Final = 3

Progress = Callable[[int, int], None]
"""Called with the bytes that went through so far, and all there are."""


@dataclass(frozen=True)
class Target:
    """Where a file goes, and as what."""

    parent_id: str
    name: str
    content_type: str
    on_conflict: OnConflict


class Count:
    """Adds up what goes through, for whoever wants to know."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def __call__(self, bytes: int) -> None:
        self._done += bytes
        if self._progress is not None and bytes:
            self._progress(self._done, self._total)


class Uploads:
    def __init__(
        self, http: Http, store: Store, beginnings: Beginnings, resume: Resume | None, now: Callable[[], datetime]
    ) -> None:
        self._http = http
        self._store = store
        self._beginnings = beginnings
        self._resume = resume
        self._now = now
        self._parts = Parts(http, store)

    async def send(self, source: Source, target: Target, progress: Progress | None = None) -> Upload:
        """The upload, complete. Raises Changed, UploadFailed, ApiError, NetworkError, StoreError."""
        moved = Count(source.size, progress)
        if source.size <= IN_ONE:
            sha256 = source.sha256
            if sha256 is None:
                sha256 = await asyncio.to_thread(digest, source)
                source.check()
            body = _intent(source, target) | {"sha256": b64encode(sha256).decode()}
            upload = await self._beginnings.begin(body)
            if upload.part_size is None:
                return await self._in_one(upload, source, moved)
            return await self._in_parts(upload, source, moved, None)
        key = self._key(source, target)
        for _ in range(2):
            upload = await self._found(key) or await self._begun(source, target, key)
            if upload.status == "complete":
                await self._forget(key)
                return upload
            try:
                return await self._in_parts(upload, source, Count(source.size, progress), key)
            except NotAsBefore:
                now = await self._http.call(Upload, "GET", f"/v1/uploads/{upload.id}")
                if now.status == "complete":  # by somebody who sent the same file at the same time
                    await self._forget(key)
                    return now
                # What lies there is not of this file, though it looked so: begin anew.
                await self._give_up(upload, key)
        raise Changed(f"{source.path or 'the file'} changes while it is read")

    async def _in_one(self, upload: Upload, source: Source, moved: Count) -> Upload:
        async def again() -> Signed | None:
            fresh = await self._http.call(Upload, "GET", f"/v1/uploads/{upload.id}")
            return None if fresh.status == "complete" else _signed(fresh)

        try:
            await self._store.put(f"{upload.name}", _signed(upload), again, source, 0, source.size, moved)
            return _completed(await self._beginnings.complete(upload))
        except BaseException:
            await self._beginnings.give_up(upload)
            raise

    async def _in_parts(self, upload: Upload, source: Source, moved: Count, key: str | None) -> Upload:
        try:
            for rounds_left in reversed(range(_ROUNDS)):
                await self._parts.send(upload, source, moved)
                source.check()
                try:
                    done = await self._complete(upload)
                except Conflict as error:
                    if error.code != "not_uploaded" or not rounds_left:
                        raise
                    moved = Count(source.size, None)
                    continue
                await self._beginnings.ended(upload)
                await self._forget(key)
                return done
            raise AssertionError("the last round returns or raises")
        except (Changed, UploadFailed):
            await self._give_up(upload, key)
            raise
        except BaseException:
            if key is None:
                await self._give_up(upload, None)
            raise

    async def _complete(self, upload: Upload) -> Upload:
        path = f"/v1/uploads/{upload.id}/complete"
        return _completed(await self._http.call(Upload, "POST", path, idempotent=True, patience=_ASSEMBLY))

    async def _give_up(self, upload: Upload, key: str | None) -> None:
        await self._beginnings.give_up(upload)
        await self._forget(key)

    def _key(self, source: Source, target: Target) -> str | None:
        if self._resume is None or source.identity is None:
            return None
        return resuming.key(self._http.server, source.identity, target.parent_id, target.name, target.on_conflict)

    async def _found(self, key: str | None) -> Upload | None:
        """The unfinished upload of this key, if the server still knows it as one that can become a file."""
        if key is None or self._resume is None:
            return None
        kept = await asyncio.to_thread(self._resume.find, key)
        if kept is None:
            return None
        try:
            upload = await self._http.call(Upload, "GET", f"/v1/uploads/{kept.upload_id}")
        except NotFound:
            return None
        return upload if upload.status in ("pending", "complete") else None

    async def _begun(self, source: Source, target: Target, key: str | None) -> Upload:
        body = _intent(source, target) | {"multipart": True}
        upload = await self._http.call(Upload, "POST", "/v1/uploads", body, keyed=True)
        if key is not None and self._resume is not None:
            path = str(source.path or "")
            note = Unfinished(key, upload.id, self._http.server, path, source.size, target.name, self._now())
            await asyncio.to_thread(self._resume.keep, note)
        return upload

    async def _forget(self, key: str | None) -> None:
        if key is not None and self._resume is not None:
            await asyncio.to_thread(self._resume.forget, key)


def _intent(source: Source, target: Target) -> dict[str, object]:
    return {
        "name": target.name,
        "size": source.size,
        "content_type": target.content_type,
        "parent_id": target.parent_id,
        "on_conflict": target.on_conflict,
    }


def _completed(done: Upload) -> Upload:
    if done.status == "failed" and done.reason == "name_taken":
        raise Conflict(409, "name_taken", f"{done.name!r} is there already")
    if done.status != "complete":
        raise UploadFailed(done.id, done.status, done.reason)
    return done


def _signed(upload: Upload) -> Signed:
    if upload.url is None:
        raise UploadFailed(upload.id, upload.status, upload.reason)
    return Signed(upload.method or "PUT", upload.url, upload.headers or {})
