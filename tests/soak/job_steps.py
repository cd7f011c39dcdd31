"""Steps with jobs: the worker copies a folder into another drive, or a large folder inside a drive.

Some jobs are cancelled. Some lose the folder that they copy to, or their user loses the access. Each copy has a name of
its own, so the oracle knows which of the folders in the drive of the copies must exist.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote

from .shared_drives import create_folder
from .simulated_user import Json, SimulatedUser

_MAX_POLLS: Final = 40
_POLL_INTERVAL: Final = 0.5
"""Seconds."""
LARGE_COPY: Final = "large copy"
"""A part of the name of a copy of the large folder."""


async def copy_folder(user: SimulatedUser) -> None:
    """Copy the source folder into the other drive."""
    user.name_count += 1
    name = f"{user.name} copy {user.name_count}"
    drives, parent = user.drives, "root"
    if user.rng.random() < 0.15:
        folder = await create_folder(user, drives.copies, f"{name} target")
        if folder is None:
            return
        parent = folder
    await _run(user, f"/v1/files/{drives.source}/copy?drive_id={drives.work}", name, parent)


async def copy_large_folder(user: SimulatedUser) -> None:
    """Copy the large folder inside its drive, if the user has one."""
    if user.drives.large:
        user.name_count += 1
        name = f"{user.name} {LARGE_COPY} {user.name_count}"
        await _run(user, f"/v1/files/{user.drives.large}/copy?drive_id={user.drives.copies}", name, "root")


async def withdraw_access_during_copy(user: SimulatedUser) -> None:
    """Let another user copy the large folder as a member of its drive, and remove this member meanwhile.

    Each user becomes a member only once, because a request without a response may take effect later.
    """
    drives = user.drives
    guests = [other for other in user.other_users if other.name not in drives.asked_copiers]
    if not drives.large or not guests:
        return
    guest = user.rng.choice(guests)
    drives.asked_copiers.add(guest.name)
    member = f"/v1/drives/{drives.copies}/members/{guest.id}"
    if await user.call("PUT", member, {"role": "editor"}, expect=(200,)) is None:
        return
    user.name_count += 1
    name = f"{user.name} {LARGE_COPY} {user.name_count}"
    await user.ledger.write(user.name, "job_requested", name=name, parent="root", detail=guest.name)
    path = f"/v1/files/{drives.large}/copy?drive_id={drives.copies}"
    response = await guest.post_with_key(path, {"parent_id": "root", "name": name}, name, expect=(201, 202, 507))
    job = response.body["job"]["id"] if response is not None and response.status == 202 else ""
    if job:
        await user.ledger.write(user.name, "job_started", file=job, name=name, parent="root")
        await asyncio.sleep(user.rng.uniform(0, 0.5))
    # 404 after a lost response: the first request removed the member.
    removed = await user.retry(lambda: user.call("DELETE", member, expect=(204, 404)))
    if removed is None or not job:
        return
    await user.ledger.write(user.name, "job_withdrawn", file=job, name=name)
    user.counts["accesses withdrawn after the start of a job"] += 1
    listing = f"/v1/files?drive_id={drives.copies}&parent_id=root&name={quote(name)}"
    listed = await user.call("GET", listing, expect=(200,))
    if listed is not None and not listed.body["items"]:
        # Each step of the job checks the access under the lock of the drive, so the copy cannot appear any more.
        await user.ledger.write(user.name, "job_unfinished", file=job, name=name)
        user.counts["accesses withdrawn during a job"] += 1
    await guest.call("GET", f"/v1/files/{drives.large}?drive_id={drives.copies}", expect=(404,))
    await guest.call("GET", f"/v1/jobs/{job}", expect=(404,))


async def _run(user: SimulatedUser, path: str, name: str, parent: str) -> None:
    """Start a job. Wait for its end, cancel it, or trash the folder that it copies to."""
    body: Json = {"parent_id": parent, "name": name, "drive_id": user.drives.copies}
    await user.ledger.write(user.name, "job_requested", name=name, parent=parent)
    # A repeat after the end of the job gets the copy (201), or the error of the job.
    response = await user.post_with_key(path, body, name, expect=(201, 202, 507))
    if response is None or response.status != 202:
        return
    job = response.body["job"]["id"]
    await user.ledger.write(user.name, "job_started", file=job, name=name, parent=parent)
    user.counts["jobs started"] += 1
    if parent != "root":
        await _trash(user, parent, name)
    elif user.rng.random() < 0.35:
        await asyncio.sleep(user.rng.uniform(0, 1.5))
        await _cancel(user, job, name)
    ended = await _wait_for_end(user, job)
    if ended is None:
        return
    await user.ledger.write(user.name, "job_ended", file=job, name=name, detail=ended["status"])
    user.counts[f"jobs {ended['status']}"] += 1
    if ended["status"] == "done" and parent == "root" and user.rng.random() < 0.5:
        await _trash(user, ended["result"]["id"], name)


async def _cancel(user: SimulatedUser, job: str, name: str) -> None:
    """Cancel a job. After the response it must not run any more."""
    await user.ledger.write(user.name, "job_cancel_requested", file=job, name=name)
    if await user.retry(lambda: user.call("DELETE", f"/v1/jobs/{job}", expect=(204,))) is None:
        return
    response = await user.call("GET", f"/v1/jobs/{job}", expect=(200,))
    if response is not None and response.body["status"] == "running":
        await user.report_violation("a cancelled job is running", file=job)


async def _wait_for_end(user: SimulatedUser, job: str) -> Json | None:
    """Return the job when it has ended, or None if that takes long: then the oracle waits for it."""
    for _ in range(_MAX_POLLS):
        response = await user.call("GET", f"/v1/jobs/{job}", expect=(200,))
        if response is not None and response.body["status"] != "running":
            return response.body
        await asyncio.sleep(_POLL_INTERVAL)
    return None


async def _trash(user: SimulatedUser, id: str, name: str) -> None:
    """Move a copy, or the folder in which it appears, to the trash."""
    await user.ledger.write(user.name, "copy_trash_requested", file=id, name=name)
    path = f"/v1/files/{id}?drive_id={user.drives.copies}"
    # 404 after a lost response: the first request moved it.
    if await user.retry(lambda: user.call("DELETE", path, expect=(204, 404))) is not None:
        await user.ledger.write(user.name, "copy_trashed", file=id, name=name)
