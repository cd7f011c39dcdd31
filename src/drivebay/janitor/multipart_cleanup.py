"""Aborts multipart uploads in the store that do not belong to an upload.

The purge of an upload aborts the multipart upload of this upload. A multipart upload is orphaned if a process was
killed after the store began it and before the database recorded it. No client can continue an orphaned multipart
upload, so the janitor aborts it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import NamedTuple

import structlog
from prometheus_client import Counter

from ..contract.files import Files
from ..contract.storage import Storage, UnfinishedMultipart
from ..errors import InvalidRequest, Unavailable
from .bucket_scan import Scan
from .orphans import upload_ref
from .settings import Settings

log = structlog.get_logger(__name__)

ABORTED = Counter("drivebay_janitor_parts_ended_total", "Aborted multipart uploads that belonged to no upload")


class MultipartCounts(NamedTuple):
    """The numbers of multipart uploads that were listed, that are orphaned but too young to abort, and that were
    aborted."""

    listed: int
    too_young: int
    aborted: int


async def abort_orphaned_multiparts(
    files: Files, storage: Storage, settings: Settings, scan: Scan, *, now: datetime
) -> MultipartCounts:
    """List the unfinished multipart uploads from the position of the scan, and abort the orphaned uploads that are
    older than `orphan_age`.

    A multipart upload that cannot be aborted does not stop the scan. The next scan tries again. Raises Unavailable or
    TimeoutError if a listing fails, or the files service does not respond.
    """
    listed = too_young = aborted = 0
    has_page = True
    while has_page:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            page = await storage.list_multiparts(scan.position, settings.scan_page)
        listed += len(page.items)
        for multipart in await _find_orphaned(files, page.items, settings):
            if now - multipart.begun_at < settings.orphan_age:  # guard: multipart-age
                too_young += 1
            else:
                aborted += await _abort(storage, multipart, settings)
                # Aborts that the store does not answer may take longer than the lease. Stop if another janitor has it.
                if not await scan.extend():  # guard: multipart-scan-extended
                    return MultipartCounts(listed, too_young, aborted)
        has_page = await scan.finish_page(page.after, len(page.items))
    return MultipartCounts(listed, too_young, aborted)


async def _abort(storage: Storage, multipart: UnfinishedMultipart, settings: Settings) -> bool:
    try:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            await storage.abort_multipart(multipart.key, multipart.multipart_id)
    except InvalidRequest as error:
        log.warning("multipart_abort_refused", key=multipart.key, reason=error.detail)
        return False
    except (Unavailable, TimeoutError) as error:  # guard: multipart-failed-abort
        # This multipart upload must not stop the scan. If the store is down, the next listing ends it.
        reason = str(error) or "no response within the call timeout"
        log.warning("multipart_abort_failed", key=multipart.key, reason=reason)
        return False
    ABORTED.inc()
    log.warning("multipart_aborted", key=multipart.key, begun_at=str(multipart.begun_at))
    return True


async def _find_orphaned(
    files: Files, multiparts: tuple[UnfinishedMultipart, ...], settings: Settings
) -> list[UnfinishedMultipart]:
    refs = [upload_ref(multipart.key) for multipart in multiparts]
    valid_refs = tuple(ref for ref in refs if ref is not None)
    ids: tuple[str, ...] = ()
    if valid_refs:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            ids = await files.list_multipart_ids(valid_refs)
    known_ids = dict(zip(valid_refs, ids, strict=True))
    # A key of another form belongs to another application, which may still need its multipart upload.
    return [
        multipart
        for multipart, ref in zip(multiparts, refs, strict=True)
        if ref is not None and known_ids[ref] != multipart.multipart_id  # guard: multipart-foreign-key
    ]
