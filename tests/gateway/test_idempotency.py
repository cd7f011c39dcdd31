"""Idempotency keys: a repeated POST gets the first response."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from drivebay.testing.client import Json

from .conftest import Gateway, User, assert_problem

UPLOAD: Json = {"name": "a.txt", "size": 5, "content_type": "text/plain"}
CREATING = [("/v1/uploads", UPLOAD), ("/v1/folders", {"name": "f"})]
OTHER_BODIES = [
    ("/v1/uploads", {**UPLOAD, "size": 6}),
    ("/v1/uploads", {**UPLOAD, "name": "b.txt"}),
    ("/v1/uploads", {**UPLOAD, "on_conflict": "fail"}),
    ("/v1/folders", {"name": "g"}),
]


def new_key_header() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


@pytest.mark.parametrize(("path", "body"), CREATING)
async def test_the_same_key_and_body_give_the_first_response_again(user: User, path: str, body: Json) -> None:
    key = new_key_header()
    first, again = [await user.call("POST", path, body, headers=key) for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    for name in ("etag", "location"):
        assert first.headers.get(name) == again.headers.get(name)


async def test_the_first_response_is_repeated_later(own: Gateway) -> None:
    user, key = await own.user(), new_key_header()
    first = await user.call("POST", "/v1/uploads", UPLOAD, headers=key)
    own.clock.ahead = timedelta(minutes=5)
    again = await user.call("POST", "/v1/uploads", UPLOAD, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]


async def test_a_repeated_begin_gives_the_pending_upload_even_once_it_is_complete(user: User) -> None:
    key = new_key_header()
    first = await user.call("POST", "/v1/uploads", UPLOAD, headers=key)
    upload = first.json()
    assert await user.bucket.send("PUT", upload["url"], upload["headers"], b"hello") == 200
    await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert (await user.call("POST", "/v1/uploads", UPLOAD, headers=key)).content == first.content
    assert (await user.ok("GET", "/v1/me"))["usage"]["file_count"] == 1


@pytest.mark.parametrize(("path", "other"), OTHER_BODIES)
async def test_the_same_key_with_another_body_is_rejected(user: User, path: str, other: Json) -> None:
    key = new_key_header()
    assert (await user.call("POST", path, dict(CREATING)[path], headers=key)).status_code == 201
    assert_problem(await user.call("POST", path, other, headers=key), 422, "idempotency_key_reused")


async def test_the_order_of_fields_does_not_matter(user: User) -> None:
    key = new_key_header()
    reordered = dict(reversed(UPLOAD.items()))
    first = await user.call("POST", "/v1/uploads", UPLOAD, headers=key)
    assert (await user.call("POST", "/v1/uploads", reordered, headers=key)).content == first.content


@pytest.mark.parametrize(("path", "body"), CREATING)
async def test_concurrent_requests_with_one_key_create_one_thing(user: User, path: str, body: Json) -> None:
    key = new_key_header()
    answers = await asyncio.gather(*(user.call("POST", path, body, headers=key) for _ in range(12)))
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert_problem(answer, 409, "in_progress")
            assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("path", "body"), CREATING)
async def test_a_key_belongs_to_its_user(user: User, other: User, path: str, body: Json) -> None:
    key = new_key_header()
    own_response, other_response = [await who.call("POST", path, body, headers=key) for who in (user, other)]
    assert own_response.status_code == other_response.status_code == 201
    assert own_response.json()["id"] != other_response.json()["id"]


async def test_a_failed_request_leaves_its_key_free(user: User) -> None:
    key = new_key_header()
    unknown = {**UPLOAD, "parent_id": str(uuid4())}
    assert_problem(await user.call("POST", "/v1/uploads", unknown, headers=key), 404, "not_found")
    assert (await user.call("POST", "/v1/uploads", UPLOAD, headers=key)).status_code == 201


async def test_a_repeated_sign_up_gives_the_first_response(shared: Gateway) -> None:
    key, account = new_key_header(), {"email": f"{uuid4().hex}@example.com", "password": "correct horse"}
    first, again = [await shared.http.post("/v1/signup", json=account, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (201, again.content)
    assert set(first.json()) == {"id", "email", "created_at"}
    other = {**account, "password": "another horse"}
    assert_problem(await shared.http.post("/v1/signup", json=other, headers=key), 422, "idempotency_key_reused")
    assert_problem(await shared.http.post("/v1/signup", json=account), 409, "email_taken")


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", "a\x7f"])
@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/folders", "/v1/signup"])
async def test_an_invalid_key_is_rejected(user: User, path: str, key: str) -> None:
    body = {**dict(CREATING), "/v1/signup": {"email": f"{uuid4().hex}@example.com", "password": "correct horse"}}[path]
    response = await user.call("POST", path, body, headers={"Idempotency-Key": key.encode("latin-1")})  # type: ignore[dict-item]
    assert assert_problem(response, 422, "invalid_request")["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", '"quoted"', "é".encode().hex()])
async def test_any_printable_key_is_accepted(user: User, key: str) -> None:
    response = await user.call("POST", "/v1/uploads", UPLOAD, headers={"Idempotency-Key": key})
    assert response.status_code == 201
