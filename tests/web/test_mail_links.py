"""The links in mails, opened in the browser: an email address is verified, and a forgotten password is replaced."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from drivebay.embedded import Store
from drivebay.testing import world
from drivebay.testing.client import Client
from drivebay.testing.world import World

from ..e2e.conftest import FAST, server_settings
from ..mail_server import MailServer, link_of, serve, token_of
from .conftest import PASSWORD, PLAIN, NewPerson

NEW_PASSWORD = "a quiet green table"


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with serve() as running:
        yield running


@pytest.fixture
async def mail_world(
    tmp_path: Path, database_url: str, nats_url: str, store: Store, bucket: str, mail: MailServer
) -> AsyncIterator[World]:
    """A World that sends mails, with links to its own address."""
    environment = FAST | server_settings(database_url, nats_url, store, bucket)
    settings = {
        "DRIVEBAY_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
        "DRIVEBAY_MAIL_FROM": "Drivebay <drive@example.com>",
    }
    async with world.run(tmp_path, environment | settings) as running:
        yield running


async def fill_in(page: Page, email: str, password: str, button: str) -> None:
    await page.get_by_label("Email address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name=button, exact=True).click()


async def choose_password(page: Page, link: str, password: str) -> None:
    await page.goto("about:blank")  # a link that differs only in its fragment loads no page
    await page.goto(link)
    await page.get_by_label("New password").fill(password)
    await page.get_by_role("button", name="Save the password").click()


async def test_a_person_follows_the_links_of_mails(mail_world: World, mail: MailServer, new_visitor: NewPerson) -> None:
    visitor, forgetful = await new_visitor(), await new_visitor()
    visitor.api = forgetful.api = mail_world.api
    email = f"{uuid.uuid4().hex}@example.com"
    first = await visitor.open("/sign-up")
    await fill_in(first, email, PASSWORD, "Create an account")
    await expect(first.get_by_text("This folder is empty")).to_be_visible()
    async with httpx.AsyncClient(timeout=60, verify=PLAIN) as http:
        user = Client(http, mail_world.api)
        user.email, user.password = email, PASSWORD
        await user.log_in()
        assert not (await user.ok("GET", "/v1/me"))["email_verified"]
        link = link_of(await mail.next_mail())
        assert link.startswith(f"{mail_world.api}/verify-email?token=")
        await first.goto(link)
        await expect(first.get_by_text("Your email address is verified.")).to_be_visible()
        assert (await user.ok("GET", "/v1/me"))["email_verified"]
    await first.goto(link)
    await expect(first.get_by_role("alert")).to_be_visible()
    await first.get_by_role("link", name="Continue to my files").click()
    await expect(first.get_by_role("heading", name="My files")).to_be_visible()

    page = await forgetful.open("/sign-in")
    await page.get_by_role("link", name="Forgot your password?").click()
    await page.get_by_label("Email address").fill(email)
    await page.get_by_role("button", name="Send a link").click()
    await expect(page.get_by_text("a mail with a link is on its way")).to_be_visible()
    reset = await mail.next_mail(1)
    assert link_of(reset).startswith(f"{mail_world.api}/reset-password#token=")
    await choose_password(page, link_of(reset), NEW_PASSWORD)
    await expect(page.get_by_text("The password has been changed.")).to_be_visible()
    await page.get_by_role("link", name="Back to the sign-in").click()
    await fill_in(page, email, PASSWORD, "Sign in")
    await expect(page.get_by_role("alert")).to_have_text("The email address or the password is wrong.")
    await fill_in(page, email, NEW_PASSWORD, "Sign in")
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()
    await first.reload()
    await expect(first.get_by_role("heading", name="Sign in")).to_be_visible()
    await choose_password(first, link_of(reset), PASSWORD)
    await expect(first.get_by_role("alert")).to_be_visible()
    assert token_of(reset) not in mail_world.logs()


async def test_the_settings_send_a_new_mail_until_the_address_is_confirmed(
    mail_world: World, mail: MailServer, new_visitor: NewPerson
) -> None:
    visitor = await new_visitor()
    visitor.api = mail_world.api
    page = await visitor.open("/sign-up")
    await fill_in(page, f"{uuid.uuid4().hex}@example.com", PASSWORD, "Create an account")
    await expect(page.get_by_text("This folder is empty")).to_be_visible()
    await mail.next_mail()
    await visitor.open("/settings")
    await expect(page.get_by_text("Your email address is not confirmed")).to_be_visible()
    await page.get_by_role("button", name="Send a new mail").click()
    await expect(page.get_by_text("A mail with a link is on its way.")).to_be_visible()
    await page.goto(link_of(await mail.next_mail(1)))
    await expect(page.get_by_text("Your email address is verified.")).to_be_visible()
    await visitor.open("/settings")
    await expect(page.get_by_label("Your name")).to_be_visible()
    await expect(page.get_by_text("is not confirmed")).to_have_count(0)
