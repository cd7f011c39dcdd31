"""Batches over HTTP: each item has the result that its own request would have."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from drivebay.errors import MalformedBody
from drivebay.gateway.batch_items import split_items
from drivebay.testing.client import Json
from drivebay.testing.memory import presigned_key

from .conftest import Gateway, User, assert_problem

BEGIN, COMPLETE, DOWNLOAD = "/v1/uploads/batch", "/v1/uploads/batch/complete", "/v1/files/batch/download"
COPY = "/v1/files/batch/copy"


def intent(name: str, size: int = 5, **more: object) -> Json:
    return {"name": name, "size": size, "content_type": "text/plain", "on_conflict": "fail", **more}


async def send(user: User, upload: Json, body: bytes) -> None:
    assert await user.bucket.send(upload["method"], upload["url"], upload["headers"], body) == 200


async def test_several_files_are_uploaded_with_three_requests(user: User) -> None:
    begun = await user.ok("POST", BEGIN, {"uploads": [intent("a.png", content_type="image/png"), intent("b.txt", 6)]})
    uploads = [item["upload"] for item in begun["items"]]
    assert [upload["name"] for upload in uploads] == ["a.png", "b.txt"]
    for upload, body in zip(uploads, (b"hello", b"world!"), strict=True):
        await send(user, upload, body)
    done = await user.ok("POST", COMPLETE, {"ids": [upload["id"] for upload in uploads]})
    files = [item["upload"]["file_id"] for item in done["items"]]
    got = await user.ok("POST", DOWNLOAD, {"ids": files, "disposition": "inline"})
    assert ["inline" in item["download"]["url"] for item in got["items"]] == [True, False]
    for id, item in zip(files, got["items"], strict=True):
        alone = await user.ok("GET", f"/v1/files/{id}/download?disposition=inline")
        assert {**item["download"], "url": "", "expires_at": ""} == {**alone, "url": "", "expires_at": ""}
        assert presigned_key(item["download"]["url"]) == presigned_key(alone["url"])


async def test_an_item_gets_the_result_of_its_own_request(user: User) -> None:
    await user.store("there.txt", b"hello")
    wrong = [
        intent("there.txt"),
        intent("a/b"),
        intent("lost.txt", parent_id=str(uuid4())),
        intent("nowhere.txt", parent_id="x"),
        intent("a.txt", 2**62),
        intent("b.txt", sha256="x"),
        intent("c.txt") | {"content_type": "text"},
    ]
    begun = await user.ok("POST", BEGIN, {"uploads": [intent("good.txt"), *wrong]})
    assert begun["items"][0]["upload"]["status"] == "pending"
    for body, item in zip(wrong, begun["items"][1:], strict=True):
        alone = (await user.call("POST", "/v1/uploads", body)).json()
        assert set(item) == {"error"}
        assert {key: item["error"][key] for key in ("type", "title", "status", "code", "detail")} == {
            key: alone[key] for key in ("type", "title", "status", "code", "detail")
        }
        assert [each["field"] for each in item["error"].get("errors", [])] == [
            each["field"] for each in alone.get("errors", [])
        ]


async def test_the_same_key_gives_exactly_the_same_response(own: Gateway) -> None:
    user = await own.user()
    body = {"uploads": [intent("a.txt"), intent("a.txt"), intent("b.txt", multipart=True)]}
    first = await user.call("POST", BEGIN, body, headers={"Idempotency-Key": "k"})
    own.clock.ahead = timedelta(minutes=5)
    again = await user.call("POST", BEGIN, body, headers={"Idempotency-Key": "k"})
    assert (first.status_code, first.content) == (200, again.content)
    other = await user.call("POST", BEGIN, {"uploads": [intent("c.txt")]}, headers={"Idempotency-Key": "k"})
    assert_problem(other, 422, "idempotency_key_reused")


async def test_an_upload_in_parts_gets_no_url_in_a_batch(user: User) -> None:
    begun = await user.ok("POST", BEGIN, {"uploads": [intent("a.bin", multipart=True)]})
    upload = begun["items"][0]["upload"]
    assert ("url" in upload, upload["part_count"]) == (False, 1)
    done = await user.ok("POST", COMPLETE, {"ids": [upload["id"]]})
    assert done["items"][0]["error"]["code"] == "not_uploaded"


async def test_another_users_items_look_like_unknown_ones(user: User, own: Gateway) -> None:
    stranger = await own.user()
    file = await stranger.store("other.txt", b"hello")
    upload = await stranger.begin("b.txt", b"hello")
    for path, other_id in ((DOWNLOAD, file["id"]), (COMPLETE, upload["id"])):
        unknown = str(uuid4())
        answer = await (await own.user()).ok("POST", path, {"ids": [other_id, unknown]})
        one, two = [item["error"] for item in answer["items"]]
        assert one["status"] == 404
        assert one.pop("detail").replace(other_id, "") == two.pop("detail").replace(unknown, "")
        assert one == two


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (BEGIN, {"uploads": []}, "uploads"),
        (BEGIN, {"uploads": [intent(f"{place}.txt") for place in range(101)]}, "uploads"),
        (BEGIN, {"uploads": {}}, "uploads"),
        (BEGIN, {"uploads": [intent("a.txt")], "more": 1}, "more"),
        (BEGIN, {}, "uploads"),
        (COMPLETE, {"ids": []}, "ids"),
        (COMPLETE, {"ids": "x"}, "ids"),
        (DOWNLOAD, {"ids": [str(uuid4())] * 101}, "ids"),
        (DOWNLOAD, {"ids": [str(uuid4())], "disposition": "x"}, "disposition"),
    ],
)
async def test_an_invalid_batch_names_the_field(user: User, path: str, body: Json, field: str) -> None:
    problem = assert_problem(await user.call("POST", path, body), 422, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == [field]
    assert await user.names() == []


WRONG_ITEMS = [
    (b'{"name": "b\\udcff", "size": 5, "content_type": "text/plain"}', "malformed_body", None),
    (b'{"name": "b\xff", "size": 5, "content_type": "text/plain"}', "malformed_body", None),
    (b'{"name": "b\0", "size": 5, "content_type": "text/plain"}', "malformed_body", None),
    (b'{"name": "b\\u0000", "size": 5, "content_type": "text/plain"}', "invalid_request", "name"),
    (b'{"name": "b\\q", "size": 5, "content_type": "text/plain"}', "malformed_body", None),
    (b"[" * 5_000 + b"]" * 5_000, "malformed_body", None),
    (b'{"name": "b", "more": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, "malformed_body", None),
    (b"nonsense", "malformed_body", None),
    (b"null", "invalid_request", "body"),
    (b'"text"', "invalid_request", "body"),
    (b"[]", "invalid_request", "body"),
    (b"{}", "invalid_request", "name"),
    (b'{"name": "b", "content_type": "text/plain"}', "invalid_request", "size"),
    (b'{"name": 7, "size": 5, "content_type": "text/plain"}', "invalid_request", "name"),
    (b'{"name": "b", "size": 9223372036854775808, "content_type": "text/plain"}', "invalid_request", "size"),
    (b'{"name": "b", "size": 1e999, "content_type": "text/plain"}', "invalid_request", "size"),
    (b'{"name": "b", "size": 5, "content_type": "text/plain", "owner_id": "x"}', "invalid_request", "owner_id"),
    (b'{"name": "b", "size": 5, "content_type": "text/plain", "on_conflict": "x"}', "invalid_request", "on_conflict"),
]


async def send_items(user: User, path: str, field: bytes, items: list[bytes], key: str | None = None) -> Json:
    """Send a batch whose items are given as JSON, and return the response."""
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}", "Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    content = b'{ "' + field + b'" : [' + b" , ".join(items) + b"] }"
    response = await user.http.post(path, content=content, headers=headers)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def as_json(*items: object) -> list[bytes]:
    return [json.dumps(item).encode() for item in items]


@pytest.mark.parametrize(("item", "code", "field"), WRONG_ITEMS)
async def test_a_wrong_item_fails_alone(user: User, item: bytes, code: str, field: str | None) -> None:
    first, last = as_json(intent('a "quoted", [name].txt'), intent("z.txt"))
    answer = await send_items(user, BEGIN, b"uploads", [first, item, last])
    assert [each.get("upload", {}).get("name") for each in answer["items"]] == ['a "quoted", [name].txt', None, "z.txt"]
    error = answer["items"][1]["error"]
    assert (error["code"], [each["field"] for each in error.get("errors", [])]) == (code, [field] if field else [])


@pytest.mark.parametrize("item", [b'"x"', b"7", b"null", b'"\\udcff"', b'"\xff"', b'"root"', b"[[]]", b"{}", b"x"])
@pytest.mark.parametrize("path", [COMPLETE, DOWNLOAD])
async def test_a_wrong_id_fails_alone(user: User, path: str, item: bytes) -> None:
    if path == COMPLETE:
        upload = await user.begin("a.txt", b"hello")
        await send(user, upload, b"hello")
        id, result = upload["id"], "upload"
    else:
        id, result = (await user.store("a.txt", b"hello"))["id"], "download"
    answer = await send_items(user, path, b"ids", [item, *as_json(id), item])
    assert [result in each for each in answer["items"]] == [False, True, False]
    assert answer["items"][0]["error"]["code"] in ("invalid_request", "malformed_body")


@pytest.mark.parametrize("wrong", [{"parent_id": "x"}, {"sha256": "x"}, {"size": -1}, {"name": 7}, {"more": 1}])
async def test_a_wrong_item_belongs_to_the_request_of_a_key(user: User, wrong: Json) -> None:
    good, bad = as_json(intent("a.txt"), intent("b.txt") | wrong)
    first = await send_items(user, BEGIN, b"uploads", [good, bad], "key")
    assert await send_items(user, BEGIN, b"uploads", [good, bad], "key") == first
    await send_items(user, BEGIN, b"uploads", [bad], "all wrong")
    for key, uploads in (("key", [intent("a.txt")]), ("all wrong", [intent("a.txt")])):
        other = await user.call("POST", BEGIN, {"uploads": uploads}, headers={"Idempotency-Key": key})
        assert_problem(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize("wrong", [b'"x"', b"7", b"null", b'"root"', b"{}", b'"\\udcff"'])
async def test_a_wrong_id_belongs_to_the_request_of_a_key(user: User, wrong: bytes) -> None:
    (id,) = as_json((await user.store("a.txt", b"hello"))["id"])

    async def copy(key: str, *items: bytes) -> httpx.Response:
        headers = {"Authorization": f"Bearer {user.tokens['access_token']}", "Idempotency-Key": key}
        content = b'{"parent_id": "root", "ids": [' + b",".join(items) + b"]}"
        return await user.http.post(COPY, content=content, headers=headers)

    first = await copy("key", id, wrong)
    assert (first.status_code, ["file" in item for item in first.json()["items"]]) == (200, [True, False])
    assert (await copy("key", id, wrong)).json() == first.json()
    assert (await copy("all wrong", wrong)).status_code == 200
    for key, items in (("key", [id]), ("key", [wrong, id]), ("key", [id, b'"y"']), ("all wrong", [id])):
        assert_problem(await copy(key, *items), 422, "idempotency_key_reused")
    assert await user.names() == ["a (1).txt", "a.txt"]


async def test_an_item_that_begins_later_gets_a_valid_url(own: Gateway) -> None:
    """The quota refused it first. Its URL counts from its own creation."""
    user = await own.user()
    body = {"uploads": [intent("a", 50_000), intent("b", 50_000), intent("c", 50_000)]}
    first = await user.call("POST", BEGIN, body, headers={"Idempotency-Key": "k"})
    one, _, three = first.json()["items"]
    assert three["error"]["code"] == "quota_exceeded"
    await user.ok("DELETE", f"/v1/uploads/{one['upload']['id']}")
    await own.database.execute("UPDATE files.uploads SET created_at = created_at - interval '1 hour'")
    again = (await user.call("POST", BEGIN, body, headers={"Idempotency-Key": "k"})).json()["items"]
    assert again[1]["upload"]["expires_at"] < again[2]["upload"]["expires_at"]
    await send(user, again[2]["upload"], b"x" * 50_000)


@pytest.mark.parametrize(
    "content",
    [b'{"uploads": [1, ]}', b'{"uploads": [,]}', b'{"uploads": [1}', b'{"uploads": [x', b'{"uploads" [x]}',

     b'{"uploads": [x]} y', b'{"uploads": [x], "\xff": 1}'],
)  # fmt: skip
async def test_a_batch_that_has_no_items_is_malformed(user: User, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}", "Content-Type": "application/json"}
    assert_problem(await user.http.post(BEGIN, content=content, headers=headers), 400, "malformed_body")


def test_a_batch_of_too_many_tokens_is_not_read() -> None:
    one_item = b"[" + b"[]1" * 20_000 + b"]"
    with pytest.raises(MalformedBody):
        split_items(b'{"uploads": [' + one_item + b"]}", "uploads")
    assert len(split_items(b'{"uploads": [x, ' + b'[{"a":["b,]"]}]' * 1_000 + b"]}", "uploads").items) == 2
