"""Uploads with tus: sent in requests that break off or stall, paused, resumed, terminated or abandoned.

The ledger records each reported offset with the time its request was sent. A later request must not get a smaller
offset.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from .simulated_user import SimulatedUser
from .tus_requests import (
    CHUNK_SIZE,
    TusBody,
    TusRequest,
    TusResponse,
    checksum_header,
    send,
    send_until_answered,
    upload_metadata,
)

_PART_SIZE: Final = 2**23
_SIZES: Final = (0, 1, 3_000, 200_000, 1_500_000, _PART_SIZE, _PART_SIZE + 3_000, 2 * _PART_SIZE + 700_000)
_SIZE_WEIGHTS: Final = (1, 1, 6, 5, 3, 0.7, 1, 0.7)
_MAX_REQUESTS: Final = 60
"""The maximum number of requests to finish an upload."""
_MAX_CHECKSUMMED_SIZE: Final = 6 * 2**20
_PATCH_STATUSES: Final = (204, 404, 409, 460, 507)
_PLAN_RESULTS: Final = {
    "finish": "not finished",
    "pause": "paused",
    "terminate": "terminated",
    "abandon": "abandoned",
}
"""How the report names an upload that has not ended, by the plan of the user."""
_MAX_REFUSALS: Final = 5
"""How often an offset may be reported and then refused. Another request may store bytes between the two."""


@dataclass
class TusUpload:
    """An upload under way. `offset` is the stored offset, or None if it must be requested first.

    `is_length_known`: the server knows the length. `refusals` counts requests that were refused in a row at
    `refused_offset`.
    """

    id: str
    parent: str
    content: bytes
    is_length_known: bool
    offset: int | None = None
    refused_offset: int = -1
    refusals: int = 0

    @property
    def path(self) -> str:
        """Return the path of the upload's URL."""
        return f"/v1/tus/{self.id}"

    def count_refusal(self, offset: int) -> bool:
        """Count a refused request. Return whether the same offset was refused too often."""
        self.refusals = self.refusals + 1 if offset == self.refused_offset else 1
        self.refused_offset = offset
        return self.refusals == _MAX_REFUSALS


async def upload(user: SimulatedUser) -> None:
    """Create an upload and send it."""
    created = await _create(user)
    if created is not None:
        await _continue_upload(user, created)


async def resume(user: SimulatedUser) -> None:
    """Continue a paused upload, if there is one."""
    if user.paused_tus_uploads:
        index = user.rng.randrange(len(user.paused_tus_uploads))
        await _continue_upload(user, user.paused_tus_uploads.pop(index))


async def _create(user: SimulatedUser) -> TusUpload | None:
    """Create an upload. Return it, or None if that failed or if it is a file already."""
    rng = user.rng
    content = rng.randbytes(rng.choices(_SIZES, _SIZE_WEIGHTS)[0])
    placement = user.choose_placement()
    is_length_known = rng.random() < 0.75
    first_size = rng.choice((0, len(content), rng.randrange(len(content) + 1)))
    first_bytes = content[:first_size][:_MAX_CHECKSUMMED_SIZE]
    headers = {"Upload-Length": str(len(content))} if is_length_known else {"Upload-Defer-Length": "1"}
    headers |= {"Upload-Metadata": upload_metadata(placement)}
    headers |= {"Idempotency-Key": f"{user.name}-tus-{user.name_count}-{rng.getrandbits(32):x}"}
    is_checksum_wrong = rng.random() < 0.03
    if first_bytes and (is_checksum_wrong or rng.random() < 0.3):
        headers |= checksum_header(user, first_bytes, is_wrong=is_checksum_wrong)
    digest = hashlib.sha256(content).hexdigest()
    recorded = {"name": placement.name, "parent": placement.parent, "size": len(content), "sha256": digest}
    await user.ledger.write(user.name, "upload_requested", detail=headers["Idempotency-Key"], **recorded)
    # 422: an earlier request without a response created the upload, and it has ended since.
    expect = (201, 404, 409, 422, 460, 507)
    body = TusBody(first_bytes) if first_bytes else None
    response = await send_until_answered(user, TusRequest("POST", "/v1/tus", expect, headers, body))
    if response is None or response.status != 201:
        if response is not None and response.status == 404 and placement.parent not in user.trashed_folders:
            await user.report_violation(f"folder {placement.parent} does not exist", parent=placement.parent)
        if response is not None and response.status == 460 and not is_checksum_wrong:
            await user.report_violation("a right checksum is refused")
        return None
    if is_checksum_wrong and first_bytes:
        await user.report_violation("a wrong checksum is accepted")
    id = response.headers["Location"].rpartition("/")[2]
    created = TusUpload(id, placement.parent, content, is_length_known)
    await user.ledger.write(user.name, "upload_created", upload=id, detail="tus", **recorded)
    await user.ledger.write(user.name, "put_started", upload=id)
    user.counts["tus uploads: created"] += 1
    user.uploads.append(id)
    return None if await _record_offset(user, created, response) else created


