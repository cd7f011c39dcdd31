"""Looks for objects that nobody accounts for, and moves them out of reach.

In normal running there are none, because an intent is recorded before anything can be written. One that is
there anyway came from outside, or from a database that lost rows. So it is never deleted: it is somebody's
bytes until a person has decided.
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
from ..contract.ids import UploadId, UserId
from ..contract.storage import Object, Storage, upload_key
from ..errors import InvalidRequest
from .settings import Settings

log = structlog.get_logger(__name__)

STRAYS = Counter("drivebay_janitor_strays_total", "Objects nobody knows, by what was done", ["outcome"])

_PAGE = 1000


class Strays(NamedTuple):
    """`seen` objects are in the store; `young` unknown ones are left for later, `quarantined` ones moved."""

    seen: int
    young: int
    quarantined: int


async def once(files: Files, storage: Storage, settings: Settings, *, now: datetime) -> Strays:
    """Go through the whole store once. Raises Unavailable."""
    seen = young = quarantined = 0
    after: str | None = None
    while True:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            page = await storage.page(after, _PAGE)
        seen += len(page.objects)
        for stray in await _unknown(files, page.objects, settings):
            # Without a time it may be from just now. A young one may belong to a row that is about to commit.
            if stray.modified_at is None or now - stray.modified_at < settings.stray_age:
                young += 1
                STRAYS.labels("left").inc()
                continue
            try:
                async with asyncio.timeout(settings.copy_deadline.total_seconds()):
                    moved = await storage.quarantine(stray.key)
            except InvalidRequest as error:
                # A key that no call can name: somebody wrote past us, and it must not keep us from the others.
                STRAYS.labels("refused").inc()
                log.warning("stray_refused", key=stray.key, reason=error.detail)
                continue
            if moved:
                quarantined += 1
                STRAYS.labels("quarantined").inc()
                log.warning("stray_quarantined", key=stray.key, bytes=stray.size, modified_at=str(stray.modified_at))
        if page.after is None:
            return Strays(seen, young, quarantined)
        after = page.after


async def _unknown(files: Files, objects: Sequence[Object], settings: Settings) -> list[Object]:
    refs = [ref_of(found.key) for found in objects]
    ours = tuple(ref for ref in refs if ref is not None)
    answers: tuple[bool, ...] = ()
    if ours:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            answers = await files.known(ours)
    known = dict(zip(ours, answers, strict=True))
    return [found for found, ref in zip(objects, refs, strict=True) if ref is None or not known[ref]]


def ref_of(key: str) -> UploadRef | None:
    """Whose upload an object is, by its key `{owner}/{upload}` or its copy's; None for a key that is not of ours."""
    key = upload_key(key)
    owner, _, upload = key.partition("/")
    try:
        found = UploadRef(UserId(UUID(owner)), UploadId(UUID(upload)))
    except ValueError:
        return None
    return found if key == f"{found.owner}/{found.id}" else None
