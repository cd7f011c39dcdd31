"""Authorization: every operation of the OpenAPI document, by every kind of caller, with every kind of id.

`RULES` has one row for each operation, and `expected` derives each response from it. A route without a row fails.
The response about another user's item equals the response about an unknown item.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from falcon.inspect import inspect_routes

from drivebay import rpc
from drivebay.contract.auth import Auth, Scope
from drivebay.contract.files import Files
from drivebay.contract.storage import Storage
from drivebay.gateway import routes
from drivebay.gateway.changes.change_waiters import ChangeWaiters
from drivebay.gateway.readiness import ReadinessMonitor
from drivebay.gateway.settings import Settings
from drivebay.hints import HintChannel
from drivebay.testing.client import Json

from ..software_authenticator import Authenticator
from .conftest import Gateway, User, assert_problem, raw_request, start_job
from .test_authentication import foreign
from .test_document import DOCUMENT


class Rule(NamedTuple):
    """`own` is the status for the owner of a new `target`, `code` the code of its problem. A `public` operation needs
    no token. `headers` and `query` are added to the request. `admin` is for admins only: every caller here is refused
    alike."""

    own: int
    code: str = ""
    public: bool = False
    target: str = ""
    body: Json | None = None
    headers: Mapping[str, str] = {}
    admin: bool = False
    query: str = ""


ACCOUNT = {"email": "{new}@example.com", "password": "correct horse"}
MEMBER = {"email": "{new}@example.com", "role": "viewer"}
UPLOAD = {"name": "b.txt", "size": 5, "content_type": "text/plain"}
UNKNOWN_ID = "01a20000-0000-7000-8000-000000000001"
PASSKEY = Authenticator("http://localhost", "localhost")
CREATION_OPTIONS = {"challenge": "A" * 43, "user": {"id": "AAAA"}}
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
RULES = {
    "POST /v1/signup": Rule(201, public=True, body=ACCOUNT),
    "POST /v1/login": Rule(401, "invalid_credentials", public=True, body=ACCOUNT),
    "POST /v1/token/refresh": Rule(401, "unauthenticated", public=True, body={"refresh_token": "x"}),
    "POST /v1/logout": Rule(204, public=True, body={"refresh_token": "x"}),
    "GET /v1/me": Rule(200),
    "POST /v1/login/totp": Rule(401, "invalid_code", public=True, body={"challenge": "x", "code": "1"}),
    "POST /v1/password/reset/confirm": Rule(
        401, "invalid_token", public=True, body={"token": "x", "password": "staple battery"}
    ),
    # The deployment of these tests sends no mail.
    "POST /v1/password/reset": Rule(404, "not_found", public=True, body={"email": "{new}@example.com"}),
    "POST /v1/email/verify": Rule(404, "not_found", public=True, body={"token": "x"}),
    "POST /v1/me/email/verification": Rule(404, "not_found"),
    "GET /v1/oidc/login": Rule(422, "invalid_request", public=True),
    "GET /v1/oidc/callback": Rule(404, "not_found", public=True),
    "POST /v1/oidc/token": Rule(404, "not_found", public=True, body={"code": "x"}),
    "POST /v1/me/totp": Rule(201),
    "POST /v1/me/totp/confirm": Rule(404, "not_found", body={"code": "1"}),
    "DELETE /v1/me/totp": Rule(404, "not_found", body={"password": "x", "code": "1"}),
    # No public URL: passkeys work only at localhost. test_passkeys.py has the other cases.
    "POST /v1/login/passkey/options": Rule(404, "not_found", public=True, body={}),
    "POST /v1/login/passkey": Rule(
        401, "invalid_passkey", public=True, body={"credential": PASSKEY.get(CREATION_OPTIONS)}
    ),
    "POST /v1/me/passkeys/options": Rule(404, "not_found", body={"password": "x"}),
    "POST /v1/me/passkeys": Rule(
        401, "invalid_passkey", body={"name": "x", "credential": PASSKEY.create(CREATION_OPTIONS)}
    ),
    "GET /v1/me/passkeys": Rule(200),
    "PATCH /v1/me/passkeys/{id}": Rule(404, "not_found", body={"name": "x"}),
    "DELETE /v1/me/passkeys/{id}": Rule(401, "invalid_credentials", body={"password": "x"}),
    "GET /v1/admin/users": Rule(403, "forbidden", admin=True),
    "POST /v1/admin/users": Rule(403, "forbidden", admin=True, body={"email": "{new}@example.com"}),
    "GET /v1/admin/users/{id}": Rule(403, "forbidden", admin=True, target="user"),
    "PATCH /v1/admin/users/{id}": Rule(403, "forbidden", admin=True, target="user", body={"role": "admin"}),
    "DELETE /v1/admin/users/{id}": Rule(403, "forbidden", admin=True, target="user"),
    "POST /v1/admin/users/{id}/sessions/end": Rule(403, "forbidden", admin=True, target="user"),
    "GET /v1/admin/stats": Rule(403, "forbidden", admin=True),
    "GET /v1/admin/audit": Rule(403, "forbidden", admin=True),
    "PATCH /v1/me": Rule(200, body={"display_name": "Ada"}),
    "DELETE /v1/me": Rule(401, "invalid_credentials", body={"password": "not the password"}),
    "POST /v1/me/password": Rule(
        401, "invalid_credentials", body={"current_password": "not the password", "new_password": "staple battery"}
    ),
    "GET /v1/me/sessions": Rule(200),
    "DELETE /v1/me/sessions": Rule(204),
    "DELETE /v1/me/sessions/{id}": Rule(204, target="session"),
    "POST /v1/me/tokens": Rule(201, body={"name": "a", "scopes": ["read"]}),
    "GET /v1/me/tokens": Rule(200),
    "DELETE /v1/me/tokens/{id}": Rule(204, target="token"),
    "GET /v1/drives": Rule(200),
    "POST /v1/drives": Rule(201, body={"name": "Team"}),
    "GET /v1/drives/{id}": Rule(200, target="drive"),
    "PATCH /v1/drives/{id}": Rule(200, target="drive", body={"name": "Crew"}),
    "DELETE /v1/drives/{id}": Rule(204, target="drive"),
    "GET /v1/drives/{id}/members": Rule(200, target="drive"),
    "PUT /v1/drives/{id}/members": Rule(404, "not_found", target="drive", body=MEMBER),
    "PUT /v1/drives/{id}/members/{user_id}": Rule(404, "not_found", target="drive", body={"role": "viewer"}),
    "DELETE /v1/drives/{id}/members/{user_id}": Rule(404, "not_found", target="drive"),
    "GET /.well-known/jwks.json": Rule(200, public=True),
    "POST /v1/uploads": Rule(201, body=UPLOAD),
    "POST /v1/uploads/batch": Rule(200, body={"uploads": [UPLOAD]}),
    "POST /v1/uploads/batch/complete": Rule(200, body={"ids": [UNKNOWN_ID]}),
    "GET /v1/uploads": Rule(200),
    "GET /v1/uploads/{id}": Rule(200, target="upload"),
    "POST /v1/uploads/{id}/parts": Rule(200, target="parts", body={"parts": [{"number": 1}]}),
    "GET /v1/uploads/{id}/parts": Rule(200, target="parts"),
    "GET /v1/uploads/{id}/timeline": Rule(200, target="upload"),
    "POST /v1/uploads/{id}/complete": Rule(200, target="upload"),
    "DELETE /v1/uploads/{id}": Rule(204, target="upload"),
    "OPTIONS /v1/tus": Rule(204, public=True),
    "POST /v1/tus": Rule(201, headers={**TUS, "Upload-Length": "5"}),
    "OPTIONS /v1/tus/{id}": Rule(204, public=True, target="parts"),
    "HEAD /v1/tus/{id}": Rule(200, target="parts", headers=TUS),
    "PATCH /v1/tus/{id}": Rule(204, target="parts", headers=BYTES),
    "POST /v1/tus/{id}": Rule(204, target="parts", headers={**BYTES, "X-HTTP-Method-Override": "PATCH"}),
    "DELETE /v1/tus/{id}": Rule(204, target="parts", headers=TUS),
    "POST /v1/files/batch/download": Rule(200, body={"ids": [UNKNOWN_ID]}),
    "GET /v1/changes": Rule(200),
    "GET /v1/events": Rule(200),
    "GET /v1/files": Rule(200),
    "GET /v1/files/{id}": Rule(200, target="file"),
    "PATCH /v1/files/{id}": Rule(200, target="file", body={"name": "c.txt"}),
    "DELETE /v1/files/{id}": Rule(204, target="file"),
    "POST /v1/files/{id}/restore": Rule(200, target="trashed"),
    "GET /v1/files/{id}/download": Rule(200, target="file"),
    "GET /v1/files/{id}/content": Rule(302, target="file"),
    "HEAD /v1/files/{id}/content": Rule(200, target="file"),
    "GET /v1/files/{id}/permissions": Rule(200, target="file"),
    "PUT /v1/files/{id}/permissions": Rule(404, "not_found", target="file", body=MEMBER),
    "DELETE /v1/files/{id}/permissions/{user_id}": Rule(404, "not_found", target="file"),
    "GET /v1/shared-with-me": Rule(200),
    "POST /v1/folders": Rule(201, body={"name": "g"}),
    "GET /v1/files/by-path": Rule(422, "invalid_request"),
    "GET /v1/files/{id}/path": Rule(200, target="file"),
    "GET /v1/files/{id}/size": Rule(200, target="file"),
    "POST /v1/files/batch/move": Rule(200, body={"ids": [UNKNOWN_ID], "parent_id": "root"}),
    "POST /v1/files/{id}/copy": Rule(201, target="file", body={"parent_id": "root"}),
    "POST /v1/files/batch/copy": Rule(200, body={"ids": [UNKNOWN_ID], "parent_id": "root"}),
    "GET /v1/files/{id}/thumbnail": Rule(404, "no_preview", target="file"),
    "HEAD /v1/files/{id}/thumbnail": Rule(404, "not_found", target="file"),  # of the status: HEAD has no body
    "GET /v1/files/{id}/activity": Rule(200, target="file"),
    "GET /v1/files/{id}/versions": Rule(200, target="file"),
    "GET /v1/files/{id}/versions/{version}/download": Rule(404, "not_found", target="file"),
    "POST /v1/files/{id}/versions/{version}/restore": Rule(404, "not_found", target="file"),
    "DELETE /v1/files/{id}/versions/{version}": Rule(404, "not_found", target="file"),
    "POST /v1/files/batch/trash": Rule(200, body={"ids": [UNKNOWN_ID]}),
    "POST /v1/files/batch/restore": Rule(200, body={"ids": [UNKNOWN_ID]}),
    "POST /v1/files/{id}/links": Rule(201, target="file", body={}),
    "GET /v1/files/{id}/links": Rule(200, target="file"),
    "GET /v1/links": Rule(200),
    "PATCH /v1/links/{id}": Rule(200, target="link", body={"name": "x"}),
    "DELETE /v1/links/{id}": Rule(204, target="link"),
    "POST /v1/webhooks": Rule(201, body={"url": "https://example.com/hook"}),
    "GET /v1/webhooks": Rule(200),
    "GET /v1/webhooks/{id}": Rule(200, target="webhook"),
    "PATCH /v1/webhooks/{id}": Rule(200, target="webhook", body={"disabled": True}),
    "DELETE /v1/webhooks/{id}": Rule(204, target="webhook"),
    "GET /v1/webhooks/{id}/deliveries": Rule(200, target="webhook"),
    # The delivery is unknown. test_webhooks.py has the other cases.
    "POST /v1/webhooks/{id}/deliveries/{delivery}/redeliver": Rule(404, "not_found", target="webhook"),
    "GET /v1/jobs/{id}": Rule(200, target="job"),
    "DELETE /v1/jobs/{id}": Rule(204, target="job"),
    # No caller knows the token of the link here. test_links.py tries tokens of every kind.
    "GET /s/{token}": Rule(302, public=True),
    "GET /v1/public/{token}": Rule(404, "not_found", public=True),
    "POST /v1/public/{token}/unlock": Rule(404, "not_found", public=True, body={"password": "x"}),
    "GET /v1/public/{token}/files": Rule(404, "not_found", public=True),
    "GET /v1/public/{token}/files/{id}/download": Rule(404, "not_found", public=True),
    "GET /v1/public/{token}/download": Rule(404, "not_found", public=True),
    "POST /v1/public/{token}/uploads": Rule(404, "not_found", public=True, body=UPLOAD),
    "GET /v1/public/{token}/uploads/{id}": Rule(404, "not_found", public=True),
    "POST /v1/public/{token}/uploads/{id}/parts": Rule(404, "not_found", public=True, body={"parts": [{"number": 1}]}),
    "POST /v1/public/{token}/uploads/{id}/complete": Rule(404, "not_found", public=True),
    "GET /v1/trash": Rule(200),
    "DELETE /v1/trash": Rule(204),
    "DELETE /v1/trash/{id}": Rule(204, target="trashed"),
    "GET /v1/search": Rule(200, query="q=a"),
    "POST /v1/archives": Rule(201, body={"ids": ["root"]}),
    "POST /v1/public/{token}/archives": Rule(404, "not_found", public=True, body={"ids": ["root"]}),
    "GET /v1/archives/{token}": Rule(404, "not_found", public=True),
    "GET /healthz": Rule(200, public=True),
    "GET /readyz": Rule(200, public=True),
    "GET /metrics": Rule(200, public=True),
}
SCOPES: dict[str, tuple[str, ...]] = {
    "GET /v1/me": ("read", "account"),
    "PATCH /v1/me": ("account",),
    "DELETE /v1/me": (),
    "POST /v1/me/password": (),
    "GET /v1/me/sessions": ("account",),
    "DELETE /v1/me/sessions": ("account",),
    "DELETE /v1/me/sessions/{id}": ("account",),
    "POST /v1/me/tokens": (),
    "GET /v1/me/tokens": ("account",),
    "DELETE /v1/me/tokens/{id}": ("account",),
    "GET /v1/files/by-path": ("read",),
    "GET /v1/files/{id}/path": ("read",),
    "GET /v1/files/{id}/size": ("read",),
    "POST /v1/files/batch/move": ("write",),
    "POST /v1/files/{id}/copy": ("write",),
    "POST /v1/files/batch/copy": ("write",),
    "GET /v1/files/{id}/thumbnail": ("read",),
    "HEAD /v1/files/{id}/thumbnail": ("read",),
    "GET /v1/files/{id}/activity": ("read",),
    "GET /v1/files/{id}/versions": ("read",),
    "GET /v1/files/{id}/versions/{version}/download": ("read",),
    "POST /v1/files/{id}/versions/{version}/restore": ("write",),
    "DELETE /v1/files/{id}/versions/{version}": ("write",),
    "POST /v1/files/batch/trash": ("write",),
    "POST /v1/files/batch/restore": ("write",),
    "GET /v1/drives": ("read",),
    "POST /v1/drives": ("write",),
    "GET /v1/drives/{id}": ("read",),
    "PATCH /v1/drives/{id}": ("write",),
    "DELETE /v1/drives/{id}": ("write",),
    "GET /v1/drives/{id}/members": ("read",),
    "PUT /v1/drives/{id}/members": ("share",),
    "PUT /v1/drives/{id}/members/{user_id}": ("share",),
    "DELETE /v1/drives/{id}/members/{user_id}": ("share",),
    "GET /v1/changes": ("read",),
    "GET /v1/search": ("read",),
    "POST /v1/archives": ("read",),
    "GET /v1/events": ("read",),
    "POST /v1/me/email/verification": ("account",),
    "POST /v1/me/totp": (),
    "POST /v1/me/totp/confirm": (),
    "DELETE /v1/me/totp": (),
    "POST /v1/me/passkeys/options": (),
    "POST /v1/me/passkeys": (),
    "GET /v1/me/passkeys": ("account",),
    "PATCH /v1/me/passkeys/{id}": (),
    "DELETE /v1/me/passkeys/{id}": (),
    "GET /v1/admin/users": (),
    "POST /v1/admin/users": (),
    "GET /v1/admin/users/{id}": (),
    "PATCH /v1/admin/users/{id}": (),
    "DELETE /v1/admin/users/{id}": (),
    "POST /v1/admin/users/{id}/sessions/end": (),
    "GET /v1/admin/stats": (),
    "GET /v1/admin/audit": (),
    "POST /v1/uploads": ("write",),
    "POST /v1/uploads/batch": ("write",),
    "POST /v1/uploads/batch/complete": ("write",),
    "GET /v1/uploads": ("read", "write"),
    "GET /v1/uploads/{id}": ("write",),
    "POST /v1/uploads/{id}/parts": ("write",),
    "GET /v1/uploads/{id}/parts": ("read", "write"),
    "GET /v1/uploads/{id}/timeline": ("read", "write"),
    "POST /v1/uploads/{id}/complete": ("write",),
    "DELETE /v1/uploads/{id}": ("write",),
    "POST /v1/tus": ("write",),
    "HEAD /v1/tus/{id}": ("write",),
    "PATCH /v1/tus/{id}": ("write",),
    "POST /v1/tus/{id}": ("write",),
    "DELETE /v1/tus/{id}": ("write",),
    "POST /v1/files/batch/download": ("read",),
    "GET /v1/files": ("read",),
    "GET /v1/files/{id}": ("read",),
    "PATCH /v1/files/{id}": ("write",),
    "DELETE /v1/files/{id}": ("write",),
    "POST /v1/files/{id}/restore": ("write",),
    "GET /v1/files/{id}/download": ("read",),
    "GET /v1/files/{id}/content": ("read",),
    "HEAD /v1/files/{id}/content": ("read",),
    "GET /v1/files/{id}/permissions": ("read",),
    "PUT /v1/files/{id}/permissions": ("share",),
    "DELETE /v1/files/{id}/permissions/{user_id}": ("share",),
    "GET /v1/shared-with-me": ("read",),
    "POST /v1/folders": ("write",),
    "POST /v1/files/{id}/links": ("share",),
    "GET /v1/files/{id}/links": ("read", "share"),
    "GET /v1/links": ("read", "share"),
    "PATCH /v1/links/{id}": ("share",),
    "DELETE /v1/links/{id}": ("share",),
    "POST /v1/webhooks": ("share",),
    "GET /v1/webhooks": ("read", "share"),
    "GET /v1/webhooks/{id}": ("read", "share"),
    "PATCH /v1/webhooks/{id}": ("share",),
    "DELETE /v1/webhooks/{id}": ("share",),
    "GET /v1/webhooks/{id}/deliveries": ("read", "share"),
    "POST /v1/webhooks/{id}/deliveries/{delivery}/redeliver": ("share",),
    "GET /v1/jobs/{id}": ("read", "write"),
    "DELETE /v1/jobs/{id}": ("write",),
    "GET /v1/trash": ("read",),
    "DELETE /v1/trash": ("write",),
    "DELETE /v1/trash/{id}": ("write",),
}
"""The scopes of API tokens that may call each operation. Only a session may call one without scopes."""
CODES = {403: "forbidden", 401: "unauthenticated", 404: "not_found", 422: "invalid_request"}
CALLERS = ("no token", "malformed token", "ended token", "foreign token", "another scheme", "stranger", "owner")
IDS = ("owner's", "stranger's", "unknown", "of another kind", "malformed")


def operations() -> list[tuple[str, bool]]:
    """Return each `METHOD /path` of the document, and whether it needs a token."""
    return [
        (f"{method.upper()} {path}", bool(operation["security"]))
        for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS = [operation for operation, _ in operations()]
BY_ID = [operation for operation in OPERATIONS if "{id}" in operation]


def expected(rule: Rule, caller: str, id: str) -> tuple[int, str]:
    """Return the expected status, and the code of a problem."""
    if rule.public:
        return rule.own, rule.code
    if caller not in ("owner", "stranger"):
        return 401, "unauthenticated"
    if not rule.target or id == f"{caller}'s" or rule.admin:
        return rule.own, rule.code
    return (422, "invalid_request") if id == "malformed" else (404, "not_found")


async def make(user: User, target: str) -> str:
    """Create an item of that kind and return its id."""
    if target == "user":
        return str((await user.ok("GET", "/v1/me"))["id"])
    if target == "session":
        account = {"email": user.email, "password": user.password}
        assert (await user.http.post("/v1/login", json=account)).status_code == 200
        return str((await user.ok("GET", "/v1/me/sessions"))["items"][0]["id"])
    if target == "token":
        return str((await user.ok("POST", "/v1/me/tokens", {"name": "a", "scopes": ["read"]}))["id"])
    if target == "drive":
        return str((await user.ok("POST", "/v1/drives", {"name": "Team"}))["id"])
    if target == "link":
        file = await user.store("a.txt", b"hello")
        return str((await user.ok("POST", f"/v1/files/{file['id']}/links", {}))["id"])
    if target == "webhook":
        return str((await user.ok("POST", "/v1/webhooks", {"url": "https://example.com/hook"}))["id"])
    if target == "job":
        return str((await start_job(user))["id"])
    if target == "parts":
        return str((await user.ok("POST", "/v1/uploads", UPLOAD | {"name": f"{uuid4()}", "multipart": True}))["id"])
    if target == "upload":
        body = uuid4().bytes  # bytes that the drive has already would not be sent
        upload = await user.begin("a.txt", body)
        assert await user.bucket.send("PUT", upload["url"], upload["headers"], body) == 200
        return str(upload["id"])
    file = await user.store("a.txt", b"hello")
    if target == "trashed":
        await user.ok("DELETE", f"/v1/files/{file['id']}")
    return str(file["id"])


async def ask(
    shared: Gateway, operation: str, authorization: str | None, id: str = "", at: str = ""
) -> tuple[int, Json]:
    """Send an operation and return the status and the problem. `at` is the operation with a query, if it has one."""
    path = (at or operation).replace("{id}", id or UNKNOWN_ID).replace("{user_id}", UNKNOWN_ID)
    path = path.replace("{version}", UNKNOWN_ID)
    path = path.replace("{delivery}", UNKNOWN_ID)
    method, path = path.replace("{token}", "dbl_unknown").split(" ", 1)
    headers = {**RULES[operation].headers, **({} if authorization is None else {"Authorization": authorization})}
    if operation in ("GET /v1/files/{id}/content", "GET /v1/events", "GET /s/{token}"):
        # An HTTP client would follow the redirect, and wait for the end of the events.
        status, _, answer = await raw_request(shared.app, method, path, headers)
        return status, json.loads(answer) if answer and status >= 400 else {}
    if query := RULES[operation].query:
        path += f"{'&' if '?' in path else '?'}{query}"
    body = RULES[operation].body
    sent = None if body is None else json.loads(json.dumps(body).replace("{new}", uuid4().hex))
    response = await shared.http.request(method, path, json=sent, headers=headers)
    if response.status_code >= 400 and method == "HEAD":  # a response to HEAD has no body
        scope = "insufficient_scope" in response.headers.get("www-authenticate", "")
        return response.status_code, {"code": "insufficient_scope" if scope else CODES[response.status_code]}
    if response.status_code >= 400:
        return response.status_code, assert_problem(response, response.status_code, response.json()["code"])
    return response.status_code, {}


def bearer(user: User) -> str:
    return f"Bearer {user.tokens['access_token']}"


def anonymous(problem: Json, id: str) -> Json:
    """Return a problem without its request id and its item's id."""
    return json.loads(json.dumps({**problem, "request_id": ""}).replace(id, "<id>"))  # type: ignore[no-any-return]


