"""Any call of the files service has a documented result, the same in every delivery, and keeps the invariants."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from uuid_utils.compat import uuid7

from drivebay import postgres, proto
from drivebay.contract import files as c
from drivebay.contract.files import Access, Files
from drivebay.contract.ids import ROOT, DriveId, FileId, LeaseId, UserId
from drivebay.files.service import Service
from drivebay.files.settings import Settings
from drivebay.rpc.type_hints import contract_methods
from drivebay.storage import service as storage
from drivebay.testing.deliveries import DELIVERIES
from drivebay.testing.memory import MemoryBucket

from .all_deliveries import AllDeliveries, Loop, masked
from .argument_strategies import arguments as argument_strategy

pytestmark = pytest.mark.slow

# The results of these methods depend on the data of all owners, and so on earlier calls.
GLOBAL_METHODS: Final = frozenset(
    {
        "claim_pending_uploads",
        "claim_purges",
        "recheck_pending_uploads",
        "get_backlog",
        "list_usages",
        "index_names",
        "delete_expired_archives",
        "claim_scan",
        "save_scan",
        "finish_scan",
        "claim_webhooks",
        "claim_jobs",
        "claim_thumbnails",
        "unlock_link",  # its result is a new secret
    }
)
OWNER: Final = DriveId(UUID("0190a5e0-0000-7000-8000-00000000000a"))
"""The owner of the original data. For each call, each delivery gets a copy of the data with an owner of its own."""
OTHER_OWNER: Final = DriveId(UUID("0190a5e0-0000-7000-8000-00000000000b"))
TEAM: Final = DriveId(UUID("0190a5e0-0000-7000-8000-00000000000c"))
"""A shared drive without entries. OWNER is its manager and OTHER_OWNER a viewer."""
OWN_ACCESS: Final = Access.personal(OWNER)
TEAM_ACCESS: Final = Access(TEAM, UserId(OWNER), c.Role.MANAGER)
_TABLES: Final = ("usage", "uploads", "parts", "entries", "versions", "purges", "changes", "idempotency")
# Triggers count the entries and the purges, so the copy of `usage` begins with 0.
_COPY: Final = "WITH owners AS (SELECT unnest($1::uuid[]) AS owner)" + "".join(
    f""", {table} AS (
        INSERT INTO files.{table}
        SELECT (jsonb_populate_record(of, jsonb_build_object(
            'owner_id', owner, 'entry_count', 0, 'purge_count', 0))).*
        FROM files.{table} AS of, owners WHERE of.owner_id = $2)"""
    for table in _TABLES
)


# The data has no permission: its user would be the same in the drives of all deliveries. A copy into another drive
# needs two drives of one user, and each delivery has one.
_WITHOUT_SUCCESS: Final = ("delete_permission", "start_drive_copy")
# The token of a copied link is the text that `token_of` returns for its owner.
_COPY_LINKS: Final = """
    INSERT INTO files.links
    SELECT (jsonb_populate_record(of, jsonb_build_object(
        'owner_id', owner, 'token_hash', sha256(convert_to('token of ' || owner, 'UTF8'))))).*
    FROM files.links AS of, unnest($1::uuid[]) AS owners (owner) WHERE of.owner_id = $2"""
_COPY_WEBHOOKS: Final = """
    WITH hooks AS (
        INSERT INTO files.webhooks
        SELECT (jsonb_populate_record(of, jsonb_build_object('owner_id', owner, 'created_by', owner))).*
        FROM files.webhooks AS of, unnest($1::uuid[]) AS owners (owner) WHERE of.owner_id = $2
        RETURNING owner_id
    )
    INSERT INTO files.webhook_deliveries
    SELECT (jsonb_populate_record(of, jsonb_build_object('owner_id', owner))).*
    FROM files.webhook_deliveries AS of, (SELECT DISTINCT owner_id FROM hooks) AS owners (owner)
    WHERE of.owner_id = $2"""
_COPY_JOBS: Final = """
    INSERT INTO files.jobs
    SELECT (jsonb_populate_record(of, jsonb_build_object('owner_id', owner, 'created_by', owner))).*
    FROM files.jobs AS of, unnest($1::uuid[]) AS owners (owner) WHERE of.owner_id = $2"""
_COPY_TEAM: Final = """
    WITH teams AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS t (team, manager, viewer)), usage AS (
        INSERT INTO files.usage (owner_id) SELECT team FROM teams
    ), drives AS (
        INSERT INTO files.drives (owner_id, name, created_by) SELECT team, 'team', manager FROM teams
    ), managers AS (
        INSERT INTO files.members (owner_id, user_id, role) SELECT team, manager, 'manager' FROM teams
    )
    INSERT INTO files.members (owner_id, user_id, role) SELECT team, viewer, 'viewer' FROM teams"""


def limited(folder: FileId) -> tuple[Access, ...]:
    """Return the access of a user who is no member, and of a link, to one folder of OWNER."""
    grants = (c.Grant(folder, c.Role.EDITOR),)
    return tuple(Access(OWNER, actor, c.Role.EDITOR, grants) for actor in (UserId(OTHER_OWNER), None))


class Drives:
    """One service, and an owner with a copy of the same data for each delivery."""

    def __init__(self, database: postgres.Database) -> None:
        self.database = database
        self.bucket = MemoryBucket(lambda: datetime.now(UTC))
        self.store = storage.Service(self.bucket, storage.Settings("memory:", "", ""), lambda: datetime.now(UTC), uuid7)
        own = Settings(
            secret=bytes(range(32)), quota=10_000, max_file_size=5_000, max_pending_uploads=20, bcrypt_cost=4
        )
        self.service = Service(database, self.store, own, new_id=uuid7)
        self.deliveries = AllDeliveries(Files, proto.FILES, dict.fromkeys(DELIVERIES, self.service))
        self.known: dict[str, list[Any]] = {}

    async def create_data(self) -> None:
        """Create entries and uploads in every state."""
        files = self.service
        await self.store.start()
        folder = await files.create_folder(OWN_ACCESS, ROOT, "folder", "a key")
        inner = await files.create_folder(OWN_ACCESS, folder.id, "inner")
        stored = await self._store("a.txt", folder.id)
        other = await self._store("b.txt", ROOT)
        trashed = await self._store("c.txt", ROOT)
        await files.trash_entry(OWN_ACCESS, trashed.id)
        pending = await self._begin("d.txt", "another key")
        wrong = await self._begin("e.txt")
        self.bucket.put(wrong.key, b"much more than was intended")
        ready = await self._begin("f.txt")
        self.bucket.put(ready.key, b"hello")
        newer = await files.begin_upload(
            OWN_ACCESS, c.UploadIntent("b.txt", 5, "text/plain", ROOT, c.OnConflict.REPLACE)
        )
        self.bucket.put(newer.key, b"newer")
        aborted = await self._begin("g.txt")
        await files.abort_upload(OWN_ACCESS, aborted.id)
        in_parts = [
            await files.begin_upload(OWN_ACCESS, c.UploadIntent(name, 5, "text/plain", ROOT, multipart=True))
            for name in ("h", "i")
        ]
        unsized = c.UploadIntent("j", 0, "text/plain", ROOT, multipart=True, deferred_length=True)
        in_parts.append(await files.begin_upload(OWN_ACCESS, unsized))
        await files.open_parts(OWN_ACCESS, in_parts[0].id, (c.PartIntent(1, bytes(32)),))
        link = await files.create_link(OWN_ACCESS, c.NewLink(folder.id, c.LinkRole.EDITOR))
        through_link = [
            await files.begin_link_upload(
                link.token or "", None, c.UploadIntent(name, 5, "text/plain", ROOT, multipart=multipart)
            )
            for name, multipart in (("k", True), ("l", False))
        ]
        self.bucket.put(through_link[1].key, b"hello")
        replaced = await self._store("k.txt", ROOT)
        upload = await self._begin("k.txt", on_conflict=c.OnConflict.REPLACE)
        self.bucket.put(upload.key, b"newer")
        await files.complete_upload(OWN_ACCESS, upload.id)
        versions = (await files.list_versions(OWN_ACCESS, replaced.id)).items
        archive = await files.create_archive(OWN_ACCESS, (inner.id,))
        webhook = await files.create_webhook(UserId(OWNER), c.NewWebhook(OWNER, "https://example.com/hook"))
        await files.create_folder(OWN_ACCESS, ROOT, "told")
        lease = LeaseId(uuid7())
        (task,) = await files.claim_webhooks(lease, 1)
        sent = c.DeliveryResult(webhook.id, OWNER, task.events[0], c.DeliveryOutcome.DELIVERED, 200, ends_lease=True)
        await files.record_delivery(lease, sent)
        (delivery,) = (await files.list_deliveries(UserId(OWNER), webhook.id)).items
        job = await files.start_copy(OWN_ACCESS, folder.id, c.CopyTarget(ROOT))
        page = await files.list_files(OWN_ACCESS, c.Listing(limit=1))
        uploads = [newer.id, pending.id, wrong.id, ready.id, aborted.id, *(upload.id for upload in in_parts)]
        self.known = {
            "DriveId": [OWNER, OWNER, OTHER_OWNER, TEAM],
            "UserId": [OWNER, OWNER, OTHER_OWNER],
            "access": [OWN_ACCESS, OWN_ACCESS, Access.personal(OTHER_OWNER), TEAM_ACCESS, *limited(folder.id)],
            "user": [OTHER_OWNER, OWNER],
            "FileId": [stored.id, folder.id, inner.id, other.id, trashed.id, ROOT],
            "parent": [None, ROOT, folder.id, inner.id, stored.id],
            "modified_at": [None],
            "UploadId": uploads,
            "VersionId": [*(version.id for version in versions), stored.version],
            "name": ["new.txt", "a.txt", "folder", "Grüße \U0001f600", "x" * 255],
            "size": [0, 5, 5_000],
            "content_type": ["text/plain", "image/png; a=b"],
            "sha256": [None, bytes(32), hashlib.sha256(b"hello").digest()],
            "idempotency_key": [None, "a key", "another key", "fresh"],
            "if_match": [None, stored.etag, other.etag, "*"],
            "cursor": [None, page.next_cursor],
            "limit": [1, 2, 100, 1000],
            "uploads": [(c.UploadRef(OWNER, id),) for id in uploads]
            + [tuple(c.UploadRef(OWNER, id) for id in uploads)],
            "deliveries": [1, 8],
            "parts": [(c.PartIntent(1),), (c.PartIntent(1, bytes(32)),)],
            "LinkId": [link.id],
            "WebhookId": [webhook.id],
            "DeliveryId": [delivery.id],
            "JobId": [job.id],
            "token": [token_of(OWNER)],
            "session": [None],
            "password": [None, "sesame"],
            "expires_at": [None],
            "max_downloads": [None, 3],
            "url": ["https://example.com/hook", "https://10.0.0.1"],
            "names": [(), (folder.name,), (folder.name, inner.name)],
        }
        of_versions = {"id": [replaced.id, replaced.id, stored.id]}
        self.known_of_method: dict[str, dict[str, list[Any]]] = {
            "restore_entry": {"id": [trashed.id, stored.id]},
            "open_parts": {"access": [OWN_ACCESS], "id": [upload.id for upload in in_parts]},
            "resize_upload": {"access": [OWN_ACCESS], "id": [in_parts[-1].id]},
            "rename_drive": {"access": [TEAM_ACCESS]},
            "begin_link_upload": {"intent": [c.UploadIntent("m", 5, "text/plain", ROOT)]},
            "get_link_upload": {"id": [upload.id for upload in through_link]},
            "open_link_parts": {"id": [through_link[0].id]},
            "complete_link_upload": {"id": [through_link[1].id]},
            "search_files": {"search": [c.Search("a"), c.Search("fold", below=folder.id, limit=1)]},
            "copy_entries": {
                "target": [c.CopyTarget(ROOT), c.CopyTarget(folder.id)],
                "ids": [(stored.id, other.id)],
                "refused": [(), (c.RefusedItem(2, bytes(32)),)],
            },
            "start_copy": {"id": [folder.id, inner.id], "target": [c.CopyTarget(ROOT), c.CopyTarget(folder.id)]},
            "restore_version": of_versions,
            "delete_version": of_versions,
            "get_version_content": of_versions,
            "open_archive": {"token": [archive.token], "after": [0, 1]},
            "save_archive_crcs": {"token": [archive.token]},
            "list_files": {"listing": [c.Listing(), c.Listing(folder.id, c.Sort.NAME, limit=1)]},
        }

    async def _begin(
        self, name: str, key: str | None = None, on_conflict: c.OnConflict = c.OnConflict.RENAME
    ) -> c.Upload:
        intent = c.UploadIntent(name, 5, "text/plain", ROOT, on_conflict)
        return await self.service.begin_upload(OWN_ACCESS, intent, key)

    async def _store(self, name: str, parent: Any) -> c.File:
        upload = await self.service.begin_upload(OWN_ACCESS, c.UploadIntent(name, 5, "text/plain", parent))
        self.bucket.put(upload.key, b"hello")
        file = (await self.service.complete_upload(OWN_ACCESS, upload.id)).file
        assert file is not None
        return await self.service.get_file(OWN_ACCESS, file)

    async def originals(self) -> list[str]:
        """Return all rows of OWNER. No call uses this owner."""
        every = " UNION ALL ".join(
            f"SELECT to_jsonb(of)::text AS it FROM files.{table} AS of WHERE owner_id = $1" for table in _TABLES
        )
        return [row["it"] for row in await self.database.fetch(f"{every} ORDER BY 1", OWNER)]

    async def call(self, name: str, drawn: tuple[Any, ...]) -> None:
        owners = {delivery: DriveId(uuid7()) for delivery in DELIVERIES}
        await self.database.execute(f"{_COPY} SELECT", list(owners.values()), OWNER)
        await self.database.execute(_COPY_LINKS, list(owners.values()), OWNER)
        await self.database.execute(_COPY_WEBHOOKS, list(owners.values()), OWNER)
        await self.database.execute(_COPY_JOBS, list(owners.values()), OWNER)
        for key, (_, body) in list(self.bucket.objects.items()):
            if key.startswith(str(OWNER)):
                for owner in owners.values():
                    self.bucket.put(key.replace(str(OWNER), str(owner)), body)
        other_owners = {delivery: DriveId(uuid7()) for delivery in DELIVERIES}
        teams = {delivery: DriveId(uuid7()) for delivery in DELIVERIES}
        everyone = (list(teams.values()), list(owners.values()), list(other_owners.values()))
        await self.database.execute(_COPY_TEAM, *everyone)
        ids = (*self.known["FileId"], *self.known["UploadId"], *self.known["VersionId"])
        keep = {str(id) for id in ids} | {id.hex for id in ids}

        def normalize(delivery: str, text: str) -> str:
            if name in GLOBAL_METHODS and ": " not in text:
                return "an answer"
            text = re.sub('"(token|secret)":"[^"]*"', r'"\1":"…"', text)
            # The store numbers its multipart uploads.
            text = re.sub(r'"multipart_id":"[0-9]+"', '"multipart_id":"…"', text)
            for name_of, drives in (("owner", owners), ("other_owner", other_owners), ("team", teams)):
                text = text.replace(str(drives[delivery]), name_of)
            return masked(text, keep)

        await self.deliveries.call(
            name,
            {
                delivery: owned(
                    drawn, {OWNER: owners[delivery], OTHER_OWNER: other_owners[delivery], TEAM: teams[delivery]}
                )
                for delivery in DELIVERIES
            },
            normalize,
        )


def owned(value: Any, ids: Mapping[UUID, UUID]) -> Any:
    """Replace OWNER, OTHER_OWNER and TEAM in a value with the ids of one delivery."""
    if isinstance(value, tuple):
        return tuple(owned(part, ids) for part in value)
    if isinstance(value, c.UploadRef):
        return msgspec.structs.replace(value, owner=owned(value.owner, ids))
    if isinstance(value, Access):
        drive, actor = owned((value.drive, value.actor), ids)
        return msgspec.structs.replace(value, drive=drive, actor=actor)
    if isinstance(value, c.NewWebhook | c.JobTask):
        return msgspec.structs.replace(value, drive=owned(value.drive, ids))
    if value == token_of(OWNER):
        return token_of(DriveId(ids[OWNER]))
    return ids.get(value, value) if isinstance(value, UUID) else value


def token_of(owner: DriveId) -> str:
    """Return the token of the link of an owner."""
    return f"token of {owner}"


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop() as loop:
        yield loop


async def opened(loop: Loop, url: str) -> Drives:
    drives = Drives(await loop.stack.enter_async_context(postgres.connect(url, size=4)))
    await drives.create_data()
    await drives.deliveries.open(loop.stack)
    return drives


@pytest.mark.parametrize("name", contract_methods(Files))
def test_any_call_of_files_has_a_documented_result_in_every_delivery(database_url: str, loop: Loop, name: str) -> None:
    drives = loop.run(opened(loop, database_url))
    before = loop.run(drives.originals())
    known = drives.known | drives.known_of_method.get(name, {})

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=argument_strategy(contract_methods(Files)[name], known))
    def check(drawn: tuple[Any, ...]) -> None:
        loop.run(drives.call(name, drawn))

    check()
    assert name in _WITHOUT_SUCCESS or drives.deliveries.outcomes["value"]
    assert loop.run(drives.service.check_invariants()) == ()
    # The copies have the same ids as the originals, but the calls changed only the copies.
    assert name in GLOBAL_METHODS or loop.run(drives.originals()) == before
