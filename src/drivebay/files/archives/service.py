"""Archives: records the entries of an archive when it is created, and checks whether the archive may still be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from ...contract.files import Access, Archive, ArchiveEntry, ArchivePage, EntryCrc, Grant, Kind, Role
from ...contract.ids import ROOT, FileId
from ...errors import FieldError, InvalidRequest, NotFound, RateLimited
from ...formats.zip_format import ZipEntry
from ...formats.zip_layout import ZipMeasure
from ...postgres import Connection, Database
from ..drives.service import DriveService
from ..entries.store import EntryStore, TreeEntry
from ..file_names import MAX_NAME_BYTES, normalize_name
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..links.store import LinkStore, StoredLink
from ..permissions.access_scope import AccessScope
from ..settings import Settings
from .archive_paths import make_paths
from .archive_tokens import ArchiveTokens
from .store import ArchivedFile, ArchiveStore, CountedLink, NewArchive

MAX_IDS: Final = 1000
"""The maximum number of items from which one archive is created."""
MAX_ENTRIES: Final = 10_000
"""The maximum number of files and folders in one archive."""
_MAX_PATH_BYTES: Final = 8 * 2**20
"""The maximum number of bytes of all paths of one archive. A process that sends the archive has them in memory."""
MAX_LIVE_ENTRIES: Final = 100_000
"""The maximum number of entries in all archives of one user."""
_MAX_BATCH: Final = 1000
"""The maximum number of entries, CRC-32 values or archives in one call."""
_RETRY_AFTER: Final = 60
"""The number of seconds until a user with too many archives may try again."""
_SUFFIX: Final = ".zip"
_archive_decoder = msgspec.msgpack.Decoder(Archive)


class ArchiveService:
    """Implements `contract.files.Archives`."""

    def __init__(self, db: Database, drives: DriveService, settings: Settings, new_id: Callable[[], UUID]) -> None:
        self._db = db
        self._drives = drives
        self._settings = settings
        self._new_id = new_id
        self._archives = ArchiveStore()
        self._entries = EntryStore()
        self._links = LinkStore()
        self._idempotency = IdempotencyStore()
        self._scope = AccessScope()
        self._tokens = ArchiveTokens(settings.secret)

    async def create_archive(
        self, access: Access, ids: tuple[FileId, ...], name: str | None = None, idempotency_key: str | None = None
    ) -> Archive:
        return await self.create_archive_of_link(access, ids, name, idempotency_key, None)

    async def create_archive_of_link(
        self,
        access: Access,
        ids: tuple[FileId, ...],
        name: str | None,
        idempotency_key: str | None,
        link: StoredLink | None,
    ) -> Archive:
        """Create an archive as `create_archive` does. Count it as one download of `link`, in the same transaction."""
        if not 1 <= len(ids) <= MAX_IDS:
            raise _invalid_error("ids", f"must have 1 to {MAX_IDS} items")
        name = None if name is None else normalize_name(name)
        call = None
        if idempotency_key is not None:
            call = KeyedCall(self._idempotency, access, idempotency_key, fingerprint("archive", name, *ids))
        async with self._db.transaction() as tx:
            first = None if call is None else await call.lock_and_find_first(tx)
            if first is not None:
                return _archive_decoder.decode(first.encoded_result or b"")
            chosen = tuple(dict.fromkeys(ids))
            await self._scope.require(tx, access, Role.VIEWER, *chosen)  # guard: archive-scope
            tree = await self._select_tree(tx, access, chosen)
            entries = await self._list_entries(tx, access, tree)
            # Thousands of headers take long enough to delay other calls.
            size = await asyncio.to_thread(_measure, entries)
            new_archive = NewArchive(_zip_name(name, tree, chosen), access.actor, chosen, len(entries), size)
            archive = await self._insert(tx, access, new_archive, entries, link)
            if call is not None:
                await call.record(tx, msgspec.msgpack.encode(archive))
        return archive

    async def open_archive(self, token: str, after: int = 0, limit: int = 1000) -> ArchivePage:
        if not 1 <= limit <= _MAX_BATCH or not 0 <= after <= MAX_ENTRIES:
            raise InvalidRequest(f"limit must be 1 to {_MAX_BATCH}, and after 0 to {MAX_ENTRIES}")
        owner, id = self._tokens.open(token)
        stored = await self._archives.select_archive(self._db, owner, id)
        if stored is None:
            raise NotFound("no such archive, or it has expired")
        if stored.actor is not None:
            access = await self._drives.resolve_access(stored.actor, owner)  # guard: archive-access
            await self._scope.require(self._db, access, Role.VIEWER, *stored.chosen)  # guard: archive-access-scope
        elif stored.link_file is not None:
            access = Access(owner, None, Role.VIEWER, (Grant(stored.link_file, Role.VIEWER),))
            await self._scope.require(self._db, access, Role.VIEWER, *stored.chosen)  # guard: archive-link-scope
        archive = Archive(token, stored.name, stored.actor, stored.entry_count, stored.expires_at, stored.size)
        return ArchivePage(archive, await self._archives.select_entries(self._db, (owner, id), after, limit))

    async def save_archive_crcs(self, token: str, crcs: tuple[EntryCrc, ...]) -> None:
        if len(crcs) > _MAX_BATCH:
            raise InvalidRequest(f"a call accepts at most {_MAX_BATCH} values")
        for crc in crcs:
            if not (0 <= crc.position < MAX_ENTRIES and 0 <= crc.size < 2**63 and 0 <= crc.crc32 < 2**32):
                raise InvalidRequest("a position, a size or a CRC-32 is out of range")
        await self._archives.update_crcs(self._db, self._tokens.open(token), crcs)

    async def delete_expired_archives(self, limit: int) -> int:
        if not 1 <= limit <= _MAX_BATCH:
            raise InvalidRequest(f"limit must be 1 to {_MAX_BATCH}")
        return await self._archives.delete_expired(self._db, limit)

    async def _select_tree(self, tx: Connection, access: Access, ids: Sequence[FileId]) -> list[TreeEntry]:
        top_ids = [id for id in ids if id != ROOT]
        if ROOT in ids:
            top_ids += await self._archives.select_root_entries(tx, access.drive, MAX_ENTRIES + 1)
        tree = await self._entries.select_tree(tx, access.drive, top_ids, MAX_ENTRIES + 1)
        if len(tree) > MAX_ENTRIES:  # guard: archive-entries
            raise _invalid_error("ids", f"have more than {MAX_ENTRIES} files and folders together: choose fewer")
        tree_ids = {entry.id for entry in tree}
        for id in ids:
            if id != ROOT and id not in tree_ids:
                raise NotFound(f"no file {id}")
        return tree

    async def _list_entries(self, tx: Connection, access: Access, tree: Sequence[TreeEntry]) -> list[ArchivedFile]:
        files = [entry.id for entry in tree if entry.kind is Kind.FILE]
        versions = await self._entries.select_versions(tx, access.drive, files) if files else {}
        entries = []
        for entry, path in zip(tree, make_paths(tree), strict=True):
            if entry.kind is Kind.FOLDER:
                entries.append(ArchivedFile(ArchiveEntry(path, 0, entry.modified_at), None))
            elif (
                versioned := versions.get(entry.id)
            ) is not None:  # None: the file was trashed after the tree was read
                version, content = versioned
                entries.append(ArchivedFile(ArchiveEntry(path, content.size, entry.modified_at, content.key), version))
        if sum(len(file.entry.path.encode()) for file in entries) > _MAX_PATH_BYTES:  # guard: archive-path-bytes
            raise _invalid_error("ids", f"have paths of more than {_MAX_PATH_BYTES} bytes together: choose fewer")
        return sorted(entries, key=lambda file: file.entry.path)

    async def _insert(
        self,
        tx: Connection,
        access: Access,
        new_archive: NewArchive,
        entries: Sequence[ArchivedFile],
        link: StoredLink | None,
    ) -> Archive:
        creator = access.actor or (access.drive if link is None else link.link.id)
        await self._archives.lock_archives_of(tx, creator)
        live_entries = await self._archives.count_entries(tx, creator)
        if live_entries + max(1, len(entries)) > MAX_LIVE_ENTRIES:  # guard: archive-live-entries
            problem = f"your archives have too many files: try again in {_RETRY_AFTER} seconds, when some have expired"
            raise RateLimited(problem, retry_after=_RETRY_AFTER)
        counted_link = None
        if link is not None:
            count = await self._links.count_download(tx, link)  # guard: archive-link-count
            if count is None:
                raise NotFound("the link has ended")
            counted_link = CountedLink(link, count)
        id = self._new_id()
        key = (access.drive, id)
        expires_at = await self._archives.insert_archive(tx, key, new_archive, self._settings.archive_ttl, counted_link)
        await self._archives.insert_entries(tx, key, entries)
        token = self._tokens.issue(access.drive, id)
        return Archive(
            token, new_archive.name, new_archive.actor, new_archive.entry_count, expires_at, new_archive.size
        )


def _measure(files: Sequence[ArchivedFile]) -> int:
    """Return the length of the ZIP file with these entries."""
    measure = ZipMeasure()
    for file in files:
        measure.add(ZipEntry(file.entry.path.encode(), file.entry.size, file.entry.modified_at))
    return measure.size


def _zip_name(name: str | None, tree: Sequence[TreeEntry], chosen: tuple[FileId, ...]) -> str:
    if name is None:
        name = next((entry.name for entry in tree if (entry.id,) == chosen), "files")
    if name.lower().endswith(_SUFFIX):
        return name
    return name.encode()[: MAX_NAME_BYTES - len(_SUFFIX)].decode(errors="ignore") + _SUFFIX


def _invalid_error(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))
