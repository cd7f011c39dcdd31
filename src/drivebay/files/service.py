"""The files service: the contract's methods, each handed to the module that knows its rules."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from uuid import UUID

from ..contract import files as contract
from ..contract.health import Health
from ..contract.ids import FileId, LeaseId, UploadId, UserId
from ..contract.storage import Storage
from ..db import Database
from ..errors import Conflict, InvalidRequest, NotFound, NotUploaded, Unavailable
from . import check, letters
from .batches import Batches
from .commit import Commit
from .parts import Parts
from .purge import Purges
from .settings import Settings
from .store import Store, content_of
from .tree import Tree
from .uploads import Uploads


class Service:
    """Implements `contract.files.Files`. Holds no state between calls but a pool of connections."""

    def __init__(self, db: Database, storage: Storage, settings: Settings, *, new_id: Callable[[], UUID]) -> None:
        store = Store()
        cursor_key = hmac.digest(settings.secret, b"files cursor", hashlib.sha256)
        self._db = db
        self._store = store
        self._storage = storage
        self._settings = settings
        self._uploads = Uploads(db, store, settings, new_id)
        self._tree = Tree(db, store, settings, cursor_key, new_id)
        self._parts = Parts(db, store, storage, settings)
        self._commit = Commit(db, store, storage, settings, new_id)
        self._batches = Batches(db, store, self._uploads, self._commit, settings, new_id)
        self._purges = Purges(db, store, settings)

    # -- uploads -----------------------------------------------------------------------------------

    async def begin(
        self, owner: UserId, intent: contract.Intent, idempotency_key: str | None = None
    ) -> contract.Upload:
        return await self._uploads.begin(owner, intent, idempotency_key)

    async def begin_many(
        self, owner: UserId, intents: tuple[contract.Intent, ...], idempotency_key: str | None = None
    ) -> tuple[contract.Attempt, ...]:
        return await self._batches.begin(owner, intents, idempotency_key)

    async def upload(self, owner: UserId, id: UploadId) -> contract.Upload:
        return await self._uploads.upload(owner, id)

    async def open_parts(self, owner: UserId, id: UploadId, parts: tuple[contract.PartIntent, ...]) -> contract.Upload:
        return await self._parts.open(owner, id, parts)

    async def parts(self, owner: UserId, id: UploadId) -> tuple[contract.Part, ...]:
        held, assembling = await self._parts.held(owner, id)
        # Once they are together the store has none any more, and nobody is told that there are none.
        if assembling and not await self._is_absent(contract.UploadRef(owner, id)):
            raise Conflict(f"the parts of upload {id} have been put together")
        return held

    async def _is_absent(self, ref: contract.UploadRef) -> bool:
        """Commit an upload if its object is there; whether it is not. Raises Unavailable."""
        (outcome,) = await self._commit.run((ref,), contract.Cause.CLIENT)
        if outcome is contract.Outcome.UNKNOWN:
            raise Unavailable("the store cannot be asked now")
        return outcome in (contract.Outcome.ABSENT, contract.Outcome.EXPIRED)

    async def timeline(self, owner: UserId, id: UploadId) -> tuple[contract.Moment, ...]:
        return await self._uploads.timeline(owner, id)

    async def resize(self, owner: UserId, id: UploadId, size: int, final: bool) -> contract.Upload:
        return await self._uploads.resize(owner, id, size, final)

    async def complete(self, owner: UserId, id: UploadId) -> contract.Upload:
        upload = await self._uploads.upload(owner, id)
        if upload.status not in (contract.UploadStatus.PENDING, contract.UploadStatus.EXPIRED):
            return upload
        if upload.deferred and upload.status is contract.UploadStatus.PENDING:
            raise NotUploaded(f"nobody has told the length of upload {id} yet")
        if upload.parts is not None and upload.status is contract.UploadStatus.PENDING:
            await self._parts.assemble(upload)
        if await self._is_absent(contract.UploadRef(owner, id)):
            raise NotUploaded(f"the store has no bytes of upload {id}")
        return await self._uploads.upload(owner, id)

    async def complete_many(self, owner: UserId, ids: tuple[UploadId, ...]) -> tuple[contract.Attempt, ...]:
        return await self._batches.complete(owner, ids)

    async def abort(self, owner: UserId, id: UploadId) -> None:
        await self._uploads.abort(owner, id)

    # -- files and folders -------------------------------------------------------------------------

    async def list_files(self, owner: UserId, listing: contract.Listing) -> contract.FilePage:
        return await self._tree.page(owner, listing)

    async def list_trash(self, owner: UserId, limit: int = 100, cursor: str | None = None) -> contract.FilePage:
        return await self._tree.trash_page(owner, limit, cursor)

    async def file(self, owner: UserId, id: FileId) -> contract.File:
        return await self._tree.file(owner, id)

    async def content(self, owner: UserId, id: FileId) -> contract.Content:
        row = await self._store.content(self._db, owner, id)
        if row is None:
            raise NotFound(f"no file {id}")
        return content_of(owner, row)

    async def contents(self, owner: UserId, ids: tuple[FileId, ...]) -> tuple[contract.Found, ...]:
        return await self._batches.contents(owner, ids)

    async def create_folder(
        self, owner: UserId, parent: FileId, name: str, idempotency_key: str | None = None
    ) -> contract.File:
        return await self._tree.create_folder(owner, parent, name, idempotency_key)

    async def change(
        self, owner: UserId, id: FileId, change: contract.Change, if_match: str | None = None
    ) -> contract.File:
        return await self._tree.change(owner, id, change, if_match)

    async def trash(self, owner: UserId, id: FileId, if_match: str | None = None) -> None:
        await self._tree.trash(owner, id, if_match)

    async def restore(self, owner: UserId, id: FileId) -> contract.File:
        return await self._tree.restore(owner, id)

    async def usage(self, owner: UserId) -> contract.Usage:
        row = await self._store.usage(self._db, owner, self._settings.quota)
        if row is None:  # the row is made by the first upload
            return contract.Usage(0, 0, self._settings.quota, 0)
        return contract.Usage(row["used_bytes"], row["reserved_bytes"], row["limit_bytes"], row["file_count"])

    # -- for ingest and janitor --------------------------------------------------------------------

    async def commit(
        self, uploads: tuple[contract.UploadRef, ...], cause: contract.Cause | None = None
    ) -> tuple[contract.Outcome, ...]:
        if len(uploads) > 1000:
            raise InvalidRequest("a batch has at most 1000 uploads")
        return await self._commit.run(uploads, cause)

    async def claim_checks(self, limit: int, overdue: bool) -> tuple[contract.UploadRef, ...]:
        if not 1 <= limit <= 1000:
            raise InvalidRequest("a batch is 1 to 1000")
        if overdue:  # the janitor's round, which is when used-up idempotency keys go as well
            await self._store.forget_keys(self._db)
        rows = await self._store.claim_checks(self._db, limit, overdue)
        return tuple(contract.UploadRef(row["owner_id"], row["id"]) for row in rows)

    async def recheck_pending(self) -> int:
        return await self._store.recheck_pending(self._db)

    async def claim_purges(self, lease: LeaseId, limit: int) -> tuple[contract.Purge, ...]:
        return await self._purges.claim(lease, limit)

    async def finish_purges(self, lease: LeaseId, uploads: tuple[contract.UploadRef, ...]) -> int:
        return await self._purges.finish(lease, uploads)

    async def known(self, uploads: tuple[contract.UploadRef, ...]) -> tuple[bool, ...]:
        return tuple(await self._store.known(self._db, [ref.owner for ref in uploads], [ref.id for ref in uploads]))

    async def multiparts(self, uploads: tuple[contract.UploadRef, ...]) -> tuple[str, ...]:
        if len(uploads) > 1000:
            raise InvalidRequest("a batch has at most 1000 uploads")
        owners, ids = [ref.owner for ref in uploads], [ref.id for ref in uploads]
        return tuple(await self._store.multiparts(self._db, owners, ids))

    async def bury(self, letter: contract.DeadLetter) -> None:
        await self._store.bury(self._db, letters.storable(letter))

    async def check(self) -> tuple[contract.Violation, ...]:
        return await check.run(self._db, self._store, self._storage)

    async def queues(self) -> contract.Queues:
        row = await self._store.queues(self._db)
        if row is None:
            raise Unavailable("the database gave no answer")
        return contract.Queues(row["pending_uploads"], row["overdue_uploads"], row["due_purges"], row["dead_letters"])

    async def health(self) -> tuple[Health, ...]:
        problem = await self._db.ping()
        return (Health("postgres", problem is None, problem or ""),)
