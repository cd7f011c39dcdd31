"""Archives over HTTP: the ZIP file, its ranges, and clients that go away or stop reading."""

from __future__ import annotations

import asyncio
import io
import subprocess
import zipfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from drivebay.gateway.archives.archive_stream import IncompleteArchive
from drivebay.testing.client import Json, eventually

from .conftest import Gateway, User, assert_problem, raw_request
from .test_admin import make_admin

BIG = 48 * 2**20
"""Bytes of a file that does not fit into the buffers of a connection."""
GENEROUS = {"largest": 2 * BIG, "quota": 8 * BIG, "user_archives": 1}


async def make_tree(user: User) -> str:
    """Create a folder with files, folders and odd names. Return its id."""
    top = await user.ok("POST", "/v1/folders", {"name": "Grüße 🗂"})
    inner = await user.ok("POST", "/v1/folders", {"name": "inner", "parent_id": top["id"]})
    await user.ok("POST", "/v1/folders", {"name": "empty folder", "parent_id": top["id"]})
    await user.store("a.txt", b"hello", parent_id=top["id"])
    await user.store("empty.txt", b"", parent_id=inner["id"])
    await user.store("日本.bin", bytes(range(256)) * 20, parent_id=inner["id"])
    return str(top["id"])


async def create(user: User, *ids: str, **fields: object) -> Json:
    return await user.ok("POST", "/v1/archives", {"ids": list(ids), **fields})


