"""Copies into other drives go on when a process is killed, and leave no object that no row knows."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay import postgres
from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, DriveId, LeaseId, UserId
from drivebay.contract.storage import PutSpec, Storage
from drivebay.embedded.seaweedfs import Store
from drivebay.files.service import Service
from drivebay.observability import crash_points
from drivebay.storage import service as storage_service
from drivebay.storage.service import Settings
from drivebay.worker import service as worker

from ..files.conftest import SETTINGS
from ..files.drive_pairs import IN_ROOT
from .test_job_runner import OWN

FILES: Final = 70
"""More than the store copies in one step."""
BODY: Final = b"some bytes"


def store_settings(store: Store, bucket: str) -> Settings:
    """Objects of more than 4 bytes would be copied in parts: the store takes one small part."""
    return Settings(store.s3_endpoint, store.access_key, store.secret_key, bucket=bucket, max_single_copy=4)


@asynccontextmanager
async def services(database_url: str, settings: Settings) -> AsyncIterator[tuple[Service, Storage]]:
    async with (
        postgres.connect(database_url, size=6) as database,
        storage_service.open(settings, now=lambda: datetime.now(UTC)) as storage,
    ):
        yield Service(database, storage, SETTINGS, new_id=uuid7), storage


async def run_worker(arguments: list[str]) -> None:
    """Run a worker with its own files and storage services, until it reaches the crash point."""
    database_url, point, endpoint, access_key, secret_key, bucket = arguments
    crash_points.arm(point)
    settings = Settings(endpoint, access_key, secret_key, bucket=bucket, max_single_copy=4)
    no_auth: Any = None  # without mails and webhooks the worker does not call it
    async with services(database_url, settings) as (files, _):
        await asyncio.wait_for(worker.run(no_auth, OWN, files=files), 120)


_RUN: Final = """
import asyncio, sys
from tests.worker import test_drive_copy_crashes as module
asyncio.run(module.run_worker(sys.argv[1:]))
"""


async def upload(files: Service, storage: Storage, access: c.Access, folder: c.File, number: int) -> None:
    intent = c.UploadIntent(f"file {number}", len(BODY), "text/plain", folder.id)
    begun = await files.begin_upload(access, intent)
    put = PutSpec(begun.key, begun.size, begun.content_type, begun.sha256, begun.metadata)
    signed = await storage.presign_put(put, begun.created_at, 900)
    async with httpx.AsyncClient() as browser:
        assert (await browser.put(signed.url, headers=signed.headers, content=BODY)).status_code == 200
    await files.complete_upload(access, begun.id)


async def list_keys(storage: Storage, drive: DriveId) -> set[str]:
    page = await storage.list_objects(None, 1000)
    return {object.key for object in page.objects if object.key.startswith(f"{drive}/")}


@pytest.mark.parametrize("ending", ["continues", "cancelled"])
@pytest.mark.parametrize("point", ["drive_copy.objects_copied", "copy.object_copied", "copy.parts_copied"])
async def test_a_copy_survives_kill_9(database_url: str, store: Store, bucket: str, point: str, ending: str) -> None:
    settings = store_settings(store, bucket)
    user = UserId(uuid7())
    own = c.Access.personal(user)
    async with services(database_url, settings) as (files, storage):
        shared = await files.create_drive(user, "Team")
        target = await files.resolve_access(user, shared.id)
        top = await files.create_folder(own, ROOT, "top")
        for number in range(FILES):
            await upload(files, storage, own, top, number)
        job = await files.start_drive_copy(own, top.id, target, IN_ROOT)
        given = (database_url, point, store.s3_endpoint, store.access_key, store.secret_key, bucket)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _RUN, *given)
        assert await process.wait() == -signal.SIGKILL
        killed = await files.get_job(user, job.id)
        assert killed.status is c.JobStatus.RUNNING
        assert (await files.list_files(target, c.Listing(ROOT))).items == ()
        assert await files.check_invariants() == ()
        if ending == "cancelled":
            await files.cancel_job(user, job.id)
        async with postgres.connect(database_url, size=1) as database:
            await database.execute("UPDATE files.jobs SET leased_until = now()")
            await run_to_end(files, database)
        copies = (await files.list_files(target, c.Listing(ROOT))).items
        usage = await files.get_usage(target)
        if ending == "cancelled":
            assert copies == ()
            await purge(files, storage)
            assert await list_keys(storage, target.drive) == set()
            assert (usage.reserved_bytes, (await files.get_usage(target)).used_bytes) == (0, 0)
        else:
            assert [copy.name for copy in copies] == ["top"]
            page = await files.list_files(target, c.Listing(copies[0].id, limit=1000))
            assert await list_keys(storage, target.drive) == {f"{target.drive}/{file.version}" for file in page.items}
            assert len(page.items) == FILES
            assert (usage.used_bytes, usage.reserved_bytes) == (FILES * len(BODY), 0)
        assert await files.check_invariants() == ()


async def run_to_end(files: Service, database: postgres.Database) -> None:
    no_auth: Any = None
    running = asyncio.create_task(worker.run(no_auth, OWN, files=files))
    async with asyncio.timeout(120):
        while await database.fetchval("SELECT count(*) FROM files.jobs WHERE NOT is_settled"):
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait((running,))


async def purge(files: Service, storage: Storage) -> None:
    """Do what the janitor does."""
    lease = LeaseId(uuid7())
    claimed = await files.claim_purges(lease, 1000)
    await storage.delete_objects(tuple(purge.key for purge in claimed))
    await files.finish_purges(lease, tuple(purge.ref for purge in claimed))
