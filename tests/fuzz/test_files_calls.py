"""Whatever the files service is asked, by whatever way, it answers as it promises, and every invariant holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from uuid_utils.compat import uuid7

from drivebay import db, proto
from drivebay.contract import files as c
from drivebay.contract.files import Files
from drivebay.contract.ids import ROOT, UserId
from drivebay.files.service import Service
from drivebay.files.settings import Settings
from drivebay.storage import service as storage
from drivebay.testing.deliveries import WAYS
from drivebay.testing.memory import MemoryBucket
from drivebay.wire.shape import promised

from .hostile import arguments
from .ways import Loop, Ways, masked

# What these answer depends on what all owners have, and so on how many calls there were before.
OF_ALL: Final = frozenset({"claim_checks", "claim_purges", "recheck_pending", "queues"})
OWNER: Final = UserId(UUID("0190a5e0-0000-7000-8000-00000000000a"))
"""Whose things each way is given a copy of, for each call, under an owner of its own."""
STRANGER: Final = UserId(UUID("0190a5e0-0000-7000-8000-00000000000b"))
_TABLES: Final = ("usage", "uploads", "parts", "entries", "versions", "purges", "changes", "idempotency")
_COPY: Final = "WITH owners AS (SELECT unnest($1::uuid[]) AS owner)" + "".join(
    f""", {table} AS (
        INSERT INTO files.{table} SELECT (jsonb_populate_record(of, jsonb_build_object('owner_id', owner))).*
        FROM files.{table} AS of, owners WHERE of.owner_id = $2)"""
    for table in _TABLES
)


class Drives:
    """One service, and one owner with the same things for each way to it."""

    def __init__(self, database: db.Database) -> None:
        self.database = database
        self.bucket = MemoryBucket(lambda: datetime.now(UTC))
        self.store = storage.Service(self.bucket, storage.Settings("memory:", "", ""), lambda: datetime.now(UTC), uuid7)
        own = Settings(secret=bytes(range(32)), quota=10_000, max_file_size=5_000, max_open_uploads=20)
        self.service = Service(database, self.store, own, new_id=uuid7)
        self.ways = Ways(Files, proto.FILES, dict.fromkeys(WAYS, self.service))
        self.known: dict[str, list[Any]] = {}

    async def furnish(self) -> None:
        """Something of every kind, at every stage."""
        files = self.service
        await self.store.start()
        folder = await files.create_folder(OWNER, ROOT, "folder", "a key")
        inner = await files.create_folder(OWNER, folder.id, "inner")
        stored = await self._store("a.txt", folder.id)
        other = await self._store("b.txt", ROOT)
        trashed = await self._store("c.txt", ROOT)
        await files.trash(OWNER, trashed.id)
        pending = await self._begin("d.txt", "another key")
        wrong = await self._begin("e.txt")
        self.bucket.put(wrong.key, b"much more than was intended")
        ready = await self._begin("f.txt")
        self.bucket.put(ready.key, b"hello")
        newer = await files.begin(OWNER, c.Intent("b.txt", 5, "text/plain", ROOT, c.OnConflict.REPLACE))
        self.bucket.put(newer.key, b"newer")
        aborted = await self._begin("g.txt")
        await files.abort(OWNER, aborted.id)
        in_parts = [
            await files.begin(OWNER, c.Intent(name, 5, "text/plain", ROOT, multipart=True)) for name in ("h", "i")
        ]
        await files.open_parts(OWNER, in_parts[0].id, (c.PartIntent(1, bytes(32)),))
        page = await files.list_files(OWNER, c.Listing(limit=1))
        uploads = [newer.id, pending.id, wrong.id, ready.id, aborted.id, *(upload.id for upload in in_parts)]
        self.known = {
            "UserId": [OWNER, OWNER, STRANGER],
            "FileId": [stored.id, folder.id, inner.id, other.id, trashed.id, ROOT],
            "parent": [ROOT, folder.id, inner.id, stored.id],
            "UploadId": uploads,
            "name": ["new.txt", "a.txt", "folder", "Grüße \U0001f600", "x" * 255],
            "size": [0, 5, 5_000],
            "content_type": ["text/plain", "image/png; a=b"],
            "sha256": [None, bytes(32)],
            "idempotency_key": [None, "a key", "another key", "fresh"],
            "if_match": [None, stored.etag, other.etag, "*"],
            "cursor": [None, page.next_cursor],
            "limit": [1, 2, 100, 1000],
            "uploads": [(c.UploadRef(OWNER, id),) for id in uploads]
            + [tuple(c.UploadRef(OWNER, id) for id in uploads)],
            "deliveries": [1, 8],
            "parts": [(c.PartIntent(1),), (c.PartIntent(1, bytes(32)),)],
        }

    async def _begin(self, name: str, key: str | None = None) -> c.Upload:
        return await self.service.begin(OWNER, c.Intent(name, 5, "text/plain", ROOT), key)

    async def _store(self, name: str, parent: Any) -> c.File:
        upload = await self.service.begin(OWNER, c.Intent(name, 5, "text/plain", parent))
        self.bucket.put(upload.key, b"hello")
        file = (await self.service.complete(OWNER, upload.id)).file
        assert file is not None
        return await self.service.file(OWNER, file)

    async def originals(self) -> list[str]:
        """Everything of OWNER's, in whose name nobody ever calls."""
        every = " UNION ALL ".join(
            f"SELECT to_jsonb(of)::text AS it FROM files.{table} AS of WHERE owner_id = $1" for table in _TABLES
        )
        return [row["it"] for row in await self.database.fetch(f"{every} ORDER BY 1", OWNER)]

    async def call(self, name: str, drawn: tuple[Any, ...]) -> None:
        owners = {way: UserId(uuid7()) for way in WAYS}
        await self.database.execute(f"{_COPY} SELECT", list(owners.values()), OWNER)
        for key, (_, body) in list(self.bucket.objects.items()):
            if key.startswith(str(OWNER)):
                for owner in owners.values():
                    self.bucket.put(key.replace(str(OWNER), str(owner)), body)
        strangers = {way: UserId(uuid7()) for way in WAYS}
        ids = (*self.known["FileId"], *self.known["UploadId"])
        keep = {str(id) for id in ids} | {id.hex for id in ids}

        def same(way: str, text: str) -> str:
            if name in OF_ALL and ": " not in text:
                return "an answer"
            # What a write in parts is called is the store's business.
            text = re.sub(r'"multipart":"[0-9]+"', '"multipart":"…"', text)
            return masked(text.replace(str(owners[way]), "owner").replace(str(strangers[way]), "stranger"), keep)

        await self.ways.call(name, {way: owned(drawn, owners[way], strangers[way]) for way in WAYS}, same)


