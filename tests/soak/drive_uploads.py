"""Uploads into a shared drive, by its creator or by others. The ledger of the creator records them by name."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from .single_put_uploads import put_bytes

if TYPE_CHECKING:
    from .simulated_user import Json, SimulatedUser


class Target(NamedTuple):
    """The drive, the folder and the name of an upload. A file of this name gets a new version."""

    drive: str
    parent: str
    name: str


async def upload(user: SimulatedUser, creator: SimulatedUser, target: Target, content: bytes) -> str | None:
    """Upload a file into a drive of `creator`. Return the id of the file, or None if no response confirmed it."""
    upload = await begin(user, creator, target, content)
    if upload is None or not await put_bytes(user, upload, content):
        return None
    path = f"/v1/uploads/{upload['id']}/complete?drive_id={target.drive}"
    response = await user.retry(lambda: user.call("POST", path, expect=(200, 409)))
    if response is not None and response.body.get("code") == "not_uploaded":
        await user.report_violation(
            "the store accepted the bytes, but complete returns not_uploaded", upload=upload["id"]
        )
    if response is None or response.body.get("status") != "complete":
        return None
    id = str(response.body["file_id"])
    sha256 = hashlib.sha256(content).hexdigest()
    recorded = {"name": target.name, "parent": target.drive, "sha256": sha256}
    await creator.ledger.write(creator.name, "content_confirmed", file=id, **recorded)
    user.counts["files of shared drives stored"] += 1
    return id


async def begin(user: SimulatedUser, creator: SimulatedUser, target: Target, content: bytes) -> Json | None:
    """Begin an upload. Return it, or None if no response confirmed it, or if it does not fit in the quota."""
    digest = hashlib.sha256(content)
    creator.name_count += 1
    key = f"{creator.name}-drive-{creator.name_count}"
    intent: Json = {"name": target.name, "size": len(content), "content_type": "application/octet-stream"}
    intent |= {
        "parent_id": target.parent,
        "on_conflict": "replace",
        "sha256": base64.b64encode(digest.digest()).decode(),
    }
    recorded = {"name": target.name, "parent": target.drive, "sha256": digest.hexdigest()}
    await creator.ledger.write(creator.name, "content_requested", **recorded)
    path = f"/v1/uploads?drive_id={target.drive}"
    response = await user.post_with_key(path, intent, key, expect=(201, 507))
    if response is not None and response.status == 507:
        user.counts["quota exceeded"] += 1
        return None
    return None if response is None else response.body
