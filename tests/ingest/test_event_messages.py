"""Parsing of the event messages that MinIO sends, and of bytes that are no event."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from drivebay.ingest.events import ObjectCreated, UnreadableEvent, parse_events, render_event, upload_ref


def minio_message(name: str = "s3:ObjectCreated:Put", **object_fields: object) -> dict[str, object]:
    """Return a message as MinIO publishes it."""
    entity = {
        "key": "hello.txt",
        "eTag": "5d41402abc4b2a76b9719d911017c592",
        "sequencer": "17F3A4B5C6D7E8F9",
        **object_fields,
    }
    return {
        "EventName": name,
        "Key": "drivebay/hello.txt",
        "Records": [
            {
                "eventVersion": "2.0",
                "eventSource": "minio:s3",
                "awsRegion": "",
                "eventTime": "2026-11-23T01:02:03.456Z",
                "eventName": name,
                "userIdentity": {"principalId": "minio"},
                "requestParameters": {"principalId": "minio", "region": "", "sourceIPAddress": "127.0.0.1"},
                "responseElements": {"x-amz-request-id": "17F3A4B5C6D7E8F9", "x-minio-deployment-id": "0"},
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "Config",
                    "bucket": {
                        "name": "drivebay",
                        "ownerIdentity": {"principalId": "minio"},
                        "arn": "arn:aws:s3:::drivebay",
                    },
                    "object": entity,
                },
                "source": {"host": "127.0.0.1", "port": "", "userAgent": "a browser"},
            }
        ],
    }


def encode(message: object) -> bytes:
    return json.dumps(message).encode()


def test_a_put_event_has_size_time_and_etag() -> None:
    message = minio_message(size=5, contentType="text/plain", userMetadata={"content-type": "text/plain"})
    at = datetime(2026, 11, 23, 1, 2, 3, 456000, tzinfo=UTC)
    assert parse_events(encode(message)) == (
        ObjectCreated("drivebay", "hello.txt", 5, at, "5d41402abc4b2a76b9719d911017c592"),
    )


def test_an_empty_object_has_no_size_in_its_event() -> None:
    assert parse_events(encode(minio_message()))[0].size == 0


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("with+a+space", "with a space"),
        ("a%2Bb", "a+b"),
        ("100%25", "100%"),
        ("100%2525", "100%25"),
        ("Gr%C3%BC%C3%9Fe%2F%E2%98%83", "Grüße/☃"),
        ("folder/plain.txt", "folder/plain.txt"),
    ],
)
def test_a_key_is_decoded_exactly_once(encoded: str, key: str) -> None:
    assert parse_events(encode(minio_message(key=encoded)))[0].key == key


@pytest.mark.parametrize("method", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
def test_every_method_that_writes_an_object_is_parsed(method: str) -> None:
    assert len(parse_events(encode(minio_message(f"s3:ObjectCreated:{method}", size=1)))) == 1


@pytest.mark.parametrize(
    "name",
    [
        "s3:ObjectCreated:PutTagging",
        "s3:ObjectCreated:PutRetention",
        "s3:ObjectCreated:PutLegalHold",
        "s3:ObjectCreated:DeleteTagging",
        "s3:ObjectRemoved:Delete",
        "s3:ObjectAccessed:Get",
        "",
    ],
)
def test_other_events_give_no_objects(name: str) -> None:
    assert parse_events(encode(minio_message(name, size=1))) == ()


def test_a_test_event_without_records_gives_no_objects() -> None:
    assert parse_events(encode({"Service": "S3", "Event": "s3:TestEvent", "Bucket": "drivebay", "HostId": "1"})) == ()
    assert parse_events(encode({"EventName": "s3:TestEvent", "Records": None})) == ()


def test_several_records_give_several_objects() -> None:
    message = minio_message(size=1)
    message["Records"] = [*message["Records"], *minio_message(key="other", size=2)["Records"]]  # type: ignore[misc]
    assert [event.key for event in parse_events(encode(message))] == ["hello.txt", "other"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b'{"Records": [{}]}',
        b'{"Records": "x"}',
        encode(minio_message(size="five")),
        encode(minio_message(size=2**70)),
        encode(minio_message(key="%FF")),
        b"[" * 100_000,
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_bytes_that_are_no_event_are_unreadable_with_a_reason(payload: bytes) -> None:
    with pytest.raises(UnreadableEvent) as caught:
        parse_events(payload)
    assert str(caught.value)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-23T01:02:03"])
def test_an_event_without_a_valid_time_is_parsed(time: str) -> None:
    message = minio_message(size=1)
    message["Records"][0]["eventTime"] = time  # type: ignore[index]
    assert parse_events(encode(message))[0].at is None


@given(st.text(min_size=1), st.integers(0, 2**62))
def test_a_rendered_event_is_parsed_to_the_same_event(key: str, size: int) -> None:
    event = ObjectCreated("a.bucket", key, size, datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "tag")
    assert parse_events(render_event(event)) == (event,)


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+05:30", "-23:59", "+00:00:30"])
def test_a_time_in_any_time_zone_is_rendered_unchanged(offset: str) -> None:
    event = ObjectCreated("a.bucket", "k", 1, datetime.fromisoformat(f"2026-01-02T03:04:05{offset}"))
    assert parse_events(render_event(event)) == (event,)


@given(st.binary())
def test_any_bytes_are_parsed_or_unreadable(payload: bytes) -> None:
    try:
        events = parse_events(payload)
    except UnreadableEvent:
        return
    assert events == ()


def test_an_object_key_names_its_upload() -> None:
    owner, upload = uuid7(), uuid7()
    ref = upload_ref(f"{owner}/{upload}")
    assert ref is not None
    assert (ref.owner, ref.id) == (owner, upload)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda key: key + "/",
        lambda key: "/" + key,
        lambda key: key.replace("-", ""),
        lambda key: key + ".part",
        lambda key: "{" + key,
        lambda key: key.split("/")[0],
    ],
)
def test_a_key_of_a_similar_form_names_no_upload(change: object) -> None:
    assert upload_ref(change(f"{uuid7()}/{uuid7()}")) is None  # type: ignore[operator]
