"""Several at once: what a call for one does, for up to a hundred, in one transaction or one look.

Each is answered by itself, with its own refusal. What nothing stands in the way of is done set-wise; the rest goes the
way of a single call, so that there is one set of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from ..contract import files as contract
from ..contract.files import Attempt, Outcome, Refusal, UploadRef
from ..contract.ids import FileId, UploadId, UserId
from ..db import Connection, Database
from ..errors import Error, FieldError, IdempotencyKeyReused, InvalidRequest, NotFound, NotUploaded, Unavailable
from .commit import Commit
from .settings import Settings
from .store import Row, Store, content_of, upload_of
from .uploads import Uploads, fingerprint, replayed

MOST: Final = 100
_NOTHING: Final = UUID(int=0)
_answers = msgspec.msgpack.Decoder(list[UUID | Refusal])


class Batches:
    def __init__(
        self,
        db: Database,
        store: Store,
        uploads: Uploads,
        commit: Commit,
        settings: Settings,
        new_id: Callable[[], UUID],
    ) -> None:
        self._db = db
        self._store = store
        self._uploads = uploads
        self._commit = commit
        self._settings = settings
        self._new_id = new_id

    async def begin(self, owner: UserId, intents: Sequence[contract.Intent], key: str | None) -> tuple[Attempt, ...]:
        _check_count(intents, "intents")
        body = fingerprint("uploads", *intents)
        async with self._db.transaction() as tx:
            if key is not None:
                before = await replayed(self._store, tx, owner, key, body)
                if before is not None:
                    return await self._as_begun(tx, owner, before, intents)
            attempts = await self._begin(tx, owner, intents)
            if key is not None:
                answers = [attempt.upload.id if attempt.upload else attempt.refusal for attempt in attempts]
                await self._store.remember(tx, owner, key, body, _NOTHING, msgspec.msgpack.encode(answers))
        return attempts

    async def _begin(self, tx: Connection, owner: UserId, intents: Sequence[contract.Intent]) -> tuple[Attempt, ...]:
        usage = await self._store.lock_usage(tx, owner, self._settings.quota)
        wanted = {UploadId(self._new_id()): intent for intent in intents}
        rows = await self._begin_plain(tx, owner, wanted, usage)
        attempts = []
        for id, intent in wanted.items():
            try:
                row = rows.get(id) or await self._uploads.begin_in(tx, owner, self._uploads.checked(intent))
                attempts.append(Attempt(upload_of(row)))
            except Error as error:
                attempts.append(_refused(error))
        return tuple(attempts)

    async def _begin_plain(
        self, tx: Connection, owner: UserId, wanted: Mapping[UploadId, contract.Intent], usage: Row
    ) -> dict[UUID, Row]:
        """Those that can be recorded set-wise, if there is room for all that is asked for: the rest comes later, and
        nobody is refused for the sake of one who stands behind him."""
        plain: dict[UploadId, contract.Intent] = {}
        promised: set[tuple[FileId, str]] = set()
        size = asked = 0
        for id, intent in wanted.items():
            try:
                intent = self._uploads.checked(intent)
            except Error:
                continue  # said in its turn
            size, asked = size + intent.size, asked + 1
            if intent.on_conflict is contract.OnConflict.REPLACE or (intent.parent, intent.name) in promised:
                continue
            if intent.note is None and self._uploads.in_parts(intent)[0] is None:
                plain[id] = intent
            else:
                promised.add((intent.parent, intent.name))
        if usage["used_bytes"] + usage["reserved_bytes"] + size > usage["limit_bytes"]:
            return {}
        if usage["open_uploads"] + asked > self._settings.max_open_uploads:
            return {}
        rows = await self._store.begin_many(tx, owner, plain, self._settings.upload_ttl)
        return {row["id"]: row for row in rows}

    async def _as_begun(
        self, tx: Connection, owner: UserId, before: Row, intents: Sequence[contract.Intent]
    ) -> tuple[Attempt, ...]:
        """The first answer again."""
        answers = _answers.decode(before["answers"])
        ids = [UploadId(answer) for answer in answers if isinstance(answer, UUID)]
        rows = await self._store.uploads(tx, [owner] * len(ids), ids, self._settings.url_life)
        made = {row["id"]: row for row in rows}
        if len(made) < len(ids):
            raise IdempotencyKeyReused("an upload that this key made is gone; use a new key")
        return tuple(
            Attempt(self._uploads.as_begun(made[answer], intent)) if isinstance(answer, UUID) else Attempt(None, answer)
            for answer, intent in zip(answers, intents, strict=True)
        )

    async def complete(self, owner: UserId, ids: Sequence[UploadId]) -> tuple[Attempt, ...]:
        _check_count(ids, "ids")
        outcomes = await self._commit.run([UploadRef(owner, id) for id in ids], contract.Cause.CLIENT)
        rows = await self._store.uploads(self._db, [owner] * len(ids), ids, self._settings.url_life)
        uploads = {row["id"]: upload_of(row) for row in rows}
        return tuple(_completed(id, outcome, uploads.get(id)) for id, outcome in zip(ids, outcomes, strict=True))

    async def contents(self, owner: UserId, ids: Sequence[FileId]) -> tuple[contract.Found, ...]:
        _check_count(ids, "ids")
        rows = await self._store.contents(self._db, owner, ids)
        contents = {row["id"]: content_of(owner, row) for row in rows}
        return tuple(contract.Found(contents.get(id)) for id in ids)


def _completed(id: UploadId, outcome: Outcome, upload: contract.Upload | None) -> Attempt:
    if upload is None:
        return _refused(NotFound(f"no upload {id}"))
    if outcome is Outcome.UNKNOWN:
        return _refused(Unavailable("the store cannot be asked now"))
    if outcome in (Outcome.ABSENT, Outcome.EXPIRED):
        why = "is to be completed by itself" if upload.parts is not None else "has no bytes in the store"
        return _refused(NotUploaded(f"upload {id} {why}"))
    return Attempt(upload)


def _refused(error: Error) -> Attempt:
    return Attempt(refusal=Refusal(error.code, error.detail, error.errors[0].field if error.errors else None))


def _check_count(several: Sequence[object], field: str) -> None:
    if not 1 <= len(several) <= MOST:
        problem = f"must be 1 to {MOST}"
        raise InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))
