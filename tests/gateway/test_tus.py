"""tus 1.0: an interrupted upload resumes at its stored offset, and the last byte completes the file."""

from __future__ import annotations

import base64
import hashlib
import random
from uuid import uuid4

import pytest

from .conftest import Gateway
from .tus_client import MIB, PART, BodyItem, Disconnect, TusClient, encode_metadata

LARGE_QUOTA = {"quota": 2**40, "largest": 5 * 2**40}
pytestmark = pytest.mark.parametrize("own", [LARGE_QUOTA], indirect=True)

BODY = random.Random(7).randbytes(2 * PART + 5_000_000)


@pytest.fixture
async def tus(own: Gateway) -> TusClient:
    return TusClient(own, await own.user())


def chunks(body: bytes, size: int = 300_007) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


async def stored(tus: TusClient, file: str) -> bytes:
    shown = await tus.user.ok("GET", f"/v1/files/{file}")
    body = await tus.content(file)
    assert shown["size"] == len(body)
    return body


async def test_a_file_is_uploaded_in_one_request(tus: TusClient) -> None:
    at = await tus.create(
        len(BODY), upload_metadata=encode_metadata(filename="film.mp4", filetype="video/mp4", take="2")
    )
    head = await tus.request("HEAD", at)
    assert (head.status, head.offset, head.headers["upload-length"]) == (200, 0, str(len(BODY)))
    assert head.headers["upload-metadata"] == encode_metadata(filename="film.mp4", filetype="video/mp4", take="2")
    done = await tus.send(at, 0, *chunks(BODY))
    assert (done.status, done.offset) == (204, len(BODY))
    # The file exists before the response reports the full offset.
    file = await tus.user.ok("GET", f"/v1/files/{done.headers['drivebay-file']}")
    assert (file["name"], file["content_type"], file["size"]) == ("film.mp4", "video/mp4", len(BODY))
    assert await stored(tus, file["id"]) == BODY
    assert await tus.offset(at) == len(BODY)
    link = await tus.user.ok("GET", f"/v1/files/{file['id']}/download")
    parts = [hashlib.sha256(BODY[begin : begin + PART]).digest() for begin in range(0, len(BODY), PART)]
    assert (file["part_size"], file["parts_sha256"]) == (link["part_size"], link["parts_sha256"])
    assert link["parts_sha256"] == base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode()
    assert [key for key in tus.gateway.bucket.objects if key.startswith(".tail/")] == []


OFFSETS = [0, 1, 299_999, PART - 1, PART, PART + 1, PART + 3_000_000, 2 * PART, 2 * PART + 1, len(BODY) - 1]


@pytest.mark.parametrize("offset_before", OFFSETS)
async def test_an_interrupted_upload_resumes(tus: TusClient, offset_before: int) -> None:
    at = await tus.create(len(BODY))
    await tus.send(at, 0, *chunks(BODY[:offset_before]), Disconnect())
    assert await tus.offset(at) == offset_before
    done = await tus.send(at, offset_before, *chunks(BODY[offset_before:]))
    assert (done.status, done.offset) == (204, len(BODY))
    assert await stored(tus, done.headers["drivebay-file"]) == BODY
    assert await tus.gateway.files.check_invariants() == ()


async def test_the_offset_never_decreases_over_many_interruptions(tus: TusClient) -> None:
    chance = random.Random(11)
    at = await tus.create(len(BODY), upload_metadata=encode_metadata(filename="often.bin"))
    offset = 0
    while offset < len(BODY):
        size = chance.choice([1, 1000, MIB, 3 * MIB, PART, PART + 1])
        sent: list[BodyItem] = [*chunks(BODY[offset : offset + size], 65_536)]
        if chance.random() < 0.5:
            sent.append(Disconnect())
        await tus.send(at, offset, *sent)
        stored_offset = await tus.offset(at)
        assert stored_offset == min(len(BODY), offset + size)
        # There is at most one partial part.
        assert len([key for key in tus.gateway.bucket.objects if key.startswith(".tail/")]) <= 1
        offset = stored_offset
    (file,) = (await tus.user.ok("GET", "/v1/files"))["items"]
    assert await stored(tus, file["id"]) == BODY


async def test_an_empty_file_is_complete_at_once(tus: TusClient) -> None:
    created = await tus.request(
        "POST", "/v1/tus", upload_length="0", upload_metadata=encode_metadata(filename="none.txt")
    )
    assert (created.status, created.offset) == (201, 0)
    assert await stored(tus, created.headers["drivebay-file"]) == b""


@pytest.mark.parametrize("size", [1, PART, 2 * PART])
async def test_a_file_of_full_parts_is_complete(tus: TusClient, size: int) -> None:
    at = await tus.create(size, BODY[:size])
    head = await tus.request("HEAD", at)
    assert await stored(tus, head.headers["drivebay-file"]) == BODY[:size]


async def test_creation_may_have_the_first_bytes(tus: TusClient) -> None:
    created = await tus.request("POST", "/v1/tus", BODY[:100], upload_length=str(len(BODY)))
    assert (created.status, created.offset) == (201, 100)
    done = await tus.send(created.headers["location"], 100, BODY[100:])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


async def test_a_repeated_creation_returns_the_upload_and_its_offset(tus: TusClient) -> None:
    headers = {"upload_length": "10", "idempotency_key": uuid4().hex}
    first = await tus.request("POST", "/v1/tus", b"01234", **headers)
    again = await tus.request("POST", "/v1/tus", b"01234", **headers)
    assert (first.offset, again.offset, again.headers["location"]) == (5, 5, first.headers["location"])
    done = await tus.send(first.headers["location"], 5, b"56789")
    assert await stored(tus, done.headers["drivebay-file"]) == b"0123456789"
    last = await tus.request("POST", "/v1/tus", b"01234", **headers)
    assert (last.offset, last.headers["drivebay-file"]) == (10, done.headers["drivebay-file"])
