"""The files service on a real database, with a bucket in memory that passes the driver tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from drivebay import postgres, proto
from drivebay.contract import files as c
from drivebay.contract.files import Access, Files
from drivebay.contract.ids import ROOT, DriveId, FileId, LeaseId
from drivebay.contract.storage import Storage
from drivebay.files.service import Service
from drivebay.files.settings import Settings
from drivebay.hints import HintChannel
from drivebay.storage import service as storage
from drivebay.testing import databases
from drivebay.testing.databases import PooledDatabase
from drivebay.testing.deliveries import deliver
from drivebay.testing.memory import MemoryBucket

SETTINGS = Settings(
    secret=b"s" * 32,
    quota=10_000,
    max_file_size=5_000,
    max_pending_uploads=20,
    bcrypt_cost=4,
    search_time=timedelta(minutes=2),  # a test may have to wait for the machine
)


def utc_now() -> datetime:
    return datetime.now(UTC)


_TIMES = {
    "uploads": ("created_at", "expires_at", "next_check_at", "ended_at", "urls_until"),
    "entries": ("created_at", "modified_at", "trashed_at", "purge_after"),
    "purges": ("due_at", "leased_until", "keep_until"),
    "versions": ("stored_at", "replaced_at"),
    "idempotency": ("created_at",),
    "changes": ("at",),
    "archives": ("expires_at",),
    "jobs": ("created_at", "ended_at", "due_at", "leased_until"),
    "thumbnails": ("requested_at", "leased_until"),
}


@dataclass
class Drive:
    """One owner of the service under test, with its bucket and its database."""

    files: Files
    bucket: MemoryBucket
    database: postgres.Database
    storage: Storage
    owner: DriveId
    hints: list[UUID | None] = field(default_factory=list)
    """The drives that hints were published about."""

    @property
    def access(self) -> Access:
        return Access.personal(self.owner)

    def for_owner(self, owner: DriveId) -> "Drive":
        return replace(self, owner=owner)

    async def begin(
        self,
        name: str = "a.txt",
        body: bytes = b"hello",
        parent: FileId = ROOT,
        on_conflict: c.OnConflict = c.OnConflict.RENAME,
        key: str | None = None,
        sha256: bytes | None = None,
        content_type: str = "text/plain",
    ) -> c.Upload:
        intent = c.UploadIntent(name, len(body), content_type, parent, on_conflict, sha256)
        return await self.files.begin_upload(self.access, intent, key)

    async def upload_file(
        self,
        name: str = "a.txt",
        body: bytes = b"hello",
        parent: FileId = ROOT,
        on_conflict: c.OnConflict = c.OnConflict.RENAME,
        content_type: str = "text/plain",
    ) -> c.File:
        """Begin an upload, write its bytes and complete it. Return the file."""
        upload = await self.begin(name, body, parent, on_conflict, content_type=content_type)
        self.bucket.put(upload.key, body, content_type)
        done = await self.files.complete_upload(self.access, upload.id)
        assert done.file is not None
        return await self.files.get_file(self.access, done.file)

    async def list_names(self, parent: FileId | None = None) -> list[str]:
        page = await self.files.list_files(self.access, c.Listing(parent, c.Sort.NAME, descending=False, limit=1000))
        return [item.name for item in page.items]

    async def advance_time(self, delta: timedelta, *tables: str) -> None:
        """Move the times of all rows, or of some tables, into the past: the database's clock cannot be changed."""
        for table, columns in _TIMES.items():
            if not tables or table in tables:
                changes = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
                await self.database.execute(f"UPDATE files.{table} SET {changes}", delta)

    async def run_purges(self) -> int:
        """Run one round of a janitor, and return the number of deleted objects."""
        lease = LeaseId(uuid7())
        claimed = await self.files.claim_purges(lease, 1000)
        for purge in claimed:
            self.bucket.objects.pop(purge.key, None)
        await self.files.finish_purges(lease, tuple(purge.ref for purge in claimed))
        return len(claimed)


@asynccontextmanager
async def open_drive(
    source: str | PooledDatabase, transport: str, settings: Settings = SETTINGS, *, allows_overwrite: bool = False
) -> AsyncIterator[Drive]:
    async with databases.connect(source) as database:
        bucket = MemoryBucket(utc_now, allows_overwrite=allows_overwrite)
        store = storage.Service(bucket, storage.Settings("memory:", "", ""), utc_now, uuid7)
        await store.start()
        hints = HintChannel()
        service = Service(database, store, settings, new_id=uuid7, hints=hints)
        async with deliver(transport, Files, proto.FILES, service) as files:
            drive = Drive(files, bucket, database, store, DriveId(uuid7()))
            hints.listen(drive.hints.append)
            yield drive
            bucket.broken = False
            assert await service.check_invariants() == ()


@pytest.fixture(params=["direct", "encoded", pytest.param("grpc", marks=pytest.mark.slow), "stream", "twice"])
async def drive(request: pytest.FixtureRequest, pooled_database: PooledDatabase) -> AsyncIterator[Drive]:
    """A drive whose calls are direct, encoded, over gRPC, or delivered twice. Every invariant holds at the end."""
    async with open_drive(pooled_database, request.param) as drive:
        yield drive


@pytest.fixture
async def direct_drive(pooled_database: PooledDatabase) -> AsyncIterator[Drive]:
    """A drive whose calls are direct, for tests of concurrency and of internal states."""
    async with open_drive(pooled_database, "direct") as drive:
        yield drive


def new_owner() -> DriveId:
    """Return the id of an owner without any data."""
    return DriveId(uuid7())


async def gather_results(*calls: Awaitable[object]) -> list[object]:
    """Run calls concurrently, and return their results or errors in order."""
    return list(await asyncio.gather(*calls, return_exceptions=True))


UNKNOWN_ID = UUID("01a20000-0000-7000-8000-000000000000")
