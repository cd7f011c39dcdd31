"""The end of a sign-in with an identity provider in the browser. The tests answer in place of the gateway."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Route, expect

from .conftest import NewPerson, Person, sign_in

CODE = "one-time-code"


async def turn_on(page: Page, token: str = "") -> list[str]:
    """Offer a provider that confirms each sign-in. Return the list of the codes that the page redeems for `token`."""
    redeemed: list[str] = []

    async def respond_page(route: Route) -> None:
        response = await route.fetch()
        body = (await response.text()).replace("&quot;oidc&quot;:false", "&quot;oidc&quot;:true")
        await route.fulfill(response=response, body=body)

    async def begin(route: Route) -> None:
        back = parse_qs(urlsplit(route.request.url).query)["redirect_uri"][0]
        await route.fulfill(status=302, headers={"Location": f"{back}&code={CODE}"})

    async def redeem(route: Route) -> None:
        redeemed.append(route.request.post_data_json["code"])
        await route.fulfill(json={"access_token": token, "token_type": "Bearer", "expires_in": 600})

    await page.route(re.compile(r"/sign-in(\?|$)"), respond_page)
    await page.route("**/v1/oidc/login*", begin)
    await page.route("**/v1/oidc/token", redeem)
    return redeemed


async def test_a_sign_in_ends_in_the_tab_that_began_it(person: Person, visitor: Person) -> None:
    redeemed = await turn_on(visitor.page, person.token)
    page = await visitor.open("/sign-in?next=/trash")
    await page.get_by_role("button", name="Sign in with your organization").click()
    await expect(page.get_by_role("heading", name="Trash", exact=True)).to_be_visible()
    assert redeemed == [CODE]
    assert CODE not in page.url


@pytest.mark.parametrize("state", ["", "&state=0123456789abcdef"])
async def test_a_code_that_this_tab_did_not_ask_for_is_not_redeemed(visitor: Person, state: str) -> None:
    redeemed = await turn_on(visitor.page)
    page = await visitor.open(f"/sign-in?code={CODE}{state}")
    await expect(page.get_by_role("alert")).to_contain_text("did not begin in this tab")
    assert redeemed == []
    assert CODE not in page.url


async def test_a_code_never_replaces_a_session(person: Person) -> None:
    redeemed = await turn_on(person.page)
    page = await person.open(f"/sign-in?code={CODE}")
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()
    await page.get_by_role("button", name="Account").click()
    await expect(page.get_by_role("menuitem", name=f"Sign out {person.email}")).to_be_visible()
    assert redeemed == []
    assert CODE not in page.url


async def test_the_buttons_for_a_passkey_and_the_provider_do_not_touch(visitor: Person) -> None:
    visitor.api = visitor.api.replace("127.0.0.1", "localhost")  # where passkeys work
    await turn_on(visitor.page)
    page = await visitor.open("/sign-in")
    passkey = await page.get_by_role("button", name="Sign in with a passkey").bounding_box()
    provider = await page.get_by_role("button", name="Sign in with your organization").bounding_box()
    assert passkey is not None
    assert provider is not None
    assert provider["y"] - (passkey["y"] + passkey["height"]) >= 8


async def test_a_refused_sign_in_says_why(visitor: Person) -> None:
    page = await visitor.open("/sign-in?error=no_account")
    await expect(page.get_by_role("alert")).to_contain_text("You have no account here")
    assert "no_account" not in page.url
    await visitor.open("/sign-in?error=some_other")
    await expect(page.get_by_role("alert")).to_contain_text("has not confirmed the sign-in")


async def test_a_tab_of_another_user_loads_again(person: Person, new_person: NewPerson) -> None:
    other = await new_person()
    page = await person.new_page()
    await page.goto(f"{person.api}/files/root")
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()
    await page.evaluate("localStorage.clear()")  # the next page of this browser looks for no session
    async with person.page.expect_event("load"):
        await sign_in(page, other)
    await person.page.get_by_role("button", name="Account").click()
    await expect(person.page.get_by_role("menuitem", name=f"Sign out {other.email}")).to_be_visible()
