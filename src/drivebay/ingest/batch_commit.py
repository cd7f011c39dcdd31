"""Commits a batch of uploads so that one failing upload does not fail the others."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from ..contract.files import CommitOutcome, Files, Trigger, UploadRef
from ..errors import Unavailable
from .settings import Settings

log = structlog.get_logger(__name__)


class CommitFailure(NamedTuple):
    """A commit that failed because of a defect, so the commit has no outcome."""

    reason: str


async def commit_batch(
    files: Files, refs: tuple[UploadRef, ...], settings: Settings, trigger: Trigger
) -> dict[UploadRef, CommitOutcome | CommitFailure]:
    """Commit uploads and return the outcome of each upload. Raises no error.

    The outcome of an upload is UNKNOWN if the files service did not respond in time.
    """
    if not refs:
        return {}
    if len(refs) > settings.batch:
        return await _commit_halves(files, refs, settings, trigger, settings.batch)
    try:
        async with asyncio.timeout(settings.deadline.total_seconds()):  # guard: commit-deadline
            outcomes = await files.commit_uploads(refs, trigger)
        return dict(zip(refs, outcomes, strict=True))
    except (Unavailable, TimeoutError) as error:
        log.warning("commit_unavailable", uploads=len(refs), reason=str(error) or "no response within the call timeout")
        return dict.fromkeys(refs, CommitOutcome.UNKNOWN)
    except Exception as error:
        if len(refs) > 1:  # guard: commit-split
            # Split the batch until the failing upload is alone.
            return await _commit_halves(files, refs, settings, trigger, len(refs) // 2)
        log.error("commit_failed", upload=str(refs[0].id), exc_info=error)
        return {refs[0]: CommitFailure(f"{type(error).__name__}: {error}")}


async def _commit_halves(
    files: Files, refs: tuple[UploadRef, ...], settings: Settings, trigger: Trigger, split_at: int
) -> dict[UploadRef, CommitOutcome | CommitFailure]:
    first = await commit_batch(files, refs[:split_at], settings, trigger)
    return {**first, **await commit_batch(files, refs[split_at:], settings, trigger)}