async def authorizations(shared: Gateway, owner: User, stranger: User) -> dict[str, str | None]:
    """Return the `Authorization` of each kind of caller."""
    right = bearer(owner)
    shared.clock.ahead = -timedelta(days=1)
    try:
        ended = await shared.auth.log_in(owner.email, owner.password, "192.0.2.7")
    finally:
        shared.clock.ahead = timedelta()
    return {
        "no token": None,
        "malformed token": right[:-8],
        "ended token": f"Bearer {ended.access_token}",
        "foreign token": f"Bearer {foreign(owner)}",
        "another scheme": right.replace("Bearer", "Basic"),
        "stranger": bearer(stranger),
        "owner": right,
    }


async def of_another_kind(user: User, target: str) -> str:
    if target in ("upload", "parts"):
        return str((await user.ok("POST", "/v1/folders", {"name": f"{uuid4()}"}))["id"])
    return str((await user.begin(f"{uuid4()}", uuid4().bytes))["id"])


def test_every_route_has_exactly_one_rule() -> None:
    assert sorted(RULES) == sorted(OPERATIONS)


async def test_every_served_route_is_documented(shared: Gateway) -> None:
    found = inspect_routes(shared.app.falcon)
    served = {
        f"{method.method} {route.path.replace(':segment', '')}"
        for route in found
        for method in route.methods
        if not method.internal
    }
    # Every path answers OPTIONS, and HEAD where it answers GET.
    implied = {f"OPTIONS {operation.split(' ')[1]}" for operation in served}
    implied |= {operation.replace("GET ", "HEAD ") for operation in served if operation.startswith("GET ")}
    assert served - set(OPERATIONS) - implied == {"GET /openapi.json", "GET /docs", "GET /"}


