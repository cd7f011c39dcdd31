"""The refresh token of a browser in cookies: who gets them, and who may use them."""

from __future__ import annotations

from http.cookies import SimpleCookie

import httpx
import pytest

from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem

OWN = {"Drivebay-Session": "cookie", "Origin": "http://drivebay.test", "Sec-Fetch-Site": "same-origin"}
EMPTY = {"refresh_token": ""}
HTTPS = pytest.mark.parametrize("own", [{"public_url": "https://drive.example.com/files"}], indirect=True)


def account(user: User) -> dict[str, str]:
    return {"email": user.email, "password": user.password}


def cookies(response: httpx.Response) -> SimpleCookie:
    """Return the cookies that a response sets. The client must not keep them."""
    found: SimpleCookie = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        found.load(header)
    response.headers.pop("set-cookie", None)
    return found


async def log_in(gateway: Gateway, user: User, headers: dict[str, str] = OWN) -> httpx.Response:
    response = await gateway.http.post("/v1/login", json=account(user), headers=headers)
    gateway.http.cookies.clear()
    return response


async def me(gateway: Gateway, access_token: str) -> Json:
    response = await gateway.http.get("/v1/me", headers={"Authorization": f"Bearer {access_token}"})
    assert response.status_code == 200
    account: Json = response.json()
    return account


async def test_the_token_is_in_cookies_and_not_in_the_json(shared: Gateway, user: User) -> None:
    response = await log_in(shared, user)
    assert response.status_code == 200
    assert "refresh_token" not in response.json()
    found = cookies(response)
    assert {name: morsel["path"] for name, morsel in found.items()} == {
        "drivebay_refresh": "/v1/token/refresh",
        "drivebay_logout": "/v1/logout",
    }
    for morsel in found.values():
        assert morsel["httponly"]
        assert morsel["samesite"] == "Strict"
        assert not morsel["secure"]


@HTTPS
async def test_behind_tls_the_cookies_are_secure_and_have_the_path_of_the_proxy(own: Gateway) -> None:
    user = await own.user()
    response = await log_in(own, user, OWN | {"Origin": "https://drive.example.com"})
    found = cookies(response)
    assert all(morsel["secure"] for morsel in found.values())
    assert found["drivebay_refresh"]["path"] == "/files/v1/token/refresh"


async def test_without_the_header_nothing_changes(shared: Gateway, user: User) -> None:
    response = await log_in(shared, user, {})
    assert response.json()["refresh_token"]
    assert not cookies(response)


async def test_a_cookie_refreshes_and_ends_the_session(shared: Gateway, user: User) -> None:
    first = cookies(await log_in(shared, user))["drivebay_refresh"].value
    refreshed = await shared.http.post(
        "/v1/token/refresh", json=EMPTY, headers=OWN | {"Cookie": f"drivebay_refresh={first}"}
    )
    shared.http.cookies.clear()
    assert refreshed.status_code == 200
    assert "refresh_token" not in refreshed.json()
    second = cookies(refreshed)["drivebay_logout"].value
    assert second != first
    ended = await shared.http.post("/v1/logout", json=EMPTY, headers=OWN | {"Cookie": f"drivebay_logout={second}"})
    shared.http.cookies.clear()
    assert ended.status_code == 204
    removed = cookies(ended)
    assert {name: bool(morsel["expires"]) for name, morsel in removed.items()} == {
        "drivebay_refresh": True,
        "drivebay_logout": True,
    }
    again = await shared.http.post(
        "/v1/token/refresh", json=EMPTY, headers=OWN | {"Cookie": f"drivebay_refresh={second}"}
    )
    shared.http.cookies.clear()
    assert_problem(again, 401, "unauthenticated")
    assert {morsel.value for morsel in cookies(again).values()} == {""}, "a cookie without a session is removed"


async def test_a_login_continues_no_session_that_the_browser_had(shared: Gateway, user: User, other: User) -> None:
    """Session fixation: an attacker puts the cookie of a session into a browser, and waits until its user logs in."""
    planted = cookies(await log_in(shared, other))["drivebay_refresh"].value
    cookie = {"Cookie": f"drivebay_refresh={planted}; drivebay_logout={planted}"}
    response = await log_in(shared, user, OWN | cookie)
    begun = cookies(response)["drivebay_refresh"].value
    assert begun != planted
    assert (await me(shared, response.json()["access_token"]))["email"] == user.email
    # The planted session is still that of the attacker, and each login has a session of its own.
    attacker = await shared.http.post("/v1/token/refresh", json=EMPTY, headers=OWN | cookie)
    shared.http.cookies.clear()
    assert (await me(shared, attacker.json()["access_token"]))["email"] == other.email
    again = cookies(await log_in(shared, user, OWN | {"Cookie": f"drivebay_refresh={begun}"}))
    assert again["drivebay_refresh"].value != begun
    assert len((await user.ok("GET", "/v1/me/sessions"))["items"]) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null"},
    ],
)
async def test_a_page_of_another_origin_gets_and_uses_no_cookie(
    shared: Gateway, user: User, headers: dict[str, str]
) -> None:
    token = cookies(await log_in(shared, user))["drivebay_refresh"].value
    foreign = OWN | headers
    response = await log_in(shared, user, foreign)
    assert_problem(response, 403, "forbidden")
    assert not cookies(response)
    cookie = {"Cookie": f"drivebay_refresh={token}; drivebay_logout={token}"}
    for path in ("/v1/token/refresh", "/v1/logout"):
        assert_problem(await shared.http.post(path, json=EMPTY, headers=foreign | cookie), 403, "forbidden")
    assert (await shared.http.post("/v1/token/refresh", json=EMPTY, headers=OWN | cookie)).status_code == 200
    shared.http.cookies.clear()


async def test_a_client_that_says_nothing_about_its_origin_gets_no_cookie(shared: Gateway, user: User) -> None:
    assert_problem(await log_in(shared, user, {"Drivebay-Session": "cookie"}), 403, "forbidden")


async def test_another_value_of_the_header_is_refused(shared: Gateway, user: User) -> None:
    assert_problem(await log_in(shared, user, OWN | {"Drivebay-Session": "yes"}), 422, "invalid_request")


async def test_a_cookie_without_the_header_is_ignored(shared: Gateway, user: User) -> None:
    token = cookies(await log_in(shared, user))["drivebay_refresh"].value
    headers = {"Cookie": f"drivebay_refresh={token}"}
    assert_problem(await shared.http.post("/v1/token/refresh", json=EMPTY, headers=headers), 401, "unauthenticated")


async def test_without_a_cookie_there_is_no_session(shared: Gateway) -> None:
    for path in ("/v1/token/refresh", "/v1/logout"):
        assert_problem(await shared.http.post(path, json=EMPTY, headers=OWN), 401, "unauthenticated")
