"""Files in parts on real servers: sent straight to the store, put together, found again, and cleaned up."""

import base64
import hashlib
from collections.abc import Sequence

import pytest

from drivebay.testing.client import Client, Json, eventually

MIB = 2**20
FIRST, REST = b"a" * (8 * MIB), b"and the rest"
BODY = FIRST + REST


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


async def begin(user: Client, name: str = "a.bin", size: int = len(BODY)) -> Json:
    return await user.ok(
        "POST",
        "/v1/uploads",
        {"name": name, "size": size, "content_type": "application/octet-stream", "multipart": True},
    )


async def send(user: Client, upload: Json, parts: Sequence[tuple[int, bytes]]) -> list[int]:
    asked = {"parts": [{"number": number, "sha256": sha256(body)} for number, body in parts]}
    signed = (await user.ok("POST", f"/v1/uploads/{upload['id']}/parts", asked))["parts"]
    return [
        (await user.http.put(part["url"], headers=part["headers"], content=body)).status_code
        for part, (_, body) in zip(signed, parts, strict=True)
    ]


async def test_a_file_in_parts_is_whole_and_told_about(user: Client) -> None:
    upload = await begin(user)
    assert (upload["part_size"], upload["part_count"], "url" in upload) == (8 * MIB, 2, False)
    assert await send(user, upload, [(2, REST)]) == [200]
    early = await user.call("POST", f"/v1/uploads/{upload['id']}/complete")
    assert (early.status_code, early.json()["code"]) == (409, "not_uploaded")
    # Another device asks what is there, and goes on.
    held = (await user.ok("GET", f"/v1/uploads/{upload['id']}/parts"))["items"]
    assert [(part["number"], part["size"], part["sha256"]) for part in held] == [(2, len(REST), sha256(REST))]
    assert await send(user, upload, [(1, FIRST)]) == [200]
    done = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert done["status"] == "complete"
    link = await user.ok("GET", f"/v1/files/{done['file_id']}/download")
    assert (await user.http.get(link["url"])).content == BODY
    both = hashlib.sha256(FIRST).digest() + hashlib.sha256(REST).digest()
    assert (link["part_size"], link["parts_sha256"]) == (8 * MIB, sha256(both))
    told = (await user.ok("GET", f"/v1/uploads/{upload['id']}/timeline"))["items"]
    assert [moment["status"] for moment in told] == ["pending", "assembling", "complete"]


async def test_wrong_bytes_and_a_wrong_length_are_refused_by_the_store(user: Client) -> None:
    upload = await begin(user, size=len(REST))
    asked = {"parts": [{"number": 1, "sha256": sha256(REST)}]}
    (part,) = (await user.ok("POST", f"/v1/uploads/{upload['id']}/parts", asked))["parts"]
    for wrong in (REST[:-1] + b"!", REST + b"!"):
        assert (await user.http.put(part["url"], headers=part["headers"], content=wrong)).status_code in (400, 403)
    assert (await user.ok("GET", f"/v1/uploads/{upload['id']}/parts"))["items"] == []
    assert (await user.http.put(part["url"], headers=part["headers"], content=REST)).status_code == 200
    assert (await user.ok("POST", f"/v1/uploads/{upload['id']}/complete"))["status"] == "complete"
    # What is a file is beyond the reach of every URL that was signed for it.
    again = await user.http.put(part["url"], headers=part["headers"], content=REST)
    assert again.status_code == 404


async def test_a_part_without_a_checksum_has_its_length_at_least(user: Client) -> None:
    upload = await begin(user, size=len(REST))
    (part,) = (await user.ok("POST", f"/v1/uploads/{upload['id']}/parts", {"parts": [{"number": 1}]}))["parts"]
    for wrong in (REST + b"!", REST[:-1]):
        assert (await user.http.put(part["url"], headers=part["headers"], content=wrong)).status_code == 403
    assert (await user.http.put(part["url"], headers=part["headers"], content=REST)).status_code == 200


async def test_what_is_given_up_leaves_nothing_in_the_store(user: Client) -> None:
    upload = await begin(user)
    asked = {"parts": [{"number": 1, "sha256": sha256(FIRST)}]}
    (part,) = (await user.ok("POST", f"/v1/uploads/{upload['id']}/parts", asked))["parts"]
    assert (await user.http.put(part["url"], headers=part["headers"], content=FIRST)).status_code == 200
    assert (await user.call("DELETE", f"/v1/uploads/{upload['id']}")).status_code == 204
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0

    async def gone() -> bool:
        return (await user.http.put(part["url"], headers=part["headers"], content=FIRST)).status_code == 404

    await eventually(gone)


@pytest.mark.parametrize("size", [0, 1])
async def test_the_smallest_files_come_in_parts_if_asked_to(user: Client, size: int) -> None:
    upload = await begin(user, size=size)
    assert upload["part_count"] == 1
    assert await send(user, upload, [(1, b"x" * size)]) == [200]
    done = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert (await user.ok("GET", f"/v1/files/{done['file_id']}"))["size"] == size
