"""The files service on a real database, over a bucket in memory (which passes the drivers' suite)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from drivebay import db, proto
from drivebay.contract import files as c
from drivebay.contract.files import Files
from drivebay.contract.ids import ROOT, FileId, LeaseId, UserId
from drivebay.contract.storage import Storage
from drivebay.files.service import Service
from drivebay.files.settings import Settings
from drivebay.storage import service as storage
from drivebay.testing.deliveries import deliver
from drivebay.testing.memory import MemoryBucket

SETTINGS = Settings(secret=b"0123456789abcdef0123456789abcdef", quota=10_000, max_file_size=5_000, max_open_uploads=20)


def utc_now() -> datetime:
    return datetime.now(UTC)


_TIMES = {
    "uploads": ("created_at", "expires_at", "next_check_at", "ended_at"),
    "entries": ("created_at", "modified_at", "trashed_at", "purge_after"),
    "purges": ("due_at", "leased_until"),
    "idempotency": ("created_at",),
}


@dataclass
class Drive:
    """One owner's view of the service under test, and the hands of its surroundings."""

    files: Files
    bucket: MemoryBucket
    database: db.Database
    storage: Storage
    owner: UserId

    def of(self, owner: UserId) -> "Drive":
        return Drive(self.files, self.bucket, self.database, self.storage, owner)

    async def begin(
        self,
        name: str = "a.txt",
        body: bytes = b"hello",
        parent: FileId = ROOT,
        on_conflict: c.OnConflict = c.OnConflict.RENAME,
        key: str | None = None,
        sha256: bytes | None = None,
    ) -> c.Upload:
        intent = c.Intent(name, len(body), "text/plain", parent, on_conflict, sha256)
        return await self.files.begin(self.owner, intent, key)

    async def store(
        self,
        name: str = "a.txt",
        body: bytes = b"hello",
        parent: FileId = ROOT,
        on_conflict: c.OnConflict = c.OnConflict.RENAME,
    ) -> c.File:
        """Begin, write and commit."""
        upload = await self.begin(name, body, parent, on_conflict)
        self.bucket.put(upload.key, body)
        done = await self.files.complete(self.owner, upload.id)
        assert done.file is not None
        return await self.files.file(self.owner, done.file)

    async def names(self, parent: FileId | None = None) -> list[str]:
        page = await self.files.list_files(self.owner, c.Listing(parent, c.Sort.NAME, descending=False, limit=1000))
        return [item.name for item in page.items]

    async def pass_time(self, delta: timedelta, *tables: str) -> None:
        """Let every row age (of some tables only), which is how time passes for the database."""
        for table, columns in _TIMES.items():
            if not tables or table in tables:
                changes = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
                await self.database.execute(f"UPDATE files.{table} SET {changes}", delta)

    async def purge(self) -> int:
        """What one round of a janitor does; how many objects."""
        lease = LeaseId(uuid7())
        claimed = await self.files.claim_purges(lease, 1000)
        for purge in claimed:
            self.bucket.objects.pop(purge.key, None)
        await self.files.finish_purges(lease, tuple(purge.ref for purge in claimed))
        return len(claimed)


Open = Callable[..., Awaitable[Drive]]


@asynccontextmanager
async def open_drive(url: str, how: str, settings: Settings = SETTINGS, *, lax: bool = False) -> AsyncIterator[Drive]:
    async with db.connect(url, size=8) as database:
        bucket = MemoryBucket(utc_now, lax=lax)
        store = storage.Service(bucket, storage.Settings("memory:", "", ""), utc_now, uuid7)
        await store.start()
        service = Service(database, store, settings, new_id=uuid7)
        async with deliver(how, Files, proto.FILES, service) as files:
            drive = Drive(files, bucket, database, store, UserId(uuid7()))
            yield drive
            bucket.broken = False
            assert await service.check() == ()


@pytest.fixture(params=["direct", "encoded", "grpc", "twice"])
async def drive(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Drive]:
    """Every promise is tried near, encoded, over gRPC, and with each call delivered twice; and afterwards
    every invariant holds."""
    async with open_drive(database_url, request.param) as drive:
        yield drive


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[Drive]:
    async with open_drive(database_url, "direct") as drive:
        yield drive


def stranger() -> UserId:
    return UserId(uuid7())


async def together(*calls: Awaitable[object]) -> list[object]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


UNKNOWN = UUID("01a20000-0000-7000-8000-000000000000")
