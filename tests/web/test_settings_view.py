"""Settings and administration in the browser."""

from __future__ import annotations

import re
import uuid
from urllib.parse import unquote

import pyotp
from playwright.async_api import expect

from drivebay.testing.world import World

from .conftest import PASSWORD, NewPerson, Person
from .stored_files import store_file, store_folder

GO_BACK_TO_SEARCH = """email => {
  history.replaceState(null, '', `${location.pathname}?${new URLSearchParams({ q: email })}`);
  dispatchEvent(new PopStateEvent('popstate'));
}"""
"""What the button Back of the browser does, also while a dialog is open."""


async def test_name_language_and_colors_are_kept(person: Person) -> None:
    page = await person.open("/settings")
    await page.get_by_label("Your name").fill("<b>Ada</b>")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert (await person.call("GET", "/v1/me"))["display_name"] == "<b>Ada</b>"
    await page.get_by_label("Colors").select_option("dark")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.get_by_label("Language").select_option("de")
    await expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    await expect(page.get_by_label("Ihr Name")).to_have_value("<b>Ada</b>")


async def test_a_new_password_ends_other_sessions(person: Person) -> None:
    page = await person.open("/settings")
    await page.get_by_label("Current password").fill("wrong horse battery")
    await page.get_by_label("New password").fill("staple battery horse")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Current password").fill(PASSWORD)
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("The password is changed.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("list", name="Sessions").get_by_role("listitem")).to_have_count(1)


async def test_a_session_is_ended(person: Person) -> None:
    page = await person.open("/settings")
    sessions = page.get_by_role("list", name="Sessions").get_by_role("listitem")
    await expect(sessions).to_have_count(2)
    await expect(sessions.filter(has_text="this one")).to_contain_text(re.compile("^Chrome on (Linux|macOS|Windows)"))
    await expect(sessions.filter(has=page.get_by_role("button"))).to_contain_text("python-httpx/")
    await sessions.get_by_role(
        "button", name=re.compile("^End the session of .*httpx.*, 127.0.0.1, last used ")
    ).click()
    await expect(sessions).to_have_count(1)
    await expect(sessions.get_by_text("this one")).to_be_visible()


async def test_the_second_factor_is_turned_on_and_off(person: Person) -> None:
    page = await person.open("/settings")
    await page.get_by_role("button", name="Turn on the second factor").click()
    secret = await page.get_by_label("Key of the second factor").input_value()
    await expect(page.get_by_role("img", name="QR code of the key")).to_be_visible()
    await page.get_by_label("Code of the app").fill(pyotp.TOTP(secret).now())
    await page.get_by_role("button", name="Turn on", exact=True).click()
    codes = (await page.locator("pre.codes").inner_text()).split()
    assert len(codes) == 10
    await expect(page.get_by_text("The second factor is on: a sign-in needs")).to_be_visible()
    await page.get_by_text("Turn off the second factor").first.click()
    form = page.locator("details", has=page.get_by_label("Code of the app"))
    await form.get_by_label("Current password").fill(PASSWORD)
    await form.get_by_label("Code of the app").fill(codes[0])
    await form.get_by_role("button", name="Turn off the second factor").click()
    await expect(page.get_by_role("button", name="Turn on the second factor")).to_be_visible()


async def test_the_usage_is_shown_by_folder(person: Person) -> None:
    small, large = await store_folder(person, "small"), await store_folder(person, "large")
    inner = await store_folder(person, "inner", large)
    await store_file(person, "a.bin", b"a" * 2048, parent_id=small)
    await store_file(person, "b.bin", b"b" * 3072, parent_id=large)
    await store_file(person, "c.bin", b"c" * 4096, parent_id=inner)
    await store_file(person, "d.bin", b"d" * 1024)
    await store_file(person, "empty.bin", b"")
    await person.call("DELETE", f"/v1/files/{await store_file(person, 'e.bin', b'e' * 6144)}")
    page = await person.open("/settings")
    await page.get_by_text("By folder").click()
    rows = page.get_by_role("list", name="By folder").get_by_role("listitem")
    await expect(rows).to_have_text(
        [
            re.compile(r"^\s*large\s*7 KiB · 44 %$"),
            re.compile(r"^\s*small\s*2 KiB · 13 %$"),
            re.compile(r"^\s*Files outside folders\s*1 KiB · 6 %$"),
            re.compile(r"^\s*Trash, earlier versions and running uploads\s*6 KiB · 38 %$"),
        ]
    )
    await rows.get_by_role("link", name="large").click()
    await expect(page.get_by_role("heading", name="large")).to_be_visible()


async def test_an_api_token_is_created_and_revoked(person: Person) -> None:
    page = await person.open("/settings")
    await page.get_by_text("Create an API token").click()
    await page.get_by_label("Name of the token").fill("backup script")
    await page.get_by_role("button", name="Create token").click()
    person.token = await page.get_by_label("New API token").input_value()
    assert (await person.call("GET", "/v1/files"))["items"] == []
    await page.get_by_role("button", name="Revoke the token backup script").click()
    await expect(page.get_by_role("button", name="Revoke the token backup script")).to_have_count(0)
    await expect(page.get_by_label("New API token")).to_have_count(0)


async def test_an_admin_invites_changes_and_deletes_an_account(web_world: World, person: Person) -> None:
    status, out, err = await web_world.command("admin", "create", person.email)
    assert status == 0, out + err
    page = await person.open("/admin")
    invited = f"{uuid.uuid4().hex}@example.com"
    await page.get_by_role("button", name="New account").click()
    await page.get_by_role("dialog").get_by_label("Email").fill(invited)
    await page.get_by_role("button", name="Create", exact=True).click()
    assert "/invitation#token=" in await page.get_by_label("Invitation").input_value()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_label("Search accounts").fill(invited)
    users = page.get_by_role("list", name="Accounts").get_by_role("listitem")
    await expect(users).to_have_count(1)
    await page.get_by_role("button", name=invited).click()
    await page.get_by_label("Quota in GiB").fill("2")
    await page.get_by_label("Disabled: cannot sign in").check()
    await page.get_by_role("button", name="Save").click()
    await expect(users.filter(has_text="disabled")).to_have_count(1)
    (found,) = (await person.call("GET", f"/v1/admin/users?q={invited}"))["items"]
    assert (found["disabled"], found["usage"]["limit_bytes"]) == (True, 2 * 2**30)
    await page.get_by_role("button", name=invited).click()
    await page.get_by_role("button", name="Delete account").click()
    await page.get_by_role("dialog", name="Delete the account").get_by_role("button", name="Delete account").click()
    await expect(page.get_by_text("No such account")).to_be_visible()
    await page.get_by_role("link", name="Audit log").click()
    await expect(page.get_by_role("cell", name="account_created").first).to_be_visible()
    invitation = page.get_by_role("row").filter(has_text="account_created").first
    await expect(invitation.get_by_role("cell").nth(2)).to_have_text(person.email)


async def test_a_dialog_that_closes_loads_the_list_of_the_current_search(web_world: World, person: Person) -> None:
    status, out, err = await web_world.command("admin", "create", person.email)
    assert status == 0, out + err
    page = await person.open("/admin")
    await page.get_by_role("button", name="New account").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    async with page.expect_response(lambda response: "/v1/admin/users" in response.url) as searched:
        await page.evaluate(GO_BACK_TO_SEARCH, person.email)
    assert f"q={person.email}" in unquote((await searched.value).url)
    async with page.expect_response(lambda response: "/v1/admin/users" in response.url) as loaded:
        await page.keyboard.press("Escape")
    assert f"q={person.email}" in unquote((await loaded.value).url)


async def test_others_have_no_administration(new_person: NewPerson) -> None:
    person = await new_person()
    page = await person.open("/admin")
    await expect(page.get_by_role("alert").first).to_be_visible()
    await page.get_by_role("button", name="Account", exact=True).click()
    await expect(page.get_by_role("menuitem", name="Settings")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Administration")).to_have_count(0)
