"""MinIO's messages, as it sends them, and what must not be taken for an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from drivebay.ingest.events import Created, Unreadable, parse, ref, render


def from_minio(name: str = "s3:ObjectCreated:Put", **found: object) -> dict[str, object]:
    """A message as MinIO publishes it."""
    entity = {"key": "hello.txt", "eTag": "5d41402abc4b2a76b9719d911017c592", "sequencer": "17F3A4B5C6D7E8F9", **found}
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


def sent(message: object) -> bytes:
    return json.dumps(message).encode()


def test_a_put_is_read_with_size_time_and_tag() -> None:
    message = from_minio(size=5, contentType="text/plain", userMetadata={"content-type": "text/plain"})
    at = datetime(2026, 11, 23, 1, 2, 3, 456000, tzinfo=UTC)
    assert parse(sent(message)) == (Created("drivebay", "hello.txt", 5, at, "5d41402abc4b2a76b9719d911017c592"),)


def test_an_empty_object_has_no_size_in_its_event() -> None:
    assert parse(sent(from_minio()))[0].size == 0


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
    assert parse(sent(from_minio(key=encoded)))[0].key == key


@pytest.mark.parametrize("how", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
def test_every_way_to_write_an_object_counts(how: str) -> None:
    assert len(parse(sent(from_minio(f"s3:ObjectCreated:{how}", size=1)))) == 1


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
def test_other_events_name_nothing_to_look_at(name: str) -> None:
    assert parse(sent(from_minio(name, size=1))) == ()


def test_a_test_event_without_records_is_no_mistake() -> None:
    assert parse(sent({"Service": "S3", "Event": "s3:TestEvent", "Bucket": "drivebay", "HostId": "1"})) == ()
    assert parse(sent({"EventName": "s3:TestEvent", "Records": None})) == ()


def test_several_records_are_several_objects() -> None:
    message = from_minio(size=1)
    message["Records"] = [*message["Records"], *from_minio(key="other", size=2)["Records"]]  # type: ignore[misc]
    assert [event.key for event in parse(sent(message))] == ["hello.txt", "other"]


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
        sent(from_minio(size="five")),
        sent(from_minio(size=2**70)),
        sent(from_minio(key="%FF")),
        b"[" * 100_000,
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_called_unreadable_with_a_reason(payload: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(payload)
    assert str(caught.value)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-23T01:02:03"])
def test_an_event_without_a_usable_time_is_still_an_event(time: str) -> None:
    message = from_minio(size=1)
    message["Records"][0]["eventTime"] = time  # type: ignore[index]
    assert parse(sent(message))[0].at is None


@given(st.text(min_size=1), st.integers(0, 2**62))
def test_what_we_render_is_read_back_the_same(key: str, size: int) -> None:
    event = Created("a.bucket", key, size, datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "tag")
    assert parse(render(event)) == (event,)


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+05:30", "-23:59", "+00:00:30"])
def test_a_time_of_any_zone_is_rendered_as_itself(offset: str) -> None:
    event = Created("a.bucket", "k", 1, datetime.fromisoformat(f"2026-01-02T03:04:05{offset}"))
    assert parse(render(event)) == (event,)


@given(st.binary())
def test_no_bytes_at_all_bring_the_parser_down(payload: bytes) -> None:
    try:
        events = parse(payload)
    except Unreadable:
        return
    assert events == ()


def test_our_keys_name_their_upload() -> None:
    owner, upload = uuid7(), uuid7()
    found = ref(f"{owner}/{upload}")
    assert found is not None
    assert (found.owner, found.id) == (owner, upload)


@pytest.mark.parametrize(
    "bend",
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
def test_a_key_that_is_only_like_ours_is_not_ours(bend: object) -> None:
    assert ref(bend(f"{uuid7()}/{uuid7()}")) is None  # type: ignore[operator]
