"""Steps on files and folders: download, list, rename, move, trash, restore, and create folders."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from .simulated_user import REQUEST_TIMEOUT, Json, KnownFile, SimulatedUser


@contextmanager
def reserve_file(user: SimulatedUser, *, is_live: bool) -> Iterator[KnownFile | None]:
    """Choose a file whose state is certain, and keep other steps from it. Yield None if there is none."""
    candidates = [
        file for file in user.files.values() if file.is_live is is_live and file.is_certain and not file.is_busy
    ]
    if not candidates:
        yield None
        return
    file = user.rng.choice(candidates)
    file.is_busy = True
    try:
        yield file
    finally:
        file.is_busy = False


async def download(user: SimulatedUser) -> None:
    """Download a file and compare its bytes with its checksum."""
    with reserve_file(user, is_live=True) as file:
        if file is None:
            return
        before = await user.call("GET", f"/v1/files/{file.id}", expect=(200, 404))
        signed = await user.call("GET", f"/v1/files/{file.id}/download", expect=(200, 404))
        for response in (before, signed):
            if response is not None and response.status == 404:
                await user.check_missing(file)
                return
        if before is None or signed is None:
            return
        content = await get_object(user, signed.body["url"])
        if content is None:
            return
        after = await user.call("GET", f"/v1/files/{file.id}", expect=(200, 404))
        # An upload may replace the file meanwhile. Then the bytes cannot be compared.
        if after is not None and after.status == 200 and before.body["etag"] == after.body["etag"]:
            await _compare(user, file, before.body, content)
        await user.ledger.write(user.name, "download_url", file=file.id, url=signed.body["url"])


async def _compare(user: SimulatedUser, file: KnownFile, metadata: Json, content: bytes) -> None:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    if len(content) != metadata["size"] or metadata["sha256"] not in (None, digest):
        await user.report_violation("the downloaded bytes differ from the file's size or checksum", file=file.id)
    user.counts["downloads verified"] += 1


async def get_object(user: SimulatedUser, url: str) -> bytes | None:
    """Return the object at a presigned URL, or None if it did not arrive."""
    try:
        async with user.http.get(url, timeout=REQUEST_TIMEOUT) as response:
            user.counts[f"get {response.status}"] += 1
            return await response.read() if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError):
        user.counts["get no response"] += 1
        return None


async def list_files(user: SimulatedUser) -> None:
    """List all files and remember those that are new to the user."""
    response = await user.call("GET", "/v1/files?limit=1000", expect=(200,))
    if response is None:
        return
    for item in response.body["items"]:
        if not item["name"].startswith(user.name):
            await user.report_violation(f"a file of another user is listed: {item['name']}", file=item["id"])
        else:
            user.add_file(item["id"], item["parent_id"])


async def rename(user: SimulatedUser) -> None:
    """Rename a file, and move it to another folder in some cases."""
    with reserve_file(user, is_live=True) as file:
        if file is None:
            return
        user.name_count += 1
        body: Json = {"name": f"{user.name} renamed {user.name_count}.bin"}
        folders = user.live_folders()
        if folders and user.rng.random() < 0.3:
            body["parent_id"] = user.rng.choice(folders)
            await user.ledger.write(user.name, "move_requested", file=file.id, parent=body["parent_id"])
            file.parent = body["parent_id"]
        response = await user.call("PATCH", f"/v1/files/{file.id}", body, expect=(200, 404, 409))
        if response is not None and response.status == 404:
            await user.check_missing(file)


async def trash(user: SimulatedUser) -> None:
    """Move a file to the trash."""
    with reserve_file(user, is_live=True) as file:
        if file is None:
            return
        was_certain, file.is_certain = file.is_certain, False
        await user.ledger.write(user.name, "trash_requested", file=file.id)
        file.trashed_at = time.time()
        for attempt in range(3):
            response = await user.call("DELETE", f"/v1/files/{file.id}", expect=(204, 404))
            if response is not None and response.status == 404 and attempt == 0:
                file.is_certain = was_certain
                await user.check_missing(file)
                return
            if response is not None:
                # 404 after a lost response: the first request moved the file to the trash.
                file.is_live, file.is_certain = False, True
                await user.ledger.write(user.name, "trashed", file=file.id)
                return
            await asyncio.sleep(user.rng.uniform(0.1, 0.5))


async def restore(user: SimulatedUser) -> None:
    """Restore a file from the trash, if it is not purged yet."""
    with reserve_file(user, is_live=False) as file:
        if file is None:
            return
        file.is_certain = False
        await user.ledger.write(user.name, "restore_requested", file=file.id)
        grace_end = file.trashed_at + user.deployment.grace_seconds
        sent_in_grace = time.time() < grace_end - 0.5
        response = await user.call("POST", f"/v1/files/{file.id}/restore", expect=(200, 404))
        if response is None:
            return
        file.is_certain = True
        if response.status == 200:
            file.is_live, file.parent = True, response.body["parent_id"]
            file.is_certain = file.parent not in user.trashed_folders
            await user.ledger.write(user.name, "restored", file=file.id, parent=file.parent)
            return
        # The file is purged. That is a violation if the response arrived within the grace period.
        if sent_in_grace and time.time() < grace_end - 0.2 and file.parent not in user.trashed_folders:
            await user.report_violation("a file was purged within its grace period", file=file.id)
        del user.files[file.id]
        await user.ledger.write(user.name, "purged", file=file.id)


async def create_folder(user: SimulatedUser) -> None:
    """Create a folder in the root."""
    user.name_count += 1
    name = f"{user.name} folder {user.name_count}"
    key = f"{user.name}-folder-{user.name_count}"
    body = {"name": name, "parent_id": "root"}
    response = await user.retry(lambda: user.call("POST", "/v1/folders", body, expect=(201, 409), key=key))
    if response is not None and response.status == 201:
        user.folders.append(response.body["id"])
        await user.ledger.write(user.name, "folder_created", file=response.body["id"], name=name)


async def trash_folder(user: SimulatedUser) -> None:
    """Move a folder to the trash with everything in it. One folder always stays."""
    folders = user.live_folders()
    if len(folders) < 2:
        return
    folder = user.rng.choice(folders)
    user.trashed_folders.add(folder)
    for file in user.files.values():
        if file.parent == folder:
            file.is_certain = False
    await user.ledger.write(user.name, "trash_requested", file=folder)
    await user.retry(lambda: user.call("DELETE", f"/v1/files/{folder}", expect=(204, 404)))