def owned(value: Any, owner: UserId, stranger: UserId) -> Any:
    """The same with one way's owner and stranger in the place of OWNER and STRANGER."""
    if isinstance(value, tuple):
        return tuple(owned(part, owner, stranger) for part in value)
    if isinstance(value, c.UploadRef):
        return msgspec.structs.replace(value, owner=owned(value.owner, owner, stranger))
    return {OWNER: owner, STRANGER: stranger}.get(value, value) if isinstance(value, UUID) else value


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop() as loop:
        yield loop


async def opened(loop: Loop, url: str) -> Drives:
    drives = Drives(await loop.stack.enter_async_context(db.connect(url, size=4)))
    await drives.furnish()
    await drives.ways.open(loop.stack)
    return drives


@pytest.mark.parametrize("name", promised(Files))
def test_any_call_of_files_ends_as_promised_by_every_way(database_url: str, loop: Loop, name: str) -> None:
    drives = loop.run(opened(loop, database_url))
    before = loop.run(drives.originals())

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=arguments(promised(Files)[name], drives.known))
    def each(drawn: tuple[Any, ...]) -> None:
        loop.run(drives.call(name, drawn))

    each()  # the first are known arguments alone
    assert drives.ways.seen["value"]
    assert loop.run(drives.service.check()) == ()
    # The copies have the very ids of the originals, and yet nothing that was done to them touched these.
    assert name in OF_ALL or loop.run(drives.originals()) == before
