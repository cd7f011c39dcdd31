"""Web pages of the allowed origins may upload and download. CORS rules of others in the bucket stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from drivebay.contract.storage import Disposition, PutSpec
from drivebay.storage import service
from drivebay.storage.s3 import S3Bucket
from drivebay.storage.s3.cors_rules import EXPOSED_HEADERS, UnreadableRules, add_rules
from drivebay.storage.s3.s3_client import S3Call, xml_headers
from drivebay.storage.service import Service, Settings

Send = Callable[..., Awaitable[httpx.Response]]
ORIGIN, OTHER = "https://app.example.com", "https://evil.example.com"
FOREIGN = (
    "<CORSRule><ID>theirs</ID><AllowedOrigin>https://other.example.com</AllowedOrigin>"
    "<AllowedMethod>DELETE</AllowedMethod></CORSRule>"
)
OF_AN_EARLIER_RELEASE = (
    "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>"
    "<AllowedMethod>HEAD</AllowedMethod><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
    "<MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule>"
)

OF_THE_LAST_RELEASE = tuple(
    f"<CORSRule><ID>drivebay-{name}</ID><AllowedOrigin>*</AllowedOrigin><AllowedMethod>{method}</AllowedMethod></CORSRule>"
    for name, method in (("upload", "PUT"), ("download", "GET"))
)


def configuration(*rules: str) -> bytes:
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<CORSConfiguration xmlns="{namespace}">{"".join(rules)}</CORSConfiguration>'.encode()


def test_rules_of_others_stay_and_ours_are_written_once() -> None:
    first = add_rules(configuration(FOREIGN), (ORIGIN,))
    assert first is not None
    assert FOREIGN.encode() in first
    assert add_rules(first, (ORIGIN,)) is None
    changed = add_rules(first, ("https://new.example.com",))
    assert changed is not None
    assert FOREIGN.encode() in changed
    assert ORIGIN.encode() not in changed
    assert changed.count(b"<ID>drivebay-") == 2


def test_ours_are_moved_before_a_rule_that_was_put_before_them() -> None:
    ours = add_rules(None, (ORIGIN,))
    assert ours is not None
    namespace = ours[: ours.index(b"<CORSRule>")]
    after_others = namespace + FOREIGN.encode() + ours[len(namespace) :]
    written = add_rules(after_others, (ORIGIN,))
    assert written is not None
    assert written.index(b"<ID>drivebay-") < written.index(FOREIGN.encode())
    assert add_rules(written, (ORIGIN,)) is None


@pytest.mark.parametrize("old", [(OF_AN_EARLIER_RELEASE,), OF_THE_LAST_RELEASE])
def test_the_rules_of_an_earlier_release_are_replaced(old: tuple[str, ...]) -> None:
    written = add_rules(configuration(*old, FOREIGN), (ORIGIN,))
    assert written is not None
    assert (written.count(b"<CORSRule>"), FOREIGN.encode() in written) == (3, True)


@pytest.mark.parametrize(
    "text",
    [b"", b"<a/>", b"not xml", configuration("<Other/>"), configuration("<CORSRule><New>1</New></CORSRule>")],
)
def test_a_configuration_that_cannot_be_read_is_not_replaced(text: bytes) -> None:
    with pytest.raises(UnreadableRules):
        add_rules(text, (ORIGIN,))


async def read_rules(bucket: S3Bucket) -> bytes:
    return (await bucket._client.call(S3Call("get_cors", "GET", query={"cors": ""}))).body


async def test_a_page_can_read_the_headers_of_a_download_after_a_redirect(
    settings: Settings, send: Send, browser: httpx.AsyncClient
) -> None:
    async with service.open(replace(settings, allowed_origins=(ORIGIN,)), now=lambda: datetime.now(UTC)) as storage:
        await skip_without_cors(storage)
        put = PutSpec("owner/upload", 5, "text/plain")
        signed = await storage.presign_put(put, datetime.now(UTC), 60)
        asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
        for origin, is_allowed in ((ORIGIN, True), (OTHER, False), ("null", False)):
            preflight = await browser.options(signed.url, headers={"Origin": origin, **asked})
            assert ("PUT" in preflight.headers.get("Access-Control-Allow-Methods", "")) == is_allowed, origin
        # A request for a part of a file needs a preflight, and so does one with the headers of a tracing library.
        for origin, is_allowed in ((ORIGIN, True), ("null", True), (OTHER, False)):
            for method in ("GET", "HEAD"):
                wanted = {"range", "if-match", "traceparent"}
                asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": ",".join(wanted)}
                answer = (await browser.options(signed.url, headers={"Origin": origin, **asked})).headers
                assert (method in answer.get("Access-Control-Allow-Methods", "")) == is_allowed, origin
                allowed = {name.strip().lower() for name in answer.get("Access-Control-Allow-Headers", "").split(",")}
                assert (wanted <= allowed or "*" in allowed) == is_allowed, origin
        assert (await send(signed, b"hello", extra={"Origin": ORIGIN})).status_code == 200
        get = await storage.presign_get(put.key, "a", "text/plain", Disposition.ATTACHMENT, 60)
        for origin in (ORIGIN, "null"):
            headers = (await send(get, extra={"Origin": origin, "Range": "bytes=1-"})).headers
            assert headers["Access-Control-Allow-Origin"] == origin
            exposed = {name.strip() for name in headers["Access-Control-Expose-Headers"].split(",")}
            assert exposed >= set(EXPOSED_HEADERS)
        assert "Access-Control-Allow-Origin" not in (await send(get, extra={"Origin": OTHER})).headers


async def test_a_start_keeps_the_rules_of_others(settings: Settings) -> None:
    async with service.open(settings, now=lambda: datetime.now(UTC)) as storage:
        await skip_without_cors(storage)
        bucket = storage._bucket
        assert isinstance(bucket, S3Bucket)
        body = configuration(FOREIGN)
        call = S3Call("set_cors", "PUT", query={"cors": ""}, headers=xml_headers(body), body=body)
        assert (await bucket._client.call(call)).status < 300
    for _ in range(2):
        async with service.open(settings, now=lambda: datetime.now(UTC)) as storage:
            assert isinstance(storage._bucket, S3Bucket)
            rules = await read_rules(storage._bucket)
            assert (rules.count(b"<ID>"), rules.count(b"<ID>theirs</ID>")) == (2, 1)


async def skip_without_cors(storage: Service) -> None:
    if not (await storage.get_capabilities()).cors:
        pytest.skip("this store has no CORS rules of a bucket")
