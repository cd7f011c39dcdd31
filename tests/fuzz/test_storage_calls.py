"""Whatever the storage service is asked, by whatever way, it answers as it promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from drivebay import proto
from drivebay.contract.storage import TAILS, Multipart, PartPut, Storage, Tail
from drivebay.storage import service
from drivebay.storage.service import QUARANTINE
from drivebay.testing.deliveries import WAYS
from drivebay.testing.memory import MemoryBucket, UnderWay
from drivebay.wire.shape import promised

from .hostile import arguments
from .ways import Loop, Ways

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE, TOO = "owner/upload", "owner/Überraschung %2F \u202e"
KNOWN = {
    "key": (HERE, TOO, "owner/gone"),
    "keys": ((HERE,), (HERE, "owner/gone", TOO), (HERE, HERE)),
    "after": (None, "", HERE, QUARANTINE),
    "size": (0, 5, 2**40),
    "content_type": ("text/plain", "image/png; a=b", "application/pdf"),
    "name": ("a.txt", 'Grüße "x".pdf'),
    "signed_at": (NOW,),
    "seconds": (1, 60, 7 * 24 * 3600),
    "limit": (1, 1000),
    "sha256": (None, bytes(32)),
    "multipart": ("1", Multipart("1", checked=False)),
    "parts": ((PartPut(1, 5),), (PartPut(2, 0), PartPut(1, 5))),
    "sizes": ((5,),),
    "part": (PartPut(1, 5),),
    "tail": (Tail(1, 5),),
    "number": (1, 2),
    "body": (b"hello",),
}


class Stores:
    """A service for each way, each over a bucket of its own."""

    def __init__(self) -> None:
        self.buckets = {way: MemoryBucket(lambda: NOW) for way in WAYS}
        self.services = {
            way: service.Service(bucket, service.Settings("memory:", "", ""), lambda: NOW, lambda: UUID(int=1))
            for way, bucket in self.buckets.items()
        }
        self.ways = Ways(Storage, proto.STORAGE, self.services)

    def fill(self) -> None:
        for bucket in self.buckets.values():
            bucket.objects.clear()
            bucket.unfinished_parts.clear()
            bucket.unfinished_parts["1"] = UnderWay(HERE, {}, NOW)
            for key in (HERE, TOO, QUARANTINE + "owner/old", f"{TAILS}{HERE}/1-5"):
                bucket.put(key, b"hello", "text/plain")


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with Loop() as loop:
        yield loop


@pytest.fixture(scope="module")
def stores(loop: Loop) -> Stores:
    stores = Stores()

    async def open() -> None:
        for started in stores.services.values():
            await started.start()
        await stores.ways.open(loop.stack)

    loop.run(open())
    return stores


@pytest.mark.parametrize("name", promised(Storage))
def test_any_call_of_storage_ends_as_promised_by_every_way(loop: Loop, stores: Stores, name: str) -> None:
    stores.ways.seen.clear()

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=arguments(promised(Storage)[name], KNOWN))
    def each(drawn: tuple[object, ...]) -> None:
        stores.fill()
        # Each way's bucket counts for itself.
        loop.run(stores.ways.call(name, dict.fromkeys(WAYS, drawn), lambda _, text: re.sub('"id":"[0-9]+"', "", text)))

    each()
    assert stores.ways.seen["value"]
