"""The messages of MinIO RELEASE.2025-10-15, through a real JetStream.

MinIO publishes to the bare subject and without a message id, so JetStream does not detect repeated messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest
from ingest_helpers import RecordingFiles, new_ref, open_jetstream, running_ingest, wait_until

from drivebay.contract.files import UploadRef
from drivebay.ingest import nats_connection
from drivebay.ingest.settings import Settings


def object_fields(key: str, size: int) -> dict[str, Any]:
    """Return the object as Go encodes it: without a zero size, and with the key encoded as in a form."""
    return {
        "key": quote_plus(key),
        **({"size": size} if size else {}),
        "eTag": "827ccb0eea8a706c4c34a16891f84e7b",
        "contentType": "text/plain",
        "userMetadata": {"X-Amz-Meta-Name": "n", "content-type": "text/plain"},
        "sequencer": "18EA940D7B9204CF",
    }


def minio_message(bucket: str, key: str, name: str, size: int) -> bytes:
    principal = {"principalId": "minio"}
    record = {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "awsRegion": "",
        "eventTime": "2026-11-23T05:03:07.090Z",
        "eventName": name,
        "userIdentity": principal,
        "requestParameters": {**principal, "region": "", "sourceIPAddress": "127.0.0.1"},
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
            "bucket": {"name": bucket, "ownerIdentity": principal, "arn": f"arn:aws:s3:::{bucket}"},
            "object": object_fields(key, size),
        },
        "source": {"host": "127.0.0.1", "port": "", "userAgent": "Mozilla/5.0"},
    }
    text = json.dumps({"EventName": name, "Key": f"{bucket}/{key}", "Records": [record]}, ensure_ascii=False)
    # Go escapes these three characters, although this is not HTML.
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").encode()


async def publish(settings: Settings, *payloads: bytes) -> None:
    # The connection of the code under test creates the stream.
    async with nats_connection.connect(settings), open_jetstream(settings) as jetstream:
        for payload in payloads:
            await jetstream.publish(settings.subject, payload)


def put_message(settings: Settings, ref: UploadRef, method: str = "Put", size: int = 5) -> bytes:
    return minio_message(settings.bucket, f"{ref.owner}/{ref.id}", f"s3:ObjectCreated:{method}", size)


@pytest.mark.parametrize(
    ("method", "size"), [("Put", 5), ("Put", 0), ("Post", 5), ("Copy", 5), ("CompleteMultipartUpload", 5 << 40)]
)
async def test_an_object_is_committed_after_every_method_of_writing(
    files: RecordingFiles, settings: Settings, method: str, size: int
) -> None:
    ref = new_ref()
    async with running_ingest(files, settings):
        await publish(settings, put_message(settings, ref, method, size))
        await wait_until(lambda: ref in files.completed)
    assert files.dead_letters == []


async def test_a_repeated_message_makes_one_file(files: RecordingFiles, settings: Settings) -> None:
    ref, last = new_ref(), new_ref()
    async with running_ingest(files, settings):
        await publish(settings, *[put_message(settings, ref)] * 10, put_message(settings, last))
        await wait_until(lambda: last in files.completed)
    assert files.completed.count(ref) == 1
    assert files.dead_letters == []


@pytest.mark.parametrize("name", ["PutTagging", "DeleteTagging", "PutRetention", "PutLegalHold"])
async def test_an_event_that_changes_no_bytes_causes_no_commit(
    files: RecordingFiles, settings: Settings, name: str
) -> None:
    tagged, last = new_ref(), new_ref()
    async with running_ingest(files, settings):
        await publish(settings, put_message(settings, tagged, name), put_message(settings, last))
        await wait_until(lambda: last in files.completed)
    assert files.commit_count(tagged) == 0
    assert files.dead_letters == []


@pytest.mark.parametrize(
    "key", ["with space", "a+b", "100%41", "100%", "Grüße/☃ x.txt", "a&b<c>'d\"", "%FF/%", "\\u0000"]
)
async def test_events_with_keys_of_another_form_are_ignored(
    files: RecordingFiles, settings: Settings, key: str
) -> None:
    last = new_ref()
    async with running_ingest(files, settings):
        await publish(
            settings, minio_message(settings.bucket, key, "s3:ObjectCreated:Put", 5), put_message(settings, last)
        )
        await wait_until(lambda: last in files.completed)
    assert sum(map(len, files.batches)) == 1
    assert files.dead_letters == []


@pytest.mark.parametrize(
    "test_event",
    [
        # VersityGW and Amazon send these when a rule is created. MinIO writes the last two for a rule without events.
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-23T05:03:07.090Z", "Bucket": "drivebay"},
        {"EventName": "s3:TestEvent", "Key": "drivebay/", "Records": None},
        {"EventName": "", "Key": "", "Records": []},
    ],
)
async def test_a_test_event_is_acknowledged_and_ignored(
    files: RecordingFiles, settings: Settings, test_event: dict[str, Any]
) -> None:
    last = new_ref()
    async with running_ingest(files, settings):
        await publish(settings, json.dumps(test_event).encode(), put_message(settings, last))
        await wait_until(lambda: last in files.completed)
    assert files.dead_letters == []


async def test_two_deployments_on_one_store_do_not_receive_each_others_events(
    settings: Settings, make_settings: Callable[..., Settings]
) -> None:
    # MinIO sends the events of all its buckets to one subject.
    assert settings.nats_url is not None
    other_settings = make_settings(
        settings.nats_url, bucket="other.bucket", stream=settings.stream, subject=settings.subject
    )
    ours, theirs = RecordingFiles(), RecordingFiles()
    our_refs, their_refs = [new_ref() for _ in range(10)], [new_ref() for _ in range(10)]
    async with running_ingest(ours, settings), running_ingest(theirs, other_settings):
        # Several events, and not in turns: a shared consumer could deliver each of two events to the right deployment.
        await publish(settings, *[put_message(settings, ref) for ref in our_refs])
        await publish(settings, *[put_message(other_settings, ref) for ref in their_refs])
        await wait_until(lambda: set(our_refs) <= set(ours.completed) and set(their_refs) <= set(theirs.completed))
    assert not set(their_refs) & set(ours.completed)
    assert not set(our_refs) & set(theirs.completed)


async def test_a_stream_with_other_subjects_is_refused_with_the_setting_to_change(
    files: RecordingFiles, settings: Settings, make_settings: Callable[..., Settings]
) -> None:
    assert settings.nats_url is not None
    async with open_jetstream(settings) as jetstream:
        await jetstream.add_stream(name=f"{settings.stream}_ORDERS", subjects=[f"orders.{settings.stream}"])
    foreign = make_settings(settings.nats_url, stream=f"{settings.stream}_ORDERS")
    problem = await nats_connection.find_connection_problem(foreign)
    assert problem is not None
    for word in (foreign.stream, f"orders.{settings.stream}", foreign.subject, "DRIVEBAY_EVENTS_SUBJECT"):
        assert word in problem
    ref = new_ref()
    files.due.append(ref)
    async with running_ingest(files, foreign):
        await wait_until(lambda: ref in files.completed)
    assert await nats_connection.find_connection_problem(settings) is None


async def test_a_subject_that_overlaps_with_another_stream_is_a_problem(
    settings: Settings, make_settings: Callable[..., Settings]
) -> None:
    assert settings.nats_url is not None
    async with nats_connection.connect(settings):
        pass
    problem = await nats_connection.find_connection_problem(
        make_settings(settings.nats_url, subject=f"{settings.subject}.more")
    )
    assert problem is not None
    assert "overlap" in problem
