"""tus 1.0: its extensions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import unicodedata
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from drivebay.contract.files import Trigger

from .conftest import Gateway, assert_problem
from .test_tus import BODY, LARGE_QUOTA, chunks, stored
from .tus_client import PART, Disconnect, TusClient, encode_metadata

MAX_CHECKED_BODY = PART * 3 // 4
pytestmark = pytest.mark.parametrize("own", [LARGE_QUOTA], indirect=True)


@pytest.fixture
async def tus(own: Gateway) -> TusClient:
    return TusClient(own, await own.user())


def checksum(algorithm: str, body: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, body).digest()).decode()}"


async def test_options_lists_extensions_without_a_token(tus: TusClient) -> None:
    at = await tus.create(5)
    for path in ("/v1/tus", at):
        answer = await tus.request("OPTIONS", path, without=("authorization", "tus-resumable"))
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


async def test_another_version_is_rejected_with_the_supported_one(tus: TusClient) -> None:
    at = await tus.create(5)
    for method in ("HEAD", "PATCH", "DELETE"):
        answer = await tus.request(method, at, tus_resumable="0.2.2", upload_offset="0")
        assert (answer.status, answer.headers["tus-version"]) == (412, "1.0.0")
    assert (await tus.request("POST", "/v1/tus", without=("tus-resumable",), upload_length="5")).status == 412
    assert (await tus.request("HEAD", at)).status == 200


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha256"])
async def test_bytes_with_a_wrong_checksum_are_not_stored(tus: TusClient, algorithm: str) -> None:
    at = await tus.create(len(BODY))
    first, second = BODY[:MAX_CHECKED_BODY], BODY[MAX_CHECKED_BODY : PART + 1000]
    assert (await tus.send(at, 0, *chunks(first), upload_checksum=checksum(algorithm, first))).status == 204
    # This body would fill a part if its checksum were right.
    wrong = await tus.send(at, len(first), second, upload_checksum=checksum(algorithm, b"other"))
    assert (wrong.status, wrong.code) == (460, "checksum_mismatch")
    assert await tus.offset(at) == len(first)
    await tus.send(at, len(first), second[:500], Disconnect(), upload_checksum=checksum(algorithm, second))
    assert await tus.offset(at) == len(first)
    right = await tus.send(at, len(first), second, upload_checksum=checksum(algorithm, second))
    assert (right.status, right.offset) == (204, PART + 1000)
    done = await tus.send(at, PART + 1000, BODY[PART + 1000 :])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


async def test_a_creation_with_a_wrong_checksum_leaves_nothing(tus: TusClient) -> None:
    wrong = await tus.request(
        "POST", "/v1/tus", b"hello", upload_length="10", upload_checksum=checksum("sha1", b"jello")
    )
    assert wrong.status == 460
    assert (await tus.user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


@pytest.mark.parametrize("header", ["crc32 AAAA", "sha1", "sha1 AAAA", "sha1 !", "sha256 " + "A" * 40])
async def test_an_invalid_checksum_header_is_rejected(tus: TusClient, header: str) -> None:
    at = await tus.create(5)
    assert (await tus.send(at, 0, b"hello", upload_checksum=header)).status == 400
    assert await tus.offset(at) == 0


@pytest.mark.parametrize("with_length", [True, False])
async def test_a_body_with_a_checksum_is_at_most_three_quarters_of_a_part(tus: TusClient, with_length: bool) -> None:
    at, body = await tus.create(len(BODY)), BODY[: MAX_CHECKED_BODY + 1]
    length = {"content_length": str(len(body))} if with_length else {}
    answer = await tus.send(at, 0, *chunks(body), upload_checksum=checksum("md5", body), **length)
    assert (answer.status, answer.code) == (413, "too_large")
    assert await tus.offset(at) == 0


async def test_a_deferred_length_may_be_set_last(tus: TusClient) -> None:
    at = await tus.create(None, upload_metadata=encode_metadata(filename="live.ts"))
    assert (await tus.request("HEAD", at)).headers["upload-defer-length"] == "1"
    assert (await tus.send(at, 0, *chunks(BODY))).offset == len(BODY)
    usage = (await tus.user.ok("GET", "/v1/me"))["usage"]
    assert usage["reserved_bytes"] == len(BODY)
    head = await tus.request("HEAD", at)
    assert (head.offset, "upload-length" in head.headers) == (len(BODY), False)
    early = await tus.user.call("POST", f"/v1/uploads/{at.rpartition('/')[2]}/complete")
    assert_problem(early, 409, "not_uploaded")
    less = await tus.send(at, len(BODY), upload_length=str(len(BODY) - 1))
    assert less.status == 422
    done = await tus.send(at, len(BODY), upload_length=str(len(BODY)))
    assert (done.status, done.offset) == (204, len(BODY))
    assert await stored(tus, done.headers["drivebay-file"]) == BODY
    assert await tus.gateway.files.check_invariants() == ()


async def test_a_deferred_length_is_set_once(tus: TusClient) -> None:
    at = await tus.create(None)
    assert (await tus.send(at, 0, b"hello", upload_length="10")).offset == 5
    assert (await tus.send(at, 5, b"x", upload_length="11")).status == 409
    head = await tus.request("HEAD", at)
    assert (head.headers["upload-length"], "upload-defer-length" in head.headers) == ("10", False)
    done = await tus.send(at, 5, b"world", upload_length="10")
    assert await stored(tus, done.headers["drivebay-file"]) == b"helloworld"


async def test_an_upload_expires_when_it_says(tus: TusClient) -> None:
    at = await tus.create(len(BODY), BODY[:1000])
    head = await tus.request("HEAD", at)
    ends = parsedate_to_datetime(head.headers["upload-expires"])
    assert timedelta(hours=23) < ends - datetime.now(UTC) <= timedelta(hours=24)
    await tus.gateway.database.execute("UPDATE files.uploads SET expires_at = now(), next_check_at = now()")
    refs = await tus.gateway.files.claim_pending_uploads(10, overdue=True)
    await tus.gateway.files.commit_uploads(refs, Trigger.SWEEP)
    for answer in (await tus.request("HEAD", at), await tus.send(at, 1000, b"more"), await tus.request("DELETE", at)):
        assert answer.status == 404
    assert (await tus.user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


async def test_an_upload_can_be_aborted_but_a_file_cannot(tus: TusClient) -> None:
    at = await tus.create(10, b"hello")
    assert (await tus.request("DELETE", at)).status == 204
    assert (await tus.request("HEAD", at)).status == 404
    assert (await tus.user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
    done = await tus.create(5, b"hello")
    assert (await tus.request("DELETE", done)).status == 409


async def test_another_user_cannot_see_an_upload(tus: TusClient) -> None:
    at = await tus.create(10, b"hello")
    other = TusClient(tus.gateway, await tus.gateway.user())
    for answer in (
        await other.request("HEAD", at),
        await other.send(at, 5, b"world"),
        await other.request("DELETE", at),
    ):
        assert answer.status == 404
    assert (await tus.send(at, 5, b"world")).status == 204


# -- folders ---------------------------------------------------------------------------------------


async def test_a_dropped_folder_keeps_its_structure(tus: TusClient) -> None:
    base = await tus.user.ok("POST", "/v1/folders", {"name": "base"})
    paths = ("photos/2024/a.txt", "photos/2024/b.txt", "photos/c.txt", "d.txt", "photos/2024/a.txt")
    sent = [
        tus.create(
            5,
            b"hello",
            upload_metadata=encode_metadata(filename=path.rpartition("/")[2], relativePath=path, parent_id=base["id"]),
        )
        for path in paths
    ]
    await asyncio.gather(*sent)  # all at once, so the folders are made in a race
    assert sorted(await _tree(tus, base["id"])) == [
        "d.txt", "photos/", "photos/2024/", "photos/2024/a (1).txt", "photos/2024/a.txt", "photos/2024/b.txt",
        "photos/c.txt",
    ]  # fmt: skip


async def test_a_relative_path_names_the_file_if_nothing_else_does(tus: TusClient) -> None:
    await tus.create(5, b"hello", upload_metadata=encode_metadata(relativePath="a/renamed.txt", filename="new.txt"))
    await tus.create(5, b"hello", upload_metadata=encode_metadata(relativePath="a/b.txt"))
    await tus.create(5, b"hello", upload_metadata=encode_metadata(relativePath="null", filename="c.txt"))
    # Names are measured as they are stored: in NFC this folder has 180 bytes, as macOS sends it 540.
    folder = unicodedata.normalize("NFD", "\uac01" * 60)
    await tus.create(5, b"hello", upload_metadata=encode_metadata(relativePath=f"{folder}/d.txt"))
    stored = "\uac01" * 60
    # The path of a file that was dropped on a page, as browsers return it and Uppy sends it.
    await tus.create(5, b"hello", upload_metadata=encode_metadata(relativePath="/a/dropped.txt"))
    names = ["a/", "a/b.txt", "a/dropped.txt", "a/new.txt", "c.txt", f"{stored}/", f"{stored}/d.txt"]
    assert sorted(await _tree(tus, "root")) == names


@pytest.mark.parametrize(
    "path",
    [
        b"//a/b.txt", b"a//b.txt", b"a/", b"/", b"../b.txt", b"a/../b.txt", b"a/./b.txt", b"a/..", b".", b"..",
        b"a/b\x00c/d.txt", b"a/b\nc/d.txt", b"\xff/b.txt", b"a/\xc3(/b.txt", b"x" * 256 + b"/b.txt",
        "a/{}/b.txt".format("\u0958" * 85).encode(),
        b"a/" * 65 + b"b.txt", b"a/" * 300 + b"b.txt",
    ],
)  # fmt: skip
async def test_a_hostile_relative_path_makes_nothing(tus: TusClient, path: bytes) -> None:
    metadata = f"filename {base64.b64encode(b'b.txt').decode()},relativePath {base64.b64encode(path).decode()}"
    answer = await tus.request("POST", "/v1/tus", upload_length="5", upload_metadata=metadata)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert await _tree(tus, "root") == []


async def test_the_metadata_sets_the_time_of_the_file(tus: TusClient) -> None:
    for number, (key, time) in enumerate(
        (("mtime", "981173106"), ("mtime", "981173106.5"), ("modified_at", "2001-02-03T04:05:06Z"),
         ("modified_at", "2001-02-03T06:05:06+02:00"))
    ):  # fmt: skip
        await tus.create(5, b"hello", upload_metadata=encode_metadata(filename=f"{number}", **{key: time}))
    listing = await tus.user.ok("GET", "/v1/files", parameters={"parent_id": "root"})
    times = [item["modified_at"] for item in listing["items"]]
    assert times == ["2001-02-03T04:05:06Z", "2001-02-03T04:05:06.500000Z", *["2001-02-03T04:05:06Z"] * 2]
    for time in ("-1", "1e3", "99999999999", "9" * 12, "yesterday", "2001-02-03T04:05:06", "\0"):
        answer = await tus.request(
            "POST", "/v1/tus", upload_length="5", upload_metadata=encode_metadata(filename="x", mtime=time)
        )
        assert (answer.status, answer.code) == (422, "invalid_request")


async def test_a_file_in_the_place_of_a_folder_is_a_conflict(tus: TusClient) -> None:
    await tus.create(5, b"hello", upload_metadata=encode_metadata(filename="a"))
    metadata = encode_metadata(filename="b.txt", relativePath="a/b.txt")
    answer = await tus.request("POST", "/v1/tus", upload_length="5", upload_metadata=metadata)
    assert (answer.status, answer.code) == (409, "name_taken")


async def _tree(tus: TusClient, folder: str) -> list[str]:
    """Return the paths of everything below a folder; those of folders end with a slash."""
    found: list[str] = []
    for item in (await tus.user.ok("GET", "/v1/files", parameters={"parent_id": folder}))["items"]:
        if item["kind"] == "folder":
            found.append(f"{item['name']}/")
            found += [f"{item['name']}/{path}" for path in await _tree(tus, item["id"])]
        else:
            found.append(item["name"])
    return found
