"""The storage service: `contract.storage.Storage` over one bucket.

Each class implements one part of the contract, and `Service` combines their methods. The store is prepared once. If the
store cannot be reached, the service retries in the background. Until the store is prepared, look-ups return UNKNOWN,
and other calls raise Unavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from ..errors import Unavailable
from . import s3
from .bucket import Bucket
from .multipart_assembly import MultipartAssembly
from .object_copying import CopyLimits, ObjectCopying
from .object_deletion import ObjectDeletion
from .object_listing import ObjectListing
from .object_lookup import LookupLimits, ObjectLookup
from .object_reading import ObjectReading
from .partial_parts import PartialParts
from .promotion import Promotion
from .sealed_metadata import MetadataSeal
from .settings import Settings
from .store_health import StoreHealth
from .store_startup import StoreStartup
from .thumbnail_objects import ThumbnailObjects
from .url_signing import UrlSigning


def s3_options(settings: Settings) -> s3.S3Options:
    """Return the address of the store and the options of its requests."""
    return s3.S3Options(
        settings.endpoint,
        settings.access_key,
        settings.secret_key,
        settings.bucket,
        public_endpoint=settings.public_endpoint,
        region=settings.region,
        virtual_hosted=settings.virtual_hosted,
        timeout=settings.call_timeout,
        copy_timeout=settings.copy_timeout,
        connections=settings.connections,
    )


@asynccontextmanager
async def open(
    settings: Settings, *, now: Callable[[], datetime], new_id: Callable[[], UUID] = uuid7
) -> AsyncIterator[Service]:
    """Open a storage service, and start it if the store can be reached.

    If the store cannot be reached, the service retries in the background. Raises Misconfigured if the store refuses our
    settings.
    """
    async with s3.connect(s3_options(settings), now=now) as bucket:
        service = Service(bucket, settings, now, new_id)
        with suppress(Unavailable):
            await service.start()
        starting = asyncio.create_task(service.retry_start(), name="storage start")
        try:
            yield service
        finally:
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
            await service.close()


class Service:
    """See `contract.storage.Storage`. Call `start` before any other method, and `close` at the end."""

    def __init__(
        self, bucket: Bucket, settings: Settings, now: Callable[[], datetime], new_id: Callable[[], UUID]
    ) -> None:
        self._bucket = bucket
        concurrency, call_seconds = settings.max_concurrent_calls, settings.call_timeout.total_seconds()
        startup = StoreStartup(bucket, settings, now, new_id)
        self.start = startup.start
        self.retry_start = startup.retry_start
        self.get_capabilities = startup.get_capabilities
        self.health = StoreHealth(bucket, startup, settings.bucket, now).health

        seal = None if settings.root_secret is None else MetadataSeal(settings.root_secret)
        signing = UrlSigning(bucket, startup, seal, now)
        self.presign_put = signing.presign_put
        self.presign_get = signing.presign_get
        self.presign_puts = signing.presign_puts
        self.presign_gets = signing.presign_gets
        self.presign_parts = signing.presign_parts

        lookup = ObjectLookup(bucket, startup, LookupLimits(concurrency, call_seconds))
        self.stat_objects = lookup.stat_objects
        self.stat_staged = lookup.stat_staged

        self._promotion = Promotion(bucket, startup, concurrency=concurrency, wait_seconds=call_seconds)
        self.promote = self._promotion.promote

        copy_limits = CopyLimits(settings.max_single_copy, settings.copy_part_size, concurrency, call_seconds)
        self._copying = ObjectCopying(bucket, startup, seal, copy_limits)
        self.copy_objects = self._copying.copy_objects

        self.read_object = ObjectReading(bucket, startup).read_object

        deletion = ObjectDeletion(bucket, startup, concurrency)
        self.delete_objects = deletion.delete_objects
        self.clean_staging = deletion.clean_staging
        self.quarantine_object = deletion.quarantine_object

        thumbnails = ThumbnailObjects(bucket, startup, deletion)
        self.write_thumbnails = thumbnails.write_thumbnails
        self.delete_thumbnails = thumbnails.delete_thumbnails

        listing = ObjectListing(bucket, startup)
        self.list_objects = listing.list_objects
        self.list_multiparts = listing.list_multiparts

        self._assembly = MultipartAssembly(bucket, startup, seal, wait_seconds=call_seconds)
        self.begin_multipart = self._assembly.begin_multipart
        self.list_parts = self._assembly.list_parts
        self.measure_parts = self._assembly.measure_parts
        self.assemble_parts = self._assembly.assemble_parts
        self.abort_multipart = self._assembly.abort_multipart

        partial_parts = PartialParts(bucket, startup)
        self.write_part = partial_parts.write_part
        self.write_partial_part = partial_parts.write_partial_part
        self.list_partial_parts = partial_parts.list_partial_parts
        self.read_partial_part = partial_parts.read_partial_part
        self.delete_partial_parts = partial_parts.delete_partial_parts

    async def close(self) -> None:
        """Cancel the copies and assemblies that run in the background."""
        await self._copying.close()
        await self._promotion.close()
        await self._assembly.close()
