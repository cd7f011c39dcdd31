"""Sessions: login, refresh, and reuse of a refresh token."""

from __future__ import annotations

from uuid import uuid4

import httpx

from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem


async def refresh(user: User, token: str) -> httpx.Response:
    return await user.http.post("/v1/token/refresh", json={"refresh_token": token})


async def age_spent_tokens(gateway: Gateway) -> None:
    """Make the spent tokens one hour old: a token may be repeated for a few seconds after its use."""
    await gateway.database.execute("UPDATE auth.refresh_tokens SET spent_at = spent_at - interval '1 hour'")


async def test_a_reused_refresh_token_ends_all_sessions_of_its_login(own: Gateway) -> None:
    user = await own.user()
    spent = str(user.tokens["refresh_token"])
    latest = (await refresh(user, spent)).json()["refresh_token"]
    await age_spent_tokens(own)
    response = await refresh(user, spent)
    assert_problem(response, 401, "token_reused")
    assert response.headers["www-authenticate"] == "Bearer"
    assert (await refresh(user, latest)).status_code == 401


async def test_other_logins_of_the_user_stay_valid(own: Gateway) -> None:
    user = await own.user()
    spent = str(user.tokens["refresh_token"])
    elsewhere = str((await user.log_in()).tokens["refresh_token"])
    await refresh(user, spent)
    await age_spent_tokens(own)
    assert_problem(await refresh(user, spent), 401, "token_reused")
    assert (await refresh(user, elsewhere)).status_code == 200


async def test_a_refreshed_token_works(user: User) -> None:
    tokens: Json = (await refresh(user, str(user.tokens["refresh_token"]))).json()
    assert tokens["refresh_token"] != user.tokens["refresh_token"]
    me = await user.http.get("/v1/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert me.json()["email"] == user.email


async def test_a_wrong_password_and_an_unknown_email_get_the_same_response(user: User) -> None:
    accounts = [
        {"email": user.email, "password": "not the password"},
        {"email": f"{uuid4().hex}@example.com", "password": user.password},
    ]
    headers = {"X-Request-Id": "same"}
    wrong, unknown = [await user.http.post("/v1/login", json=account, headers=headers) for account in accounts]
    assert_problem(wrong, 401, "invalid_credentials")
    assert wrong.content == unknown.content
    assert dict(wrong.headers) == dict(unknown.headers)


async def test_every_character_of_a_long_password_counts(user: User) -> None:
    account = {"email": f"{uuid4().hex}@example.com", "password": "x" * 100 + "y"}
    assert (await user.http.post("/v1/signup", json=account)).status_code == 201
    assert (await user.http.post("/v1/login", json=account)).status_code == 200
    other = {**account, "password": "x" * 100 + "z"}
    assert_problem(await user.http.post("/v1/login", json=other), 401, "invalid_credentials")


async def test_logging_out_twice_is_no_error(user: User) -> None:
    token = {"refresh_token": user.tokens["refresh_token"]}
    for _ in range(2):
        response = await user.http.post("/v1/logout", json=token)
        assert (response.status_code, response.content) == (204, b"")
    assert_problem(await refresh(user, token["refresh_token"]), 401, "unauthenticated")
