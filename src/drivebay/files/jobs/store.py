"""SQL statements on jobs.

Methods that take a `Connection`, and no `Database`, need the lock of the drive (see `files/usage/store.py`),
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import msgspec

from ...contract.files import CopyTarget, File, ItemError, Job, JobKind, JobStatus, JobTask, Kind, OnConflict
from ...contract.ids import DriveId, FileId, JobId, LeaseId, UserId, VersionId
from ...errors import Error
from ...postgres import Connection, Database, Statements
from ..entries.store import file_from

_PUBLISH_TIMEOUT: Final = 240.0
"""The maximum number of seconds of the statement that makes all copies visible. It changes the row of each copy."""
_file_decoder: Final = msgspec.msgpack.Decoder(File)


class StoredJob(msgspec.Struct, frozen=True):
    """A job with the parameters of its copy, and its progress.

    `source_drive` is the drive of the original, or None for a copy within the drive of the job. `steps` is the number
    of steps that have succeeded. `has_begun` is true after the first step. Hidden copies have the `created_at` of the
    job as `trashed_at`.
    """

    job: Job
    actor: UserId
    source: FileId
    target: CopyTarget
    folder_count: int
    has_begun: bool
    attempts: int
    source_drive: DriveId | None = None
    steps: int = 0


class NewJob(msgspec.Struct, frozen=True):
    """A copy to start. `total` is the minimum number of entries to copy.

    `source_drive` is the drive of the original, or None for a copy within the drive of the job. With a `lease`, the
    holder of the lease runs the job.
    """

    id: JobId
    drive: DriveId
    actor: UserId
    source: FileId
    target: CopyTarget
    total: int
    source_drive: DriveId | None = None
    lease: LeaseId | None = None


class Original(NamedTuple):
    """An entry to copy. It is in the CopiedFolder with the number `ordinal`.

    `parent_copy` is the copy of that folder, and `depth` the `depth` of that folder (see CopiedFolder).
    """

    ordinal: int
    parent_copy: FileId
    depth: int
    id: FileId
    kind: Kind
    name: str
    size: int


class HiddenCopy(NamedTuple):
    """A hidden copy to insert. `version` is set for a file."""

    original: FileId
    id: FileId
    parent: FileId
    version: VersionId | None


class CopiedFolder(NamedTuple):
    """A folder that a job has copied, and whose entries it copies later. It is open until all its entries are copied.

    `ordinal` is the number of the folder in the job, `copy` its copy, and `depth` its level: the source has `depth` 1.
    """

    ordinal: int
    folder: FileId
    copy: FileId
    depth: int


class Position(NamedTuple):
    """The progress of a job: all folders before `ordinal` are copied, and in the folder `ordinal` all entries up to
    `name`."""

    ordinal: int
    name: str


class JobStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    # -- for users

    async def count_unfinished(self, tx: Connection, drive: DriveId, user: UserId) -> int:
        """Return the number of a user's unfinished jobs in a drive: jobs that run, or that are not cleaned up yet."""
        return int(await tx.fetchval(self.statements["count_unfinished_jobs"], drive, user))

    async def insert_job(self, tx: Connection, new: NewJob, lease_length: timedelta) -> Job:
        target = new.target
        arguments = (
            *(new.source, target.parent, target.name, target.on_conflict, new.total),
            *(new.source_drive, new.lease, lease_length),
        )
        (record,) = await tx.fetch(self.statements["insert_job"], new.drive, new.id, new.actor, *arguments)
        return _job_from(record)

    async def prune_jobs_of(self, tx: Connection, user: UserId, keep: int) -> None:
        """Delete some jobs of a user that have ended, except the `keep` jobs that ended last."""
        await tx.execute(self.statements["prune_jobs_of_user"], user, keep)

    async def select_job(self, db: Database | Connection, user: UserId, id: JobId) -> Job | None:
        """Return a job of a user who still has access to its drive, or None. Needs no lock."""
        record = await db.fetchrow(self.statements["select_job"], user, id)
        return None if record is None else _job_from(record)

    async def end_unclaimed(self, db: Database | Connection, user: UserId, age: timedelta) -> None:
        """Fail the jobs of a user that no worker has claimed for `age`. Needs no lock."""
        await db.execute(self.statements["end_unclaimed_jobs"], user, age)

    async def cancel_job(self, tx: Connection, drive: DriveId, id: JobId) -> None:
        """Cancel a job that is running."""
        await tx.execute(self.statements["cancel_job"], drive, id)

    async def cancel_of_drive(self, tx: Connection, drive: DriveId) -> None:
        """Cancel all jobs of a drive."""
        await tx.execute(self.statements["cancel_jobs_of_drive"], drive)

    async def list_unfinished(self, tx: Connection, drive: DriveId) -> list[StoredJob]:
        """Return the jobs of a drive that run, or that are not cleaned up yet."""
        return [_stored_from(record) for record in await tx.fetch(self.statements["list_unfinished_jobs"], drive)]

    # -- for the worker

    async def prune_jobs(self, db: Database, age: timedelta) -> None:
        """Delete some jobs that ended longer ago than `age`."""
        await db.execute(self.statements["prune_jobs"], age)

    async def lease_jobs(self, db: Database, lease: LeaseId, limit: int, length: timedelta) -> list[JobTask]:
        """Lease up to `limit` jobs, one of each drive."""
        records = await db.fetch(self.statements["lease_jobs"], lease, limit, length)
        return [JobTask(record["owner_id"], record["id"]) for record in records]

    async def select_unfinished(self, db: Database, task: JobTask) -> StoredJob | None:
        """Return a job that runs, or that is not cleaned up yet, or None. Needs no lock."""
        record = await db.fetchrow(self.statements["select_unfinished_job"], task.drive, task.id)
        return None if record is None else _stored_from(record)

    async def lock_leased(self, tx: Connection, lease: LeaseId, task: JobTask) -> StoredJob | None:
        """Lock a job until the transaction ends, and return it. Return None if it does not have this lease."""
        record = await tx.fetchrow(self.statements["lock_leased_job"], task.drive, task.id, lease)
        return None if record is None else _stored_from(record)

    async def keep_lease(self, tx: Connection, task: JobTask, length: timedelta | None) -> None:
        """Record that a step has succeeded. The lease continues for `length`, or ends."""
        await tx.execute(self.statements["keep_job_lease"], task.drive, task.id, length)

    async def release_jobs(self, db: Database, lease: LeaseId) -> None:
        """End a lease: its jobs can be claimed at once. Needs no lock."""
        await db.execute(self.statements["release_jobs"], lease)

    async def set_total(self, tx: Connection, job: Job, entries: int, size: int) -> None:
        """Record the size of the tree: its files and folders, and their bytes."""
        await tx.execute(self.statements["set_job_total"], job.drive, job.id, entries, size)

    async def close_moved_folders(self, tx: Connection, job: StoredJob, folders: int) -> int | None:
        """Check the next open folders (see CopiedFolder), at most `folders`. Close each folder that is not below the
        source any more, so that the rest of it is not copied.

        Return the ordinal of the last folder that was checked, or None if no folder was open.
        """
        sql = self.statements["close_moved_folders"]
        last = await tx.fetchval(sql, job.job.drive, job.job.id, folders, job.source)
        return None if last is None else int(last)

    async def list_next_originals(self, tx: Connection, job: Job, last: int, limit: int) -> list[Original]:
        """Return up to `limit` entries to copy from the open folders up to the ordinal `last`."""
        records = await tx.fetch(self.statements["list_next_originals"], job.drive, job.id, last, limit)
        return [
            Original(ordinal, copy, depth, id, Kind(kind), name, size)
            for ordinal, copy, depth, id, kind, name, size in records
        ]

    async def insert_hidden_copies(self, tx: Connection, job: StoredJob, copies: Sequence[HiddenCopy]) -> int:
        """Insert hidden copies, and return their number."""
        originals, ids, parents, versions = zip(*copies, strict=True)
        return int(
            await tx.fetchval(
                self.statements["insert_hidden_copies"],
                job.job.drive,
                job.job.id,
                originals,
                ids,
                parents,
                versions,
                job.actor,
                job.job.created_at,
            )
        )

    async def insert_folders(self, tx: Connection, job: Job, folders: Sequence[CopiedFolder]) -> None:
        if folders:
            columns = zip(*folders, strict=True)
            await tx.execute(self.statements["insert_job_folders"], job.drive, job.id, *columns)

    async def save_progress(self, tx: Connection, job: Job, last: int, position: Position | None) -> None:
        """Record the progress in the folders up to the ordinal `last`. `position` None: all their entries are
        copied."""
        place = (None, None) if position is None else position
        await tx.execute(self.statements["save_job_progress"], job.drive, job.id, last, *place)

    async def advance(self, tx: Connection, job: Job, entries: int, folders: int, size: int = 0) -> None:
        """Record that a job has copied more entries, some of which are folders, with `size` bytes."""
        await tx.execute(self.statements["advance_job"], job.drive, job.id, entries, folders, size)

    async def select_depth(self, tx: Connection, job: Job) -> int:
        """Return the number of levels of copied folders, 0 if a file is copied."""
        depth: int = await tx.fetchval(self.statements["deepest_copy"], job.drive, job.id)
        return depth

    async def select_first_copy(self, tx: Connection, job: Job) -> FileId:
        """Return the copy of the source. It exists from the first step on."""
        copy: FileId = await tx.fetchval(self.statements["first_copy"], job.drive, job.id)
        return copy

    async def publish_copies(
        self, tx: Connection, job: StoredJob, parent: FileId, name: str
    ) -> tuple[int, File] | None:
        """Make all copies visible at once, with the copy of the source as `name` in `parent`.

        Return the number of copies, and the copy of the source. Return None if this copy does not exist.
        """
        key = (job.job.drive, job.job.id)
        top = await self.select_first_copy(tx, job.job)
        sql = self.statements["publish_copies"]
        arguments = (top, parent, name, job.actor, job.job.created_at)
        record = await tx.fetchrow(sql, *key, *arguments, timeout=_PUBLISH_TIMEOUT)
        return None if record is None else (int(record["count"]), file_from(record))

    async def end_job(
        self, tx: Connection, job: Job, status: JobStatus, *, result: File | None = None, error: Error | None = None
    ) -> None:
        """Record the end of a job that is running."""
        encoded = None if result is None else msgspec.msgpack.encode(result)
        failure = (None, None) if error is None else (error.code, error.detail)
        await tx.execute(self.statements["end_job"], job.drive, job.id, status, encoded, *failure)

    async def delete_hidden_copies(self, tx: Connection, job: Job, limit: int) -> list[tuple[DriveId, FileId]]:
        """Delete up to `limit` hidden copies. Return the owner and the id of each."""
        sql = self.statements["delete_hidden_copies"]
        records = await tx.fetch(sql, job.drive, job.id, job.created_at, limit)
        return [(record["owner_id"], record["id"]) for record in records]

    async def delete_folders(self, tx: Connection, job: Job, limit: int) -> int:
        """Delete up to `limit` rows about the folders of a job. Return their number."""
        return len(await tx.fetch(self.statements["delete_job_folders"], job.drive, job.id, limit))

    async def finish(self, tx: Connection, job: Job) -> None:
        """Record that all data of a job is deleted, except its row."""
        await tx.execute(self.statements["finish_job"], job.drive, job.id)


def _job_from(record: asyncpg.Record) -> Job:
    code = record["error_code"]
    return Job(
        id=record["id"],
        drive=record["owner_id"],
        kind=JobKind(record["kind"]),
        status=JobStatus(record["status"]),
        done=record["done"],
        total=record["total"],
        created_at=record["created_at"],
        result=None if record["result"] is None else _file_decoder.decode(record["result"]),
        error=None if code is None else ItemError(code, record["error_detail"]),
        done_bytes=record["done_bytes"],
        total_bytes=record["total_bytes"],
        waiting_since=record.get("waiting_since"),
    )


def _stored_from(record: asyncpg.Record) -> StoredJob:
    return StoredJob(
        job=_job_from(record),
        actor=record["created_by"],
        source=record["source_id"],
        target=CopyTarget(record["parent_id"], record["name"], OnConflict(record["on_conflict"])),
        folder_count=record["folder_count"],
        has_begun=record["is_measured"],
        attempts=record["attempts"],
        source_drive=record["source_drive_id"],
        steps=record["steps"],
    )
