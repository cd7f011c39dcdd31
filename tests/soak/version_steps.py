"""Steps on files with versions: replace the content, list, read, restore and delete versions.

A step takes the file out of the list of histories, and returns it when a response has confirmed the change. After a
lost response, the change may take effect later. So the file is not used again, and any of its contents may be current.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Final

from .drive_uploads import Target, upload
from .file_steps import get_object
from .shared_drives import History, OldVersion
from .simulated_user import Json, SimulatedUser

_MAX_HISTORIES: Final = 2
"""Files that one user changes in turn."""
_AGE_MARGIN: Final = 0.5
"""Seconds before the age of a version in which it may already be deleted."""


async def replace(user: SimulatedUser) -> None:
    """Upload a new version of a file, or a new file, and list the versions."""
    history = _take(user, is_new=len(user.drives.histories) < _MAX_HISTORIES)
    user.name_count += 1
    name = history.name if history else f"{user.name} history {user.name_count}.bin"
    content = user.rng.randbytes(user.rng.randint(1, 30_000))
    sent_at = time.time()
    id = await upload(user, user, Target(user.drives.work, "root", name), content)
    if id is None:
        return
    sha256 = hashlib.sha256(content).hexdigest()
    if history is None:
        history = History(id, name, sha256)
    else:
        if id != history.id:
            await user.report_violation(f"a replaced file got a new id, {id}", file=history.id)
        history.replace(sha256, sent_at)
        user.counts["files replaced"] += 1
    await _list(user, history)
    if history.old:
        await _read_version(user, history, history.old[-1])
    user.drives.histories.append(history)


async def read(user: SimulatedUser) -> None:
    """List the versions of a file, and download one of the old ones."""
    history = _take(user)
    if history is None:
        return
    await _list(user, history)
    if history.old:
        await _read_version(user, history, user.rng.choice(history.old))
    user.drives.histories.append(history)


async def restore(user: SimulatedUser) -> None:
    """Make an old version current again."""
    history = _take(user)
    if history is None:
        return
    if not history.version or not history.old:
        user.drives.histories.append(history)
        return
    old, sent_at = user.rng.choice(history.old), time.time()
    recorded = {"file": history.id, "name": history.name, "parent": user.drives.work}
    await user.ledger.write(user.name, "content_requested", **recorded, sha256=old.sha256)
    # A repeat would make one more version. So the request is sent once.
    response = await user.call("POST", _path(user, history, f"/{old.id}/restore"), expect=(200, 404, 507))
    if response is None:
        return
    if response.status == 200:
        if old.sha256 != history.sha256:  # a version with the current content is not restored again
            history.replace(old.sha256, sent_at)
        user.counts["versions restored"] += 1
    elif response.status == 404:
        await _check_missing(user, history, old)
    await user.ledger.write(user.name, "content_confirmed", **recorded, sha256=history.sha256)
    await _list(user, history)
    user.drives.histories.append(history)


async def delete(user: SimulatedUser) -> None:
    """Delete an old version. It must not be readable any more."""
    history = _take(user)
    if history is None:
        return
    if history.old:
        old = history.old.pop(user.rng.randrange(len(history.old)))
        # 404: the version is too old, or the response was lost and the first request deleted it.
        path = _path(user, history, f"/{old.id}")
        if await user.retry(lambda: user.call("DELETE", path, expect=(204, 404))) is not None:
            await user.ledger.write(user.name, "version_deleted", file=history.id, detail=old.id)
            history.deleted.add(old.id)
            user.counts["versions deleted"] += 1
            await user.call("GET", _path(user, history, f"/{old.id}/download"), expect=(404,))
    user.drives.histories.append(history)


def _take(user: SimulatedUser, *, is_new: bool = False) -> History | None:
    """Take a file out of the list. Return None if there is none, and sometimes for a new file."""
    histories = user.drives.histories
    if not histories or (is_new and user.rng.random() < 0.5):
        return None
    return histories.pop(user.rng.randrange(len(histories)))


def _path(user: SimulatedUser, history: History, path: str = "") -> str:
    return f"/v1/files/{history.id}/versions{path}?drive_id={user.drives.work}"


async def _list(user: SimulatedUser, history: History) -> None:
    """List the versions: the current one, and all that are neither deleted nor too old."""
    response = await user.call("GET", _path(user, history), expect=(200,))
    if response is None:
        return
    items: list[Json] = response.body["items"]
    current = items[0]
    if not current["current"] or any(item["current"] for item in items[1:]):
        await user.report_violation("the newest version is not the current one, or not alone", file=history.id)
    if current["sha256"] is not None and base64.b64decode(current["sha256"]).hex() != history.sha256:
        await user.report_violation("the current version is not the last that was confirmed", file=history.id)
    history.version = current["id"]
    listed = {item["id"] for item in items}
    if listed & history.deleted:
        await user.report_violation("a deleted version is listed", file=history.id)
    for old in [old for old in history.old if old.id not in listed]:
        await _check_missing(user, history, old)
    user.counts["versions listed"] += len(items)


async def _read_version(user: SimulatedUser, history: History, old: OldVersion) -> None:
    response = await user.call("GET", _path(user, history, f"/{old.id}/download"), expect=(200, 404))
    if response is None:
        return
    if response.status == 404:
        await _check_missing(user, history, old)
        return
    content = await get_object(user, response.body["url"])
    if content is not None and hashlib.sha256(content).hexdigest() != old.sha256:
        await user.report_violation(f"the version {old.id} has other bytes", file=history.id)
    user.counts["old versions read"] += content is not None


async def _check_missing(user: SimulatedUser, history: History, old: OldVersion) -> None:
    """Report a version that is missing before its age, and forget it."""
    if time.time() < old.replaced_at + user.deployment.version_seconds - _AGE_MARGIN:
        await user.report_violation(f"the version {old.id} was deleted too early", file=history.id)
    if old in history.old:
        history.old.remove(old)
