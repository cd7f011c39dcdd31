"""Invalid input: every response is a documented one, and never a 500."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import uuid4

import httpx
import msgspec
import pytest
from msgspec import Meta

from drivebay.errors import FieldError, InvalidRequest
from drivebay.gateway.http_request import decode_json
from drivebay.testing.client import Json

from .conftest import MAX_FILE_SIZE, QUOTA, Gateway, User, assert_problem

JSON = {"Content-Type": "application/json"}
UPLOAD = {"name": "a.txt", "size": 5, "content_type": "text/plain"}
BODIES = [
    ("/v1/signup", {"email": "ada@example.com", "password": "correct horse"}),
    ("/v1/login", {"email": "ada@example.com", "password": "correct horse"}),
    ("/v1/token/refresh", {"refresh_token": "x"}),
    ("/v1/logout", {"refresh_token": "x"}),
    ("/v1/uploads", UPLOAD),
    ("/v1/folders", {"name": "f"}),
    ("/v1/login/totp", {"challenge": "x", "code": "123456"}),
    ("/v1/me/totp/confirm", {"code": "123456"}),
    ("/v1/password/reset/confirm", {"token": "x", "password": "correct horse"}),
]
"""Each POST with a body, and a valid body."""


async def send(user: User, path: str, content: bytes, **headers: str) -> httpx.Response:
    token = f"Bearer {user.tokens['access_token']}"
    return await user.http.post(path, content=content, headers={"Authorization": token, **JSON, **headers})


@pytest.mark.parametrize("path", [path for path, _ in BODIES])
@pytest.mark.parametrize(
    "content",
    [b"", b" ", b"{", b"nonsense", b"{'a': 1}", b'{"a": }', b"\xff\xfe", b'{"a": "\xff"}', b"[1,", b"{}{}", b"NaN",
     b'\xef\xbb\xbf{"a": 1}', b"[" * 100_000, b'{"a":' * 100_000, b"\0", b'{"name": "\\ud800"}'],
)  # fmt: skip
async def test_a_body_that_is_not_json_is_malformed(user: User, path: str, content: bytes) -> None:
    assert_problem(await send(user, path, content), 400, "malformed_body")


@pytest.mark.parametrize("path", [path for path, _ in BODIES])
@pytest.mark.parametrize("content", [b"[]", b"null", b"1", b"1.5", b'"text"', b"true", b"{}", b"[{}]", b"1" * 5000])
async def test_json_of_the_wrong_type_is_invalid(user: User, path: str, content: bytes) -> None:
    assert_problem(await send(user, path, content), 422, "invalid_request")


@pytest.mark.parametrize(("path", "body"), BODIES)
@pytest.mark.parametrize("field", ["owner_id", "state", "status", "id", "created_at", "used_bytes", "Name", ""])
async def test_an_unknown_field_is_rejected_by_name(user: User, path: str, body: Json, field: str) -> None:
    problem = assert_problem(await user.call("POST", path, {**body, field: "x"}), 422, "invalid_request")
    assert problem["errors"][0]["field"] == (field or "body")


@pytest.mark.parametrize("field", ["owner_id", "state", "size", "content_type", "etag", "id", "trashed_at"])
async def test_an_update_accepts_only_name_and_parent(user: User, field: str) -> None:
    folder = await user.ok("POST", "/v1/folders", {"name": "f"})
    response = await user.call("PATCH", f"/v1/files/{folder['id']}", {"name": "g", field: 1})
    assert assert_problem(response, 422, "invalid_request")["errors"][0]["field"] == field
    assert await user.ok("GET", f"/v1/files/{folder['id']}") == folder


@pytest.mark.parametrize(("path", "body"), BODIES)
async def test_a_missing_or_mistyped_field_is_named(user: User, path: str, body: Json) -> None:
    for field in body:
        without = {name: value for name, value in body.items() if name != field}
        problem = assert_problem(await user.call("POST", path, without), 422, "invalid_request")
        assert problem["errors"][0]["field"] == field
        wrongs: tuple[object, ...] = (None, True, {}, [], 1.5)
        for wrong in wrongs:
            problem = assert_problem(await user.call("POST", path, {**body, field: wrong}), 422, "invalid_request")
            assert problem["errors"][0]["field"] == field


@pytest.mark.parametrize("path", [path for path, _ in BODIES])
@pytest.mark.parametrize("type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
async def test_a_body_of_another_media_type_is_rejected(user: User, path: str, type: str) -> None:
    response = await send(user, path, b"{}", **{"Content-Type": type})
    assert_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_the_media_type_is_case_insensitive(user: User, type: str) -> None:
    assert (await send(user, "/v1/logout", b'{"refresh_token": "x"}', **{"Content-Type": type})).status_code == 204


@pytest.mark.parametrize("path", [path for path, _ in BODIES])
async def test_a_body_over_one_mebibyte_is_rejected(user: User, path: str) -> None:
    assert_problem(await send(user, path, b" " * 2**20 + b"{"), 413, "too_large")
    assert_problem(await send(user, path, b" " * (2**20 - 1) + b"{"), 400, "malformed_body")


async def test_a_chunked_body_over_the_limit_is_rejected(user: User) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b" " * 2**16

    for count, status in ((17, 413), (15, 400)):
        response = await user.http.post("/v1/logout", content=chunks(count), headers=JSON)
        assert response.status_code == status


async def test_a_body_is_not_read_beyond_the_limit(user: User) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * 2**16

    assert_problem(await user.http.post("/v1/logout", content=chunks(), headers=JSON), 413, "too_large")
    assert read <= 20


@pytest.mark.parametrize("declared", ["9" * 18, "9" * 5000, str(2**20 + 1)])
async def test_a_declared_length_over_the_limit_is_rejected(user: User, declared: str) -> None:
    response = await user.http.post("/v1/logout", content=b"{}", headers={**JSON, "Content-Length": declared})
    assert_problem(response, 413, "too_large")


async def test_a_password_of_one_megabyte_is_rejected(user: User) -> None:
    account = {"email": f"{uuid4().hex}@example.com", "password": "x" * 1_000_000}
    assert_problem(await user.http.post("/v1/signup", json=account), 422, "invalid_request")
    assert_problem(await user.http.post("/v1/login", json=account), 401, "invalid_credentials")


# -- names -----------------------------------------------------------------------------------------

BAD_NAMES = [
    "", "/", "a/b", "../x", ".", "..", "\0", "a\0b", "a\nb", "\r\n", "\t", "\x7f", "\x1b[31m", "\x85", "x" * 256,
    "é" * 128, "🙂" * 64, "e\u0301" * 128,
]  # fmt: skip
GOOD_NAMES = [
    " ", "a b.txt", "x" * 255, "é" * 127 + "x", "🙂" * 63, "e\u0301" * 127, "...", "..a", "a\u202etxt.exe", "🏳️‍🌈.png",
    "CON", "a\\b", "%2F", "%00", "'; DROP TABLE files;--", '"quoted"', "<script>", "\u200b", "日本語.txt", "\U0010ffff",
    "a.tar.gz", ".hidden", "~", "root", "\ufeff", "${x}", "*?|:",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_an_invalid_name_is_rejected_everywhere(user: User, name: str) -> None:
    folder = await user.ok("POST", "/v1/folders", {"name": "there"})
    answers = [
        await user.call("POST", "/v1/uploads", {**UPLOAD, "name": name}),
        await user.call("POST", "/v1/folders", {"name": name}),
        await user.call("PATCH", f"/v1/files/{folder['id']}", {"name": name}),
    ]
    for answer in answers:
        assert assert_problem(answer, 422, "invalid_request")["errors"][0]["field"] == "name"
    assert await user.ok("GET", f"/v1/files/{folder['id']}") == folder


@pytest.mark.parametrize("name", GOOD_NAMES)
async def test_any_valid_name_is_stored_and_returned(user: User, name: str) -> None:
    file = await user.store(name, b"hello")
    assert file["name"] == unicodedata.normalize("NFC", name)
    folder = await user.ok("POST", "/v1/folders", {"name": "sub"})
    renamed = await user.ok("PATCH", f"/v1/files/{file['id']}", {"name": name, "parent_id": folder["id"]})
    assert (renamed["name"], renamed["parent_id"]) == (file["name"], folder["id"])
    listed = (await user.ok("GET", "/v1/files", parameters={"parent_id": folder["id"]}))["items"]
    assert listed == [renamed]
    assert (await user.call("GET", f"/v1/files/{file['id']}/download")).status_code == 200


# -- uploads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "status", "code"),
    [
        (-1, 422, "invalid_request"),
        (2**63, 422, "invalid_request"),
        (-(2**63), 422, "invalid_request"),
        (10**30, 422, "invalid_request"),
        (1.5, 422, "invalid_request"),
        ("5", 422, "invalid_request"),
        (True, 422, "invalid_request"),
        (None, 422, "invalid_request"),
        (2**63 - 1, 413, "too_large"),
        (MAX_FILE_SIZE + 1, 413, "too_large"),
    ],
)
async def test_an_invalid_size_is_rejected(user: User, size: object, status: int, code: str) -> None:
    problem = assert_problem(await user.call("POST", "/v1/uploads", {**UPLOAD, "size": size}), status, code)
    if status == 422:
        assert problem["errors"][0]["field"] == "size"
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


@pytest.mark.parametrize("size", [0, 1, MAX_FILE_SIZE])
async def test_the_smallest_and_the_largest_size_are_accepted(user: User, size: int) -> None:
    assert (await user.ok("POST", "/v1/uploads", {**UPLOAD, "size": size}))["size"] == size


async def test_bytes_beyond_the_quota_are_rejected(user: User) -> None:
    for _ in range(QUOTA // MAX_FILE_SIZE):
        await user.ok("POST", "/v1/uploads", {**UPLOAD, "size": MAX_FILE_SIZE})
    assert_problem(await user.call("POST", "/v1/uploads", {**UPLOAD, "size": 1}), 507, "quota_exceeded")


@pytest.mark.parametrize(
    "type",
    ["", "text", "text/", "/plain", "text/plain/x", "text/plain\r\nX-Evil: 1", "text/plain;", "a b/c", "text/plain\0",
     "té/xt", "text/plain; charset", "x" * 250 + "/plain", 'a/b; c="\n"'],
)  # fmt: skip
async def test_an_invalid_content_type_is_rejected(user: User, type: str) -> None:
    problem = assert_problem(
        await user.call("POST", "/v1/uploads", {**UPLOAD, "content_type": type}), 422, "invalid_request"
    )
    assert problem["errors"][0]["field"] == "content_type"


@pytest.mark.parametrize("type", ["text/plain; charset=utf-8", "application/vnd.x+json", "TEXT/Plain", 'a/b; c="d e"'])
async def test_a_valid_content_type_is_stored_unchanged(user: User, type: str) -> None:
    upload = await user.ok("POST", "/v1/uploads", {**UPLOAD, "content_type": type})
    assert upload["content_type"] == upload["headers"]["Content-Type"] == type


@pytest.mark.parametrize(
    "sha256", ["", "x", "é", "a" * 43, "a" * 64, base64.b64encode(b"x" * 31).decode(), "=" * 44, " " + "A" * 43, 5]
)
async def test_an_invalid_checksum_is_rejected(user: User, sha256: object) -> None:
    problem = assert_problem(
        await user.call("POST", "/v1/uploads", {**UPLOAD, "sha256": sha256}), 422, "invalid_request"
    )
    assert problem["errors"][0]["field"] == "sha256"


async def test_the_checksum_is_signed(user: User) -> None:
    digest = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    upload = await user.ok("POST", "/v1/uploads", {**UPLOAD, "sha256": digest})
    assert digest in upload["headers"].values()
    assert await user.bucket.send("PUT", upload["url"], upload["headers"], b"other") == 400


@pytest.mark.parametrize("choice", ["", "RENAME", "overwrite", 1, None])
async def test_an_unknown_on_conflict_is_rejected(user: User, choice: object) -> None:
    problem = assert_problem(
        await user.call("POST", "/v1/uploads", {**UPLOAD, "on_conflict": choice}), 422, "invalid_request"
    )
    assert problem["errors"][0]["field"] == "on_conflict"


# -- ids -------------------------------------------------------------------------------------------

INVALID_IDS = ["x", "1", "0" * 36, "null", "undefined", "%00", "%0A", "é", "{id}",
          "01a20000-0000-7000-8000-00000000000",
          "01a2000000007000800000000000000", "%7B01a20000-0000-7000-8000-000000000000%7D",
          "01a20000-0000-7000-8000-000000000000%0A"]  # fmt: skip
BY_ID = [
    ("GET", "/v1/uploads/{}"), ("POST", "/v1/uploads/{}/complete"), ("DELETE", "/v1/uploads/{}"),
    ("GET", "/v1/files/{}"), ("PATCH", "/v1/files/{}"), ("DELETE", "/v1/files/{}"),
    ("POST", "/v1/files/{}/restore"), ("GET", "/v1/files/{}/download"), ("GET", "/v1/files/{}/content"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), BY_ID)
async def test_an_id_that_is_not_a_uuid_is_invalid(shared: Gateway, user: User, method: str, path: str) -> None:
    for id in INVALID_IDS:
        response = await user.call(method, path.format(id), {"name": "x"} if method == "PATCH" else None)
        problem = assert_problem(response, 422, "invalid_request")
        assert problem["errors"] == [{"field": "id", "message": "must be a UUID"}]


@pytest.mark.parametrize("parent", ["", "x", "Root", "../root", "0", "01a20000-0000-7000-8000-00000000000", "\0"])
async def test_an_invalid_parent_id_is_rejected(user: User, parent: str) -> None:
    folder = await user.ok("POST", "/v1/folders", {"name": "f"})
    answers = [
        await user.call("POST", "/v1/uploads", {**UPLOAD, "parent_id": parent}),
        await user.call("POST", "/v1/folders", {"name": "g", "parent_id": parent}),
        await user.call("PATCH", f"/v1/files/{folder['id']}", {"parent_id": parent}),
        await user.call("GET", "/v1/files", parameters={"parent_id": parent}),
    ]
    for answer in answers:
        assert assert_problem(answer, 422, "invalid_request")["errors"][0]["field"] == "parent_id"


async def test_root_is_a_folder_without_an_entry(user: User) -> None:
    assert (await user.call("GET", "/v1/files", parameters={"parent_id": "root"})).status_code == 200
    for method in ("GET", "DELETE"):
        assert_problem(await user.call(method, "/v1/files/root"), 404, "not_found")
    assert_problem(await user.call("PATCH", "/v1/files/root", {"name": "x"}), 404, "not_found")
    assert_problem(await user.call("GET", "/v1/uploads/root"), 422, "invalid_request")


@pytest.mark.parametrize("choice", ["", "Inline", "both", "inline;x"])
@pytest.mark.parametrize("path", ["download", "content"])
async def test_an_unknown_disposition_is_rejected(user: User, choice: str, path: str) -> None:
    file = await user.store("a.txt", b"hello")
    response = await user.call("GET", f"/v1/files/{file['id']}/{path}", parameters={"disposition": choice})
    assert assert_problem(response, 422, "invalid_request")["errors"][0]["field"] == "disposition"


@pytest.mark.parametrize("query", ["%", "%zz", "%ff", "=", "&&&", "limit", "a=b=c", "limit=5&limit=%00", "\u00e9=1"])
async def test_a_malformed_query_gives_no_500(user: User, query: str) -> None:
    response = await user.call("GET", f"/v1/files?{query}")
    assert response.status_code in (200, 422)


@pytest.mark.parametrize(
    "email", ["", "ada", "@", "a@", "@b.de", "a b@c.de", "a@b@c.de", "a\0@b.de", "x" * 250 + "@a.de"]
)
async def test_an_invalid_email_fails_sign_up_and_login(shared: Gateway, email: str) -> None:
    account = {"email": email, "password": "correct horse"}
    problem = assert_problem(await shared.http.post("/v1/signup", json=account), 422, "invalid_request")
    (error,) = problem["errors"]
    assert (error["field"], problem["detail"]) == ("email", f"email {error['message']}")
    assert error["message"].startswith(("is not valid: ", "must have "))
    assert_problem(await shared.http.post("/v1/login", json=account), 401, "invalid_credentials")


@pytest.mark.parametrize(("length", "status"), [(0, 422), (7, 422), (8, 201), (72, 201), (256, 201), (257, 422)])
async def test_a_password_has_8_to_256_characters(shared: Gateway, length: int, status: int) -> None:
    account = {"email": f"{uuid4().hex}@example.com", "password": "x" * length}
    assert (await shared.http.post("/v1/signup", json=account)).status_code == status


class Limited(msgspec.Struct):
    text: Annotated[str, Meta(min_length=8, max_length=9)] = "12345678"
    items: Annotated[list[int], Meta(min_length=1, max_length=2)] | None = None
    number: Annotated[int, Meta(ge=-1, le=9)] = 1
    amount: Annotated[float, Meta(gt=0, lt=1)] = 0.5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"text": "1234567"}, "text must have at least 8 characters"),
        ({"text": "1234567890"}, "text must have at most 9 characters"),
        ({"items": []}, "items must have at least 1 item"),
        ({"items": [1, 2, 3]}, "items must have at most 2 items"),
        ({"number": -2}, "number must be at least -1"),
        ({"number": 10}, "number must be at most 9"),
        ({"amount": 0}, "amount must be more than 0.0"),
        ({"amount": 1}, "amount must be less than 1.0"),
    ],
)
def test_a_limit_is_named_in_words(body: Json, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_json(msgspec.json.encode(body), msgspec.json.Decoder(Limited))
    field, _, problem = message.partition(" ")
    assert (caught.value.detail, caught.value.errors) == (message, (FieldError(field, problem),))


@pytest.mark.parametrize("token", ["", "x", "é", "\0", "x" * 100_000])
async def test_an_invalid_refresh_token_is_rejected(shared: Gateway, token: str) -> None:
    response = await shared.http.post("/v1/token/refresh", json={"refresh_token": token})
    assert_problem(response, 401, "unauthenticated")
    assert (await shared.http.post("/v1/logout", json={"refresh_token": token})).status_code == 204