async def fetch(gateway: Gateway, archive: Json, **headers: str) -> httpx.Response:
    """Get an archive without a token."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.http.get(archive["url"], headers=names)


def contents(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


async def test_an_archive_is_a_zip_file_of_the_tree(shared: Gateway, user: User, tmp_path: Path) -> None:
    archive = await create(user, await make_tree(user))
    response = await fetch(shared, archive)
    assert response.status_code == 200
    assert contents(response.content) == {
        "Grüße 🗂/": b"",
        "Grüße 🗂/a.txt": b"hello",
        "Grüße 🗂/empty folder/": b"",
        "Grüße 🗂/inner/": b"",
        "Grüße 🗂/inner/empty.txt": b"",
        "Grüße 🗂/inner/日本.bin": bytes(range(256)) * 20,
    }
    assert len(response.content) == archive["size"] == int(response.headers["content-length"])
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["cache-control"] == "no-store"
    assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%F0%9F%97%82.zip" in response.headers["content-disposition"]
    assert archive["url"].startswith("http://drivebay.test/v1/archives/")
    file = tmp_path / "a.zip"
    file.write_bytes(response.content)
    if Path("/usr/bin/unzip").exists():
        subprocess.run(["/usr/bin/unzip", "-tq", file], check=True, capture_output=True)


async def test_every_response_has_the_same_bytes(shared: Gateway, user: User) -> None:
    archive = await create(user, await make_tree(user))
    first, second = await fetch(shared, archive), await fetch(shared, archive)
    assert (first.content, first.headers["etag"]) == (second.content, second.headers["etag"])
    other = await create(user, "root")
    assert (await fetch(shared, other)).headers["etag"] != first.headers["etag"]


async def test_an_archive_without_entries_is_valid(shared: Gateway, user: User) -> None:
    assert contents((await fetch(shared, await create(user, "root"))).content) == {}


async def test_head_describes_the_archive(shared: Gateway, user: User) -> None:
    archive = await create(user, await make_tree(user), name="x")
    full = await fetch(shared, archive)
    head = await shared.http.head(archive["url"], headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges", "content-disposition"):
        assert head.headers[name] == full.headers[name]


async def test_a_range_continues_an_archive(shared: Gateway, user: User) -> None:
    archive = await create(user, await make_tree(user))
    size = archive["size"]
    # The later ranges come first: the CRC-32 values before them are not known yet.
    cuts = [*range(0, size, 997), size]
    pieces = {}
    for start, stop in reversed(list(pairwise(cuts))):
        response = await fetch(shared, archive, Range=f"bytes={start}-{stop - 1}")
        assert response.status_code == 206
        assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert int(response.headers["content-length"]) == stop - start == len(response.content)
        pieces[start] = response.content
    whole = (await fetch(shared, archive)).content
    assert b"".join(pieces[start] for start in sorted(pieces)) == whole
    assert (await fetch(shared, archive, Range="bytes=-10")).content == whole[-10:]
    assert (await fetch(shared, archive, Range=f"bytes=-{size + 5}")).content == whole
    assert (await fetch(shared, archive, Range=f"bytes=9-{size + 5}")).content == whole[9:]


@pytest.mark.parametrize(
    "header", ["bytes=0-1,4-5", "bytes=5-4", "bytes=-", "bytes=a-b", "lines=0-1", "bytes", "bytes=0-" + "9" * 30]
)
async def test_other_ranges_are_ignored(shared: Gateway, user: User, header: str) -> None:
    archive = await create(user, await make_tree(user))
    response = await fetch(shared, archive, Range=header)
    assert (response.status_code, len(response.content)) == (200, archive["size"])


@pytest.mark.parametrize("header", ["bytes=999999-", "bytes=999999-9999999", "bytes=-0"])
async def test_a_range_behind_the_end_is_refused(shared: Gateway, user: User, header: str) -> None:
    archive = await create(user, await make_tree(user))
    response = await fetch(shared, archive, Range=header)
    assert_problem(response, 416, "range_not_satisfiable")
    assert response.headers["content-range"] == f"bytes */{archive['size']}"


async def test_conditions(shared: Gateway, user: User) -> None:
    archive = await create(user, await make_tree(user))
    etag = (await fetch(shared, archive)).headers["etag"]
    assert etag.startswith('"')
    assert (await fetch(shared, archive, Range="bytes=0-1", If_Range=etag)).status_code == 206
    for other in ('"other"', "Sat, 28 Nov 2026 00:00:00 GMT", f"W/{etag}"):
        response = await fetch(shared, archive, Range="bytes=0-1", If_Range=other)
        assert (response.status_code, len(response.content)) == (200, archive["size"])
    assert (await fetch(shared, archive, If_None_Match=etag)).status_code == 304
    assert (await fetch(shared, archive, If_Match=etag)).status_code == 200
    assert_problem(await fetch(shared, archive, If_Match='"other"'), 412, "precondition_failed")


async def test_an_object_that_cannot_be_read_ends_the_connection(own: Gateway) -> None:
    user = await own.user()
    folder = await make_tree(user)
    archive = await create(user, folder)
    for key in [key for key, (info, _) in own.bucket.objects.items() if info.size == 5]:
        del own.bucket.objects[key]
    with pytest.raises(IncompleteArchive):
        await fetch(own, archive)
    # The range is behind the object, but the central directory needs its CRC-32.
    with pytest.raises(IncompleteArchive):
        await fetch(own, archive, Range="bytes=-1000")
    # What does not need the object can be read.
    for span in ("bytes=0-29", "bytes=-22"):
        assert (await fetch(own, archive, Range=span)).status_code == 206


async def test_a_store_that_does_not_respond_is_an_error_before_the_first_byte(own: Gateway) -> None:
    user = await own.user()
    archive = await create(user, await make_tree(user))
    own.bucket.broken = True
    for _ in range(20):  # more than the slots, so each request gives its slot back
        assert_problem(await fetch(own, archive), 503, "unavailable")
    own.bucket.broken = False
    assert len((await fetch(own, archive)).content) == archive["size"]


async def test_a_known_crc_needs_no_second_read(own: Gateway) -> None:
    user = await own.user()
    archive = await create(user, await make_tree(user))
    whole = (await fetch(own, archive)).content
    own.bucket.objects.clear()
    start = whole.index(b"PK\1\2")
    assert (await fetch(own, archive, Range=f"bytes={start}-")).content == whole[start:]


@pytest.mark.parametrize("token", ["x", "x" * 64, "é", "%00", "%FF", "..%2f..%2fetc", "a" * 5000, "A" * 63 + "="])
async def test_an_unknown_token_is_not_found(shared: Gateway, token: str) -> None:
    for method in ("GET", "HEAD"):
        status, _, body = await raw_request(shared.app, method, f"/v1/archives/{token}", {})
        assert status == 404
        assert b"not_found" in body or method == "HEAD"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"ids": []}, 422),
        ({"ids": ["root"] * 1001}, 422),
        ({"ids": "root"}, 422),
        ({"ids": ["no id"]}, 422),
        ({"ids": [1]}, 422),
        ({"ids": ["root"], "name": ""}, 422),
        ({"ids": ["root"], "name": "a/b"}, 422),
        ({"ids": ["root"], "name": "x" * 256}, 422),
        ({"ids": ["root"], "other": 1}, 422),
        ({"ids": ["01a20000-0000-7000-8000-000000000000"]}, 404),
    ],
)
async def test_wrong_bodies_are_refused(user: User, body: Json, status: int) -> None:
    response = await user.call("POST", "/v1/archives", body)
    assert_problem(response, status, "not_found" if status == 404 else "invalid_request")


async def test_files_of_others_are_not_found(user: User, other: User) -> None:
    theirs = await other.store("theirs.txt", b"x")
    assert_problem(await user.call("POST", "/v1/archives", {"ids": [theirs["id"]]}), 404, "not_found")


async def test_a_repeat_with_the_same_key_gets_the_same_archive(user: User) -> None:
    key = {"Idempotency-Key": "one"}
    first = await user.call("POST", "/v1/archives", {"ids": ["root"]}, headers=key)
    second = await user.call("POST", "/v1/archives", {"ids": ["root"]}, headers=key)
    assert (first.status_code, first.json()) == (201, second.json())


async def big_archive(gateway: Gateway) -> str:
    """Return the path of an archive of one file, which has BIG bytes."""
    user = await gateway.user()
    archive = await create(user, (await user.store("big.bin", bytes(BIG)))["id"])
    return urlsplit(archive["url"]).path


async def begin_reading(served: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request for an archive, and read the first line of the response."""
    address = urlsplit(served)
    assert address.hostname is not None
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert b" 200 " in await asyncio.wait_for(reader.readline(), 30)
    return reader, writer


