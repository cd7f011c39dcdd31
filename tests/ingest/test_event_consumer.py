"""Events through a real JetStream: acknowledged only after the commit, never lost, never blocked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest_helpers import (
    Publish,
    RecordingFiles,
    event_message,
    new_ref,
    open_jetstream,
    running_ingest,
    unavailable_errors,
    wait_until,
)
from nats.js.errors import NotFoundError

from drivebay.contract.files import CommitOutcome
from drivebay.embedded.nats import Nats
from drivebay.ingest import nats_connection
from drivebay.ingest.event_consumer import EventConsumer
from drivebay.ingest.event_queue import Message
from drivebay.ingest.nats_connection import StreamProblems
from drivebay.ingest.settings import Settings
from drivebay.ingest.stream_setup import consumer_name


async def acknowledged_count(settings: Settings) -> int:
    """Return the number of messages that the consumer will not deliver again."""
    async with open_jetstream(settings) as jetstream:
        try:
            info = await jetstream.consumer_info(settings.stream, consumer_name(settings.bucket))
        except NotFoundError:
            return 0
        return int(info.ack_floor.stream_seq)


async def wait_acknowledged(settings: Settings, count: int) -> None:
    deadline = time.monotonic() + 15
    while await acknowledged_count(settings) < count:
        assert time.monotonic() < deadline, "some messages were not acknowledged"
        await asyncio.sleep(0.05)


async def test_a_single_event_is_committed_alone(files: RecordingFiles, settings: Settings, publish: Publish) -> None:
    async with running_ingest(files, settings):
        for _ in range(20):
            ref = new_ref()
            await publish([event_message(settings, ref)])
            await wait_until(lambda ref=ref: ref in files.completed)
        await wait_acknowledged(settings, 20)
    assert [len(batch) for batch in files.batches] == [1] * 20


async def test_after_each_connection_all_pending_uploads_are_looked_up(
    files: RecordingFiles, ingest_nats_url: str, make_settings: Callable[..., Settings]
) -> None:
    unreported = new_ref()
    files.pending.append(unreported)
    async with running_ingest(files, make_settings(ingest_nats_url, sweep_interval=timedelta(seconds=60))):
        await wait_until(lambda: unreported in files.completed)


async def test_a_backlog_is_committed_in_full_batches(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    refs = [new_ref() for _ in range(2000)]
    for at in range(0, 2000, 500):
        await publish([event_message(settings, ref) for ref in refs[at : at + 500]])
    async with running_ingest(files, settings):
        await wait_until(lambda: len(files.completed) == 2000)
        await wait_acknowledged(settings, 2000)
    assert max(map(len, files.batches)) <= 500
    assert len(files.batches) < 40


async def test_an_event_delivered_ten_times_completes_the_upload_once(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = new_ref()
    await publish([event_message(settings, ref) for _ in range(10)])
    async with running_ingest(files, settings):
        await wait_acknowledged(settings, 10)
    assert files.completed == [ref]


async def test_no_event_is_acknowledged_before_its_commit(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = new_ref()
    files.commit_gate.clear()
    async with running_ingest(files, settings):
        await publish([event_message(settings, ref)])
        await wait_until(lambda: files.commit_count(ref) == 1)
        assert await acknowledged_count(settings) == 0
    assert files.completed == []
    # Ingest stopped between delivery and commit, so the next one receives the event again.
    files.commit_gate.set()
    async with running_ingest(files, settings):
        await wait_until(lambda: ref in files.completed)
        await wait_acknowledged(settings, 1)


async def test_while_files_is_down_events_are_retried_and_none_is_dead_lettered(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = new_ref()
    files.commit_errors = unavailable_errors(12)
    async with running_ingest(files, settings):
        await publish([event_message(settings, ref)])
        await wait_until(lambda: ref in files.completed)
        await wait_acknowledged(settings, 1)
    assert files.commit_count(ref) == 13
    assert files.dead_letters == []


async def test_an_unknown_outcome_is_retried_until_it_is_known(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = new_ref()
    files.outcomes[ref] = CommitOutcome.UNKNOWN
    async with running_ingest(files, settings):
        await publish([event_message(settings, ref)])
        await wait_until(lambda: files.commit_count(ref) > settings.max_deliveries)
        del files.outcomes[ref]
        await wait_until(lambda: ref in files.completed)
    assert files.dead_letters == []


async def test_an_absent_object_is_left_to_the_sweeper_after_a_few_tries(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = new_ref()
    files.outcomes[ref] = CommitOutcome.ABSENT
    async with running_ingest(files, settings):
        await publish([event_message(settings, ref)])
        await wait_acknowledged(settings, 1)
    assert files.commit_count(ref) == settings.absent_deliveries
    assert files.dead_letters == []


async def test_an_unreadable_event_becomes_a_dead_letter_once(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    good = new_ref()
    async with running_ingest(files, settings):
        await publish([Message("poison", b"no json at all"), event_message(settings, good)])
        await wait_until(lambda: good in files.completed)
        await wait_acknowledged(settings, 2)
        await asyncio.sleep(1.3)
    (dead_letter,) = files.dead_letters
    assert (dead_letter.payload, dead_letter.reason, dead_letter.deliveries) == (b"no json at all", "not JSON", 1)
    assert dead_letter.subject.startswith(settings.subject)


async def test_an_event_is_retried_until_its_dead_letter_is_stored(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    files.dead_letter_errors = unavailable_errors(3)
    async with running_ingest(files, settings):
        await publish([Message("poison", b"{")])
        await wait_until(lambda: len(files.dead_letters) == 1)
        await wait_acknowledged(settings, 1)
    assert files.dead_letters[0].deliveries == 4


async def test_only_the_upload_that_fails_the_commit_is_dead_lettered(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    bad, good = new_ref(), [new_ref() for _ in range(9)]
    files.failing.add(bad)
    await publish([event_message(settings, ref) for ref in [*good[:4], bad, *good[4:]]])
    async with running_ingest(files, settings):
        await wait_until(lambda: len(files.dead_letters) == 1)
        await wait_acknowledged(settings, 10)
    assert sorted(files.completed) == sorted(good)
    assert files.dead_letters[0].deliveries == settings.max_deliveries
    assert "a defect" in files.dead_letters[0].reason


async def test_deliveries_during_an_outage_do_not_count_as_failures(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    ref = new_ref()
    files.outcomes[ref] = CommitOutcome.UNKNOWN
    async with running_ingest(files, settings):
        await publish([event_message(settings, ref)])
        await wait_until(lambda: files.commit_count(ref) > settings.max_deliveries)
        files.failing.add(ref)
        files.batches.clear()
        await wait_until(lambda: files.dead_letters != [])
        await wait_acknowledged(settings, 1)
    assert files.commit_count(ref) == settings.max_deliveries
    assert files.dead_letters[0].deliveries > 2 * settings.max_deliveries


async def test_only_the_event_that_fails_the_parser_is_dead_lettered(files: RecordingFiles, settings: Settings) -> None:
    class FakeDelivery:
        """A `Delivery` that records its answers. Its payload may have a type that the parser does not expect."""

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

    good = new_ref()
    deliveries = [FakeDelivery([1, 2]), FakeDelivery(event_message(settings, good).payload)]
    await EventConsumer(files, settings, now=lambda: datetime.now(UTC)).handle(deliveries)
    assert files.completed == [good]
    assert len(files.dead_letters) == 1
    assert [delivery.answers for delivery in deliveries] == [["drop"], ["ack"]]


async def test_a_created_stream_has_no_problems(settings: Settings, publish: Publish) -> None:
    assert await nats_connection.find_stream_problems(settings) == StreamProblems((), ())


async def test_forged_events_are_ignored(files: RecordingFiles, settings: Settings, publish: Publish) -> None:
    forged = new_ref()
    files.outcomes[forged] = CommitOutcome.NO_UPLOAD
    mine = new_ref()
    await publish(
        [
            event_message(settings, forged),
            event_message(settings, mine, bucket="another-bucket"),
            event_message(settings, mine, key="../etc/passwd"),
            event_message(settings, mine, key=f"{mine.owner}"),
        ]
    )
    async with running_ingest(files, settings):
        await wait_acknowledged(settings, 4)
    assert files.commit_count(forged) == 1
    assert files.commit_count(mine) == 0
    assert files.dead_letters == []
    assert files.completed == []


async def test_no_event_is_lost_when_the_broker_is_killed(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    before, during, after = new_ref(), new_ref(), new_ref()
    assert own_broker.server_process is not None
    async with running_ingest(files, settings):
        async with nats_connection.connect(settings) as queue:
            await queue.publish([event_message(settings, before)])
            await wait_until(lambda: before in files.completed)
        files.commit_gate.clear()
        async with nats_connection.connect(settings) as queue:
            await queue.publish([event_message(settings, during)])
            await wait_until(lambda: files.commit_count(during) == 1)
        await own_broker.server_process.kill()
        files.commit_gate.set()
        await asyncio.sleep(0.3)
        await own_broker.server_process.start()
        async with nats_connection.connect(settings) as queue:
            await queue.publish([event_message(settings, after)])
        await wait_until(lambda: {before, during, after} <= set(files.completed))
        await wait_acknowledged(settings, 3)
    assert len(files.completed) == 3


async def test_a_deleted_stream_is_created_again(files: RecordingFiles, settings: Settings, publish: Publish) -> None:
    first, second = new_ref(), new_ref()
    async with running_ingest(files, settings):
        await publish([event_message(settings, first)])
        await wait_until(lambda: first in files.completed)
        async with open_jetstream(settings) as jetstream:
            await jetstream.delete_stream(settings.stream)
        deadline = time.monotonic() + 10
        while True:
            try:
                await publish([event_message(settings, second)])
                break
            except Exception:
                assert time.monotonic() < deadline, "the stream was not created again"
                await asyncio.sleep(0.05)
        await wait_until(lambda: second in files.completed)


async def test_a_deleted_consumer_is_created_again(files: RecordingFiles, settings: Settings, publish: Publish) -> None:
    ref = new_ref()
    async with running_ingest(files, settings):
        await publish([event_message(settings, new_ref())])
        await wait_until(lambda: len(files.completed) == 1)
        async with open_jetstream(settings) as jetstream:
            await jetstream.delete_consumer(settings.stream, consumer_name(settings.bucket))
        await publish([event_message(settings, ref)])
        await wait_until(lambda: ref in files.completed)


async def test_without_a_broker_the_sweeper_works_and_events_resume_when_it_is_back(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    assert own_broker.server_process is not None
    await own_broker.server_process.kill()
    swept, reported = new_ref(), new_ref()
    async with running_ingest(files, settings):
        files.due.append(swept)
        await wait_until(lambda: swept in files.completed)
        await own_broker.server_process.start()
        async with nats_connection.connect(settings) as queue:
            await queue.publish([event_message(settings, reported)])
        await wait_until(lambda: reported in files.completed)


async def test_a_paused_broker_delays_neither_the_sweeper_nor_the_stop(
    files: RecordingFiles, own_broker: Nats, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(own_broker.url)
    assert own_broker.server_process is not None
    async with running_ingest(files, settings):
        async with nats_connection.connect(settings) as queue:
            await queue.publish([event_message(settings, new_ref())])
        await wait_until(lambda: len(files.completed) == 1)
        own_broker.server_process.pause()
        swept = new_ref()
        files.due.append(swept)
        await wait_until(lambda: swept in files.completed)
    own_broker.server_process.resume()


async def test_a_hanging_commit_is_cancelled_with_ingest(
    files: RecordingFiles, settings: Settings, publish: Publish
) -> None:
    files.commit_gate.clear()
    async with running_ingest(files, settings):
        await publish([event_message(settings, new_ref())])
        await wait_until(lambda: len(files.batches) == 1)


async def test_a_commit_past_its_deadline_is_retried(
    files: RecordingFiles, ingest_nats_url: str, make_settings: Callable[..., Settings]
) -> None:
    # With this wait the broker does not deliver the event again by itself.
    settings = make_settings(ingest_nats_url, deadline=timedelta(milliseconds=300), ack_wait=timedelta(minutes=1))
    ref = new_ref()
    files.commit_gate.clear()
    async with nats_connection.connect(settings) as queue, running_ingest(files, settings):
        await queue.publish([event_message(settings, ref)])
        await wait_until(lambda: files.commit_count(ref) == 2)
        files.commit_gate.set()
        await wait_until(lambda: ref in files.completed)
