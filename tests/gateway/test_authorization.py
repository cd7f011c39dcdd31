"""Who may do what: every route and method of the OpenAPI document, by every kind of caller, on every kind of id.

`RULES` has a line for each; a route without one fails. What is said of another's things is, to the letter,
what is said of things that never were.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest

from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem, bare
from .test_document import DOCUMENT
from .test_identity import foreign


class Rule(NamedTuple):
    """`own` is the status for the owner of a fresh `target`; `public` is open to all."""

    own: int
    public: bool = False
    target: str = ""
    body: Json | None = None


ACCOUNT = {"email": "{new}@example.com", "password": "correct horse"}
UPLOAD = {"name": "b.txt", "size": 5, "content_type": "text/plain"}
RULES = {
    "POST /v1/signup": Rule(201, public=True, body=ACCOUNT),
    "POST /v1/login": Rule(401, public=True, body=ACCOUNT),
    "POST /v1/token/refresh": Rule(401, public=True, body={"refresh_token": "x"}),
    "POST /v1/logout": Rule(204, public=True, body={"refresh_token": "x"}),
    "GET /v1/me": Rule(200),
    "GET /.well-known/jwks.json": Rule(200, public=True),
    "POST /v1/uploads": Rule(201, body=UPLOAD),
    "GET /v1/uploads/{id}": Rule(200, target="upload"),
    "POST /v1/uploads/{id}/complete": Rule(200, target="upload"),
    "DELETE /v1/uploads/{id}": Rule(204, target="upload"),
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
PARENTS: dict[str, Callable[[User, str], Awaitable[httpx.Response]]] = {
    "POST /v1/uploads": lambda user, to: user.call("POST", "/v1/uploads", {**UPLOAD, "parent_id": to}),
    "POST /v1/folders": lambda user, to: user.call("POST", "/v1/folders", {"name": "g", "parent_id": to}),
    "GET /v1/files": lambda user, to: user.call("GET", "/v1/files", parameters={"parent_id": to}),
}
"""Routes that take the id of a folder elsewhere than in the path."""


def operations() -> list[tuple[str, bool]]:
    """Each `METHOD /path` of the document, and whether it says that a token is needed."""
    return [
        (f"{method.upper()} {path}", bool(operation["security"]))
        for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS = [operation for operation, _ in operations()]
GUARDED = [operation for operation, token in operations() if token]
BY_ID = [operation for operation in OPERATIONS if "{id}" in operation]


async def make(user: User, target: str) -> str:
    """The id of a new thing of that kind."""
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
    headers = {} if authorization is None else {"Authorization": authorization}
    if operation == "GET /v1/files/{id}/content":  # a client would follow it to where it cannot go
        status, _, answer = await bare(shared.app, method, path, headers)
        return status, json.loads(answer) if answer else {}
    body = RULES[operation].body
    sent = None if body is None else json.loads(json.dumps(body).replace("{new}", uuid4().hex))
    response = await shared.http.request(method, path, json=sent, headers=headers)
    if response.status_code >= 400:
        return response.status_code, assert_problem(response, response.status_code, response.json()["code"])
    return response.status_code, {}


def bearer(user: User) -> str:
    return f"Bearer {user.tokens['access_token']}"


def anonymous(problem: Json, id: str) -> Json:
    """A problem without what differs from one request to the next."""
    return json.loads(json.dumps({**problem, "request_id": ""}).replace(id, "<id>"))  # type: ignore[no-any-return]


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    assert sorted(RULES) == sorted(OPERATIONS)


@pytest.mark.parametrize(("operation", "token"), operations())
def test_the_document_says_who_needs_a_token(operation: str, token: bool) -> None:
    assert RULES[operation].public is not token


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_owner_may(shared: Gateway, user: User, operation: str) -> None:
    rule = RULES[operation]
    status, problem = await ask(shared, operation, bearer(user), await make(user, rule.target) if rule.target else "")
    assert status == rule.own, problem


@pytest.mark.parametrize("operation", [name for name, rule in RULES.items() if rule.public])
async def test_what_is_open_is_open_whatever_the_token(shared: Gateway, operation: str) -> None:
    for authorization in (None, "Bearer garbage", "Basic x"):
        assert (await ask(shared, operation, authorization))[0] == RULES[operation].own


@pytest.mark.parametrize("operation", GUARDED)
async def test_without_a_right_token_nobody_gets_as_far_as_the_id(shared: Gateway, user: User, operation: str) -> None:
    rule = RULES[operation]
    own = await make(user, rule.target) if rule.target else ""
    callers = [None, "Bearer garbage", f"Bearer {foreign(user)}", f"Bearer {foreign(user, sub=str(uuid4()))}"]
    for caller, id in itertools.product(callers, (own, str(uuid4()), "no-uuid", "root") if rule.target else ("",)):
        status, problem = await ask(shared, operation, caller, id)
        assert (status, problem["code"]) == (401, "unauthenticated")
    if rule.target:  # and nothing was done to it
        assert (await ask(shared, operation, bearer(user), own))[0] == rule.own


@pytest.mark.parametrize("operation", GUARDED)
async def test_a_token_that_has_ended_is_none(own: Gateway, operation: str) -> None:
    user = await own.user()
    own.clock.ahead = timedelta(seconds=user.tokens["expires_in"] + 1)
    status, problem = await ask(own, operation, bearer(user), str(uuid4()))
    assert (status, problem["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("operation", BY_ID)
async def test_a_stranger_cannot_tell_another_s_from_what_never_was(
    shared: Gateway, user: User, other: User, operation: str
) -> None:
    rule = RULES[operation]
    own, unknown = await make(user, rule.target), str(uuid4())
    theirs = await ask(shared, operation, bearer(other), own)
    never = await ask(shared, operation, bearer(other), unknown)
    assert theirs[0] == never[0] == 404
    assert anonymous(theirs[1], own) == anonymous(never[1], unknown)
    assert (await ask(shared, operation, bearer(user), own))[0] == rule.own


@pytest.mark.parametrize("operation", BY_ID)
async def test_an_id_of_another_kind_is_of_nothing(shared: Gateway, user: User, operation: str) -> None:
    upload = await user.begin("pending.txt", b"hello")
    folder = await user.ok("POST", "/v1/folders", {"name": "f"})
    wrong = folder["id"] if RULES[operation].target == "upload" else upload["id"]
    assert (await ask(shared, operation, bearer(user), wrong))[0] == 404


@pytest.mark.parametrize("operation", BY_ID)
async def test_an_id_that_is_none_is_bad_input(shared: Gateway, user: User, operation: str) -> None:
    status, problem = await ask(shared, operation, bearer(user), "no-uuid")
    assert (status, problem["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("operation", PARENTS)
async def test_another_s_folder_is_no_place(user: User, other: User, operation: str) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    file = (await other.store("a.txt", b"hello"))["id"]
    unknown = str(uuid4())
    answers = {id: await PARENTS[operation](other, id) for id in (folder, file, unknown)}
    problems = [anonymous(assert_problem(answer, 404, "not_found"), id) for id, answer in answers.items()]
    assert problems[0] == problems[1] == problems[2]
    assert (await PARENTS[operation](user, folder)).is_success


async def test_a_file_cannot_be_moved_into_another_s_folder(user: User, other: User) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    file = await other.store("a.txt", b"hello")
    assert_problem(await other.call("PATCH", f"/v1/files/{file['id']}", {"parent_id": folder}), 404, "not_found")
    assert (await other.ok("GET", f"/v1/files/{file['id']}"))["parent_id"] == "root"


async def test_nothing_of_another_s_is_listed_or_counted(user: User, other: User) -> None:
    await user.store("a.txt", b"hello")
    await user.ok("DELETE", f"/v1/files/{(await user.store('b.txt', b'hello'))['id']}")
    for path, query in (("/v1/files", {}), ("/v1/files", {"parent_id": "root"}), ("/v1/trash", {})):
        assert (await other.ok("GET", path, parameters=query))["items"] == []
    usage = (await other.ok("GET", "/v1/me"))["usage"]
    assert (usage["used_bytes"], usage["reserved_bytes"], usage["file_count"]) == (0, 0, 0)


async def test_an_account_that_is_gone_is_nobody(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/me")).status_code == 200
    await own.database.execute("TRUNCATE auth.users CASCADE")
    assert_problem(await user.call("GET", "/v1/me"), 401, "unauthenticated")
