"""Commits: the one place where an upload becomes a file.

A commit is triggered by an event of the store, by a client's `complete_upload`, or by the sweep. None of these triggers
is proof that the bytes are stored. So the commit looks up the object, outside any transaction, and compares it with the
recorded intent. Then one transaction creates the file, turns reserved bytes into stored bytes and records the change. A
second commit of the same upload has no effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog

from ...contract.files import CommitOutcome, Trigger, UploadRef, UploadStatus
from ...contract.storage import ObjectInfo, Presence, StagedObject, Storage
from ...errors import InvalidRequest, Unavailable
from ...observability.crash_points import crash_point
from ...postgres import Database
from ..idempotency.store import IdempotencyStore
from ..object_keys import object_key
from ..settings import Settings
from ..upload_metrics import COMMITS, ENDED_UPLOADS
from ..uploads.store import UploadEnd, UploadStore
from ..usage.store import UsageStore
from .file_creation import FileCreation
from .store import Candidate, CommitStore, VerifiedObject

MAX_BATCH = 1000
"""The maximum number of uploads in one call."""
MIN_RESEND_ALLOWANCE = 64 * 2**20
"""A client that got no response sends a part again, so the store may keep more bytes than the size of the upload. The
number of these extra bytes may be up to the size of the upload. For an upload that is smaller than this number, it may
be up to this number, and at most MAX_RESENDS times the size, so that many small uploads do not fill the disk."""
MAX_RESENDS = 8

_MAX_CONCURRENT_PART_MEASUREMENTS = 16
"""The maximum number of requests to the store at the same time that measure the stored parts of uploads."""

log = structlog.get_logger(__name__)


class CommitService:
    """Implements `contract.files.Commits`."""

    def __init__(
        self, db: Database, storage: Storage, settings: Settings, commits: CommitStore, creation: FileCreation
    ) -> None:
        self._db = db
        self._commits = commits
        self._uploads = UploadStore()
        self._usage = UsageStore()
        self._idempotency = IdempotencyStore()
        self._storage = storage
        self._settings = settings
        self._creation = creation

    async def commit_uploads(
        self, uploads: tuple[UploadRef, ...], trigger: Trigger | None = None
    ) -> tuple[CommitOutcome, ...]:
        if len(uploads) > MAX_BATCH:
            raise InvalidRequest(f"a batch has at most {MAX_BATCH} uploads")
        refs = sorted(set(uploads))
        candidates = await self._commits.select_candidates(self._db, refs)
        outcomes = dict.fromkeys(refs, CommitOutcome.NO_UPLOAD)
        outcomes.update(dict.fromkeys((candidate.ref for candidate in candidates), CommitOutcome.ALREADY_ENDED))
        if committable := {candidate.ref: candidate for candidate in candidates if candidate.can_commit}:
            outcomes.update(await self._commit_candidates(committable, trigger))
        if cleanable := [candidate.ref for candidate in candidates if candidate.staging_cleanable]:
            await self._clean_staging(cleanable)
        if trigger is Trigger.EVENT and (late := [candidate.ref for candidate in candidates if candidate.has_no_file]):
            # Bytes arrived for an upload that has ended. Delete them now, and not only when the tombstone ends.
            await self._commits.make_purges_due(self._db, late)  # guard: late-bytes-purge
        for outcome in outcomes.values():
            COMMITS.labels(outcome.value).inc()
        return tuple(outcomes[ref] for ref in uploads)

    async def commit_for_client(self, upload: UploadRef) -> bool:
        """Commit an upload for its client. Return False when the store has no object for it. Raises Unavailable."""
        (outcome,) = await self.commit_uploads((upload,), Trigger.CLIENT)
        if outcome is CommitOutcome.UNKNOWN:
            raise Unavailable("the store does not respond now; try again later")
        return outcome not in (CommitOutcome.ABSENT, CommitOutcome.EXPIRED)

    async def claim_pending_uploads(
        self, limit: int, overdue: bool, newest_first: bool = False
    ) -> tuple[UploadRef, ...]:
        if not 1 <= limit <= MAX_BATCH:
            raise InvalidRequest(f"limit must be 1 to {MAX_BATCH}")
        if overdue:
            # The janitor calls this method regularly, so it also deletes expired idempotency keys.
            await self._idempotency.delete_expired_keys(self._db)
        if newest_first and not overdue:
            return await self._commits.claim_newest_checks(self._db, limit)
        return await self._commits.claim_checks(self._db, limit, overdue)

    async def recheck_pending_uploads(self) -> int:
        return await self._commits.make_checks_due(self._db)

    async def _commit_candidates(
        self, candidates: Mapping[UploadRef, Candidate], trigger: Trigger | None
    ) -> dict[UploadRef, CommitOutcome]:
        objects = await self._look_up(candidates)
        crash_point("commit.looked_up")
        checksum_enforced = await self._is_checksum_enforced(candidates.values())
        outcomes: dict[UploadRef, CommitOutcome] = {}
        matching: dict[UploadRef, ObjectInfo] = {}
        for ref, candidate in candidates.items():
            info = objects[ref]
            if info.presence is Presence.UNKNOWN:  # guard: commit-unknown-object
                outcomes[ref] = CommitOutcome.UNKNOWN
            elif info.presence is Presence.ABSENT:
                # guard: expire-deadline
                outcomes[ref] = CommitOutcome.EXPIRED if candidate.is_overdue else CommitOutcome.ABSENT
            elif reason := _find_mismatch(candidate, info):
                outcomes[ref] = await self._reject(ref, reason, trigger)
            else:
                matching[ref] = info
        promoted = await self._promote(matching)
        verified = [
            _verified_object(candidates[ref], info, checksum_enforced)
            for ref, info in promoted.items()
            if info.presence is Presence.FOUND
        ]
        # Some objects were not promoted: they changed after the look-up, or another caller is still copying them.
        not_promoted = (ref for ref, info in promoted.items() if info.presence is not Presence.FOUND)
        outcomes.update(dict.fromkeys(not_promoted, CommitOutcome.UNKNOWN))
        # Bytes can arrive after the look-up and before this UPDATE. Later look-ups find them, because the upload is
        # watched.
        if expired := [ref for ref, outcome in outcomes.items() if outcome is CommitOutcome.EXPIRED]:
            outcomes.update(dict.fromkeys(await self._expire(expired), CommitOutcome.UNKNOWN))
        if verified:
            outcomes.update(await self._creation.create_files(verified, trigger))
        # Measure parts last, because each upload in parts needs a call to the store. The other commits do not wait for
        # these calls.
        absent = [candidates[ref] for ref, outcome in outcomes.items() if outcome is CommitOutcome.ABSENT]
        for ref in await self._find_excess_parts(absent):
            outcomes[ref] = await self._reject(ref, "parts_repeated", trigger)
        return outcomes

    async def _find_excess_parts(self, uploads: Iterable[Candidate]) -> list[UploadRef]:
        """Return the uploads for which the store keeps too many bytes, because their parts were sent repeatedly."""
        slots = asyncio.Semaphore(_MAX_CONCURRENT_PART_MEASUREMENTS)

        async def has_excess(upload: Candidate, multipart_id: str) -> bool:
            async with slots:
                return await self._has_excess_parts(upload, multipart_id)

        in_parts = [(upload, upload.multipart_id) for upload in uploads if upload.multipart_id is not None]
        excesses = await asyncio.gather(*(has_excess(upload, multipart_id) for upload, multipart_id in in_parts))
        return [upload.ref for (upload, _), has_too_many in zip(in_parts, excesses, strict=True) if has_too_many]

    async def _has_excess_parts(self, upload: Candidate, multipart_id: str) -> bool:
        try:
            stored = await self._storage.measure_parts(object_key(upload.ref.owner, upload.ref.id), multipart_id)
        except Unavailable:
            return False
        allowance = max(upload.size, min(MIN_RESEND_ALLOWANCE, MAX_RESENDS * upload.size))  # guard: parts-small-excess
        return stored > upload.size + allowance  # guard: parts-excess

    async def _look_up(self, uploads: Iterable[UploadRef]) -> dict[UploadRef, ObjectInfo]:
        keys = {ref: object_key(ref.owner, ref.id) for ref in uploads}
        try:
            infos = await self._storage.stat_staged(tuple(keys.values()))
        except Unavailable:
            return {ref: ObjectInfo(key, Presence.UNKNOWN) for ref, key in keys.items()}
        return dict(zip(keys, infos, strict=True))

    async def _promote(self, objects: Mapping[UploadRef, ObjectInfo]) -> dict[UploadRef, ObjectInfo]:
        """Copy staged objects to keys that no URL can write, and return the look-up results of the copies.

        An object that could not be copied is `UNKNOWN`.
        """
        if all(info.key == object_key(ref.owner, ref.id) for ref, info in objects.items()):
            return dict(objects)
        try:
            staged = tuple(StagedObject(info.key, info.etag, info.size) for info in objects.values())
            promoted = await self._storage.promote(staged)
        except Unavailable:
            return {ref: ObjectInfo(info.key, Presence.UNKNOWN) for ref, info in objects.items()}
        crash_point("commit.promoted")
        return {
            # The copy has the same bytes, so it has the same checksum.
            ref: msgspec.structs.replace(copy, sha256=copy.sha256 or objects[ref].sha256)
            for ref, copy in zip(objects, promoted, strict=True)
        }

    async def _clean_staging(self, uploads: Sequence[UploadRef]) -> None:
        """Delete the staged objects of complete uploads. The next scheduled look-up tries again after a failure."""
        try:
            await self._storage.clean_staging(await self._commits.select_copied_keys(self._db, uploads))
        except Unavailable as error:
            log.warning("clean_staging_failed", uploads=len(uploads), reason=error.detail)
            return
        await self._commits.stop_checks(self._db, uploads)

    async def _is_checksum_enforced(self, candidates: Iterable[Candidate]) -> bool:
        """Return whether the store refuses a PUT whose bytes do not have the signed checksum."""
        if all(candidate.sha256 is None for candidate in candidates):
            return False
        try:
            return (await self._storage.get_capabilities()).signed_checksum
        except Unavailable:
            return False

    async def _reject(self, ref: UploadRef, reason: str, trigger: Trigger | None) -> CommitOutcome:
        async with self._db.transaction() as tx:
            await self._usage.lock_owners(tx, [ref.owner])
            if not await self._uploads.end_upload(tx, ref, UploadEnd(UploadStatus.FAILED, trigger, reason)):
                return CommitOutcome.ALREADY_ENDED
            crash_point("reject.before_db_commit")
        crash_point("reject.after_db_commit")
        # In the API, the status of the upload is `failed`. The label is `rejected`, because dashboards use this metric.
        ENDED_UPLOADS.labels("rejected").inc()
        log.warning("upload_rejected", owner=str(ref.owner), upload=str(ref.id), reason=reason)
        return CommitOutcome.REJECTED

    async def _expire(self, refs: Sequence[UploadRef]) -> list[UploadRef]:
        """Expire uploads. If there are several owners, skip the owners that another transaction has locked.

        So a locked owner does not delay the others. Return the uploads of the skipped owners, which did not change.
        """
        owners = {ref.owner for ref in refs}
        locked: list[UploadRef] = []
        async with self._db.transaction() as tx:
            if len(owners) == 1:
                await self._usage.lock_owners(tx, owners)
            else:
                free = await self._usage.lock_free_owners(tx, owners)
                locked = [ref for ref in refs if ref.owner not in free]
                refs = [ref for ref in refs if ref.owner in free]  # guard: expire-free-owners
            expired = await self._commits.expire_uploads(tx, refs, self._settings.watch)
            crash_point("expire.before_db_commit")
        crash_point("expire.after_db_commit")
        ENDED_UPLOADS.labels("expired").inc(expired)
        return locked


def _find_mismatch(candidate: Candidate, info: ObjectInfo) -> str | None:
    if info.size != candidate.size:  # guard: commit-size
        return "size_mismatch"
    # guard: commit-checksum
    if candidate.sha256 is not None and info.sha256 is not None and info.sha256 != candidate.sha256:
        return "checksum_mismatch"
    # guard: commit-type
    if info.content_type is not None and _normalize_type(info.content_type) != _normalize_type(candidate.content_type):
        return "type_mismatch"
    return None


def _normalize_type(content_type: str) -> str:
    """Return a content type without spaces and in lower case, because a store may change these."""
    return "".join(content_type.split()).lower()


def _verified_object(candidate: Candidate, info: ObjectInfo, checksum_enforced: bool) -> VerifiedObject:
    sha256 = info.sha256
    # The store verifies the parts of an upload in parts, but not the whole object.
    # guard: commit-enforced-checksum, commit-multipart-checksum
    if sha256 is None and checksum_enforced and not candidate.is_multipart:
        sha256 = candidate.sha256
    copied_key = None if info.key == object_key(candidate.ref.owner, candidate.ref.id) else info.key
    return VerifiedObject(candidate, info.etag, sha256, copied_key)
