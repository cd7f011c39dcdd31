"""Who may do what: every route and method of the OpenAPI document, by every kind of caller, on every kind of id.

`RULES` has a line for each and `expected` the one rule that makes its answers; a route without a line fails. What
is said of another's things is, to the letter, what is said of things that never were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest

from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem, bare
from .test_document import DOCUMENT
from .test_identity import foreign


class Rule(NamedTuple):
    """`own` is the status for the owner of a fresh `target`, `code` of which problem; `public` is open to all.
    `headers` are sent besides."""

    own: int
    code: str = ""
    public: bool = False
    target: str = ""
    body: Json | None = None
    headers: Mapping[str, str] = {}


ACCOUNT = {"email": "{new}@example.com", "password": "correct horse"}
UPLOAD = {"name": "b.txt", "size": 5, "content_type": "text/plain"}
NOBODYS = "01a20000-0000-7000-8000-000000000001"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
RULES = {
    "POST /v1/signup": Rule(201, public=True, body=ACCOUNT),
    "POST /v1/login": Rule(401, "invalid_credentials", public=True, body=ACCOUNT),
    "POST /v1/token/refresh": Rule(401, "unauthenticated", public=True, body={"refresh_token": "x"}),
    "POST /v1/logout": Rule(204, public=True, body={"refresh_token": "x"}),
    "GET /v1/me": Rule(200),
    "GET /.well-known/jwks.json": Rule(200, public=True),
    "POST /v1/uploads": Rule(201, body=UPLOAD),
    "POST /v1/uploads/batch": Rule(200, body={"uploads": [UPLOAD]}),
    "POST /v1/uploads/batch/complete": Rule(200, body={"ids": [NOBODYS]}),
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
    "POST /v1/files/batch/download": Rule(200, body={"ids": [NOBODYS]}),
    "GET /v1/files": Rule(200),
    "GET /v1/files/{id}": Rule(200, target="file"),
    "PATCH /v1/files/{id}": Rule(200, target="file", body={"name": "c.txt"}),
    "DELETE /v1/files/{id}": Rule(204, target="file"),
    "POST /v1/files/{id}/restore": Rule(200, target="trashed"),
    "GET /v1/files/{id}/download": Rule(200, target="file"),
    "GET /v1/files/{id}/content": Rule(302, target="file"),
    "POST /v1/folders": Rule(201, body={"name": "g"}),
    "GET /v1/trash": Rule(200),
    "GET /healthz": Rule(200, public=True),
    "GET /readyz": Rule(200, public=True),
    "GET /metrics": Rule(200, public=True),
}
WORDLESS = {401: "unauthenticated", 404: "not_found", 422: "invalid_request"}
CALLERS = ("no token", "malformed token", "ended token", "foreign token", "another scheme", "stranger", "owner")
IDS = ("owner's", "stranger's", "unknown", "of another kind", "malformed")


def operations() -> list[tuple[str, bool]]:
    """Each `METHOD /path` of the document, and whether it says that a token is needed."""
    return [
        (f"{method.upper()} {path}", bool(operation["security"]))
        for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS = [operation for operation, _ in operations()]
BY_ID = [operation for operation in OPERATIONS if "{id}" in operation]


def expected(rule: Rule, caller: str, id: str) -> tuple[int, str]:
    """The one rule: the status, and of a problem its code."""
    if rule.public:
        return rule.own, rule.code
    if caller not in ("owner", "stranger"):
        return 401, "unauthenticated"
    if not rule.target or id == f"{caller}'s":
        return rule.own, ""
    return (422, "invalid_request") if id == "malformed" else (404, "not_found")


async def make(user: User, target: str) -> str:
    """The id of a new thing of that kind."""
    if target == "parts":
        return str((await user.ok("POST", "/v1/uploads", UPLOAD | {"name": f"{uuid4()}", "multipart": True}))["id"])
    if target == "upload":
        upload = await user.begin("a.txt", b"hello")
        assert await user.bucket.send("PUT", upload["url"], upload["headers"], b"hello") == 200
        return str(upload["id"])
    file = await user.store("a.txt", b"hello")
    if target == "trashed":
        await user.ok("DELETE", f"/v1/files/{file['id']}")
    return str(file["id"])


async def ask(shared: Gateway, operation: str, authorization: str | None, id: str = "") -> tuple[int, Json]:
    method, path = operation.replace("{id}", id).split(" ", 1)
    headers = {**RULES[operation].headers, **({} if authorization is None else {"Authorization": authorization})}
    if operation == "GET /v1/files/{id}/content":  # a client would follow it to where it cannot go
        status, _, answer = await bare(shared.app, method, path, headers)
        return status, json.loads(answer) if answer else {}
    body = RULES[operation].body
    sent = None if body is None else json.loads(json.dumps(body).replace("{new}", uuid4().hex))
    response = await shared.http.request(method, path, json=sent, headers=headers)
    if response.status_code >= 400 and method == "HEAD":  # which has no body, and so no words
        return response.status_code, {"code": WORDLESS[response.status_code]}
    if response.status_code >= 400:
        return response.status_code, assert_problem(response, response.status_code, response.json()["code"])
    return response.status_code, {}


def bearer(user: User) -> str:
    return f"Bearer {user.tokens['access_token']}"


def anonymous(problem: Json, id: str) -> Json:
    """A problem without what differs from one request to the next."""
    return json.loads(json.dumps({**problem, "request_id": ""}).replace(id, "<id>"))  # type: ignore[no-any-return]


async def authorizations(shared: Gateway, owner: User, stranger: User) -> dict[str, str | None]:
    """What each kind of caller sends; those without a right token know everything else of the owner's."""
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
    return str((await user.begin(f"{uuid4()}", b"hello"))["id"])


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    assert sorted(RULES) == sorted(OPERATIONS)


