"""What is to be deleted for good, handed out under leases.

An object's row goes last: while its bytes may still be there its row says `purging`, counts, and can be
taken up again by anybody after the lease. A janitor that slept past its lease finishes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..contract.files import Purge, UploadRef
from ..contract.ids import LeaseId
from ..crash import crash_point
from ..db import Database
from ..errors import InvalidRequest
from .settings import Settings
from .store import Store, object_key


class Purges:
    def __init__(self, db: Database, store: Store, settings: Settings) -> None:
        self._db = db
        self._store = store
        self._settings = settings

    async def claim(self, lease: LeaseId, limit: int) -> tuple[Purge, ...]:
        if not 1 <= limit <= 1000:
            raise InvalidRequest("a batch is 1 to 1000")
        async with self._db.transaction() as tx:
            await self._store.condemn(tx, limit)
            rows = await self._store.lease_purges(tx, lease, limit, self._settings.lease)
            if rows:
                crash_point("purge.claim_before_commit")
        return tuple(
            Purge(
                UploadRef(row["owner_id"], row["upload_id"]),
                row["key"] or object_key(row["owner_id"], row["upload_id"]),
                row["multipart"],
                row["tails"],
            )
            for row in rows
        )

    async def finish(self, lease: LeaseId, uploads: Sequence[UploadRef]) -> int:
        owners, ids = [ref.owner for ref in uploads], [ref.id for ref in uploads]
        async with self._db.transaction() as tx:
            await self._store.lock_leased_owners(tx, lease, owners, ids)
            finished = await self._store.finish_purges(tx, lease, owners, ids, self._settings.tombstone)
            crash_point("purge.finish_before_commit")
        crash_point("purge.finish_after_commit")
        return finished
