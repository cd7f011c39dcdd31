"""Runs the janitor: each round purges objects, expires uploads and deletes old rows. Scans for orphans are less often.

Any number of janitors may run at the same time. Nothing here is urgent: a failed task waits for its next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
import uuid_utils.compat

from ..contract.files import Files, ScanKind
from ..contract.ids import LeaseId
from ..contract.storage import Storage
from ..errors import Unavailable
from .archive_deletion import delete_expired_archives
from .bucket_scan import BucketScan
from .change_trimming import trim_changes
from .multipart_cleanup import abort_orphaned_multiparts
from .name_indexing import index_names
from .object_purge import purge_objects
from .orphans import quarantine_orphans
from .settings import Settings
from .upload_expiry import expire_uploads

log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def run(
    files: Files,
    storage: Storage,
    settings: Settings,
    *,
    new_id: Callable[[], UUID] = uuid_utils.compat.uuid7,
    now: Callable[[], datetime] = _utc_now,
) -> None:
    """Run until cancelled. A failed task is logged and repeated in its next round."""
    lease = LeaseId(new_id())

    async def purge() -> None:
        await purge_objects(files, storage, settings, new_id=new_id)

    async def expire() -> None:
        await expire_uploads(files, settings)

    async def trim() -> None:
        await trim_changes(files, settings)

    async def index() -> None:
        await index_names(files, settings)

    async def delete_archives() -> None:
        await delete_expired_archives(files, settings)

    async def quarantine() -> None:
        scan = await BucketScan.claim(files, settings, ScanKind.OBJECTS, lease)
        if scan is not None:
            await quarantine_orphans(files, storage, settings, scan, now=now())

    async def abort_multiparts() -> None:
        scan = await BucketScan.claim(files, settings, ScanKind.MULTIPARTS, lease)
        if scan is not None:
            await abort_orphaned_multiparts(files, storage, settings, scan, now=now())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_run_periodically("purge", settings.interval, purge))
        tasks.create_task(_run_periodically("expire", settings.interval, expire))
        tasks.create_task(_run_periodically("changes", settings.interval, trim))
        tasks.create_task(_run_periodically("archives", settings.interval, delete_archives))
        tasks.create_task(_run_periodically("names", settings.interval, index))
        # These two tasks begin with a pause, so that an operator who restored an old database can check it before
        # objects are moved.
        # guard: orphan-first-search
        tasks.create_task(_run_periodically("orphans", settings.orphan_interval, quarantine, wait_first=True))
        tasks.create_task(_run_periodically("multiparts", settings.orphan_interval, abort_multiparts, wait_first=True))


async def _run_periodically(
    task: str, interval: timedelta, run_once: Callable[[], Awaitable[None]], *, wait_first: bool = False
) -> None:
    if wait_first:
        await asyncio.sleep(interval.total_seconds())
    while True:
        try:
            await run_once()
        except (Unavailable, TimeoutError) as error:
            log.warning("janitor_unavailable", task=task, reason=str(error) or "no response within the call timeout")
        except Exception as error:  # a defect in one task must not stop the others
            log.error("janitor_failed", task=task, exc_info=error)
        await asyncio.sleep(interval.total_seconds())
