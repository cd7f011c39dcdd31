"""What a signed URL allows, tried against the real store: exactly the one request and nothing beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import httpx
import msgspec
import pytest

from drivebay.contract.storage import Disposition, Presence, Put
from drivebay.errors import InvalidRequest
from drivebay.storage import service
from drivebay.storage.service import Service, Settings

Send = Callable[..., Awaitable[httpx.Response]]
BODY = b"all the bytes there are"


def a_put(body: bytes = BODY, content_type: str = "text/plain") -> Put:
    metadata = {"owner": str(uuid4()), "name": "two  spaces ü.txt"}
    return Put(f"{uuid4()}/{uuid4()}", len(body), content_type, hashlib.sha256(body).digest(), metadata)


def utc_now() -> datetime:
    return datetime.now(UTC)


async def test_this_store_enforces_all_we_sign(storage: Service) -> None:
    able = await storage.capabilities()
    enforced = (able.signed_length, able.signed_type, able.checksum, able.write_once, able.checksum_told, able.closed)
    assert all(enforced), able
    assert able.batch_delete
    assert able.copy_condition
    assert not able.versioned
    assert able.clock is not None
    assert abs(able.clock) <= 1


async def test_the_right_bytes_are_taken_and_known_in_full(storage: Service, send: Send) -> None:
    put = a_put()
    signed = await storage.presign_put(put, utc_now(), 900)
    assert (await send(signed, BODY)).status_code == 200
    (found,) = await storage.look_up((put.key,))
    assert (found.presence, found.size, found.content_type) == (Presence.FOUND, len(BODY), "text/plain")
    assert found.sha256 == put.sha256
    assert found.etag == hashlib.md5(BODY).hexdigest()
    assert abs(utc_now() - found.modified_at) < timedelta(seconds=30)


async def test_without_a_checksum_any_bytes_of_that_size_are_taken(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(Put(f"{uuid4()}/x", len(BODY), "text/plain"), utc_now(), 900)
    assert (await send(signed, BODY[::-1])).status_code == 200


async def test_the_same_url_works_once(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(a_put(), utc_now(), 900)
    assert [(await send(signed, BODY)).status_code for _ in range(3)] == [200, 412, 412]


async def test_a_zero_byte_file_is_a_file(storage: Service, send: Send) -> None:
    put = a_put(b"")
    assert (await send(await storage.presign_put(put, utc_now(), 900), b"")).status_code == 200
    (found,) = await storage.look_up((put.key,))
    assert (found.presence, found.size, found.sha256) == (Presence.FOUND, 0, hashlib.sha256(b"").digest())
    signed = await storage.presign_get(put.key, "empty", "text/plain", Disposition.ATTACHMENT, 300)
    answer = await send(signed)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("body", [BODY + b"!", BODY[:-1], b""])
async def test_another_length_is_refused(storage: Service, send: Send, body: bytes, checksum: bool) -> None:
    # Without a checksum nothing else gives other bytes away.
    put = a_put() if checksum else msgspec.structs.replace(a_put(), sha256=None)
    assert (await send(await storage.presign_put(put, utc_now(), 900), body)).status_code in (400, 403)
    assert (await storage.look_up((put.key,)))[0].presence is Presence.ABSENT


async def test_another_type_is_refused(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(a_put(), utc_now(), 900)
    assert (await send(signed, BODY, extra={"Content-Type": "text/html"})).status_code == 403


async def test_other_bytes_are_refused(storage: Service, send: Send) -> None:
    put = a_put()
    assert (await send(await storage.presign_put(put, utc_now(), 900), BODY[::-1])).status_code == 400
    assert (await storage.look_up((put.key,)))[0].presence is Presence.ABSENT


async def test_no_header_may_be_dropped(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(a_put(), utc_now(), 900)
    assert set(signed.headers) == {
        "Content-Type",
        "If-None-Match",
        "x-amz-checksum-sha256",
        "x-amz-meta-owner",
        "x-amz-meta-name",
    }
    for name in signed.headers:
        assert (await send(signed, BODY, without=(name,))).status_code in (400, 403), name


async def test_whatever_must_be_sent_is_signed(storage: Service) -> None:
    # This store refuses what is sent unsigned; another one might not.
    signed = await storage.presign_put(a_put(), utc_now(), 900)
    (names,) = parse_qs(urlsplit(signed.url).query)["X-Amz-SignedHeaders"]
    assert set(names.split(";")) == {name.lower() for name in signed.headers} | {"host", "content-length"}


async def test_metadata_may_not_be_changed(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(a_put(), utc_now(), 900)
    assert (await send(signed, BODY, extra={"x-amz-meta-owner": str(uuid4())})).status_code == 403


async def test_another_method_or_key_is_refused(storage: Service, send: Send, browser: httpx.AsyncClient) -> None:
    put = a_put()
    signed = await storage.presign_put(put, utc_now(), 900)
    for method in ("GET", "DELETE", "HEAD"):
        assert (await send(signed, BODY, method=method)).status_code == 403, method
    other = signed.url.replace(put.key, f"{uuid4()}/{uuid4()}")
    assert (await browser.put(other, headers=signed.headers, content=BODY)).status_code == 403


async def test_a_url_ends_when_it_says(storage: Service, send: Send) -> None:
    signed_at = utc_now() - timedelta(seconds=900)
    signed = await storage.presign_put(a_put(), signed_at, 899)
    assert signed.expires_at == signed_at.replace(microsecond=0) + timedelta(seconds=899)
    assert (await send(signed, BODY)).status_code == 403


async def test_the_same_arguments_give_the_same_url(storage: Service) -> None:
    put, at = a_put(), utc_now()
    first = await storage.presign_put(put, at, 900)
    assert await storage.presign_put(put, at, 900) == first
    assert (await storage.presign_put(put, at + timedelta(seconds=1), 900)).url != first.url


async def test_urls_name_the_public_endpoint(settings: Settings) -> None:
    public = Settings(
        settings.endpoint,
        settings.access_key,
        settings.secret_key,
        public_endpoint="https://files.example:443",
        bucket=settings.bucket,
    )
    async with service.open(public, now=utc_now) as storage:
        put = await storage.presign_put(a_put(), utc_now(), 60)
        get = await storage.presign_get("a/b", "b", "text/plain", Disposition.INLINE, 60)
    assert urlsplit(put.url).netloc == urlsplit(get.url).netloc == "files.example"


@pytest.mark.parametrize(
    "name",
    [
        'quo"te\\.txt',
        "new\r\nSet-Cookie: a=b\n.txt",
        "😀 emoji.png",
        "\u202egnp.exe",
        "ä" * 127 + "x",
        "percent%41 &=?#;.txt",
        "x" * 255,
    ],
)
async def test_any_name_comes_back_with_the_download(storage: Service, send: Send, name: str) -> None:
    put = a_put()
    await send(await storage.presign_put(put, utc_now(), 900), BODY)
    signed = await storage.presign_get(put.key, name, "text/html", Disposition.INLINE, 300)
    answer = await send(signed)
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["content-type"] == "text/html"
    assert "set-cookie" not in answer.headers
    assert unquote(answer.headers["content-disposition"].rpartition("filename*=UTF-8''")[2]) == name
    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_a_download_url_may_not_be_bent(storage: Service, send: Send, browser: httpx.AsyncClient) -> None:
    put = a_put()
    await send(await storage.presign_put(put, utc_now(), 900), BODY)
    signed = await storage.presign_get(put.key, "a.txt", "text/plain", Disposition.ATTACHMENT, 300)
    assert (await browser.get(signed.url.replace("attachment", "inline"))).status_code == 403
    assert (await browser.get(signed.url.replace("text%2Fplain", "text%2Fhtml"))).status_code == 403
    assert (await browser.delete(signed.url)).status_code == 403


@pytest.mark.parametrize(
    "put",
    [
        Put("k", -1, "text/plain"),
        Put("k", 1, "nothing"),
        Put("k", 1, "text/plain\r\nX: y"),
        Put("", 1, "text/plain"),
        Put("k", 1, "text/plain", b"short"),
    ],
)
async def test_nonsense_is_not_signed(storage: Service, put: Put) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(put, utc_now(), 60)


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
async def test_no_url_lives_for_no_time_or_for_ever(storage: Service, seconds: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(a_put(), utc_now(), seconds)


async def test_nothing_is_open_to_strangers(storage: Service, settings: Settings, browser: httpx.AsyncClient) -> None:
    put = a_put()
    signed = await storage.presign_put(put, utc_now(), 900)
    await browser.put(signed.url, headers=signed.headers, content=BODY)
    bucket = f"{settings.endpoint}/{settings.bucket}"
    assert (await browser.get(f"{bucket}/{put.key}")).status_code == 403
    assert (await browser.get(bucket)).status_code == 403
    assert (await browser.put(f"{bucket}/{uuid4()}", content=b"x")).status_code == 403
    assert (await browser.delete(f"{bucket}/{put.key}")).status_code == 403


async def test_a_page_of_another_origin_may_upload_and_read_the_etag(
    storage: Service, browser: httpx.AsyncClient
) -> None:
    signed = await storage.presign_put(a_put(), utc_now(), 900)
    origin = {"Origin": "https://app.example"}
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(name.lower() for name in sorted(signed.headers)),
    }
    preflight = await browser.options(signed.url, headers=origin | asked)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] in ("*", "https://app.example")
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert allowed == "*" or all(name.lower() in allowed for name in signed.headers)
    answer = await browser.put(signed.url, headers=signed.headers | origin, content=BODY)
    assert answer.status_code == 200
    assert "etag" in answer.headers["access-control-expose-headers"].lower()
