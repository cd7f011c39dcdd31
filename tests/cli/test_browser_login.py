"""`drivebay login --oidc`: a browser, a listener on this machine, and a session."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivebay.auth.settings import OidcProvider
from drivebay.gateway.settings import Settings
from drivebay.runtime.http_server import IDLE_TIMEOUT, serve_http, wait_until_reachable
from drivebay.testing.world import free_port
from tests import oidc_provider
from tests.gateway.conftest import open_gateway

from .shell import Shell

BROWSER = "import httpx, sys; sys.exit(httpx.Client(follow_redirects=True).get(sys.argv[1]).status_code != 200)"


@dataclass
class SignInSite:
    server: str
    provider: oidc_provider.Provider


@pytest.fixture
async def sign_in_site(database_url: str) -> AsyncIterator[SignInSite]:
    port = free_port()
    server = f"http://127.0.0.1:{port}"
    async with oidc_provider.serve() as provider:
        client = (oidc_provider.CLIENT_ID, oidc_provider.CLIENT_SECRET)
        settings = OidcProvider(provider.issuer, *client, server, auto_create=True)
        async with open_gateway(database_url, Settings(public_url=server), oidc=settings) as gateway:
            serving = asyncio.create_task(serve_http(gateway.app, "127.0.0.1", port, idle_timeout=IDLE_TIMEOUT))
            await wait_until_reachable("127.0.0.1", port)
            yield SignInSite(server, provider)
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


def new_computer(home: Path, server: str) -> Shell:
    """Return a computer whose browser goes where it is sent."""
    script = home / "browser.py"
    script.write_text(BROWSER)
    return Shell(home, server, {"BROWSER": f"{sys.executable} {script} %s"})


async def test_a_user_logs_in_with_a_browser(sign_in_site: SignInSite, tmp_path: Path) -> None:
    shell = new_computer(tmp_path, sign_in_site.server)
    person = sign_in_site.provider.person
    done = await shell.ok("login", "--oidc", "--server", sign_in_site.server, "--json")
    assert done.json["email"] == person["email"]
    assert [json.loads(line) for line in done.stderr.splitlines()] == [{"note": "Sign in with your browser."}]
    assert (await shell.ok("whoami")).text.strip() == person["email"]


async def test_a_refused_sign_in_is_explained(sign_in_site: SignInSite, tmp_path: Path) -> None:
    shell = new_computer(tmp_path, sign_in_site.server)
    sign_in_site.provider.new_person(email_verified=False)
    refused = await shell("login", "--oidc", "--server", sign_in_site.server)
    assert refused.status == 1
    assert "ask the operator" in refused.stderr
    assert (await shell("whoami")).status == 4


async def test_the_browser_takes_no_password(tmp_path: Path) -> None:
    assert (await Shell(tmp_path, "http://127.0.0.1:9")("login", "--oidc", "--email", "a@example.com")).status == 2
