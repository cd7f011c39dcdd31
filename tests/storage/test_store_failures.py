"""When the store fails, is slow or refuses us, no result is a guess, and errors name the cause."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from aiohttp import web
from scripted_store import Script, ScriptedStore, error_response, let_through, run_store
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from drivebay.contract.storage import Capabilities, Disposition, Presence, PutSpec
from drivebay.errors import Unavailable
from drivebay.storage import s3, service
from drivebay.storage.bucket import Misconfigured
from drivebay.storage.s3.s3_client import MAX_RESPONSE
from drivebay.storage.service import Service, Settings

CANARY = "canary-secret-7f3a"


def utc_now() -> datetime:
    return datetime.now(UTC)


def settings_for(store: ScriptedStore) -> Settings:
    return Settings(
        store.endpoint,
        "key",
        CANARY,
        bucket="b",
        call_timeout=timedelta(milliseconds=500),
        copy_timeout=timedelta(milliseconds=500),
        startup_retry_delay=timedelta(milliseconds=100),
    )


async def wait_until_started(storage: Service) -> None:
    """Wait for the start. The first attempt may fail on a busy machine."""
    async with asyncio.timeout(10):
        while True:
            with suppress(Unavailable):
                await storage.get_capabilities()
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running_service(script: Script | None = None) -> AsyncIterator[tuple[ScriptedStore, Service]]:
    """A service that started on a good store. From then on, the script decides the responses."""
    async with run_store() as store, service.open(settings_for(store), now=utc_now) as storage:
        await wait_until_started(storage)
        if script is not None:
            store.script = script
        yield store, storage


def always_fails(status: int, code: str = "InternalError") -> Script:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return error_response(status, code)

    return script


def without_clock(capabilities: Capabilities) -> Capabilities:
    return msgspec.structs.replace(capabilities, clock_offset=None)


async def no_answer(request: web.Request, body: bytes) -> web.Response | None:
    await asyncio.sleep(30)
    return None


ONE = (f"{uuid4()}/{uuid7()}",)
MANY = tuple(f"{uuid4()}/{uuid7()}" for _ in range(5)) + tuple(f"owner/{uuid7()}" for _ in range(40))


# -- look-ups do not guess -------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [ONE, MANY])
@pytest.mark.parametrize("status", [500, 503, 403, 429, 301, 400])
async def test_an_error_never_reads_as_absent(keys: tuple[str, ...], status: int) -> None:
    async with running_service(always_fails(status)) as (_, storage):
        assert {found.presence for found in await storage.stat_objects(keys)} == {Presence.UNKNOWN}


@pytest.mark.parametrize("status", [403, 400, 301, 405, 409])
async def test_a_refused_look_up_of_one_object_is_not_absent(status: int) -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return error_response(status, "AccessDenied") if request.path.endswith(ONE[0]) else None

    async with running_service(script) as (_, storage):
        assert (await storage.stat_objects(ONE))[0].presence is Presence.UNKNOWN


@pytest.mark.parametrize("keys", [ONE, MANY])
async def test_a_timeout_reads_as_unknown(keys: tuple[str, ...]) -> None:
    async with running_service(no_answer) as (store, storage):
        before = len(store.requests)
        async with asyncio.timeout(5):
            objects = await storage.stat_objects(keys)
        # After the deadline no more requests are sent, even if a call times out at the same time.
        assert len(store.requests) - before <= 33
    assert {found.presence for found in objects} == {Presence.UNKNOWN}


async def test_objects_of_a_deleted_bucket_are_not_absent() -> None:
    async with running_service(always_fails(404, "NoSuchBucket")) as (_, storage):
        assert {found.presence for found in await storage.stat_objects(MANY)} == {Presence.UNKNOWN}


async def test_one_failed_look_up_does_not_affect_the_others() -> None:
    keys = ("a/1", "b/2", "c/3")

    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return error_response(503, "SlowDown") if request.path.endswith("b/2") else None

    async with running_service(script) as (store, storage):
        store.objects["a/1"] = b"x"
        objects = await storage.stat_objects(keys)
    assert [found.presence for found in objects] == [Presence.FOUND, Presence.UNKNOWN, Presence.ABSENT]


async def test_a_truncated_listing_without_objects_is_an_error() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        text = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
        return web.Response(text=text) if "list-type" in request.query else None

    async with running_service(script) as (_, storage):
        with pytest.raises(Unavailable):
            await storage.list_objects(None, 10)


@pytest.mark.parametrize("entry", ["", "<Key>a</Key>", "<Key>a</Key><Size>many</Size>", "<Size>1</Size>"])
async def test_a_listing_with_an_invalid_entry_is_an_error(entry: str) -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        text = f"<ListBucketResult><Contents>{entry}</Contents></ListBucketResult>"
        return web.Response(text=text) if "list-type" in request.query else None

    async with running_service(script) as (_, storage):
        with pytest.raises(Unavailable):
            await storage.list_objects(None, 10)


@pytest.mark.parametrize("text", ["", "<html>come back later</html>", "<ListBucketResult><Contents><Key>a</Ke"])
async def test_an_incomplete_listing_is_an_error_and_not_an_empty_listing(text: str) -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        listing = {"list-type", "uploads", "uploadId"} & set(request.query)
        return web.Response(text=text) if listing and "max-keys=1&" not in f"{request.query_string}&" else None

    async with running_service(script) as (_, storage):
        with pytest.raises(Unavailable):
            await storage.list_objects(None, 10)
        with pytest.raises(Unavailable):
            await storage.list_parts("a/1", "an-upload")
        with pytest.raises(Unavailable):
            await storage.list_multiparts(None, 10)


async def test_a_response_larger_than_the_limit_is_an_error() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return web.Response(body=bytes(MAX_RESPONSE + 1))

    async with run_store(script) as store:
        options = s3.S3Options(store.endpoint, "key", CANARY, "b", timeout=timedelta(minutes=1))
        async with s3.connect(options, now=utc_now) as bucket:
            with pytest.raises(Unavailable, match="larger than"):
                await bucket.list_objects("", "", 10)


async def test_a_listing_with_entities_is_an_error() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        entry = "<Contents><Key>&key;</Key><Size>1</Size></Contents>"
        text = f'<!DOCTYPE a [<!ENTITY key "a">]><ListBucketResult>{entry}</ListBucketResult>'
        return web.Response(text=text) if "list-type" in request.query else None

    async with running_service(script) as (_, storage):
        with pytest.raises(Unavailable, match="document type"):
            await storage.list_objects(None, 10)


async def test_an_object_without_a_size_is_unknown() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        return response  # type: ignore[return-value]

    async with running_service(script) as (_, storage):
        assert (await storage.stat_objects(ONE))[0].presence is Presence.UNKNOWN


# -- other calls are unavailable -------------------------------------------------------------------


@pytest.mark.parametrize("script", [always_fails(500), always_fails(403, "AccessDenied"), no_answer])
async def test_calls_on_a_failing_store_are_unavailable(script: Script) -> None:
    async with running_service(script) as (_, storage):
        for call in (storage.delete_objects(ONE), storage.list_objects(None, 10), storage.quarantine_object(ONE[0])):
            with pytest.raises(Unavailable):
                await call


async def test_a_deletion_names_the_keys_that_were_not_deleted() -> None:
    text = (
        "<DeleteResult><Error><Key>a&amp;b</Key><Code>AccessDenied</Code></Error>"
        "<Error><Key>gone</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
    )

    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return web.Response(text=text)

    async with running_service(script) as (_, storage):
        deletions = await storage.delete_objects(("a&b", "gone", "other"))
    assert [deletion.error for deletion in deletions] == ["AccessDenied", None, None]


async def test_a_deletion_is_repeated_after_its_pooled_connection_was_closed() -> None:
    posts = 0

    async def script(request: web.Request, body: bytes) -> web.Response | None:
        nonlocal posts
        posts += request.method == "POST"
        if request.method == "POST" and posts == 1 and request.transport is not None:
            request.transport.close()
        return None

    async with running_service(script) as (_, storage):
        assert [deletion.error for deletion in await storage.delete_objects(("a", "b"))] == [None, None]
    assert posts == 2


async def test_a_copy_that_fails_after_status_200_deletes_nothing() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return web.Response(text="<Error><Code>InternalError</Code></Error>")

    async with running_service(script) as (store, storage):
        store.requests.clear()
        with pytest.raises(Unavailable):
            await storage.quarantine_object("a/b")
        assert [method for method, _ in store.requests] == ["PUT"]


async def test_health_names_a_failing_store_a_missing_bucket_and_a_wrong_clock() -> None:
    async def health_of(script: Script) -> list[tuple[str, bool]]:
        async with running_service(script) as (_, storage):
            return [(health.name, health.ok) for health in await storage.health()]

    async def wrong_clock(request: web.Request, body: bytes) -> web.Response | None:
        return web.Response(headers={"Date": "Mon, 01 Jan 2024 00:00:00 GMT"})

    assert await health_of(always_fails(500)) == [("store", False)]
    assert await health_of(always_fails(404)) == [("store", False)]
    assert await health_of(wrong_clock) == [("store", True), ("store clock", False)]


async def test_concurrent_health_checks_send_one_request() -> None:
    async with running_service() as (store, storage):
        store.requests.clear()
        await asyncio.gather(*[storage.health() for _ in range(20)])
        assert len(store.requests) == 1


# -- what a store does not enforce -----------------------------------------------------------------


async def test_the_probe_detects_a_store_that_checks_nothing() -> None:
    async with running_service() as (_, storage):
        capabilities = msgspec.structs.asdict(await storage.get_capabilities())
        # It responded with 200 to the CORS rule and the deletions, and its clock is the clock of this machine.
        assert {name for name, value in capabilities.items() if value} <= {"cors", "clock_offset", "batch_delete"}


async def test_without_enforced_checksums_objects_are_looked_up_one_by_one() -> None:
    async with running_service() as (store, storage):
        store.requests.clear()
        await storage.stat_objects(MANY)
        assert not [path for _, path in store.requests if "list-type" in path]


async def test_uploads_omit_a_header_that_the_store_does_not_support() -> None:
    async def not_implemented(request: web.Request, body: bytes) -> web.Response | None:
        return error_response(501, "NotImplemented") if "If-None-Match" in request.headers else None

    async def refused(request: web.Request, body: bytes) -> web.Response | None:
        return error_response(400, "NotImplemented") if "If-None-Match" in request.headers else None

    for script in (not_implemented, refused):
        async with run_store(script) as store, service.open(settings_for(store), now=utc_now) as storage:
            put = PutSpec("a/b", 1, "text/plain", hashlib.sha256(b"x").digest())
            signed = await storage.presign_put(put, utc_now(), 60)
            assert set(signed.headers) == {"Content-Type", "x-amz-checksum-sha256"}
            assert "if-none-match" not in signed.url
            assert not (await storage.get_capabilities()).write_once


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_store_that_is_busy_during_the_probe_keeps_its_capabilities(status: int) -> None:
    busy = [error_response(status, "SlowDown")]

    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return busy.pop() if busy and "If-None-Match" in request.headers else None

    async with run_store(script) as store, service.open(settings_for(store), now=utc_now) as storage:
        await wait_until_started(storage)
        signed = await storage.presign_put(PutSpec("a/b", 1, "text/plain"), utc_now(), 60)
    assert signed.headers["If-None-Match"] == "*"


async def no_batches(request: web.Request, body: bytes) -> web.Response | None:
    return error_response(501, "NotImplemented") if request.method == "POST" else None


async def deletes_nothing(request: web.Request, body: bytes) -> web.Response | None:
    """Answers 200 to a batch deletion and deletes nothing."""
    return web.Response(text="<DeleteResult/>") if request.method == "POST" else None


@pytest.mark.parametrize("script", [None, no_batches, deletes_nothing])
async def test_the_probe_cleans_up(script: Script | None) -> None:
    async with run_store(script or let_through) as store, service.open(settings_for(store), now=utc_now):
        assert any("/.drivebay/probe/" in path for method, path in store.requests if method == "PUT")
        assert store.objects == {}


@pytest.mark.parametrize("script", [no_batches, deletes_nothing])
async def test_without_batch_deletion_objects_are_deleted_one_by_one(script: Script) -> None:
    async with run_store(script) as store, service.open(settings_for(store), now=utc_now) as storage:
        assert not (await storage.get_capabilities()).batch_delete
        store.objects.update({"a/1": b"x", "a/2": b"x", "b/3": b"x"})
        deletions = await storage.delete_objects(("a/1", "gone", "b/3"))
        assert [(each.key, each.error) for each in deletions] == [
            ("a/1", None),
            ("gone", None),
            ("b/3", None),
        ]
        assert set(store.objects) == {"a/2"}


async def test_one_failed_deletion_does_not_affect_the_others() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        stuck = request.method == "DELETE" and request.path.endswith("/stuck")
        return error_response(403, "AccessDenied") if stuck else await no_batches(request, body)

    async with run_store(script) as store, service.open(settings_for(store), now=utc_now) as storage:
        stuck, gone = await storage.delete_objects(("stuck", "gone"))
    assert "AccessDenied" in (stuck.error or "")
    assert gone.error is None


@pytest.mark.parametrize(
    ("script", "name", "event"),
    [
        (None, "private", "bucket_is_public"),
        (no_batches, "batch_delete", "store_without_batch_delete"),
        (None, "write_once", "store_does_not_enforce"),
    ],
)
async def test_a_missing_capability_is_logged(script: Script | None, name: str, event: str) -> None:
    with capture_logs() as logs:
        async with run_store(script or let_through) as store, service.open(settings_for(store), now=utc_now) as storage:
            assert getattr(await storage.get_capabilities(), name) is False
    (event_fields,) = [log for log in logs if log["event"] == "store_capabilities"]
    assert event_fields[name] is False
    assert event in [log["event"] for log in logs]


async def test_a_versioned_bucket_is_logged() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        text = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        return web.Response(text=text) if "versioning" in request.query else None

    with capture_logs() as logs:
        async with run_store(script) as store, service.open(settings_for(store), now=utc_now) as storage:
            assert (await storage.get_capabilities()).versioned
    assert "bucket_keeps_versions" in [log["event"] for log in logs]


# -- a store that is unreachable or refuses us ----------------------------------------------------


async def test_without_a_store_every_call_is_unavailable_and_no_object_is_absent(unreachable: Settings) -> None:
    async with service.open(unreachable, now=utc_now) as storage:
        for call in (
            storage.presign_put(PutSpec("a", 1, "text/plain"), utc_now(), 60),
            storage.presign_get("a", "a", "text/plain", Disposition.INLINE, 60),
            storage.delete_objects(("a",)),
            storage.list_objects(None, 1),
            storage.quarantine_object("a"),
            storage.get_capabilities(),
        ):
            with pytest.raises(Unavailable, match="cannot be reached"):
                await call
        assert (await storage.stat_objects(("a",)))[0].presence is Presence.UNKNOWN
        (health,) = await storage.health()
        assert not health.ok
        assert "cannot be reached" in health.detail


async def test_a_store_that_becomes_reachable_later_is_used(unreachable: Settings) -> None:
    down = True

    async def script(request: web.Request, body: bytes) -> web.Response | None:
        return error_response(503, "ServiceUnavailable") if down else None

    async with run_store(script) as store, service.open(settings_for(store), now=utc_now) as storage:
        with pytest.raises(Unavailable):
            await storage.get_capabilities()
        down = False
        async with asyncio.timeout(5):
            while not (await storage.health())[0].ok:
                await asyncio.sleep(0.1)
        assert await storage.get_capabilities()


async def test_a_clock_difference_that_breaks_signatures_is_reported() -> None:
    async def script(request: web.Request, body: bytes) -> web.Response | None:
        response = error_response(403, "RequestTimeTooSkewed")
        response.headers["Date"] = "Mon, 01 Jan 2024 00:00:00 GMT"
        return response

    async with run_store(script) as store, service.open(settings_for(store), now=utc_now) as storage:
        (health,) = await storage.health()
        with pytest.raises(Unavailable, match=r"clock is [0-9]+ s from ours"):
            await storage.get_capabilities()
    assert not health.ok
    assert "clock is " in health.detail


@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
async def test_wrong_keys_stop_the_start_and_name_the_settings(settings: Settings, wrong: str) -> None:
    wrong_settings = replace(settings, **{wrong: CANARY})
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY") as caught:
        async with service.open(wrong_settings, now=utc_now):
            pass
    assert settings.secret_key not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "ftp://host", "http://", "http://host:port", "http://host/path"]
)
async def test_an_invalid_endpoint_is_reported_with_its_setting(settings: Settings, endpoint: str) -> None:
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ENDPOINT"):
        async with service.open(replace(settings, endpoint=endpoint), now=utc_now):
            pass
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_PUBLIC_ENDPOINT"):
        async with service.open(replace(settings, public_endpoint=endpoint), now=utc_now):
            pass


async def test_two_services_can_start_on_one_bucket(settings: Settings) -> None:
    async with service.open(settings, now=utc_now) as one, service.open(settings, now=utc_now) as two:
        assert without_clock(await one.get_capabilities()) == without_clock(await two.get_capabilities())


async def test_services_that_start_at_the_same_time_share_the_bucket(settings: Settings) -> None:
    async def start() -> Capabilities:
        async with service.open(settings, now=utc_now) as storage:
            return without_clock(await storage.get_capabilities())

    assert len(set(await asyncio.gather(start(), start(), start()))) == 1


async def test_no_secret_is_in_logs_errors_or_reprs(settings: Settings) -> None:
    secret = settings.secret_key
    with capture_logs() as logs:
        async with service.open(settings, now=utc_now) as storage:
            signed = await storage.presign_put(PutSpec("a/b", 1, "text/plain"), utc_now(), 60)
            shown = [repr(storage), repr(settings), repr(storage._bucket), repr(vars(storage._bucket))]
        async with run_store(always_fails(500)) as store, service.open(settings_for(store), now=utc_now) as broken:
            with pytest.raises(Unavailable) as caught:
                await broken.list_objects(None, 1)
    shown_text = "".join([*shown, repr(logs), repr(caught.value)])
    assert logs
    assert secret not in shown_text
    assert repr(settings.root_secret) not in shown_text
    assert CANARY not in shown_text
    assert signed.url.partition("X-Amz-Signature=")[2] not in shown_text
