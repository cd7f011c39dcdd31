"""Sign-in with a provider that is not ours: the package oidc-provider-mock, on authlib and Flask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import oidc_provider_mock
import werkzeug.serving

from drivebay.auth.settings import OidcProvider
from drivebay.gateway.settings import Settings

from ..oidc_provider import CLIENT_ID, CLIENT_SECRET, parameters_of
from .conftest import Gateway, client, open_gateway
from .test_oidc import APP, BASE

ADA = oidc_provider_mock.User(
    sub="ada", claims={"email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace", "groups": ["admins"]}
)
EVE = oidc_provider_mock.User(sub="eve", claims={"email": "eve@example.com", "email_verified": False})


@contextmanager
def serve_provider() -> Iterator[str]:
    """Run the provider in a thread. Yields its issuer."""
    app = oidc_provider_mock.app(require_nonce=True, user_claims=[ADA, EVE])
    server = werkzeug.serving.make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def sign_in(gateway: Gateway, person: str) -> dict[str, str]:
    """Sign in as a person who presses a button of the provider. Return what the app gets in its URL."""
    async with client(gateway.app) as browser, httpx.AsyncClient() as outside:
        browser.base_url = httpx.URL(BASE)
        begun = await browser.get("/v1/oidc/login", params={"redirect_uri": APP})
        assert begun.status_code == 302, begun.text
        page = await outside.get(begun.headers["location"])
        assert page.status_code == 200, page.text
        answer = await outside.post(begun.headers["location"], data={"sub": person})
        assert answer.status_code == 302, answer.text
        ended = await browser.get("/v1/oidc/callback", params=parameters_of(answer.headers["location"]))
        assert ended.status_code == 302, ended.text
        return parameters_of(ended.headers["location"])


async def test_people_sign_in_at_a_provider_of_somebody_else(database_url: str) -> None:
    with serve_provider() as issuer:
        provider = OidcProvider(
            issuer, CLIENT_ID, CLIENT_SECRET, BASE, auto_create=True, admin_claim=("groups", "admins")
        )
        async with open_gateway(database_url, Settings(public_url=BASE), oidc=provider) as gateway:
            ids = set()
            for _ in range(2):
                code = (await sign_in(gateway, "ada"))["code"]
                response = await gateway.http.post("/v1/oidc/token", json={"code": code})
                assert response.status_code == 200, response.text
                headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
                me = (await gateway.http.get("/v1/me", headers=headers)).json()
                ids.add(me["id"])
                assert (me["email"], me["email_verified"], me["role"]) == ("ada@example.com", True, "admin")
                assert me["display_name"] == "Ada Lovelace"
            assert len(ids) == 1
            assert (await sign_in(gateway, "eve"))["error"] == "no_account"  # the provider has not verified the address
