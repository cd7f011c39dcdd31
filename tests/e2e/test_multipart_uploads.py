"""Multipart uploads on real servers: parts go directly to the store, are assembled, listed, and cleaned up."""

import base64
import hashlib
from collections.abc import Sequence

import pytest

from drivebay.testing.client import Client, Json, eventually

MIB = 2**20
FIRST_PART, LAST_PART = b"a" * (8 * MIB), b"and the rest"
CONTENT = FIRST_PART + LAST_PART


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


async def begin_multipart(user: Client, name: str = "a.bin", size: int = len(CONTENT)) -> Json:
    return await user.ok(
        "POST",
        "/v1/uploads",
        {"name": name, "size": size, "content_type": "application/octet-stream", "multipart": True},
    )


async def sign_parts(user: Client, upload: Json, *parts: Json) -> list[Json]:
    response = await user.ok("POST", f"/v1/uploads/{upload['id']}/parts", {"parts": parts})
    signed: list[Json] = response["parts"]
    return signed


async def put_part(user: Client, signed: Json, content: bytes) -> int:
    """Send a part to its presigned URL. Return the status of the store."""
    return (await user.http.put(signed["url"], headers=signed["headers"], content=content)).status_code


async def send_parts(user: Client, upload: Json, parts: Sequence[tuple[int, bytes]]) -> list[int]:
    """Send parts with their checksums. Return the statuses of the store."""
    specs = [{"number": number, "sha256": sha256(content)} for number, content in parts]
    signed = await sign_parts(user, upload, *specs)
    return [await put_part(user, part, content) for part, (_, content) in zip(signed, parts, strict=True)]


async def list_parts(user: Client, upload: Json) -> list[Json]:
    items: list[Json] = (await user.ok("GET", f"/v1/uploads/{upload['id']}/parts"))["items"]
    return items


async def test_file_in_parts_is_assembled_and_can_be_verified(user: Client) -> None:
    upload = await begin_multipart(user)
    assert (upload["part_size"], upload["part_count"], "url" in upload) == (8 * MIB, 2, False)
    assert await send_parts(user, upload, [(2, LAST_PART)]) == [200]
    early = await user.call("POST", f"/v1/uploads/{upload['id']}/complete")
    assert (early.status_code, early.json()["code"]) == (409, "not_uploaded")
    # Another device lists the stored parts and sends the others.
    stored = await list_parts(user, upload)
    assert [(part["number"], part["size"], part["sha256"]) for part in stored] == [
        (2, len(LAST_PART), sha256(LAST_PART))
    ]
    assert await send_parts(user, upload, [(1, FIRST_PART)]) == [200]
    completed = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert completed["status"] == "complete"
    download = await user.ok("GET", f"/v1/files/{completed['file_id']}/download")
    assert (await user.http.get(download["url"])).content == CONTENT
    digests = hashlib.sha256(FIRST_PART).digest() + hashlib.sha256(LAST_PART).digest()
    assert (download["part_size"], download["parts_sha256"]) == (8 * MIB, sha256(digests))
    timeline = (await user.ok("GET", f"/v1/uploads/{upload['id']}/timeline"))["items"]
    assert [event["status"] for event in timeline] == ["pending", "assembling", "complete"]


async def test_store_refuses_a_part_with_wrong_bytes_or_a_wrong_length(user: Client) -> None:
    upload = await begin_multipart(user, size=len(LAST_PART))
    (part,) = await sign_parts(user, upload, {"number": 1, "sha256": sha256(LAST_PART)})
    for wrong in (LAST_PART[:-1] + b"!", LAST_PART + b"!"):
        assert await put_part(user, part, wrong) in (400, 403)
    assert await list_parts(user, upload) == []
    assert await put_part(user, part, LAST_PART) == 200
    assert (await user.ok("POST", f"/v1/uploads/{upload['id']}/complete"))["status"] == "complete"
    # The URL of a part does not work any more when the upload is a file.
    assert await put_part(user, part, LAST_PART) == 404


async def test_store_refuses_a_wrong_length_of_a_part_without_a_checksum(user: Client) -> None:
    upload = await begin_multipart(user, size=len(LAST_PART))
    (part,) = await sign_parts(user, upload, {"number": 1})
    for wrong in (LAST_PART + b"!", LAST_PART[:-1]):
        assert await put_part(user, part, wrong) == 403
    assert await put_part(user, part, LAST_PART) == 200


async def test_aborted_upload_leaves_nothing_in_the_store(user: Client) -> None:
    upload = await begin_multipart(user)
    (part,) = await sign_parts(user, upload, {"number": 1, "sha256": sha256(FIRST_PART)})
    assert await put_part(user, part, FIRST_PART) == 200
    assert (await user.call("DELETE", f"/v1/uploads/{upload['id']}")).status_code == 204
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0

    async def is_gone() -> bool:
        return await put_part(user, part, FIRST_PART) == 404

    await eventually(is_gone)


@pytest.mark.parametrize("size", [0, 1])
async def test_smallest_files_can_be_multipart_uploads(user: Client, size: int) -> None:
    upload = await begin_multipart(user, size=size)
    assert upload["part_count"] == 1
    assert await send_parts(user, upload, [(1, b"x" * size)]) == [200]
    completed = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert (await user.ok("GET", f"/v1/files/{completed['file_id']}"))["size"] == size
