"""The web app in Chromium: the first page, long lists, uploads and the command line, memory of the tab.

One process serves everything on the same machine as the browser. Each figure is the median of `runs` runs, in which the
browser and the command line take turns.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from drivebay.testing.chromium import find_browser
from drivebay.testing.client import Client
from drivebay.testing.world import World

from . import browser_lists, seed
from .bench_world import BenchServers, users
from .report import Report, median

MIB: Final = 2**20
_ENTRIES: Final = 10_000
_SMALL_FILES: Final = 1000
_SMALL: Final = 4096
_WITHIN: Final = 3_600_000.0
_NOTE_FIRST: Final = """(selector) => {
  const note = () => {
    if (window.firstShown || !document.querySelector(selector)) return;
    // After two frames, what was rendered has been painted.
    requestAnimationFrame(() => requestAnimationFrame(() => (window.firstShown = performance.now())));
  };
  new MutationObserver(note).observe(document, { childList: true, subtree: true });
}"""
_WAIT_FIRST: Final = """() => new Promise((resolve) => {
  const look = () => (window.firstShown ? resolve() : requestAnimationFrame(look));
  look();
})"""
"""Not `wait_for_function`: it makes code from text, which the policy of the page forbids."""
_WEIGHT: Final = """() => performance.getEntries()
  .filter((entry) => ['navigation', 'resource'].includes(entry.entryType) && !entry.name.includes('/v1/'))
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""
_AFTER_ANSWER: Final = """() => {
  const lists = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/v1/files?'));
  return window.firstShown - lists[0].responseEnd;
}"""

_WAIT_UPLOADED: Final = """(text) => new Promise((resolve) => {
  const look = () => {
    if (document.querySelector('.uploads-total strong')?.textContent !== text) return;
    watch.disconnect();
    resolve();
  };
  const watch = new MutationObserver(look);
  watch.observe(document.body, { childList: true, characterData: true, subtree: true });
  look();
})"""
"""Not `expect`: to look for a role, it reads the whole page again and again, in the thread that sends the files."""


@dataclass(frozen=True)
class Options:
    """Size in GiB of the file that is timed, and of the one for the memory of the tab, and the runs of each."""

    gib: float = 1.0
    memory_gib: float = 4.0
    runs: int = 3


def browser_path() -> str:
    """Return the path of the system's Chromium. Ends the program without one."""
    found = find_browser(whole=True)
    if found is None:
        raise SystemExit("browser needs Chromium: apt-get install chromium")
    return found


async def measure(bench_servers: BenchServers, report: Report, options: Options) -> None:
    expect.set_options(timeout=_WITHIN)
    async with (
        bench_servers.world("one", DRIVEBAY_ACCESS_TOKEN_TTL="1d", DRIVEBAY_UPLOAD_TTL="1h") as world,
        users(world, 3) as (one, other, third),
        _open_browser() as browser,
    ):
        other_id = str((await other.ok("GET", "/v1/me"))["id"])
        await seed.files(bench_servers.database_url, other_id, _ENTRIES, _ENTRIES)
        await _first_page(browser, world, one, report, options)
        await _list(browser, world, other, report, options)
        third_id = str((await third.ok("GET", "/v1/me"))["id"])
        many = browser_lists.MANY_ENTRIES
        await seed.files(bench_servers.database_url, third_id, many, many)
        async with _signed_in(browser, world, one) as context:
            await browser_lists.measure_changes(context, world, one, report)
        async with _signed_in(browser, world, third) as context:
            await browser_lists.measure_scrolling(context, world, report)
        uploads = _Uploads(bench_servers, world, one, browser, options)
        await uploads.measure_large(report)
        await uploads.measure_small(report)
        await uploads.measure_memory(report)


@asynccontextmanager
async def _open_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # The sandbox of Chromium does not start as root.
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield browser
        await browser.close()


@asynccontextmanager
async def _signed_in(browser: Browser, world: World, user: Client) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(_WITHIN)
    page = await context.new_page()
    await page.goto(f"{world.api}/sign-in")
    await page.get_by_label("Email address").fill(user.email)
    await page.get_by_label("Password").fill(user.password)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()
    await page.close()
    yield context
    await context.close()


async def _open_cold(context: BrowserContext, url: str, selector: str) -> Page:
    """Open a page without the cache, and wait until something that matches the selector has been painted."""
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await page.add_init_script(f"({_NOTE_FIRST})({selector!r})")
    await page.goto(url)
    await page.evaluate(_WAIT_FIRST)
    return page


async def _first_page(browser: Browser, world: World, user: Client, report: Report, options: Options) -> None:
    """The files of a user, and the sign-in, without a cache."""
    async with _signed_in(browser, world, user) as context:
        for name, url, selector in (
            ("first page: files", f"{world.api}/", ".empty, [role=grid] [role=row]"),
            ("first page: sign-in", f"{world.api}/sign-in?next=/", "input[name=email], .empty"),
        ):
            seconds: list[float] = []
            weight, requests = 0.0, 0
            for _ in range(options.runs):
                if "sign-in" in url:
                    await context.clear_cookies()
                    with suppress(Exception):
                        await context.pages[0].close()
                page = await _open_cold(context, url, selector)
                seconds.append(float(await page.evaluate("window.firstShown")) / 1000)
                weight = float(await page.evaluate(_WEIGHT)) / 1024
                requests = await page.evaluate("performance.getEntriesByType('resource').length")
                await page.close()
            report.add(
                name,
                goal="120 KiB, interactive in 1 s",
                met=weight <= 120 and median(seconds) < 1,
                kib=round(weight, 1),
                seconds=round(median(seconds), 3),
                requests=requests,
            )