async def is_free(http: httpx.AsyncClient, path: str) -> bool:
    return (await http.get(path, headers={"Range": "bytes=0-9"})).status_code == 206


@pytest.mark.parametrize("own", [GENEROUS], indirect=True)
async def test_a_client_that_goes_away_holds_nothing(own: Gateway, served: str) -> None:
    path = await big_archive(own)
    async with httpx.AsyncClient(base_url=served) as http:
        _, writer = await begin_reading(served, path)
        busy = await http.get(path)
        assert_problem(busy, 503, "unavailable")
        assert int(busy.headers["retry-after"]) >= 1
        writer.close()
        await eventually(lambda: is_free(http, path))


@pytest.mark.parametrize("own", [GENEROUS | {"archives": 1}], indirect=True)
async def test_a_gateway_sends_a_limited_number_of_archives(own: Gateway, served: str) -> None:
    path, other = await big_archive(own), await big_archive(own)
    async with httpx.AsyncClient(base_url=served) as http:
        _, writer = await begin_reading(served, path)
        assert_problem(await http.get(other), 503, "unavailable")
        writer.close()
        await eventually(lambda: is_free(http, other))


@pytest.mark.parametrize("own", [GENEROUS | {"archive_timeout": timedelta(seconds=1)}], indirect=True)
async def test_a_client_that_stops_reading_is_ended(own: Gateway, served: str) -> None:
    path = await big_archive(own)
    async with httpx.AsyncClient(base_url=served) as http:
        reader, writer = await begin_reading(served, path)
        await eventually(lambda: is_free(http, path))
        received = await asyncio.wait_for(reader.read(), 60)
        assert len(received) < BIG
        writer.close()


@pytest.mark.parametrize("own", [GENEROUS | {"archive_timeout": timedelta(seconds=2)}], indirect=True)
@pytest.mark.parametrize("end", ["link", "account"])
async def test_a_running_download_ends_with_its_archive(own: Gateway, served: str, end: str) -> None:
    user = await own.user()
    file = (await user.store("big.bin", bytes(BIG)))["id"]
    if end == "link":
        link = await user.ok("POST", f"/v1/files/{file}/links", {})
        archive = (await create_of_link(own, link["token"], {"ids": ["root"]})).json()
    else:
        archive = await create(user, file)
    reader, writer = await begin_reading(served, urlsplit(archive["url"]).path)
    if end == "link":
        await user.ok("DELETE", f"/v1/links/{link['id']}")
    else:
        await user.ok("DELETE", "/v1/me", {"password": user.password})
    count = 0
    async with asyncio.timeout(60):
        while body := await reader.read(2**16):
            count += len(body)
            await asyncio.sleep(0.01)  # a steady client: only the check can end it
    assert count < BIG
    writer.close()


