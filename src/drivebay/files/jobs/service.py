"""Starts, returns and cancels the jobs of a user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from ...contract.files import Access, CopyTarget, File, Job, JobTask, Kind, OnConflict, Role
from ...contract.ids import FileId, JobId, LeaseId, UserId
from ...errors import (
    BY_CODE,
    Forbidden,
    IdempotencyKeyReused,
    Internal,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unavailable,
)
from ...postgres import Connection, Database
from ..copies.copy_place import count_levels_above
from ..copies.service import MAX_ENTRIES, copy_fingerprint
from ..entries.free_names import Location
from ..entries.name_conflicts import place_entry
from ..entries.service import check_depth, require_entry
from ..entries.store import EntryStore
from ..file_names import normalize_name
from ..idempotency.replays import KeyedCall
from ..idempotency.store import IdempotencyStore
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from ..usage.store import UsageStore
from .job_access import require_role
from .job_claims import JobClaimService
from .store import JobStore, NewJob

_RETRY_AFTER: Final = 30
"""The number of seconds until a user with too many jobs may try again."""
_REQUEST_TIME: Final = 10.0
"""The number of seconds for which a request runs its job itself. After that, a worker continues the job."""
_UNCLAIMED_TIME: Final = timedelta(days=1)
"""A job fails if no worker claims it for this time."""


class JobService:
    """Implements `contract.files.Jobs`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID], claims: JobClaimService) -> None:
        self._db = db
        self._claims = claims
        self._settings = settings
        self._new_id = new_id
        self._jobs = JobStore()
        self._entries = EntryStore()
        self._scope = AccessScope()
        self._usage = UsageStore()
        self._idempotency = IdempotencyStore()

    async def start_copy(
        self, access: Access, id: FileId, target: CopyTarget, idempotency_key: str | None = None
    ) -> Job:
        if access.actor is None:
            raise Forbidden("only a user with an account can start a job")
        if target.name is not None:
            target = msgspec.structs.replace(target, name=normalize_name(target.name))
        call = None
        if idempotency_key is not None:
            call = KeyedCall(self._idempotency, access, idempotency_key, copy_fingerprint(id, target))
        async with self._db.transaction() as tx:
            first = None if call is None else await call.lock_and_find_first(tx)
            if first is not None:
                if first.encoded_result is not None:
                    raise IdempotencyKeyReused("the request with this key copied the entry already, without a job")
                return _require_job(
                    await self._jobs.select_job(tx, access.actor, JobId(first.resource)), first.resource
                )
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            job = await self._insert(tx, access, access.actor, id, target)
            if call is not None:
                await call.record(tx, job.id)
        return job

    async def start_drive_copy(
        self,
        access: Access,
        id: FileId,
        target_access: Access,
        target: CopyTarget,
        idempotency_key: str | None = None,
    ) -> Job:
        actor = access.actor
        if actor is None or target_access.actor != actor:
            raise Forbidden("only a user with an account can start a job")
        if access.drive == target_access.drive:
            raise InvalidRequest("the original is in this drive already")
        require_role(target_access, Role.EDITOR)  # guard: drive-copy-role
        if target.name is not None:
            target = msgspec.structs.replace(target, name=normalize_name(target.name))
        call = None
        if idempotency_key is not None:
            # The key belongs to the drive of the request, so that it cannot be used again for a copy inside this drive.
            request = copy_fingerprint(id, target, target_access.drive)
            call = KeyedCall(self._idempotency, access, idempotency_key, request)
        async with self._db.snapshot() as tx:
            await self._scope.require(tx, access, Role.VIEWER, id)  # guard: scope-start-drive-copy
            source = require_entry(await self._entries.select_entry(tx, access.drive, id), id)
        lease = LeaseId(self._new_id()) if source.kind is Kind.FILE else None
        async with self._db.transaction() as tx:
            first = None if call is None else await call.lock_and_find_first(tx)
            if first is not None:
                return _raise_failure(await self.get_job(actor, JobId(first.resource)))
            usage = await self._usage.lock_usage(tx, target_access.drive, self._settings.quota)
            usage.check_purges(self._settings.max_purges)  # guard: drive-copy-tombstones
            await self._scope.require(
                tx, target_access, Role.EDITOR, target.parent
            )  # guard: scope-start-drive-copy-target
            new = NewJob(JobId(self._new_id()), target_access.drive, actor, id, target, 1, access.drive, lease)
            job = await self._check_and_insert(tx, new, source)
            if call is not None:
                await call.record(tx, job.id)
        if lease is None:
            return job
        await self._run_now(lease, job)
        return _raise_failure(await self.get_job(actor, job.id))

    async def _run_now(self, lease: LeaseId, job: Job) -> None:
        """Run a job in the request that started it. If it takes too long, or the store fails, a worker continues."""
        clock = asyncio.get_running_loop().time
        ends_at = clock() + _REQUEST_TIME
        with suppress(Unavailable):
            while await self._claims.run_job_step(lease, JobTask(job.drive, job.id)) and clock() < ends_at:
                pass
        with suppress(Unavailable):
            await self._claims.release_jobs(lease)

    async def get_job(self, actor: UserId, id: JobId) -> Job:
        await self._jobs.end_unclaimed(self._db, actor, _UNCLAIMED_TIME)
        return _require_job(await self._jobs.select_job(self._db, actor, id), id)

    async def cancel_job(self, actor: UserId, id: JobId) -> None:
        job = await self.get_job(actor, id)
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, job.drive, self._settings.quota)
            await self._jobs.cancel_job(tx, job.drive, id)

    async def _insert(self, tx: Connection, access: Access, actor: UserId, id: FileId, target: CopyTarget) -> Job:
        """Check whether the copy is allowed, and insert its job. The size of the tree is not checked yet."""
        await self._scope.require(tx, access, Role.VIEWER, id)  # guard: scope-start-copy
        await self._scope.require(tx, access, Role.EDITOR, target.parent)  # guard: scope-start-copy-target
        source = require_entry(await self._entries.select_entry(tx, access.drive, id), id)
        if source.kind is not Kind.FOLDER:
            raise InvalidRequest(f"{source.name!r} is a file: it is copied without a job")
        tree = await self._entries.select_tree(tx, access.drive, (id,), MAX_ENTRIES + 1)
        new = NewJob(JobId(self._new_id()), access.drive, actor, id, target, len(tree))
        return await self._check_and_insert(tx, new, source)

    async def _check_and_insert(self, tx: Connection, new: NewJob, source: File) -> Job:
        """Check the place of a copy and the number of jobs, and insert the job."""
        target = new.target
        levels = await count_levels_above(self._entries, tx, new.drive, new.source, target.parent)
        check_depth(levels + (1 if source.kind is Kind.FOLDER else 0), self._settings)
        if target.on_conflict is not OnConflict.RENAME:
            location = Location(new.drive, target.parent, source.name if target.name is None else target.name)
            await place_entry(self._entries, tx, source, location, target.on_conflict, is_copy=True)
        limit = self._settings.max_jobs
        await self._jobs.end_unclaimed(tx, new.actor, _UNCLAIMED_TIME)
        if await self._jobs.count_unfinished(tx, new.drive, new.actor) >= limit:  # guard: job-limit
            problem = f"{limit} of your jobs are running in this drive: wait for one of them, or cancel one"
            raise RateLimited(problem, retry_after=_RETRY_AFTER)
        await self._jobs.prune_jobs_of(tx, new.actor, self._settings.max_ended_jobs)  # guard: ended-job-limit
        return await self._jobs.insert_job(tx, new, self._settings.job_lease)


def _raise_failure(job: Job) -> Job:
    """Return the job. Raises the error of the job if it has failed."""
    if job.error is None:
        return job
    raise BY_CODE.get(job.error.code, Internal)(job.error.detail)


def _require_job(job: Job | None, id: UUID) -> Job:
    if job is None:
        raise NotFound(f"no job {id}")
    return job
