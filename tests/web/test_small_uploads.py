"""Many small files in the browser: they share requests, and each has its own result."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from drivebay.testing.client import eventually

from .conftest import WITHIN, Person, row
from .stored_files import store_file
from .uploading import choose, drop, panel, payload, upload_row

LARGE = 13 * 2**20
PARTS = 2
"""The number of parts of a file of `LARGE` bytes."""
COUNT = 60
AT_ONCE = 48
"""Small files that a tab sends at the same time."""
_COUNT_CHECKSUMS = """
  window.checksums = 0;
  window.Worker = class extends Worker {
    constructor(...options) {
      super(...options);
      this.addEventListener('message', () => (window.checksums += 1));
    }
  };
"""
_WAIT_CHECKSUMS = """(count) => new Promise((resolve) => {
  const look = () => (window.checksums >= count ? resolve() : setTimeout(look, 10));
  look();
})"""
"""A file with a checksum has begun, or waits for the request that runs."""
_LONG_PAUSES = """
  const start = window.setTimeout;
  window.setTimeout = (run, delay, ...more) => start(run, delay === 1000 ? 600_000 : delay, ...more);
"""
"""The pause before the first repetition lasts until the network returns."""


class Begins:
    """Holds the first request that begins an upload until `release`, and keeps the bodies of all such requests.

    The server handles the first `lost_answers` batches, but the browser gets no answer.
    """

    def __init__(self, lost_answers: int = 0) -> None:
        self.single: list[dict[str, Any]] = []
        self.batches: list[list[dict[str, Any]]] = []
        self.keys: list[str] = []
        self._lost_answers = lost_answers
        self._gate = asyncio.Event()
        self._answers = asyncio.Event()
        self._answers.set()
        self._lost = asyncio.Event()

    async def install(self, page: Page) -> None:
        await page.route("**/v1/uploads", self._hold)
        await page.route("**/v1/uploads/batch", self._note)
        page.on("requestfailed", lambda request: self._lost.set() if request.url.endswith("/batch") else None)

    def hold_answers(self) -> None:
        """Do not lose an answer before `release_answers`."""
        self._answers.clear()

    def release_answers(self) -> None:
        self._answers.set()

    async def wait_for_lost(self) -> None:
        """Wait until an answer is lost."""
        await self._lost.wait()

    def release(self) -> None:
        self._gate.set()

    async def _hold(self, route: Route) -> None:
        self.single.append(route.request.post_data_json)
        await self._gate.wait()
        await route.continue_()

    async def _note(self, route: Route) -> None:
        self.batches.append(route.request.post_data_json["uploads"])
        self.keys.append(route.request.headers["idempotency-key"])
        if len(self.batches) <= self._lost_answers:
            await route.fetch()
            await self._answers.wait()
            await route.abort("connectionreset")
        else:
            await route.continue_()


def names(count: int) -> dict[str, str]:
    return {f"{number:02}.txt": f"text {number}" for number in range(count)}


async def drop_while_held(page: Page, begins: Begins, files: dict[str, str]) -> None:
    """Drop files. All that run but the first wait for the next request when the first one is released."""
    await page.add_init_script(_COUNT_CHECKSUMS)
    await page.reload()
    await begins.install(page)
    async with page.expect_request("**/v1/uploads"):
        await drop(page, files)
    await page.evaluate(_WAIT_CHECKSUMS, min(AT_ONCE, len(files)))
    begins.release()


async def test_many_small_files_share_requests(person: Person) -> None:
    begins = Begins()
    await drop_while_held(person.page, begins, names(COUNT))
    await expect(panel(person.page).get_by_text(f"{COUNT} files uploaded")).to_be_visible()
    assert len(begins.batches[0]) == AT_ONCE - 1
    begun = [item["name"] for item in begins.single] + [item["name"] for batch in begins.batches for item in batch]
    assert sorted(begun) == sorted(names(COUNT))
    listed = await person.call("GET", "/v1/files?parent_id=root&limit=1000")
    assert {item["name"]: item["size"] for item in listed["items"]} == {
        name: len(text) for name, text in names(COUNT).items()
    }


async def test_a_lost_answer_begins_nothing_twice(person: Person) -> None:
    page, begins = person.page, Begins(lost_answers=1)
    await drop_while_held(page, begins, names(9))
    await expect(panel(page).get_by_text("9 files uploaded")).to_be_visible()
    assert begins.batches[0] == begins.batches[1]
    assert begins.keys[0] == begins.keys[1]
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert len((await person.call("GET", "/v1/files?parent_id=root"))["items"]) == 9


async def test_one_taken_name_fails_no_other_file(person: Person) -> None:
    await store_file(person, "05.txt", b"old")
    page, begins = person.page, Begins()
    await drop_while_held(page, begins, names(9))
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("There is already an item called “05.txt”.")).to_be_visible()
    await expect(panel(page).locator("[data-status=done]")).to_have_count(8)
    await dialog.get_by_role("button", name="Skip").click()
    await expect(upload_row(page, "05.txt")).to_contain_text("Skipped")
    await expect(row(page, "08.txt")).to_be_visible()
    assert (await person.call("GET", "/v1/files/by-path?path=/05.txt"))["size"] == 3


async def test_a_file_in_parts_is_completed_beside_small_ones(person: Person) -> None:
    """The completion of the first file is held until all are stored, so the others wait together."""
    page, gate = person.page, asyncio.Event()
    puts: list[str] = []

    async def hold(route: Route) -> None:
        await gate.wait()
        await route.continue_()

    await page.route(re.compile("/v1/uploads/[^/]+/complete$"), hold)
    page.on("requestfinished", lambda request: puts.append(request.url) if request.method == "PUT" else None)
    small = [payload(f"{number}.txt", b"text") for number in range(4)]
    await choose(page, payload("large.bin", os.urandom(LARGE)), *small)

    async def all_are_stored() -> bool:
        return len(puts) == len(small) + PARTS

    await eventually(all_are_stored, WITHIN / 1000)
    gate.set()
    await expect(panel(page).get_by_text("5 files uploaded")).to_be_visible()


async def test_an_answer_about_names_counts_after_a_lost_answer(person: Person) -> None:
    """The lost batch is repeated as it was, without the answer. The name that it found taken begins again with it."""
    for name in ("00.txt", "05.txt"):
        await store_file(person, name, b"old")
    page, begins = person.page, Begins(lost_answers=1)
    await drop_while_held(page, begins, names(9))
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("There is already an item called “00.txt”.")).to_be_visible()
    await dialog.get_by_role("button", name="Replace").click()
    await expect(panel(page).get_by_text("9 files uploaded")).to_be_visible()
    assert begins.batches[0] == begins.batches[1]
    for name in ("00.txt", "05.txt"):
        assert (await person.call("GET", f"/v1/files/by-path?path=/{name}"))["size"] == len(names(9)[name])


@pytest.mark.parametrize("when", ["while it runs", "before it is repeated", "after that, when it was paused"])
async def test_an_upload_that_is_cancelled_is_not_kept_by_the_others(person: Person, when: str) -> None:
    """The answer to the request that begins all of them is lost. The others repeat the request as it was."""
    page, begins = person.page, Begins(lost_answers=1)
    if when == "while it runs":
        begins.hold_answers()
    await page.add_init_script(_LONG_PAUSES)
    await drop_while_held(page, begins, names(9))
    given_up = upload_row(page, "05.txt")
    if when != "while it runs":
        await begins.wait_for_lost()
    is_late = when.startswith("after")
    await given_up.get_by_role("button", name="Pause 05.txt" if is_late else "Cancel the upload of 05.txt").click()
    begins.release_answers()
    await begins.wait_for_lost()
    await page.evaluate("window.dispatchEvent(new Event('online'))")  # it ends the pause before the repetition
    await expect(panel(page).locator("[data-status=done]")).to_have_count(8)
    if is_late:
        await given_up.get_by_role("button", name="Cancel the upload of 05.txt").click()
    await expect(given_up).to_contain_text("Cancelled")
    assert [item["name"] for item in begins.batches[1]] == [item["name"] for item in begins.batches[0]]

    async def nothing_is_left() -> bool:
        return not (await person.call("GET", "/v1/uploads?status=pending"))["items"]

    await eventually(nothing_is_left, WITHIN / 1000)
    listed = await person.call("GET", "/v1/files?parent_id=root")
    assert sorted(item["name"] for item in listed["items"]) == sorted(names(9).keys() - {"05.txt"})


async def test_a_single_upload_that_is_cancelled_after_a_lost_answer_is_removed(person: Person) -> None:
    page, begun = person.page, asyncio.Event()

    async def lose_first(route: Route) -> None:
        if begun.is_set():
            await route.continue_()
            return
        await route.fetch()
        await route.abort("connectionreset")
        begun.set()

    await page.add_init_script(_LONG_PAUSES)
    await page.reload()
    await page.route("**/v1/uploads", lose_first)
    await choose(page, payload("small.bin", b"x" * 1000))
    await begun.wait()
    assert len((await person.call("GET", "/v1/uploads?status=pending"))["items"]) == 1
    await page.get_by_role("button", name="Cancel the upload of small.bin").click()

    async def nothing_is_left() -> bool:
        return (await person.call("GET", "/v1/uploads?status=pending"))["items"] == []

    await eventually(nothing_is_left, WITHIN / 1000)
    assert (await person.call("GET", "/v1/files"))["items"] == []


@pytest.mark.parametrize("refused", [0, 1], ids=["all", "all but one that the server refuses"])
async def test_uploads_that_are_all_cancelled_are_removed(person: Person, refused: int) -> None:
    """The answer to the request that began them is lost, and no other upload repeats the request."""
    page, begins = person.page, Begins(lost_answers=1)
    removals = 0

    async def refuse_some(route: Route) -> None:
        nonlocal removals
        removals += route.request.method == "DELETE"
        if route.request.method == "DELETE" and removals <= refused:
            await route.fulfill(status=500, json={"code": "internal", "title": "", "status": 500})
        else:
            await route.fallback()

    await page.add_init_script(_LONG_PAUSES)
    await drop_while_held(page, begins, names(9))
    await page.route(re.compile("/v1/uploads/[^/]+$"), refuse_some)
    await begins.wait_for_lost()
    await expect(panel(page).locator("[data-status=done]")).to_have_count(1)
    assert len((await person.call("GET", "/v1/uploads?status=pending"))["items"]) == 8
    await panel(page).get_by_role("button", name="Close the list of uploads").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel the uploads").click()

    async def the_rest_is_removed() -> bool:
        return len((await person.call("GET", "/v1/uploads?status=pending"))["items"]) == refused

    await eventually(the_rest_is_removed, WITHIN / 1000)
    assert begins.keys[0] == begins.keys[1]
    assert [item["name"] for item in (await person.call("GET", "/v1/files?parent_id=root"))["items"]] == ["00.txt"]


async def test_a_reload_aborts_what_was_begun(person: Person) -> None:
    page = person.page
    store_is_asked = asyncio.Event()

    async def hold(route: Route) -> None:
        store_is_asked.set()  # no answer

    await page.route(lambda url: "X-Amz-Signature" in url, hold)
    await drop(page, names(1))
    await store_is_asked.wait()
    assert len((await person.call("GET", "/v1/uploads?status=pending"))["items"]) == 1
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    async with asyncio.timeout(WITHIN / 1000):
        while (await person.call("GET", "/v1/uploads?status=pending"))["items"]:
            pass
    await page.unroute_all()
    await drop(page, names(1))
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
