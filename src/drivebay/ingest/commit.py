"""Commits a batch so that neither a dependency that is down nor one bad upload takes the others along."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from ..contract.files import Cause, Files, Outcome, UploadRef
from ..errors import Unavailable
from .settings import Settings

log = structlog.get_logger(__name__)


class Failed(NamedTuple):
    """A commit that ended in a defect instead of an outcome."""

    reason: str


async def commit(
    files: Files, refs: tuple[UploadRef, ...], settings: Settings, cause: Cause
) -> dict[UploadRef, Outcome | Failed]:
    """What became of each upload; UNKNOWN where nobody could be asked in time. Never raises."""
    if not refs:
        return {}
    if len(refs) > settings.batch:
        return await _in_two(files, refs, settings, cause, settings.batch)
    try:
        async with asyncio.timeout(settings.deadline.total_seconds()):
            outcomes = await files.commit(refs, cause)
        return dict(zip(refs, outcomes, strict=True))
    except (Unavailable, TimeoutError) as error:
        log.warning("commit_unavailable", uploads=len(refs), reason=str(error) or "deadline passed")
        return dict.fromkeys(refs, Outcome.UNKNOWN)
    except Exception as error:
        if len(refs) > 1:
            # Halve until the bad one stands alone.
            return await _in_two(files, refs, settings, cause, len(refs) // 2)
        log.error("commit_failed", upload=str(refs[0].id), exc_info=error)
        return {refs[0]: Failed(f"{type(error).__name__}: {error}")}


async def _in_two(
    files: Files, refs: tuple[UploadRef, ...], settings: Settings, cause: Cause, at: int
) -> dict[UploadRef, Outcome | Failed]:
    first = await commit(files, refs[:at], settings, cause)
    return {**first, **await commit(files, refs[at:], settings, cause)}
