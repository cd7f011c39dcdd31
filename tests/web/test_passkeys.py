"""Passkeys in the browser, with the virtual authenticator of Chromium. Without a public URL they are of localhost."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from playwright.async_api import Page, expect

from .conftest import PASSWORD, NewPerson, Person, sign_up
from .test_accessibility import LOOKS, violations

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Device:
    """A person at `localhost`, and the authenticator of their computer."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.page = person.page
        self._session: Any = None
        self._authenticator = ""

    async def start(self) -> Device:
        self._session = await self.person.context.new_cdp_session(self.page)
        await self._session.send("WebAuthn.enable")
        added = await self._session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        self._authenticator = added["authenticatorId"]
        return self

    async def verify(self, *, is_right: bool) -> None:
        """Decide whether the person shows the right finger from now on."""
        arguments = {"authenticatorId": self._authenticator, "isUserVerified": is_right}
        await self._session.send("WebAuthn.setUserVerified", arguments)

    async def credentials(self) -> list[Any]:
        """Return what the authenticator has stored."""
        found = await self._session.send("WebAuthn.getCredentials", {"authenticatorId": self._authenticator})
        credentials: list[Any] = found["credentials"]
        return credentials

    async def add_passkey(self, name: str, code: str = "") -> None:
        page = await self.person.open("/settings")
        await page.get_by_text("Add a passkey").click()
        await page.get_by_label("Name of the passkey").fill(name)
        await page.get_by_label("Your password").fill(PASSWORD)
        if code:
            await page.get_by_label("Code of your authenticator app").fill(code)
        await page.get_by_role("button", name="Add passkey").click()

    async def sign_out(self) -> None:
        await self.page.get_by_role("button", name="Account", exact=True).click()
        await self.page.get_by_role("menuitem", name="Sign out").click()
        await expect(self.page.get_by_role("heading", name="Sign in")).to_be_visible()

    async def use_passkey(self) -> None:
        await self.page.get_by_role("button", name="Sign in with a passkey").click()


async def at_localhost(visitor: Person) -> Device:
    visitor.api = visitor.api.replace("127.0.0.1", "localhost")
    device = Device(visitor)
    await device.start()
    await sign_up(visitor)
    return device


def listed(page: Page) -> Any:
    return page.get_by_role("list", name="Passkeys").get_by_role("listitem")


@pytest.fixture
async def device(visitor: Person) -> Device:
    return await at_localhost(visitor)


