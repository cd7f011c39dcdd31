"""tus 1.0: what a client is told is kept is kept, wherever it breaks off, and the last byte makes a file."""

from __future__ import annotations

import base64
import hashlib
import random
from uuid import uuid4

import pytest

from .conftest import Gateway
from .tus_client import MIB, PART, Gone, Sent, Tus, said

ROOMY = {"quota": 2**40, "largest": 5 * 2**40}
pytestmark = pytest.mark.parametrize("own", [ROOMY], indirect=True)

BODY = random.Random(7).randbytes(2 * PART + 5_000_000)


@pytest.fixture
async def tus(own: Gateway) -> Tus:
    return Tus(own, await own.user())


def chunks(body: bytes, size: int = 300_007) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


async def stored(tus: Tus, file: str) -> bytes:
    shown = await tus.user.ok("GET", f"/v1/files/{file}")
    body = await tus.content(file)
    assert shown["size"] == len(body)
    return body


async def test_a_file_comes_in_one_request(tus: Tus) -> None:
    at = await tus.create(len(BODY), upload_metadata=said(filename="film.mp4", filetype="video/mp4", take="2"))
    head = await tus.ask("HEAD", at)
    assert (head.status, head.offset, head.headers["upload-length"]) == (200, 0, str(len(BODY)))
    assert head.headers["upload-metadata"] == said(filename="film.mp4", filetype="video/mp4", take="2")
    done = await tus.send(at, 0, *chunks(BODY))
    assert (done.status, done.offset) == (204, len(BODY))
    # It is a file before the answer says that all is here.
    file = await tus.user.ok("GET", f"/v1/files/{done.headers['drivebay-file']}")
    assert (file["name"], file["content_type"], file["size"]) == ("film.mp4", "video/mp4", len(BODY))
    assert await stored(tus, file["id"]) == BODY
    assert await tus.offset(at) == len(BODY)
    link = await tus.user.ok("GET", f"/v1/files/{file['id']}/download")
    parts = [hashlib.sha256(BODY[begin : begin + PART]).digest() for begin in range(0, len(BODY), PART)]
    assert (file["part_size"], file["parts_sha256"]) == (link["part_size"], link["parts_sha256"])
    assert link["parts_sha256"] == base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode()
    assert [key for key in tus.gateway.bucket.objects if key.startswith(".tail/")] == []


PLACES = [0, 1, 299_999, PART - 1, PART, PART + 1, PART + 3_000_000, 2 * PART, 2 * PART + 1, len(BODY) - 1]


@pytest.mark.parametrize("place", PLACES)
async def test_where_it_breaks_off_it_goes_on(tus: Tus, place: int) -> None:
    at = await tus.create(len(BODY))
    await tus.send(at, 0, *chunks(BODY[:place]), Gone())
    assert await tus.offset(at) == place
    done = await tus.send(at, place, *chunks(BODY[place:]))
    assert (done.status, done.offset) == (204, len(BODY))
    assert await stored(tus, done.headers["drivebay-file"]) == BODY
    assert await tus.gateway.files.check() == ()


async def test_it_may_break_off_again_and_again_and_no_offset_is_ever_less(tus: Tus) -> None:
    chance = random.Random(11)
    at = await tus.create(len(BODY), upload_metadata=said(filename="often.bin"))
    offset = 0
    while offset < len(BODY):
        size = chance.choice([1, 1000, MIB, 3 * MIB, PART, PART + 1])
        sent: list[Sent] = [*chunks(BODY[offset : offset + size], 65_536)]
        if chance.random() < 0.5:
            sent.append(Gone())
        await tus.send(at, offset, *sent)
        kept = await tus.offset(at)
        assert kept == min(len(BODY), offset + size)
        # Never more than one tail: what a longer one has is not kept twice.
        assert len([key for key in tus.gateway.bucket.objects if key.startswith(".tail/")]) <= 1
        offset = kept
    (file,) = (await tus.user.ok("GET", "/v1/files"))["items"]
    assert await stored(tus, file["id"]) == BODY


async def test_a_file_of_no_bytes_is_there_at_once(tus: Tus) -> None:
    created = await tus.ask("POST", "/v1/tus", upload_length="0", upload_metadata=said(filename="none.txt"))
    assert (created.status, created.offset) == (201, 0)
    assert await stored(tus, created.headers["drivebay-file"]) == b""


@pytest.mark.parametrize("size", [1, PART, 2 * PART])
async def test_full_parts_alone_make_a_file(tus: Tus, size: int) -> None:
    at = await tus.create(size, BODY[:size])
    head = await tus.ask("HEAD", at)
    assert await stored(tus, head.headers["drivebay-file"]) == BODY[:size]


async def test_the_first_bytes_may_come_with_the_creation(tus: Tus) -> None:
    created = await tus.ask("POST", "/v1/tus", BODY[:100], upload_length=str(len(BODY)))
    assert (created.status, created.offset) == (201, 100)
    done = await tus.send(created.headers["location"], 100, BODY[100:])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


async def test_a_creation_with_a_key_is_made_once_and_tells_how_far_it_is(tus: Tus) -> None:
    asked = {"upload_length": "10", "idempotency_key": uuid4().hex}
    first = await tus.ask("POST", "/v1/tus", b"01234", **asked)
    again = await tus.ask("POST", "/v1/tus", b"01234", **asked)
    assert (first.offset, again.offset, again.headers["location"]) == (5, 5, first.headers["location"])
    done = await tus.send(first.headers["location"], 5, b"56789")
    assert await stored(tus, done.headers["drivebay-file"]) == b"0123456789"
    last = await tus.ask("POST", "/v1/tus", b"01234", **asked)
    assert (last.offset, last.headers["drivebay-file"]) == (10, done.headers["drivebay-file"])
