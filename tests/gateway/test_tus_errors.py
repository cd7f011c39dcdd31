"""tus 1.0: invalid requests get problem documents."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .conftest import Gateway
from .test_tus import BODY, LARGE_QUOTA, stored
from .tus_client import PART, TusClient, encode_metadata


@pytest.fixture
async def tus(own: Gateway) -> TusClient:
    return TusClient(own, await own.user())


large_quota = pytest.mark.parametrize("own", [LARGE_QUOTA], indirect=True)


@large_quota
async def test_bytes_must_start_at_the_stored_offset(tus: TusClient) -> None:
    at = await tus.create(10, b"hello")
    for offset in (0, 4, 6, 10):
        answer = await tus.send(at, offset, b"world")
        assert (answer.status, answer.code) == (409, "conflict")
    assert await tus.offset(at) == 5


@large_quota
@pytest.mark.parametrize("with_length", [True, False])
async def test_bytes_beyond_the_length_are_rejected(tus: TusClient, with_length: bool) -> None:
    at = await tus.create(10)
    length = {"content_length": "11"} if with_length else {}
    answer = await tus.send(at, 0, b"hello", b"world!", **length)
    assert (answer.status, answer.code) == (413, "too_large")
    done = await tus.send(at, await tus.offset(at), b"helloworld")
    assert await stored(tus, done.headers["drivebay-file"]) == b"helloworld"


@large_quota
@pytest.mark.parametrize(
    ("status", "wrong"),
    [
        (422, {}),
        (422, {"upload_length": "5", "upload_defer_length": "1"}),
        (422, {"upload_defer_length": "0"}),
        (422, {"upload_length": "-5"}),
        (422, {"upload_length": "9" * 19}),
        (422, {"upload_length": "5", "upload_metadata": "filename !"}),
        (422, {"upload_length": "5", "upload_metadata": "filename YQ==,,"}),
        (422, {"upload_length": "5", "upload_metadata": "filename /w=="}),
        (422, {"upload_length": "5", "upload_metadata": "x " + "A" * 4096}),
        (422, {"upload_length": "5", "upload_metadata": encode_metadata(filename="a/b")}),
        (422, {"upload_length": "5", "upload_metadata": encode_metadata(filetype="no type")}),
        (422, {"upload_length": "5", "upload_metadata": encode_metadata(parent_id="home")}),
        (422, {"upload_length": "5", "upload_metadata": encode_metadata(on_conflict="maybe")}),
        (404, {"upload_length": "5", "upload_metadata": encode_metadata(parent_id=str(uuid4()))}),
        (413, {"upload_length": str(10_000 * 15 * 2**20 + 1)}),
        (415, {"upload_length": "5", "content_length": "5", "content_type": "text/plain"}),
    ],
)
async def test_an_invalid_creation_creates_nothing(tus: TusClient, status: int, wrong: dict[str, str]) -> None:
    answer = await tus.request("POST", "/v1/tus", **wrong)
    assert answer.status == status, answer
    assert (await tus.user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


@large_quota
async def test_name_conflicts_are_resolved_as_for_other_uploads(tus: TusClient) -> None:
    folder = await tus.user.ok("POST", "/v1/folders", {"name": "f"})
    metadata = {"filename": "a.txt", "parent_id": folder["id"]}
    for more, name in (({}, "a.txt"), ({}, "a (1).txt"), ({"on_conflict": "replace"}, "a.txt")):
        at = await tus.create(5, b"hello", upload_metadata=encode_metadata(**metadata, **more))
        file = await tus.user.ok("GET", f"/v1/files/{(await tus.request('HEAD', at)).headers['drivebay-file']}")
        assert (file["name"], file["parent_id"]) == (name, folder["id"])
    taken = await tus.request(
        "POST", "/v1/tus", upload_length="5", upload_metadata=encode_metadata(**metadata, on_conflict="fail")
    )
    assert (taken.status, taken.code) == (409, "name_taken")


@large_quota
async def test_metadata_of_javascript_clients_is_understood(tus: TusClient) -> None:
    metadata = encode_metadata(name="a.png", type="image/png", relativePath="null", filetype="undefined") + ",flag"
    at = await tus.create(5, b"hello", upload_metadata=metadata)
    head = await tus.request("HEAD", at)
    assert head.headers["upload-metadata"] == metadata
    file = await tus.user.ok("GET", f"/v1/files/{head.headers['drivebay-file']}")
    assert (file["name"], file["content_type"]) == ("a.png", "image/png")


@large_quota
async def test_a_patch_with_missing_headers_is_rejected(tus: TusClient) -> None:
    at = await tus.create(5)
    assert (await tus.request("PATCH", at, b"hello")).status == 422
    assert (await tus.send(at, 0, b"hello", content_type="text/plain")).status == 415
    assert (await tus.request("PATCH", at, b"hello", upload_offset="x")).status == 422
    assert (await tus.request("PATCH", f"/v1/tus/{uuid4()}", b"", upload_offset="0")).status == 404
    assert (await tus.request("PATCH", "/v1/tus/no-uuid", b"", upload_offset="0")).status == 422
    assert await tus.offset(at) == 0


@large_quota
async def test_an_upload_in_one_piece_is_not_a_tus_upload(tus: TusClient) -> None:
    upload = await tus.user.begin("a.txt", b"hello")
    assert (await tus.request("HEAD", f"/v1/tus/{upload['id']}")).status == 404


@large_quota
async def test_a_client_that_can_only_post_overrides_the_method(tus: TusClient) -> None:
    at = await tus.create(5)
    sent = await tus.request("POST", at, b"hel", upload_offset="0", x_http_method_override="PATCH")
    assert (sent.status, sent.offset) == (204, 3)
    shown = await tus.request("POST", at, x_http_method_override="HEAD")
    assert (shown.status, shown.offset) == (200, 3)
    assert (await tus.request("POST", at, x_http_method_override="PUT")).status == 405
    assert (await tus.request("POST", at, x_http_method_override="DELETE")).status == 204
    assert (await tus.request("HEAD", at)).status == 404


@pytest.mark.parametrize("own", [{"quota": PART + 1000, "largest": 5 * 2**40}], indirect=True)
async def test_bytes_beyond_the_quota_of_a_tus_upload_are_rejected(tus: TusClient) -> None:
    over = await tus.request("POST", "/v1/tus", upload_length=str(PART + 1001))
    assert (over.status, over.code) == (507, "quota_exceeded")
    at = await tus.create(None)
    answer = await tus.send(at, 0, BODY[:PART], BODY[PART : PART + 1001])
    assert (answer.status, answer.code) == (507, "quota_exceeded")
    # The bytes within the quota are stored, and may become the whole file.
    assert await tus.offset(at) == PART
    done = await tus.send(at, PART, BODY[PART : PART + 1000], upload_length=str(PART + 1000))
    assert await stored(tus, done.headers["drivebay-file"]) == BODY[: PART + 1000]


@pytest.mark.parametrize("own", [{"quota": 2**40, "largest": 1000, "max_file_size": 1000}], indirect=True)
async def test_a_file_over_the_size_limit_is_rejected(tus: TusClient) -> None:
    assert (await tus.request("OPTIONS", "/v1/tus")).headers["tus-max-size"] == "1000"
    assert (await tus.request("POST", "/v1/tus", upload_length="1001")).status == 413
    at = await tus.create(None)
    assert (await tus.send(at, 0, b"x" * 1001)).status == 413
    assert (await tus.send(at, 0, b"x", upload_length="1001")).status == 413
