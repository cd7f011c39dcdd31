"""Starts, returns and cancels the jobs of a user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from ...contract.files import Access, CopyTarget, Job, Kind, OnConflict, Role
from ...contract.ids import FileId, JobId, UserId
from ...errors import Forbidden, IdempotencyKeyReused, InvalidRequest, NotFound, RateLimited
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
from .store import JobStore, NewJob

_RETRY_AFTER: Final = 30


class JobService:
    """Implements `contract.files.Jobs`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
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
                if first.batch_results is not None:
                    raise IdempotencyKeyReused("the request with this key copied the entry already, without a job")
                return _require_job(
                    await self._jobs.select_job(tx, access.actor, JobId(first.resource)), first.resource
                )
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            job = await self._insert(tx, access, access.actor, id, target)
            if call is not None:
                await call.record(tx, job.id)
        return job

    async def get_job(self, actor: UserId, id: JobId) -> Job:
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
        check_depth(await count_levels_above(self._entries, tx, access.drive, id, target.parent) + 1, self._settings)
        if target.on_conflict is not OnConflict.RENAME:
            location = Location(access.drive, target.parent, source.name if target.name is None else target.name)
            await place_entry(self._entries, tx, source, location, target.on_conflict, is_copy=True)
        limit = self._settings.max_jobs
        if await self._jobs.count_unsettled(tx, access.drive, actor) >= limit:  # guard: job-limit
            raise RateLimited(f"{limit} of your jobs are running in this drive; wait", retry_after=_RETRY_AFTER)
        tree = await self._entries.select_tree(tx, access.drive, (id,), MAX_ENTRIES + 1)
        new = NewJob(JobId(self._new_id()), access.drive, actor, id, target, len(tree))
        return await self._jobs.insert_job(tx, new)


def _require_job(job: Job | None, id: UUID) -> Job:
    if job is None:
        raise NotFound(f"no job {id}")
    return job
