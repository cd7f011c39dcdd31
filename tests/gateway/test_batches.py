"""Several at once over HTTP: each item is what its own request would have been answered."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem

BEGIN, COMPLETE, DOWNLOAD = "/v1/uploads/batch", "/v1/uploads/batch/complete", "/v1/files/batch/download"


def intent(name: str, size: int = 5, **more: object) -> Json:
    return {"name": name, "size": size, "content_type": "text/plain", "on_conflict": "fail", **more}


async def send(user: User, upload: Json, body: bytes) -> None:
    assert await user.bucket.send(upload["method"], upload["url"], upload["headers"], body) == 200


async def test_several_files_are_sent_with_three_requests(user: User) -> None:
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
        assert item["download"]["url"].partition("?")[0] == alone["url"].partition("?")[0]


async def test_an_item_is_answered_as_its_own_request_would_be(user: User) -> None:
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


async def test_the_same_key_gives_the_very_same_answer(own: Gateway) -> None:
    user = await own.user()
    body = {"uploads": [intent("a.txt"), intent("a.txt"), intent("b.txt", multipart=True)]}
    first = await user.call("POST", BEGIN, body, headers={"Idempotency-Key": "k"})
    own.clock.ahead = timedelta(minutes=5)
    again = await user.call("POST", BEGIN, body, headers={"Idempotency-Key": "k"})
    assert (first.status_code, first.content) == (200, again.content)
    other = await user.call("POST", BEGIN, {"uploads": [intent("c.txt")]}, headers={"Idempotency-Key": "k"})
    assert_problem(other, 422, "idempotency_key_reused")


async def test_what_is_in_parts_gets_no_url_and_is_not_completed_in_a_batch(user: User) -> None:
    begun = await user.ok("POST", BEGIN, {"uploads": [intent("a.bin", multipart=True)]})
    upload = begun["items"][0]["upload"]
    assert ("url" in upload, upload["part_count"]) == (False, 1)
    done = await user.ok("POST", COMPLETE, {"ids": [upload["id"]]})
    assert done["items"][0]["error"]["code"] == "not_uploaded"


async def test_another_users_are_as_those_that_never_were(user: User, own: Gateway) -> None:
    stranger = await own.user()
    file = await stranger.store("theirs.txt", b"hello")
    upload = await stranger.begin("b.txt", b"hello")
    for path, theirs in ((DOWNLOAD, file["id"]), (COMPLETE, upload["id"])):
        never = str(uuid4())
        answer = await (await own.user()).ok("POST", path, {"ids": [theirs, never]})
        one, two = [item["error"] for item in answer["items"]]
        assert one["status"] == 404
        assert one.pop("detail").replace(theirs, "") == two.pop("detail").replace(never, "")
        assert one == two


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (BEGIN, {"uploads": []}, "uploads"),
        (BEGIN, {"uploads": [intent(f"{place}.txt") for place in range(101)]}, "uploads"),
        (BEGIN, {"uploads": [intent("a.txt"), {"name": "b.txt"}]}, "uploads[1].size"),
        (BEGIN, {"uploads": [intent("a.txt"), intent("b.txt", on_conflict="x")]}, "uploads[1].on_conflict"),
        (BEGIN, {"uploads": [intent("a.txt", 2**63)]}, "uploads[0].size"),
        (COMPLETE, {"ids": []}, "ids"),
        (COMPLETE, {"ids": [str(uuid4()), "x"]}, "ids[1]"),
        (DOWNLOAD, {"ids": [str(uuid4())] * 101}, "ids"),
        (DOWNLOAD, {"ids": [str(uuid4())], "disposition": "x"}, "disposition"),
        (DOWNLOAD, {"ids": ["root"]}, "ids[0]"),
    ],
)
async def test_a_batch_that_makes_no_sense_names_the_field(user: User, path: str, body: Json, field: str) -> None:
    problem = assert_problem(await user.call("POST", path, body), 422, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == [field]
    assert await user.names() == []
