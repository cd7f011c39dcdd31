"""Uploads in the browser: drops, folders, parts, conflicts, the quota, lost connections, pause, cancel and reload."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Dialog, Page, Request, Route, expect

from drivebay.testing.world import World

from .conftest import Person, make_admin, row
from .uploading import choose, drop, panel, payload, upload_row

_DROP_BESIDE = """() => {
  const data = new DataTransfer();
  data.items.add(new File(['x'], 'beside.txt'));
  const isPrevented = (type) =>
    !document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  return { dragover: isPrevented('dragover'), drop: isPrevented('drop') };
}"""
LARGE = 13 * 2**20
"""Bytes of a file that is sent in several parts."""


async def stored(person: Person, name: str) -> bytes:
    """Return the bytes of a file of the root folder."""
    listed = await person.call("GET", f"/v1/files?parent_id=root&name={name}")
    signed = await person.call("GET", f"/v1/files/{listed['items'][0]['id']}/download")
    async with httpx.AsyncClient() as http:
        return (await http.get(signed["url"])).content


def is_part(request: Request) -> bool:
    return request.method == "PUT" and "partNumber=" in request.url


class HeldParts:
    """Lets the first part of an upload through and holds the others until `release`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._gate = asyncio.Event()

    async def install(self, page: Page) -> None:
        await page.route(lambda url: "partNumber=" in url, self._handle)

    def release(self) -> None:
        self._gate.set()

    async def _handle(self, route: Route) -> None:
        if "partNumber=1&" not in route.request.url + "&":
            await self._gate.wait()
        self.sent.append(route.request.url)
        await route.continue_()


def is_begin(request: Request) -> bool:
    return request.method == "POST" and "/v1/uploads" in request.url and request.url.count("/") == 4


class HeldBegins:
    """Holds the requests that begin an upload until `release`, and counts them."""

    def __init__(self) -> None:
        self.count = 0
        self._gate = asyncio.Event()

    async def install(self, page: Page) -> None:
        await page.route("**/v1/uploads*", self._handle)

    def release(self) -> None:
        self._gate.set()

    async def _handle(self, route: Route) -> None:
        if is_begin(route.request):
            self.count += 1
            await self._gate.wait()
        await route.continue_()


async def test_dropped_files_appear(person: Person) -> None:
    await drop(person.page, {"one.txt": "1", "two.txt": "22"})
    await expect(panel(person.page).get_by_text("2 files uploaded")).to_be_visible()
    await expect(row(person.page, "two.txt")).to_be_visible()
    assert await stored(person, "two.txt") == b"22"


