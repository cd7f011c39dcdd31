"""The preview of files in the browser: it shows, and never runs what is in a file."""

from __future__ import annotations

import base64
import io
import wave

from playwright.async_api import expect

from .conftest import Person, row
from .stored_files import HOSTILE_NAME, store_file

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HTML = b"<script>document.title = 'run'</script><h1>not a heading</h1>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="document.title = \'run\'"><script>alert(1)</script></svg>'


def sound() -> bytes:
    """Return a second of silence as a WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(bytes(8000))
    return written.getvalue()


async def test_images_and_texts_of_a_folder_follow_each_other(person: Person) -> None:
    await store_file(person, "a.png", PIXEL, "image/png")
    await store_file(person, "b.md", b"# Title\n*text*", "text/markdown")
    page = await person.open("/files/root")
    await row(page, "a.png").dblclick()
    preview = page.get_by_role("dialog", name="a.png")
    await expect(preview.get_by_role("img", name="a.png")).to_have_js_property("naturalWidth", 1)
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("dialog", name="b.md").get_by_text("# Title")).to_be_visible()
    await expect(page.get_by_role("button", name="Next file")).to_be_disabled()
    await page.get_by_role("button", name="Details").click()
    await expect(page.get_by_text("text/markdown")).to_be_visible()
    await expect(page.get_by_text("/b.md")).to_be_visible()
    url = page.url
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(row(page, "a.png")).to_be_visible()
    await page.wait_for_url("**/files/root")  # going back would abort the next navigation
    await page.goto(url)
    await expect(page.get_by_role("dialog", name="b.md").get_by_text("# Title")).to_be_visible()
    await page.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()


async def test_an_old_version_is_made_current_and_deleted(person: Person) -> None:
    file = await store_file(person, "a.txt", b"first words", "text/plain")
    await store_file(person, "a.txt", b"second words", "text/plain", on_conflict="replace")
    page = await person.open(f"/preview/{file}")
    await expect(page.get_by_text("second words")).to_be_visible()
    await page.get_by_role("button", name="Details").click()
    versions = page.get_by_role("region", name="Versions").get_by_role("listitem")
    await expect(versions).to_have_count(2)
    await versions.nth(1).get_by_role("button", name="Restore").click()
    await expect(page.get_by_text("first words")).to_be_visible()
    await expect(versions).to_have_count(3)
    await versions.nth(2).get_by_role("button", name="Delete for good").click()
    await page.get_by_role("dialog").last.get_by_role("button", name="Delete for good").click()
    await expect(versions).to_have_count(2)
    left = (await person.call("GET", f"/v1/files/{file}/versions"))["items"]
    assert [version["current"] for version in left] == [True, False]


async def test_what_a_browser_would_run_is_text(person: Person) -> None:
    page_file = await store_file(person, "page.html", HTML, "text/html")
    image_file = await store_file(person, "image.svg", SVG, "image/svg+xml")
    page = await person.open(f"/preview/{page_file}")
    await expect(page.get_by_text("<script>document.title", exact=False)).to_be_visible()
    await expect(page.get_by_role("heading", name="not a heading")).to_have_count(0)
    await person.open(f"/preview/{image_file}")
    await expect(page.get_by_text("<svg xmlns", exact=False)).to_be_visible()
    assert await page.locator("iframe, object, embed, dialog img, dialog svg").count() == 0
    assert "run" not in await page.title()


async def test_sound_can_be_moved_to_any_place(person: Person) -> None:
    file = await store_file(person, "beep.wav", sound(), "audio/wav")
    page = await person.open(f"/preview/{file}")
    await expect(page.locator("audio")).to_have_js_property("duration", 1)
    await page.locator("audio").evaluate("(audio) => { audio.currentTime = 0.5; }")
    await expect(page.locator("audio")).to_have_js_property("seeking", False)
    assert await page.locator("audio").evaluate("(audio) => audio.currentTime") == 0.5


async def test_sound_whose_url_has_expired_goes_on_where_it_was(person: Person) -> None:
    file = await store_file(person, "beep.wav", sound(), "audio/wav")
    page = await person.open(f"/preview/{file}")
    audio = page.locator("audio")
    await expect(audio).to_have_js_property("duration", 1)
    await audio.evaluate("(audio) => { audio.currentTime = 0.5; }")
    await expect(audio).to_have_js_property("seeking", False)
    await audio.evaluate("(audio) => { audio.dataset.isOld = ''; audio.dispatchEvent(new Event('error')); }")
    await expect(page.locator("audio:not([data-is-old])")).to_have_count(1)
    await expect(audio).to_have_js_property("currentTime", 0.5)
    await audio.evaluate("(audio) => { audio.dispatchEvent(new Event('error')); }")
    await expect(page.get_by_text("Your browser cannot show this file")).to_be_visible()


async def test_other_files_are_offered_for_download(person: Person) -> None:
    file = await store_file(person, HOSTILE_NAME, bytes(2 * 1024 * 1024), "text/plain")
    page = await person.open(f"/preview/{file}")
    await expect(page.get_by_role("dialog").get_by_role("heading", name=HOSTILE_NAME)).to_be_visible()
    await expect(page.get_by_text("There is no preview of this file")).to_be_visible()
    async with page.expect_download():
        await page.get_by_role("dialog").get_by_role("button", name="Download").first.click()


async def test_a_pdf_is_in_a_frame_of_the_store(person: Person) -> None:
    file = await store_file(person, "report.pdf", b"%PDF-1.4\n%%EOF", "application/pdf")
    page = await person.open(f"/preview/{file}")
    source = await page.locator("iframe.preview-pdf").get_attribute("src")
    assert source is not None
    assert not source.startswith(person.api)
