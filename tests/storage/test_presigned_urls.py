"""A presigned URL allows exactly one request, tested against the real store."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import httpx
import msgspec
import pytest

from drivebay.contract.storage import Disposition, Presence, PutSpec
from drivebay.errors import InvalidRequest
from drivebay.storage import service
from drivebay.storage.sealed_metadata import METADATA_HEADER
from drivebay.storage.service import Service, Settings

Send = Callable[..., Awaitable[httpx.Response]]
BODY = b"all the bytes of a file"


def put_spec(body: bytes = BODY, content_type: str = "text/plain") -> PutSpec:
    metadata = {"owner": str(uuid4()), "name": "two  spaces ü.txt"}
    return PutSpec(f"{uuid4()}/{uuid4()}", len(body), content_type, hashlib.sha256(body).digest(), metadata)


def utc_now() -> datetime:
    return datetime.now(UTC)


async def test_the_store_enforces_everything_we_sign(storage: Service) -> None:
    capabilities = await storage.get_capabilities()
    enforced = (
        capabilities.signed_length,
        capabilities.signed_type,
        capabilities.signed_checksum,
        capabilities.write_once,
        capabilities.reports_checksum,
        capabilities.reports_type,
        capabilities.private,
    )
    assert all(enforced), capabilities
    assert capabilities.batch_delete
    assert capabilities.conditional_copy
    assert not capabilities.versioned
    assert capabilities.clock_offset is not None
    assert abs(capabilities.clock_offset) <= 1


async def test_the_right_bytes_are_accepted_and_looked_up_with_all_fields(storage: Service, send: Send) -> None:
    put = put_spec()
    signed = await storage.presign_put(put, utc_now(), 900)
    assert (await send(signed, BODY)).status_code == 200
    (found,) = await storage.stat_objects((put.key,))
    assert (found.presence, found.size, found.content_type) == (Presence.FOUND, len(BODY), "text/plain")
    assert found.sha256 == put.sha256
    assert found.etag == hashlib.md5(BODY).hexdigest()
    assert abs(utc_now() - found.modified_at) < timedelta(seconds=30)


async def test_without_a_checksum_any_bytes_of_that_size_are_accepted(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(PutSpec(f"{uuid4()}/x", len(BODY), "text/plain"), utc_now(), 900)
    assert (await send(signed, BODY[::-1])).status_code == 200


async def test_the_same_url_works_once(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(put_spec(), utc_now(), 900)
    assert [(await send(signed, BODY)).status_code for _ in range(3)] == [200, 412, 412]


async def test_an_empty_file_can_be_uploaded_and_downloaded(storage: Service, send: Send) -> None:
    put = put_spec(b"")
    assert (await send(await storage.presign_put(put, utc_now(), 900), b"")).status_code == 200
    (found,) = await storage.stat_objects((put.key,))
    assert (found.presence, found.size, found.sha256) == (Presence.FOUND, 0, hashlib.sha256(b"").digest())
    signed = await storage.presign_get(put.key, "empty", "text/plain", Disposition.ATTACHMENT, 300)
    response = await send(signed)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("body", [BODY + b"!", BODY[:-1], b""])
async def test_another_length_is_refused(storage: Service, send: Send, body: bytes, checksum: bool) -> None:
    # Without a checksum, the length is the only difference.
    put = put_spec() if checksum else msgspec.structs.replace(put_spec(), sha256=None)
    assert (await send(await storage.presign_put(put, utc_now(), 900), body)).status_code in (400, 403)
    assert (await storage.stat_objects((put.key,)))[0].presence is Presence.ABSENT


async def test_another_type_is_refused(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(put_spec(), utc_now(), 900)
    assert (await send(signed, BODY, extra={"Content-Type": "text/html"})).status_code == 403


async def test_other_bytes_are_refused(storage: Service, send: Send) -> None:
    put = put_spec()
    assert (await send(await storage.presign_put(put, utc_now(), 900), BODY[::-1])).status_code == 400
    assert (await storage.stat_objects((put.key,)))[0].presence is Presence.ABSENT


async def test_an_upload_without_one_of_its_headers_is_refused(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(put_spec(), utc_now(), 900)
    assert set(signed.headers) == {
        "Content-Type",
        "If-None-Match",
        "x-amz-checksum-sha256",
        METADATA_HEADER,
    }
    for name in signed.headers:
        assert (await send(signed, BODY, without=(name,))).status_code in (400, 403), name


async def test_every_header_to_send_is_signed(storage: Service) -> None:
    # This store refuses unsigned headers. Another one may accept them.
    signed = await storage.presign_put(put_spec(), utc_now(), 900)
    (names,) = parse_qs(urlsplit(signed.url).query)["X-Amz-SignedHeaders"]
    assert set(names.split(";")) == {name.lower() for name in signed.headers} | {"host", "content-length"}


async def test_changed_metadata_is_refused(storage: Service, send: Send) -> None:
    signed = await storage.presign_put(put_spec(), utc_now(), 900)
    assert (await send(signed, BODY, extra={METADATA_HEADER: "v1.other"})).status_code == 403


async def test_another_method_or_key_is_refused(storage: Service, send: Send, browser: httpx.AsyncClient) -> None:
    put = put_spec()
    signed = await storage.presign_put(put, utc_now(), 900)
    for method in ("GET", "DELETE", "HEAD"):
        assert (await send(signed, BODY, method=method)).status_code == 403, method
    other = signed.url.replace(put.key, f"{uuid4()}/{uuid4()}")
    assert (await browser.put(other, headers=signed.headers, content=BODY)).status_code == 403


async def test_a_url_expires_at_its_time(storage: Service, send: Send) -> None:
    signed_at = utc_now() - timedelta(seconds=900)
    signed = await storage.presign_put(put_spec(), signed_at, 899)
    assert signed.expires_at == signed_at.replace(microsecond=0) + timedelta(seconds=899)
    assert (await send(signed, BODY)).status_code == 403


async def test_the_same_arguments_give_the_same_url(storage: Service) -> None:
    put, at = put_spec(), utc_now()
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
        put = await storage.presign_put(put_spec(), utc_now(), 60)
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
async def test_a_download_has_any_file_name_unchanged(storage: Service, send: Send, name: str) -> None:
    put = put_spec()
    await send(await storage.presign_put(put, utc_now(), 900), BODY)
    signed = await storage.presign_get(put.key, name, "text/html", Disposition.INLINE, 300)
    response = await send(signed)
    assert (response.status_code, response.content) == (200, BODY)
    assert response.headers["content-type"] == "text/html"
    assert "set-cookie" not in response.headers
    assert unquote(response.headers["content-disposition"].rpartition("filename*=UTF-8''")[2]) == name
    assert response.headers["content-disposition"].startswith("attachment;")


async def test_a_changed_download_url_is_refused(storage: Service, send: Send, browser: httpx.AsyncClient) -> None:
    put = put_spec()
    await send(await storage.presign_put(put, utc_now(), 900), BODY)
    signed = await storage.presign_get(put.key, "a.txt", "text/plain", Disposition.ATTACHMENT, 300)
    assert (await browser.get(signed.url.replace("attachment", "inline"))).status_code == 403
    assert (await browser.get(signed.url.replace("text%2Fplain", "text%2Fhtml"))).status_code == 403
    assert (await browser.delete(signed.url)).status_code == 403


@pytest.mark.parametrize(
    "put",
    [
        PutSpec("k", -1, "text/plain"),
        PutSpec("k", 1, "nothing"),
        PutSpec("k", 1, "text/plain\r\nX: y"),
        PutSpec("", 1, "text/plain"),
        PutSpec("k", 1, "text/plain", b"short"),
    ],
)
async def test_an_invalid_upload_is_not_signed(storage: Service, put: PutSpec) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(put, utc_now(), 60)


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
async def test_a_url_lives_from_one_second_to_seven_days(storage: Service, seconds: int) -> None:
    with pytest.raises(InvalidRequest):
        await storage.presign_put(put_spec(), utc_now(), seconds)


async def test_unsigned_requests_are_refused(storage: Service, settings: Settings, browser: httpx.AsyncClient) -> None:
    put = put_spec()
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
    signed = await storage.presign_put(put_spec(), utc_now(), 900)
    origin = {"Origin": "https://app.example"}
    preflight_headers = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(name.lower() for name in sorted(signed.headers)),
    }
    preflight = await browser.options(signed.url, headers=origin | preflight_headers)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] in ("*", "https://app.example")
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert allowed == "*" or all(name.lower() in allowed for name in signed.headers)
    response = await browser.put(signed.url, headers=signed.headers | origin, content=BODY)
    assert response.status_code == 200
    assert "etag" in response.headers["access-control-expose-headers"].lower()
