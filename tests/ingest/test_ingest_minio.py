"""MinIO's own messages, as version RELEASE.2025-10-15 sent them, through a real JetStream.

It publishes to the bare subject, without an id for the message, so JetStream takes none for a repetition.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest
from ingest_fakes import RecordingFiles, running, some_ref, until

from drivebay.contract.files import UploadRef
from drivebay.ingest import nats
from drivebay.ingest.settings import Settings


def object_of(key: str, size: int) -> dict[str, Any]:
    """Go leaves a zero out, and encodes the key as a form does."""
    return {
        "key": quote_plus(key),
        **({"size": size} if size else {}),
        "eTag": "827ccb0eea8a706c4c34a16891f84e7b",
        "contentType": "text/plain",
        "userMetadata": {"X-Amz-Meta-Name": "n", "content-type": "text/plain"},
        "sequencer": "18EA940D7B9204CF",
    }


def message(bucket: str, key: str, name: str, size: int) -> bytes:
    who = {"principalId": "minio"}
    record = {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "awsRegion": "",
        "eventTime": "2026-11-23T05:03:07.090Z",
        "eventName": name,
        "userIdentity": who,
        "requestParameters": {**who, "region": "", "sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "content-length": "374",
            "x-amz-id-2": "470a0afc0f6fdbebb6a8e14ece29122784c0656e19563387135a7c8e02feb163",
            "x-amz-request-id": "18EA940D7B88F12F",
            "x-minio-deployment-id": "93134284-62d9-422d-9c76-cce5559ad245",
            "x-minio-origin-endpoint": "http://127.0.0.1:9000",
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "Config",
            "bucket": {"name": bucket, "ownerIdentity": who, "arn": f"arn:aws:s3:::{bucket}"},
            "object": object_of(key, size),
        },
        "source": {"host": "127.0.0.1", "port": "", "userAgent": "Mozilla/5.0"},
    }
    text = json.dumps({"EventName": name, "Key": f"{bucket}/{key}", "Records": [record]}, ensure_ascii=False)
    # Go escapes these three also outside of HTML.
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").encode()


async def publish(settings: Settings, *payloads: bytes) -> None:
    async with nats.connect(settings) as stream:
        for payload in payloads:
            await stream._js.publish(settings.subject, payload)


def written(settings: Settings, ref: UploadRef, how: str = "Put", size: int = 5) -> bytes:
    return message(settings.bucket, f"{ref.owner}/{ref.id}", f"s3:ObjectCreated:{how}", size)


@pytest.mark.parametrize(
    ("how", "size"), [("Put", 5), ("Put", 0), ("Post", 5), ("Copy", 5), ("CompleteMultipartUpload", 5 << 40)]
)
async def test_an_object_is_committed_however_it_was_written(
    files: RecordingFiles, settings: Settings, how: str, size: int
) -> None:
    ref = some_ref()
    async with running(files, settings):
        await publish(settings, written(settings, ref, how, size))
        await until(lambda: ref in files.completed)
    assert files.buried == []


async def test_the_same_message_many_times_is_one_file(files: RecordingFiles, settings: Settings) -> None:
    ref, last = some_ref(), some_ref()
    async with running(files, settings):
        await publish(settings, *[written(settings, ref)] * 10, written(settings, last))
        await until(lambda: last in files.completed)
    assert files.completed.count(ref) == 1
    assert files.buried == []


@pytest.mark.parametrize("name", ["PutTagging", "DeleteTagging", "PutRetention", "PutLegalHold"])
async def test_what_changes_no_byte_is_not_looked_at(files: RecordingFiles, settings: Settings, name: str) -> None:
    tagged, last = some_ref(), some_ref()
    async with running(files, settings):
        await publish(settings, written(settings, tagged, name), written(settings, last))
        await until(lambda: last in files.completed)
    assert files.tries(tagged) == 0
    assert files.buried == []


@pytest.mark.parametrize(
    "key", ["with space", "a+b", "100%41", "100%", "Grüße/☃ x.txt", "a&b<c>'d\"", "%FF/%", "\\u0000"]
)
async def test_keys_that_are_not_ours_are_passed_over_and_leave_nothing(
    files: RecordingFiles, settings: Settings, key: str
) -> None:
    last = some_ref()
    async with running(files, settings):
        await publish(settings, message(settings.bucket, key, "s3:ObjectCreated:Put", 5), written(settings, last))
        await until(lambda: last in files.completed)
    assert sum(map(len, files.batches)) == 1
    assert files.buried == []


@pytest.mark.parametrize(
    "greeting",
    [
        # What VersityGW and Amazon send when a rule is made, and what MinIO writes for a rule that tells nothing.
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-23T05:03:07.090Z", "Bucket": "drivebay"},
        {"EventName": "s3:TestEvent", "Key": "drivebay/", "Records": None},
        {"EventName": "", "Key": "", "Records": []},
    ],
)
async def test_a_test_event_is_taken_and_forgotten(
    files: RecordingFiles, settings: Settings, greeting: dict[str, Any]
) -> None:
    last = some_ref()
    async with running(files, settings):
        await publish(settings, json.dumps(greeting).encode(), written(settings, last))
        await until(lambda: last in files.completed)
    assert files.buried == []


async def test_two_deployments_on_one_store_do_not_take_each_others_events(
    settings: Settings, make_settings: Callable[..., Settings]
) -> None:
    # MinIO sends the events of all its buckets to one subject.
    assert settings.nats_url is not None
    there = make_settings(settings.nats_url, bucket="other.bucket", stream=settings.stream, subject=settings.subject)
    ours, theirs, ref, other = RecordingFiles(), RecordingFiles(), some_ref(), some_ref()
    async with running(ours, settings), running(theirs, there):
        await publish(settings, written(settings, ref), written(there, other))
        await until(lambda: ref in ours.completed and other in theirs.completed)
    assert (ours.tries(other), theirs.tries(ref)) == (0, 0)


async def test_a_stream_with_other_subjects_is_refused_by_name(
    files: RecordingFiles, settings: Settings, make_settings: Callable[..., Settings]
) -> None:
    assert settings.nats_url is not None
    async with nats.connect(settings) as stream:
        await stream._js.add_stream(name=f"{settings.stream}_ORDERS", subjects=[f"orders.{settings.stream}"])
    foreign = make_settings(settings.nats_url, stream=f"{settings.stream}_ORDERS")
    problem = await nats.check(foreign)
    assert problem is not None
    for word in (foreign.stream, f"orders.{settings.stream}", foreign.subject, "DRIVEBAY_EVENTS_SUBJECT"):
        assert word in problem
    ref = some_ref()
    files.due.append(ref)
    async with running(files, foreign):
        await until(lambda: ref in files.completed)
    assert await nats.check(settings) is None


async def test_subjects_that_another_stream_holds_are_a_line_too(
    settings: Settings, make_settings: Callable[..., Settings]
) -> None:
    assert settings.nats_url is not None
    async with nats.connect(settings):
        pass
    problem = await nats.check(make_settings(settings.nats_url, subject=f"{settings.subject}.more"))
    assert problem is not None
    assert "overlap" in problem
