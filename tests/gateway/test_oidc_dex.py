"""Sign-in with Dex, a provider that others run. `DRIVEBAY_TEST_DEX` names its binary, see CONTRIBUTING.md."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import signal
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import bcrypt
import httpx
import pytest

from drivebay.auth.settings import OidcProvider
from drivebay.gateway.settings import Settings
from drivebay.testing.client import Json, eventually

from ..oidc_provider import CLIENT_ID, CLIENT_SECRET, parameters_of
from .conftest import Gateway, assert_problem, client, open_gateway
from .test_oidc import APP, BASE

DEX = os.environ.get("DRIVEBAY_TEST_DEX")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DEX is None, reason="DRIVEBAY_TEST_DEX does not name the binary of Dex"),
]
PASSWORD = "a password at Dex"
ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"
_MAX_PAGES = 10


def person(email: str, *, verified: bool = True, groups: tuple[str, ...] = ()) -> Json:
    name = email.partition("@")[0]
    return {
        "email": email, "emailVerified": verified, "username": name, "name": name.title(), "userID": name,
        "groups": list(groups), "hash": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode(),
    }  # fmt: skip


@asynccontextmanager
async def run_dex(folder: Path) -> AsyncIterator[str]:
    """Run Dex with three people. Yields its issuer."""
    assert DEX is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    issuer = f"http://{address}/dex"
    configuration = {
        "issuer": issuer,
        "storage": {"type": "memory"},
        "web": {"http": address},
        "enablePasswordDB": True,
        "staticClients": [
            {"id": CLIENT_ID, "name": "Drivebay", "secret": CLIENT_SECRET, "redirectURIs": [f"{BASE}/v1/oidc/callback"]}
        ],
        "staticPasswords": [
            person(ADA, groups=("staff", "admins")), person(BEN, groups=("staff",)), person(EVE, verified=False)
        ],
    }  # fmt: skip
    file = folder / "dex.yaml"
    file.write_text(json.dumps(configuration))  # JSON is YAML
    process = await asyncio.create_subprocess_exec(DEX, "serve", str(file), stdout=DEVNULL, stderr=DEVNULL)
    try:

        async def is_ready() -> bool:
            try:
                async with httpx.AsyncClient() as http:
                    return (await http.get(f"{issuer}/.well-known/openid-configuration")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(is_ready, within=30)
        yield issuer
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)


@asynccontextmanager
async def run_site(folder: Path, database_url: str, **changes: object) -> AsyncIterator[Gateway]:
    async with run_dex(folder) as issuer:
        provider = OidcProvider(
            issuer, CLIENT_ID, CLIENT_SECRET, BASE, auto_create=True, admin_claim=("groups", "admins")
        )
        own = replace(provider, **changes)  # type: ignore[arg-type]
        async with open_gateway(database_url, Settings(public_url=BASE), oidc=own) as gateway:
            yield gateway


async def fill_in(page: httpx.Response, browser: httpx.AsyncClient, email: str) -> httpx.Response:
    """Send the form of a page of Dex: the login, or the consent."""
    form = re.search(r'<form[^>]*method="post"[^>]*>', page.text)
    assert form is not None, page.text
    action = re.search(r'action="([^"]*)"', form[0])
    url = urljoin(str(page.url), html.unescape(action[1])) if action else str(page.url)
    fields = {"login": email, "password": PASSWORD}
    if 'name="login"' not in page.text:
        hidden = re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', page.text)
        fields = {name: html.unescape(value) for name, value in hidden} | {"approval": "approve"}
    return await browser.post(url, data=fields)


async def answer_of_dex(url: str, email: str) -> dict[str, str]:
    """Sign in at Dex with a browser. Return the parameters with which Dex sends the browser back."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(url)
        for _ in range(_MAX_PAGES):
            if not page.has_redirect_location:
                page = await fill_in(page, browser, email)
                continue
            location = urljoin(str(page.url), page.headers["location"])
            if location.startswith(BASE):
                return parameters_of(location)
            page = await browser.get(location)
    raise AssertionError(f"Dex does not end the sign-in: {page.status_code} {page.text}")


async def begin(browser: httpx.AsyncClient) -> str:
    begun = await browser.get("/v1/oidc/login", params={"redirect_uri": APP})
    assert begun.status_code == 302, begun.text
    return str(begun.headers["location"])


async def sign_in(gateway: Gateway, email: str) -> dict[str, str]:
    """Return what the app gets in its URL. A second use of the response of Dex is refused."""
    async with client(gateway.app) as browser:
        browser.base_url = httpx.URL(BASE)
        answer = await answer_of_dex(await begin(browser), email)
        ended = await browser.get("/v1/oidc/callback", params=answer)
        assert ended.status_code == 302, ended.text
        assert_problem(await browser.get("/v1/oidc/callback", params=answer), 401, "invalid_code")
    return parameters_of(ended.headers["location"])


async def account_of(gateway: Gateway, email: str) -> Json:
    code = (await sign_in(gateway, email))["code"]
    response = await gateway.http.post("/v1/oidc/token", json={"code": code})
    assert response.status_code == 200, response.text
    assert_problem(await gateway.http.post("/v1/oidc/token", json={"code": code}), 401, "invalid_code")
    headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
    return dict((await gateway.http.get("/v1/me", headers=headers)).json())


async def test_people_of_dex_get_accounts_with_their_roles(tmp_path: Path, database_url: str) -> None:
    async with run_site(tmp_path, database_url) as gateway:
        ada, again, ben = [await account_of(gateway, email) for email in (ADA, ADA, BEN)]
        assert (ada["email"], ada["email_verified"], ada["role"]) == (ADA, True, "admin")
        assert again["id"] == ada["id"]
        assert (ben["email"], ben["role"]) == (BEN, "user")
        assert ben["id"] != ada["id"]
        assert (await sign_in(gateway, EVE))["error"] == "no_account"  # Dex has not verified the address


async def test_a_response_of_dex_is_bound_to_its_browser_and_its_code(tmp_path: Path, database_url: str) -> None:
    async with (
        run_site(tmp_path, database_url) as gateway,
        client(gateway.app) as browser,
        client(gateway.app) as other,
    ):
        browser.base_url = other.base_url = httpx.URL(BASE)
        answer = await answer_of_dex(await begin(browser), BEN)
        await begin(other)
        assert_problem(await other.get("/v1/oidc/callback", params=answer), 401, "invalid_code")
        changed = answer | {"code": "x" + answer["code"][1:]}
        assert_problem(await browser.get("/v1/oidc/callback", params=changed), 401, "invalid_code")
        # The code of one sign-in does not complete another: its nonce and its PKCE verifier are different.
        first = await answer_of_dex(await begin(browser), BEN)
        second = await answer_of_dex(await begin(other), BEN)
        swapped = second | {"code": first["code"]}
        assert_problem(await other.get("/v1/oidc/callback", params=swapped), 401, "invalid_code")


@pytest.mark.parametrize("linked", [False, True])
async def test_a_person_of_dex_gets_an_existing_account_only_if_the_operator_says_so(
    tmp_path: Path, database_url: str, linked: bool
) -> None:
    async with run_site(tmp_path, database_url, link_by_email=linked) as gateway:
        account = {"email": BEN, "password": "correct horse battery"}
        id = (await gateway.http.post("/v1/signup", json=account)).json()["id"]
        if not linked:
            assert (await sign_in(gateway, BEN))["error"] == "email_taken"
            return
        assert (await account_of(gateway, BEN))["id"] == id
        # The address was never confirmed, so another person may know the password.
        assert_problem(await gateway.http.post("/v1/login", json=account), 401, "invalid_credentials")
