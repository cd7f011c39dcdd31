"""Ends writes in parts that no upload knows of.

An upload that is given up has its own ended with its purge. What is left is what was begun in the store and not
written down, since somebody was stopped between the two. Nobody can go on with it, so it is ended for good.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import NamedTuple

import structlog
from prometheus_client import Counter

from ..contract.files import Files
from ..contract.storage import Storage, Unfinished
from ..errors import InvalidRequest
from .settings import Settings
from .strays import ref_of

log = structlog.get_logger(__name__)

ENDED = Counter("drivebay_janitor_parts_ended_total", "Writes in parts that no upload knew of, and that were ended")

_PAGE = 1000


class Ended(NamedTuple):
    """`seen` writes in parts are under way; `young` unknown ones are left for later, `ended` ones are gone."""

    seen: int
    young: int
    ended: int


async def once(files: Files, storage: Storage, settings: Settings, *, now: datetime) -> Ended:
    """Go through all that is unfinished in the store once. Raises Unavailable."""
    seen = young = ended = 0
    after: str | None = None
    while True:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            page = await storage.unfinished(after, _PAGE)
        seen += len(page.items)
        for stray in await _unknown(files, page.items, settings):
            if now - stray.begun_at < settings.stray_age:
                young += 1
                continue
            try:
                async with asyncio.timeout(settings.deadline.total_seconds()):
                    await storage.abort_parts(stray.key, stray.multipart)
            except InvalidRequest as error:
                log.warning("parts_refused", key=stray.key, reason=error.detail)
                continue
            ended += 1
            ENDED.inc()
            log.warning("parts_ended", key=stray.key, begun_at=str(stray.begun_at))
        if page.after is None:
            return Ended(seen, young, ended)
        after = page.after


async def _unknown(files: Files, items: tuple[Unfinished, ...], settings: Settings) -> list[Unfinished]:
    refs = [ref_of(item.key) for item in items]
    ours = tuple(ref for ref in refs if ref is not None)
    names: tuple[str, ...] = ()
    if ours:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            names = await files.multiparts(ours)
    known = dict(zip(ours, names, strict=True))
    # Another's keys are another's business: what is under way there may be wanted.
    return [item for item, ref in zip(items, refs, strict=True) if ref is not None and known[ref] != item.multipart]
