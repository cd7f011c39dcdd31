"""Sign-in with an identity provider: from the browser to the session, and every answer that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pyotp
import pytest

from drivebay.auth.oidc import redirects
from drivebay.auth.settings import OidcProvider
from drivebay.contract.auth import AccountUpdate, AuditQuery, NewAccount
from drivebay.contract.ids import UserId
from drivebay.embedded.postgres import Postgres
from drivebay.errors import Unavailable
from drivebay.gateway.settings import Settings
from drivebay.testing import servers
from drivebay.testing.client import Json

from ..oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, new_key, parameters_of, serve
from .conftest import Gateway, User, assert_problem, client, open_gateway
from .test_admin import OPERATOR

BASE = "https://drive.example.com"
APP = f"{BASE}/signed-in"


@dataclass
class Site:
    """A gateway with an identity provider. `begin` and `answer` are what a browser does."""

    gateway: Gateway
    provider: Provider

    async def begin(self, browser: httpx.AsyncClient, redirect_uri: str = APP) -> str:
        """Begin a sign-in, go to the provider and return the URL that it sends the browser to."""
        begun = await browser.get("/v1/oidc/login", params={"redirect_uri": redirect_uri})
        assert begun.status_code == 302, begun.text
        async with httpx.AsyncClient() as outside:
            answer = await outside.get(begun.headers["location"])
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(f"{BASE}/v1/oidc/callback?")
        return answer.headers["location"]

    async def answer(self, browser: httpx.AsyncClient, url: str) -> httpx.Response:
        return await browser.get("/v1/oidc/callback", params=parameters_of(url))

    async def sign_in(self) -> httpx.Response:
        """Sign in with a new browser and return the answer of the callback."""
        async with self.browser() as browser:
            return await self.answer(browser, await self.begin(browser))

    async def tokens(self) -> Json:
        """Sign in and return the tokens of the session."""
        ended = await self.sign_in()
        assert ended.status_code == 302, ended.text
        assert ended.headers["location"].startswith(f"{APP}?"), ended.headers["location"]
        code = parameters_of(ended.headers["location"])["code"]
        response = await self.gateway.http.post("/v1/oidc/token", json={"code": code})
        assert response.status_code == 200, response.text
        return response.json()

    async def error(self) -> str:
        """Sign in and return the error that the app gets."""
        return parameters_of((await self.sign_in()).headers["location"])["error"]

    async def me(self) -> Json:
        headers = {"Authorization": f"Bearer {(await self.tokens())['access_token']}"}
        return (await self.gateway.http.get("/v1/me", headers=headers)).json()

    def browser(self) -> httpx.AsyncClient:
        browser = client(self.gateway.app)
        browser.base_url = httpx.URL(BASE)
        return browser


@pytest.fixture
async def site(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    changes: dict[str, Any] = dict(getattr(request, "param", {}))
    async with serve() as provider:
        provider.discovery = changes.pop("discovery", {})
        settings = OidcProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, BASE, auto_create=True)
        own = replace(settings, **changes)
        async with open_gateway(database_url, Settings(public_url=BASE), oidc=own) as gateway:
            yield Site(gateway, provider)


def settings(**changes: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("site", [changes], indirect=True)


async def test_a_person_of_the_provider_gets_an_account_and_the_same_one_again(site: Site) -> None:
    person = site.provider.new_person(name="Ada Lovelace")
    first, second = await site.me(), await site.me()
    assert first["id"] == second["id"]
    assert (first["email"], first["email_verified"], first["display_name"]) == (person["email"], True, "Ada Lovelace")
    site.provider.person = person | {"email": "new@example.com"}  # the subject counts, not the address
    assert (await site.me())["id"] == first["id"]
    site.provider.new_person()
    await site.me()
    (identity,) = await site.gateway.auth.list_identities(UserId(UUID(first["id"])))
    assert (identity.issuer, identity.subject) == (site.provider.issuer, person["sub"])
    login = await site.gateway.http.post("/v1/login", json={"email": person["email"], "password": ""})
    assert_problem(login, 401, "invalid_credentials")


async def test_the_answer_of_an_older_provider_has_no_issuer(site: Site) -> None:
    site.provider.discovery = {"authorization_response_iss_parameter_supported": False}
    site.provider.answer = {"iss": None}
    assert (await site.me())["email_verified"]


async def test_the_email_may_come_from_the_userinfo_endpoint(site: Site) -> None:
    person = site.provider.new_person()
    site.provider.changes = {"email": ..., "email_verified": ...}
    assert (await site.me())["email"] == person["email"]


async def test_the_email_and_whether_it_is_verified_come_from_one_source(site: Site) -> None:
    site.provider.new_person(email_verified=False)
    site.provider.changes = {"email": ..., "email_verified": True}
    assert await site.error() == "no_account"


async def test_an_answer_that_is_too_long_is_refused(site: Site) -> None:
    site.provider.new_person(padding="x" * 2_000_000)
    site.provider.changes = {"email": ..., "email_verified": ...}
    assert_problem(await site.sign_in(), 401, "invalid_code")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example.com"}, {"iss": ...}, {"aud": "another"}, {"aud": ["another"]}, {"aud": ...},
        {"aud": [CLIENT_ID, "another"]}, {"azp": "another"}, {"aud": [CLIENT_ID, "x"], "azp": "x"},
        {"exp": 1}, {"exp": ...}, {"exp": "soon"}, {"iat": 2**40}, {"iat": ...}, {"nonce": "another"}, {"nonce": ...},
        {"sub": ...}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256}, {"sub": "a\0"}, {"sub": "\u00e9"},
    ],
)  # fmt: skip
async def test_an_id_token_with_a_wrong_claim_is_refused(site: Site, changes: Json) -> None:
    site.provider.changes = changes
    assert_problem(await site.sign_in(), 401, "invalid_code")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_an_id_token_without_a_signature_of_the_provider_is_refused(site: Site, algorithm: str) -> None:
    site.provider.algorithm = algorithm
    assert_problem(await site.sign_in(), 401, "invalid_code")


async def test_a_key_that_the_provider_published_by_mistake_signs_nothing(site: Site) -> None:
    """A shared secret among the public keys: everybody could sign with it."""
    site.provider.algorithm, site.provider.publishes_secret = "HS256", True
    assert_problem(await site.sign_in(), 401, "invalid_code")


async def test_a_new_key_of_the_provider_is_found(site: Site) -> None:
    await site.me()
    site.provider.keys.append(new_key())
    before = site.provider.key_requests
    assert_problem(await site.sign_in(), 401, "invalid_code")  # the keys were loaded less than 30 seconds ago
    assert site.provider.key_requests == before
    site.gateway.clock.ahead += timedelta(seconds=31)
    await site.me()
    assert site.provider.key_requests == before + 1


async def test_an_answer_can_be_used_once(site: Site) -> None:
    async with site.browser() as browser:
        url = await site.begin(browser)
        answers = await asyncio.gather(*(site.answer(browser, url) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [302, 401, 401, 401]
    (ended,) = [answer for answer in answers if answer.status_code == 302]
    body = {"code": parameters_of(ended.headers["location"])["code"]}
    uses = await asyncio.gather(*(site.gateway.http.post("/v1/oidc/token", json=body) for _ in range(4)))
    assert sorted(use.status_code for use in uses) == [200, 401, 401, 401]
    assert_problem(await site.gateway.http.post("/v1/oidc/token", json=body), 401, "invalid_code")


async def test_an_answer_counts_only_in_the_browser_that_began(site: Site) -> None:
    async with site.browser() as browser, site.browser() as victim:
        url = await site.begin(browser)
        assert_problem(await site.answer(victim, url), 401, "invalid_code")
        await site.begin(victim)  # a sign-in of its own does not help
        assert_problem(await site.answer(victim, url), 401, "invalid_code")


async def test_an_answer_of_another_provider_is_refused(site: Site) -> None:
    site.provider.answer = {"iss": "https://other.example.com"}
    assert_problem(await site.sign_in(), 401, "invalid_code")
    site.provider.answer = {"iss": None}  # the provider promises to send it
    assert_problem(await site.sign_in(), 401, "invalid_code")


async def test_a_code_of_another_sign_in_is_refused(site: Site) -> None:
    async with site.browser() as browser:
        first, second = await site.begin(browser), None
        async with site.browser() as other:
            second = await site.begin(other)
        mixed = parameters_of(first) | {"code": parameters_of(second)["code"]}
        assert_problem(await browser.get("/v1/oidc/callback", params=mixed), 401, "invalid_code")


async def test_a_refusal_of_the_provider_goes_to_the_app(site: Site) -> None:
    site.provider.answer = {"code": None, "error": "access_denied"}
    assert await site.error() == "access_denied"


async def test_sign_ins_and_codes_expire(site: Site) -> None:
    database = site.gateway.database
    async with site.browser() as browser:
        url = await site.begin(browser)
        await database.execute("UPDATE auth.oidc_logins SET expires_at = now() - interval '1 second'")
        assert_problem(await site.answer(browser, url), 401, "invalid_code")
    code = parameters_of((await site.sign_in()).headers["location"])["code"]
    await database.execute("UPDATE auth.oidc_codes SET expires_at = now() - interval '1 second'")
    refused = await site.gateway.http.post("/v1/oidc/token", json={"code": code})
    assert_problem(refused, 401, "invalid_code")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example.com/", "//evil.example.com/", "https://drive.example.com@evil.example.com/",
        "https://drive.example.com.evil.example.com/", "http://drive.example.com/", "https://drive.example.com:444/",
        "https://drive.example.com\\@evil.example.com/", "javascript:alert(1)", "data:text/html,x", "", "/path",
        "https://drive.example.com/#x", "https://drive.example.com/\r\nX: y", "http://127.0.0.1/", "http://localhost/",
        "https://127.0.0.1:8000/", "http://127.0.0.1:8000@evil.example.com/", "http://127.0.0.1.evil.example.com:80/",
        "http://[::1/", "http://127.0.0.1:99999/", "https://drive.example.com/" + "x" * 2000, "drivebay://x",
        "http://127.0.0.1:x/", "https://drive.example.com\t/", "ftp://drive.example.com/",
    ],
)  # fmt: skip
async def test_a_sign_in_ends_nowhere_else(site: Site, redirect_uri: str) -> None:
    refused = await site.gateway.http.get("/v1/oidc/login", params={"redirect_uri": redirect_uri})
    problem = assert_problem(refused, 422, "invalid_request")
    assert problem["errors"][0]["field"] == "redirect_uri"


@pytest.mark.parametrize(
    "redirect_uri",
    ["http://127.0.0.1:8999/done", "http://[::1]:8999/", "http://localhost:1/?a=b", f"{BASE}:443/x?y=z", BASE],
)
async def test_a_sign_in_may_end_at_the_app_or_on_the_users_machine(site: Site, redirect_uri: str) -> None:
    async with site.browser() as browser:
        ended = await site.answer(browser, await site.begin(browser, redirect_uri))
    location = ended.headers["location"]
    assert location.startswith(redirect_uri)
    assert "code" in parameters_of(location)
    if "?" in redirect_uri:
        assert location.startswith(f"{redirect_uri}&code=")


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        (f"{BASE}/drive", True), (f"{BASE}/drive/", True), (f"{BASE}/drive?a=/../x", True),
        (f"{BASE}/drive/a.b/c", True),
        (BASE, False), (f"{BASE}/", False), (f"{BASE}/other", False), (f"{BASE}/drivers", False),
        (f"{BASE}/Drive", False),
        (f"{BASE}/drive/../other", False), (f"{BASE}/drive/%2e%2E/other", False), (f"{BASE}/drive/.%2e/x", False),
        (f"{BASE}/drive/..%2fother", False), (f"{BASE}/drive/..%5cother", False),
        (f"{BASE}/drive/%252e%252e/x", False),
        (f"{BASE}/drive//evil.example.com", False), (f"{BASE}//evil.example.com/drive", False),
        (f"{BASE}/drive/..", False),
        ("https://other.example.com/drive/", False),
    ],
)  # fmt: skip
def test_a_sign_in_ends_below_the_path_of_the_deployment(url: str, is_allowed: bool) -> None:
    for public_url in (f"{BASE}/drive", f"{BASE}/drive/"):
        assert redirects.is_allowed(url, public_url) is is_allowed


@pytest.mark.parametrize(
    ("url", "result"),
    [
        (APP, f"{APP}?code=a%26b"), (f"{APP}?", f"{APP}?code=a%26b"), (f"{APP}?x=1", f"{APP}?x=1&code=a%26b"),
        (f"{APP}?x=1&", f"{APP}?x=1&code=a%26b"), (f"{APP}?x=?", f"{APP}?x=?&code=a%26b"),
        (f"{APP}?x", f"{APP}?x&code=a%26b"),
    ],
)  # fmt: skip
def test_a_parameter_is_added_to_any_query(url: str, result: str) -> None:
    assert redirects.append_parameters(url, {"code": "a&b"}) == result


@pytest.mark.parametrize("redirect_uri", [f"{APP}?", f"{APP}?a=b&", f"{APP}?a=?"])
async def test_an_app_with_an_empty_query_gets_its_code(site: Site, redirect_uri: str) -> None:
    async with site.browser() as browser:
        ended = await site.answer(browser, await site.begin(browser, redirect_uri))
    code = parameters_of(ended.headers["location"])["code"]
    assert (await site.gateway.http.post("/v1/oidc/token", json={"code": code})).status_code == 200


async def test_the_cookie_is_for_the_callback_alone(site: Site) -> None:
    async with site.browser() as browser:
        begun = await browser.get("/v1/oidc/login", params={"redirect_uri": APP})
    cookie = begun.headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/v1/oidc", "Max-Age=600"} <= set(cookie.split("; "))


@settings(auto_create=False)
async def test_without_creation_only_known_people_sign_in(site: Site) -> None:
    assert await site.error() == "no_account"


async def test_an_unverified_email_of_the_provider_counts_for_nothing(site: Site) -> None:
    site.provider.new_person(email_verified=False)
    assert await site.error() == "no_account"
    user = await site.gateway.user()
    site.provider.new_person(email=user.email, email_verified=False)
    assert await site.error() == "no_account"


async def test_without_links_a_taken_email_stays_with_its_account(site: Site) -> None:
    user = await site.gateway.user()
    site.provider.new_person(email=user.email)
    assert await site.error() == "email_taken"
    await user.log_in()


@settings(link_by_email=True)
async def test_an_account_that_somebody_made_with_the_address_is_taken_from_them(site: Site) -> None:
    thief, friend = await site.gateway.user(), await site.gateway.user()
    file = (await thief.store("a.txt", b"hello"))["id"]
    link = (await thief.ok("POST", f"/v1/files/{file}/links", {"role": "viewer"}))["token"]
    await thief.ok("PUT", f"/v1/files/{file}/permissions", {"email": friend.email, "role": "editor"})
    api_token = (await thief.ok("POST", "/v1/me/tokens", {"name": "a", "scopes": ["read"]}))["token"]
    site.provider.new_person(email=thief.email.upper())
    assert (await site.me())["email"] == thief.email
    for token in (thief.tokens["access_token"], api_token):
        site.gateway.clock.ahead += timedelta(seconds=6)
        answer = await site.gateway.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    login = {"email": thief.email, "password": thief.password}
    assert_problem(await site.gateway.http.post("/v1/login", json=login), 401, "invalid_credentials")
    assert_problem(await site.gateway.http.get(f"/v1/public/{link}"), 404, "not_found")
    assert (await friend.ok("GET", "/v1/shared-with-me"))["items"] == []
    # What the owner shares later stays, also after the next round.
    await site.gateway.database.execute("UPDATE auth.reclaimed_accounts SET reclaimed_at = now() - interval '1 minute'")
    headers = {"Authorization": f"Bearer {(await site.tokens())['access_token']}"}
    made = await site.gateway.http.post(f"/v1/files/{file}/links", json={"role": "viewer"}, headers=headers)
    await site.gateway.app.account_purge.run_once()
    assert (await site.gateway.http.get(f"/v1/public/{made.json()['token']}")).status_code == 200


@settings(link_by_email=True)
async def test_sharing_ends_in_a_later_round_if_files_is_down(site: Site) -> None:
    thief = await site.gateway.user()
    file = (await thief.store("a.txt", b"hello"))["id"]
    link = (await thief.ok("POST", f"/v1/files/{file}/links", {"role": "viewer"}))["token"]
    end_sharing = site.gateway.files.end_sharing

    async def fail(user: UserId, until: datetime) -> None:
        raise Unavailable("files is down")

    site.gateway.files.end_sharing = fail  # type: ignore[method-assign]
    site.provider.new_person(email=thief.email)
    assert (await site.me())["email"] == thief.email
    assert (await site.gateway.http.get(f"/v1/public/{link}")).status_code == 200
    site.gateway.files.end_sharing = end_sharing  # type: ignore[method-assign]
    await site.gateway.app.account_purge.run_once()
    assert_problem(await site.gateway.http.get(f"/v1/public/{link}"), 404, "not_found")


@settings(link_by_email=True)
async def test_sharing_of_one_account_that_cannot_end_does_not_keep_that_of_others(site: Site) -> None:
    end_sharing, links, users = site.gateway.files.end_sharing, [], []
    for _ in range(2):
        users.append(await site.gateway.user())
        file = (await users[-1].store("a.txt", b"hello"))["id"]
        links.append((await users[-1].ok("POST", f"/v1/files/{file}/links", {"role": "viewer"}))["token"])
    first = (await users[0].ok("GET", "/v1/me"))["id"]

    async def fail_for_the_first(user: UserId, until: datetime) -> None:
        if str(user) == first:
            raise Unavailable("this account cannot be ended")
        await end_sharing(user, until)

    site.gateway.files.end_sharing = fail_for_the_first  # type: ignore[method-assign]
    for user in users:
        site.provider.new_person(email=user.email)
        assert (await site.me())["email"] == user.email
    assert [(await site.gateway.http.get(f"/v1/public/{link}")).status_code for link in links] == [200, 404]


@settings(link_by_email=True)
async def test_an_address_that_went_to_another_person_gives_no_account(site: Site) -> None:
    person = site.provider.new_person()
    await site.me()
    site.provider.new_person(email=person["email"])
    assert await site.error() == "email_taken"


@settings(link_by_email=True)
async def test_a_confirmed_account_is_linked_and_keeps_its_password(site: Site) -> None:
    user = await site.gateway.user()
    id = (await user.ok("GET", "/v1/me"))["id"]
    await site.gateway.database.execute("UPDATE auth.users SET email_verified_at = now()")
    site.provider.new_person(email=user.email)
    assert (await site.me())["id"] == id
    await user.log_in()
    events = (await site.gateway.auth.list_audit_events(OPERATOR, AuditQuery(action="identity_linked"))).items
    assert [(str(event.actor), event.target) for event in events] == [(id, id)]
    assert await site.gateway.auth.list_reclaimed_accounts() == ()


async def test_an_invited_account_waits_for_its_password(site: Site) -> None:
    await site.gateway.auth.create_account(OPERATOR, NewAccount("invited@example.com"))
    site.provider.new_person(email="invited@example.com")
    assert await site.error() == "email_taken"


async def test_an_account_without_a_password_is_deleted_after_a_fresh_sign_in(site: Site) -> None:
    http = site.gateway.http
    headers = {"Authorization": f"Bearer {(await site.tokens())['access_token']}"}
    secret = (await http.post("/v1/me/totp", headers=headers)).json()["secret"]
    code = {"code": pyotp.TOTP(secret).at(site.gateway.clock())}
    recovery = (await http.post("/v1/me/totp/confirm", headers=headers, json=code)).json()["recovery_codes"]
    removal, deletion = {"code": recovery[0]}, {"password": "a wrong password"}
    age = "UPDATE auth.sessions SET started_at = now() - interval '{}'"
    await site.gateway.database.execute(age.format("6 minutes"))
    for method, path, body in (("DELETE", "/v1/me/totp", removal), ("DELETE", "/v1/me", {})):
        assert_problem(await http.request(method, path, json=body, headers=headers), 401, "invalid_credentials")
    change = {"new_password": "staple battery horse"}
    assert_problem(await http.post("/v1/me/password", json=change, headers=headers), 401, "invalid_credentials")
    await site.gateway.database.execute(age.format("1 minute"))
    assert (await http.request("DELETE", "/v1/me/totp", json=removal, headers=headers)).status_code == 204
    refused = await http.request("DELETE", "/v1/me", json=deletion, headers=headers)
    assert_problem(refused, 401, "invalid_credentials")
    assert (await http.post("/v1/me/password", json=change, headers=headers)).status_code == 204
    # The account has a password now, so a fresh login is not enough.
    assert_problem(await http.request("DELETE", "/v1/me", json={}, headers=headers), 401, "invalid_credentials")
    site.provider.new_person()
    headers = {"Authorization": f"Bearer {(await site.tokens())['access_token']}"}
    assert (await http.request("DELETE", "/v1/me", json={}, headers=headers)).status_code == 204


async def test_a_disabled_account_cannot_sign_in(site: Site) -> None:
    id = UserId(UUID((await site.me())["id"]))
    code = parameters_of((await site.sign_in()).headers["location"])["code"]
    await site.gateway.auth.update_account(OPERATOR, id, AccountUpdate(disabled=True))
    refused = await site.gateway.http.post("/v1/oidc/token", json={"code": code})
    assert_problem(refused, 401, "invalid_credentials")
    assert await site.error() == "account_disabled"


@settings(admin_claim=("groups", "admins"))
async def test_the_admin_claim_decides_the_role(site: Site) -> None:
    boss = site.provider.new_person(groups=["staff", "admins"])
    assert (await site.me())["role"] == "admin"
    site.provider.person = boss | {"groups": []}
    assert (await site.me())["role"] == "admin"  # the last admin stays one
    other = site.provider.new_person(groups="admins")
    assert (await site.me())["role"] == "admin"
    site.provider.person = other | {"groups": ["staff"]}
    assert (await site.me())["role"] == "user"


@settings(admin_claim=("groups", "admins"), discovery={"scopes_supported": ["openid", "email", "profile", "groups"]})
async def test_the_scope_of_the_admin_claim_is_requested_where_the_provider_has_it(site: Site) -> None:
    """Dex, for one, sends the claim `groups` only to clients that request the scope `groups`."""
    site.provider.claims_by_scope = {"groups": ["admins"]}
    site.provider.new_person()
    assert (await site.me())["role"] == "admin"


@settings(admin_claim=("groups", "admins"))
async def test_the_admin_claim_may_come_from_the_userinfo_endpoint(site: Site) -> None:
    person = site.provider.new_person(groups=["admins"])
    site.provider.changes = {"groups": ...}
    assert (await site.me())["role"] == "admin"
    # The address of the ID token counts, although the endpoint names another one.
    other = site.provider.new_person(groups=["admins"])
    site.provider.changes = {"groups": ..., "email": person["email"], "email_verified": False}
    site.provider.person = other
    assert await site.error() == "no_account"


@settings(admin_claim=("groups", "admins"))
async def test_a_scope_that_the_provider_does_not_name_is_not_requested(site: Site) -> None:
    async with site.browser() as browser:
        begun = await browser.get("/v1/oidc/login", params={"redirect_uri": APP})
    assert parameters_of(begun.headers["location"])["scope"] == "openid email profile"


async def test_a_second_factor_is_asked_for(site: Site) -> None:
    headers = {"Authorization": f"Bearer {(await site.tokens())['access_token']}"}
    http = site.gateway.http
    secret = (await http.post("/v1/me/totp", headers=headers)).json()["secret"]
    code = pyotp.TOTP(secret).at(site.gateway.clock())
    assert (await http.post("/v1/me/totp/confirm", headers=headers, json={"code": code})).status_code == 200
    body = {"code": parameters_of((await site.sign_in()).headers["location"])["code"]}
    asked = assert_problem(await http.post("/v1/oidc/token", json=body), 401, "second_factor_required")
    later = pyotp.TOTP(secret).at(site.gateway.clock(), counter_offset=1)
    step = {"challenge": asked["challenge"], "code": later}
    assert (await http.post("/v1/login/totp", json=step)).status_code == 200


@pytest.mark.parametrize(
    "discovery",
    [{"issuer": "http://other.example.com"}, {"jwks_uri": None}, {"token_endpoint": 7}, {"jwks_uri": "ftp://x"}],
)
async def test_a_provider_with_a_wrong_configuration_is_unavailable(site: Site, discovery: Json) -> None:
    site.provider.discovery = discovery
    refused = await site.gateway.http.get("/v1/oidc/login", params={"redirect_uri": APP})
    assert_problem(refused, 503, "unavailable")


async def test_strange_answers_are_refused(site: Site) -> None:
    for parameters in ({}, {"state": "x"}, {"state": "\0", "code": "\r\n"}, {"state": "A" * 43, "code": "x"}):
        refused = await site.gateway.http.get("/v1/oidc/callback", params=parameters)
        assert_problem(refused, 401, "invalid_code")
    for body in ({}, {"code": 7}, {"code": "x" * 1001}, {"code": "x", "state": "y"}):
        assert_problem(await site.gateway.http.post("/v1/oidc/token", json=body), 422, "invalid_request")


async def test_without_a_provider_the_routes_are_not_found(shared: Gateway, user: User) -> None:
    http = shared.http
    assert_problem(await http.get("/v1/oidc/login", params={"redirect_uri": APP}), 404, "not_found")
    assert_problem(await http.get("/v1/oidc/callback", params={"state": "x", "code": "y"}), 404, "not_found")
    assert_problem(await http.post("/v1/oidc/token", json={"code": "x"}), 404, "not_found")


async def test_without_passwords_only_the_provider_lets_people_in(postgres: Postgres, database_template: str) -> None:
    async with serve() as provider, servers.database(postgres, database_template, f"test_{CLIENT_ID}_off") as url:
        own = OidcProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, BASE, auto_create=True)
        async with open_gateway(url, Settings(public_url=BASE), oidc=own, passwords=False, sends_mail=True) as gateway:
            account = {"email": "ann@example.com", "password": "correct horse battery"}
            assert_problem(await gateway.http.post("/v1/signup", json=account), 403, "signup_closed")
            assert_problem(await gateway.http.post("/v1/login", json=account), 403, "forbidden")
            reset = await gateway.http.post("/v1/password/reset", json={"email": "ann@example.com"})
            assert_problem(reset, 404, "not_found")
            confirm = {"token": "A" * 43, "password": "staple battery horse"}
            assert_problem(await gateway.http.post("/v1/password/reset/confirm", json=confirm), 404, "not_found")
            site = Site(gateway, provider)
            assert (await site.me())["email_verified"]
            # An invited person signs in at the provider, although accounts are not linked by email.
            await gateway.database.execute("UPDATE auth.users SET role = 'admin'")
            headers = {"Authorization": f"Bearer {(await site.tokens())['access_token']}"}
            invited = await gateway.http.post("/v1/admin/users", json={"email": "eve@example.com"}, headers=headers)
            assert (invited.status_code, invited.json()["invitation_url"]) == (201, None)
            provider.new_person(email="eve@example.com")
            assert (await site.me())["id"] == invited.json()["id"]
            provider.new_person(email="eve@example.com")
            assert await site.error() == "email_taken"