async def test_nothing_is_served_that_the_document_leaves_out(shared: Gateway) -> None:
    paths = shared.app._paths  # type: ignore[attr-defined]
    served = {f"{method} {path}" for path, rows in {**paths._fixed, **dict(paths._open)}.items() for method in rows}
    assert served - set(OPERATIONS) == {"GET /openapi.json", "GET /docs"}


@pytest.mark.parametrize(("operation", "token"), operations())
def test_the_document_says_who_needs_a_token(operation: str, token: bool) -> None:
    assert RULES[operation].public is not token


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_everybody_gets_what_the_rule_says(shared: Gateway, user: User, other: User, operation: str) -> None:
    rule = RULES[operation]
    sent = await authorizations(shared, user, other)
    assert tuple(sent) == CALLERS
    things = {
        caller: await make(own, rule.target) for caller, own in (("owner", user), ("stranger", other)) if rule.target
    }
    told: dict[str, list[Json]] = {}
    cells = [(caller, id) for caller in CALLERS for id in (IDS if rule.target else IDS[:1])]
    # What is granted comes last, and so tells that nothing was done for those who were refused.
    for caller, id in sorted(cells, key=lambda cell: expected(rule, *cell)[0] == rule.own):
        of = other if caller == "stranger" else user
        named = {
            "owner's": things.get("owner", ""),
            "stranger's": things.get("stranger", ""),
            "unknown": str(uuid4()),
            "of another kind": await of_another_kind(of, rule.target) if id == "of another kind" else "",
            "malformed": "no-uuid",
        }[id]
        status, problem = await ask(shared, operation, sent[caller], named)
        assert (status, problem.get("code", "")) == expected(rule, caller, id), (caller, id, problem)
        if status == 404:
            told.setdefault(caller, []).append(anonymous(problem, named))
    for answers in told.values():
        assert len(answers) == 3
        assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_is_refused_to_get_is_refused_to_head(shared: Gateway, user: User, operation: str) -> None:
    method, path = operation.replace("{id}", str(uuid4())).split(" ")
    if method == "GET":
        for headers in ({}, {"Authorization": bearer(user)}):
            head, get = [(await bare(shared.app, how, path, headers))[0] for how in ("HEAD", "GET")]
            assert head == get


@pytest.mark.parametrize("path", sorted({operation.split(" ")[1] for operation in OPERATIONS}))
async def test_a_method_that_is_not_there_is_there_for_nobody(shared: Gateway, user: User, path: str) -> None:
    there = {operation.split(" ")[0] for operation in OPERATIONS if operation.split(" ")[1] == path}
    at = path.replace("{id}", (await user.store("a.txt", b"hello"))["id"])
    for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE"} - there:
        for headers in ({}, {"Authorization": bearer(user)}):
            assert (await bare(shared.app, method, at, headers))[0] == 405


async def test_an_account_that_is_gone_is_nobody(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/me")).status_code == 200
    await own.database.execute("TRUNCATE auth.users CASCADE")
    assert_problem(await user.call("GET", "/v1/me"), 401, "unauthenticated")


async def test_nothing_but_the_token_says_whose_a_thing_is(user: User, other: User) -> None:
    theirs = (await other.ok("GET", "/v1/me"))["id"]
    named = dict.fromkeys(("X-User-Id", "X-Owner-Id", "X-User", "X-Forwarded-User", "Remote-User"), theirs)
    headers = {"Authorization": bearer(user), "Cookie": f"user={theirs}", **named}
    query = {"owner_id": theirs, "owner": theirs, "user": theirs, "user_id": theirs}
    response = await user.http.post("/v1/folders", json={"name": "mine"}, headers=headers, params=query)
    assert response.status_code == 201
    seen = (await user.http.get("/v1/me", headers=headers, params=query)).json()
    assert seen["id"] == (await user.ok("GET", "/v1/me"))["id"] != theirs
    assert (await other.ok("GET", "/v1/files", parameters={"parent_id": "root"}))["items"] == []
