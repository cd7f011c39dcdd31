"""Finds orphans, which are objects to which no row of the database refers, and moves them to quarantine.

Normally there are no orphans, because an upload is recorded before anything can be written. An orphan was written by
another application, or the database has lost rows. An orphan may be the only copy of a file, so it is never deleted,
and an operator decides what to do with it. Thumbnails are the exception: they are deleted, because they can be made
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..contract.files import Files, UploadRef
from ..contract.ids import DriveId, UploadId
from ..contract.storage import ObjectInfo, Storage, thumbnail_source, upload_key
from ..errors import InvalidRequest, Unavailable
from .bucket_scan import Scan
from .settings import Settings

log = structlog.get_logger(__name__)

# Dashboards and alerts use the name and the label values of this released metric, so they never change.
ORPHANS = Counter("drivebay_janitor_strays_total", "Objects that no row refers to, by action", ["outcome"])


class OrphanCounts(NamedTuple):
    """The numbers of objects that were listed, of orphans that are too young to move, and of orphans that were moved.

    `deleted` counts the objects whose thumbnails were deleted, because no row refers to them.
    """

    listed: int
    too_young: int
    quarantined: int
    deleted: int = 0


async def quarantine_orphans(
    files: Files, storage: Storage, settings: Settings, scan: Scan, *, now: datetime
) -> OrphanCounts:
    """List the bucket from the position of the scan, and move old orphans to quarantine.

    An orphan that cannot be moved or deleted does not stop the search. The next search tries again. Raises Unavailable
    or TimeoutError if a listing fails, or the files service does not respond.
    """
    listed = too_young = quarantined = deleted = 0
    has_page = True
    while has_page:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            page = await storage.list_objects(scan.position, settings.scan_page)
        listed += len(page.objects)
        for orphan in await _find_orphans(files, page.objects, settings):
            # A young object may belong to a row that is about to be committed. An object without a modification time
            # counts as young.
            # guard: orphan-age, orphan-unknown-age
            if orphan.modified_at is None or now - orphan.modified_at < settings.orphan_age:
                too_young += 1
                ORPHANS.labels("left").inc()
                continue
            if (source := thumbnail_source(orphan.key)) is not None:  # guard: orphan-thumbnail
                deleted += await _delete_thumbnails(storage, source, settings)
            else:
                quarantined += await _quarantine(storage, orphan, settings)
            # A move may take minutes. Extend the lease after each orphan, and stop if another janitor has the lease.
            if not await scan.extend():  # guard: scan-extended
                return OrphanCounts(listed, too_young, quarantined, deleted)
        has_page = await scan.finish_page(page.after, len(page.objects))
    return OrphanCounts(listed, too_young, quarantined, deleted)


async def _quarantine(storage: Storage, orphan: ObjectInfo, settings: Settings) -> bool:
    try:
        async with asyncio.timeout(settings.copy_deadline.total_seconds()):
            is_moved = await storage.quarantine_object(orphan.key)  # guard: orphan-quarantine
    except InvalidRequest as error:
        # The storage service does not accept this key. This error must not stop the search for other orphans.
        ORPHANS.labels("refused").inc()
        log.warning("orphan_refused", key=orphan.key, reason=error.detail)
        return False
    except (Unavailable, TimeoutError) as error:  # guard: orphan-failed-move
        # The store may refuse to delete this object forever. If the store is down, the next listing ends the search.
        ORPHANS.labels("failed").inc()
        log.warning("orphan_failed", key=orphan.key, reason=str(error) or "no response within the call timeout")
        return False
    if is_moved:
        ORPHANS.labels("quarantined").inc()
        log.warning("orphan_quarantined", key=orphan.key, bytes=orphan.size, modified_at=str(orphan.modified_at))
    return is_moved


async def _delete_thumbnails(storage: Storage, source: str, settings: Settings) -> bool:
    """Delete the thumbnails of an object. Return False if the store failed: a later round tries again."""
    try:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            (deletion,) = await storage.delete_thumbnails((source,))
    except (Unavailable, TimeoutError):  # guard: orphan-failed-thumbnails
        return False
    if deletion.error is None:
        ORPHANS.labels("deleted").inc()
    return deletion.error is None


async def _find_orphans(files: Files, objects: Sequence[ObjectInfo], settings: Settings) -> list[ObjectInfo]:
    refs = [upload_ref(object.key) for object in objects]
    valid_refs = tuple(ref for ref in refs if ref is not None)
    known: tuple[bool, ...] = ()
    if valid_refs:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            known = await files.known_uploads(valid_refs)
    is_known = dict(zip(valid_refs, known, strict=True))
    # guard: orphan-known-upload
    return [object for object, ref in zip(objects, refs, strict=True) if ref is None or not is_known[ref]]


def upload_ref(key: str) -> UploadRef | None:
    """Return the upload that a key belongs to: the key of an object, staged or promoted, or of a thumbnail.

    Return None for a key of another form.
    """
    key = upload_key(thumbnail_source(key) or key)
    owner, _, upload = key.partition("/")
    try:
        ref = UploadRef(DriveId(UUID(owner)), UploadId(UUID(upload)))
    except ValueError:
        return None
    # UUID() also accepts braces, capitals and missing hyphens. Such a key names another object.
    return ref if key == f"{ref.owner}/{ref.id}" else None