@pytest.mark.parametrize("own", [GENEROUS], indirect=True)
async def test_a_broken_object_closes_the_connection(own: Gateway, served: str) -> None:
    path = await big_archive(own)
    reader, writer = await begin_reading(served, path)
    own.bucket.objects.clear()
    received = await asyncio.wait_for(reader.read(), 60)
    assert len(received) < BIG
    writer.close()
    async with httpx.AsyncClient(base_url=served) as http:
        await eventually(lambda: is_free(http, path))


async def create_of_link(gateway: Gateway, token: str, body: Json, session: str | None = None) -> httpx.Response:
    headers = {} if session is None else {"X-Link-Session": session}
    return await gateway.http.post(f"/v1/public/{token}/archives", json=body, headers=headers)


async def test_an_archive_of_a_link_needs_no_account_and_ends_with_the_link(shared: Gateway, user: User) -> None:
    folder = await make_tree(user)
    outside = (await user.store("outside.txt", b"secret"))["id"]
    link = await user.ok("POST", f"/v1/files/{folder}/links", {"password": "sesame"})
    token = link["token"]
    assert_problem(await create_of_link(shared, token, {"ids": ["root"]}), 401, "password_required")
    opened = await shared.http.post(f"/v1/public/{token}/unlock", json={"password": "sesame"})
    session = opened.json()["link_session"]
    made = await create_of_link(shared, token, {"ids": ["root"], "name": "all"}, session)
    assert made.status_code == 201
    archive = made.json()
    assert (set(archive), made.headers["location"]) == ({"url", "size", "expires_at"}, archive["url"])
    whole = await fetch(shared, archive)
    assert (whole.status_code, len(whole.content)) == (200, archive["size"])
    assert contents(whole.content)["Grüße 🗂/a.txt"] == b"hello"
    assert "all.zip" in whole.headers["content-disposition"]
    assert_problem(await create_of_link(shared, token, {"ids": [outside]}, session), 404, "not_found")
    assert_problem(await create_of_link(shared, token, {"ids": []}, session), 422, "invalid_request")
    assert_problem(await create_of_link(shared, token, {"ids": ["root"], "x": 1}, session), 422, "invalid_request")
    (listed,) = (await user.ok("GET", f"/v1/files/{folder}/links"))["items"]
    assert listed["downloads"] == 1
    assert (await fetch(shared, archive, Range="bytes=9-")).status_code == 206
    await user.ok("DELETE", f"/v1/links/{link['id']}")
    for headers in ({}, {"Range": "bytes=9-"}, {"Range": "bytes=9-", "If_Range": whole.headers["etag"]}):
        assert_problem(await fetch(shared, archive, **headers), 404, "not_found")
    assert (await shared.http.head(archive["url"])).status_code == 404


async def test_an_uploader_link_has_no_archives(shared: Gateway, user: User) -> None:
    link = await user.ok("POST", f"/v1/files/{await make_tree(user)}/links", {"role": "uploader"})
    assert_problem(await create_of_link(shared, link["token"], {"ids": ["root"]}), 404, "not_found")


async def test_an_archive_ends_with_a_disabled_or_deleted_account(own: Gateway) -> None:
    admin, first, second = await own.user(), await own.user(), await own.user()
    await make_admin(own, admin)
    archives = [await create(user, await make_tree(user)) for user in (first, second)]
    for archive in archives:
        assert (await fetch(own, archive)).status_code == 200
    id = (await first.ok("GET", "/v1/me"))["id"]
    await admin.ok("PATCH", f"/v1/admin/users/{id}", {"disabled": True})
    assert_problem(await fetch(own, archives[0], Range="bytes=9-"), 404, "not_found")
    await second.ok("DELETE", "/v1/me", {"password": second.password})
    assert_problem(await fetch(own, archives[1]), 404, "not_found")


async def test_a_kept_crc_is_used_by_another_archive(own: Gateway) -> None:
    user = await own.user()
    folder = await make_tree(user)
    whole = (await fetch(own, await create(user, folder))).content
    second = await create(user, folder)
    own.bucket.objects.clear()
    start = whole.index(b"PK\1\2")
    assert (await fetch(own, second, Range=f"bytes={start}-")).content == whole[start:]
