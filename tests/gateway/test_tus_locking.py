"""tus 1.0 under faults: concurrent and lost clients, store failures, and memory use."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.files import UploadRef
from drivebay.contract.storage import StoredPart
from drivebay.errors import Locked, Unavailable
from drivebay.files import service as files
from drivebay.files import settings as files_settings
from drivebay.gateway import app as gateway
from drivebay.gateway.settings import Settings
from drivebay.gateway.tus.upload_lock import UploadLocks
from drivebay.storage import service as storage
from drivebay.storage.bucket import PartUpload
from drivebay.testing.memory import MemoryBucket

from .conftest import Gateway
from .test_tus import BODY, LARGE_QUOTA, chunks, stored
from .tus_client import PART, Hold, Pause, Stall, TusClient, TusResponse

large_quota = pytest.mark.parametrize("own", [LARGE_QUOTA], indirect=True)


@pytest.fixture
async def tus(own: Gateway) -> TusClient:
    return TusClient(own, await own.user())


def other_process(tus: TusClient) -> TusClient:
    """Return the same user at another process of the deployment."""
    own = tus.gateway
    app = gateway.create_app(
        own.keys, own.files, own.storage, Settings(), now=own.clock, new_request_id=lambda: str(uuid7())
    )  # type: ignore[arg-type]
    return TusClient(replace(own, app=app), tus.user)


@large_quota
@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
async def test_a_new_request_finds_the_bytes_of_the_lost_connection(tus: TusClient, method: str) -> None:
    at, stall = await tus.create(len(BODY)), Stall()
    lost = asyncio.create_task(tus.send(at, 0, *chunks(BODY[: PART + 1000]), stall))
    await stall.reached.wait()
    if method == "HEAD":
        assert await tus.offset(at) == PART + 1000
    elif method == "PATCH":
        done = await tus.send(at, PART + 1000, BODY[PART + 1000 :])
        assert await stored(tus, done.headers["drivebay-file"]) == BODY
    else:
        assert (await tus.request("DELETE", at)).status == 204
    ended = await asyncio.wait_for(lost, 5)
    assert (ended.status, ended.code) == (423, "locked")


@large_quota
async def test_a_preempted_request_does_not_end_its_successor(tus: TusClient) -> None:
    at, first, second = await tus.create(10), Stall(), Stall()
    one = asyncio.create_task(tus.send(at, 0, b"hel", first))
    await first.reached.wait()
    two = asyncio.create_task(tus.send(at, 3, b"lo", second))
    await second.reached.wait()
    assert (await one).status == 423
    assert await tus.offset(at) == 5
    assert (await two).status == 423


async def test_a_request_that_waits_for_the_lock_can_be_preempted() -> None:
    locks, upload, order = UploadLocks(5, 5), UploadRef(uuid7(), uuid7()), []  # type: ignore[arg-type]
    release = asyncio.Event()

    async def take(name: str) -> None:
        try:
            async with locks.hold(upload):
                order.append(name)
                await release.wait()
        except Locked:
            order.append(f"{name} gave up")

    async with asyncio.TaskGroup() as tasks:
        for name in ("first", "second", "third"):
            tasks.create_task(take(name))
            await asyncio.sleep(0)
        release.set()
    assert order == ["first", "second gave up", "third"]


async def test_a_request_that_gave_up_waiting_does_not_pass_the_lock_on() -> None:
    locks, upload, order = UploadLocks(5, 5), UploadRef(uuid7(), uuid7()), []  # type: ignore[arg-type]
    release = asyncio.Event()

    async def take(name: str) -> None:
        async with locks.hold(upload):
            order.append(f"{name} began")
            await release.wait()
            order.append(f"{name} ended")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(take("first"))
        await asyncio.sleep(0)
        second = tasks.create_task(take("second"))
        await asyncio.sleep(0)
        second.cancel()  # its client has closed the connection
        await asyncio.wait([second])
        tasks.create_task(take("third"))
        for _ in range(3):
            await asyncio.sleep(0)
        release.set()
    assert order == ["first began", "first ended", "third began", "third ended"]


@large_quota
async def test_a_stale_writer_in_another_process_does_not_decrease_the_offset(tus: TusClient) -> None:
    """A stale writer stores fewer bytes than the other process has reported to its client."""
    far, at, stall = other_process(tus), await tus.create(len(BODY)), Stall()
    lost = asyncio.create_task(far.send(at, 0, *chunks(BODY[:1000]), stall))
    await stall.reached.wait()
    for end in (5000, PART + 7, len(BODY) - 1):
        offset = await tus.offset(at)
        assert (await tus.send(at, offset, *chunks(BODY[offset:end]))).offset == end
        if end == 5000:
            # Now the other process ends its request and stores its 1000 bytes.
            assert await far.offset(at) == 5000
            assert (await lost).status == 423
        assert await tus.offset(at) == await far.offset(at) == end
    done = await tus.send(at, len(BODY) - 1, BODY[-1:])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


@pytest.mark.parametrize("own", [LARGE_QUOTA | {"body_timeout": timedelta(milliseconds=200)}], indirect=True)
async def test_a_stalled_client_times_out(tus: TusClient) -> None:
    at = await tus.create(10)
    answer = await asyncio.wait_for(tus.send(at, 0, b"hello", Stall()), 5)
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert await tus.offset(at) == 5


@pytest.mark.parametrize("own", [LARGE_QUOTA | {"body_timeout": timedelta(milliseconds=400)}], indirect=True)
async def test_a_client_that_sends_single_bytes_is_too_slow(tus: TusClient) -> None:
    """Each byte comes in time, but all of them far below the minimum rate."""
    at = await tus.create(10_000)
    answer = await asyncio.wait_for(tus.send(at, 0, *[Pause(0.1, b"x")] * 10_000), 30)
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert 0 < await tus.offset(at) < 10_000


@pytest.mark.parametrize("own", [LARGE_QUOTA | {"body_timeout": timedelta(milliseconds=400)}], indirect=True)
async def test_a_client_above_the_minimum_rate_may_take_long(tus: TusClient) -> None:
    at = await tus.create(20_000)
    answer = await tus.send(at, 0, *[Pause(0.1, b"x" * 1000)] * 20)
    assert (answer.status, answer.offset) == (204, 20_000)


@pytest.mark.parametrize("own", [LARGE_QUOTA | {"user_streams": 1}], indirect=True)
async def test_one_user_cannot_use_up_the_streams(tus: TusClient) -> None:
    at, another, stall = await tus.create(10), await tus.create(10), Stall()
    sending = asyncio.create_task(tus.send(at, 0, b"hello", stall))
    await stall.reached.wait()
    answer = await tus.send(another, 0, b"hello")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "rate_limited", "1")
    assert await tus.offset(another) == 0, "other requests have a limit of their own"
    assert await tus.offset(at) == 5
    assert (await sending).status == 423
    assert (await tus.send(another, 0, b"hello")).status == 204, "the limit is free again"


class SharedUpload:
    """A tus upload that a member of a shared drive has created there."""

    def __init__(self, tus: TusClient, manager: TusClient) -> None:
        self.member, self.manager = tus, manager
        self.at = self.drive = self.user_id = ""

    @classmethod
    async def create(cls, tus: TusClient, length: int) -> SharedUpload:
        self = cls(tus, TusClient(tus.gateway, await tus.gateway.user()))
        self.drive = (await self.manager.user.ok("POST", "/v1/drives", {"name": "Team"}))["id"]
        self.user_id = (await tus.user.ok("GET", "/v1/me"))["id"]
        await self.set_role("editor")
        created = await tus.request("POST", f"/v1/tus?drive_id={self.drive}", upload_length=str(length))
        self.at = created.headers["location"]
        return self

    async def set_role(self, role: str) -> None:
        member = {"email": self.member.user.email, "role": role}
        await self.manager.user.ok("PUT", f"/v1/drives/{self.drive}/members", member)

    async def end_access(self, end: str) -> None:
        if end == "role":
            await self.set_role("viewer")
        elif end == "membership":
            await self.manager.user.ok("DELETE", f"/v1/drives/{self.drive}/members/{self.user_id}")
        else:
            tokens = self.member.user.tokens
            await self.member.user.ok("POST", "/v1/logout", {"refresh_token": tokens["refresh_token"]})


ENDS = {"role": 403, "membership": 404, "session": 401}


@large_quota
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("sent_before", [PART + 1000, 1000])
async def test_bytes_that_follow_the_end_of_the_access_are_not_stored(
    tus: TusClient, end: str, sent_before: int
) -> None:
    upload, hold = await SharedUpload.create(tus, len(BODY)), Hold()
    rest = chunks(BODY[sent_before:]) if sent_before > PART else [b"x"]
    sending = asyncio.create_task(tus.send(upload.at, 0, *chunks(BODY[:sent_before]), hold, *rest))
    await hold.reached.wait()
    await upload.end_access(end)
    hold.go_on.set()
    assert (await sending).status == ENDS[end]
    offset = await upload.manager.offset(upload.at)
    assert offset == (PART if sent_before > PART else 0)
    done = await upload.manager.send(upload.at, offset, *chunks(BODY[offset:]))
    assert done.status == 204


async def test_an_access_that_ends_before_the_commit_makes_no_file(tus: TusClient) -> None:
    upload, write = await SharedUpload.create(tus, 5), tus.gateway.bucket.upload_part

    async def end_access(key: str, part: PartUpload) -> bool:
        await upload.end_access("membership")
        return await write(key, part)

    tus.gateway.bucket.upload_part = end_access  # type: ignore[method-assign]
    assert (await tus.send(upload.at, 0, b"hello")).status == 404
    assert (await upload.manager.user.ok("GET", f"/v1/files?drive_id={upload.drive}"))["items"] == []


@large_quota
@pytest.mark.parametrize("logged_out", [False, True])
async def test_a_request_may_outlive_its_token_but_not_its_session(tus: TusClient, logged_out: bool) -> None:
    upload, hold = await SharedUpload.create(tus, len(BODY)), Hold()
    sending = asyncio.create_task(tus.send(upload.at, 0, *chunks(BODY[:1000]), hold, *chunks(BODY[1000:])))
    await hold.reached.wait()
    if logged_out:
        await upload.end_access("session")
    tus.gateway.clock.ahead = timedelta(minutes=20)
    hold.go_on.set()
    answer = await sending
    tus.gateway.clock.ahead = timedelta()
    assert answer.status == (401 if logged_out else 204)
    if logged_out:
        assert await upload.manager.offset(upload.at) == 0


@large_quota
async def test_no_stored_byte_is_lost_while_the_store_is_down(tus: TusClient) -> None:
    at = await tus.create(len(BODY), BODY[:1000])
    tus.gateway.bucket.broken = True
    for answer in (await tus.send(at, 1000, BODY[1000:]), await tus.request("HEAD", at)):
        assert answer.status == 503
    tus.gateway.bucket.broken = False
    assert await tus.offset(at) == 1000
    done = await tus.send(at, 1000, BODY[1000:])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


@large_quota
async def test_earlier_parts_survive_a_store_failure(tus: TusClient) -> None:
    at = await tus.create(len(BODY))
    stall = Stall()
    sending = asyncio.create_task(tus.send(at, 0, *chunks(BODY[: PART + 100]), stall))
    await stall.reached.wait()
    tus.gateway.bucket.broken = True
    assert (await tus.request("HEAD", at)).status == 503
    assert (await sending).status == 503
    tus.gateway.bucket.broken = False
    assert await tus.offset(at) == PART


class Sink(MemoryBucket):
    """A bucket that discards parts, so that only the gateway holds bytes, and counts the writes."""

    parts_written = 0

    async def upload_part(self, key: str, part: PartUpload) -> bool:
        self.parts_written += 1
        await asyncio.sleep(0.01)  # while a client would send more
        return True


async def with_bucket(tus: TusClient, bucket: MemoryBucket) -> TusClient:
    """Return the same user at a gateway that writes into another bucket."""
    own = tus.gateway
    store = storage.Service(bucket, storage.Settings("memory:", "", ""), own.clock, uuid7)
    await store.start()
    file_service = files.Service(own.database, store, files_settings.Settings(bytes(32), quota=2**40), new_id=uuid7)
    app = gateway.create_app(
        own.keys, file_service, store, Settings(), now=own.clock, new_request_id=lambda: str(uuid7())
    )  # type: ignore[arg-type]
    return TusClient(replace(own, app=app, files=file_service, storage=store, bucket=bucket), tus.user)


async def with_sink(tus: TusClient) -> tuple[TusClient, Sink]:
    sink = Sink(tus.gateway.clock)
    return await with_bucket(tus, sink), sink


class FailingAssembly(MemoryBucket):
    """A bucket whose next `failures` assemblies fail. With `lose_answer`, an assembly succeeds but raises an error."""

    failures = 0
    lose_answer = False

    async def complete_multipart(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], part_digests: Sequence[bytes]
    ) -> bool:
        if self.failures:
            self.failures -= 1
            raise Unavailable("not now")
        made = await super().complete_multipart(key, multipart_id, parts, part_digests)
        if self.lose_answer:
            raise Unavailable("the answer was lost")
        return made


@large_quota
async def test_a_repeated_creation_completes_a_fully_stored_upload(tus: TusClient) -> None:
    bucket = FailingAssembly(tus.gateway.clock)
    far = await with_bucket(tus, bucket)
    bucket.failures = 1
    headers = {"upload_length": "5", "idempotency_key": uuid4().hex}
    assert (await far.request("POST", "/v1/tus", b"hello", **headers)).status == 503
    # A client reads this as the end of the upload.
    again = await far.request("POST", "/v1/tus", b"hello", **headers)
    assert (again.status, again.offset) == (201, 5)
    assert await stored(far, again.headers["drivebay-file"]) == b"hello"


@large_quota
async def test_an_assembled_upload_without_a_file_is_completed_by_head(tus: TusClient) -> None:
    bucket = FailingAssembly(tus.gateway.clock)
    far = await with_bucket(tus, bucket)
    at = await far.create(len(BODY), BODY[:PART])
    bucket.lose_answer = True
    assert (await far.send(at, PART, BODY[PART:])).status == 503
    answers = [await far.request("HEAD", at) for _ in range(2)]
    assert [answer.status for answer in answers] == [423, 200]
    assert (answers[1].offset, await stored(far, answers[1].headers["drivebay-file"])) == (len(BODY), BODY)


@large_quota
async def test_a_repeated_creation_of_an_ended_upload_is_rejected(tus: TusClient) -> None:
    headers = {"upload_length": "5", "idempotency_key": uuid4().hex}
    first = await tus.request("POST", "/v1/tus", b"he", **headers)
    assert (await tus.request("DELETE", first.headers["location"])).status == 204
    again = await tus.request("POST", "/v1/tus", b"he", **headers)
    assert (again.status, again.code) == (422, "idempotency_key_reused")


async def peak_memory(tus: TusClient, at: str, offset: int, *sent: bytes, **more: str) -> tuple[int, TusResponse]:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        answer = await tus.send(at, offset, *sent, **more)
        return tracemalloc.get_traced_memory()[1] - before, answer
    finally:
        tracemalloc.stop()


@large_quota
async def test_a_request_holds_less_than_two_parts_in_memory(tus: TusClient) -> None:
    tus, sink = await with_sink(tus)
    at, chunk = await tus.create(20 * PART), bytes(65_536)
    peak, answer = await peak_memory(tus, at, 0, *[chunk] * (5 * PART // len(chunk) + 100))
    assert (answer.offset, sink.parts_written) == (5 * PART + 100 * len(chunk), 5)
    assert PART <= peak < 2 * PART


@large_quota
async def test_a_checked_request_holds_less_than_two_parts_in_memory(tus: TusClient) -> None:
    tus, sink = await with_sink(tus)
    at = await tus.create(20 * PART, BODY[: PART - 1])
    body = BODY[: PART * 3 // 4]
    promise = base64.b64encode(hashlib.md5(body).digest()).decode()
    peak, answer = await peak_memory(tus, at, PART - 1, *chunks(body, 65_536), upload_checksum=f"md5 {promise}")
    assert (answer.offset, sink.parts_written) == (PART - 1 + len(body), 1)
    assert PART <= peak < 2 * PART
