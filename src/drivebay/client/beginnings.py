"""Small uploads, begun and completed by the hundred, and given up if they come to nothing.

An upload that was begun holds its name until it ends. So whoever keeps notes for us has one of each request before it
is sent: a process that finds the note of one that was ended asks the same again, gets the same uploads, and gives up
those that are still open. Then their names are free for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from .errors import ApiError
from .http import Http, either
from .lanes import Lane
from .models import Upload, UploadResult, UploadResults
from .resume import Begun, Resume
from .retry import PASSES, Patience, Pauses
from .together import all_of, at_last

NewUpload: TypeAlias = dict[str, object]
_GIVING_UP: Final = 5.0
_FOR_EVENTS: Final = 0.03
"""Seconds in which the store's event completes most uploads by itself, so that asking costs next to nothing."""


class Beginnings:
    """Uploads in one piece, from their intent to their end."""

    def __init__(self, http: Http, resume: Resume | None, patience: Patience) -> None:
        self._http = http
        self._resume = resume
        self._patience = patience
        self._open: dict[str, str] = {}
        """The note in which an upload that has not ended stands, by its id."""
        self._left: dict[str, int] = {}
        self._abandoned: list[Begun] | None = None
        self._beginning: Lane[NewUpload, Upload] = Lane(self._ask_begin, self.give_up)
        self._completing: Lane[str, Upload] = Lane(self._ask_complete, pause=_FOR_EVENTS)

    async def begin(self, wanted: NewUpload) -> Upload:
        """Raises ApiError, NetworkError."""
        return await self._patiently(lambda: self._beginning(wanted))

    async def complete(self, upload: Upload) -> Upload:
        """As the server shows it when it has looked. Raises ApiError, NetworkError."""
        done = await self._patiently(lambda: self._completing(upload.id))
        await self.ended(upload)
        return done

    async def ended(self, upload: Upload) -> None:
        """Nobody has to give it up any more."""
        key = self._open.pop(upload.id, None)
        if key is None:
            return
        self._left[key] -= 1
        if not self._left[key]:
            await self._drop(key)

    async def give_up(self, upload: Upload) -> None:
        """As well as it goes, within some seconds. What fails is left to the note."""

        async def delete() -> None:
            await self._abort(upload.id)
            await self.ended(upload)

        await at_last(delete, _GIVING_UP)

    async def close(self) -> None:
        await self._beginning.close(_GIVING_UP)
        await self._completing.close(0)

    async def _patiently(self, ask: Callable[[], Awaitable[Upload]]) -> Upload:
        pauses = Pauses(self._patience)
        while True:
            try:
                return await ask()
            except ApiError as error:
                if error.status not in PASSES:
                    raise
                await pauses.pause(error)

    async def _ask_begin(self, wanted: Sequence[NewUpload]) -> Sequence[Upload | Exception]:
        await self._recover()
        begun = Begun(self._http.new_key(), self._http.server, msgspec.json.encode({"uploads": wanted}))
        if self._resume is not None:
            await asyncio.to_thread(self._resume.note, begun)
        results = await self._begin(begun)
        ids = [result.upload.id for result in results if result.upload is not None]
        if self._resume is not None:
            self._left[begun.key] = len(ids)
            self._open.update(dict.fromkeys(ids, begun.key))
            if not ids:
                await self._drop(begun.key)
        return [either(result.upload, result.error) for result in results]

    async def _begin(self, begun: Begun) -> list[UploadResult]:
        body = msgspec.Raw(begun.body)
        return (await self._http.call(UploadResults, "POST", "/v1/uploads/batch", body, key=begun.key)).items

    async def _ask_complete(self, ids: Sequence[str]) -> Sequence[Upload | Exception]:
        path = "/v1/uploads/batch/complete"
        got = await self._http.call(UploadResults, "POST", path, {"ids": ids}, idempotent=True)
        return [either(result.upload, result.error) for result in got.items]

    async def _drop(self, key: str) -> None:
        self._left.pop(key, None)
        if self._resume is not None:
            await asyncio.to_thread(self._resume.drop, key)

    async def _recover(self) -> None:
        """Give up what processes before us have begun and not ended."""
        if self._resume is None:
            return
        if self._abandoned is None:
            self._abandoned = await asyncio.to_thread(self._resume.abandoned, self._http.server)
        while self._abandoned:
            begun = self._abandoned[-1]
            try:
                results = await self._begin(begun)
            except ApiError as error:
                if error.status not in (404, 422):
                    raise
                results = []  # the server knows nothing of it any more
            await all_of(*(self._abort(result.upload.id) for result in results if result.upload is not None))
            await self._drop(begun.key)
            self._abandoned.pop()

    async def _abort(self, id: str) -> None:
        try:
            await self._http.call(type(None), "DELETE", f"/v1/uploads/{id}")
        except ApiError as error:
            if error.status not in (404, 409):  # gone, or complete
                raise
