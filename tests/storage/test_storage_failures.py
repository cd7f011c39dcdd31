"""When the store is down, slow, lax, lying or not ours: nothing is guessed, and it is said what is wrong."""

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
from structlog.testing import capture_logs
from stubborn import Answer, Stubborn, refusal, stubborn, willing
from uuid_utils.compat import uuid7

from drivebay.contract.storage import Capabilities, Disposition, Presence, Put
from drivebay.errors import Unavailable
from drivebay.storage import service
from drivebay.storage.bucket import Misconfigured
from drivebay.storage.service import Service, Settings

CANARY = "canary-secret-7f3a"


def utc_now() -> datetime:
    return datetime.now(UTC)


def settings_for(store: Stubborn) -> Settings:
    return Settings(
        store.endpoint,
        "key",
        CANARY,
        bucket="b",
        call_timeout=timedelta(milliseconds=500),
        copy_timeout=timedelta(milliseconds=500),
        retry_pause=timedelta(milliseconds=100),
    )


async def started(storage: Service) -> None:
    """Wait for a start that did not go through the first time, as on a busy machine."""
    async with asyncio.timeout(10):
        while True:
            with suppress(Unavailable):
                await storage.capabilities()
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(answer: Answer | None = None) -> AsyncIterator[tuple[Stubborn, Service]]:
    """A service that has started well on a store that misbehaves from then on."""
    async with stubborn() as store, service.open(settings_for(store), now=utc_now) as storage:
        await started(storage)
        if answer is not None:
            store.answer = answer
        yield store, storage


def always(status: int, code: str = "InternalError") -> Answer:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return refusal(status, code)

    return answer


def without_clock(able: Capabilities) -> Capabilities:
    return msgspec.structs.replace(able, clock=None)


async def never(request: web.Request, body: bytes) -> web.Response | None:
    await asyncio.sleep(30)
    return None


ONE = (f"{uuid4()}/{uuid7()}",)
MANY = tuple(f"{uuid4()}/{uuid7()}" for _ in range(5)) + tuple(f"owner/{uuid7()}" for _ in range(40))


# -- look-ups never guess --------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [ONE, MANY])
@pytest.mark.parametrize("status", [500, 503, 403, 429, 301, 400])
async def test_no_error_reads_as_absent(keys: tuple[str, ...], status: int) -> None:
    async with running(always(status)) as (_, storage):
        assert {found.presence for found in await storage.look_up(keys)} == {Presence.UNKNOWN}


@pytest.mark.parametrize("status", [403, 400, 301, 405, 409])
async def test_an_object_that_alone_is_refused_is_not_absent(status: int) -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return refusal(status, "AccessDenied") if request.path.endswith(ONE[0]) else None

    async with running(answer) as (_, storage):
        assert (await storage.look_up(ONE))[0].presence is Presence.UNKNOWN


@pytest.mark.parametrize("keys", [ONE, MANY])
async def test_a_timeout_reads_as_unknown(keys: tuple[str, ...]) -> None:
    async with running(never) as (store, storage):
        asked = len(store.asked)
        async with asyncio.timeout(5):
            answers = await storage.look_up(keys)
        # What its deadline cut off it did not begin, even where two deadlines fell together.
        assert len(store.asked) - asked <= 33
    assert {found.presence for found in answers} == {Presence.UNKNOWN}


async def test_a_vanished_bucket_does_not_make_its_objects_absent() -> None:
    async with running(always(404, "NoSuchBucket")) as (_, storage):
        assert {found.presence for found in await storage.look_up(MANY)} == {Presence.UNKNOWN}


async def test_one_failing_look_up_does_not_spoil_the_others() -> None:
    keys = ("a/1", "b/2", "c/3")

    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return refusal(503, "SlowDown") if request.path.endswith("b/2") else None

    async with running(answer) as (store, storage):
        store.objects["a/1"] = b"x"
        answers = await storage.look_up(keys)
    assert [found.presence for found in answers] == [Presence.FOUND, Presence.UNKNOWN, Presence.ABSENT]


async def test_a_listing_that_breaks_off_is_no_answer() -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        text = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
        return web.Response(text=text) if "list-type" in request.query else None

    async with running(answer) as (_, storage):
        with pytest.raises(Unavailable):
            await storage.page(None, 10)


