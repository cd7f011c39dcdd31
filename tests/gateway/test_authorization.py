"""Who may do what: every route and method of the OpenAPI document, by every kind of caller, on every kind of id.

`RULES` has a line for each and `expected` the one rule that makes its answers; a route without a line fails. What
is said of another's things is, to the letter, what is said of things that never were.
"""

from __future__ import annotations

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
    """`own` is the status for the owner of a fresh `target`, `code` of which problem; `public` is open to all."""

    own: int
    code: str = ""
    public: bool = False
    target: str = ""
    body: Json | None = None


ACCOUNT = {"email": "{new}@example.com", "password": "correct horse"}
UPLOAD = {"name": "b.txt", "size": 5, "content_type": "text/plain"}
RULES = {
    "POST /v1/signup": Rule(201, public=True, body=ACCOUNT),
    "POST /v1/login": Rule(401, "invalid_credentials", public=True, body=ACCOUNT),
    "POST /v1/token/refresh": Rule(401, "unauthenticated", public=True, body={"refresh_token": "x"}),
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
CALLERS = ("no token", "malformed token", "ended token", "foreign token", "another scheme", "stranger", "owner")
IDS = ("owner's", "stranger's", "unknown", "of another kind", "malformed")
PARENTS: dict[str, Callable[[User, str], Awaitable[httpx.Response]]] = {
    "POST /v1/uploads": lambda user, to: user.call("POST", "/v1/uploads", {**UPLOAD, "parent_id": to}),
    "POST /v1/folders": lambda user, to: user.call("POST", "/v1/folders", {"name": "g", "parent_id": to}),
    "GET /v1/files": lambda user, to: user.call("GET", "/v1/files", parameters={"parent_id": to}),
    "PATCH /v1/files/{id}": lambda user, to: _moved(user, to),
}
"""Routes that take the id of a folder elsewhere than in the path."""


async def _moved(user: User, to: str) -> httpx.Response:
    file = (await user.store(f"{uuid4()}.txt", b"hello"))["id"]
    return await user.call("PATCH", f"/v1/files/{file}", {"parent_id": to})


def operations() -> list[tuple[str, bool]]:
    """Each `METHOD /path` of the document, and whether it says that a token is needed."""
    return [
        (f"{method.upper()} {path}", bool(operation["security"]))
        for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
        for method, operation in methods.items()
    ]


def naming() -> set[str]:
    """The operations of the document that name a thing elsewhere than in their path."""
    described = json.loads(DOCUMENT.read_text())
    found = set()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            names = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] != "path"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                shape = described["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
                names += shape["properties"]
            if any(name == "id" or name.endswith(("_id", "_ids")) for name in names):
                found.add(f"{method.upper()} {path}")
    return found


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
    if target == "upload":
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


@pytest.mark.parametrize("operation", PARENTS)
async def test_another_s_folder_is_no_place(user: User, other: User, operation: str) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    file = (await other.store("a.txt", b"hello"))["id"]
    unknown = str(uuid4())
    answers = {id: await PARENTS[operation](other, id) for id in (folder, file, unknown)}
    problems = [anonymous(assert_problem(answer, 404, "not_found"), id) for id, answer in answers.items()]
    assert problems[0] == problems[1] == problems[2]
    assert (await PARENTS[operation](user, folder)).is_success


def test_every_route_that_names_a_folder_is_tried() -> None:
    assert naming() == set(PARENTS)


async def test_a_file_cannot_be_moved_into_another_s_folder(user: User, other: User) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    file = await other.store("a.txt", b"hello")
    assert_problem(await other.call("PATCH", f"/v1/files/{file['id']}", {"parent_id": folder}), 404, "not_found")
    assert (await other.ok("GET", f"/v1/files/{file['id']}"))["parent_id"] == "root"


@pytest.mark.parametrize("operation", ["PATCH /v1/files/{id}", "DELETE /v1/files/{id}"])
async def test_a_condition_tells_nothing_of_another_s_file(user: User, other: User, operation: str) -> None:
    file = await user.store("a.txt", b"hello")
    method, body = operation.split(" ")[0], RULES[operation].body
    for id in (file["id"], str(uuid4())):
        for condition in (file["etag"], '"none"', "*"):
            response = await other.call(method, f"/v1/files/{id}", body, headers={"If-Match": condition})
            assert_problem(response, 404, "not_found")


async def test_another_s_cursor_is_none(user: User, other: User) -> None:
    for name in ("a.txt", "b.txt"):
        for somebody in (user, other):
            await somebody.ok("DELETE", f"/v1/files/{(await somebody.store(name, b'hello'))['id']}")
            await somebody.store(name, b"hello")
    for path in ("/v1/files", "/v1/trash"):
        cursor = (await user.ok("GET", path, parameters={"limit": "1"}))["next_cursor"]
        assert (await user.call("GET", path, parameters={"cursor": cursor})).is_success
        assert_problem(await other.call("GET", path, parameters={"cursor": cursor}), 422, "invalid_cursor")


async def test_another_s_idempotency_key_gives_nothing_away(user: User, other: User) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    for path, body in (("/v1/folders", {"name": "f"}), ("/v1/uploads", UPLOAD)):
        first = await user.call("POST", path, body, headers=key)
        second = await other.call("POST", path, body, headers=key)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] != second.json()["id"]
        key = {"Idempotency-Key": uuid4().hex}


def sorts() -> list[str]:
    parameters = json.loads(DOCUMENT.read_text())["paths"]["/v1/files"]["get"]["parameters"]
    return next(parameter["schema"]["enum"] for parameter in parameters if parameter["name"] == "sort")  # type: ignore[no-any-return]


@pytest.mark.parametrize("on_conflict", ["fail", "rename", "replace"])
async def test_a_name_that_another_has_is_free(user: User, other: User, on_conflict: str) -> None:
    await user.store("file", b"hello")
    await user.begin("pending", b"hello")
    await user.ok("POST", "/v1/folders", {"name": "folder"})
    for name in ("file", "pending", "folder"):
        upload = await other.ok("POST", "/v1/uploads", {**UPLOAD, "name": name, "on_conflict": on_conflict})
        assert upload["name"] == name


async def test_nothing_of_another_s_is_listed_or_counted(user: User, other: User) -> None:
    await user.store("a.txt", b"hello")
    await user.ok("POST", "/v1/folders", {"name": "f"})
    await user.ok("DELETE", f"/v1/files/{(await user.store('b.txt', b'hello'))['id']}")
    listings = [{"sort": sort, **parent} for sort in sorts() for parent in ({}, {"parent_id": "root"})]
    assert len(listings) == 16
    for path, query in [("/v1/trash", {}), *(("/v1/files", query) for query in listings)]:
        assert (await user.ok("GET", path, parameters=query))["items"] != []
        assert (await other.ok("GET", path, parameters=query))["items"] == []
    usage = (await other.ok("GET", "/v1/me"))["usage"]
    assert (usage["used_bytes"], usage["reserved_bytes"], usage["file_count"]) == (0, 0, 0)


async def test_an_account_that_is_gone_is_nobody(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/me")).status_code == 200
    await own.database.execute("TRUNCATE auth.users CASCADE")
    assert_problem(await user.call("GET", "/v1/me"), 401, "unauthenticated")
