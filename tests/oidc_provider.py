"""An identity provider for tests, over HTTP: discovery, keys, authorization and token endpoint.

It checks what a real one checks: client, redirect URI, PKCE, and that a code is used once. A test can make its answers
wrong.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "drivebay", "a/secret:of the client"


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": uuid4().hex, "use": "sig"})


def _shared_key() -> OctKey:
    return OctKey.import_key(CLIENT_SECRET, {"kid": "shared"})


@dataclass
class Provider:
    """`person` are the claims of who signs in. `changes` replace claims of ID tokens, `discovery` fields of discovery.

    `answer` replaces parameters of the answer to the browser; None removes one. The last of `keys` signs ID tokens.
    With `publishes_secret` the client secret is among the public keys. A claim in `claims_by_scope` is sent only if the
    scope of the same name was requested.
    The paths in `hanging` get no answer until `resumed` is set. `requests` are the paths that were requested.
    """

    issuer: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, str | None] = field(default_factory=dict)
    keys: list[RSAKey] = field(default_factory=lambda: [new_key()])
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key_requests: int = 0
    publishes_secret: bool = False
    claims_by_scope: dict[str, Any] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    resumed: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[str] = field(default_factory=list)

    def new_person(self, **claims: Any) -> dict[str, Any]:
        """Let somebody else sign in from now on, and return their claims."""
        name = uuid4().hex
        self.person = {"sub": name, "email": f"{name}@example.com", "email_verified": True, **claims}
        return self.person

    async def discover(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "authorization_response_iss_parameter_supported": True,
                **self.discovery,
            }
        )

    async def list_keys(self, request: web.Request) -> web.Response:
        self.key_requests += 1
        published: Any = KeySet(list(self.keys)).as_dict(private=False)
        if self.publishes_secret:
            published["keys"].append(_shared_key().as_dict(private=True))
        return web.json_response(published)

    async def authorize(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        assert query["client_id"] == CLIENT_ID
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        assert "openid" in query["scope"].split()
        code = uuid4().hex
        self.codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.issuer, **self.answer}
        kept = {name: value for name, value in answer.items() if value is not None}
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode(kept)}")

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        login = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        asked = self.codes.pop(str(form["code"]), None)
        if login != "drivebay:a%2Fsecret%3Aof%20the%20client" or asked is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (challenge, form["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(asked)})

    async def userinfo(self, request: web.Request) -> web.Response:
        return web.json_response(self.person)

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        scopes = asked["scope"].split()
        by_scope = {name: value for name, value in self.claims_by_scope.items() if name in scopes}
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            **by_scope, **self.person, **self.changes,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not ...}
        if self.algorithm == "HS256":  # signed with the public client secret, or with the public key
            return jwt.encode({"alg": "HS256", "kid": "shared"}, claims, _shared_key())
        if self.algorithm == "none":
            token = jwt.encode({"alg": "RS256"}, claims, self.keys[-1]).split(".")
            header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            return f"{header}.{token[1]}."
        key = self.keys[-1]
        return jwt.encode({"alg": self.algorithm, "kid": key.kid}, claims, key)


@web.middleware
async def _answer_in_two_pieces(request: web.Request, handler: Any) -> web.StreamResponse:
    """Send the second half of each JSON body later, as a network may: one read returns only the first half."""
    whole = await handler(request)
    if whole.content_type != "application/json":
        return whole
    pieces = web.StreamResponse(status=whole.status, headers={"Content-Type": "application/json"})
    await pieces.prepare(request)
    middle = len(whole.body) // 2
    await pieces.write(whole.body[:middle])
    await asyncio.sleep(0.02)
    await pieces.write(whole.body[middle:])
    return pieces


def _hang(provider: Provider) -> Any:
    @web.middleware
    async def wait(request: web.Request, handler: Any) -> web.StreamResponse:
        provider.requests.append(request.path)
        if request.path in provider.hanging:
            await provider.resumed.wait()
        answer: web.StreamResponse = await handler(request)
        return answer

    return wait


@asynccontextmanager
async def serve() -> AsyncIterator[Provider]:
    """Run a provider on a free port of 127.0.0.1."""
    provider = Provider()
    app = web.Application(middlewares=[_hang(provider), _answer_in_two_pieces])
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", provider.discover),
            web.get("/keys", provider.list_keys),
            web.get("/authorize", provider.authorize),
            web.post("/token", provider.token),
            web.get("/userinfo", provider.userinfo),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    provider.new_person()
    try:
        yield provider
    finally:
        provider.resumed.set()
        await runner.cleanup()


def parameters_of(url: str) -> dict[str, str]:
    """Return the query of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
