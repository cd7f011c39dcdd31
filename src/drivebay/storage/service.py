"""The storage service: what `contract.storage` promises, over one bucket.

Signing asks nothing of the store, and the store is asked nothing twice: it is started once (bucket, CORS,
probe), in the background and for as long as it takes if it is not there yet. Until then every call fails
as unavailable.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from ..contract.health import Health
from ..contract.storage import (
    INCOMING,
    TAILS,
    Arrival,
    Assembled,
    Capabilities,
    Deletion,
    Disposition,
    Get,
    Multipart,
    Object,
    ObjectPage,
    PartPut,
    Presence,
    Put,
    SignedRequest,
    StoredPart,
    Tail,
    UnfinishedPage,
)
from ..crash import crash_point
from ..errors import InvalidRequest, Unavailable
from . import headers, lookup, probe, s3, start
from .bucket import Bucket, Misconfigured, Sight
from .incoming import Incoming
from .names import (
    MOST_KEYS,
    UNNAMEABLE,
    check_arrivals,
    check_key,
    check_keys,
    check_multipart,
    check_put,
    check_signings,
    check_tails,
)
from .parts import Parts, check_parts
from .settings import Settings
from .tails import Tails, check_body, check_number

log = structlog.get_logger(__name__)

QUARANTINE: Final = ".quarantine/"
_OURS: Final = (probe.PREFIX, INCOMING, QUARANTINE, TAILS)
_LONGEST: Final = 7 * 24 * 3600
"""Seven days is the longest life of a signed URL (SigV4, X-Amz-Expires)."""
_CLOCK_TOLERANCE: Final = timedelta(seconds=60)
_HEALTH_KEPT: Final = 1.0
_START_WITHIN: Final = 120.0


@asynccontextmanager
async def open(
    settings: Settings, *, now: Callable[[], datetime], new_id: Callable[[], UUID] = uuid7
) -> AsyncIterator[Service]:
    """A storage service, started already if the store is there.

    Raises Misconfigured if the store is there and refuses us. If it cannot be reached yet, starting goes on
    behind the service that is given.
    """
    async with s3.connect(
        endpoint=settings.endpoint,
        public_endpoint=settings.public_endpoint or settings.endpoint,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        region=settings.region,
        bucket=settings.bucket,
        timeout=settings.call_timeout,
        copy_timeout=settings.copy_timeout,
        connections=settings.connections,
        now=now,
        in_host=settings.in_host,
    ) as bucket:
        service = Service(bucket, settings, now, new_id)
        with suppress(Unavailable):
            await service.start()
        starting = asyncio.create_task(service.keep_starting(), name="storage start")
        try:
            yield service
        finally:
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
            await service.close()


class Service:
    """See `contract.storage.Storage`."""

    def __init__(
        self, bucket: Bucket, settings: Settings, now: Callable[[], datetime], new_id: Callable[[], UUID]
    ) -> None:
        self._bucket = bucket
        self._settings = settings
        self._now = now
        self._new_id = new_id
        self._findings: probe.Findings | None = None
        self._trouble = "the store has not answered yet"
        self._health: tuple[Health, ...] = ()
        self._health_until = 0.0
        self._measuring = asyncio.Lock()
        self._incoming = Incoming(
            bucket,
            self._look,
            self._delete,
            concurrency=settings.lookup_concurrency,
            patience=settings.call_timeout.total_seconds(),
        )
        self._parts = Parts(bucket, patience=settings.call_timeout.total_seconds())
        self._tails = Tails(bucket)

    async def close(self) -> None:
        await self._incoming.close()
        await self._parts.close()

    # -- starting ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make the bucket ready and learn what the store can do. Safe to repeat. Raises Misconfigured, Unavailable."""
        try:
            async with asyncio.timeout(_START_WITHIN):
                findings = await start.prepare(self._bucket, self._settings, str(self._new_id()), self._now)
        except TimeoutError:
            self._trouble = "the store is too slow to be tried"
            raise Unavailable(self._trouble) from None
        except (Unavailable, Misconfigured) as error:
            self._trouble = str(error)
            raise
        start.tell(findings)
        log.info("store_ready", bucket=self._settings.bucket, endpoint=self._settings.endpoint)
        self._findings = findings

    async def keep_starting(self) -> None:
        """Try to start until it works, saying so each time."""
        while self._findings is None:
            log.warning("store_not_ready", endpoint=self._settings.endpoint, reason=self._trouble)
            await asyncio.sleep(self._settings.retry_pause.total_seconds())
            with suppress(Unavailable, Misconfigured):
                await self.start()

    def _started(self) -> probe.Findings:
        if self._findings is None:
            raise Unavailable(self._trouble)
        return self._findings

    # -- signing -----------------------------------------------------------------------------------

    async def presign_put(self, put: Put, signed_at: datetime, seconds: int) -> SignedRequest:
        content_type = headers.media_type(put.content_type)
        if content_type is None:
            raise InvalidRequest("the content type is no media type")
        if put.size < 0 or (put.sha256 is not None and len(put.sha256) != 32):
            raise InvalidRequest("a size is not negative and a SHA-256 has 32 bytes")
        check_put(put)
        metadata = {name: headers.metadata_value(value) for name, value in put.metadata.items()}
        sent = probe.put_headers(content_type, put.sha256, metadata, self._started().refused)
        signed = {**sent, probe.LENGTH: str(put.size)}
        key = INCOMING + put.key if self._started().staged else put.key
        return self._signed("PUT", key, signed_at, seconds, query={}, signed=signed, sent=sent)

    async def presign_get(
        self, key: str, name: str, content_type: str, disposition: Disposition, seconds: int
    ) -> SignedRequest:
        self._started()
        query = {
            "response-content-disposition": headers.content_disposition(name, disposition, content_type),
            "response-content-type": headers.media_type(content_type) or headers.OCTETS,
        }
        return self._signed("GET", key, self._now(), seconds, query=query, signed={}, sent={})

    async def presign_puts(self, puts: tuple[Put, ...], signed_at: datetime, seconds: int) -> tuple[SignedRequest, ...]:
        check_signings(puts)
        return tuple([await self.presign_put(put, signed_at, seconds) for put in puts])

    async def presign_gets(self, gets: tuple[Get, ...], seconds: int) -> tuple[SignedRequest, ...]:
        check_signings(gets)
        return tuple(
            [await self.presign_get(get.key, get.name, get.content_type, get.disposition, seconds) for get in gets]
        )

    def _signed(
        self,
        method: str,
        key: str,
        at: datetime,
        seconds: int,
        *,
        query: dict[str, str],
        signed: dict[str, str],
        sent: dict[str, str],
    ) -> SignedRequest:
        check_key(key)
        if not 1 <= seconds <= _LONGEST:
            raise InvalidRequest(f"a URL is signed for 1 to {_LONGEST} seconds")
        if at.tzinfo is None:
            raise InvalidRequest("a time has a zone")
        try:
            at = at.astimezone(UTC).replace(microsecond=0)
            ends = at + timedelta(seconds=seconds)
        except OverflowError:
            raise InvalidRequest("a URL is signed within the years 1 to 9999") from None
        url = self._bucket.presign(method, key, query=query, headers=signed, at=at, seconds=seconds)
        return SignedRequest(method, url, sent, ends)

    # -- in parts ----------------------------------------------------------------------------------

    async def begin_parts(self, put: Put, checked: bool) -> Multipart:
        check_put(put)
        findings = self._started()
        return await self._parts.begin(put, checked and findings.capabilities.checksum, findings.refused)

    async def presign_parts(
        self, key: str, multipart: Multipart, parts: tuple[PartPut, ...], seconds: int
    ) -> tuple[SignedRequest, ...]:
        self._started()
        check_parts(parts, multipart)
        check_multipart(multipart.id)
        now = self._now()
        signed = []
        for part in parts:
            sent = {} if part.sha256 is None else {probe.CHECKSUM: base64.b64encode(part.sha256).decode()}
            query = {"partNumber": str(part.number), "uploadId": multipart.id}
            length = {**sent, probe.LENGTH: str(part.size)}
            signed.append(self._signed("PUT", key, now, seconds, query=query, signed=length, sent=sent))
        return tuple(signed)

    async def write_part(self, key: str, multipart: Multipart, part: PartPut, body: bytes) -> None:
        check_key(key)
        check_parts((part,), multipart)
        check_multipart(multipart.id)
        check_body(len(body), 0)
        self._started()
        await self._tails.write_part(key, multipart, part, body)

    async def write_tail(self, key: str, number: int, body: bytes) -> None:
        check_tails(key)
        check_number(number)
        check_body(len(body), 1)
        self._started()
        await self._tails.write(key, number, body)

    async def tails(self, key: str) -> tuple[Tail, ...]:
        check_tails(key)
        self._started()
        return await self._tails.kept(key)

    async def tail(self, key: str, tail: Tail) -> bytes:
        check_tails(key)
        check_number(tail.number)
        check_body(tail.size, 1)
        self._started()
        return await self._tails.read(key, tail)

    async def delete_tails(self, key: str, number: int) -> None:
        check_tails(key)
        check_number(number)
        self._started()
        await self._tails.delete(key, number)

    async def parts(self, key: str, multipart: str) -> tuple[StoredPart, ...]:
        check_key(key)
        check_multipart(multipart)
        self._started()
        return await self._bucket.parts(key, multipart) or ()

    async def assemble(self, key: str, multipart: str, sizes: tuple[int, ...], sha256: tuple[bytes, ...]) -> Assembled:
        check_key(key)
        check_multipart(multipart)
        if sha256 and len(sha256) != len(sizes):
            raise InvalidRequest("there is a SHA-256 for every part or for none")
        self._started()
        return await self._parts.assemble(key, multipart, sizes, sha256)

    async def abort_parts(self, key: str, multipart: str) -> None:
        check_key(key)
        check_multipart(multipart)
        self._started()
        await self._bucket.abort_parts(key, multipart)

    async def unfinished(self, after: str | None, limit: int) -> UnfinishedPage:
        if not 1 <= limit <= MOST_KEYS:
            raise InvalidRequest(f"limit is 1 to {MOST_KEYS}")
        if after and UNNAMEABLE.search(after.replace("\n", "")):
            raise InvalidRequest("no place in the listing is like this")
        self._started()
        return await self._bucket.unfinished(after or "", limit)

    # -- objects -----------------------------------------------------------------------------------

    async def look_up(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        check_keys(keys)
        return await self._look(keys)

    async def arrived(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        check_keys(keys)
        if self._findings is None or not self._findings.incoming:
            return await self._look(keys)
        first, second = (INCOMING, "") if self._findings.staged else ("", INCOMING)
        return await self._incoming.arrived(keys, first=first, second=second)

    async def accept(self, arrived: tuple[Arrival, ...]) -> tuple[Object, ...]:
        check_arrivals(arrived)
        self._started()
        return await self._incoming.accept(arrived)

    async def discard(self, accepted: tuple[str, ...]) -> None:
        check_keys(accepted)
        if self._started().incoming:
            await self._incoming.discard(accepted)

    async def delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        check_keys(keys)
        return await (self._incoming.delete if self._started().incoming else self._delete)(keys)

    async def _look(self, keys: tuple[str, ...]) -> tuple[Object, ...]:
        if self._findings is None:
            return tuple(Object(key, Presence.UNKNOWN) for key in keys)
        able = self._findings.capabilities
        return await lookup.look_up(
            self._bucket,
            keys,
            # What the store did not check when it was written has to be looked at, and listings do not show it.
            listing=able.checksum and able.signed_type,
            concurrency=self._settings.lookup_concurrency,
            seconds=self._settings.call_timeout.total_seconds(),
        )

    async def _delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        if not self._started().capabilities.batch_delete:
            return await self._delete_each(keys)
        return await self._bucket.delete(keys) if keys else ()

    async def _delete_each(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        gate = asyncio.Semaphore(self._settings.lookup_concurrency)

        async def fate(key: str) -> Deletion:
            async with gate:
                try:
                    await self._bucket.delete_one(key)
                except Unavailable as error:
                    return Deletion(key, error.detail)
            return Deletion(key)

        async with asyncio.TaskGroup() as tasks:
            fates = [tasks.create_task(fate(key)) for key in keys]
        return tuple(task.result() for task in fates)

    async def page(self, after: str | None, limit: int) -> ObjectPage:
        if not 1 <= limit <= MOST_KEYS:
            raise InvalidRequest(f"limit is 1 to {MOST_KEYS}")
        if after and UNNAMEABLE.search(after):
            raise InvalidRequest("no key is like the one to come after")
        self._started()
        position: str | None = after or ""
        while position is not None:
            page = await self._bucket.page("", position, limit)
            objects = tuple(object for object in page.objects if not object.key.startswith(_OURS))
            position = page.after
            for prefix in _OURS:
                if position is not None and position.startswith(prefix):
                    # Past everything in the folder at once: `0` comes right after `/`.
                    position = prefix[:-1] + "0"
            if objects:
                return ObjectPage(objects, position)
        return ObjectPage((), None)

    async def quarantine(self, key: str) -> bool:
        check_key(key)
        self._started()
        if not await self._bucket.copy(key, QUARANTINE + key):
            return False
        crash_point("quarantine.copied")
        # Copied before deleted: stopped between the two, the same call finishes it.
        (deletion,) = await self._delete((key,))
        if deletion.error is not None:
            raise Unavailable(f"the store copied an object and would not delete it: {deletion.error}")
        return True

    # -- seeing it ---------------------------------------------------------------------------------

    async def capabilities(self) -> Capabilities:
        return self._started().capabilities

    async def health(self) -> tuple[Health, ...]:
        async with self._measuring:
            clock = asyncio.get_running_loop().time
            if clock() >= self._health_until:
                self._health = await self._measure()
                self._health_until = clock() + _HEALTH_KEPT
            return self._health

    async def _measure(self) -> tuple[Health, ...]:
        try:
            self._started()
            sight = await self._bucket.sight()
        except Unavailable as error:
            return (Health("store", ok=False, detail=error.detail),)
        if not sight.exists:
            return (Health("store", ok=False, detail=f"there is no bucket {self._settings.bucket}"),)
        return (Health("store", ok=True), self._clock(sight))

    def _clock(self, sight: Sight) -> Health:
        if sight.store_time is None:
            return Health("store clock", ok=True)
        apart = abs(self._now() - sight.store_time)
        if apart <= _CLOCK_TOLERANCE:
            return Health("store clock", ok=True)
        return Health("store clock", ok=False, detail=f"the store's clock is {apart.total_seconds():.0f} s from ours")
