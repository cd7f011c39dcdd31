"""The web app in a real browser, on real servers. One World and one Chromium serve all tests of a process."""

from __future__ import annotations

import os
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from drivebay.embedded import Postgres, Store
from drivebay.testing import servers, world
from drivebay.testing.chromium import find_browser
from drivebay.testing.world import World

from ..e2e.conftest import FAST, server_settings

PASSWORD = "correct horse battery"
WITHIN = 60_000.0
"""Milliseconds that a condition may take. A test that reaches this limit has found something that hangs."""
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that use only http: without it, each one reads the certificates of the system, which takes 40 ms."""
MULTIPART = {"DRIVEBAY_MULTIPART_THRESHOLD": "6MiB"}
_REPORT_VIOLATIONS = (
    "document.addEventListener('securitypolicyviolation',"
    " (event) => console.error('policy violated', event.violatedDirective, event.blockedURI))"
)
expect.set_options(timeout=WITHIN)


@pytest.fixture(scope="session")
async def web_world(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, database_template: str, nats_url: str, store: Store
) -> AsyncIterator[World]:
    name = f"web_{uuid.uuid4().hex}"
    async with servers.database(postgres, database_template, name) as url:
        environment = FAST | MULTIPART | server_settings(url, nats_url, store, name.replace("_", "-"))
        async with world.run(tmp_path_factory.mktemp("web"), environment) as running:
            yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = find_browser()
    if program is None:
        if os.environ.get("DRIVEBAY_TEST_BROWSER") == "required":
            pytest.fail("no Chromium was found: apt-get install chromium-headless-shell")
        pytest.skip("no Chromium was found")
    async with async_playwright() as playwright:
        # The sandbox of Chromium does not start as root.
        launched = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        await launched.close()


@dataclass
class Person:
    """A browser with its first page, and the account that it is signed in to.

    `problems` are errors of scripts and violations of the policy. A test ends with none, unless it `may_violate`.
    """

    context: BrowserContext
    page: Page
    api: str
    email: str = ""
    token: str = ""
    problems: list[str] = field(default_factory=list)
    may_violate: bool = False

    async def open(self, path: str) -> Page:
        """Open a path of the app in the first page."""
        await self.page.goto(self.api + path)
        return self.page

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API as this person, with another session than that of the browser. Return the JSON."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(timeout=60, verify=PLAIN) as http:
            response = await http.request(method, self.api + path, json=body, headers=headers)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    async def new_page(self) -> Page:
        """Open one more tab of the same browser."""
        page = await self.context.new_page()
        self.watch(page)
        return page

    def watch(self, page: Page) -> None:
        """Collect the problems of a page."""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))

    def _note(self, kind: str, text: str) -> None:
        # A status such as 404 is an answer that the app handles.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.problems.append(text)


NewPerson = Callable[..., Awaitable[Person]]


@pytest.fixture
async def new_visitor(web_world: World, browser: Browser) -> AsyncIterator[NewPerson]:
    """Makes browsers without a session. The options are those of a browser context."""
    people: list[Person] = []
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> Person:
            context = await browser.new_context(
                **{"locale": "en-US", "viewport": {"width": 1280, "height": 800}} | options
            )
            stack.push_async_callback(context.close)
            context.set_default_timeout(WITHIN)
            await context.add_init_script(_REPORT_VIOLATIONS)
            person = Person(context, await context.new_page(), web_world.api)
            person.watch(person.page)
            people.append(person)
            return person

        yield make
        assert [problem for person in people if not person.may_violate for problem in person.problems] == []


@pytest.fixture
async def new_person(new_visitor: NewPerson) -> NewPerson:
    """Makes browsers that are signed in to a new account."""

    async def make(**options: Any) -> Person:
        person = await new_visitor(**options)
        await sign_up(person)
        return person

    return make


@pytest.fixture
async def person(new_person: NewPerson) -> Person:
    return await new_person()


@pytest.fixture
async def visitor(new_visitor: NewPerson) -> Person:
    return await new_visitor()


async def sign_up(person: Person) -> None:
    """Create an account and a session for the API, and sign the browser in to it."""
    person.email = f"{uuid.uuid4().hex}@example.com"
    account = {"email": person.email, "password": PASSWORD}
    async with httpx.AsyncClient(base_url=person.api, timeout=60, verify=PLAIN) as http:
        assert (await http.post("/v1/signup", json=account)).status_code == 201
        person.token = (await http.post("/v1/login", json=account)).json()["access_token"]
    await sign_in(person.page, person)


async def make_admin(web_world: World, person: Person) -> None:
    """Give the account of a person the role admin, and a token with it."""
    status, out, err = await web_world.command("admin", "create", person.email)
    assert status == 0, out + err
    async with httpx.AsyncClient(base_url=person.api, timeout=60, verify=PLAIN) as http:
        account = {"email": person.email, "password": PASSWORD}
        person.token = (await http.post("/v1/login", json=account)).json()["access_token"]


async def sign_in(page: Page, person: Person) -> None:
    """Sign in with the form."""
    await page.goto(f"{person.api}/sign-in")
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", name="My files")).to_be_visible()


def row(page: Page, name: str) -> Any:
    """Return the row of the item with this name."""
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))
