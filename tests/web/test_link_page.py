"""The public page of a link in the browser of somebody without an account."""

from __future__ import annotations

import asyncio
import os
import re
import zipfile
from pathlib import Path

import httpx
from playwright.async_api import Request, Route, expect

from .conftest import Person
from .stored_files import HOSTILE_NAME, store_file, store_folder


async def create_link(person: Person, file: str, **options: object) -> tuple[str, str]:
    """Return the path of a new link, and its id."""
    link = await person.call("POST", f"/v1/files/{file}/links", options)
    return f"/s/{link['token']}", link["id"]


async def test_a_folder_is_listed_and_its_files_are_saved(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Press")
    inner = await store_folder(person, "Photos & more", folder)
    await store_file(person, "deep.txt", b"deep", parent_id=inner)
    await store_file(person, HOSTILE_NAME, b"x", parent_id=folder)
    path, _ = await create_link(person, folder)
    page = await visitor.open(path)
    await expect(page.get_by_text(HOSTILE_NAME, exact=True)).to_be_visible()
    await page.get_by_role("link", name="Photos & more").click()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download deep.txt").click()
    assert Path(await (await download.value).path()).read_bytes() == b"deep"
    await page.reload()
    await page.get_by_role("navigation", name="Folders").get_by_role("link", name="Press").click()
    await expect(page.get_by_role("link", name="Photos & more")).to_be_visible()
    assert await page.title() == "Press"


async def test_a_folder_is_saved_as_one_zip_file(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Press")
    inner = await store_folder(person, "Photos & more", folder)
    await store_file(person, "deep.txt", b"deep", parent_id=inner)
    await store_file(person, "top.txt", b"top", parent_id=folder)
    path, _ = await create_link(person, folder)
    page = await visitor.open(path)
    for name, saved, entries in (
        ("Download all as ZIP", "Press.zip", {"Press/top.txt", "Press/Photos & more/deep.txt"}),
        ("Download Photos & more", "Photos & more.zip", {"Photos & more/deep.txt"}),
    ):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=name).click()
        assert (await download.value).suggested_filename == saved
        with zipfile.ZipFile(await (await download.value).path()) as archive:
            assert {each for each in archive.namelist() if not each.endswith("/")} == entries


async def test_a_file_is_saved_until_the_link_ends(person: Person, visitor: Person) -> None:
    file = await store_file(person, "report.txt", b"the report")
    path, link = await create_link(person, file)
    page = await visitor.open(path)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    assert (await download.value).suggested_filename == "report.txt"
    await person.call("DELETE", f"/v1/links/{link}")
    await page.get_by_role("button", name="Download").click()
    await expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()


async def test_files_of_a_link_are_shown_and_each_has_a_url(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Press")
    await store_file(person, "a.txt", b"first words", parent_id=folder)
    await store_file(person, "b.html", b"<h1>not a heading</h1>", "text/html", parent_id=folder)
    path, link = await create_link(person, folder)
    page = await visitor.open(path)
    await page.get_by_role("button", name="a.txt", exact=True).click()
    await expect(page.get_by_role("dialog", name="a.txt").get_by_text("first words")).to_be_visible()
    await expect(page.get_by_role("button", name="Details")).to_have_count(0)
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("dialog", name="b.html").get_by_text("<h1>not a heading</h1>")).to_be_visible()
    url = page.url
    async with page.expect_download():
        await page.get_by_role("dialog").get_by_role("button", name="Download").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page).to_have_url(visitor.api + path)
    await page.goto(url)
    await expect(page.get_by_role("dialog", name="b.html")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="a.txt", exact=True)).to_be_visible()
    (listed,) = (await person.call("GET", f"/v1/files/{folder}/links"))["items"]
    assert (listed["id"], listed["downloads"]) == (link, 4)


async def test_a_link_to_one_file_shows_it(person: Person, visitor: Person) -> None:
    file = await store_file(person, "report.txt", b"the report")
    path, _ = await create_link(person, file, max_downloads=1)
    page = await visitor.open(path)
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("dialog", name="report.txt").get_by_text("the report")).to_be_visible()
    await page.get_by_role("dialog").get_by_role("button", name="Download").click()
    await expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()


async def test_a_password_opens_the_link_in_this_tab(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Secret plans")
    await store_file(person, "plan.txt", b"plan", parent_id=folder)
    path, _ = await create_link(person, folder, password="open sesame")
    page = await visitor.open(path)
    await expect(page.get_by_text("Secret plans")).to_have_count(0)
    await page.get_by_label("Password of the link").fill("open barley")
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_text("The password is wrong")).to_be_visible()
    await page.get_by_label("Password of the link").fill("open sesame")
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_text("plan.txt")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Password of the link")).to_be_visible()


