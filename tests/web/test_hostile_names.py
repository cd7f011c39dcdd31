"""A name that would run a script if it were markup anywhere is text in every view: files, sharing, settings, admin."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from drivebay.testing.world import World

from .conftest import NewPerson, Person, make_admin, row
from .stored_files import HOSTILE_NAME, store_file, store_folder
from .uploading import choose, panel, payload

HOSTILE = HOSTILE_NAME.removesuffix(".txt")
PATHS = ("/files/root", "/starred", "/links", "/trash", "/search?q=img", "/drives", "/settings", "/admin")


async def expect_text(page: Page, where: str) -> None:
    """The page shows a hostile name as text, and has no element of it."""
    await page.get_by_role("heading", level=1).first.wait_for()
    await expect(page.get_by_text("<img src=x").first, where).to_be_visible()
    await expect_nothing_ran(page)


async def expect_nothing_ran(page: Page) -> None:
    assert await page.locator("img[src=x]").count() == 0
    assert await page.title() != "run"


async def fill(person: Person) -> str:
    """Give everything that has a name a hostile one. Return the id of the folder."""
    await person.call("PATCH", "/v1/me", {"display_name": HOSTILE})
    folder = await store_folder(person, HOSTILE)
    await store_file(person, HOSTILE_NAME, b"first words", parent_id=folder)
    await person.call("PATCH", f"/v1/files/{folder}", {"starred": True, "properties": {HOSTILE: HOSTILE}})
    await person.call("POST", f"/v1/files/{folder}/links", {"name": HOSTILE})
    await person.call("DELETE", f"/v1/files/{await store_file(person, HOSTILE_NAME, b'x')}")
    await person.call("POST", "/v1/drives", {"name": HOSTILE})
    await person.call("POST", "/v1/me/tokens", {"name": HOSTILE, "scopes": ["read"]})
    return folder


async def test_each_view_of_an_account(web_world: World, new_person: NewPerson) -> None:
    person = await new_person(user_agent=HOSTILE)
    await make_admin(web_world, person)
    await fill(person)
    for path in PATHS:
        await expect_text(await person.open(path), path)
    page = await person.open("/settings")
    await expect(page.get_by_role("list", name="Sessions").get_by_text(HOSTILE).first).to_be_visible()
    await expect(page.get_by_role("list", name="API tokens").get_by_text(HOSTILE)).to_be_visible()
    await page.get_by_text("By folder").click()
    await expect(page.get_by_role("list", name="By folder").get_by_role("link", name=HOSTILE)).to_be_visible()
    await expect_nothing_ran(page)
    page = await person.open("/admin/audit")
    await expect(page.get_by_role("cell", name="api_token_created").first).to_be_visible()
    await expect_nothing_ran(page)
    page = await person.open("/admin")
    await page.get_by_role("list", name="Accounts").get_by_role("button", name=person.email).click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect_nothing_ran(page)


async def test_the_addresses_in_the_audit_log(web_world: World, person: Person) -> None:
    """The server accepts no such email address. The tests answer in its place."""

    async def respond(route: Route) -> None:
        await route.fulfill(json={"email": HOSTILE})

    await make_admin(web_world, person)
    await person.page.route("**/v1/admin/users/*", respond)
    page = await person.open("/admin/audit")
    await expect(page.get_by_role("cell", name=HOSTILE, exact=True).first).to_be_visible()
    await expect_nothing_ran(page)


async def test_preview_details_and_activity(person: Person) -> None:
    folder = await fill(person)
    page = await person.open(f"/files/{folder}")
    await row(page, HOSTILE_NAME).dblclick()
    await page.get_by_role("button", name="Details").click()
    details = page.get_by_role("complementary", name="Details")
    await expect(details.get_by_text(f"/{HOSTILE}/{HOSTILE_NAME}")).to_be_visible()
    await expect_nothing_ran(page)
    await page.keyboard.press("Escape")
    await page.wait_for_url(f"**/files/{folder}")  # going back would abort the next navigation
    await person.open("/files/root")
    await row(page, HOSTILE).click(button="right")
    await page.get_by_role("menuitem", name="Details").click()
    dialog = page.get_by_role("dialog", name=HOSTILE)
    await expect(dialog.get_by_role("region", name="Activity").get_by_text("changed its star")).to_be_visible()
    await expect(dialog.get_by_role("definition").filter(has_text=HOSTILE).first).to_be_visible()
    await expect_nothing_ran(page)


async def test_the_activity_of_a_shared_file_names_its_people(new_person: NewPerson) -> None:
    ada, grace = await new_person(), await new_person()
    await grace.call("PATCH", "/v1/me", {"display_name": HOSTILE})
    file = await store_file(ada, "plan.txt", b"plan")
    await ada.call("PUT", f"/v1/files/{file}/permissions", {"email": grace.email, "role": "editor"})
    drive = (await ada.call("GET", f"/v1/files/{file}"))["drive_id"]
    await grace.call("PATCH", f"/v1/files/{file}?drive_id={drive}", {"name": "plans.txt"})
    page = await ada.open(f"/preview/{file}")
    await page.get_by_role("button", name="Details").click()
    changes = page.get_by_role("region", name="Activity").get_by_role("listitem")
    await expect(changes.nth(0)).to_contain_text(f"{HOSTILE}: renamed it")
    await expect(changes.nth(1)).to_contain_text("You: changed who can see it")
    await expect(changes.nth(2)).to_contain_text("You: added it")
    await expect_nothing_ran(page)
    await grace.call("PATCH", "/v1/me", {"display_name": ""})
    await page.reload()
    await page.get_by_role("button", name="Details").click()
    await expect(changes.nth(0)).to_contain_text(f"{grace.email}: renamed it")


async def test_sharing_jobs_and_messages(person: Person) -> None:
    await fill(person)
    page = await person.open("/files/root")
    await row(page, HOSTILE).click(button="right")
    await page.get_by_role("menuitem", name="Share").click()
    await expect(page.get_by_role("dialog", name=f"Share “{HOSTILE}”").get_by_text(HOSTILE).nth(1)).to_be_visible()
    await expect_nothing_ran(page)
    await page.keyboard.press("Escape")

    job = {"id": "1", "status": "running", "done": 0, "total": 0, "done_bytes": 0, "total_bytes": 0}

    async def start_job(route: Route) -> None:
        await route.fulfill(status=202, json={"job": job | {"waiting_since": None}})

    await page.route("**/v1/files/*/copy*", start_job)
    await row(page, HOSTILE).click(button="right")
    await page.get_by_role("menuitem", name="Copy to …").click()
    await page.get_by_role("button", name="Copy here").click()
    copied = page.get_by_role("region", name="Copies").get_by_role("listitem")
    await expect(copied.get_by_text(HOSTILE, exact=True)).to_be_visible()
    await expect_nothing_ran(page)
    await page.get_by_role("button", name="Clear the selection").click()
    await choose(page, payload(HOSTILE_NAME, b"new"))
    await expect(panel(page).get_by_text(HOSTILE_NAME)).to_be_visible()
    await expect_nothing_ran(page)


async def test_the_page_of_a_link(person: Person, visitor: Person) -> None:
    folder = await fill(person)
    for options in ({"role": "viewer"}, {"role": "editor"}, {"role": "uploader"}):
        link = await person.call("POST", f"/v1/files/{folder}/links", options)
        await expect_text(await visitor.open(f"/s/{link['token']}"), options["role"])
    link = await person.call("POST", f"/v1/files/{folder}/links", {})
    page = await visitor.open(f"/s/{link['token']}")
    await page.get_by_role("button", name=HOSTILE_NAME, exact=True).click()
    await expect(page.get_by_role("dialog", name=HOSTILE_NAME).get_by_text("first words")).to_be_visible()
    await expect_nothing_ran(page)


async def test_the_list_of_passkeys_and_the_name_of_the_account(person: Person) -> None:
    async def list_passkeys(route: Route) -> None:
        passkey = {"id": "1", "name": HOSTILE, "created_at": "2026-11-28T12:00:00Z", "last_used_at": None}
        await route.fulfill(json={"items": [passkey]})

    await person.call("PATCH", "/v1/me", {"display_name": HOSTILE})
    await person.page.route("**/v1/me/passkeys", list_passkeys)
    page = await person.open("/settings")
    await expect(page.get_by_role("list", name="Passkeys").get_by_text(HOSTILE, exact=True)).to_be_visible()
    await expect(page.get_by_label("Your name")).to_have_value(HOSTILE)
    await expect_nothing_ran(page)