async def test_a_whole_folder_keeps_its_structure(person: Person, tmp_path: Path) -> None:
    for path, text in {"photos/2026/a.txt": "a", "photos/b.txt": "b", "photos/2026/deep/c.txt": "c"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    await choose(person.page, str(tmp_path / "photos"), button="Upload folder")
    await expect(panel(person.page).get_by_text("3 files uploaded")).to_be_visible()
    file = await person.call("GET", "/v1/files/by-path?path=/photos/2026/deep/c.txt")
    assert file["size"] == 1
    await row(person.page, "photos").dblclick()
    await expect(row(person.page, "2026")).to_be_visible()
    await expect(row(person.page, "b.txt")).to_be_visible()


async def test_files_dropped_on_a_folder_go_into_it(person: Person) -> None:
    folder = await person.call("POST", "/v1/folders", {"name": "inbox", "parent_id": "root"})
    await expect(row(person.page, "inbox")).to_be_visible()
    await drop(person.page, {"note.txt": "n"}, f"[data-id='{folder['id']}']")
    await expect(panel(person.page).get_by_text("1 file uploaded")).to_be_visible()
    assert (await person.call("GET", "/v1/files/by-path?path=/inbox/note.txt"))["size"] == 1


async def test_a_large_file_goes_in_parts_with_checksums(person: Person) -> None:
    body = os.urandom(LARGE)
    parts: list[str] = []
    person.page.on("request", lambda request: parts.append(request.url) if is_part(request) else None)
    await choose(person.page, payload("large.bin", body))
    await expect(panel(person.page).get_by_text("1 file uploaded")).to_be_visible()
    assert len(parts) >= 2
    assert await stored(person, "large.bin") == body
    listed = await person.call("GET", "/v1/files?parent_id=root&name=large.bin")
    assert "parts_sha256" in await person.call("GET", f"/v1/files/{listed['items'][0]['id']}")


async def test_conflicts_are_asked_once_for_all(person: Person) -> None:
    page = person.page
    await drop(page, {"a.txt": "old", "b.txt": "old"})
    await expect(panel(page).get_by_text("2 files uploaded")).to_be_visible()
    await drop(page, {"a.txt": "new", "b.txt": "new"})
    await page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    await expect(panel(page).get_by_text("4 files uploaded")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert [await stored(person, name) for name in ("a.txt", "b.txt")] == [b"new", b"new"]
    await drop(page, {"a.txt": "third"})
    await page.get_by_role("dialog").get_by_role("button", name="Keep both").click()
    await expect(row(page, "a (1).txt")).to_be_visible()
    await drop(page, {"a.txt": "fourth"})
    await page.get_by_role("dialog").get_by_role("button", name="Skip").click()
    await expect(panel(page).get_by_text("Skipped")).to_be_visible()
    assert await stored(person, "a.txt") == b"new"


async def test_the_quota_is_told_before_bytes_move(web_world: World, person: Person) -> None:
    await make_admin(web_world, person)
    me = await person.call("GET", "/v1/me")
    await person.call("PATCH", f"/v1/admin/users/{me['id']}", {"limit_bytes": 1024})
    begun: list[str] = []
    person.page.on(
        "request", lambda request: begun.append(request.url) if request.url.endswith("/v1/uploads") else None
    )
    await drop(person.page, {"big.txt": "x" * 2048})
    await expect(person.page.get_by_text("These files have 2 KiB, but only 1 KiB are free")).to_be_visible()
    assert begun == []


@pytest.mark.slow
async def test_a_lost_connection_is_retried(person: Person) -> None:
    failures = 2

    async def fail_first(route: Route) -> None:
        nonlocal failures
        if is_part(route.request) and failures:
            failures -= 1
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await person.page.route(lambda url: "partNumber=" in url, fail_first)
    body = os.urandom(LARGE)
    await choose(person.page, payload("large.bin", body))
    await expect(panel(person.page).get_by_text("1 file uploaded")).to_be_visible()
    assert failures == 0
    assert await stored(person, "large.bin") == body


async def test_an_upload_pauses_and_continues(person: Person) -> None:
    page, held, body = person.page, HeldParts(), os.urandom(LARGE)
    await held.install(page)
    async with page.expect_response(lambda response: "partNumber=1&" in response.url + "&" and response.ok):
        await choose(page, payload("large.bin", body))
    await page.get_by_role("button", name="Pause large.bin").click()
    await expect(upload_row(page, "large.bin")).to_contain_text("Paused")
    held.release()
    await page.get_by_role("button", name="Continue large.bin").click()
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert await stored(person, "large.bin") == body


async def test_a_reload_warns_of_paused_uploads(person: Person) -> None:
    page, begins = person.page, HeldBegins()
    await begins.install(page)
    async with page.expect_request(is_begin):
        await choose(page, payload("small.bin", b"x"))
    await page.get_by_role("button", name="Pause small.bin").click()
    await expect(upload_row(page, "small.bin")).to_contain_text("Paused")
    begins.release()
    warnings: list[str] = []

    async def leave(dialog: Dialog) -> None:
        warnings.append(dialog.type)
        await dialog.accept()

    page.on("dialog", leave)
    await page.reload()
    assert warnings == ["beforeunload"]


async def test_files_dropped_beside_a_target_do_not_leave_the_app(person: Person) -> None:
    await expect(person.page.get_by_role("heading", name="My files")).to_be_visible()
    visitor_page = await person.new_page()
    await visitor_page.goto(f"{person.api}/s/unknown")
    await expect(visitor_page.get_by_text("does not work any more")).to_be_visible()
    for page in (person.page, visitor_page):
        assert await page.evaluate(_DROP_BESIDE) == {"dragover": True, "drop": True}
    await expect(panel(person.page)).to_have_count(0)


async def test_a_cancelled_upload_frees_its_bytes(person: Person) -> None:
    page, held = person.page, HeldParts()
    await held.install(page)
    async with page.expect_response(lambda response: "partNumber=1&" in response.url + "&" and response.ok):
        await choose(page, payload("large.bin", os.urandom(LARGE)))
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        await page.get_by_role("button", name="Cancel the upload of large.bin").click()
    assert (await deleted.value).status == 204
    held.release()
    assert (await person.call("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
    await expect(page.get_by_text("This folder is empty")).to_be_visible()


async def test_an_upload_that_is_cancelled_while_it_begins_leaves_nothing(person: Person) -> None:
    page, begins = person.page, HeldBegins()
    await begins.install(page)
    async with page.expect_request(is_begin):
        await choose(page, payload("small.bin", b"x" * 1000))
    await page.get_by_role("button", name="Cancel the upload of small.bin").click()
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        begins.release()
    assert (await deleted.value).status == 204
    assert (await person.call("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
    assert (await person.call("GET", "/v1/files"))["items"] == []


async def test_an_upload_that_is_paused_while_it_begins_runs_once(person: Person) -> None:
    page, begins = person.page, HeldBegins()
    await begins.install(page)
    async with page.expect_request(is_begin):
        await choose(page, payload("small.bin", b"x" * 1000))
    await page.get_by_role("button", name="Pause small.bin").click()
    await page.get_by_role("button", name="Continue small.bin").click()
    begins.release()
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert begins.count == 1
    assert await stored(person, "small.bin") == b"x" * 1000


@pytest.mark.slow
async def test_a_refused_part_stops_the_others(person: Person) -> None:
    page = person.page

    async def refuse_first(route: Route) -> None:
        if "partNumber=1&" in route.request.url + "&":
            await refused.wait()
            await route.fulfill(status=400)

    refused = asyncio.Event()
    await page.route(lambda url: "partNumber=" in url, refuse_first)  # the others get no answer
    async with page.expect_request(lambda request: "partNumber=2&" in request.url + "&"):
        await choose(page, payload("large.bin", os.urandom(LARGE)))
    async with page.expect_event("requestfailed", is_part):
        refused.set()
    await expect(upload_row(page, "large.bin")).to_contain_text("The store refused the file")
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        await page.get_by_role("button", name="Close the list of uploads").click()
    assert (await deleted.value).status == 204
    assert (await person.call("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


@pytest.mark.slow
async def test_an_unfinished_upload_that_is_forgotten_frees_its_bytes(person: Person) -> None:
    page, held = person.page, HeldParts()
    await held.install(page)
    async with page.expect_response(lambda response: "partNumber=1&" in response.url + "&" and response.ok):
        await choose(page, payload("large.bin", os.urandom(LARGE)))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    held.release()
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        await page.get_by_role("button", name="Forget the upload of large.bin").click()
    assert (await deleted.value).status == 204
    assert (await person.call("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


async def test_a_reload_warns_and_the_same_file_continues(person: Person, tmp_path: Path) -> None:
    page, held = person.page, HeldParts()
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(LARGE))
    await held.install(page)
    async with page.expect_response(lambda response: "partNumber=1&" in response.url + "&" and response.ok):
        await choose(page, str(file))
    warnings: list[str] = []

    async def leave(dialog: Dialog) -> None:
        warnings.append(dialog.type)
        await dialog.accept()

    page.on("dialog", leave)
    await page.reload()
    assert warnings == ["beforeunload"]
    held.release()
    await expect(upload_row(page, "large.bin")).to_contain_text("Choose the file again")
    before = sum("partNumber=1&" in url + "&" for url in held.sent)
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose large.bin again to continue").click()
    await (await chooser.value).set_files(str(file))
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert sum("partNumber=1&" in url + "&" for url in held.sent) == before
    assert await stored(person, "large.bin") == file.read_bytes()


async def test_a_reload_keeps_an_upload_that_is_just_being_continued(person: Person, tmp_path: Path) -> None:
    """Before the answer about it, the page does not know that the upload goes in parts."""
    page, held = person.page, HeldParts()
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(LARGE))
    await held.install(page)
    async with page.expect_response(lambda response: "partNumber=1&" in response.url + "&" and response.ok):
        await choose(page, str(file))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    (upload,) = (await person.call("GET", "/v1/uploads?status=pending"))["items"]
    asked = asyncio.Event()

    async def no_answer(route: Route) -> None:
        asked.set()

    await page.route(f"**/v1/uploads/{upload['id']}", no_answer)
    deleted: list[str] = []
    page.on("request", lambda request: deleted.append(request.url) if request.method == "DELETE" else None)
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose large.bin again to continue").click()
    await (await chooser.value).set_files(str(file))
    await asked.wait()
    await page.reload()
    await expect(upload_row(page, "large.bin")).to_contain_text("Choose the file again")
    assert deleted == []
    assert [each["id"] for each in (await person.call("GET", "/v1/uploads?status=pending"))["items"]] == [upload["id"]]


async def test_a_checksum_worker_that_cannot_be_loaded_is_loaded_again(person: Person) -> None:
    page = person.page
    failed = asyncio.Event()

    async def fail_once(route: Route) -> None:
        if failed.is_set():
            await route.continue_()
        else:
            failed.set()
            await route.abort("connectionreset")

    await page.context.route("**/checksum_worker.js", fail_once)
    await choose(page, payload("small.bin", b"bytes"))
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    assert failed.is_set()
    assert await stored(person, "small.bin") == b"bytes"
