"""The common properties of all responses: headers, request ids, problems, methods, limits, pages, entity tags."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from drivebay.errors import Error, InsufficientScope
from drivebay.gateway import problems
from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem, raw_request

FIXED_HEADERS = {
    "server": "drivebay",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def assert_fixed_headers(response: httpx.Response) -> None:
    for name, value in FIXED_HEADERS.items():
        assert response.headers.get_list(name) == [value], (response.request.url, name)
    assert len(response.headers.get_list("content-security-policy")) == 1
    assert len(response.headers.get_list("x-request-id")) == 1
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/metrics", 200),
        ("GET", "/.well-known/jwks.json", 200),
        ("GET", "/v1/files", 401),
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 302),
        ("GET", "//v1/files", 404),
        ("PUT", "/v1/files", 405),
        ("TRACE", "/v1/files", 405),
        ("BREW", "/v1/files", 405),
        ("OPTIONS", "/v1/files", 204),
        ("OPTIONS", "/v1/nothing", 404),
        ("HEAD", "/healthz", 200),
        ("HEAD", "/v1/files", 401),
        ("HEAD", "/v1/signup", 405),
        ("HEAD", "/v1/nothing", 404),
        ("POST", "/v1/signup", 400),
        ("POST", "/v1/folders", 401),
    ],
)
async def test_every_response_has_the_fixed_headers(shared: Gateway, method: str, path: str, status: int) -> None:
    response = await shared.http.request(method, path)
    assert response.status_code == status
    assert_fixed_headers(response)
    if status >= 400 and method != "HEAD":
        assert_problem(response, status, response.json()["code"])
    if method == "HEAD":
        assert response.content == b""


async def test_head_has_the_headers_of_get(user: User) -> None:
    got, head = [await user.call(method, "/v1/me") for method in ("GET", "HEAD")]
    assert head.status_code == got.status_code == 200
    assert head.headers["content-length"] == str(len(got.content))
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_head_has_no_body_before_the_server_removes_it(shared: Gateway) -> None:
    status, headers, body = await raw_request(shared.app, "HEAD", "/healthz", {})
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/files", "GET, HEAD, OPTIONS"),
        ("/v1/uploads", "GET, HEAD, OPTIONS, POST"),
        ("/v1/files/x", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ],
)
async def test_an_unknown_method_gets_405_and_the_allowed_methods(shared: Gateway, path: str, allow: str) -> None:
    response = await shared.http.put(path)
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == allow
    assert (await shared.http.options(path)).headers["allow"] == allow


@pytest.mark.parametrize("own", [{"hsts": True}], indirect=True)
async def test_hsts_is_sent_on_every_response_when_enabled(own: Gateway) -> None:
    for path in ("/healthz", "/v1/files", "/v1/nothing"):
        assert "max-age=" in (await own.http.get(path)).headers["strict-transport-security"]


async def test_hsts_is_not_sent_by_default(shared: Gateway) -> None:
    assert "strict-transport-security" not in (await shared.http.get("/healthz")).headers


@pytest.mark.parametrize("sent", ["a", "req-1.2_3", "0" * 128, "01890a5d-ac96-774b-bcce-b302099a8057"])
@pytest.mark.parametrize("path", ["/healthz", "/v1/files", "/v1/nothing"])
async def test_a_valid_request_id_is_returned(shared: Gateway, sent: str, path: str) -> None:
    assert (await shared.http.get(path, headers={"X-Request-Id": sent})).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", " ", "a b", "0" * 129, "x;y", "<b>", "a\tb", "é", "%0d%0aSet-Cookie"])
async def test_an_invalid_request_id_is_replaced(shared: Gateway, sent: str) -> None:
    response = await shared.http.get("/v1/files", headers={b"X-Request-Id": sent.encode()})
    assert UUID(response.headers["x-request-id"]).version == 7
    assert_problem(response, 401, "unauthenticated")


async def test_services_see_the_request_id(own: Gateway) -> None:
    user = await own.user()
    assert (await user.call("GET", "/v1/files", headers={"X-Request-Id": "request-1"})).status_code == 200
    assert own.keys.request_id == "request-1"


async def test_the_request_log_has_the_user_id_only_with_a_token(shared: Gateway, user: User) -> None:
    with capture_logs() as logs:
        me = await user.ok("GET", "/v1/me")
        await shared.http.get("/healthz")
        await shared.http.get("/v1/files")
    seen = [(line["route"], line["status"], line.get("user")) for line in logs if line["event"] == "request"]
    assert seen == [("/v1/me", 200, me["id"]), ("/healthz", 200, None), ("/v1/files", 401, None)]


async def test_request_ids_are_unique(shared: Gateway) -> None:
    answers = await asyncio.gather(*(shared.http.get("/healthz") for _ in range(20)))
    assert len({answer.headers["x-request-id"] for answer in answers}) == 20


def _error_types(kind: type[Error]) -> list[type[Error]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in _error_types(child))]


@pytest.mark.parametrize("kind", _error_types(Error)[1:])
def test_a_temporary_failure_has_retry_after(kind: type[Error]) -> None:
    headers = problems.problem_headers(kind())
    assert ("Retry-After" in headers) == (kind.http in (423, 429, 503))
    assert ("WWW-Authenticate" in headers) == (kind.http == 401 or kind is InsufficientScope)


async def test_a_store_that_is_down_gives_503(own: Gateway) -> None:
    user = await own.user()
    upload = await user.begin("a.txt", b"hello")
    own.bucket.broken = True
    response = await user.call("POST", f"/v1/uploads/{upload['id']}/complete")
    assert_problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1


async def test_times_are_utc_and_ids_are_lower_case(user: User) -> None:
    file = await user.store("a.txt", b"hello")
    assert file["created_at"].endswith("Z")
    assert file["id"] == str(UUID(file["id"]))
    assert UUID(file["id"]).version == 7
    assert file["parent_id"] == "root"
    assert set(file) == {
        "id", "drive_id", "kind", "name", "parent_id", "size", "content_type", "sha256", "etag", "version_id",
        "starred", "properties", "created_at", "modified_at", "created_by", "modified_by", "trashed_at",
    }  # fmt: skip


# -- lists -----------------------------------------------------------------------------------------


async def _folders(user: User, count: int) -> list[str]:
    return [(await user.ok("POST", "/v1/folders", {"name": f"f{n}"}))["id"] for n in range(count)]


async def _files(user: User, count: int) -> list[str]:
    return [(await user.store(f"f{n}", b"x" * n))["id"] for n in range(count)]


async def _read_all_pages(user: User, path: str, parameters: dict[str, str]) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while True:
        page = await user.ok("GET", path, parameters={**parameters, **({"cursor": cursor} if cursor else {})})
        assert set(page) - {"changes_cursor"} == {"items", "next_cursor"}
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            return found


@pytest.mark.parametrize(
    "sort", [f"{sign}{name}" for name in ("name", "modified", "created", "size") for sign in ("", "-")]
)
async def test_pages_add_up_to_the_whole_list(user: User, sort: str) -> None:
    await _files(user, 5)
    whole = (await user.ok("GET", "/v1/files", parameters={"sort": sort}))["items"]
    assert len(whole) == 5
    assert await _read_all_pages(user, "/v1/files", {"sort": sort, "limit": "2"}) == whole


async def test_the_default_order_is_newest_first_and_by_name_in_a_folder(user: User) -> None:
    ids = await _files(user, 3)
    assert [item["id"] for item in (await user.ok("GET", "/v1/files"))["items"]] == ids[::-1]
    inside = (await user.ok("GET", "/v1/files", parameters={"parent_id": "root"}))["items"]
    assert [item["name"] for item in inside] == ["f0", "f1", "f2"]


async def test_a_folder_entry_is_found_by_its_name(user: User) -> None:
    await user.store("a b.txt", b"hello")
    file = await user.store("a+b.txt", b"hello")
    found = await user.ok("GET", "/v1/files?parent_id=root&name=a%2Bb.txt")
    assert (found["items"], found["next_cursor"]) == ([file], None)
    assert (await user.ok("GET", "/v1/files?parent_id=root&name=nobody"))["items"] == []
    assert_problem(await user.call("GET", "/v1/files?name=a%2Bb.txt"), 422, "invalid_request")


async def test_pages_of_the_trash_add_up_to_the_trash(user: User) -> None:
    ids = await _files(user, 5)
    for id in ids:
        assert (await user.call("DELETE", f"/v1/files/{id}")).status_code == 204
    trash = await _read_all_pages(user, "/v1/trash", {"limit": "2"})
    assert [item["id"] for item in trash] == ids[::-1]
    assert all(item["trashed_at"] for item in trash)


async def test_a_cursor_works_only_for_its_own_query(user: User, other: User) -> None:
    await _files(user, 3)
    await _files(other, 3)
    query = {"limit": "1", "sort": "name"}
    cursor = (await user.ok("GET", "/v1/files", parameters=query))["next_cursor"]
    attempts = [
        (user, "/v1/files", {"sort": "-name"}),
        (user, "/v1/files", {"sort": "size"}),
        (user, "/v1/files", {"sort": "name", "parent_id": "root"}),
        (user, "/v1/trash", {}),
        (user, "/v1/uploads", {}),
        (other, "/v1/files", {"sort": "name"}),
    ]
    for who, path, changed in attempts:
        assert_problem(await who.call("GET", path, parameters={**changed, "cursor": cursor}), 422, "invalid_cursor")
    assert (await user.ok("GET", "/v1/files", parameters={**query, "limit": "2", "cursor": cursor}))["items"]


async def test_a_modified_cursor_is_rejected(user: User) -> None:
    await _files(user, 2)
    cursor: str = (await user.ok("GET", "/v1/files", parameters={"limit": "1"}))["next_cursor"]
    modified = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor))]
    modified += [
        "",
        "x",
        "=",
        "\0",
        "é",
        "🙂",
        cursor + "A",
        cursor + "=",
        cursor[:-1],
        cursor * 50,
        "null",
        " " + cursor,
    ]
    for text in modified:
        for path in ("/v1/files", "/v1/trash", "/v1/uploads"):
            response = await user.call("GET", path, parameters={"cursor": text, "limit": "1"})
            assert_problem(response, 422, "invalid_cursor")


@pytest.mark.parametrize("path", ["/v1/files", "/v1/trash", "/v1/uploads"])
@pytest.mark.parametrize("limit", ["0", "-1", "1001", "abc", "", "1.5", "1e2", "٣", "99999999999999999999", "+5", " 5"])
async def test_a_limit_outside_1_to_1000_is_rejected(user: User, path: str, limit: str) -> None:
    problem = assert_problem(await user.call("GET", path, parameters={"limit": limit}), 422, "invalid_request")
    assert problem["errors"][0]["field"] == "limit"


@pytest.mark.parametrize("path", ["/v1/files", "/v1/trash", "/v1/uploads"])
async def test_limits_1_and_1000_are_accepted(user: User, path: str) -> None:
    for limit in ("1", "1000"):
        assert (await user.call("GET", path, parameters={"limit": limit})).status_code == 200


@pytest.mark.parametrize("sort", ["", "Name", "--name", "+name", "owner_id", "name;drop", "name,size", "kind"])
async def test_an_unknown_sort_is_rejected(user: User, sort: str) -> None:
    for path in ("/v1/files", "/v1/uploads"):
        problem = assert_problem(await user.call("GET", path, parameters={"sort": sort}), 422, "invalid_request")
        assert problem["errors"][0]["field"] == "sort"


@pytest.mark.parametrize("status", ["", "complete", "Pending", "pending,failed", "\0"])
async def test_only_pending_uploads_are_listed(user: User, status: str) -> None:
    response = await user.call("GET", "/v1/uploads", parameters={"status": status})
    assert assert_problem(response, 422, "invalid_request")["errors"][0]["field"] == "status"


# -- entity tags -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_with_a_stale_etag_is_rejected(user: User, method: str) -> None:
    folder = (await _folders(user, 1))[0]
    etag = (await user.call("GET", f"/v1/files/{folder}")).headers["etag"]
    renamed = await user.call("PATCH", f"/v1/files/{folder}", {"name": "g"}, headers={"If-Match": etag})
    assert renamed.status_code == 200
    fresh = renamed.headers["etag"]
    assert fresh != etag
    assert fresh == renamed.json()["etag"]
    body = {"name": "h"} if method == "PATCH" else None
    for stale in (etag, f"W/{fresh}", '"x"', f'{etag}, "x"', "", '""'):
        response = await user.call(method, f"/v1/files/{folder}", body, headers={"If-Match": stale})
        assert_problem(response, 412, "precondition_failed")
    assert (await user.ok("GET", f"/v1/files/{folder}"))["name"] == "g"
    last = await user.call(method, f"/v1/files/{folder}", body, headers={"If-Match": f'"x", {fresh}'})
    assert last.is_success


async def test_if_match_star_matches_every_existing_entry(user: User) -> None:
    folder = (await _folders(user, 1))[0]
    response = await user.call("PATCH", f"/v1/files/{folder}", {"name": "g"}, headers={"If-Match": "*"})
    assert response.status_code == 200
    assert (await user.call("DELETE", f"/v1/files/{folder}", headers={"If-Match": "*"})).status_code == 204
    again = await user.call("DELETE", f"/v1/files/{folder}", headers={"If-Match": "*"})
    assert_problem(again, 404, "not_found")


async def test_etags_are_strong(user: User) -> None:
    response = await user.call("GET", f"/v1/files/{(await user.store('a.txt', b'hello'))['id']}")
    etag = response.headers["etag"]
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert etag == response.json()["etag"]
