"""Prepare the store once before it is used: create the bucket, set its rules, and probe its capabilities.

If the store cannot be reached, the service runs all the same and retries. Until an attempt succeeds, look-ups return
UNKNOWN, and other calls raise Unavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from ..contract.storage import STAGING_PREFIX, Capabilities
from ..errors import Unavailable
from .bucket import Bucket, Misconfigured
from .capability_probe import BucketSetup, ProbeResult, probe_store
from .settings import Settings

log = structlog.get_logger(__name__)

_START_TIMEOUT: Final = 120.0
"""The maximum number of seconds of one attempt."""


class StoreStartup:
    """Prepares the store, and keeps the result of the probe. `probe_result` is None until the store is prepared."""

    def __init__(
        self, bucket: Bucket, settings: Settings, now: Callable[[], datetime], new_id: Callable[[], UUID]
    ) -> None:
        self.probe_result: ProbeResult | None = None
        self._bucket = bucket
        self._settings = settings
        self._now = now
        self._new_id = new_id
        self._last_error = "the store has not responded yet"

    def require_ready(self) -> ProbeResult:
        """Return the result of the probe. Raises Unavailable with the last error until the store is prepared."""
        if self.probe_result is None:
            raise Unavailable(self._last_error)
        return self.probe_result

    async def get_capabilities(self) -> Capabilities:
        return self.require_ready().capabilities

    async def start(self) -> None:
        """Prepare the bucket, and probe the store. Each call does both. Raises Misconfigured, Unavailable."""
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                result = await self._prepare(str(self._new_id()))
        except TimeoutError:
            self._last_error = f"the store did not respond to the probe within {_START_TIMEOUT:.0f} s"
            raise Unavailable(self._last_error) from None
        except (Unavailable, Misconfigured) as error:
            self._last_error = str(error)
            raise
        _log_result(result)
        log.info("store_ready", bucket=self._settings.bucket, endpoint=self._settings.endpoint)
        self.probe_result = result

    async def retry_start(self) -> None:
        """Call `start` until it succeeds, with a log line for each attempt."""
        while self.probe_result is None:
            log.warning("store_not_ready", endpoint=self._settings.endpoint, reason=self._last_error)
            await asyncio.sleep(self._settings.startup_retry_delay.total_seconds())
            with suppress(Unavailable, Misconfigured):
                await self.start()

    async def _prepare(self, folder: str) -> ProbeResult:
        """Prepare the bucket and return what the probe finds. `folder` is a part of a key that only this probe uses."""
        bucket, settings = self._bucket, self._settings
        if not (await bucket.check_access()).exists:
            await bucket.create_bucket()
            log.info("bucket_created", bucket=settings.bucket)
        cors = await bucket.add_cors_rules(settings.allowed_origins)
        has_notification_rule = await self._add_notification_rule()
        status, checked_at = await bucket.head_bucket(), self._now()
        result = await probe_store(bucket, folder, BucketSetup(status, checked_at, cors, has_notification_rule))
        # Objects may be in staging since an earlier start, when the store still accepted a second PUT.
        old = (await bucket.list_objects(STAGING_PREFIX, "", 1)).objects
        return result._replace(has_staged_objects=result.uses_staging or bool(old))

    async def _add_notification_rule(self) -> bool:
        target = self._settings.events_target
        if target is None:
            return False
        problem = await self._bucket.add_notification_rule(target)
        if problem is None:
            log.info("store_sends_events", target=target)
        else:
            log.warning("store_sends_no_events", target=target, reason=problem, instead="the sweep finds uploads")
        return problem is None


def _log_result(result: ProbeResult) -> None:
    """Log the capabilities, and what replaces each missing capability."""
    capabilities = result.capabilities
    log.info("store_capabilities", **msgspec.structs.asdict(capabilities))
    for name in ("signed_length", "signed_type", "signed_checksum"):
        if not getattr(capabilities, name):
            log.warning("store_does_not_enforce", capability=name, instead="the commit checks it")
    if result.uses_staging:
        log.warning("store_does_not_enforce", capability="write_once", instead="the commit copies each upload")
    elif not capabilities.write_once:
        hint = "a client can change its file until the upload URL expires: use another store for untrusted clients"
        log.error("store_does_not_enforce", capability="write_once and conditional_copy", hint=hint)
    if not capabilities.batch_delete:
        log.warning("store_without_batch_delete", instead="objects are deleted one by one")
    if not capabilities.cors:
        log.warning("store_without_cors", hint="allow uploads from browsers in the store's own settings")
    if capabilities.versioned:
        log.warning("bucket_keeps_versions", hint="purged bytes stay as old versions: switch versioning off")
    if not capabilities.private:
        log.error(
            "bucket_is_public", hint="anybody can read, list or write without credentials: make the bucket private"
        )
