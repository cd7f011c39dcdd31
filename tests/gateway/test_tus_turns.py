"""tus 1.0 where things go wrong: clients that come twice or never again, stores that fail, and how much is held."""

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
from drivebay.gateway.turns import Turns
from drivebay.storage import service as storage
from drivebay.testing.memory import MemoryBucket

from .conftest import Gateway
from .test_tus import BODY, ROOMY, chunks, stored
from .tus_client import PART, Answer, Stalled, Tus

roomy = pytest.mark.parametrize("own", [ROOMY], indirect=True)


@pytest.fixture
async def tus(own: Gateway) -> Tus:
    return Tus(own, await own.user())


def another(tus: Tus) -> Tus:
    """The same user at another process of the same deployment."""
    own = tus.gateway
    app = gateway.create(own.keys, own.files, own.storage, Settings(), now=own.clock, new_id=uuid7)  # type: ignore[arg-type]
    return Tus(replace(own, app=app), tus.user)


@roomy
@pytest.mark.parametrize("asked", ["HEAD", "PATCH", "DELETE"])
async def test_whoever_comes_again_finds_what_the_lost_connection_had_brought(tus: Tus, asked: str) -> None:
    at, stalled = await tus.create(len(BODY)), Stalled()
    lost = asyncio.create_task(tus.send(at, 0, *chunks(BODY[: PART + 1000]), stalled))
    await stalled.reached.wait()
    if asked == "HEAD":
        assert await tus.offset(at) == PART + 1000
    elif asked == "PATCH":
        done = await tus.send(at, PART + 1000, BODY[PART + 1000 :])
        assert await stored(tus, done.headers["drivebay-file"]) == BODY
    else:
        assert (await tus.ask("DELETE", at)).status == 204
    ended = await asyncio.wait_for(lost, 5)
    assert (ended.status, ended.code) == (423, "locked")


@roomy
async def test_a_request_that_was_overtaken_does_not_end_its_successor(tus: Tus) -> None:
    at, first, second = await tus.create(10), Stalled(), Stalled()
    one = asyncio.create_task(tus.send(at, 0, b"hel", first))
    await first.reached.wait()
    two = asyncio.create_task(tus.send(at, 3, b"lo", second))
    await second.reached.wait()
    assert (await one).status == 423
    assert await tus.offset(at) == 5
    assert (await two).status == 423


async def test_who_waits_for_a_turn_and_is_overtaken_gives_up() -> None:
    turns, upload, order = Turns(5, 5), UploadRef(uuid7(), uuid7()), []  # type: ignore[arg-type]
    release = asyncio.Event()

    async def take(name: str) -> None:
        try:
            async with turns.take(upload):
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


@roomy
async def test_a_sender_in_another_process_takes_nothing_back(tus: Tus) -> None:
    """One that was thought dead puts away less than the other has told its client meanwhile."""
    far, at, stalled = another(tus), await tus.create(len(BODY)), Stalled()
    lost = asyncio.create_task(far.send(at, 0, *chunks(BODY[:1000]), stalled))
    await stalled.reached.wait()
    for upto in (5000, PART + 7, len(BODY) - 1):
        kept = await tus.offset(at)
        assert (await tus.send(at, kept, *chunks(BODY[kept:upto]))).offset == upto
        if upto == 5000:
            # Now the other one ends, and puts its 1000 bytes away.
            assert await far.offset(at) == 5000
            assert (await lost).status == 423
        assert await tus.offset(at) == await far.offset(at) == upto
    done = await tus.send(at, len(BODY) - 1, BODY[-1:])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


@pytest.mark.parametrize("own", [ROOMY | {"body_within": timedelta(milliseconds=200)}], indirect=True)
async def test_a_client_that_sends_nothing_more_is_not_waited_for(tus: Tus) -> None:
    at = await tus.create(10)
    answer = await asyncio.wait_for(tus.send(at, 0, b"hello", Stalled()), 5)
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert await tus.offset(at) == 5


@roomy
async def test_while_the_store_is_down_nothing_is_lost_that_was_told(tus: Tus) -> None:
    at = await tus.create(len(BODY), BODY[:1000])
    tus.gateway.bucket.broken = True
    for answer in (await tus.send(at, 1000, BODY[1000:]), await tus.ask("HEAD", at)):
        assert answer.status == 503
    tus.gateway.bucket.broken = False
    assert await tus.offset(at) == 1000
    done = await tus.send(at, 1000, BODY[1000:])
    assert await stored(tus, done.headers["drivebay-file"]) == BODY


@roomy
async def test_a_store_that_fails_in_the_middle_keeps_the_parts_before(tus: Tus) -> None:
    at = await tus.create(len(BODY))
    stalled = Stalled()
    sending = asyncio.create_task(tus.send(at, 0, *chunks(BODY[: PART + 100]), stalled))
    await stalled.reached.wait()
    tus.gateway.bucket.broken = True
    assert (await tus.ask("HEAD", at)).status == 503
    assert (await sending).status == 503
    tus.gateway.bucket.broken = False
    assert await tus.offset(at) == PART


