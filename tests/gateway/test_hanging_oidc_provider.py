"""An identity provider that does not answer: sign-ins wait for it at the same time, not one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from drivebay.auth.oidc.identity_provider import IdentityProvider
from drivebay.auth.settings import OidcProvider
from drivebay.errors import Unavailable
from drivebay.gateway.settings import Settings
from drivebay.testing.client import eventually

from ..oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, new_key, serve
from .conftest import open_gateway
from .test_oidc import APP, BASE, Site

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with serve() as provider:
        yield provider


@pytest.fixture
async def site(database_url: str, provider: Provider) -> AsyncIterator[Site]:
    own = OidcProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, BASE, auto_create=True)
    async with open_gateway(database_url, Settings(public_url=BASE), oidc=own) as gateway:
        yield Site(gateway, provider)


def relying_party(provider: Provider, timeout: float) -> IdentityProvider:
    settings = OidcProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, BASE)
    return IdentityProvider(settings, lambda: datetime.now(UTC), timeout)


async def begin(party: IdentityProvider) -> str:
    return await party.authorization_url(f"{BASE}/v1/oidc/callback", "state", "nonce", "challenge")


async def test_sign_ins_at_once_wait_for_one_request_to_a_provider_that_hangs(provider: Provider) -> None:
    provider.hanging = {DISCOVERY}
    party = relying_party(provider, timeout=0.3)
    results = await asyncio.gather(*(begin(party) for _ in range(20)), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 20
    assert provider.requests == [DISCOVERY], "each further request would have taken a timeout of its own"
    provider.hanging = set()
    assert (await begin(party)).startswith(f"{provider.issuer}/authorize?")


async def test_sign_ins_at_once_share_the_configuration_of_the_provider(provider: Provider) -> None:
    party = relying_party(provider, timeout=8.0)
    urls = await asyncio.gather(*(begin(party) for _ in range(20)))
    assert len(set(urls)) == 1
    assert provider.requests == [DISCOVERY]


async def test_a_sign_in_begins_while_another_waits_for_the_keys(site: Site) -> None:
    site.provider.hanging = {"/keys"}
    async with site.browser() as first, site.browser() as second:
        answer = asyncio.create_task(site.answer(first, await site.begin(first)))

        async def has_requested_keys() -> bool:
            return "/keys" in site.provider.requests

        await eventually(has_requested_keys, every=0.01)
        begun = await second.get("/v1/oidc/login", params={"redirect_uri": APP})
        assert begun.status_code == 302
        assert not answer.done()
        site.provider.resumed.set()
        assert (await answer).status_code == 302


async def test_a_known_key_is_used_while_another_sign_in_waits_for_new_keys(site: Site) -> None:
    assert await site.tokens()
    known = site.provider.keys
    site.gateway.clock.ahead += timedelta(seconds=31)
    site.provider.hanging, site.provider.keys = {"/keys"}, [new_key()]
    requested = site.provider.requests.count("/keys")
    async with site.browser() as first:
        answer = asyncio.create_task(site.answer(first, await site.begin(first)))

        async def has_requested_keys() -> bool:
            return site.provider.requests.count("/keys") > requested

        await eventually(has_requested_keys, every=0.01)
        unknown, site.provider.keys = site.provider.keys, known
        assert await site.tokens()
        assert not answer.done()
        site.provider.keys = unknown
        site.provider.resumed.set()
        assert (await answer).status_code == 302


async def test_old_configuration_is_loaded_again(provider: Provider) -> None:
    now = datetime.now(UTC)
    party = IdentityProvider(OidcProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, BASE), lambda: now)
    for _ in range(2):
        await begin(party)
    assert provider.requests == [DISCOVERY]
    now += timedelta(minutes=61)
    await begin(party)
    assert provider.requests == [DISCOVERY] * 2
