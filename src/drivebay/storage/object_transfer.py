"""Copies objects to local files, for backups and account exports, and back from the files of a backup.

A file exists only if it is complete.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from ..contract.storage import ObjectPage, Presence, StoredPart
from ..errors import Unavailable
from . import s3
from .bucket import PartUpload
from .settings import Settings

_MIB: Final = 1 << 20
_READ_SIZE: Final = 16 * _MIB
"""The number of bytes that one request reads."""
_PART_SIZE: Final = 64 * _MIB
"""The size of a part in bytes, and the size of the largest file that is sent in one request."""
_MAX_PARTS: Final = 9_000
"""A file that would have more parts has larger parts. S3 accepts 10,000 parts."""
_ATTEMPTS: Final = 4
"""The number of attempts of one request, with pauses of 1, 2 and 4 seconds."""
_LIST_PAGE: Final = 1000

T = TypeVar("T")


class DamagedObject(Exception):
    """The bytes in the store or in the file are wrong. The message names the object."""


@asynccontextmanager
async def open_object_transfer(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[ObjectTransfer]:
    """Open the bucket of these settings. Raises Misconfigured if they are not valid settings of a store."""
    options = s3.S3Options(
        settings.endpoint,
        settings.access_key,
        settings.secret_key,
        settings.bucket,
        region=settings.region,
        virtual_hosted=settings.virtual_hosted,
        timeout=settings.call_timeout,
        copy_timeout=settings.copy_timeout,
    )
    async with s3.connect(options, now=now) as bucket:
        yield ObjectTransfer(bucket)


class ObjectTransfer:
    """Copies objects between the store and local files. Failed requests are retried.

    Raises Unavailable if the store is still not available.
    """

    def __init__(self, bucket: s3.S3Bucket) -> None:
        self._bucket = bucket

    async def download(self, key: str, size: int, target: Path) -> str | None:
        """Write an object to the file `target`. Return its SHA-256 in hexadecimal, or None if the object does not
        exist.

        The file exists only when it is complete. Raises DamagedObject if the object does not have `size` bytes.
        """
        info = await _retry(lambda: self._bucket.head_object(key))
        if info.presence is Presence.ABSENT:
            return None
        if info.size != size:
            raise DamagedObject(f"the object {key} has {info.size} bytes, not {size}")
        _make_private_folder(target.parent)
        part, digest = target.with_name(target.name + ".part"), hashlib.sha256()
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            for start in range(0, size, _READ_SIZE):
                body = await self._read(key, start, min(_READ_SIZE, size - start))
                if body is None:
                    part.unlink()
                    return None
                digest.update(body)
                output.write(body)
            output.flush()
            os.fsync(output.fileno())
        part.rename(target)
        return digest.hexdigest()

    async def _read(self, key: str, start: int, length: int) -> bytes | None:
        return await _retry(lambda: self._bucket.read_range(key, start, length))

    async def read_headers(self, key: str) -> dict[str, str]:
        """Return the content type and the metadata of an object as headers. Return no headers if it does not exist."""
        return await _retry(lambda: self._bucket.read_headers(key))

    async def has_object(self, key: str, size: int, sha256: str) -> bool:
        """Return whether the store reports the object with this size and SHA-256.

        Return False if the store does not report checksums.
        """
        stored = await _retry(lambda: self._bucket.head_object(key))
        return stored.presence is Presence.FOUND and stored.size == size and stored.sha256 == bytes.fromhex(sha256)

    async def upload(self, key: str, source: Path, sha256: str, headers: Mapping[str, str]) -> None:
        """Write the file `source` to the store, with the headers of `read_headers`.

        Raises DamagedObject if the file does not have this SHA-256.
        """
        if _size(source) <= _PART_SIZE:
            body = await asyncio.to_thread(source.read_bytes)
            digest = hashlib.sha256(body)
            _check_digest(source, digest.hexdigest(), sha256)
            await _retry(lambda: self._bucket.put_object_with_headers(key, body, digest.digest(), headers))
            return
        _check_digest(source, await asyncio.to_thread(file_sha256, source), sha256)
        multipart_id = await _retry(lambda: self._bucket.create_multipart(key, headers))
        try:
            await self._upload_in_parts(key, multipart_id, source)
        except BaseException:
            with suppress(Unavailable):  # the janitor aborts the multipart upload later
                await self._bucket.abort_multipart(key, multipart_id)
            raise

    async def _upload_in_parts(self, key: str, multipart_id: str, source: Path) -> None:
        size = _size(source)
        part_size = max(_PART_SIZE, -(-size // (_MAX_PARTS * _MIB)) * _MIB)
        with source.open("rb") as file:
            for number in range(1, -(-size // part_size) + 1):
                body = file.read(part_size)
                part = PartUpload(multipart_id, number, body, hashlib.sha256(body).digest(), checksummed=False)
                await self._upload_part(key, part)
        parts: tuple[StoredPart, ...] | None = await _retry(lambda: self._bucket.list_parts(key, multipart_id))
        if not parts or not await self._bucket.complete_multipart(key, multipart_id, parts, ()):
            raise Unavailable(f"the store did not assemble the object {key}")

    async def _upload_part(self, key: str, part: PartUpload) -> None:
        if not await _retry(lambda: self._bucket.upload_part(key, part)):
            raise Unavailable(f"the store ended the upload of the object {key}")

    async def list_keys(self) -> AsyncIterator[str]:
        """Yield every key in the bucket. Create the bucket if it does not exist."""
        if not (await _retry(self._bucket.check_access)).exists:
            await self._bucket.create_bucket()
        after: str | None = ""
        while after is not None:
            page = await self._list_page(after)
            for object in page.objects:
                yield object.key
            after = page.after

    async def _list_page(self, after: str) -> ObjectPage:
        return await _retry(lambda: self._bucket.list_objects("", after, _LIST_PAGE))


def _check_digest(source: Path, actual: str, expected: str) -> None:
    if actual != expected:  # guard: restored-bytes
        raise DamagedObject(f"the file {source} has changed since the backup")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_private_folder(folder: Path) -> None:
    # `mkdir(parents=True)` would create the parent folders with the default mode.
    if not folder.is_dir():
        _make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size


async def _retry(call: Callable[[], Awaitable[T]]) -> T:
    for attempt in range(_ATTEMPTS - 1):
        try:
            return await call()
        except Unavailable:
            await asyncio.sleep(2.0**attempt)
    return await call()
