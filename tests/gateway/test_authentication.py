"""Authentication: which tokens are accepted and for how long, and which client addresses are used."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drivebay.auth.settings import Rate
from drivebay.errors import Error, Internal, Unauthenticated, Unavailable
from drivebay.gateway.authentication import Authenticator
from drivebay.gateway.client_address import ClientAddresses
from drivebay.gateway.settings import Settings

from .conftest import Gateway, User, assert_problem

Token = Callable[[User], str]


def _part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _parts(token: str) -> tuple[Any, Any, str]:
    header, payload, signature = token.split(".")
    return *(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, payload)), signature


def foreign(user: User, **claims: object) -> str:
    """Return a token with valid claims and a known key id, signed with another key."""
    header, payload, _ = _parts(user.tokens["access_token"])
    signed = f"{_part(header)}.{_part({**payload, **claims})}"
    return f"{signed}.{_part(Ed25519PrivateKey.generate().sign(signed.encode()))}"


def _unsigned(user: User, algorithm: str) -> str:
    header, payload, _ = _parts(user.tokens["access_token"])
    return f"{_part({**header, 'alg': algorithm})}.{_part(payload)}."


def _confused(user: User, key: bytes) -> str:
    header, payload, _ = _parts(user.tokens["access_token"])
    signed = f"{_part({**header, 'alg': 'HS256'})}.{_part(payload)}"
    return f"{signed}.{_part(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def _headed(user: User, **header: object) -> str:
    old, payload, signature = _parts(user.tokens["access_token"])
    return f"{_part({**old, **header})}.{_part(payload)}.{signature}"


def _changed(user: User, **claims: object) -> str:
    header, payload, signature = _parts(user.tokens["access_token"])
    return f"{_part(header)}.{_part({**payload, **claims})}.{signature}"


def _right(user: User) -> str:
    return str(user.tokens["access_token"])


REFUSED: dict[str, Token] = {
    "empty": lambda user: "",
    "no scheme": _right,
    "scheme alone": lambda user: "Bearer",
    "scheme and space": lambda user: "Bearer ",
    "another scheme": lambda user: "Basic " + base64.b64encode(b"ada:password").decode(),
    "another scheme, right token": lambda user: f"Token {_right(user)}",
    "garbage": lambda user: "Bearer garbage",
    "dots": lambda user: "Bearer ..",
    "four parts": lambda user: f"Bearer {_right(user)}.x",
    "two tokens": lambda user: f"Bearer {_right(user)}, Bearer {_right(user)}",
    "not ascii": lambda user: "Bearer é.ü.ß",
    "long": lambda user: "Bearer " + "a" * 10_000,
    "refresh token": lambda user: f"Bearer {user.tokens['refresh_token']}",
    "alg none": lambda user: f"Bearer {_unsigned(user, 'none')}",
    "alg None": lambda user: f"Bearer {_unsigned(user, 'None')}",
    "signature cut off": lambda user: f"Bearer {_unsigned(user, 'EdDSA')}",
    "another key": lambda user: f"Bearer {foreign(user)}",
    "another user": lambda user: f"Bearer {_changed(user, sub=str(uuid4()))}",
    "longer life": lambda user: f"Bearer {_changed(user, exp=4_000_000_000)}",
    "embedded key": lambda user: f"Bearer {_headed(user, jwk={'kty': 'OKP'})}",
    "key by address": lambda user: f"Bearer {_headed(user, jku='https://evil.example/keys')}",
    "path in kid": lambda user: f"Bearer {_headed(user, kid='../../etc/passwd')}",
    "unknown kid": lambda user: f"Bearer {_headed(user, kid='unknown')}",
    "no kid": lambda user: f"Bearer {_headed(user, kid=None)}",
}


@pytest.mark.parametrize("how", REFUSED)
async def test_an_invalid_token_is_rejected(user: User, how: str) -> None:
    authorization = REFUSED[how](user)
    for method, path in (("GET", "/v1/me"), ("POST", "/v1/uploads"), ("DELETE", f"/v1/files/{uuid4()}")):
        response = await user.http.request(method, path, headers={b"Authorization": authorization.encode("latin-1")})
        problem = assert_problem(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert user.tokens["access_token"].split(".")[1] not in str(problem)


async def test_a_missing_token_gets_the_scheme_without_an_error_code(user: User) -> None:
    response = await user.http.get("/v1/me")
    assert_problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_wrong_password_gets_the_scheme(user: User) -> None:
    response = await user.http.post("/v1/login", json={"email": user.email, "password": "not the password"})
    assert_problem(response, 401, "invalid_credentials")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_token_signed_with_the_public_key_as_secret_is_rejected(user: User) -> None:
    jwks = (await user.http.get("/.well-known/jwks.json")).json()
    for jwk in jwks["keys"]:
        x = base64.urlsafe_b64decode(jwk["x"] + "==")
        for key in (x, jwk["x"].encode(), json.dumps(jwk).encode()):
            response = await user.http.get("/v1/me", headers={"Authorization": f"Bearer {_confused(user, key)}"})
            assert_problem(response, 401, "unauthenticated")


@pytest.mark.parametrize("own", [{"audience": "another"}, {"issuer": "another"}], indirect=True)
async def test_a_token_with_another_audience_or_issuer_is_rejected(own: Gateway) -> None:
    assert_problem(await (await own.user()).call("GET", "/v1/me"), 401, "unauthenticated")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_case_insensitive(user: User, scheme: str) -> None:
    response = await user.http.get("/v1/me", headers={"Authorization": f"{scheme} {_right(user)}"})
    assert response.status_code == 200


async def test_a_cached_token_expires(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/me")).status_code == 200
    lives = timedelta(seconds=user.tokens["expires_in"])
    own.clock.ahead = lives - timedelta(seconds=5)
    assert (await user.call("GET", "/v1/me")).status_code == 200
    own.clock.ahead = lives + timedelta(seconds=1)
    assert_problem(await user.call("GET", "/v1/me"), 401, "unauthenticated")
    own.clock.ahead = timedelta()
    assert (await user.call("GET", "/v1/me")).status_code == 200


async def test_the_least_recently_used_token_is_evicted(own: Gateway) -> None:
    authenticator = Authenticator(own.keys, Settings(), own.clock, max_cached_tokens=2)
    often, once, last = [f"Bearer {_right(await own.user())}" for _ in range(3)]
    structlog.contextvars.bind_contextvars(request_id="test")
    for token in (often, once, often, last):
        await authenticator.authenticate(token)
    # Without the keys that signed them, only cached tokens are accepted.
    own.keys.published = ()
    own.clock.ahead = timedelta(minutes=2)
    for token in (often, last):
        await authenticator.authenticate(token)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(once)


async def test_keys_are_fetched_at_most_once_per_interval(own: Gateway) -> None:
    user, unknown = await own.user(), {}
    unknown["Authorization"] = f"Bearer {_headed(user, kid='unknown')}"
    own.clock.stopped = own.clock()
    for _ in range(20):
        assert (await user.call("GET", "/v1/me")).status_code == 200
        assert (await user.http.get("/v1/me", headers=unknown)).status_code == 401
    assert own.keys.fetch_count == 1


async def test_a_rotated_key_is_fetched(own: Gateway) -> None:
    before = await own.user()
    assert (await before.call("GET", "/v1/me")).status_code == 200
    await own.auth.rotate_key()
    own.clock.ahead = timedelta(seconds=2)
    after = await own.user()
    assert _parts(_right(after))[0]["kid"] != _parts(_right(before))[0]["kid"]
    for user in (after, before):
        assert (await user.call("GET", "/v1/me")).status_code == 200


@pytest.mark.parametrize("failure", [Unavailable("auth does not respond"), Internal("a defect of auth")])
async def test_cached_keys_are_used_while_auth_is_down(own: Gateway, failure: Error) -> None:
    first, second = await own.user(), await own.user()
    assert (await first.call("GET", "/v1/files")).status_code == 200
    own.keys.failure = failure
    own.clock.ahead = timedelta(minutes=5)
    for user in (first, second):
        assert (await user.call("GET", "/v1/files")).status_code == 200


async def test_without_keys_requests_get_503(own: Gateway) -> None:
    user = await own.user()
    own.keys.failure = Unavailable("auth does not respond")
    response = await user.call("GET", "/v1/files")
    assert_problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1
    own.keys.failure = None
    assert (await user.call("GET", "/v1/files")).status_code == 200


async def test_concurrent_requests_share_one_fetch_of_keys(own: Gateway) -> None:
    user = await own.user()
    own.keys.delay, own.keys.failure = 0.2, Unavailable("auth does not respond")
    answers = await asyncio.gather(*(user.call("GET", "/v1/files") for _ in range(10)))
    assert [answer.status_code for answer in answers] == [503] * 10
    assert own.keys.fetch_count == 1
    own.keys.failure = None
    answers = await asyncio.gather(*(user.call("GET", "/v1/files") for _ in range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert own.keys.fetch_count == 2


async def test_tokens_of_unknown_keys_share_one_fetch(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/files")).status_code == 200
    unknown = {"Authorization": f"Bearer {_headed(user, kid='unknown')}"}
    own.clock.ahead = timedelta(seconds=2)
    own.keys.delay, own.keys.failure = 0.2, Unavailable("auth does not respond")
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(user.http.get("/v1/me", headers=unknown))]
        await asyncio.sleep(0.05)
        own.clock.ahead += timedelta(seconds=2)  # so that the next requests would fetch keys again
        asking += [group.create_task(user.http.get("/v1/me", headers=unknown)) for _ in range(9)]
    assert [task.result().status_code for task in asking] == [401] * 10
    assert own.keys.fetch_count == 2


async def test_a_session_is_refreshed_and_ended(user: User) -> None:
    refreshed = await user.http.post("/v1/token/refresh", json={"refresh_token": user.tokens["refresh_token"]})
    assert refreshed.status_code == 200
    assert set(refreshed.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (refreshed.json()["token_type"], refreshed.json()["expires_in"]) == ("Bearer", 900)
    spent = {"refresh_token": refreshed.json()["refresh_token"]}
    assert (await user.http.post("/v1/logout", json=spent)).status_code == 204
    assert_problem(await user.http.post("/v1/token/refresh", json=spent), 401, "unauthenticated")


# -- addresses and limits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "whose"),
    [
        ((), "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (("10.0.0.0/8",), "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (("10.0.0.0/8",), "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (("10.0.0.0/8",), "10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (("10.0.0.0/8",), "10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (("10.0.0.0/8",), "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (("10.0.0.0/8",), "10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", "", "10.0.0.1"),
        (("10.0.0.0/8",), "::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (("fd00::/8",), "fd00::1", "2001:db8::9", "2001:db8::9"),
    ],
)
def test_forwarded_addresses_are_used_only_from_trusted_proxies(
    trusted: tuple[str, ...], peer: str, forwarded: str, whose: str
) -> None:
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    assert ClientAddresses(trusted).resolve(scope) == whose


def test_a_connection_without_an_address_counts_as_local() -> None:
    assert ClientAddresses(()).resolve({"client": None, "headers": []}) == "127.0.0.1"


LIMITED = {"signup_limit": Rate(2, timedelta(hours=1)), "login_limit": Rate(2, timedelta(hours=1))}


def _account() -> dict[str, str]:
    return {"email": f"{uuid4().hex}@example.com", "password": "correct horse"}


@pytest.mark.parametrize("own", [LIMITED], indirect=True)
async def test_sign_ups_of_an_address_are_limited_with_retry_after(own: Gateway) -> None:
    statuses = [(await own.http.post("/v1/signup", json=_account())).status_code for _ in range(2)]
    assert statuses == [201, 201]
    for forwarded in ("", "203.0.113.1", "203.0.113.2"):
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        response = await own.http.post("/v1/signup", json=_account(), headers=headers)
        assert_problem(response, 429, "rate_limited")
        assert 1 <= int(response.headers["retry-after"]) <= 3600
    async with own.from_address("198.51.100.7") as elsewhere:
        assert (await elsewhere.post("/v1/signup", json=_account())).status_code == 201


@pytest.mark.parametrize("own", [{**LIMITED, "trusted_proxies": ("192.0.2.0/24",)}], indirect=True)
async def test_clients_behind_a_trusted_proxy_have_separate_limits(own: Gateway) -> None:
    for n in range(5):
        response = await own.http.post("/v1/signup", json=_account(), headers={"X-Forwarded-For": f"203.0.113.{n}"})
        assert response.status_code == 201


@pytest.mark.parametrize("own", [LIMITED], indirect=True)
async def test_failed_logins_of_an_account_are_limited(own: Gateway) -> None:
    account = _account()
    tried = [await own.http.post("/v1/login", json=account) for _ in range(3)]
    assert [response.status_code for response in tried] == [401, 401, 429]
    assert int(tried[-1].headers["retry-after"]) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("own", [{"login_limit": Rate(20, timedelta(minutes=1))}], indirect=True)
async def test_ten_thousand_logins_of_others_keep_no_user_out(own: Gateway) -> None:
    """100 addresses try one account and many others. Its user logs in at home, and at an address of their own."""
    user = await own.user()
    victim = {"email": user.email, "password": "a wrong password"}
    refused = {401, 429, 503}

    async def attack(number: int) -> None:
        async with own.from_address(f"198.51.100.{number}") as http:
            for attempt in range(100):
                response = await http.post("/v1/login", json=victim if attempt % 2 else _account())
                assert response.status_code in refused

    attacks = [asyncio.create_task(attack(number)) for number in range(100)]
    rounds = 0
    while not all(task.done() for task in attacks):
        await user.log_in()
        right = {"email": user.email, "password": user.password}
        async with own.from_address(f"203.0.113.{rounds % 250}") as elsewhere:
            assert (await elsewhere.post("/v1/login", json=right)).status_code == 200
        rounds += 1
    await asyncio.gather(*attacks)
    assert rounds > 3
