"""Copies of files and folders. The new versions share the objects, so the object store is never used here.

A copy of a tree is one transaction under the lock of the drive, so the size of the tree has a limit. A copy is complete
or does not exist. A larger tree is copied by a job: see `jobs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from ...contract import files as contract
from ...contract.ids import DriveId, FileId, VersionId
from ...errors import FieldError, InvalidRequest, NameTaken, QuotaExceeded, TooLarge
from ...postgres import Connection, Database
from ..batch_results import TEMPORARY_ERRORS, check_batch_size, refused_digests
from ..entries.batch_changes import change_each, failed_file
from ..entries.free_names import Location
from ..entries.name_conflicts import place_entry
from ..entries.service import check_depth, require_entry
from ..entries.store import EntryStore, TreeEntry
from ..file_names import normalize_name
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from ..usage.store import LockedUsage, UsageStore
from ..versions.store import SharedVersion, VersionStore
from .copy_place import count_levels_above
from .store import CopyStore, NewCopy

MAX_ENTRIES: Final = 1000
"""The maximum number of files and folders of one copy, because the copy holds the lock of the drive."""
_file_decoder = msgspec.msgpack.Decoder(contract.File)
_results_decoder = msgspec.msgpack.Decoder(tuple[contract.FileResult, ...])


def copy_fingerprint(id: FileId, target: contract.CopyTarget, other_drive: DriveId | None = None) -> bytes:
    """Return the fingerprint of a copy. A copy in one request and a copy by a job have the same fingerprint.

    `other_drive` is the drive that gets the copy, or None for a copy in the same drive.
    """
    drive = () if other_drive is None else (other_drive,)
    return fingerprint("copy", id, target.parent, target.name, target.on_conflict, *drive)


class CopyService:
    """Implements `contract.files.Copies`."""

    def __init__(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._copies = CopyStore()
        self._entries = EntryStore()
        self._scope = AccessScope()
        self._idempotency = IdempotencyStore()
        self._usage = UsageStore()
        self._versions = VersionStore()
        self._settings = settings
        self._new_id = new_id

    async def copy_entry(
        self, access: contract.Access, id: FileId, target: contract.CopyTarget, idempotency_key: str | None = None
    ) -> contract.File:
        if target.name is not None:
            target = msgspec.structs.replace(target, name=normalize_name(target.name))
        if idempotency_key is None:
            async with self._db.transaction() as tx:
                return await self._copy(tx, access, id, target)
        call = KeyedCall(self._idempotency, access, idempotency_key, copy_fingerprint(id, target))
        return await self._copy_once(access, id, target, call)

    async def _copy_once(
        self, access: contract.Access, id: FileId, target: contract.CopyTarget, call: KeyedCall
    ) -> contract.File:
        async with self._db.transaction() as tx:
            await self._require(tx, access, id, target)  # guard: scope-repeated-copy
            first = await call.lock_and_find_first(tx)
            if first is not None and first.encoded_result is None:  # guard: repeated-copy-job
                raise TooLarge("a job copies this folder")
            if first is not None:
                return _file_decoder.decode(first.encoded_result or b"")
            copy = await self._copy(tx, access, id, target)
            await call.record(tx, msgspec.msgpack.encode(copy))
            return copy

    async def copy_entries(
        self,
        access: contract.Access,
        ids: tuple[FileId, ...],
        target: contract.CopyTarget,
        idempotency_key: str | None = None,
        refused: tuple[contract.RefusedItem, ...] = (),
    ) -> tuple[contract.FileResult, ...]:
        if target.name is not None:
            problem = "must not be given for several entries"
            raise InvalidRequest(f"a name {problem}", errors=(FieldError("name", problem),))
        check_batch_size((*ids, *refused), "ids")
        digests = sorted(refused_digests(refused, len(ids)).items())
        if idempotency_key is None:
            return await change_each(ids, lambda entry: self.copy_entry(access, entry, target)) if ids else ()
        # Without refused items, the fingerprint is the one of the previous release.
        request = fingerprint("copies", ids, target.parent, target.on_conflict, *digests)  # guard: copies-refused-items
        batch = KeyedCall(self._idempotency, access, idempotency_key, request)
        async with self._db.transaction() as tx:
            first = await batch.lock_and_find_first(tx)
            if first is not None:
                return await self._replay(tx, access, ids, target, first.encoded_result or b"")
        positions = itertools.count()

        def copy(entry: FileId) -> Awaitable[contract.File]:
            call = KeyedCall(self._idempotency, access, idempotency_key, request, next(positions))
            return self._copy_once(access, entry, target, call)

        results = await change_each(ids, copy) if ids else ()
        if any(result.error is not None and result.error.code in TEMPORARY_ERRORS for result in results):
            return results
        async with self._db.transaction() as tx:
            return _results_decoder.decode(await batch.record_or_find(tx, msgspec.msgpack.encode(results)))

    async def _replay(
        self,
        tx: Connection,
        access: contract.Access,
        ids: Sequence[FileId],
        target: contract.CopyTarget,
        recorded: bytes,
    ) -> tuple[contract.FileResult, ...]:
        """Return the recorded results. A copy becomes an error if the access no longer reaches the original, or the
        folder of the copy."""
        errors = await self._scope.find_errors(tx, access, contract.Role.VIEWER, ids)
        if hidden := await self._scope.find_errors(tx, access, contract.Role.EDITOR, (target.parent,)):
            errors = dict.fromkeys(ids, hidden[target.parent])
        results = _results_decoder.decode(recorded)
        return tuple(
            failed_file(errors[id]) if result.error is None and id in errors else result  # guard: scope-repeated-copies
            for id, result in zip(ids, results, strict=True)
        )

    async def _copy(
        self, tx: Connection, access: contract.Access, id: FileId, target: contract.CopyTarget
    ) -> contract.File:
        usage = await self._usage.lock_usage(tx, access.drive, self._settings.quota)
        await self._require(tx, access, id, target)  # guard: scope-copy
        entry = require_entry(await self._entries.select_entry(tx, access.drive, id), id)
        tree = await self._entries.select_tree(tx, access.drive, (id,), MAX_ENTRIES + 1)
        await self._check_place(tx, access.drive, tree, target.parent)
        self._check_limits(usage, tree)
        location = Location(access.drive, target.parent, entry.name if target.name is None else target.name)
        placement = await place_entry(self._entries, tx, entry, location, target.on_conflict, is_copy=True)
        if placement.replaced is None:
            copies = self._plan_copies(tree, target.parent, placement.name)
            return (await self._copies.insert_copies(tx, access, copies))[copies[0].id]
        if placement.replaced == id or entry.version is None:  # guard: copy-onto-itself
            raise NameTaken(f"{entry.name!r} cannot replace itself")
        shared = SharedVersion(VersionId(self._new_id()), placement.replaced, entry.version, entry.modified_at)
        replaced = require_entry(await self._versions.share_version(tx, access, shared), placement.replaced)
        await self._versions.delete_excess(tx, access.drive, replaced.id, self._settings.versions_keep)
        return replaced

    async def _require(self, tx: Connection, access: contract.Access, id: FileId, target: contract.CopyTarget) -> None:
        """Check that an access reaches the original, and may change the folder. Raises NotFound, Forbidden."""
        await self._scope.require(tx, access, contract.Role.VIEWER, id)
        await self._scope.require(tx, access, contract.Role.EDITOR, target.parent)

    async def _check_place(self, tx: Connection, owner: DriveId, tree: Sequence[TreeEntry], parent: FileId) -> None:
        """Check that the parent is a folder that may hold the tree. Raises NotFound, WouldCycle, InvalidRequest."""
        levels = await count_levels_above(self._entries, tx, owner, tree[0].id, parent)
        height = max((entry.depth + 1 for entry in tree if entry.kind is contract.Kind.FOLDER), default=0)
        if height:
            check_depth(levels + height, self._settings)  # guard: copy-depth

    def _check_limits(self, usage: LockedUsage, tree: Sequence[TreeEntry]) -> None:
        if len(tree) > MAX_ENTRIES:  # guard: copy-tree-limit
            raise TooLarge(
                f"one request copies at most {MAX_ENTRIES} files and folders, and this folder has more; "
                "copy it in a request of its own, which starts a job"
            )
        usage.check_bytes(sum(entry.size for entry in tree))  # guard: copy-quota
        if not usage.allows_entries(len(tree), self._settings.max_entries):  # guard: copy-entry-limit
            raise QuotaExceeded(
                f"the drive may have {self._settings.max_entries} files and folders, the trash included; "
                "delete some from the trash"
            )

    def _plan_copies(self, tree: Sequence[TreeEntry], parent: FileId, name: str) -> list[NewCopy]:
        """Return the copies to insert for a tree. The first entry of `tree` is its top, which gets `parent` and
        `name`."""
        new_ids = {entry.id: FileId(self._new_id()) for entry in tree}
        return [
            NewCopy(
                original=entry.id,
                id=new_ids[entry.id],
                parent=new_ids[entry.parent] if entry.depth else parent,
                name=None if entry.depth else name,
                version=VersionId(self._new_id()) if entry.kind is contract.Kind.FILE else None,
            )
            for entry in tree
        ]
