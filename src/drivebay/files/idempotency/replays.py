"""Replays: a repeated request with the same idempotency key gets the first result again."""

from __future__ import annotations

import hashlib
from uuid import UUID

import msgspec

from ...contract.files import Access
from ...contract.ids import DriveId
from ...errors import FieldError, IdempotencyKeyReused, InProgress, InvalidRequest
from ...postgres import Connection, Database
from .store import IdempotencyStore, KeyedRequest

MAX_KEY_LENGTH = 255


def fingerprint(kind: str, *values: object) -> bytes:
    """Return a hash of a request. Requests of different kinds or with different values have different fingerprints."""
    return hashlib.sha256(kind.encode() + b"\0" + msgspec.msgpack.encode(values)).digest()


class KeyedCall:
    """One call with an idempotency key, inside the transaction that does its work."""

    def __init__(
        self, store: IdempotencyStore, access: Access, key: str, request_hash: bytes, position: int | None = None
    ) -> None:
        """`position` is set if the call is one item of a batch: each item has its own transaction and its own
        result."""
        self._store = store
        self._owner = access.drive
        self._key = key
        # Two members of a shared drive may use the same key for different requests, so the stored key has the actor.
        # Holders of links have no actor. Their key has the item of the link instead.
        holder = access.actor or " ".join(str(grant.item) for grant in access.grants)
        self._stored_key = key if access.actor == access.drive else f"{holder} {key}"  # guard: idempotency-actor
        if position is not None:
            # A key has no line breaks, so an item never has the stored key of another request.
            self._stored_key += f"\n{position}"  # guard: idempotency-item
        self._request_hash = request_hash

    async def lock_and_find_first(self, tx: Connection) -> KeyedRequest | None:
        """Lock the key. Return the first request with this key, or None if this is the first.

        Raises InvalidRequest (the key), IdempotencyKeyReused (another request had the key), InProgress (the first
        request still runs).
        """
        if not (1 <= len(self._key) <= MAX_KEY_LENGTH and self._key.isprintable()):
            problem = f"must be 1 to {MAX_KEY_LENGTH} printable characters"
            raise InvalidRequest(f"an idempotency key {problem}", errors=(FieldError("idempotency_key", problem),))
        if not await self._store.try_lock_key(tx, self._owner, self._stored_key):  # guard: idempotency-key-lock
            raise InProgress("the first request with this key still runs: try again later", retry_after=1)
        return await self._find_first(tx)

    async def _find_first(self, tx: Connection) -> KeyedRequest | None:
        first = await self._store.select_request(tx, self._owner, self._stored_key)
        if first is not None and first.fingerprint != self._request_hash:  # guard: idempotency-fingerprint
            raise IdempotencyKeyReused
        return first

    async def is_known(self, db: Database) -> bool:
        """Return whether a request with this key was made. It may have been a request with another fingerprint."""
        return await self._store.select_request(db, self._owner, self._stored_key) is not None

    @property
    def owner(self) -> DriveId:
        return self._owner

    async def update(self, tx: Connection, batch_results: bytes) -> None:
        """Record new results of the batch that used this key first."""
        await self._store.update_results(tx, self._owner, self._stored_key, batch_results)

    async def record_or_find(self, tx: Connection, batch_results: bytes) -> bytes:
        """Record the results of a batch. If another call has recorded results for this key, return those results.

        The key needs no lock.

        Raises IdempotencyKeyReused.
        """
        await self.record(tx, batch_results)
        first = await self._find_first(tx)
        return batch_results if first is None or first.encoded_result is None else first.encoded_result

    async def record(self, tx: Connection, result: UUID | bytes) -> None:
        """Record the result of this call: the id that it created, or an encoded result."""
        await self._store.insert_request(tx, self._owner, self._stored_key, self._request_hash, result)
