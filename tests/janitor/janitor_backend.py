"""The real files and storage services on PostgreSQL and a bucket in memory, with injected faults and recorded calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid7

from drivebay import postgres
from drivebay.contract.files import Access, Files, OnConflict, PartIntent, Upload, UploadIntent, UploadRef
from drivebay.contract.ids import ROOT, DriveId, LeaseId, UploadId
from drivebay.contract.storage import DeletionResult, Storage
from drivebay.files.service import Service as FilesService
from drivebay.files.settings import Settings as FilesSettings
from drivebay.storage.service import Service as StorageService
from drivebay.storage.settings import Settings as StorageSettings
from drivebay.testing import databases
from drivebay.testing.databases import PooledDatabase
from drivebay.testing.memory import MemoryBucket

FILES_SETTINGS = FilesSettings(secret=bytes(range(32)))
_TIME_COLUMNS = {
    "uploads": ("created_at", "expires_at", "next_check_at", "ended_at", "urls_until"),
    "entries": ("created_at", "modified_at", "trashed_at", "purge_after"),
    "purges": ("due_at", "leased_until", "keep_until"),
}
_MAX_BATCH = 100


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_ref() -> UploadRef:
    return UploadRef(DriveId(uuid7()), UploadId(uuid7()))


def key_of(ref: UploadRef) -> str:
    return f"{ref.owner}/{ref.id}"


class FaultyBucket:
    """A bucket in memory that does not delete the keys in `undeletable`."""

    def __init__(self) -> None:
        self.memory = MemoryBucket(utc_now)
        self.undeletable: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.memory, name)

    async def delete_objects(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        await self.memory.delete_objects(tuple(key for key in keys if key not in self.undeletable))
        return tuple(DeletionResult(key, "AccessDenied" if key in self.undeletable else None) for key in keys)


@dataclass
class CallLog:
    """What happens around each call of a service.

    `calls` has the name and the arguments of each call. A call first raises the next of its `errors`, then waits for
    its hook in `before`, which gets the arguments.
    """

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    before: dict[str, Callable[..., Awaitable[None]]] = field(default_factory=dict)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def arguments(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for called, arguments in self.calls if called == name]


class RecordedService:
    """Passes each call on to `service`, with the effects of `log`."""

    def __init__(self, service: object, log: CallLog) -> None:
        self._service = service
        self._log = log

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._service, name)

        async def call(*arguments: Any) -> Any:
            self._log.calls.append((name, arguments))
            if self._log.errors.get(name):
                raise self._log.errors[name].pop(0)
            if name in self._log.before:
                await self._log.before[name](*arguments)
            return await method(*arguments)

        return call


@dataclass
class Backend:
    """The backend of a janitor. `files` and `storage` are recorded. The other methods prepare and inspect data."""

    files: Files
    storage: Storage
    log: CallLog
    bucket: FaultyBucket
    database: postgres.Database
    real_files: Files
    real_storage: Storage
    owner: DriveId

    @property
    def access(self) -> Access:
        return Access.personal(self.owner)

    async def begin_uploads(self, count: int, *, multipart: bool = False) -> list[Upload]:
        uploads: list[Upload] = []
        for start in range(0, count, _MAX_BATCH):
            intents = tuple(
                UploadIntent(f"{uuid7()}", 5, "text/plain", ROOT, OnConflict.RENAME, multipart=multipart)
                for _ in range(min(_MAX_BATCH, count - start))
            )
            for result in await self.real_files.begin_uploads(self.access, intents):
                assert result.upload is not None, result.error
                uploads.append(result.upload)
        return uploads

    async def begin_upload(self, *, multipart: bool = False) -> Upload:
        (upload,) = await self.begin_uploads(1, multipart=multipart)
        return upload

    async def begin_multipart(self) -> Upload:
        """Begin an upload in parts and its multipart upload in the store."""
        upload = await self.begin_upload(multipart=True)
        return await self.real_files.open_parts(self.access, upload.id, (PartIntent(1),))

    async def make_due_for_purge(self, count: int) -> list[UploadRef]:
        """Store files, trash them and let their grace period pass."""
        uploads = await self.begin_uploads(count)
        for start in range(0, count, _MAX_BATCH):
            batch = uploads[start : start + _MAX_BATCH]
            for upload in batch:
                self.bucket.put(upload.key, b"hello")
            results = await self.real_files.complete_uploads(self.access, tuple(upload.id for upload in batch))
            for result in results:
                assert result.upload is not None
                assert result.upload.file is not None
                await self.real_files.trash_entry(self.access, result.upload.file)
        await self.pass_time(FILES_SETTINGS.trash_grace + timedelta(minutes=1))
        return [UploadRef(upload.owner, upload.id) for upload in uploads]

    async def make_claimable(self, count: int) -> list[UploadRef]:
        """Make objects due that one janitor claimed before its lease ended.

        Two concurrent claims share these. Of files that are still in the trash, the second claim gets none, because it
        skips owners that the first one has locked.
        """
        refs = await self.make_due_for_purge(count)
        assert len(await self.real_files.claim_purges(LeaseId(uuid7()), 1000)) == count
        await self.end_leases()
        return refs

    async def abort(self, *uploads: Upload) -> None:
        """Abort uploads, and let the time pass until their objects are due for purging."""
        for upload in uploads:
            await self.real_files.abort_upload(self.access, upload.id)
        await self.pass_time(timedelta(days=2))

    async def pass_time(self, time: timedelta) -> None:
        """Make every row older by `time`."""
        for table, columns in _TIME_COLUMNS.items():
            changes = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
            await self.database.execute(f"UPDATE files.{table} SET {changes}", time)

    async def purged(self) -> set[UploadRef]:
        """Return the uploads whose purge is finished."""
        rows = await self.database.fetch("SELECT owner_id, upload_id FROM files.purges WHERE stage = 'purged'")
        return {UploadRef(DriveId(row["owner_id"]), UploadId(row["upload_id"])) for row in rows}

    async def end_leases(self) -> None:
        await self.database.execute("UPDATE files.purges SET leased_until = now() - interval '1 s', due_at = now()")

    async def make_next_attempts_due(self) -> timedelta:
        """Let the time pass until every failed purge is due again. Return that time."""
        gap = await self.database.fetchval("SELECT max(due_at) - now() FROM files.purges WHERE stage = 'purging'")
        await self.pass_time(gap + timedelta(seconds=1))
        assert isinstance(gap, timedelta)
        return gap

    async def pending_count(self) -> int:
        return (await self.real_files.get_backlog()).pending_uploads

    def quarantined(self) -> list[str]:
        prefix = ".quarantine/"
        return sorted(key.removeprefix(prefix) for key in self.bucket.objects if key.startswith(prefix))


@asynccontextmanager
async def open_backend(source: str | PooledDatabase) -> AsyncIterator[Backend]:
    async with databases.connect(source) as database:
        bucket = FaultyBucket()
        storage = StorageService(bucket, StorageSettings("memory:", "", ""), utc_now, uuid7)  # type: ignore[arg-type]
        await storage.start()
        files = FilesService(database, storage, FILES_SETTINGS, new_id=uuid7)
        log = CallLog()
        yield Backend(
            RecordedService(files, log),  # type: ignore[arg-type]
            RecordedService(storage, log),  # type: ignore[arg-type]
            log,
            bucket,
            database,
            files,
            storage,
            DriveId(uuid7()),
        )
        await storage.close()
