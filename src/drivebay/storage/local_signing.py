"""Signing in the process of the caller. All other calls go to a remote storage service.

A signature needs only the keys of the store, and no request. A gateway that has these keys saves one call to the
storage service for each download and each upload. It gets the capabilities of the store from the service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from ..contract.storage import GetSpec, Multipart, PartSpec, PutSpec, SignedRequest, Storage
from ..contract.storage.signing import Disposition
from ..errors import Error, Unavailable
from . import s3
from .capability_probe import ProbeResult
from .sealed_metadata import MetadataSeal
from .service import s3_options
from .settings import Settings
from .url_signing import UrlSigning

log = structlog.get_logger(__name__)

_MAX_AGE: Final = 60.0
"""The number of seconds after which the capabilities are read again, because the operator may have replaced the
store."""


class LocalSigning:
    """Implements `contract.storage.Signing` and `presign_parts`. `storage` is the remote service.

    Raises Misconfigured if `settings` are not valid settings of a store.
    """

    def __init__(self, storage: Storage, settings: Settings, now: Callable[[], datetime]) -> None:
        self._storage = storage
        self._probe_result: ProbeResult | None = None
        self._read_at = 0.0
        self._lock = asyncio.Lock()
        seal = None if settings.root_secret is None else MetadataSeal(settings.root_secret)
        self._urls = UrlSigning(s3.create_presigner(s3_options(settings)), self, seal, now)

    def require_ready(self) -> ProbeResult:
        if self._probe_result is None:
            raise Unavailable("the storage service has not reported yet what the store supports; try again later")
        return self._probe_result

    async def presign_put(self, put: PutSpec, signed_at: datetime, ttl_seconds: int) -> SignedRequest:
        await self._refresh()
        return await self._urls.presign_put(put, signed_at, ttl_seconds)

    async def presign_get(
        self, key: str, name: str, content_type: str, disposition: Disposition, ttl_seconds: int
    ) -> SignedRequest:
        await self._refresh()
        return await self._urls.presign_get(key, name, content_type, disposition, ttl_seconds)

    async def presign_puts(
        self, puts: tuple[PutSpec, ...], signed_at: datetime, ttl_seconds: int
    ) -> tuple[SignedRequest, ...]:
        await self._refresh()
        return await self._urls.presign_puts(puts, signed_at, ttl_seconds)

    async def presign_gets(self, gets: tuple[GetSpec, ...], ttl_seconds: int) -> tuple[SignedRequest, ...]:
        await self._refresh()
        return await self._urls.presign_gets(gets, ttl_seconds)

    async def presign_parts(
        self, key: str, multipart: Multipart, parts: tuple[PartSpec, ...], ttl_seconds: int
    ) -> tuple[SignedRequest, ...]:
        await self._refresh()
        return await self._urls.presign_parts(key, multipart, parts, ttl_seconds)

    async def _refresh(self) -> None:
        """Read the capabilities if they are old. If the service is not available, keep the last capabilities."""
        if self._is_fresh():
            return
        async with self._lock:
            if self._is_fresh():  # another call read the capabilities while this call waited
                return
            self._read_at = time.monotonic()
            try:
                self._probe_result = ProbeResult(await self._storage.get_capabilities())
            except Error as error:
                if self._probe_result is None:
                    self._read_at = 0.0
                    raise
                log.warning("capabilities_not_read", reason=error.detail)

    def _is_fresh(self) -> bool:
        return self._probe_result is not None and time.monotonic() - self._read_at < _MAX_AGE


class LocallySignedStorage:
    """Implements `contract.storage.Storage`. `signing` signs URLs, and all other calls go to `remote`."""

    def __init__(self, remote: Storage, signing: LocalSigning) -> None:
        self.presign_put = signing.presign_put
        self.presign_get = signing.presign_get
        self.presign_puts = signing.presign_puts
        self.presign_gets = signing.presign_gets
        self.presign_parts = signing.presign_parts

        self.begin_multipart = remote.begin_multipart
        self.write_part = remote.write_part
        self.write_partial_part = remote.write_partial_part
        self.list_partial_parts = remote.list_partial_parts
        self.read_partial_part = remote.read_partial_part
        self.delete_partial_parts = remote.delete_partial_parts
        self.list_parts = remote.list_parts
        self.measure_parts = remote.measure_parts
        self.assemble_parts = remote.assemble_parts
        self.abort_multipart = remote.abort_multipart
        self.list_multiparts = remote.list_multiparts
        self.stat_objects = remote.stat_objects
        self.read_object = remote.read_object
        self.delete_objects = remote.delete_objects
        self.list_objects = remote.list_objects
        self.quarantine_object = remote.quarantine_object
        self.copy_objects = remote.copy_objects
        self.stat_staged = remote.stat_staged
        self.promote = remote.promote
        self.clean_staging = remote.clean_staging
        self.write_thumbnails = remote.write_thumbnails
        self.delete_thumbnails = remote.delete_thumbnails
        self.get_capabilities = remote.get_capabilities
        self.health = remote.health
