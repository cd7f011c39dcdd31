"""What is done once with a store before it is used: the bucket is made ready, and the store is tried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog

from ..contract.storage import INCOMING
from . import probe
from .bucket import Bucket
from .settings import Settings

log = structlog.get_logger(__name__)


async def prepare(bucket: Bucket, settings: Settings, folder: str, now: Callable[[], datetime]) -> probe.Findings:
    """Make the bucket ready and learn what the store can do; `folder` is a part of a key that nobody else uses.
    Safe to repeat. Raises Misconfigured, Unavailable."""
    sight = await bucket.connect()
    if not sight.exists:
        await bucket.create()
        log.info("bucket_created", bucket=settings.bucket)
    cors = await bucket.allow_origins(settings.allowed_origins)
    events = await _send_events(bucket, settings.events_target)
    sight, at = await bucket.sight(), now()
    found = await probe.probe(bucket, folder, sight, at, cors=cors, event_rules=events)
    # Left from when this store, or the one its objects came from, took a second PUT.
    left = (await bucket.page(INCOMING, "", 1)).objects
    return found._replace(incoming=found.staged or bool(left))


async def _send_events(bucket: Bucket, target: str | None) -> bool:
    if target is None:
        return False
    problem = await bucket.send_events(target)
    if problem is None:
        log.info("store_sends_events", target=target)
    else:
        log.warning("store_sends_no_events", target=target, reason=problem, instead="the sweeper finds uploads")
    return problem is None


def tell(findings: probe.Findings) -> None:
    """Say what was found, and what is done about what is missing."""
    able = findings.capabilities
    log.info("store_capabilities", **msgspec.structs.asdict(able))
    for name in ("signed_length", "signed_type", "checksum"):
        if not getattr(able, name):
            log.warning("store_does_not_enforce", what=name, instead="checked when an upload is committed")
    if findings.staged:
        log.warning("store_does_not_enforce", what="write_once", instead="uploads are copied when they are committed")
    elif not able.write_once:
        hint = "whoever has an upload's URL can change the file until the URL ends"
        log.error("store_does_not_enforce", what="write_once and copy_condition", hint=hint)
    if not able.batch_delete:
        log.warning("store_without_batch_delete", instead="objects are deleted one by one")
    if not able.cors:
        log.warning("store_without_cors", hint="allow browsers to upload in the store's own settings")
    if able.versioned:
        log.warning("bucket_keeps_versions", hint="what is purged stays as an old version: switch versioning off")
    if not able.closed:
        log.error("bucket_open_to_strangers", hint="anybody can read, list or write without keys: make it private")
