"""Renaming, moving, trashing and fetching: what fits and still cannot be done."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from .conftest import Gateway, User, assert_problem, bare

NO_JSON = [b"", b"{", b"nonsense", b"\xff", b"{}{}", b"[" * 100_000, b'{"name": "\\ud800"}']
NO_CHANGE = [b"[]", b"null", b"1", b'"x"', b'{"name": null}', b'{"name": 1}', b'{"parent_id": null}',
             b'{"parent_id": []}', b'{"owner_id": "x"}']  # fmt: skip


async def patch(user: User, id: str, content: bytes, type: str = "application/json") -> httpx.Response:
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}", "Content-Type": type}
    return await user.http.patch(f"/v1/files/{id}", content=content, headers=headers)


async def folder(user: User, name: str, parent: str = "root") -> str:
    return str((await user.ok("POST", "/v1/folders", {"name": name, "parent_id": parent}))["id"])


@pytest.mark.parametrize("content", NO_JSON)
async def test_a_change_that_is_no_json_is_malformed(user: User, content: bytes) -> None:
    assert_problem(await patch(user, await folder(user, "f"), content), 400, "malformed_body")


@pytest.mark.parametrize("content", NO_CHANGE)
async def test_a_change_of_another_shape_is_invalid(user: User, content: bytes) -> None:
    assert_problem(await patch(user, await folder(user, "f"), content), 422, "invalid_request")


async def test_a_change_comes_as_json_of_at_most_one_mebibyte(user: User) -> None:
    id = await folder(user, "f")
    assert_problem(await patch(user, id, b'{"name": "g"}', "text/plain"), 415, "unsupported_media_type")
    assert_problem(await patch(user, id, b" " * 2**20 + b'{"name": "g"}'), 413, "too_large")
    assert (await user.ok("GET", f"/v1/files/{id}"))["name"] == "f"


async def test_of_many_changes_on_one_tag_exactly_one_is_made(user: User) -> None:
    path = f"/v1/files/{await folder(user, 'f')}"
    etag = (await user.call("GET", path)).headers["etag"]
    changes = [user.call("PATCH", path, {"name": f"g{n}"}, headers={"If-Match": etag}) for n in range(8)]
    answers = await asyncio.gather(*changes)
    made = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(made) == 1
    for answer in answers:
        if answer.status_code != 200:
            assert_problem(answer, 412, "precondition_failed")
    assert await user.ok("GET", path) == made[0]


async def test_a_folder_goes_neither_into_itself_nor_below(user: User) -> None:
    outer = await folder(user, "outer")
    inner = await folder(user, "inner", outer)
    for parent in (outer, inner):
        response = await user.call("PATCH", f"/v1/files/{outer}", {"parent_id": parent})
        assert assert_problem(response, 422, "invalid_request")["errors"][0]["field"] == "parent_id"
    assert (await user.ok("GET", f"/v1/files/{outer}"))["parent_id"] == "root"


async def test_a_name_is_taken_only_in_the_same_case_and_place(user: User) -> None:
    id, _ = await folder(user, "f"), await folder(user, "g")
    assert_problem(await user.call("PATCH", f"/v1/files/{id}", {"name": "g"}), 409, "name_taken")
    assert_problem(await user.call("POST", "/v1/folders", {"name": "g"}), 409, "name_taken")
    assert (await user.ok("PATCH", f"/v1/files/{id}", {"name": "G"}))["name"] == "G"
    await folder(user, "g", id)


async def test_what_is_in_the_trash_is_not_fetched_nor_trashed_again(user: User) -> None:
    path = f"/v1/files/{(await user.store('a.txt', b'hello'))['id']}"
    assert (await user.call("DELETE", path)).status_code == 204
    for method, on in (("GET", f"{path}/download"), ("GET", f"{path}/content"), ("DELETE", path)):
        assert_problem(await user.call(method, on), 404, "not_found")
    assert (await user.ok("POST", f"{path}/restore"))["trashed_at"] is None
    assert (await user.call("GET", f"{path}/download")).status_code == 200


async def test_a_folder_has_no_bytes_to_fetch(user: User) -> None:
    id = await folder(user, "f")
    for what in ("download", "content"):
        assert_problem(await user.call("GET", f"/v1/files/{id}/{what}"), 404, "not_found")


async def test_content_is_a_redirect_to_a_signed_url(user: User, shared: Gateway) -> None:
    id = (await user.store("a.txt", b"hello"))["id"]
    token = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    status, headers, body = await bare(shared.app, "GET", f"/v1/files/{id}/content", token)
    assert (status, body) == (302, b"")
    assert await user.bucket.send("GET", headers["location"], {}, b"") == 200
    assert headers["cache-control"] == "no-store"
