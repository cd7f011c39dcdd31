"""Steps on links to folders: with a password, upload-only, and archives of the folder.

A viewer link shows the source folder, whose files never change, and has a password. An uploader link receives files in
the inbox folder, and must show nothing. A change of the password is requested once. Without a response it may take
effect later, so the link is not used again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from .shared_drives import FolderLink
from .simulated_user import REQUEST_TIMEOUT, ApiResponse, Json, SimulatedUser
from .single_put_uploads import put_bytes

_MAX_LINKS: Final = 4
"""Folder links of one user that are not revoked."""
_NO_SESSION: Final = 401
"""The status of a request without a valid session of a link with a password."""


class _BegunUpload(NamedTuple):
    created: Json
    name: str
    content: bytes


async def create_link(user: SimulatedUser) -> None:
    """Create a viewer link with a password, or an uploader link with or without one."""
    drives = user.drives
    if len(drives.folder_links) >= _MAX_LINKS:
        return
    role = user.rng.choice(("viewer", "uploader"))
    password = _new_password(user) if role == "viewer" or user.rng.random() < 0.3 else ""
    folder = drives.source if role == "viewer" else drives.inbox
    user.name_count += 1
    name = f"{user.name} folder link {user.name_count}"
    body: Json = {"role": role, "name": name} | ({"password": password} if password else {})
    response = await user.post_with_key(f"/v1/files/{folder}/links?drive_id={drives.work}", body, name, expect=(201,))
    if response is None:
        return
    link = FolderLink(response.body["id"], response.body["token"], role, password)
    await user.ledger.write(user.name, "link_created", file=link.id, name=link.token, detail=role)
    if password:
        await user.ledger.write(user.name, "link_password_set", file=link.id, detail=password)
    drives.folder_links.append(link)
    user.counts["folder links created"] += 1


async def open_link(user: SimulatedUser) -> None:
    """Open a link without its session, with a wrong password, and with the right one. List the folder."""
    link = _take(user)
    if link is None:
        return
    if link.password:
        link.session = ""
        await _expect_status(user, link, "GET", user.rng.choice(("", "/files")), _NO_SESSION)
        if user.rng.random() < 0.3:
            await _expect_status(user, link, "POST", "/unlock", 401, body={"password": _new_password(user)})
    if await _unlock(user, link):
        if link.role == "viewer":
            await _list(user, link)
        else:
            await _expect_status(user, link, "GET", "/files", 404)
            await _expect_status(user, link, "POST", "/archives", 404, body={"ids": ["root"]})
        user.counts["folder links opened"] += 1
    user.drives.folder_links.append(link)


async def change_password(user: SimulatedUser) -> None:
    """Change the password of a link. The old password, the session and the archives must end."""
    link = _take(user, has_password=True)
    if link is None:
        return
    new = _new_password(user)
    await user.ledger.write(user.name, "link_password_requested", file=link.id, detail=new)
    path = f"/v1/links/{link.id}?drive_id={user.drives.work}"
    if await user.call("PATCH", path, {"password": new}, expect=(200,)) is None:
        return
    await user.ledger.write(user.name, "link_password_set", file=link.id, detail=new)
    old, link.password = link.password, new
    user.counts["passwords of links changed"] += 1
    if link.session:
        await _expect_status(user, link, "GET", "", _NO_SESSION)
    link.session = ""
    await _expect_status(user, link, "POST", "/unlock", 401, body={"password": old})
    await _end_archives(user, link)
    user.drives.folder_links.append(link)


async def archive_folder(user: SimulatedUser) -> None:
    """Create an archive of the folder of a link, download it and compare its files."""
    link = _take(user, role="viewer")
    if link is None:
        return
    if await _unlock(user, link):
        user.name_count += 1
        key = f"{user.name}-archive-{user.name_count}"
        await user.ledger.write(user.name, "link_download_requested", file=link.id)
        response = await user.retry(
            lambda: _send(user, link, "POST", "/archives", (201,), body={"ids": ["root"]}, key=key)
        )
        if response is not None:
            path = urlsplit(response.body["url"]).path
            await user.ledger.write(user.name, "link_downloaded", file=link.id)
            await user.ledger.write(user.name, "archive_created", file=link.id, name=path)
            link.archives.append(path)
            await _download_archive(user, link, path, response.body["size"])
    user.drives.folder_links.append(link)


async def upload(user: SimulatedUser) -> None:
    """Upload a file by an uploader link. The link must not show it."""
    link = _take(user, role="uploader")
    if link is None:
        return
    if await _unlock(user, link):
        begun = await _begin(user, link)
        if begun is not None and await put_bytes(user, begun.created, begun.content):
            await _complete(user, link, begun)
    user.drives.folder_links.append(link)


async def revoke_link(user: SimulatedUser) -> None:
    """Revoke a link, sometimes in the middle of an upload. Nothing must work by it any more."""
    link = _take(user)
    if link is None:
        return
    begun: _BegunUpload | None = None
    if link.role == "uploader" and await _unlock(user, link):
        begun = await _begin(user, link)
    await user.ledger.write(user.name, "link_revoke_requested", file=link.id)
    path = f"/v1/links/{link.id}?drive_id={user.drives.work}"
    # 404 after a lost response: the first request revoked the link.
    if await user.retry(lambda: user.call("DELETE", path, expect=(204, 404))) is None:
        return
    await user.ledger.write(user.name, "link_revoked", file=link.id)
    user.counts["folder links revoked"] += 1
    for path in ("", "/files"):
        await _expect_status(user, link, "GET", path, 404)
    await _expect_status(user, link, "POST", "/unlock", 404, body={"password": link.password})
    if begun is not None and await put_bytes(user, begun.created, begun.content):
        await _expect_status(user, link, "POST", f"/uploads/{begun.created['id']}/complete", 404)
    await _end_archives(user, link)


async def open_ended_archive(user: SimulatedUser) -> None:
    """Open an archive whose link was revoked, or got another password, some time ago."""
    if user.drives.ended_archives:
        await _expect_no_archive(user, user.rng.choice(user.drives.ended_archives))


async def _send(
    user: SimulatedUser,
    link: FolderLink,
    method: str,
    path: str,
    expect: Sequence[int],
    *,
    body: Json | None = None,
    key: str = "",
) -> ApiResponse | None:
    """Send a request below a link with its session, without a token. Return None if no service was able to answer it.

    A status that is not in `expect` is a violation, and None is returned.
    """
    headers = {"X-Link-Session": link.session} if link.session else {}
    headers |= {"Idempotency-Key": key} if key else {}
    response = await user.send(method, f"/v1/public/{link.token}{path}", body, headers)
    if response is None or response.status in (429, 503):
        return None
    if response.status == 409 and response.body.get("code") == "in_progress":
        return None
    if response.status not in expect:
        detail = f"a folder link: {method} {path}: {response.status} {str(response.body)[:300]}"
        await user.report_violation(detail, file=link.id)
        return None
    return response


async def _expect_status(
    user: SimulatedUser, link: FolderLink, method: str, path: str, status: int, *, body: Json | None = None
) -> None:
    """Send a request that must be refused with this status."""
    refused = await _send(user, link, method, path, (status,), body=body)
    user.counts["requests by folder links refused"] += refused is not None


async def _expect_no_archive(user: SimulatedUser, path: str) -> None:
    """Open an archive that must not exist any more."""
    response = await user.send("HEAD", path, None, {})
    if response is not None and response.status not in (404, 429, 503):
        await user.report_violation(f"an archive of a link that has ended: {response.status}")
    user.counts["ended archives refused"] += response is not None and response.status == 404


def _take(user: SimulatedUser, *, role: str = "", has_password: bool = False) -> FolderLink | None:
    """Take a link out of the list, so that no other step uses it meanwhile."""
    links = user.drives.folder_links
    found = [link for link in links if role in ("", link.role) and (link.password or not has_password)]
    if not found:
        return None
    link = user.rng.choice(found)
    links.remove(link)
    return link


def _new_password(user: SimulatedUser) -> str:
    user.name_count += 1
    return f"password of {user.name} for a link {user.name_count}"


async def _unlock(user: SimulatedUser, link: FolderLink) -> bool:
    """Get a session of a link with a password, if there is none. Return whether the link can be used."""
    if not link.password or link.session:
        return True
    response = await _send(user, link, "POST", "/unlock", (200,), body={"password": link.password})
    if response is not None:
        link.session = response.body["link_session"]
    return bool(link.session)


async def _list(user: SimulatedUser, link: FolderLink) -> None:
    response = await _send(user, link, "GET", "/files", (200,))
    if response is not None:
        listed = {item["name"]: item["size"] for item in response.body["items"]}
        if listed != {file.name: file.size for file in user.drives.files}:
            await user.report_violation(f"a link lists another folder: {listed}", file=link.id)


async def _begin(user: SimulatedUser, link: FolderLink) -> _BegunUpload | None:
    """Begin an upload by a link. Return None if no response confirmed it, or if it does not fit in the quota."""
    user.name_count += 1
    name = f"{user.name} received {user.name_count}.bin"
    content = user.rng.randbytes(user.rng.randint(1, 20_000))
    digest = hashlib.sha256(content)
    await user.ledger.write(
        user.name, "content_requested", name=name, parent=user.drives.work, sha256=digest.hexdigest()
    )
    body = {
        "name": name,
        "size": len(content),
        "content_type": "application/octet-stream",
        "sha256": base64.b64encode(digest.digest()).decode(),
    }
    response = await user.retry(lambda: _send(user, link, "POST", "/uploads", (201, 507), body=body, key=name))
    if response is None or response.status == 507:
        user.counts["quota exceeded"] += response is not None
        return None
    return _BegunUpload(response.body, name, content)


async def _complete(user: SimulatedUser, link: FolderLink, begun: _BegunUpload) -> None:
    path = f"/uploads/{begun.created['id']}/complete"
    response = await user.retry(lambda: _send(user, link, "POST", path, (200, 409)))
    if response is None or response.body.get("status") != "complete":
        if response is not None and response.body.get("code") == "not_uploaded":
            await user.report_violation("the store accepted the bytes, but complete returns not_uploaded", file=link.id)
        return
    file, sha256 = response.body["file_id"], hashlib.sha256(begun.content).hexdigest()
    recorded = {"name": begun.name, "parent": user.drives.work, "sha256": sha256}
    await user.ledger.write(user.name, "content_confirmed", file=file, **recorded)
    user.counts["files received by links"] += 1
    await _expect_status(user, link, "GET", f"/files/{file}/download", 404)


async def _download_archive(user: SimulatedUser, link: FolderLink, path: str, size: int) -> None:
    """Download an archive. If all of its bytes arrive, it must have the files of the folder."""
    try:
        async with user.http.get(user.api + path, timeout=REQUEST_TIMEOUT) as response:
            status, content = response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError):
        user.counts["archives without a complete response"] += 1
        return
    if status in (429, 503):
        return
    if status != 200 or len(content) != size:
        detail = f"an archive: {status}, {len(content)} bytes instead of {size}"
        await user.report_violation(detail, file=link.id)
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        found = {
            entry.filename.rpartition("/")[2]: hashlib.sha256(archive.read(entry)).hexdigest() for entry in entries
        }
    if found != {file.name: file.sha256 for file in user.drives.files}:
        await user.report_violation(f"an archive has other files: {sorted(found)}", file=link.id)
    user.counts["archives by links compared"] += 1


async def _end_archives(user: SimulatedUser, link: FolderLink) -> None:
    """Try the archives of a link that has ended, or that got another password."""
    for path in link.archives:
        await _expect_no_archive(user, path)
    user.drives.ended_archives += link.archives
    link.archives = []
