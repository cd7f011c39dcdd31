"""Uploads with one PUT: sent late, twice, or never, completed or aborted."""

from __future__ import annotations

import asyncio
import io
import time
from datetime import datetime
from typing import Final

import aiohttp

from .simulated_user import MAX_ATTEMPTS, REQUEST_TIMEOUT, Json, SimulatedUser

_SIZES: Final = (0, 1, 17, 1_000, 5_000, 20_000, 70_000, 300_000, 1_000_000, 6_000_000)
"""In bytes."""
_SIZE_WEIGHTS: Final = (2, 2, 4, 10, 10, 8, 6, 3, 1, 0.2)
_CLOCK_MARGIN: Final = 1.0
"""Seconds before the deadline in which the store may already count it as passed."""


async def upload(user: SimulatedUser) -> None:
    """Create an upload, send its bytes, and complete it in most cases."""
    size = user.rng.choices(_SIZES, _SIZE_WEIGHTS)[0]
    content = user.rng.randbytes(size)
    created = await user.create_upload(content)
    if created is None:
        return
    id = created["id"]
    user.uploads.append(id)
    if created["status"] == "complete":  # an instant upload: the drive has these bytes already
        user.counts["instant uploads"] += 1
        await user.ledger.write(user.name, "stored", upload=id, file=created["file_id"], detail="instant")
        user.add_file(created["file_id"], created["parent"])
        return
    if user.rng.random() < 0.03:
        # Some of these wait until the upload has expired.
        await asyncio.sleep(user.rng.uniform(0, 1.2) * user.deployment.upload_seconds)
    elif user.rng.random() < 0.03:
        return  # nothing is sent, so the upload expires
    is_stored = await put_bytes(user, created, content)
    if user.rng.random() < 0.08:
        is_stored_again = await put_bytes(user, created, content)
        is_stored = is_stored or is_stored_again
    if user.rng.random() < 0.05:
        await user.abort_upload(id)
    elif user.rng.random() < 0.6:
        await user.complete_upload(created, is_stored=is_stored)


async def put_bytes(user: SimulatedUser, created: Json, content: bytes) -> bool:
    """Send the bytes, with retries. Return whether the store accepted them."""
    deadline = datetime.fromisoformat(created["expires_at"]).timestamp() - _CLOCK_MARGIN
    await user.ledger.write(user.name, "put_started", upload=created["id"])
    for attempt in range(MAX_ATTEMPTS):
        status, text = await _send_put(user, created, content)
        user.counts[f"put {status or 'no response'}"] += 1
        if status in (200, 412):
            # 412: the object exists, because the response to an earlier PUT was lost. Nobody else has this URL.
            late = " late" if time.time() > deadline else ""
            await user.ledger.write(user.name, "stored", upload=created["id"], detail=f"{status}{late}")
            return True
        if status in (400, 403, 404):
            if time.time() < deadline:
                await user.report_violation(f"the store refused the bytes: {status} {text[:200]}", upload=created["id"])
            return False
        await user.back_off(attempt)
    return False


async def _send_put(user: SimulatedUser, created: Json, content: bytes) -> tuple[int, str]:
    """Send one PUT. Return status and body of the response, or 0 and "" if there was none."""
    try:
        async with user.http.request(
            created["method"],
            created["url"],
            headers=created["headers"],
            data=io.BytesIO(content),
            timeout=REQUEST_TIMEOUT,
        ) as response:
            return response.status, await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0, ""
