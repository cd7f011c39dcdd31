"""Begin multipart uploads, and assemble their parts into one object.

No URL is ever signed for the object itself. Only the store creates the object, at our request, and only if no object
exists under its key. An assembly that takes longer than a call continues in the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from ..contract.storage import AssemblyResult, AssemblyStatus, Multipart, PutSpec, StoredPart
from ..errors import InvalidRequest, Unavailable
from ..observability.crash_points import crash_point
from .argument_checks import check_key, check_multipart_id, check_put
from .background_work import BackgroundWork
from .bucket import Bucket
from .object_headers import upload_headers
from .sealed_metadata import MetadataSeal
from .store_startup import StoreStartup

log = structlog.get_logger(__name__)

_MAX_REPORTED: Final = 100
"""The maximum number of missing parts in one result."""
_CHECKSUM_HEADERS: Final = {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "COMPOSITE"}


class MultipartAssembly:
    """Implements the calls of `contract.storage.Multiparts` about whole multipart uploads. A call waits at most
    `wait_seconds` for an assembly."""

    def __init__(
        self, bucket: Bucket, startup: StoreStartup, seal: MetadataSeal | None, *, wait_seconds: float
    ) -> None:
        self._bucket = bucket
        self._startup = startup
        self._seal = seal
        self._assemblies = BackgroundWork[AssemblyResult]("assemble", wait_seconds=wait_seconds)
        self.close = self._assemblies.close

    async def begin_multipart(self, put: PutSpec, checksummed: bool) -> Multipart:
        check_put(put)
        store = self._startup.require_ready().capabilities
        headers = upload_headers(put, self._seal, frozenset(store.unsupported_headers), single_request=False)
        checksummed = checksummed and store.signed_checksum
        return Multipart(
            await self._bucket.create_multipart(put.key, headers | (_CHECKSUM_HEADERS if checksummed else {})),
            checksummed,
        )

    async def list_parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
        self._check(key, multipart_id)
        return await self._bucket.list_parts(key, multipart_id) or ()

    async def measure_parts(self, key: str, multipart_id: str) -> int:
        self._check(key, multipart_id)
        return await self._bucket.measure_parts(key, multipart_id)

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        self._check(key, multipart_id)
        await self._bucket.abort_multipart(key, multipart_id)

    async def assemble_parts(
        self, key: str, multipart_id: str, sizes: tuple[int, ...], sha256: tuple[bytes, ...]
    ) -> AssemblyResult:
        if sha256 and len(sha256) != len(sizes):
            raise InvalidRequest("sha256 must have one digest for every part, or none")
        self._check(key, multipart_id)
        return await self._assemblies.run(
            multipart_id,
            lambda: self._assemble(key, multipart_id, sizes, sha256),
            unfinished=AssemblyResult(AssemblyStatus.UNKNOWN),
        )

    def _check(self, key: str, multipart_id: str) -> None:
        check_key(key)
        check_multipart_id(multipart_id)
        self._startup.require_ready()

    async def _assemble(
        self, key: str, multipart_id: str, sizes: tuple[int, ...], sha256: tuple[bytes, ...]
    ) -> AssemblyResult:
        try:
            parts = await self._bucket.list_parts(key, multipart_id)
            if parts is None:
                return AssemblyResult(AssemblyStatus.DONE)
            if missing := _missing_parts(parts, sizes):  # guard: assembly-missing-parts
                return AssemblyResult(AssemblyStatus.MISSING, missing)
            crash_point("assemble.before_complete")
            completed = await self._bucket.complete_multipart(key, multipart_id, parts, sha256)
            crash_point("assemble.completed")
            if not completed:
                # An object exists, or the upload has ended, so the parts are not needed any more.
                await self._bucket.abort_multipart(key, multipart_id)
        except Unavailable as error:
            log.warning("assembly_failed", key=key, reason=error.detail)
            return AssemblyResult(AssemblyStatus.UNKNOWN)
        return AssemblyResult(AssemblyStatus.DONE)


def _missing_parts(parts: Sequence[StoredPart], sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of the parts that are missing or have a wrong size.

    If there are no such parts, return the numbers of the stored parts after the last expected part, because the store
    would add them to the object.
    """
    stored = {part.number: part.size for part in parts}
    wrong = [number for number, size in enumerate(sizes, 1) if stored.get(number) != size]
    return tuple((wrong or sorted(stored.keys() - set(range(1, len(sizes) + 1))))[:_MAX_REPORTED])