async def test_a_passkey_is_added_used_renamed_and_removed(device: Device) -> None:
    page = device.page
    await device.add_passkey("<b>my phone</b>")
    await expect(listed(page)).to_have_count(1)
    await expect(listed(page).get_by_text("<b>my phone</b>", exact=True)).to_be_visible()
    await expect(listed(page).get_by_text("never used")).to_be_visible()
    (credential,) = await device.credentials()
    assert (credential["isResidentCredential"], credential["rpId"]) == (True, "localhost")
    await device.sign_out()
    await device.use_passkey()
    await expect(page.get_by_role("button", name="Account", exact=True)).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name="Account", exact=True)).to_be_visible()
    await device.person.open("/settings")
    await expect(listed(page).get_by_text("last used")).to_be_visible()
    await page.get_by_role("button", name="Rename the passkey <b>my phone</b>").click()
    await page.get_by_label("New name of the passkey").fill("key ring")
    await listed(page).get_by_role("button", name="Save").click()
    await expect(listed(page).get_by_text("key ring", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Remove the passkey key ring").click()
    await listed(page).get_by_label("Your password").fill("wrong horse battery")
    await page.get_by_role("button", name="Remove passkey").click()
    await expect(listed(page).get_by_role("alert")).to_be_visible()
    await listed(page).get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Remove passkey").click()
    await expect(listed(page)).to_have_count(0)
    await device.sign_out()
    await device.use_passkey()
    await expect(page.get_by_role("alert")).to_have_text(
        "This passkey was not accepted. Try again, or sign in another way."
    )


async def test_the_forms_of_a_passkey_give_the_focus_back(device: Device) -> None:
    page = device.page
    await device.add_passkey("my phone")
    await page.get_by_role("button", name="Rename the passkey my phone").press("Enter")
    await page.get_by_label("New name of the passkey").fill("key ring")
    await page.get_by_label("New name of the passkey").press("Enter")
    await expect(page.get_by_role("button", name="Rename the passkey key ring")).to_be_focused()
    await page.get_by_role("button", name="Remove the passkey key ring").press("Enter")
    await listed(page).get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Remove passkey").press("Enter")
    await expect(listed(page)).to_have_count(0)
    await expect(page.locator("#main")).to_be_focused()


async def test_a_passkey_is_used_instead_of_a_code(device: Device) -> None:
    page, person = device.page, device.person
    secret = (await person.call("POST", "/v1/me/totp"))["secret"]
    codes = (await person.call("POST", "/v1/me/totp/confirm", {"code": pyotp.TOTP(secret).now()}))["recovery_codes"]
    await device.add_passkey("my phone", codes[0])
    await expect(listed(page)).to_have_count(1)
    await device.sign_out()
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_label("Code")).to_be_visible()
    await page.get_by_role("button", name="Use a passkey instead").click()
    await expect(page.get_by_role("button", name="Account", exact=True)).to_be_visible()


async def test_an_account_without_a_passkey_is_asked_for_its_code(device: Device) -> None:
    """The server counts each question for options, so a page that nobody asks for a passkey sends none."""
    page, person = device.page, device.person
    secret = (await person.call("POST", "/v1/me/totp"))["secret"]
    codes = (await person.call("POST", "/v1/me/totp/confirm", {"code": pyotp.TOTP(secret).now()}))["recovery_codes"]
    await device.sign_out()
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    questions: list[str] = []
    page.on("request", lambda request: questions.append(request.url) if "/passkey/options" in request.url else None)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_label("Code")).to_be_visible()
    assert questions == []
    await page.get_by_role("button", name="Use a passkey instead").click()
    await expect(page.get_by_role("alert")).to_have_text("This account has no passkey. Enter a code.")
    await expect(page.get_by_role("button", name="Use a passkey instead")).to_have_count(0)
    await page.get_by_label("Code").fill("000000")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    await page.get_by_label("Code").fill(codes[0])
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("button", name="Account", exact=True)).to_be_visible()


async def test_a_wrong_finger_ends_in_words(device: Device) -> None:
    page = device.page
    ended = "The browser ended the request for a passkey. Try again, or choose another way."
    await device.verify(is_right=False)
    await device.add_passkey("my phone")
    await expect(page.get_by_role("alert")).to_contain_text(ended)
    assert await device.credentials() == []
    await device.verify(is_right=True)
    await page.get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Add passkey").click()
    await expect(listed(page)).to_have_count(1)
    await device.sign_out()
    await device.verify(is_right=False)
    await device.use_passkey()
    await expect(page.get_by_role("alert")).to_have_text(ended)
    await device.verify(is_right=True)
    await device.use_passkey()
    await expect(page.get_by_role("button", name="Account", exact=True)).to_be_visible()


async def test_a_device_has_one_passkey_of_an_account(device: Device) -> None:
    await device.add_passkey("my phone")
    await expect(listed(device.page)).to_have_count(1)
    await device.add_passkey("my phone again")
    await expect(device.page.get_by_role("alert")).to_contain_text("This device has a passkey of your account already.")
    assert len(await device.credentials()) == 1


async def test_another_address_of_the_server_says_where_passkeys_work(person: Person, visitor: Person) -> None:
    page = await person.open("/settings")
    await expect(page.get_by_text("To add one, open this page at localhost")).to_be_visible()
    await expect(page.get_by_text("Add a passkey")).to_have_count(0)
    page = await visitor.open("/sign-in")
    await expect(page.get_by_role("button", name="Sign in")).to_have_count(1)


@pytest.mark.parametrize("look", LOOKS)
async def test_pages_with_passkeys_are_accessible(new_visitor: NewPerson, look: str) -> None:
    device = await at_localhost(await new_visitor(reduced_motion="reduce", **LOOKS[look]))
    device.person.may_violate = True  # axe measures with inline styles
    page, name = device.page, "a name without a space and without an end " + "x" * 50
    await device.add_passkey(name)
    await expect(listed(page)).to_have_count(1)
    await page.get_by_role("button", name=f"Rename the passkey {name}").click()
    found = await violations(page, "rename")
    await page.get_by_role("button", name=f"Remove the passkey {name}").click()
    found += await violations(page, "remove")
    await device.sign_out()
    found += await violations(page, "sign-in")
    assert found == []
