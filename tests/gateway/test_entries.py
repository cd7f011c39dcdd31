"""Renaming, moving, trashing and downloading, values of entries, paths and batches over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from .conftest import Gateway, User, assert_problem, raw_request

MALFORMED = [b"", b"{", b"nonsense", b"\xff", b"{}{}", b"[" * 100_000, b'{"name": "\\ud800"}']
INVALID = [b"[]", b"null", b"1", b'"x"', b'{"name": null}', b'{"name": 1}', b'{"parent_id": null}',
             b'{"parent_id": []}', b'{"owner_id": "x"}']  # fmt: skip


async def patch(user: User, id: str, content: bytes, type: str = "application/json") -> httpx.Response:
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}", "Content-Type": type}
    return await user.http.patch(f"/v1/files/{id}", content=content, headers=headers)


async def folder(user: User, name: str, parent: str = "root") -> str:
    return str((await user.ok("POST", "/v1/folders", {"name": name, "parent_id": parent}))["id"])


@pytest.mark.parametrize("content", MALFORMED)
async def test_an_update_that_is_not_json_is_malformed(user: User, content: bytes) -> None:
    assert_problem(await patch(user, await folder(user, "f"), content), 400, "malformed_body")


@pytest.mark.parametrize("content", INVALID)
async def test_an_update_of_the_wrong_type_is_invalid(user: User, content: bytes) -> None:
    assert_problem(await patch(user, await folder(user, "f"), content), 422, "invalid_request")


async def test_an_update_must_be_json_of_at_most_one_mebibyte(user: User) -> None:
    id = await folder(user, "f")
    assert_problem(await patch(user, id, b'{"name": "g"}', "text/plain"), 415, "unsupported_media_type")
    assert_problem(await patch(user, id, b" " * 2**20 + b'{"name": "g"}'), 413, "too_large")
    assert (await user.ok("GET", f"/v1/files/{id}"))["name"] == "f"


async def test_exactly_one_of_many_updates_with_one_etag_succeeds(user: User) -> None:
    path = f"/v1/files/{await folder(user, 'f')}"
    etag = (await user.call("GET", path)).headers["etag"]
    changes = [user.call("PATCH", path, {"name": f"g{n}"}, headers={"If-Match": etag}) for n in range(8)]
    answers = await asyncio.gather(*changes)
    succeeded = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(succeeded) == 1
    for answer in answers:
        if answer.status_code != 200:
            assert_problem(answer, 412, "precondition_failed")
    assert await user.ok("GET", path) == succeeded[0]


async def test_a_folder_cannot_be_moved_into_itself_or_below(user: User) -> None:
    outer = await folder(user, "outer")
    inner = await folder(user, "inner", outer)
    for parent in (outer, inner):
        response = await user.call("PATCH", f"/v1/files/{outer}", {"parent_id": parent})
        assert_problem(response, 409, "would_cycle")
    assert (await user.ok("GET", f"/v1/files/{outer}"))["parent_id"] == "root"


async def test_names_conflict_only_in_the_same_case_and_folder(user: User) -> None:
    id, _ = await folder(user, "f"), await folder(user, "g")
    assert_problem(await user.call("PATCH", f"/v1/files/{id}", {"name": "g"}), 409, "name_taken")
    assert_problem(await user.call("POST", "/v1/folders", {"name": "g"}), 409, "name_taken")
    assert (await user.ok("PATCH", f"/v1/files/{id}", {"name": "G"}))["name"] == "G"
    await folder(user, "g", id)


async def test_a_trashed_file_cannot_be_downloaded_or_trashed_again(user: User) -> None:
    path = f"/v1/files/{(await user.store('a.txt', b'hello'))['id']}"
    assert (await user.call("DELETE", path)).status_code == 204
    for method, on in (("GET", f"{path}/download"), ("GET", f"{path}/content"), ("DELETE", path)):
        assert_problem(await user.call(method, on), 404, "not_found")
    assert (await user.ok("POST", f"{path}/restore"))["trashed_at"] is None
    assert (await user.call("GET", f"{path}/download")).status_code == 200


async def test_a_folder_cannot_be_downloaded(user: User) -> None:
    id = await folder(user, "f")
    for what in ("download", "content"):
        assert_problem(await user.call("GET", f"/v1/files/{id}/{what}"), 404, "not_found")


async def test_content_redirects_to_a_presigned_url(user: User, shared: Gateway) -> None:
    id = (await user.store("a.txt", b"hello"))["id"]
    token = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    status, headers, body = await raw_request(shared.app, "GET", f"/v1/files/{id}/content", token)
    assert (status, body) == (302, b"")
    assert await user.bucket.send("GET", headers["location"], {}, b"") == 200
    assert headers["cache-control"] == "no-store"


async def test_the_trash_can_be_deleted_for_good(user: User) -> None:
    files = [(await user.store(f"{n}.txt", b"hello"))["id"] for n in range(3)]
    assert_problem(await user.call("DELETE", f"/v1/trash/{files[0]}"), 404, "not_found")
    for id in files:
        assert (await user.call("DELETE", f"/v1/files/{id}")).status_code == 204
    assert (await user.call("DELETE", f"/v1/trash/{files[0]}")).status_code == 204
    assert_problem(await user.call("DELETE", f"/v1/trash/{files[0]}"), 404, "not_found")
    assert_problem(await user.call("POST", f"/v1/files/{files[0]}/restore"), 404, "not_found")
    for id in ("root", str(uuid4())):
        assert_problem(await user.call("DELETE", f"/v1/trash/{id}"), 404, "not_found")
    assert len((await user.ok("GET", "/v1/trash"))["items"]) == 2
    for _ in range(2):
        assert (await user.call("DELETE", "/v1/trash")).status_code == 204
    assert (await user.ok("GET", "/v1/trash"))["items"] == []


async def test_a_file_has_its_own_time_user_and_drive(user: User) -> None:
    me = (await user.ok("GET", "/v1/me"))["id"]
    upload = await user.ok(
        "POST", "/v1/uploads",
        {"name": "a", "size": 5, "content_type": "text/plain", "modified_at": "2001-02-03T05:05:06.000789+01:00"},
    )  # fmt: skip
    assert await user.bucket.send("PUT", upload["url"], upload["headers"], b"hello") == 200
    done = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    file = await user.ok("GET", f"/v1/files/{done['file_id']}")
    assert file["modified_at"] == "2001-02-03T04:05:06.000789Z"
    assert (file["drive_id"], file["created_by"], file["modified_by"]) == (me, me, me)
    assert (file["version_id"], file["starred"], file["properties"]) == (upload["id"], False, {})
    made = await user.ok("POST", "/v1/folders", {"name": "f"})
    assert (made["version_id"], made["drive_id"], made["created_by"]) == (None, me, me)


@pytest.mark.parametrize(
    "time",
    ["1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2020-01-01T00:00:00", "2020-01-01",
     "yesterday", "", 1, True, []],
)  # fmt: skip
async def test_an_invalid_time_is_refused_everywhere(user: User, time: object) -> None:
    body = {"name": "a", "size": 5, "content_type": "text/plain", "modified_at": time}
    id = await folder(user, "f")
    for method, path, sent in (
        ("POST", "/v1/uploads", body), ("PATCH", f"/v1/files/{id}", {"modified_at": time})
    ):  # fmt: skip
        problem = assert_problem(await user.call(method, path, sent), 422, "invalid_request")
        assert problem["errors"][0]["field"] == "modified_at"
    (item,) = (await user.ok("POST", "/v1/uploads/batch", {"uploads": [body]}))["items"]
    assert (item["error"]["code"], item["error"]["errors"][0]["field"]) == ("invalid_request", "modified_at")


async def test_values_of_a_file_are_changed_one_by_one(user: User) -> None:
    path = f"/v1/files/{(await user.store('a.txt', b'hello'))['id']}"
    first = await user.ok("PATCH", path, {"properties": {"a": "1", "b": "2"}, "starred": True})
    assert (first["properties"], first["starred"]) == ({"a": "1", "b": "2"}, True)
    second = await user.ok("PATCH", path, {"properties": {"a": None, "c": ""}, "modified_at": "1970-01-01T00:00:00Z"})
    assert (second["properties"], second["starred"]) == ({"b": "2", "c": ""}, True)
    assert second["modified_at"] == "1970-01-01T00:00:00Z"
    assert second["etag"] != first["etag"]
    assert await user.ok("GET", path) == second
    assert (await user.call("PATCH", path, {"starred": False}, headers={"If-Match": first["etag"]})).status_code == 412
    starred = await user.ok("GET", "/v1/files", parameters={"starred": "true"})
    assert [file["id"] for file in starred["items"]] == [second["id"]]
    assert (await user.ok("GET", "/v1/files", parameters={"starred": "false"}))["items"] == []


@pytest.mark.parametrize(
    "values",
    [{"starred": None}, {"starred": 1}, {"starred": "true"}, {"properties": None}, {"properties": []},
     {"properties": {"a": 1}}, {"properties": {"": "x"}}, {"properties": {"a": "\0"}},
     {"properties": {"a": "x" * 4096}},
     {"properties": {str(n): "" for n in range(51)}}, {"on_conflict": "overwrite"}, {"on_conflict": None}],
)  # fmt: skip
async def test_an_invalid_value_is_refused_and_named(user: User, values: dict[str, object]) -> None:
    path = f"/v1/files/{await folder(user, 'f')}"
    problem = assert_problem(await user.call("PATCH", path, values), 422, "invalid_request")
    assert problem["errors"][0]["field"].split(".")[0].split("[")[0] == next(iter(values))
    assert (await user.ok("GET", path))["properties"] == {}


async def test_a_name_that_is_taken_follows_on_conflict(user: User) -> None:
    old, new = [(await user.store(f"{name}.txt", name.encode()))["id"] for name in ("a", "bb")]
    taken = {"name": "a.txt"}
    assert_problem(await user.call("PATCH", f"/v1/files/{new}", taken), 409, "name_taken")
    renamed = await user.ok("PATCH", f"/v1/files/{new}", taken | {"on_conflict": "rename"})
    assert (renamed["id"], renamed["name"]) == (new, "a (1).txt")
    replaced = await user.ok("PATCH", f"/v1/files/{new}", taken | {"on_conflict": "replace"})
    assert (replaced["id"], replaced["name"], replaced["size"]) == (old, "a.txt", 2)
    assert_problem(await user.call("GET", f"/v1/files/{new}"), 404, "not_found")
    await folder(user, "f")
    for how in ("fail", "replace"):
        answer = await user.call("PATCH", f"/v1/files/{old}", {"name": "f", "on_conflict": how})
        assert_problem(answer, 409, "name_taken")


async def test_folders_of_a_path_are_made_once_and_found_by_path(user: User) -> None:
    first = await user.call("POST", "/v1/folders", {"path": "/a/b/c"})
    again = await user.call("POST", "/v1/folders", {"path": "/a/b/c/"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == await user.ok("GET", "/v1/files/by-path", parameters={"path": "/a/b/c"})
    answers = await asyncio.gather(*(user.call("POST", "/v1/folders", {"path": "/x/y"}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    path = await user.ok("GET", f"/v1/files/{first.json()['id']}/path")
    assert [item["name"] for item in path["items"]] == ["a", "b", "c"]
    await user.store("file", b"hello")
    assert_problem(await user.call("POST", "/v1/folders", {"path": "/file/x"}), 409, "name_taken")
    for missing in ("/", "/a/x", "/A", "/a/b/c/d"):
        answer = await user.call("GET", "/v1/files/by-path", parameters={"path": missing})
        assert_problem(answer, 404, "not_found")
    size = await user.ok("GET", "/v1/files/root/size")
    assert size == {"bytes": 5, "files": 1, "folders": 5}


@pytest.mark.parametrize("path", ["", "a/b", "//a", "/a//b", "/./a", "/a/..", "/a\0b", "/" + "x" * 256, "/a\nb"])
async def test_an_invalid_path_is_refused(user: User, path: str) -> None:
    answer = await user.call("POST", "/v1/folders", {"path": path})
    assert assert_problem(answer, 422, "invalid_request")["errors"][0]["field"] == "path"
    answer = await user.call("GET", "/v1/files/by-path", parameters={"path": path})
    assert assert_problem(answer, 422, "invalid_request")["errors"][0]["field"] == "path"
    for body in ({"path": "/a", "name": "b"}, {"path": "/a", "parent_id": "root"}, {"path": "/"}, {"path": None}):
        answer = await user.call("POST", "/v1/folders", body)
        assert assert_problem(answer, 422, "invalid_request")["errors"][0]["field"] == "path"
    assert (await user.ok("GET", "/v1/files", parameters={"parent_id": "root"}))["items"] == []


async def test_a_batch_of_files_is_moved_trashed_and_restored(user: User) -> None:
    target = await folder(user, "target")
    files = [(await user.store(f"{n}", b"hello"))["id"] for n in range(2)]
    ids = [files[0], "no-uuid", str(uuid4()), files[1], 5, target]
    expected = [None, "invalid_request", "not_found", None, "invalid_request", None]
    for operation, more, of_folder in (
        ("move", {"parent_id": target}, "would_cycle"), ("trash", {}, None), ("restore", {}, None)
    ):  # fmt: skip
        if operation == "restore":
            ids = [target, *ids[1:3], files[0]]
            expected = [None, "invalid_request", "not_found", None]
            assert (await user.call("POST", f"/v1/files/{files[1]}/restore", {"parent_id": "root"})).status_code == 200
        items = (await user.ok("POST", f"/v1/files/batch/{operation}", {"ids": ids, **more}))["items"]
        codes = [item.get("error", {}).get("code") for item in items]
        assert codes == [*expected[:-1], of_folder], (operation, items)
        for id, item in zip(ids, items, strict=True):
            assert set(item) in ({"file"}, {"error"})
            assert "file" not in item or item["file"]["id"] == id
    for body in ({"ids": []}, {"ids": [target] * 101}, {}, {"ids": "x"}, {"ids": [target], "more": 1}):
        for operation in ("trash", "restore"):
            answer = await user.call("POST", f"/v1/files/batch/{operation}", body)
            assert_problem(answer, 422, "invalid_request")
    answer = await user.call("POST", "/v1/files/batch/move", {"ids": [target], "parent_id": "x"})
    assert assert_problem(answer, 422, "invalid_request")["errors"][0]["field"] == "parent_id"


async def test_a_restore_takes_a_body_or_none(user: User) -> None:
    target, id = await folder(user, "f"), (await user.store("a.txt", b"hello"))["id"]
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}", "Content-Type": "application/json"}

    async def chunks() -> AsyncIterator[bytes]:
        yield b""

    for content, parent in ((b"", "root"), (chunks(), "root"), (b"{}", "root"), (b'{"parent_id": "%s"}', target)):
        await user.call("DELETE", f"/v1/files/{id}")
        trash = (await user.ok("GET", "/v1/trash"))["items"]
        assert [item["id"] for item in trash] == [id]
        assert trash[0]["purge_after"] > trash[0]["trashed_at"]
        sent = content % target.encode() if isinstance(content, bytes) and b"%s" in content else content
        answer = await user.http.post(f"/v1/files/{id}/restore", content=sent, headers=headers)
        assert (answer.status_code, answer.json()["parent_id"]) == (200, parent)
    await user.call("DELETE", f"/v1/files/{id}")
    await user.store("a.txt", b"new", parent_id=target)
    for body, status, code in (
        ({"on_conflict": "fail"}, 409, "name_taken"), ({"parent_id": str(uuid4())}, 404, "not_found"),
        ({"parent_id": "x"}, 422, "invalid_request"), ({"other": 1}, 422, "invalid_request"),
    ):  # fmt: skip
        assert_problem(await user.call("POST", f"/v1/files/{id}/restore", body), status, code)
    assert (await user.ok("POST", f"/v1/files/{id}/restore"))["name"] == "a (1).txt"
