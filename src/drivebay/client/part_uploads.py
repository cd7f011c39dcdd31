"""Sends the parts of one upload: skips parts that the store has, and hashes, signs and sends the others.

One task hashes and signs parts in advance, other tasks send them. Parts are read from the source when they are sent,
and not kept in memory, so memory does not grow with the file.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .api_client import ApiClient, ApiRequest
from .api_models import Part, PartPage, SignedPart, SignedParts, Upload
from .errors import Conflict, Error, StoreError
from .store_client import ProgressCounter, PutRequest, SignedRequest, StoreClient
from .task_groups import run_all
from .upload_sources import Source, sha256_of

_GROUP_SIZE: Final = 8
"""The number of parts that are hashed and signed together."""
_FIRST_GROUP_SIZE: Final = 2
"""The number of parts in the first group. It is small, so that sending starts soon."""


class PartsMismatch(Error):
    """The upload has parts whose bytes differ from the source, so it is an upload of other content."""


@dataclass(frozen=True)
class _PlannedPart:
    """A part that is hashed and signed, and can be sent."""

    number: int
    offset: int
    size: int
    sha256: bytes
    signed: SignedRequest


class PartUploader:
    """Sends the parts of uploads."""

    def __init__(self, api: ApiClient, store: StoreClient) -> None:
        self._api = api
        self._store = store

    async def send(self, upload: Upload, source: Source, progress: ProgressCounter) -> None:
        """Send every part that the store does not have.

        Raises PartsMismatch, ContentChanged, ApiError, NetworkError, StoreError.
        """
        transfer = _PartTransfer(self._api, self._store, upload, source, progress)
        await transfer.run()


class _PartTransfer:
    """The transfer of the parts of one upload from one source."""

    def __init__(
        self, api: ApiClient, store: StoreClient, upload: Upload, source: Source, progress: ProgressCounter
    ) -> None:
        self._api = api
        self._store = store
        self._upload = upload
        self._source = source
        self._progress = progress
        self._part_count = upload.part_count or 1
        self._senders = max(1, min(store.parallel, self._part_count))
        self._queue: asyncio.Queue[_PlannedPart | None] = asyncio.Queue(self._senders)

    async def run(self) -> None:
        page = await self._api.call(ApiRequest(PartPage, "GET", f"/v1/uploads/{self._upload.id}/parts"))
        stored = {part.number: part for part in page.items}
        await run_all(self._plan_parts(stored), *(self._send_parts() for _ in range(self._senders)))

    async def _plan_parts(self, stored: Mapping[int, Part]) -> None:
        for numbers in _part_groups(self._part_count):
            for part in await self._plan_group(numbers, stored):
                await self._queue.put(part)
        for _ in range(self._senders):
            await self._queue.put(None)

    async def _send_parts(self) -> None:
        while (part := await self._queue.get()) is not None:
            await self._send_part(part)

    async def _plan_group(self, numbers: Sequence[int], stored: Mapping[int, Part]) -> list[_PlannedPart]:
        """Hash these parts, sign the parts that the store does not have, and return the signed parts."""
        ranges = {number: _part_range(self._upload, number) for number in numbers}
        digests = await asyncio.gather(
            *(asyncio.to_thread(sha256_of, self._source, offset, length) for offset, length in ranges.values())
        )
        sha256_by_number = dict(zip(numbers, digests, strict=True))
        self._source.check()
        missing = {}
        for number, sha256 in sha256_by_number.items():
            part = stored.get(number)
            if part is None or part.size != ranges[number][1]:
                missing[number] = sha256
            elif part.sha256 not in (None, sha256):
                raise PartsMismatch(f"part {number} of upload {self._upload.id} has other bytes")
            else:
                self._progress.add(part.size)
        if not missing:
            return []
        return [
            _PlannedPart(part.number, *ranges[part.number], missing[part.number], _signed_request(part))
            for part in await self._sign(missing)
        ]

    async def _sign(self, sha256_by_number: Mapping[int, bytes]) -> list[SignedPart]:
        parts = [
            {"number": number, "sha256": b64encode(sha256).decode()} for number, sha256 in sha256_by_number.items()
        ]
        path = f"/v1/uploads/{self._upload.id}/parts"
        try:
            response = await self._api.call(ApiRequest(SignedParts, "POST", path, {"parts": parts}, idempotent=True))
        except Conflict as error:
            # The upload has ended, or another digest of a part is recorded. So it cannot be used for this content.
            raise PartsMismatch(error.detail) from None
        return response.parts

    async def _send_part(self, part: _PlannedPart) -> None:
        async def sign() -> SignedRequest | None:
            (signed,) = await self._sign({part.number: part.sha256})
            return _signed_request(signed)

        action = f"part {part.number} of {self._upload.name}"
        request = PutRequest(action, part.signed, sign, self._source, part.offset, part.size)
        try:
            await self._store.put(request, self._progress)
        except StoreError as error:
            if error.status == 404:
                raise PartsMismatch(f"{action}: the upload has ended") from None
            if error.status == 400:
                sha256 = await asyncio.to_thread(sha256_of, self._source, part.offset, part.size)
                if sha256 != part.sha256:
                    # The bytes changed, although the modification time did not.
                    raise PartsMismatch(f"{action}: the file changed after it was hashed") from None
            raise


def _signed_request(part: SignedPart) -> SignedRequest:
    return SignedRequest(part.method, part.url, part.headers)


def _part_range(upload: Upload, number: int) -> tuple[int, int]:
    """Return the offset and the length of a part."""
    part_size = upload.part_size or upload.size
    offset = (number - 1) * part_size
    return offset, min(part_size, upload.size - offset)


def _part_groups(count: int) -> Iterator[range]:
    first = min(_FIRST_GROUP_SIZE, count)
    yield range(1, first + 1)
    for start in range(first + 1, count + 1, _GROUP_SIZE):
        yield range(start, min(start + _GROUP_SIZE, count + 1))
