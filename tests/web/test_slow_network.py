"""Uploads over a slow network: the progress moves, an upload can be cancelled, and all bytes arrive."""

from __future__ import annotations

import os

from playwright.async_api import CDPSession, Page, expect

from .conftest import Person
from .test_uploads import stored
from .uploading import choose, panel, payload, upload_row

LARGE = 7 * 2**20
"""Bytes of a file that is sent in parts."""
SLOW = LARGE // 30
"""Bytes a second that the browser can send: a file needs 30 s, and no test waits for its end."""
UNLIMITED = -1


async def limit(session: CDPSession, rate: int) -> None:
    """Limit what the page sends to a rate, from now on, and delay each response by 0.1 s."""
    delay = 0 if rate == UNLIMITED else 100
    conditions = {"offline": False, "latency": delay, "downloadThroughput": UNLIMITED, "uploadThroughput": rate}
    await session.send("Network.emulateNetworkConditions", conditions)


async def slow_down(page: Page) -> CDPSession:
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await limit(session, SLOW)
    return session


async def see_progress(page: Page) -> None:
    """Wait until the progress of the upload has moved twice, before its end."""
    progress = upload_row(page, "large.bin").get_by_role("progressbar")
    shown = ["0"]
    while len(shown) < 3:
        await expect(progress).not_to_have_attribute("value", shown[-1])
        shown.append(str(await progress.get_attribute("value")))
    assert 0 < float(shown[1]) < float(shown[2]) < 1


async def test_an_upload_over_a_slow_network_moves_and_arrives_whole(person: Person) -> None:
    page, body = person.page, os.urandom(LARGE)
    session = await slow_down(page)
    await choose(page, payload("large.bin", body))
    await see_progress(page)
    await limit(session, UNLIMITED)
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert await stored(person, "large.bin") == body


async def test_an_upload_over_a_slow_network_is_cancelled(person: Person) -> None:
    page, body = person.page, os.urandom(1000)
    await slow_down(page)
    await choose(page, payload("large.bin", os.urandom(LARGE)))
    await see_progress(page)
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        await page.get_by_role("button", name="Cancel the upload of large.bin").click()
    assert (await deleted.value).status == 204
    await expect(upload_row(page, "large.bin")).to_contain_text("Cancelled")
    assert (await person.call("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
    await choose(page, payload("large.bin", body))
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert await stored(person, "large.bin") == body
