"""The storage service refuses keys, names and times that no store accepts, before it sends anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from drivebay import proto
from drivebay.contract.storage import Disposition, PutSpec, Storage
from drivebay.errors import InvalidRequest
from drivebay.storage import service
from drivebay.testing.deliveries import DELIVERIES, deliver
from drivebay.testing.memory import MemoryBucket

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
INVALID_KEYS = [
    "",
    "a\0b",
    "a\nb",
    "\ufffe",
    "\ud800",
    "x" * 1025,
    "é" * 513,
    ".",
    "..",
    "../other/secret",
    "a/../b",
    "a/./b",
]
VALID_KEYS = ["a", "a b", ".hidden", "a..b/c.", "ümläut/\U0001f600", "%2e%2e/x", "a//b", "é" * 512]


@pytest.fixture(params=DELIVERIES)
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    settings = service.Settings("memory:", "", "")
    direct = service.Service(MemoryBucket(lambda: NOW), settings, lambda: NOW, lambda: UUID(int=1))
    await direct.start()
    async with deliver(request.param, Storage, proto.STORAGE, direct) as storage:  # type: ignore[type-abstract]
        yield storage


@pytest.mark.parametrize("key", INVALID_KEYS)
async def test_every_call_refuses_an_invalid_key(storage: Storage, key: str) -> None:
    for call in (
        storage.presign_put(PutSpec(key, 1, "text/plain"), NOW, 60),
        storage.presign_get(key, "a.txt", "text/plain", Disposition.ATTACHMENT, 60),
        storage.stat_objects(("good", key)),
        storage.delete_objects(("good", key)),
        storage.quarantine_object(key),
        storage.list_partial_parts(key),
    ):
        with pytest.raises(InvalidRequest):
            await call


@pytest.mark.parametrize("key", VALID_KEYS)
async def test_an_unusual_key_is_valid(storage: Storage, key: str) -> None:
    assert (await storage.presign_put(PutSpec(key, 1, "text/plain"), NOW, 60)).method == "PUT"
    assert [found.key for found in await storage.stat_objects((key,))] == [key]


@pytest.mark.parametrize("name", ["", "Name", "na me", "na\r\nx-evil: 1", "naïve", "x" * 65])
async def test_an_invalid_metadata_name_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(PutSpec("a", 1, "text/plain", metadata={"owner": "o", name: "value"}), NOW, 60)


async def test_a_url_expires_in_utc_for_a_time_in_any_zone(storage: Storage) -> None:
    other_zone = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    other, utc = [await storage.presign_put(PutSpec("a", 1, "text/plain"), at, 60) for at in (other_zone, NOW)]
    assert other == utc
    assert other.expires_at.tzinfo is UTC


@pytest.mark.parametrize(
    "at",
    [datetime(2026, 1, 1), datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))],
)
async def test_a_time_without_zone_or_out_of_range_is_refused(storage: Storage, at: datetime) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(PutSpec("a", 1, "text/plain"), at, 60)


async def test_a_page_after_an_invalid_position_is_refused(storage: Storage) -> None:
    for after in ("\0", "\ud800"):
        with pytest.raises(InvalidRequest):
            await storage.list_objects(after, 10)
