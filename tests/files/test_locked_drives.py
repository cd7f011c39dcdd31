"""A drive whose lock is held for long delays nothing but itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from drivebay import postgres
from drivebay.contract import files as c
from drivebay.contract.ids import ROOT
from drivebay.errors import Unavailable
from drivebay.files.service import Service

from .conftest import SETTINGS, Drive, new_owner

COMPLETED, UNKNOWN = c.CommitOutcome.COMPLETED, c.CommitOutcome.UNKNOWN


@asynccontextmanager
async def locked(drive: Drive) -> AsyncIterator[None]:
    """Hold the lock of a drive, as the last step of a large copy does."""
    async with drive.database.transaction() as tx:
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
        yield


async def begin(drive: Drive, name: str = "a.txt", *, is_stored: bool = True) -> c.UploadRef:
    upload = await drive.begin(name)
    if is_stored:
        drive.bucket.put(upload.key, b"hello")
    return c.UploadRef(upload.owner, upload.id)


async def test_uploads_of_other_drives_commit_while_one_drive_is_locked(direct_drive: Drive) -> None:
    others = [direct_drive.for_owner(new_owner()) for _ in range(3)]
    refs = tuple([await begin(drive) for drive in (direct_drive, *others)])
    async with locked(direct_drive):
        outcomes = await direct_drive.files.commit_uploads(refs, c.Trigger.EVENT)
        assert outcomes == (UNKNOWN, COMPLETED, COMPLETED, COMPLETED)
        for other in others:
            assert await other.list_names() == ["a.txt"]
    assert (await direct_drive.files.commit_uploads(refs, c.Trigger.EVENT))[0] is COMPLETED


async def test_a_drive_that_is_locked_for_a_moment_has_its_outcome_too(direct_drive: Drive) -> None:
    other = direct_drive.for_owner(new_owner())
    refs = (await begin(direct_drive), await begin(other))
    async with locked(direct_drive):
        commit = asyncio.ensure_future(direct_drive.files.commit_uploads(refs, c.Trigger.EVENT))
        while not await other.list_names():
            assert not commit.done()
    assert await commit == (COMPLETED, COMPLETED)


async def test_uploads_of_other_drives_expire_while_one_drive_is_locked(direct_drive: Drive) -> None:
    other = direct_drive.for_owner(new_owner())
    refs = (await begin(direct_drive, is_stored=False), await begin(other, is_stored=False))
    await direct_drive.advance_time(timedelta(days=2), "uploads")
    async with locked(direct_drive):
        assert await direct_drive.files.commit_uploads(refs) == (UNKNOWN, c.CommitOutcome.EXPIRED)
    states = await direct_drive.database.fetch("SELECT owner_id, state FROM files.uploads")
    assert {row["state"] for row in states if row["owner_id"] == other.owner} == {"expired"}
    assert {row["state"] for row in states if row["owner_id"] == direct_drive.owner} == {"pending"}


async def test_a_call_for_a_locked_drive_gives_its_connection_back(direct_drive: Drive, database_url: str) -> None:
    """The service has one connection. It returns to the pool when the wait for the lock ends, and stays open."""
    await direct_drive.upload_file()
    other = new_owner()
    async with postgres.connect(database_url, size=1) as database:
        service = Service(database, direct_drive.storage, SETTINGS, new_id=uuid7)
        process = await database.fetchval("SELECT pg_backend_pid()")
        async with locked(direct_drive):
            refused = asyncio.ensure_future(service.create_folder(direct_drive.access, ROOT, "x"))
            folder = await service.create_folder(c.Access.personal(other), ROOT, "y")
            with pytest.raises(Unavailable, match="another change of the same data takes long") as error:
                await refused
        assert (folder.name, error.value.retry_after) == ("y", 5)
        assert await database.fetchval("SELECT pg_backend_pid()") == process
        assert await service.create_folder(direct_drive.access, ROOT, "x")