class Sink(MemoryBucket):
    """A bucket that keeps nothing of a part, so that what is held is held by us; and how often it was written to."""

    parts_written = 0

    async def write_part(
        self, key: str, multipart: str, number: int, body: bytes, sha256: bytes, checked: bool
    ) -> bool:
        self.parts_written += 1
        await asyncio.sleep(0.01)  # while a client would send on
        return True


async def another_store(tus: Tus, bucket: MemoryBucket) -> Tus:
    """The same user where bytes go into that bucket."""
    own = tus.gateway
    store = storage.Service(bucket, storage.Settings("memory:", "", ""), own.clock, uuid7)
    await store.start()
    kept = files.Service(own.database, store, files_settings.Settings(bytes(32), quota=2**40), new_id=uuid7)
    app = gateway.create(own.keys, kept, store, Settings(), now=own.clock, new_id=uuid7)  # type: ignore[arg-type]
    return Tus(replace(own, app=app, files=kept, storage=store, bucket=bucket), tus.user)


async def into_a_sink(tus: Tus) -> tuple[Tus, Sink]:
    sink = Sink(tus.gateway.clock)
    return await another_store(tus, sink), sink


class Reluctant(MemoryBucket):
    """A bucket that puts parts together when it is asked `more` times than before. `mute`: it does, and its answer is
    lost."""

    more = 0
    mute = False

    async def complete_parts(
        self, key: str, multipart: str, parts: Sequence[StoredPart], sha256: Sequence[bytes]
    ) -> bool:
        if self.more:
            self.more -= 1
            raise Unavailable("not now")
        made = await super().complete_parts(key, multipart, parts, sha256)
        if self.mute:
            raise Unavailable("the answer was lost")
        return made


@roomy
async def test_a_creation_of_which_all_is_kept_makes_the_file_when_it_comes_again(tus: Tus) -> None:
    bucket = Reluctant(tus.gateway.clock)
    far = await another_store(tus, bucket)
    bucket.more = 1
    asked = {"upload_length": "5", "idempotency_key": uuid4().hex}
    assert (await far.ask("POST", "/v1/tus", b"hello", **asked)).status == 503
    # To a client this says that it is done.
    again = await far.ask("POST", "/v1/tus", b"hello", **asked)
    assert (again.status, again.offset) == (201, 5)
    assert await stored(far, again.headers["drivebay-file"]) == b"hello"


@roomy
async def test_what_is_together_and_no_file_yet_is_not_taken_for_nothing(tus: Tus) -> None:
    bucket = Reluctant(tus.gateway.clock)
    far = await another_store(tus, bucket)
    at = await far.create(len(BODY), BODY[:PART])
    bucket.mute = True
    assert (await far.send(at, PART, BODY[PART:])).status == 503
    told = [await far.ask("HEAD", at) for _ in range(2)]
    assert [answer.status for answer in told] == [423, 200]
    assert (told[1].offset, await stored(far, told[1].headers["drivebay-file"])) == (len(BODY), BODY)


@roomy
async def test_a_creation_that_has_ended_since_is_not_taken_for_a_file(tus: Tus) -> None:
    asked = {"upload_length": "5", "idempotency_key": uuid4().hex}
    first = await tus.ask("POST", "/v1/tus", b"he", **asked)
    assert (await tus.ask("DELETE", first.headers["location"])).status == 204
    again = await tus.ask("POST", "/v1/tus", b"he", **asked)
    assert (again.status, again.code) == (422, "idempotency_key_reused")


async def most_held(tus: Tus, at: str, offset: int, *sent: bytes, **more: str) -> tuple[int, Answer]:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        answer = await tus.send(at, offset, *sent, **more)
        return tracemalloc.get_traced_memory()[1] - before, answer
    finally:
        tracemalloc.stop()


@roomy
async def test_a_connection_holds_two_parts_at_most(tus: Tus) -> None:
    tus, sink = await into_a_sink(tus)
    at, chunk = await tus.create(20 * PART), bytes(65_536)
    held, answer = await most_held(tus, at, 0, *[chunk] * (5 * PART // len(chunk) + 100))
    assert (answer.offset, sink.parts_written) == (5 * PART + 100 * len(chunk), 5)
    assert PART <= held < 2 * PART


@roomy
async def test_with_a_tail_and_a_checksum_it_is_two_parts_as_well(tus: Tus) -> None:
    tus, sink = await into_a_sink(tus)
    at = await tus.create(20 * PART, BODY[: PART - 1])
    body = BODY[: PART * 3 // 4]
    promise = base64.b64encode(hashlib.md5(body).digest()).decode()
    held, answer = await most_held(tus, at, PART - 1, *chunks(body, 65_536), upload_checksum=f"md5 {promise}")
    assert (answer.offset, sink.parts_written) == (PART - 1 + len(body), 1)
    assert PART <= held < 2 * PART
