"""Sign-up, sign-in, second factor and sign-out in the browser."""

from __future__ import annotations

import uuid

import pyotp
from playwright.async_api import expect

from drivebay.testing.world import World

from .conftest import PASSWORD, Person, make_admin, row, sign_in
from .stored_files import store_file


async def test_a_person_signs_up_and_sees_an_empty_folder(visitor: Person) -> None:
    page = await visitor.open("/")
    await page.get_by_role("link", name="Create an account").click()
    await page.get_by_label("Email address").fill(f"{uuid.uuid4().hex}@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create an account").click()
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("This folder is empty")).to_be_visible()


async def test_a_weak_password_is_explained_at_its_field(visitor: Person) -> None:
    page = await visitor.open("/sign-up")
    await page.get_by_label("Email address").fill(f"{uuid.uuid4().hex}@example.com")
    await page.get_by_label("Password").fill("password")
    await page.get_by_role("button", name="Create an account").click()
    await expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")


async def test_a_wrong_password_is_told_in_words(person: Person) -> None:
    page = await person.new_page()
    await person.context.clear_cookies()
    await page.goto(f"{person.api}/sign-in")
    await page.evaluate("localStorage.clear()")
    await page.goto(f"{person.api}/sign-in")
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password").fill("wrong horse battery")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("The email address or the password is wrong.")


async def test_a_link_to_a_view_leads_there_after_the_sign_in(person: Person, visitor: Person) -> None:
    folder = await person.call("POST", "/v1/folders", {"name": "Reports", "parent_id": "root"})
    page = await visitor.open(f"/files/{folder['id']}")
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Reports")).to_be_visible()


async def test_the_second_factor_asks_for_a_code(person: Person, visitor: Person) -> None:
    secret = (await person.call("POST", "/v1/me/totp"))["secret"]
    codes = (await person.call("POST", "/v1/me/totp/confirm", {"code": pyotp.TOTP(secret).now()}))["recovery_codes"]
    page = await visitor.open("/sign-in")
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Code").fill("no code")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Code").fill(codes[0])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()


async def test_signing_out_ends_every_tab(person: Person) -> None:
    other = await person.new_page()
    await other.goto(f"{person.api}/files/root")
    await expect(other.get_by_role("heading", name="My files")).to_be_visible()
    await person.page.get_by_role("button", name="Account").click()
    await person.page.get_by_role("menuitem", name="Sign out").click()
    for page in (person.page, other):
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await person.context.cookies() == []
    await other.goto(f"{person.api}/files/root")
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_signing_out_closes_what_is_open_in_other_tabs(person: Person) -> None:
    await store_file(person, "secret.txt", b"secret words")
    preview, menu, dialog = [await person.new_page() for _ in range(3)]
    for page in (preview, menu, dialog):
        await page.goto(f"{person.api}/files/root")
        await expect(row(page, "secret.txt")).to_be_visible()
    await row(preview, "secret.txt").dblclick()
    await expect(preview.get_by_text("secret words")).to_be_visible()
    await menu.get_by_role("button", name="Actions for secret.txt").click()
    await expect(menu.get_by_role("menu")).to_be_visible()
    await dialog.get_by_role("button", name="New folder").click()
    await expect(dialog.get_by_role("dialog")).to_be_visible()
    await person.page.get_by_role("button", name="Account").click()
    await person.page.get_by_role("menuitem", name="Sign out").click()
    for page in (preview, menu, dialog):
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.get_by_role("dialog").or_(page.get_by_role("menu"))).to_have_count(0)


async def test_two_tabs_that_start_at_once_keep_the_session(person: Person) -> None:
    pages = [await person.new_page() for _ in range(3)]
    for page in pages:
        await page.goto(f"{person.api}/files/root", wait_until="commit")
    for page in pages:
        await expect(page.get_by_role("heading", name="My files")).to_be_visible()


async def test_an_invitation_sets_the_password(web_world: World, person: Person, visitor: Person) -> None:
    await make_admin(web_world, person)
    invited = f"{uuid.uuid4().hex}@example.com"
    answer = await person.call("POST", "/v1/admin/users", {"email": invited})
    page = await visitor.open(answer["invitation_url"].removeprefix(visitor.api))
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Save the password").click()
    await expect(page.get_by_text("Sign in with it")).to_be_visible()
    visitor.email = invited
    await sign_in(page, visitor)


async def test_without_mail_the_reset_says_so(visitor: Person) -> None:
    page = await visitor.open("/reset")
    await expect(page.get_by_role("status").filter(has_text="sends no mail")).to_be_visible()


async def test_the_app_speaks_german(new_visitor) -> None:  # type: ignore[no-untyped-def]
    german = await new_visitor(locale="de-DE")
    page = await german.open("/")
    await expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "de"
