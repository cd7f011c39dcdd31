"""tus 1.0: what its extensions promise, and what is refused, in which words."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from drivebay.contract.files import Cause

from .conftest import Gateway, assert_problem
from .test_tus import BODY, ROOMY, chunks, stored
from .tus_client import PART, Gone, Tus, said

MOST = PART * 3 // 4
pytestmark = pytest.mark.parametrize("own", [ROOMY], indirect=True)


@pytest.fixture
async def tus(own: Gateway) -> Tus:
    return Tus(own, await own.user())


def checksum(algorithm: str, body: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, body).digest()).decode()}"


async def test_options_say_what_there_is_without_a_token(tus: Tus) -> None:
    at = await tus.create(5)
    for path in ("/v1/tus", at):
        answer = await tus.ask("OPTIONS", path, without=("authorization", "tus-resumable"))
        assert answer.status == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert int(answer.headers["tus-max-size"]) == 10_000 * 15 * 2**20
        assert answer.headers["tus-checksum-algorithm"] == "sha1,md5,sha256"
        assert set(answer.headers["tus-extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "creation-defer-length",
            "checksum",
            "expiration",
            "termination",
        }
    assert answer.headers["allow"] == "DELETE, HEAD, OPTIONS, PATCH, POST"


async def test_another_version_is_refused_with_ours(tus: Tus) -> None:
    at = await tus.create(5)
    for method in ("HEAD", "PATCH", "DELETE"):
        answer = await tus.ask(method, at, tus_resumable="0.2.2", upload_offset="0")
        assert (answer.status, answer.headers["tus-version"]) == (412, "1.0.0")
    assert (await tus.ask("POST", "/v1/tus", without=("tus-resumable",), upload_length="5")).status == 412
    assert (await tus.ask("HEAD", at)).status == 200


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha256"])
async def test_bytes_with_another_checksum_are_not_kept(tus: Tus, algorithm: str) -> None:
    at = await tus.create(len(BODY))
    first, second = BODY[:MOST], BODY[MOST : PART + 1000]
    assert (await tus.send(at, 0, *chunks(first), upload_checksum=checksum(algorithm, first))).status == 204
    # This one would fill a part, were it as it says.
    wrong = await tus.send(at, len(first), second, upload_checksum=checksum(algorithm, b"other"))
    assert (wrong.status, wrong.code) == (460, "checksum_mismatch")
    assert await tus.offset(at) == len(first)
    await tus.send(at, len(first), second[:500], Gone(), upload_checksum=checksum(algorithm, second))
    assert await tus.offset(at) == len(first)
    right = await tus.send(at, len(first), second, upload_checksum=checksum(algorithm, second))
    assert (right.status, right.offset) == (204, PART + 1000)
    done = await tus.send(at, PART + 1000, BODY[PART + 1000 :])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


async def test_a_creation_whose_checksum_is_wrong_leaves_nothing(tus: Tus) -> None:
    wrong = await tus.ask("POST", "/v1/tus", b"hello", upload_length="10", upload_checksum=checksum("sha1", b"jello"))
    assert wrong.status == 460
    assert (await tus.user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


@pytest.mark.parametrize("told", ["crc32 AAAA", "sha1", "sha1 AAAA", "sha1 !", "sha256 " + "A" * 40])
async def test_a_checksum_that_cannot_be_is_refused_before_a_byte_is_read(tus: Tus, told: str) -> None:
    at = await tus.create(5)
    assert (await tus.send(at, 0, b"hello", upload_checksum=told)).status == 400
    assert await tus.offset(at) == 0


@pytest.mark.parametrize("with_length", [True, False])
async def test_a_body_with_a_checksum_has_three_quarters_of_a_part_at_most(tus: Tus, with_length: bool) -> None:
    at, body = await tus.create(len(BODY)), BODY[: MOST + 1]
    length = {"content_length": str(len(body))} if with_length else {}
    answer = await tus.send(at, 0, *chunks(body), upload_checksum=checksum("md5", body), **length)
    assert (answer.status, answer.code) == (413, "too_large")
    assert await tus.offset(at) == 0


async def test_a_length_may_be_told_last(tus: Tus) -> None:
    at = await tus.create(None, upload_metadata=said(filename="live.ts"))
    assert (await tus.ask("HEAD", at)).headers["upload-defer-length"] == "1"
    assert (await tus.send(at, 0, *chunks(BODY))).offset == len(BODY)
    usage = (await tus.user.ok("GET", "/v1/me"))["usage"]
    assert usage["reserved_bytes"] == len(BODY)
    head = await tus.ask("HEAD", at)
    assert (head.offset, "upload-length" in head.headers) == (len(BODY), False)
    early = await tus.user.call("POST", f"/v1/uploads/{at.rpartition('/')[2]}/complete")
    assert_problem(early, 409, "not_uploaded")
    less = await tus.send(at, len(BODY), upload_length=str(len(BODY) - 1))
    assert less.status == 422
    done = await tus.send(at, len(BODY), upload_length=str(len(BODY)))
    assert (done.status, done.offset) == (204, len(BODY))
    assert await stored(tus, done.headers["drivebay-file"]) == BODY
    assert await tus.gateway.files.check() == ()


async def test_a_length_is_told_once(tus: Tus) -> None:
    at = await tus.create(None)
    assert (await tus.send(at, 0, b"hello", upload_length="10")).offset == 5
    assert (await tus.send(at, 5, b"x", upload_length="11")).status == 409
    head = await tus.ask("HEAD", at)
    assert (head.headers["upload-length"], "upload-defer-length" in head.headers) == ("10", False)
    done = await tus.send(at, 5, b"world", upload_length="10")
    assert await stored(tus, done.headers["drivebay-file"]) == b"helloworld"


async def test_an_upload_says_when_it_ends_and_then_it_is_gone(tus: Tus) -> None:
    at = await tus.create(len(BODY), BODY[:1000])
    head = await tus.ask("HEAD", at)
    ends = parsedate_to_datetime(head.headers["upload-expires"])
    assert timedelta(hours=23) < ends - datetime.now(UTC) <= timedelta(hours=24)
    await tus.gateway.database.execute("UPDATE files.uploads SET expires_at = now(), next_check_at = now()")
    refs = await tus.gateway.files.claim_checks(10, overdue=True)
    await tus.gateway.files.commit(refs, Cause.SWEEP)
    for answer in (await tus.ask("HEAD", at), await tus.send(at, 1000, b"more"), await tus.ask("DELETE", at)):
        assert answer.status == 404
    assert (await tus.user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


async def test_an_upload_is_given_up_but_not_a_file(tus: Tus) -> None:
    at = await tus.create(10, b"hello")
    assert (await tus.ask("DELETE", at)).status == 204
    assert (await tus.ask("HEAD", at)).status == 404
    assert (await tus.user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
    done = await tus.create(5, b"hello")
    assert (await tus.ask("DELETE", done)).status == 409


async def test_nobody_else_sees_an_upload(tus: Tus) -> None:
    at = await tus.create(10, b"hello")
    other = Tus(tus.gateway, await tus.gateway.user())
    for answer in (await other.ask("HEAD", at), await other.send(at, 5, b"world"), await other.ask("DELETE", at)):
        assert answer.status == 404
    assert (await tus.send(at, 5, b"world")).status == 204
