"""Expiry of overdue uploads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from janitor_backend import Backend

from drivebay.contract.files import CommitOutcome, UploadRef
from drivebay.errors import Internal
from drivebay.janitor.settings import Settings
from drivebay.janitor.upload_expiry import expire_uploads

PAST_DEADLINE = timedelta(hours=1)


async def test_all_overdue_uploads_are_ended_and_no_others(backend: Backend) -> None:
    overdue = await backend.begin_uploads(25)
    await backend.pass_time(PAST_DEADLINE)
    pending = await backend.begin_upload()
    assert await expire_uploads(backend.files, Settings(batch=10)) == {CommitOutcome.EXPIRED: 25}
    assert {overdue for _, overdue in backend.log.arguments("claim_pending_uploads")} == {True}
    assert (await backend.real_files.get_upload(backend.access, overdue[0].id)).status == "expired"
    assert (await backend.real_files.get_upload(backend.access, pending.id)).status == "pending"


async def test_an_overdue_upload_whose_bytes_are_stored_becomes_a_file(backend: Backend) -> None:
    upload = await backend.begin_upload()
    await backend.pass_time(PAST_DEADLINE)
    backend.bucket.put(upload.key, b"hello", "text/plain")
    assert await expire_uploads(backend.files, Settings()) == {CommitOutcome.COMPLETED: 1}
    assert (await backend.real_files.get_upload(backend.access, upload.id)).status == "complete"


async def test_an_upload_that_fails_the_commit_does_not_fail_the_others(backend: Backend) -> None:
    uploads = await backend.begin_uploads(10)
    await backend.pass_time(PAST_DEADLINE)
    bad = UploadRef(uploads[3].owner, uploads[3].id)

    async def fail_for_bad(refs: tuple[UploadRef, ...], *_: Any) -> None:
        if bad in refs:
            raise Internal

    backend.log.before["commit_uploads"] = fail_for_bad
    assert await expire_uploads(backend.files, Settings()) == {CommitOutcome.EXPIRED: 9}