async def test_a_drop_folder_takes_files_and_shows_none(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Applications")
    await store_file(person, "earlier.txt", b"earlier", parent_id=folder)
    path, _ = await create_link(person, folder, role="uploader")
    page = await visitor.open(path)
    large = bytes(range(256)) * 4 * 1024 * 7  # above the threshold of uploads in parts
    files = [
        {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"dear all"},
        {"name": "large.bin", "mimeType": "application/octet-stream", "buffer": large},
    ]
    await page.get_by_test_id("link-files").set_input_files(files)  # type: ignore[arg-type]
    await expect(page.get_by_text("2 of 2 files uploaded")).to_be_visible()
    await expect(page.get_by_text("earlier.txt")).to_have_count(0)
    listed = await person.call("GET", f"/v1/files?parent_id={folder}&sort=name")
    assert {item["name"]: item["size"] for item in listed["items"]} == {
        "earlier.txt": 7,
        "large.bin": len(large),
        "letter.txt": 8,
    }


async def test_a_retry_sends_only_the_parts_that_are_missing(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Applications")
    path, _ = await create_link(person, folder, role="uploader")
    begun: list[str] = []
    sent: list[str] = []
    refuses = True

    async def send(route: Route) -> None:
        if refuses and "partNumber=2&" in route.request.url + "&":
            await first_is_stored.wait()
            await route.fulfill(status=400)
            return
        sent.append(route.request.url)
        await route.continue_()

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/uploads"):
            begun.append(request.headers["idempotency-key"])

    first_is_stored = asyncio.Event()
    page = await visitor.open(path)
    page.on("request", note)
    await page.route(lambda url: "partNumber=" in url, send)
    large = os.urandom(13 * 2**20)
    parts = re.compile(r"partNumber=\d+")
    async with page.expect_response(lambda response: "partNumber=1&" in response.url + "&" and response.ok):
        await page.get_by_test_id("link-files").set_input_files(
            {"name": "large.bin", "mimeType": "application/octet-stream", "buffer": large}
        )
    first_is_stored.set()
    again = page.get_by_role("listitem").filter(has_text="large.bin").get_by_role("button", name="Try again")
    await expect(again).to_be_visible()
    refuses = False
    await again.click()
    await expect(page.get_by_text("1 of 1 files uploaded")).to_be_visible()
    numbers = [match[0] for url in sent if (match := parts.search(url))]
    assert sorted(numbers) == ["partNumber=1", "partNumber=2"]
    assert len(begun) == 1
    (file,) = (await person.call("GET", f"/v1/files?parent_id={folder}"))["items"]
    assert file["size"] == len(large)


async def test_a_link_whose_password_changes_asks_for_it_in_place(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Applications")
    path, link = await create_link(person, folder, role="uploader", password="open sesame")
    page = await visitor.open(path)
    await page.get_by_label("Password of the link").fill("open sesame")
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_role("heading", name="Applications")).to_be_visible()
    await person.call("PATCH", f"/v1/links/{link}", {"password": "open barley"})
    await page.get_by_test_id("link-files").set_input_files(
        {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"dear all"}
    )
    dialog = page.get_by_role("dialog", name="This link has a password")
    await dialog.get_by_label("Password of the link").fill("open barley")
    await dialog.get_by_role("button", name="Open").click()
    await expect(page.get_by_text("1 of 1 files uploaded")).to_be_visible()
    await expect(dialog).to_have_count(0)


async def test_an_editor_sees_what_was_uploaded(person: Person, visitor: Person) -> None:
    folder = await store_folder(person, "Together")
    path, _ = await create_link(person, folder, role="editor")
    page = await visitor.open(path)
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await page.get_by_test_id("link-files").set_input_files(
        {"name": "new.txt", "mimeType": "text/plain", "buffer": b"new"}
    )
    await expect(page.get_by_role("button", name="Download new.txt")).to_be_visible()


async def test_an_unknown_link_says_what_to_do(visitor: Person) -> None:
    page = await visitor.open("/s/unknown")
    await expect(page.get_by_text("ask the person who sent it")).to_be_visible()


async def test_clients_that_want_no_page_are_redirected(person: Person) -> None:
    folder = await store_folder(person, "Press")
    path, _ = await create_link(person, folder)
    async with httpx.AsyncClient(base_url=person.api) as http:
        redirect = await http.get(path)
        page = await http.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (redirect.status_code, redirect.headers["location"]) == (302, path.replace("/s/", "/v1/public/"))
    assert redirect.headers["vary"] == "Accept"
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["referrer-policy"] == "no-referrer"
