"""Events through a real JetStream: committed first, answered after, never lost, never stuck."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest_fakes import Publish, RecordingFiles, event, running, some_ref, unavailable, until
from nats.js.errors import NotFoundError

from drivebay.contract.files import Outcome
from drivebay.embedded.nats import Nats
from drivebay.ingest import nats
from drivebay.ingest.events import Message
from drivebay.ingest.loop import Loop
from drivebay.ingest.settings import Settings


async def acknowledged(settings: Settings) -> int:
    """How many messages the consumer will never deliver again."""
    async with nats.connect(settings) as stream:
        try:
            info = await stream._js.consumer_info(settings.stream, nats.consumer(settings.bucket))
        except NotFoundError:
            return 0
        return int(info.ack_floor.stream_seq)


async def settled(settings: Settings, count: int) -> None:
    deadline = time.monotonic() + 15
    while await acknowledged(settings) < count:
        assert time.monotonic() < deadline, "some messages were never answered for good"
        await asyncio.sleep(0.05)


async def test_a_single_event_is_committed_at_once(files: RecordingFiles, settings: Settings, publish: Publish) -> None:
    async with running(files, settings):
        warm = some_ref()
        await publish([event(settings, warm)])
        await until(lambda: warm in files.completed)
        waits = []
        for _ in range(20):
            ref = some_ref()
            began = time.monotonic()
            await publish([event(settings, ref)])
            await until(lambda ref=ref: ref in files.completed)
            waits.append(time.monotonic() - began)
        assert sorted(waits)[10] < 0.1
        await settled(settings, 21)


async def test_a_backlog_goes_through_in_full_batches(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    refs = [some_ref() for _ in range(2000)]
    for at in range(0, 2000, 500):
        await publish([event(settings, ref) for ref in refs[at : at + 500]])
    async with running(files, settings):
        await until(lambda: len(files.completed) == 2000)
        await settled(settings, 2000)
    assert max(map(len, files.batches)) <= 500
    assert len(files.batches) < 40


async def test_an_event_ten_times_is_one_commit_or_harmless(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = some_ref()
    await publish([event(settings, ref) for _ in range(10)])
    async with running(files, settings):
        await settled(settings, 10)
    assert files.completed == [ref]


async def test_no_event_is_answered_before_its_commit(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = some_ref()
    files.gate.clear()
    async with running(files, settings):
        await publish([event(settings, ref)])
        await until(lambda: files.tries(ref) == 1)
        assert await acknowledged(settings) == 0
    assert files.completed == []
    # Stopped between delivery and commit: whoever comes next gets it again.
    files.gate.set()
    async with running(files, settings):
        await until(lambda: ref in files.completed)
        await settled(settings, 1)


async def test_while_files_is_down_events_wait_and_none_is_buried(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = some_ref()
    files.failures = unavailable(12)
    async with running(files, settings):
        await publish([event(settings, ref)])
        await until(lambda: ref in files.completed)
        await settled(settings, 1)
    assert files.tries(ref) == 13
    assert files.buried == []


async def test_unknown_is_tried_again_until_it_is_known(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = some_ref()
    files.outcome[ref] = Outcome.UNKNOWN
    async with running(files, settings):
        await publish([event(settings, ref)])
        await until(lambda: files.tries(ref) > settings.max_deliveries)
        del files.outcome[ref]
        await until(lambda: ref in files.completed)
    assert files.buried == []


async def test_an_object_that_is_not_there_yet_is_left_to_the_sweeper_after_a_few_tries(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = some_ref()
    files.outcome[ref] = Outcome.ABSENT
    async with running(files, settings):
        await publish([event(settings, ref)])
        await settled(settings, 1)
    assert files.tries(ref) == settings.absent_deliveries
    assert files.buried == []


async def test_what_is_no_event_becomes_a_dead_letter_and_never_comes_back(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    good = some_ref()
    async with running(files, settings):
        await publish([Message("poison", b"no json at all"), event(settings, good)])
        await until(lambda: good in files.completed)
        await settled(settings, 2)
        await asyncio.sleep(1.3)
    (letter,) = files.buried
    assert (letter.payload, letter.reason, letter.deliveries) == (b"no json at all", "not JSON", 1)
    assert letter.subject.startswith(settings.subject)


async def test_a_dead_letter_that_cannot_be_kept_is_not_given_up(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    files.bury_failures = unavailable(3)
    async with running(files, settings):
        await publish([Message("poison", b"{")])
        await until(lambda: len(files.buried) == 1)
        await settled(settings, 1)
    assert files.buried[0].deliveries == 4


async def test_one_upload_that_breaks_the_commit_is_buried_alone(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    bad, good = some_ref(), [some_ref() for _ in range(9)]
    files.broken.add(bad)
    await publish([event(settings, ref) for ref in [*good[:4], bad, *good[4:]]])
    async with running(files, settings):
        await until(lambda: len(files.buried) == 1)
        await settled(settings, 10)
    assert sorted(files.completed) == sorted(good)
    assert files.buried[0].deliveries == settings.max_deliveries
    assert "a defect" in files.buried[0].reason


async def test_an_event_that_breaks_the_reading_is_buried_alone(files: RecordingFiles, settings: Settings) -> None:
    class Delivery:
        """One whose payload no reader expects, and one as it should be. It has no queue."""

        id, subject, count = "1", "events", 1

        def __init__(self, payload: Any) -> None:
            self.payload = payload
            self.answers: list[str] = []

        async def ack(self) -> None:
            self.answers.append("ack")

        async def retry(self, delay: timedelta) -> None:
            self.answers.append("retry")

        async def drop(self) -> None:
            self.answers.append("drop")

    good = some_ref()
    deliveries = [Delivery([1, 2]), Delivery(event(settings, good).payload)]
    await Loop(files, settings, now=lambda: datetime.now(UTC)).handle(deliveries)
    assert files.completed == [good]
    assert len(files.buried) == 1
    assert [delivery.answers for delivery in deliveries] == [["drop"], ["ack"]]


async def test_a_stream_that_we_make_is_as_events_need_it(settings: Settings, publish: Publish) -> None:
    assert await nats.differences(settings) == ()


async def test_forged_events_leave_nothing_behind(files: RecordingFiles, settings: Settings, publish: Publish) -> None:
    forged = some_ref()
    files.outcome[forged] = Outcome.NO_UPLOAD
    mine = some_ref()
    await publish(
        [
            event(settings, forged),
            event(settings, mine, bucket="another-bucket"),
            event(settings, mine, key="../etc/passwd"),
            event(settings, mine, key=f"{mine.owner}"),
        ]
    )
    async with running(files, settings):
        await settled(settings, 4)
    assert files.tries(forged) == 1
    assert files.tries(mine) == 0
    assert files.buried == []
    assert files.completed == []


async def test_a_killed_broker_loses_no_event(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    before, while_stopped, after = some_ref(), some_ref(), some_ref()
    assert own_broker.process is not None
    async with running(files, settings):
        async with nats.connect(settings) as stream:
            await stream.publish([event(settings, before)])
            await until(lambda: before in files.completed)
        files.gate.clear()
        async with nats.connect(settings) as stream:
            await stream.publish([event(settings, while_stopped)])
            await until(lambda: files.tries(while_stopped) == 1)
        await own_broker.process.kill()
        files.gate.set()
        await asyncio.sleep(0.3)
        await own_broker.process.start()
        async with nats.connect(settings) as stream:
            await stream.publish([event(settings, after)])
        await until(lambda: {before, while_stopped, after} <= set(files.completed))
        await settled(settings, 3)
    assert len(files.completed) == 3


async def test_a_stream_that_vanishes_is_made_again(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    first, second = some_ref(), some_ref()
    async with running(files, settings):
        await publish([event(settings, first)])
        await until(lambda: first in files.completed)
        async with nats.connect(settings) as stream:
            await stream._js.delete_stream(settings.stream)
        deadline = time.monotonic() + 10
        while True:
            try:
                await publish([event(settings, second)])
                break
            except Exception:
                assert time.monotonic() < deadline, "nobody made the stream again"
                await asyncio.sleep(0.05)
        await until(lambda: second in files.completed)


async def test_a_consumer_that_vanishes_is_made_again(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = some_ref()
    async with running(files, settings):
        await publish([event(settings, some_ref())])
        await until(lambda: len(files.completed) == 1)
        async with nats.connect(settings) as stream:
            await stream._js.delete_consumer(settings.stream, nats.consumer(settings.bucket))
        await publish([event(settings, ref)])
        await until(lambda: ref in files.completed)


async def test_without_a_broker_the_sweeper_goes_on_and_events_come_when_it_does(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    assert own_broker.process is not None
    await own_broker.process.kill()
    swept, told = some_ref(), some_ref()
    async with running(files, settings):
        files.due.append(swept)
        await until(lambda: swept in files.completed)
        await own_broker.process.start()
        async with nats.connect(settings) as stream:
            await stream.publish([event(settings, told)])
        await until(lambda: told in files.completed)


async def test_a_frozen_broker_does_not_hold_up_sweeps_or_the_end(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    assert own_broker.process is not None
    async with running(files, settings):
        async with nats.connect(settings) as stream:
            await stream.publish([event(settings, some_ref())])
        await until(lambda: len(files.completed) == 1)
        own_broker.process.pause()
        swept = some_ref()
        files.due.append(swept)
        await until(lambda: swept in files.completed)
    own_broker.process.resume()


async def test_a_hanging_commit_ends_with_ingest(files: RecordingFiles, settings: Settings, publish: Publish) -> None:
    files.gate.clear()
    async with running(files, settings):
        await publish([event(settings, some_ref())])
        await until(lambda: len(files.batches) == 1)


async def test_a_commit_past_its_deadline_is_tried_again(
    files: RecordingFiles, ingest_nats_url: str, make_settings: Callable[..., Settings]
) -> None:
    # So long that the broker does not deliver it again by itself.
    settings = make_settings(ingest_nats_url, deadline=timedelta(milliseconds=300), ack_wait=timedelta(minutes=1))
    ref = some_ref()
    files.gate.clear()
    async with nats.connect(settings) as stream, running(files, settings):
        await stream.publish([event(settings, ref)])
        await until(lambda: files.tries(ref) == 2)
        files.gate.set()
        await until(lambda: ref in files.completed)
