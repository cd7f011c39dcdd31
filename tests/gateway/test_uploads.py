"""What an upload becomes, as a client is told; and what it is told when that cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .conftest import Gateway, User, assert_problem

FROM_INTENT = {"id", "status", "name", "size", "content_type"}
SIGNED = {"method", "url", "headers", "expires_at"}


async def test_a_pending_upload_is_signed_anew_when_it_is_asked_for(own: Gateway) -> None:
    user = await own.user()
    upload = await user.begin("a.txt", b"hello")
    assert set(upload) == FROM_INTENT | SIGNED
    own.clock.ahead = timedelta(minutes=5)
    shown = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert set(shown) == FROM_INTENT | SIGNED
    assert shown["expires_at"] > upload["expires_at"]
    assert shown["headers"] == upload["headers"]
    assert "content-length" not in {name.lower() for name in shown["headers"]}


async def test_a_finished_upload_says_which_file_and_nothing_to_send(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    done, again = [await user.ok("POST", f"/v1/uploads/{upload['id']}/complete") for _ in range(2)]
    assert done == again == await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert (set(done), done["status"]) == (FROM_INTENT | {"file_id"}, "complete")
    assert (await user.ok("GET", f"/v1/files/{done['file_id']}"))["size"] == 5


async def test_bytes_that_are_not_there_are_not_uploaded_and_may_still_come(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    path = f"/v1/uploads/{upload['id']}/complete"
    assert_problem(await user.call("POST", path), 409, "not_uploaded")
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    assert (await user.ok("POST", path))["status"] == "complete"


async def test_an_upload_that_was_given_up_has_ended_and_reserves_nothing(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 5
    response = await user.call("DELETE", f"/v1/uploads/{upload['id']}")
    assert (response.status_code, response.content) == (204, b"")
    shown = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert shown["status"] == "aborted"
    assert not SIGNED & set(shown)
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


async def test_a_finished_upload_cannot_be_given_up(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    done = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert_problem(await user.call("DELETE", f"/v1/uploads/{upload['id']}"), 409, "conflict")
    assert (await user.call("GET", f"/v1/files/{done['file_id']}")).status_code == 200


async def test_bytes_of_another_size_fail_the_upload_with_a_reason(user: User) -> None:
    upload = await user.begin("a.txt", b"hello", checksum=False)
    before = set(user.bucket.objects)
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    (key,) = set(user.bucket.objects) - before
    user.bucket.put(key, b"not the five bytes that were promised", "text/plain")
    await user.call("POST", f"/v1/uploads/{upload['id']}/complete")
    shown = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert shown["status"] == "failed"
    assert shown["reason"]
    assert "file_id" not in shown
    assert await user.names() == []


@pytest.mark.parametrize(("wish", "names"), [("rename", ["a (1).txt", "a.txt"]), ("replace", ["a.txt"])])
async def test_a_name_that_is_there_is_dealt_with_as_wished(user: User, wish: str, names: list[str]) -> None:
    first = await user.store("a.txt", b"hello")
    second = await user.store("a.txt", b"other", on_conflict=wish)
    assert await user.names() == names
    assert (second["id"] == first["id"]) == (wish == "replace")
    assert second["etag"] != first["etag"]


async def test_a_name_that_is_there_is_refused_when_that_is_the_wish(user: User) -> None:
    await user.store("a.txt", b"hello")
    intent = {"name": "a.txt", "size": 5, "content_type": "text/plain", "on_conflict": "fail"}
    assert_problem(await user.call("POST", "/v1/uploads", intent), 409, "name_taken")
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
