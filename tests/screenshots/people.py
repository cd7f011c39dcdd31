"""The accounts of the pictures, and what they store and share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.async_api import Browser

from drivebay.client import AsyncDrive, File
from drivebay.testing.world import World

from .landscapes import photograph

LOOKS = {"light": "2025", "dark": "2026"}
"""Each look, and the folder that its uploads go to: with one folder, the second look would find the names taken."""
PASSWORD = "correct horse battery"
ADA = "ada@example.com"
GRACE = "grace@example.com"
LINUS = "linus@example.com"
NAMES = {ADA: "Ada Lovelace", GRACE: "Grace Hopper", LINUS: "Linus Park"}
PHOTOS = {
    "Lake at dawn.jpg": ("dawn", 3),
    "Hills at noon.jpg": ("noon", 5),
    "Last light.jpg": ("evening", 8),
    "Fog in the valley.jpg": ("fog", 13),
    "Second morning.jpg": ("dawn", 21),
    "The pass.jpg": ("noon", 34),
    "Above the clouds.jpg": ("fog", 55),
    "Camp.jpg": ("evening", 89),
}
LONG_NAME = (
    "Minutes of the meeting about the minutes of the meeting of the committee for the review of the minutes, final.docx"
)
TABLE = "month,revenue,cost\n" + "".join(f"2026-{month:02},{90 + month},{70 + month}\n" for month in range(1, 12))
NOTES = """# Plan

Five days in the mountains, from hut to hut.

- book the train
- ask Grace about the tent
- maps, lamps, soup

## Days

1. Train to the lake, boat to the first hut
2. Over the pass, if the weather is good
3. Rest
4. Along the ridge
5. Down to the valley, and home
"""


@dataclass(frozen=True)
class Seeded:
    """What the views open: ids of items, and the path of a public link. `press` has an empty folder for each look."""

    photos: str
    photo: str
    plan: str
    press: dict[str, str]
    link: str


async def seed(world: World, browser: Browser) -> Seeded:
    """Create the accounts and their files."""
    async with AsyncDrive(world.api) as ada, AsyncDrive(world.api) as grace, AsyncDrive(world.api) as linus:
        for drive, email in ((ada, ADA), (grace, GRACE), (linus, LINUS)):
            await drive.sign_up(email, PASSWORD)
            await drive.log_in(email, PASSWORD)
            await drive.update_account(display_name=NAMES[email])
        status, out, err = await world.command("admin", "create", ADA)
        assert status == 0, out + err
        photos = await _photos(ada, browser)
        photo = await ada.resolve(f"/Photos/{next(iter(PHOTOS))}")
        await _reports(ada)
        plan = await _other_files(ada)
        press = {
            look: (await ada.make_folder(f"/Archive/{year}/For the press", parents=True)).id
            for look, year in LOOKS.items()
        }
        holiday = await grace.make_folder("/Holiday plans")
        await grace.upload(NOTES.encode(), holiday, "packing list.md")
        await grace.share(holiday, ADA, "editor")
        await ada.share("/Photos", GRACE, "editor")
        await ada.share("/Photos", LINUS)
        await ada.create_link("/Reports", name="for the accountant", password=PASSWORD, max_downloads=20)
        link = await ada.create_link("/Photos", name="for the family", expires_at=_ago(-30))
        team = await ada.create_drive("Team")
        await ada.set_member(team.id, GRACE, "manager")
        await ada.set_member(team.id, LINUS, "viewer")
        return Seeded(photos.id, photo.id, plan.id, press, link.url.removeprefix(world.api))


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def _photos(ada: AsyncDrive, browser: Browser) -> File:
    folder = await ada.make_folder("/Photos")
    bodies = [await photograph(browser, light, number) for light, number in PHOTOS.values()]
    uploads = (
        ada.upload(body, folder, name, modified_at=_ago(3 + 2 * number))
        for number, (name, body) in enumerate(zip(PHOTOS, bodies, strict=True))
    )
    await asyncio.gather(*uploads)
    return folder


async def _reports(ada: AsyncDrive) -> None:
    folder = await ada.make_folder("/Reports")
    await ada.upload(TABLE.encode(), folder, "Budget 2026.csv", modified_at=_ago(12))
    await ada.upload(TABLE.encode(), folder, "Budget 2025.csv", modified_at=_ago(370))


async def _other_files(ada: AsyncDrive) -> File:
    for name in ("Archive", "Music", "Αθήνα"):
        await ada.make_folder(f"/{name}")
    sizes = {
        "Budget draft.csv": (TABLE.encode(), 40),
        LONG_NAME: (b"x" * 48_000, 21),
        "Résumé.pdf": (b"%PDF-1.4 " + b"x" * 120_000, 90),
        "Interview.mp3": (b"x" * 3_400_000, 5),
        "setup.py": (b"print('hello')\n", 200),
        "backup.zip": (b"PK" + b"x" * 900_000, 33),
    }
    for name, (body, days) in sizes.items():
        await ada.upload(body, "/", name, modified_at=_ago(days))
    for number in range(3):
        body = NOTES[: 150 + 100 * number].encode()
        plan = await ada.upload(body, "/", "Plan.md", on_conflict="replace", modified_at=_ago(3 - number))
    for name in ("old notes.txt", "Screenshot.png", "copy of Budget draft.csv"):
        await ada.trash(await ada.upload(b"x" * 9000, "/", name))
    return await ada.update(plan, starred=True)