async def _list(browser: Browser, world: World, user: Client, report: Report, options: Options) -> None:
    async with _signed_in(browser, world, user) as context:
        after: list[float] = []
        for _ in range(options.runs):
            page = await _open_cold(context, f"{world.api}/files/root", "[role=grid] [role=row]")
            after.append(float(await page.evaluate(_AFTER_ANSWER)))
            await page.close()
        report.add(
            f"first list of {_ENTRIES:,} entries, after the answer of the API",
            goal="300 ms",
            met=median(after) < 300,
            ms=round(median(after), 1),
            longest_ms=round(max(after), 1),
        )


@dataclass
class _Uploads:
    bench_servers: BenchServers
    world: World
    user: Client
    browser: Browser
    options: Options

    async def measure_large(self, report: Report) -> None:
        size = int(self.options.gib * 1024) * MIB
        source = self.bench_servers.folder / "large.bin"
        await asyncio.to_thread(_write_random, source, size)
        browser: list[float] = []
        command: list[float] = []
        for number in range(self.options.runs):
            command.append(await self._put("put", str(source), "--name", f"command-{number}.bin"))
            _change(source)
            browser.append(await self._upload([source], "1 file uploaded", number))
            _change(source)
        rate, other = size / MIB / median(browser), size / MIB / median(command)
        report.add(
            f"upload of one file of {self.options.gib:g} GiB",
            goal="0.9 of the command line's rate",
            met=rate / other >= 0.9,
            of_command_line=round(rate / other, 2),
            mib_per_second=round(rate, 1),
            command_line_mib_per_second=round(other, 1),
        )
        source.unlink()

    async def measure_small(self, report: Report) -> None:
        folder = self.bench_servers.folder / "small"
        folder.mkdir()
        for number in range(_SMALL_FILES):
            (folder / f"{number:04}.bin").write_bytes(os.urandom(_SMALL))
        files = sorted(folder.iterdir())
        browser: list[float] = []
        command: list[float] = []
        for number in range(self.options.runs):
            command.append(await self._put("put", *map(str, files), "--to", f"/command-{number}", "-p"))
            _change(*files)
            browser.append(await self._upload(files, f"{_SMALL_FILES} files uploaded", number))
            _change(*files)
        rate, other = _SMALL_FILES / median(browser), _SMALL_FILES / median(command)
        report.add(
            f"upload of {_SMALL_FILES:,} files of 4 KiB",
            goal="0.5 of the command line's rate",
            met=rate / other >= 0.5,
            of_command_line=round(rate / other, 2),
            files_per_second=round(rate, 1),
            command_line_files_per_second=round(other, 1),
        )

    async def measure_memory(self, report: Report) -> None:
        source = self.bench_servers.folder / "sparse.bin"
        with source.open("wb") as file:
            file.truncate(int(self.options.memory_gib * 1024) * MIB)
        memory: dict[str, float] = {}
        await self._upload([source], "1 file uploaded", 0, memory)
        source.unlink()
        growth = memory["peak"] - memory["first"]
        report.add(
            f"memory of the tab while a file of {self.options.memory_gib:g} GiB is sent",
            goal="grows by at most 256 MiB",
            met=growth <= 256,
            before_mib=round(memory["first"]),
            peak_mib=round(memory["peak"]),
        )

    async def _upload(self, files: list[Path], done: str, number: int, memory: dict[str, float] | None = None) -> float:
        """Choose files in a new folder, and return the seconds until the page says that they are uploaded."""
        folder = await self.user.ok("POST", "/v1/folders", {"path": f"/browser-{len(files)}-{number}"})
        async with _signed_in(self.browser, self.world, self.user) as context:
            page = await context.new_page()
            await page.goto(f"{self.world.api}/files/{folder['id']}")
            async with page.expect_file_chooser() as chooser:
                await page.get_by_role("button", name="Upload", exact=True).first.click()
            watch = None if memory is None else asyncio.create_task(_watch_memory(memory))
            began = time.monotonic()
            await (await chooser.value).set_files(files)
            await page.evaluate(_WAIT_UPLOADED, done)
            seconds = time.monotonic() - began
            if watch is not None:
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch
        return seconds

    async def _put(self, *arguments: str) -> float:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.bench_servers.folder),
            "DRIVEBAY_SERVER": self.world.api,
            "DRIVEBAY_TOKEN": self.user.tokens["access_token"],
        }
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("drivebay")),
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"drivebay {arguments[0]}: {err.decode()[-2000:]}")
        return time.monotonic() - began


async def _watch_memory(memory: dict[str, float]) -> None:
    """Keep the first and the highest memory of all tabs, in MiB, until it is cancelled. Shared pages count in part."""
    me = psutil.Process()
    while True:
        used = await asyncio.to_thread(_tab_memory, me)
        memory.setdefault("first", used)
        memory["peak"] = max(memory.get("peak", 0.0), used)
        await asyncio.sleep(0.25)


def _tab_memory(root: psutil.Process) -> float:
    used = 0.0
    for process in root.children(recursive=True):
        with suppress(psutil.Error):
            if "--type=renderer" in process.cmdline():
                used += process.memory_full_info().pss / MIB
    return used


def _change(*files: Path) -> None:
    """Change the first bytes of files. Equal files would be instant uploads."""
    for path in files:
        with path.open("r+b") as file:
            file.write(os.urandom(16))


def _write_random(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for _ in range(size // (16 * MIB)):
            file.write(os.urandom(16 * MIB))
