"""`GET /v1/search`: parameters, results and hostile input."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from .conftest import Gateway, User, assert_problem, raw_request
from .test_authorization import bearer


async def search(user: User, **parameters: str) -> list[str]:
    """Return the paths of the results."""
    answer = await user.ok("GET", "/v1/search", parameters=parameters)
    return [item["path"] for item in answer["items"]]


async def test_a_search_returns_files_with_their_path(user: User, other: User) -> None:
    folder = await user.ok("POST", "/v1/folders", {"name": "Reports"})
    await user.store("Résumé 2026.txt", b"hello", parent_id=folder["id"])
    await other.store("resume.txt", b"hello")
    (found,) = (await user.ok("GET", "/v1/search", parameters={"q": "resume"}))["items"]
    assert found == {**await user.ok("GET", f"/v1/files/{found['id']}"), "path": "/Reports/Résumé 2026.txt"}
    assert await search(user, q="resmue") == ["/Reports/Résumé 2026.txt"]
    assert await search(user, q="r", kind="folder") == ["/Reports"]
    assert await search(user, q="resume", parent_id=folder["id"], type="document", min_size="5", max_size="5") == [
        "/Reports/Résumé 2026.txt"
    ]
    assert await search(user, q="resume", starred="true") == []
    assert await search(user, q="resume", starred="false") != []
    assert await search(user, q="resume", modified_after="2100-01-01T00:00:00+01:00") == []
    assert await search(user, q="resume", modified_before="2100-01-01T00:00:00.5Z") != []


async def test_pages_follow_each_other(user: User) -> None:
    for name in ("report a", "report b", "my report"):
        await user.ok("POST", "/v1/folders", {"name": name})
    first = await user.ok("GET", "/v1/search", parameters={"q": "report", "limit": "2"})
    second = await user.ok(
        "GET", "/v1/search", parameters={"q": "report", "limit": "2", "cursor": first["next_cursor"]}
    )
    names = [item["name"] for item in (*first["items"], *second["items"])]
    assert (names, second["next_cursor"]) == (["report a", "report b", "my report"], None)
    response = await user.call("GET", "/v1/search", parameters={"q": "other", "cursor": first["next_cursor"]})
    assert_problem(response, 422, "invalid_cursor")


@pytest.mark.parametrize(
    "query",
    [
        "", "?q=", "?q=%20%20", "?q=%00", "?q=" + "x" * 256, "?q=" + "x" * 10_000, "?q=a&kind=link",
        "?q=a&type=picture", "?q=a&starred=yes", "?q=a&starred=",
        "?q=a&type=", "?q=a&min_size=-1", "?q=a&max_size=9223372036854775808", "?q=a&min_size=1.5", "?q=a&parent_id=x",
        "?q=a&modified_after=yesterday", "?q=a&modified_before=2026-01-01T00:00:00", "?q=a&limit=0", "?q=a&limit=1001",
        "?q=a&modified_after=0001-01-01T00:00:00%2B14:00", "?q=a&modified_before=2026-13-01T00:00:00Z",
    ],
)  # fmt: skip
async def test_wrong_parameters_are_refused(shared: Gateway, user: User, query: str) -> None:
    status, _, body = await raw_request(shared.app, "GET", f"/v1/search{query}", {"Authorization": bearer(user)})
    assert (status, b"invalid_request" in body) == (422, True), body


@pytest.mark.parametrize(
    "text", ["%", "_", "\\", "'", '"', "\u202e", "\u0301", "🗂️", "a" * 255, "%_" * 100, "(", "[a-", "*"]
)
async def test_odd_texts_find_nothing(user: User, text: str) -> None:
    await user.ok("POST", "/v1/folders", {"name": "plain"})
    assert await search(user, q=text) == []


@pytest.mark.parametrize("raw", ["%ED%A0%80", "%FF%FE", "%F4%90%80%80", quote("日")])
async def test_undecodable_texts_are_no_fault(shared: Gateway, user: User, raw: str) -> None:
    status, _, _ = await raw_request(shared.app, "GET", f"/v1/search?q={raw}", {"Authorization": bearer(user)})
    assert status in (200, 422)


async def test_an_unknown_folder_is_not_found(user: User, other: User) -> None:
    theirs = await other.ok("POST", "/v1/folders", {"name": "theirs"})
    response = await user.call("GET", "/v1/search", parameters={"q": "a", "parent_id": theirs["id"]})
    assert_problem(response, 404, "not_found")
