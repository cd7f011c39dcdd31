"""Intents: an upload is recorded and its bytes are reserved before anything is signed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import msgspec

from ..contract import files as contract
from ..contract.ids import ROOT, UploadId, UserId
from ..db import Connection, Database
from ..errors import (
    Conflict,
    FieldError,
    IdempotencyKeyReused,
    InProgress,
    InvalidRequest,
    NameTaken,
    NotFound,
    QuotaExceeded,
    RateLimited,
    TooLarge,
)
from . import media, names
from .commit import ENDED, free_name
from .parts import MOST, part_size
from .settings import Settings
from .store import Row, Store, UniqueViolation, upload_of

_LONGEST_KEY = 255
_LONGEST_NOTE = 4096
_PRINTABLE = re.compile("[ -~]*")
_SHOWN = {"rejected": contract.UploadStatus.FAILED.value}


class Uploads:
    def __init__(self, db: Database, store: Store, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._store = store
        self._settings = settings
        self._new_id = new_id

    async def begin(self, owner: UserId, intent: contract.Intent, key: str | None) -> contract.Upload:
        intent = self.checked(intent)
        if key is None:
            row = await self._begin_fast(owner, intent)
            if row is None:
                async with self._db.transaction() as tx:
                    row = await self.begin_in(tx, owner, intent)
            return upload_of(row)
        async with self._db.transaction() as tx:
            before = await replayed(self._store, tx, owner, key, fingerprint("upload", intent))
            if before is not None:
                row = await self._store.upload(tx, owner, before["made"])
                if row is None:
                    raise IdempotencyKeyReused("the upload this key made is gone; use a new key")
                return self.as_begun(row, intent)
            row = await self.begin_in(tx, owner, intent)
            await self._store.remember(tx, owner, key, fingerprint("upload", intent), row["id"])
        return upload_of(row)

    def checked(self, intent: contract.Intent) -> contract.Intent:
        """The intent with its name in NFC. Raises InvalidRequest, TooLarge."""
        if intent.size < 0:
            raise InvalidRequest("a size is not negative", errors=(FieldError("size", "is negative"),))
        if intent.sha256 is not None and len(intent.sha256) != 32:
            raise InvalidRequest("a SHA-256 has 32 bytes", errors=(FieldError("sha256", "has not 32 bytes"),))
        if intent.deferred and (intent.size or not intent.multipart or intent.sha256 is not None):
            problem = "goes with multipart, a size of 0 and no SHA-256"
            raise InvalidRequest(f"deferred {problem}", errors=(FieldError("deferred", problem),))
        if intent.note is not None and not (len(intent.note) <= _LONGEST_NOTE and _PRINTABLE.fullmatch(intent.note)):
            problem = f"must be of printable ASCII characters, {_LONGEST_NOTE} at most"
            raise InvalidRequest(f"a note {problem}", errors=(FieldError("note", problem),))
        if intent.size > self._settings.max_file_size:
            raise TooLarge(f"a file has at most {self._settings.max_file_size} bytes here")
        media.checked(intent.content_type)
        name = names.normalized(intent.name)
        return intent if name == intent.name else msgspec.structs.replace(intent, name=name)

    async def _begin_fast(self, owner: UserId, intent: contract.Intent) -> Row | None:
        if intent.on_conflict is not contract.OnConflict.RENAME:
            return None  # The others are promises about a name, and only the slow path looks at it under the lock.
        own = self._settings
        id = UploadId(self._new_id())
        try:
            in_parts, ttl = self.in_parts(intent)
            return await self._store.begin(self._db, owner, id, intent, ttl, own.quota, own.max_open_uploads, in_parts)
        except UniqueViolation:  # a pending upload holds the name
            return None

    async def begin_in(self, tx: Connection, owner: UserId, intent: contract.Intent) -> Row:
        """One that was `checked`, with its owner locked. What it raises leaves the transaction as it was."""
        own = self._settings
        usage = await self._store.lock_usage(tx, owner, own.quota)
        if usage["used_bytes"] + usage["reserved_bytes"] + intent.size > usage["limit_bytes"]:
            left = max(0, usage["limit_bytes"] - usage["used_bytes"] - usage["reserved_bytes"])
            raise QuotaExceeded(f"{intent.size} bytes would not fit: {left} of {usage['limit_bytes']} are left")
        if usage["open_uploads"] >= own.max_open_uploads:
            raise RateLimited(f"{own.max_open_uploads} uploads are open; complete or delete some", retry_after=60)
        if intent.parent != ROOT and not await self._store.ancestors(tx, owner, intent.parent):
            raise NotFound(f"no folder {intent.parent}")
        name = await self._name(tx, owner, intent)
        await self._store.reserve(tx, owner, intent.size)
        intent = msgspec.structs.replace(intent, name=name)
        in_parts, ttl = self.in_parts(intent)
        return await self._store.add_upload(tx, owner, UploadId(self._new_id()), intent, ttl, in_parts)

    def in_parts(self, intent: contract.Intent) -> tuple[int | None, timedelta]:
        """Bytes of a part, None if it comes in one piece; and how long the upload waits for bytes."""
        if intent.multipart or intent.size > self._settings.multipart_threshold:
            return part_size(intent.size), self._settings.parts_ttl
        return None, self._settings.upload_ttl

    async def _name(self, tx: Connection, owner: UserId, intent: contract.Intent) -> str:
        if intent.on_conflict is contract.OnConflict.REPLACE:
            there = await self._store.entry_named(tx, owner, intent.parent, intent.name)
            if there is not None and there["kind"] == "folder":
                raise NameTaken(f"{intent.name!r} is a folder")
            return intent.name
        name = await free_name(self._store, tx, owner, intent.parent, intent.name, self._new_id())
        if name != intent.name and intent.on_conflict is contract.OnConflict.FAIL:
            raise NameTaken(f"{intent.name!r} is there already")
        return name

    def as_begun(self, row: Row, intent: contract.Intent) -> contract.Upload:
        """The upload as its first answer showed it, whatever has become of it."""
        upload = msgspec.structs.replace(upload_of(row), status=contract.UploadStatus.PENDING, file=None, reason=None)
        if upload.parts is None:
            return upload
        # Of what comes in parts the length may have been told since, the write begun, and the deadline put off.
        size = upload.parts.size
        return msgspec.structs.replace(
            upload,
            size=intent.size,
            deferred=intent.deferred,
            expires_at=upload.created_at + self._settings.parts_ttl,
            parts=contract.Parts(size, max(1, -(-intent.size // size))),
        )

    async def upload(self, owner: UserId, id: UploadId) -> contract.Upload:
        row = await self._store.upload(self._db, owner, id)
        if row is None:
            raise NotFound(f"no upload {id}")
        return upload_of(row)

    async def resize(self, owner: UserId, id: UploadId, size: int, final: bool) -> contract.Upload:
        async with self._db.transaction() as tx:
            usage = await self._store.lock_usage(tx, owner, self._settings.quota)
            row = await self._store.upload(tx, owner, id)
            if row is None:
                raise NotFound(f"no upload {id}")
            if not row["deferred"] or row["state"] != "pending":
                if row["size"] == size and not row["deferred"] and row["part_size"] is not None:
                    return upload_of(row)  # as it was told before
                raise Conflict(f"the length of upload {id} is known")
            if not final and size <= row["size"]:
                return upload_of(row)
            self._check_growth(usage, row, size)
            resized = await self._store.resize(tx, owner, id, size, final)
        return upload_of(resized or row)

    def _check_growth(self, usage: Row, row: Row, size: int) -> None:
        if size < 0:
            raise InvalidRequest("a size is not negative", errors=(FieldError("size", "is negative"),))
        most = min(self._settings.max_file_size, MOST * row["part_size"])
        if size > most:
            raise TooLarge(f"a file whose length is not told at first has at most {most} bytes here")
        grown = size - row["size"]
        left = usage["limit_bytes"] - usage["used_bytes"] - usage["reserved_bytes"]
        if grown > max(0, left):
            raise QuotaExceeded(f"{grown} more bytes would not fit: {max(0, left)} of {usage['limit_bytes']} are left")

    async def timeline(self, owner: UserId, id: UploadId) -> tuple[contract.Moment, ...]:
        rows = await self._store.timeline(self._db, owner, id)
        if not rows:
            raise NotFound(f"no upload {id}")
        return tuple(
            contract.Moment(row["at"], _SHOWN.get(row["what"], row["what"]), row["cause"], row["detail"])
            for row in rows
        )

    async def abort(self, owner: UserId, id: UploadId) -> None:
        async with self._db.transaction() as tx:
            await self._store.lock_usage(tx, owner, self._settings.quota)
            row = await self._store.upload(tx, owner, id)
            if row is None:
                raise NotFound(f"no upload {id}")
            if row["state"] == "complete":
                raise Conflict(f"upload {id} is complete; delete the file {row['file_id']} instead")
            ended = await self._store.end_upload(tx, owner, id, "aborted", None, contract.Cause.CLIENT.value)
        if ended:
            ENDED.labels("aborted").inc()


def fingerprint(what: str, *values: object) -> bytes:
    """What tells one request body from another under the same idempotency key."""
    return hashlib.sha256(what.encode() + b"\0" + msgspec.msgpack.encode(values)).digest()


async def replayed(store: Store, tx: Connection, owner: UserId, key: str, body: bytes) -> Row | None:
    """What (`made`) an earlier call with this key made and when (`created_at`); None for the first.

    Raises InvalidRequest (no key), IdempotencyKeyReused, InProgress.
    """
    if not (1 <= len(key) <= _LONGEST_KEY and key.isprintable()):
        problem = f"must be 1 to {_LONGEST_KEY} printable characters"
        raise InvalidRequest(f"an idempotency key {problem}", errors=(FieldError("idempotency_key", problem),))
    if not await store.try_key(tx, owner, key):
        raise InProgress("the first request with this key is still under way", retry_after=1)
    before = await store.remembered(tx, owner, key)
    if before is not None and before["fingerprint"] != body:
        raise IdempotencyKeyReused
    return before
