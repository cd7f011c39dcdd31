"""SQL statements on idempotency keys."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from ...contract.ids import DriveId
from ...postgres import Connection, Database, Statements

_BATCH: Final = 1000
"""The maximum number of keys that one statement deletes."""
_MAX_BATCHES: Final = 20
_MAX_SECONDS: Final = 2.0
"""The time after which no further statement begins. The caller has other work in the same call."""


class KeyedRequest(msgspec.Struct, frozen=True):
    """The first request that used an idempotency key: its fingerprint and its result.

    `resource` is the id of what the request created, for example an upload or a folder. If the result is not one id,
    `resource` is the nil UUID, and `encoded_result` is the result, for example of a batch or an archive.
    """

    fingerprint: bytes
    resource: UUID
    created_at: datetime
    encoded_result: bytes | None


class IdempotencyStore:
    def __init__(self) -> None:
        self.statements = Statements(Path(__file__).with_name("statements.sql"))

    async def try_lock_key(self, tx: Connection, owner: DriveId, key: str) -> bool:
        """Lock the key until the transaction ends. Return False if another transaction holds it."""
        return bool(await tx.fetchval(self.statements["try_lock_key"], str(owner), key))

    async def select_request(self, tx: Connection | Database, owner: DriveId, key: str) -> KeyedRequest | None:
        record = await tx.fetchrow(self.statements["select_request"], owner, key)
        return None if record is None else KeyedRequest(*record)

    async def insert_request(
        self, tx: Connection, owner: DriveId, key: str, request_hash: bytes, result: UUID | bytes
    ) -> None:
        """Record a request with the id that it created, or with its encoded result."""
        resource, results = (UUID(int=0), result) if isinstance(result, bytes) else (result, None)
        await tx.execute(self.statements["insert_request"], owner, key, request_hash, resource, results)

    async def update_results(self, tx: Connection, owner: DriveId, key: str, results: bytes) -> None:
        """Replace the encoded results of a batch."""
        await tx.execute(self.statements["update_results"], owner, key, results)

    async def delete_expired_keys(self, db: Database) -> None:
        """Delete keys that are older than 24 hours: at most 20,000, and for about 2 s. The next call deletes more."""
        end = time.monotonic() + _MAX_SECONDS
        for _ in range(_MAX_BATCHES):
            deleted = await db.execute(self.statements["delete_expired_keys"], _BATCH)
            if deleted < _BATCH or time.monotonic() > end:  # guard: idempotency-deletion
                return