@pytest.mark.parametrize(("operation", "token"), operations())
def test_the_document_says_which_routes_need_a_token(operation: str, token: bool) -> None:
    assert RULES[operation].public is not token


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_every_caller_gets_the_response_of_the_rule(
    shared: Gateway, user: User, other: User, operation: str
) -> None:
    rule = RULES[operation]
    sent = await authorizations(shared, user, other)
    assert tuple(sent) == CALLERS
    items = {
        caller: await make(own, rule.target) for caller, own in (("owner", user), ("stranger", other)) if rule.target
    }
    not_found: dict[str, list[Json]] = {}
    cells = [(caller, id) for caller in CALLERS for id in (IDS if rule.target else IDS[:1])]
    # Allowed calls come last. They show that rejected calls changed nothing.
    for caller, id in sorted(cells, key=lambda cell: expected(rule, *cell)[0] == rule.own):
        of = other if caller == "stranger" else user
        named = {
            "owner's": items.get("owner", ""),
            "stranger's": items.get("stranger", ""),
            "unknown": str(uuid4()),
            "of another kind": await of_another_kind(of, rule.target) if id == "of another kind" else "",
            "malformed": "no-uuid",
        }[id]
        status, problem = await ask(shared, operation, sent[caller], named)
        assert (status, problem.get("code", "")) == expected(rule, caller, id), (caller, id, problem)
        if status == 404 and rule.own != 404:
            not_found.setdefault(caller, []).append(anonymous(problem, named))
    for answers in not_found.values():
        assert len(answers) == 3
        assert answers[0] == answers[1] == answers[2]


