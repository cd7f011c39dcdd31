"""Steps on links to files of a shared drive: create, list, open without an account, and revoke.

The files of these links never change. So a request without an account must get a response that is known beforehand,
unless an earlier download had no response and may have been counted.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from .file_steps import get_object
from .shared_drives import ShareLink
from .simulated_user import ApiResponse, Json, SimulatedUser

_MAX_LINKS: Final = 30
"""Links of one user that are not revoked."""
_MAX_PARALLEL: Final = 4


async def create_link(user: SimulatedUser) -> None:
    """Create a link to a file, mostly with a limit of downloads."""
    if len(user.drives.links) >= _MAX_LINKS:
        return
    file = user.rng.choice(user.drives.files)
    maximum = user.rng.choice((0, 1, 2, 3, 8))
    user.name_count += 1
    name = f"{user.name} link {user.name_count}"
    body: Json = {"role": "viewer", "name": name} | ({"max_downloads": maximum} if maximum else {})
    path = f"/v1/files/{file.id}/links?drive_id={user.drives.work}"
    response = await user.post_with_key(path, body, name, expect=(201,))
    if response is not None:
        link = ShareLink(response.body["id"], response.body["token"], file, maximum)
        await user.ledger.write(user.name, "link_created", file=link.id, name=link.token, size=maximum)
        user.drives.links.append(link)
        user.counts["links created"] += 1


async def list_links(user: SimulatedUser) -> None:
    """List the links. Those that live must be in the list, and those that are revoked must not be."""
    live, revoked = {link.id for link in user.drives.links}, {link.id for link in user.drives.revoked_links}
    response = await user.call("GET", f"/v1/links?drive_id={user.drives.work}&limit=1000", expect=(200,))
    if response is None:
        return
    # Another step may have revoked a link meanwhile.
    live &= {link.id for link in user.drives.links}
    listed = {item["id"] for item in response.body["items"]}
    for id in live - listed:
        await user.report_violation("a link is not listed", file=id)
    for id in revoked & listed:
        await user.report_violation("a revoked link is listed", file=id)
    if any(item["url"] for item in response.body["items"]):
        await user.report_violation("a list of links contains a URL")


async def open_link(user: SimulatedUser) -> None:
    """Open a link without an account, and download its file, also several times at once."""
    if not user.drives.links:
        return
    link = user.drives.links.pop(user.rng.randrange(len(user.drives.links)))
    try:
        await _open(user, link)
        count = user.rng.randint(1, _MAX_PARALLEL)
        must_succeed = not link.maximum or link.downloads + link.uncertain + count <= link.maximum
        responses = await asyncio.gather(*(_download(user, link) for _ in range(count)))
        if must_succeed and any(response is not None and response.status == 404 for response in responses):
            await user.report_violation("a link with downloads left is refused", file=link.id)
        if link.maximum and link.downloads > link.maximum:
            await user.report_violation(f"{link.downloads} downloads, allowed are {link.maximum}", file=link.id)
        url = next((response.body["url"] for response in responses if response and response.status == 200), None)
        content = None if url is None else await get_object(user, url)
        if content is not None and hashlib.sha256(content).hexdigest() != link.file.sha256:
            await user.report_violation("a link returns other bytes", file=link.id)
    finally:
        user.drives.links.append(link)


async def revoke_link(user: SimulatedUser) -> None:
    """Revoke a link. The next request must be refused."""
    if not user.drives.links:
        return
    link = user.drives.links.pop(user.rng.randrange(len(user.drives.links)))
    await user.ledger.write(user.name, "link_revoke_requested", file=link.id)
    path = f"/v1/links/{link.id}?drive_id={user.drives.work}"
    # 404 after a lost response: the first request revoked the link.
    if await user.retry(lambda: user.call("DELETE", path, expect=(204, 404))) is not None:
        await user.ledger.write(user.name, "link_revoked", file=link.id)
        user.drives.revoked_links.append(link)
        user.counts["links revoked"] += 1
        await _try_revoked(user, link)


async def open_revoked_link(user: SimulatedUser) -> None:
    """Open a link that was revoked some time ago."""
    if user.drives.revoked_links:
        await _try_revoked(user, user.rng.choice(user.drives.revoked_links))


async def _open(user: SimulatedUser, link: ShareLink) -> None:
    """Open a link that is not revoked. It may have no download left."""
    response = await send_without_account(user, link, "")
    if response is None:
        return
    if response.status == 404:
        if not link.maximum or link.downloads + link.uncertain < link.maximum:
            await user.report_violation("a link with downloads left does not exist", file=link.id)
    elif response.body["name"] != link.file.name or response.body["size"] != link.file.size:
        await user.report_violation(f"a link shows another file: {response.body}", file=link.id)


async def _download(user: SimulatedUser, link: ShareLink) -> ApiResponse | None:
    """Request a download, which counts. Without a response, it may be counted or not."""
    await user.ledger.write(user.name, "link_download_requested", file=link.id)
    response = await send_without_account(user, link, "/download")
    if response is None:
        link.uncertain += 1
    elif response.status == 200:
        link.downloads += 1
        await user.ledger.write(user.name, "link_downloaded", file=link.id)
        user.counts["downloads by links"] += 1
    else:
        await user.ledger.write(user.name, "link_download_refused", file=link.id)
        user.counts["downloads by links refused"] += 1
    return response


async def _try_revoked(user: SimulatedUser, link: ShareLink) -> None:
    response = await send_without_account(user, link, user.rng.choice(("", "/download", "/files")))
    if response is not None and response.status != 404:
        await user.report_violation(f"a revoked link gives access: {response.status}", file=link.id)
    user.counts["uses of revoked links refused"] += response is not None and response.status == 404


async def send_without_account(user: SimulatedUser, link: ShareLink, path: str) -> ApiResponse | None:
    """Send a GET below a link without a token. Return None if no service was able to answer it."""
    response = await user.send("GET", f"/v1/public/{link.token}{path}", None, {})
    if response is None or response.status in (429, 503):
        return None
    if response.status not in (200, 404):
        await user.report_violation(f"a link: {response.status} {str(response.body)[:300]}", file=link.id)
        return None
    return response
