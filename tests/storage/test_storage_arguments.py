"""What storage refuses before any store is asked: keys, names and times that no store could take as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from drivebay import proto
from drivebay.contract.storage import Disposition, Put, Storage
from drivebay.errors import InvalidRequest
from drivebay.storage import service
from drivebay.testing.deliveries import WAYS, deliver
from drivebay.testing.memory import MemoryBucket

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NO_KEYS = [
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
KEYS = ["a", "a b", ".hidden", "a..b/c.", "ümläut/\U0001f600", "%2e%2e/x", "a//b", "é" * 512]


@pytest.fixture(params=WAYS)
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    own = service.Settings("memory:", "", "")
    started = service.Service(MemoryBucket(lambda: NOW), own, lambda: NOW, lambda: UUID(int=1))
    await started.start()
    async with deliver(request.param, Storage, proto.STORAGE, started) as storage:  # type: ignore[type-abstract]
        yield storage


@pytest.mark.parametrize("key", NO_KEYS)
async def test_what_is_no_key_is_refused_by_every_call(storage: Storage, key: str) -> None:
    for call in (
        storage.presign_put(Put(key, 1, "text/plain"), NOW, 60),
        storage.presign_get(key, "a.txt", "text/plain", Disposition.ATTACHMENT, 60),
        storage.look_up(("good", key)),
        storage.delete(("good", key)),
        storage.quarantine(key),
        storage.tails(key),
    ):
        with pytest.raises(InvalidRequest):
            await call


@pytest.mark.parametrize("key", KEYS)
async def test_an_odd_key_is_a_key(storage: Storage, key: str) -> None:
    assert (await storage.presign_put(Put(key, 1, "text/plain"), NOW, 60)).method == "PUT"
    assert [found.key for found in await storage.look_up((key,))] == [key]


@pytest.mark.parametrize("name", ["", "Name", "na me", "na\r\nx-evil: 1", "naïve", "x" * 65])
async def test_metadata_has_plain_names(storage: Storage, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(Put("a", 1, "text/plain", metadata={"owner": "o", name: "value"}), NOW, 60)


async def test_a_url_ends_in_utc_wherever_its_time_came_from(storage: Storage) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    there, here = [await storage.presign_put(Put("a", 1, "text/plain"), at, 60) for at in (elsewhere, NOW)]
    assert there == here
    assert there.expires_at.tzinfo is UTC


@pytest.mark.parametrize(
    "at",
    [datetime(2026, 1, 1), datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))],
)
async def test_a_time_that_cannot_be_is_refused(storage: Storage, at: datetime) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(Put("a", 1, "text/plain"), at, 60)


async def test_a_page_after_what_is_no_text_is_refused(storage: Storage) -> None:
    for after in ("\0", "\ud800"):
        with pytest.raises(InvalidRequest):
            await storage.page(after, 10)
