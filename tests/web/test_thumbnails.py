"""Thumbnails in the grid: shown when the worker has made them, and the icon for what has none."""

from __future__ import annotations

from playwright.async_api import expect

from ..thumbnail_samples import jpeg, noise_jpeg, pdf
from .conftest import Person
from .stored_files import store_file


async def test_pictures_and_documents_are_shown_in_the_grid_and_others_have_an_icon(person: Person) -> None:
    await store_file(person, "photo.jpg", jpeg(), "image/jpeg")
    await store_file(person, "document.pdf", pdf(), "application/pdf")
    await store_file(person, "damaged.jpg", noise_jpeg()[:20_000], "image/jpeg")
    await store_file(person, "notes.txt", b"hello")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Show as grid").click()

    def tile(name: str):  # type: ignore[no-untyped-def]
        return page.locator(".file-tile", has_text=name)

    for name, size in (("photo.jpg", [256, 192]), ("document.pdf", [128, 256])):
        image = tile(name).locator("img.file-thumbnail")
        await expect(image).to_be_visible()
        await expect(image).to_have_js_property("complete", True)
        assert await image.evaluate("(img) => [img.naturalWidth, img.naturalHeight]") == size
    for name in ("damaged.jpg", "notes.txt"):
        await expect(tile(name).locator(".item-icon")).to_be_visible()
        await expect(tile(name).locator("img")).to_have_count(0)
    person.problems = [problem for problem in person.problems if "404" not in problem]  # the damaged picture has none


async def test_a_new_version_has_a_new_picture(person: Person) -> None:
    await store_file(person, "photo.jpg", jpeg(640, 480), "image/jpeg")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Show as grid").click()
    image = page.locator("img.file-thumbnail")
    await expect(image).to_have_js_property("naturalHeight", 192)
    await store_file(person, "photo.jpg", jpeg(480, 640), "image/jpeg", on_conflict="replace")
    await expect(image).to_have_js_property("naturalHeight", 256)
