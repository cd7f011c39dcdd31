"""What tests of uploads share: choosing and dropping files, and the panel of uploads."""

from __future__ import annotations

from typing import Any

from playwright.async_api import FilePayload, Page

_DROP = """([selector, files]) => {
  const data = new DataTransfer();
  for (const { name, text } of files) data.items.add(new File([text], name, { type: 'text/plain' }));
  const target = document.querySelector(selector);
  for (const type of ['dragover', 'drop']) {
    target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def payload(name: str, body: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": body}


async def choose(page: Page, *files: FilePayload | str, button: str = "Upload") -> None:
    """Choose files in the file dialog of a button. A path of a folder is for the button of folders."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name=button, exact=True).first.click()
    chosen: Any = files[0] if button != "Upload" else list(files)
    await (await chooser.value).set_files(chosen)


async def drop(page: Page, files: dict[str, str], selector: str = ".files") -> None:
    """Drop files of the desktop on an element. Keys are names, values are texts."""
    await page.locator(selector).first.wait_for()
    await page.evaluate(_DROP, [selector, [{"name": name, "text": text} for name, text in files.items()]])


def panel(page: Page) -> Any:
    return page.get_by_role("region", name="Uploads")


def upload_row(page: Page, name: str) -> Any:
    return panel(page).get_by_role("listitem").filter(has_text=name)
