"""Any call of the storage service has a documented result, the same in every delivery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from drivebay import proto
from drivebay.contract.storage import (
    PARTIAL_PARTS_PREFIX,
    QUARANTINE_PREFIX,
    Multipart,
    PartialPart,
    PartSpec,
    Storage,
    ThumbnailImage,
)
from drivebay.rpc.type_hints import contract_methods
from drivebay.storage import service
from drivebay.testing.deliveries import DELIVERIES
from drivebay.testing.memory import MemoryBucket, MultipartState

from .all_deliveries import AllDeliveries, Loop
from .argument_strategies import arguments

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY, UNUSUAL_KEY = "owner/upload", "owner/Überraschung %2F \u202e"
KNOWN = {
    "key": (KEY, UNUSUAL_KEY, "owner/gone"),
    "keys": ((KEY,), (KEY, "owner/gone", UNUSUAL_KEY), (KEY, KEY)),
    "after": (None, "", KEY, QUARANTINE_PREFIX),
    "size": (0, 5, 2**40),
    "content_type": ("text/plain", "image/png; a=b", "application/pdf"),
    "name": ("a.txt", 'Grüße "x".pdf'),
    "signed_at": (NOW,),
    "ttl_seconds": (1, 60, 7 * 24 * 3600),
    "limit": (1, 1000),
    "sha256": (None, bytes(32)),
    "multipart": (Multipart("1", checksummed=False),),
    "multipart_id": ("1",),
    "parts": ((PartSpec(1, 5),), (PartSpec(2, 0), PartSpec(1, 5))),
    "sizes": ((5,),),
    "part": (PartSpec(1, 5),),
    "partial": (PartialPart(1, 5),),
    "number": (1, 2),
    "body": (b"hello",),
    "images": ((ThumbnailImage(64, b"hello"),), (ThumbnailImage(64, b"a"), ThumbnailImage(1024, b"b"))),
}


class Stores:
    """A service for each delivery, each with a bucket of its own."""

    def __init__(self) -> None:
        self.buckets = {delivery: MemoryBucket(lambda: NOW) for delivery in DELIVERIES}
        self.services = {
            delivery: service.Service(bucket, service.Settings("memory:", "", ""), lambda: NOW, lambda: UUID(int=1))
            for delivery, bucket in self.buckets.items()
        }
        self.deliveries = AllDeliveries(Storage, proto.STORAGE, self.services)

    def fill(self) -> None:
        for bucket in self.buckets.values():
            bucket.objects.clear()
            bucket.unfinished_multiparts.clear()
            bucket.unfinished_multiparts["1"] = MultipartState(KEY, {}, NOW)
            for key in (KEY, UNUSUAL_KEY, QUARANTINE_PREFIX + "owner/old", f"{PARTIAL_PARTS_PREFIX}{KEY}/1-5"):
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
        await stores.deliveries.open(loop.stack)

    loop.run(open())
    return stores


@pytest.mark.parametrize("name", contract_methods(Storage))
def test_any_call_of_storage_has_a_documented_result_in_every_delivery(loop: Loop, stores: Stores, name: str) -> None:
    stores.deliveries.outcomes.clear()

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=arguments(contract_methods(Storage)[name], KNOWN))
    def check(drawn: tuple[object, ...]) -> None:
        stores.fill()
        # Each bucket numbers its multipart uploads on its own.
        loop.run(
            stores.deliveries.call(
                name, dict.fromkeys(DELIVERIES, drawn), lambda _, text: re.sub('"id":"[0-9]+"', "", text)
            )
        )

    check()
    assert stores.deliveries.outcomes["value"]