@pytest.mark.parametrize("entry", ["", "<Key>a</Key>", "<Key>a</Key><Size>many</Size>", "<Size>1</Size>"])
async def test_a_listing_that_makes_no_sense_is_no_answer(entry: str) -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        text = f"<ListBucketResult><Contents>{entry}</Contents></ListBucketResult>"
        return web.Response(text=text) if "list-type" in request.query else None

    async with running(answer) as (_, storage):
        with pytest.raises(Unavailable):
            await storage.page(None, 10)


@pytest.mark.parametrize("text", ["", "<html>come back later</html>", "<ListBucketResult><Contents><Key>a</Ke"])
async def test_what_is_no_whole_listing_does_not_say_that_objects_are_gone(text: str) -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        listing = {"list-type", "uploads", "uploadId"} & set(request.query)
        return web.Response(text=text) if listing and "max-keys=1&" not in f"{request.query_string}&" else None

    async with running(answer) as (_, storage):
        with pytest.raises(Unavailable):
            await storage.page(None, 10)
        with pytest.raises(Unavailable):
            await storage.parts("a/1", "an-upload")
        with pytest.raises(Unavailable):
            await storage.unfinished(None, 10)


async def test_an_object_whose_size_is_not_told_is_unknown() -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        return response  # type: ignore[return-value]

    async with running(answer) as (_, storage):
        assert (await storage.look_up(ONE))[0].presence is Presence.UNKNOWN


# -- other calls fail as unavailable ---------------------------------------------------------------


@pytest.mark.parametrize("answer", [always(500), always(403, "AccessDenied"), never])
async def test_calls_on_a_failing_store_are_unavailable(answer: Answer) -> None:
    async with running(answer) as (_, storage):
        for call in (storage.delete(ONE), storage.page(None, 10), storage.quarantine(ONE[0])):
            with pytest.raises(Unavailable):
                await call


async def test_a_deletion_tells_which_keys_stayed() -> None:
    text = (
        "<DeleteResult><Error><Key>a&amp;b</Key><Code>AccessDenied</Code></Error>"
        "<Error><Key>gone</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
    )

    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return web.Response(text=text)

    async with running(answer) as (_, storage):
        fates = await storage.delete(("a&b", "gone", "other"))
    assert [fate.error for fate in fates] == ["AccessDenied", None, None]


async def test_a_deletion_is_sent_again_when_its_connection_turns_out_to_be_closed() -> None:
    posts = 0

    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        nonlocal posts
        posts += request.method == "POST"
        if request.method == "POST" and posts == 1 and request.transport is not None:
            request.transport.close()
        return None

    async with running(answer) as (_, storage):
        assert [fate.error for fate in await storage.delete(("a", "b"))] == [None, None]
    assert posts == 2


async def test_a_copy_that_fails_after_its_200_deletes_nothing() -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return web.Response(text="<Error><Code>InternalError</Code></Error>")

    async with running(answer) as (store, storage):
        store.asked.clear()
        with pytest.raises(Unavailable):
            await storage.quarantine("a/b")
        assert [method for method, _ in store.asked] == ["PUT"]


async def test_health_names_a_failing_store_a_missing_bucket_and_a_wrong_clock() -> None:
    async def told(answer: Answer) -> list[tuple[str, bool]]:
        async with running(answer) as (_, storage):
            return [(health.name, health.ok) for health in await storage.health()]

    async def yesterday(request: web.Request, body: bytes) -> web.Response | None:
        return web.Response(headers={"Date": "Mon, 01 Jan 2024 00:00:00 GMT"})

    assert await told(always(500)) == [("store", False)]
    assert await told(always(404)) == [("store", False)]
    assert await told(yesterday) == [("store", True), ("store clock", False)]


async def test_health_asks_the_store_once_for_many_who_ask_at_once() -> None:
    async with running() as (store, storage):
        store.asked.clear()
        await asyncio.gather(*[storage.health() for _ in range(20)])
        assert len(store.asked) == 1


# -- what a store does not enforce -----------------------------------------------------------------


async def test_a_store_that_checks_nothing_is_seen_as_that() -> None:
    async with running() as (_, storage):
        able = msgspec.structs.asdict(await storage.capabilities())
        # It took our rule for browsers, or said so; and its clock is this machine's.
        assert {name for name, value in able.items() if value} <= {"cors", "clock", "batch_delete"}