def test_every_route_that_needs_a_token_names_its_scopes() -> None:
    """A route with scopes of None is refused for every API token, so a forgotten row opens nothing."""
    missing: Any = rpc.unconfigured_client
    table = routes.build_routes(
        missing(Auth, "A"),
        missing(Files, "F"),
        storage := missing(Storage, "S"),
        Settings(),
        now=lambda: datetime.now(UTC),
        readiness=ReadinessMonitor({}, storage),
        waiters=ChangeWaiters(HintChannel(), 1),
    )
    named = {f"{route.method} {route.path}": route.scopes for route in table if not route.public}
    assert [operation for operation, scopes in named.items() if scopes is None] == []
    assert {operation: tuple(scopes or ()) for operation, scopes in named.items()} == SCOPES


async def test_an_api_token_calls_only_what_its_scopes_allow(shared: Gateway, user: User) -> None:
    secrets = {}
    for scope in Scope:
        made = await user.ok("POST", "/v1/me/tokens", {"name": "a", "scopes": [scope]})
        secrets[scope] = f"Bearer {made['token']}"
    for operation, allowed in SCOPES.items():
        for scope, authorization in secrets.items():
            status, problem = await ask(shared, operation, authorization, UNKNOWN_ID)
            is_refused = status == 403 and problem["code"] == "insufficient_scope"
            assert is_refused is (scope not in allowed), (operation, scope, status, problem)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_head_has_the_status_of_get(shared: Gateway, user: User, operation: str) -> None:
    method, path = operation.replace("{id}", str(uuid4())).split(" ")
    if method == "GET":
        for headers in ({}, {"Authorization": bearer(user)}):
            head, get = [(await raw_request(shared.app, how, path, headers))[0] for how in ("HEAD", "GET")]
            assert head == get