async def _continue_upload(user: SimulatedUser, current: TusUpload) -> None:
    """Send the rest until the upload ends, or send only a few requests and then pause, terminate or abandon it."""
    plan = user.rng.choices(("finish", "pause", "terminate", "abandon"), (75, 12, 7, 6))[0]
    steps = _MAX_REQUESTS if plan == "finish" else user.rng.randrange(4)
    for _ in range(steps):
        if current.offset and user.rng.random() < 0.05:
            await _send_at_old_offset(user, current, user.rng.randrange(current.offset))
        has_ended = await (_patch(user, current) if current.offset is not None else _head(user, current))
        if has_ended:
            return
        if current.offset is None:
            await asyncio.sleep(user.rng.uniform(0.05, 0.6))
    if plan == "pause":
        user.paused_tus_uploads.append(current)
    elif plan == "terminate":
        await _terminate(user, current)
    user.counts[f"tus uploads: {_PLAN_RESULTS[plan]}"] += 1


async def _head(user: SimulatedUser, current: TusUpload) -> bool:
    """Request the stored offset. Return whether the upload has ended."""
    response = await send(user, TusRequest("HEAD", current.path, (200, 404, 409)))
    if response is None:
        return False
    if response.status == 409:
        if current.count_refusal(-1):
            await user.report_violation("HEAD is refused again and again", upload=current.id)
        return False
    if response.status != 200:
        return await _record_not_found(user, current)
    length = response.headers.get("Upload-Length")
    is_deferred = response.headers.get("Upload-Defer-Length") == "1"
    if (length is None) != is_deferred or length not in (None, str(len(current.content))):
        detail = f"HEAD reports the length {length}, not {len(current.content)}"
        await user.report_violation(detail, upload=current.id)
    if length is None and current.is_length_known:
        await user.report_violation("the server lost the length of the upload", upload=current.id)
    current.is_length_known = length is not None
    return await _record_offset(user, current, response)


@dataclass
class _Patch:
    """One PATCH request. `declares_length`: it sends the length of an upload with a deferred length."""

    headers: dict[str, str]
    body: TusBody
    is_checksum_wrong: bool
    declares_length: bool


def _choose_patch(user: SimulatedUser, current: TusUpload) -> _Patch:
    assert current.offset is not None
    rest = current.content[current.offset :]
    size = len(rest) if user.rng.random() < 0.5 else user.rng.randrange(len(rest) + 1)
    headers = {"Upload-Offset": str(current.offset)}
    is_checksum_wrong = user.rng.random() < 0.03
    if is_checksum_wrong or user.rng.random() < 0.2:
        size = min(size, _MAX_CHECKSUMMED_SIZE)
        headers |= checksum_header(user, rest[:size], is_wrong=is_checksum_wrong)
    if user.rng.random() < 0.3:
        headers["Content-Length"] = str(size)
    declares_length = not current.is_length_known and (not rest or user.rng.random() < 0.3)
    # A known length may be sent once more.
    if declares_length or (current.is_length_known and user.rng.random() < 0.05):
        headers["Upload-Length"] = str(len(current.content))
    return _Patch(headers, TusBody(rest[:size]), is_checksum_wrong, declares_length)


async def _patch(user: SimulatedUser, current: TusUpload) -> bool:
    """Send bytes from the stored offset. Return whether the upload has ended."""
    patch, fault = _choose_patch(user, current), user.rng.random()
    if fault < 0.32:
        patch.body.cut_at = user.rng.randrange(len(patch.body.content) + 1)
    if fault < 0.07:
        patch.body.stall_seconds = user.rng.uniform(0, 6)
        return await _head_during_stalled_patch(user, current, patch)
    method = "PATCH"
    if user.rng.random() < 0.1:
        method, patch.headers["X-HTTP-Method-Override"] = "POST", "PATCH"
    request = TusRequest(method, current.path, _PATCH_STATUSES, patch.headers, patch.body)
    response = await send(user, request)
    offset, current.offset = current.offset, None
    if response is None:
        return False
    if response.status == (204 if patch.is_checksum_wrong else 460):
        detail = f"a {'wrong' if patch.is_checksum_wrong else 'right'} checksum gets {response.status}"
        await user.report_violation(detail, upload=current.id)
    if response.status == 409 and current.count_refusal(offset or 0):
        await user.report_violation(f"the reported offset {offset} is refused again and again", upload=current.id)
    if response.status == 404:
        return await _record_not_found(user, current)
    if response.status != 204:
        return False
    current.is_length_known = current.is_length_known or patch.declares_length
    return await _record_offset(user, current, response)