async def test_what_was_not_checked_at_the_door_is_looked_at_one_by_one() -> None:
    async with running() as (store, storage):
        store.asked.clear()
        await storage.look_up(MANY)
        assert not [path for _, path in store.asked if "list-type" in path]


async def test_a_store_that_cannot_write_once_gets_uploads_without_that_header() -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return refusal(501, "NotImplemented") if "If-None-Match" in request.headers else None

    async def refused(request: web.Request, body: bytes) -> web.Response | None:
        return refusal(400, "NotImplemented") if "If-None-Match" in request.headers else None

    for unwilling in (answer, refused):
        async with stubborn(unwilling) as store, service.open(settings_for(store), now=utc_now) as storage:
            put = Put("a/b", 1, "text/plain", hashlib.sha256(b"x").digest())
            signed = await storage.presign_put(put, utc_now(), 60)
            assert set(signed.headers) == {"Content-Type", "x-amz-checksum-sha256"}
            assert "if-none-match" not in signed.url
            assert not (await storage.capabilities()).write_once


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_store_that_is_busy_while_it_is_probed_is_not_taken_for_an_unwilling_one(status: int) -> None:
    busy = [refusal(status, "SlowDown")]

    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return busy.pop() if busy and "If-None-Match" in request.headers else None

    async with stubborn(answer) as store, service.open(settings_for(store), now=utc_now) as storage:
        await started(storage)
        signed = await storage.presign_put(Put("a/b", 1, "text/plain"), utc_now(), 60)
    assert signed.headers["If-None-Match"] == "*"


async def no_batches(request: web.Request, body: bytes) -> web.Response | None:
    return refusal(501, "NotImplemented") if request.method == "POST" else None


async def empty_words(request: web.Request, body: bytes) -> web.Response | None:
    """Says that it deleted, and did not."""
    return web.Response(text="<DeleteResult/>") if request.method == "POST" else None


@pytest.mark.parametrize("answer", [None, no_batches, empty_words])
async def test_the_probe_cleans_up(answer: Answer | None) -> None:
    async with stubborn(answer or willing) as store, service.open(settings_for(store), now=utc_now):
        assert any("/.drivebay/probe/" in path for method, path in store.asked if method == "PUT")
        assert store.objects == {}


@pytest.mark.parametrize("answer", [no_batches, empty_words])
async def test_a_store_without_batches_deletes_one_by_one(answer: Answer) -> None:
    async with stubborn(answer) as store, service.open(settings_for(store), now=utc_now) as storage:
        assert not (await storage.capabilities()).batch_delete
        store.objects.update({"a/1": b"x", "a/2": b"x", "b/3": b"x"})
        fates = await storage.delete(("a/1", "gone", "b/3"))
        assert [(fate.key, fate.error) for fate in fates] == [("a/1", None), ("gone", None), ("b/3", None)]
        assert set(store.objects) == {"a/2"}


async def test_one_deletion_that_fails_does_not_hide_the_others() -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        stuck = request.method == "DELETE" and request.path.endswith("/stuck")
        return refusal(403, "AccessDenied") if stuck else await no_batches(request, body)

    async with stubborn(answer) as store, service.open(settings_for(store), now=utc_now) as storage:
        stuck, gone = await storage.delete(("stuck", "gone"))
    assert "AccessDenied" in (stuck.error or "")
    assert gone.error is None


@pytest.mark.parametrize(
    ("answer", "name", "event"),
    [
        (None, "closed", "bucket_open_to_strangers"),
        (no_batches, "batch_delete", "store_without_batch_delete"),
        (None, "write_once", "store_does_not_enforce"),
    ],
)
async def test_what_is_missing_is_said_with_what_is_done_about_it(answer: Answer | None, name: str, event: str) -> None:
    with capture_logs() as logs:
        async with stubborn(answer or willing) as store, service.open(settings_for(store), now=utc_now) as storage:
            assert getattr(await storage.capabilities(), name) is False
    (told,) = [log for log in logs if log["event"] == "store_capabilities"]
    assert told[name] is False
    assert event in [log["event"] for log in logs]


