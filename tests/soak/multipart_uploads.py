"""Multipart uploads: parts in any order, repeated, incomplete, completed or aborted."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Final

import aiohttp

from .simulated_user import MAX_ATTEMPTS, REQUEST_TIMEOUT, Json, SimulatedUser

_SIZES: Final = (0, 1, 3_000, 50_000, 2**23 + 3_000)
"""In bytes. The last size makes two parts."""
_SIZE_WEIGHTS: Final = (1, 1, 6, 4, 1)


async def upload(user: SimulatedUser) -> None:
    """Create an upload, send its parts, and complete or abort it in most cases."""
    content = user.rng.randbytes(user.rng.choices(_SIZES, _SIZE_WEIGHTS)[0])
    created = await user.create_upload(content, is_multipart=True)
    if created is None:
        return
    user.uploads.append(created["id"])
    size = created["part_size"]
    parts = {number: content[(number - 1) * size : number * size] for number in range(1, created["part_count"] + 1)}
    has_checksum = user.rng.random() < 0.8
    numbers = list(parts)
    user.rng.shuffle(numbers)
    if user.rng.random() < 0.1:
        numbers = numbers[1:]  # one part is never sent, so the upload expires
    await user.ledger.write(user.name, "put_started", upload=created["id"])
    for number in numbers:
        if not await _send_part(user, created, number, parts[number], has_checksum=has_checksum):
            return
    if user.rng.random() < 0.1:
        stored_numbers = await _list_stored_parts(user, created)
        if stored_numbers is not None and stored_numbers < set(numbers):
            detail = f"the store accepted parts {numbers} and has {sorted(stored_numbers)}"
            await user.report_violation(detail, upload=created["id"])
    if user.rng.random() < 0.1:
        await user.abort_upload(created["id"])
    elif len(numbers) == len(parts):
        await user.complete_upload(created, is_stored=True)


async def _send_part(user: SimulatedUser, created: Json, number: int, part: bytes, *, has_checksum: bool) -> bool:
    """Request a URL and send a part, with retries. Return whether the store accepted the part."""
    path = f"/v1/uploads/{created['id']}/parts"
    digest = base64.b64encode(hashlib.sha256(part).digest()).decode()
    request: Json = {"parts": [{"number": number} | ({"sha256": digest} if has_checksum else {})]}
    for attempt in range(MAX_ATTEMPTS):
        # 409: the deadline of the upload has passed.
        response = await user.retry(lambda: user.call("POST", path, request, expect=(200, 409)))
        if response is None or response.status != 200:
            return False
        status = await _put_part(user, response.body["parts"][0], part)
        user.counts[f"part {status or 'no response'}"] += 1
        if status == 200:
            return True
        if status in (400, 403):
            await user.report_violation(f"the store refused a part: {status}", upload=created["id"])
            return False
        await user.back_off(attempt)
    return False


async def _put_part(user: SimulatedUser, signed: Json, part: bytes) -> int:
    """Send one PUT. Return the status of the response, or 0 if there was none."""
    try:
        async with user.http.request(
            signed["method"], signed["url"], headers=signed["headers"], data=io.BytesIO(part), timeout=REQUEST_TIMEOUT
        ) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


async def _list_stored_parts(user: SimulatedUser, created: Json) -> set[int] | None:
    """Return the numbers of the stored parts, or None if the upload has ended or there was no response."""
    response = await user.call("GET", f"/v1/uploads/{created['id']}/parts", expect=(200, 409))
    if response is None or response.status != 200:
        return None
    return {part["number"] for part in response.body["items"]}