async def _send_at_old_offset(user: SimulatedUser, current: TusUpload, offset: int) -> None:
    """Repeat bytes that are stored, as a client does that missed a response. The server must refuse them."""
    body = TusBody(current.content[offset : offset + CHUNK_SIZE])
    request = TusRequest("PATCH", current.path, (404, 409), {"Upload-Offset": str(offset)}, body)
    user.counts["tus uploads: old offset refused"] += await send(user, request) is not None


async def _head_during_stalled_patch(user: SimulatedUser, current: TusUpload, patch: _Patch) -> bool:
    """Send a PATCH that stalls, and request the offset before its end. Return whether the upload has ended."""
    request = TusRequest("PATCH", current.path, _PATCH_STATUSES, patch.headers, patch.body)
    async with asyncio.TaskGroup() as tasks:
        stalled = tasks.create_task(send(user, request))
        await asyncio.sleep(user.rng.uniform(0, 1))
        current.offset = None
        has_ended = await _head(user, current)
        if user.rng.random() < 0.5:
            stalled.cancel()
    return has_ended


async def _record_offset(user: SimulatedUser, current: TusUpload, response: TusResponse) -> bool:
    """Record the offset that a response reports. Return whether the upload is a file."""
    current.offset = response.offset
    expires = response.headers.get("Upload-Expires")
    if not response.file and expires is None:
        await user.report_violation("a pending upload has no Upload-Expires", upload=current.id)
    await user.ledger.write(
        user.name,
        "offset_reported",
        upload=current.id,
        size=response.offset,
        sent_at=response.sent_at,
        expires_at=parsedate_to_datetime(expires).timestamp() if expires else 0.0,
    )
    if not response.file:
        if current.is_length_known and response.offset == len(current.content):
            await user.report_violation("all bytes are stored, and there is no file", upload=current.id)
        return False
    if response.offset != len(current.content):
        await user.report_violation(f"a file of {response.offset} bytes", upload=current.id, file=response.file)
    await user.ledger.write(user.name, "stored", upload=current.id, detail="tus")
    user.counts["tus uploads: files"] += 1
    await _check_file_exists(user, current, response.file)
    return True


async def _check_file_exists(user: SimulatedUser, current: TusUpload, id: str) -> None:
    """Check that the file exists. It must exist before the response to its last byte."""
    if id in user.files:
        return  # another step has found it already and may delete it
    user.add_file(id, current.parent)
    file = user.files[id]
    file.is_busy = True
    try:
        response = await user.call("GET", f"/v1/files/{id}", expect=(200, 404))
        if response is not None and response.status == 404:
            await user.check_missing(file)
    finally:
        file.is_busy = False


async def _terminate(user: SimulatedUser, current: TusUpload) -> None:
    """Terminate the upload. After a success it must not exist any more."""
    await user.ledger.write(user.name, "abort_requested", upload=current.id)
    # 409: all bytes had arrived, and the response to the last ones was lost.
    response = await send_until_answered(user, TusRequest("DELETE", current.path, (204, 404, 409)))
    if response is None or response.status != 204:
        return
    await user.ledger.write(user.name, "upload_terminated", upload=current.id)
    after = await send(user, TusRequest("HEAD", current.path, (404,)))
    user.counts["tus uploads: absent after termination"] += after is not None


async def _record_not_found(user: SimulatedUser, current: TusUpload) -> bool:
    """Record that tus reports the upload as absent. Return True. The oracle checks how it ended."""
    user.counts["tus uploads: ended"] += 1
    await user.ledger.write(user.name, "upload_not_found", upload=current.id)
    return True


async def try_foreign_upload(user: SimulatedUser, id: str) -> None:
    """Send one random request about an upload of another user. It must get 404."""
    method = user.rng.choice(("HEAD", "PATCH", "DELETE"))
    is_patch = method == "PATCH"
    headers = {"Upload-Offset": "0"} if is_patch else {}
    body = TusBody(user.rng.randbytes(3_000)) if is_patch else None
    if await send(user, TusRequest(method, f"/v1/tus/{id}", (404,), headers, body)) is not None:
        user.counts["foreign requests refused"] += 1