async def test_a_bucket_that_keeps_versions_is_named() -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        text = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        return web.Response(text=text) if "versioning" in request.query else None

    with capture_logs() as logs:
        async with stubborn(answer) as store, service.open(settings_for(store), now=utc_now) as storage:
            assert (await storage.capabilities()).versioned
    assert "bucket_keeps_versions" in [log["event"] for log in logs]


# -- a store that is not there, or not ours --------------------------------------------------------


async def test_without_a_store_every_call_says_so_and_nothing_is_absent(nowhere: Settings) -> None:
    async with service.open(nowhere, now=utc_now) as storage:
        for call in (
            storage.presign_put(Put("a", 1, "text/plain"), utc_now(), 60),
            storage.presign_get("a", "a", "text/plain", Disposition.INLINE, 60),
            storage.delete(("a",)),
            storage.page(None, 1),
            storage.quarantine("a"),
            storage.capabilities(),
        ):
            with pytest.raises(Unavailable, match="cannot be reached"):
                await call
        assert (await storage.look_up(("a",)))[0].presence is Presence.UNKNOWN
        (health,) = await storage.health()
        assert not health.ok
        assert "cannot be reached" in health.detail


async def test_a_store_that_comes_later_is_taken_into_use(nowhere: Settings) -> None:
    down = True

    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        return refusal(503, "ServiceUnavailable") if down else None

    async with stubborn(answer) as store, service.open(settings_for(store), now=utc_now) as storage:
        with pytest.raises(Unavailable):
            await storage.capabilities()
        down = False
        async with asyncio.timeout(5):
            while not (await storage.health())[0].ok:
                await asyncio.sleep(0.1)
        assert await storage.capabilities()


async def test_a_clock_too_far_off_to_sign_is_said_as_that() -> None:
    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        response = refusal(403, "RequestTimeTooSkewed")
        response.headers["Date"] = "Mon, 01 Jan 2024 00:00:00 GMT"
        return response

    async with stubborn(answer) as store, service.open(settings_for(store), now=utc_now) as storage:
        (health,) = await storage.health()
        with pytest.raises(Unavailable, match=r"clock is [0-9]+ s from ours"):
            await storage.capabilities()
    assert not health.ok
    assert "clock is " in health.detail


@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
async def test_wrong_keys_stop_the_start_and_name_the_settings(settings: Settings, wrong: str) -> None:
    mistaken = replace(settings, **{wrong: CANARY})
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY") as caught:
        async with service.open(mistaken, now=utc_now):
            pass
    assert settings.secret_key not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "ftp://host", "http://", "http://host:port", "http://host/path"]
)
async def test_an_endpoint_that_is_none_is_named(settings: Settings, endpoint: str) -> None:
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ENDPOINT"):
        async with service.open(replace(settings, endpoint=endpoint), now=utc_now):
            pass
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_PUBLIC_ENDPOINT"):
        async with service.open(replace(settings, public_endpoint=endpoint), now=utc_now):
            pass


async def test_starting_twice_on_one_bucket_is_fine(settings: Settings) -> None:
    async with service.open(settings, now=utc_now) as one, service.open(settings, now=utc_now) as two:
        assert without_clock(await one.capabilities()) == without_clock(await two.capabilities())


async def test_two_who_start_at_once_both_get_the_bucket(settings: Settings) -> None:
    async def start() -> Capabilities:
        async with service.open(settings, now=utc_now) as storage:
            return without_clock(await storage.capabilities())

    assert len(set(await asyncio.gather(start(), start(), start()))) == 1


async def test_no_secret_is_shown(settings: Settings) -> None:
    secret = settings.secret_key
    with capture_logs() as logs:
        async with service.open(settings, now=utc_now) as storage:
            signed = await storage.presign_put(Put("a/b", 1, "text/plain"), utc_now(), 60)
            shown = [repr(storage), repr(settings), repr(storage._bucket), repr(vars(storage._bucket))]
        async with stubborn(always(500)) as store, service.open(settings_for(store), now=utc_now) as broken:
            with pytest.raises(Unavailable) as caught:
                await broken.page(None, 1)
    everything = "".join([*shown, repr(logs), repr(caught.value)])
    assert logs
    assert secret not in everything
    assert CANARY not in everything
    assert signed.url.partition("X-Amz-Signature=")[2] not in everything