@pytest.mark.parametrize("path", sorted({operation.split(" ")[1] for operation in OPERATIONS}))
async def test_unknown_methods_get_405_for_every_caller(shared: Gateway, user: User, path: str) -> None:
    there = {operation.split(" ")[0] for operation in OPERATIONS if operation.split(" ")[1] == path}
    at = path.replace("{id}", (await user.store("a.txt", b"hello"))["id"])
    for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE"} - there:
        for headers in ({}, {"Authorization": bearer(user)}):
            assert (await raw_request(shared.app, method, at, headers))[0] == 405


async def test_a_token_of_a_deleted_account_is_rejected(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/me")).status_code == 200
    await own.database.execute("TRUNCATE auth.users CASCADE")
    assert_problem(await user.call("GET", "/v1/me"), 401, "unauthenticated")


async def test_only_the_token_decides_the_owner(user: User, other: User) -> None:
    theirs = (await other.ok("GET", "/v1/me"))["id"]
    named = dict.fromkeys(("X-User-Id", "X-Owner-Id", "X-User", "X-Forwarded-User", "Remote-User"), theirs)
    headers = {"Authorization": bearer(user), "Cookie": f"user={theirs}", **named}
    query = {"owner_id": theirs, "owner": theirs, "user": theirs, "user_id": theirs}
    response = await user.http.post("/v1/folders", json={"name": "mine"}, headers=headers, params=query)
    assert response.status_code == 201
    seen = (await user.http.get("/v1/me", headers=headers, params=query)).json()
    assert seen["id"] == (await user.ok("GET", "/v1/me"))["id"] != theirs
    assert (await other.ok("GET", "/v1/files", parameters={"parent_id": "root"}))["items"] == []
