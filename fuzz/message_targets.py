"""Targets for messages of stores and of other processes."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import isnan
from typing import Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from drivebay.contract.auth import Auth
from drivebay.contract.files import Files
from drivebay.contract.storage import Storage
from drivebay.errors import Error, FieldError, Internal, InvalidRequest, RateLimited
from drivebay.ingest.events import UnreadableEvent, parse_events, render_event, upload_ref
from drivebay.ingest.filer_listener import ChangeStream, FilerListener, resume_position
from drivebay.proto import AUTH, FILES, STORAGE, seaweedfs
from drivebay.proto.seaweedfs import filer_pb2
from drivebay.rpc.codec import RpcMethod, rpc_methods
from drivebay.rpc.error_codec import MAX_TRAILER_SIZE, decode_error, encode_error, status_detail
from drivebay.rpc.msgpack_codec import MsgpackMethod, msgpack_methods
from drivebay.rpc.multiplex_frames import (
    Call,
    Cancel,
    Drain,
    Failure,
    Greeting,
    InvalidFrames,
    Piece,
    Refusal,
    Result,
    Welcome,
    decode_client_frames,
    decode_server_frames,
    encode_frames,
)
from drivebay.rpc.type_hints import contract_methods, resolve_newtype, split_hints
from drivebay.testing.type_check import type_mismatch

OWNER: Final = UUID("0190a5e0-0000-7000-8000-00000000000a")
UPLOAD: Final = UUID("0190a5e0-0000-7000-8000-00000000000b")
KEY: Final = f"{OWNER}/{UPLOAD}"
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)

# -- messages of stores -------------------------------------------------------------------------------


def events(data: bytes) -> None:
    """A message of the queue is a list of events or UnreadableEvent. Rendering and parsing an event keeps it unchanged.

    The bytes are parsed as a message, and their lines as the values in a well-formed message.
    """
    _event(data)
    name, bucket, key, size, at, etag = (part.decode("utf-8", "replace") for part in _split_lines(data, 6))
    content = {"bucket": {"name": bucket}, "object": {"key": key, "size": len(size) ** 20, "eTag": etag}}
    record = {"eventName": f"ObjectCreated:{name}", "eventTime": at, "s3": content}
    _event(msgspec.json.encode({"EventName": name, "Key": key, "Records": [record]}))


def _split_lines(data: bytes, count: int) -> tuple[bytes, ...]:
    found = data.split(b"\n", count - 1)
    return (*found, *(b"",) * (count - len(found)))


def _event(data: bytes) -> None:
    try:
        found = parse_events(data)
    except UnreadableEvent:
        return
    for event in found:
        assert 0 <= event.size < 2**63
        assert event.at is None or abs((NOON - event.at).total_seconds()) < 1e12
        assert parse_events(render_event(event)) == (event,)
        upload = upload_ref(event.key)
        assert upload is None or event.key == f"{upload.owner}/{upload.id}"


def changes(data: bytes) -> None:
    """A message of a filer is a change or a ValueError. A change becomes an event and gives a position to resume at.

    The bytes are parsed as a message, and their lines as the values in a well-formed message.
    """
    _change(data)
    at, size, folder, name = _split_lines(data, 4)
    entry = filer_pb2.Entry(
        name=name.decode("utf-8", "replace"), attributes={"file_size": int.from_bytes(size[:8], "big")}
    )
    path = f"/buckets/drivebay/{folder.decode('utf-8', 'replace')}"
    _change(filer_message(int.from_bytes(at[:8], "big", signed=True), new_entry=entry, new_parent_path=path))


def _change(data: bytes) -> None:
    try:
        change = seaweedfs.change(data)
    except ValueError:
        return
    assert type_mismatch(change.at, int) is None
    for message in _LISTENER.to_messages([change]):
        (event,) = parse_events(message.payload)
        assert upload_ref(event.key) is not None
        assert message.deduplication_id == f"{change.at}:{event.key}"
    assert seaweedfs.subscription(1, "/buckets/drivebay/", resume_position(change.at))


def _unused(*_: Any) -> Any:
    raise AssertionError("translating needs no connection")


_LISTENER: Final = FilerListener(
    ChangeStream("nowhere", "drivebay"), open_stream=_unused, new_id=_unused, now=_unused, on_connect=_unused
)


def filer_message(at: int = 1_790_000_000_000_000_000, **event: Any) -> bytes:
    """Return a message of a filer about a new object."""
    entry = filer_pb2.Entry(name=str(UPLOAD), attributes={"file_size": 5})
    notification = {"new_entry": entry, "new_parent_path": f"/buckets/drivebay/{OWNER}", **event}
    return bytes(
        filer_pb2.SubscribeMetadataResponse(
            directory="/buckets/drivebay", event_notification=notification, ts_ns=at
        ).SerializeToString()
    )


# -- messages of processes ----------------------------------------------------------------------------

METHODS: Final = tuple(
    (method, contract_methods(contract)[method.name])
    for contract, service in ((Auth, AUTH), (Files, FILES), (Storage, STORAGE))
    for method in rpc_methods(contract, service)
)


STREAMED: Final = tuple(
    (method, contract_methods(contract)[name])
    for contract in (Auth, Files, Storage)
    for name, method in msgpack_methods(contract).items()
)


def codec(data: bytes) -> None:
    """A message of any method is values of the right types or an InvalidRequest, and these values can be encoded.

    The first byte chooses the method, and whether the rest is a request or a response.
    """
    _check_codec(data, METHODS)


def stream_codec(data: bytes) -> None:
    """The same is true of the payload of a call on a stream."""
    _check_codec(data, STREAMED)


def _check_codec(data: bytes, methods: Sequence[tuple[RpcMethod | MsgpackMethod, Callable[..., Any]]]) -> None:
    number, is_response = divmod(int.from_bytes(data[:2], "big"), 2)
    payload = data[2:]
    method, function = methods[number % len(methods)]
    hints, result = split_hints(function)
    try:
        found: Any = method.decode_response(payload) if is_response else method.decode_request(payload)
    except InvalidRequest:
        return
    if is_response:
        assert type_mismatch(found, result) is None, type_mismatch(found, result)
        assert method.decode_response(method.encode_response(found)) == found
        return
    for name, value in zip(hints, found, strict=True):
        assert type_mismatch(value, hints[name], name) is None, type_mismatch(value, hints[name], name)
    assert method.decode_request(method.encode_request(found)) == found


def frames(data: bytes) -> None:
    """A message of a stream is frames that can be encoded again, or InvalidFrames."""
    for decode in (decode_client_frames, decode_server_frames):
        with suppress(InvalidFrames):
            found: list[Any] = [*decode(data)]
            if not any(isinstance(frame, Call) and isnan(frame.seconds) for frame in found):  # NaN is not equal to NaN
                assert decode(encode_frames(found)) == found


def failure(data: bytes) -> None:
    """Any trailer is decoded to an error, and encoding that error again keeps it."""
    error = decode_error(data)
    assert isinstance(error, Error)
    status_detail(error).encode()
    again = decode_error(encode_error(error))
    assert type(again) is type(error)
    assert again.retry_after == error.retry_after
    assert error.detail.startswith(again.detail)
    assert len(encode_error(error)) <= MAX_TRAILER_SIZE


def error_seeds() -> tuple[bytes, ...]:
    """Return trailers of short and long errors."""
    fields = FieldError("name", "too long"), FieldError("size", "negative")
    return (
        encode_error(InvalidRequest("no", errors=fields)),
        encode_error(RateLimited(retry_after=7)),
        encode_error(Internal("\u00fc" * 3000)),
    )


def frame_seeds() -> tuple[bytes, ...]:
    """Return messages of a client and of a server with every frame."""
    greeting = Greeting(1, "drivebay.files.v1.FilesService", "0.1.0", frozenset({"File.name: str"}))
    call = Call(1, "get_file", 9.5, b"\x80", {"x-request-id": "r"})
    welcome = Welcome("0.1.0", "p", frozenset({"get_file"}))
    failure = Failure(3, encode_error(Internal()))
    return (
        encode_frames([greeting]),
        encode_frames([call, Call(2, "health", 1, b""), Cancel(1)]),
        encode_frames([welcome]),
        encode_frames([Refusal("no"), Piece(1, b"a"), Result(1, b"b"), failure, Drain()]),
    )


def codec_seeds(methods: Sequence[tuple[RpcMethod | MsgpackMethod, Callable[..., Any]]] = METHODS) -> tuple[bytes, ...]:
    """Return a request and a response of each method."""
    found: list[bytes] = []
    for number, (method, function) in enumerate(methods):
        hints, result = split_hints(function)
        found.append(
            (2 * number).to_bytes(2, "big") + method.encode_request(tuple(sample(hint) for hint in hints.values()))
        )
        found.append((2 * number + 1).to_bytes(2, "big") + method.encode_response(sample(result)))
    return tuple(found)


_SAMPLES: Final[dict[Any, Any]] = {UUID: OWNER, str: "a", int: 5, bool: True, bytes: b"b", datetime: NOON}


def sample(hint: Any) -> Any:
    """Return a value of a type that a contract uses. Optional fields are set."""
    hint = resolve_newtype(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return sample(next(part for part in arguments if part is not type(None)))
    if origin is tuple:
        return (sample(arguments[0]),) * 2
    if origin is dict:
        return {"name": "a.txt"}
    if hint is type(None):
        return None
    if issubclass(hint, enum.Enum):
        return next(iter(hint))
    if issubclass(hint, msgspec.Struct):
        return hint(**{name: sample(part) for name, part in get_type_hints(hint).items()})
    return _SAMPLES[hint]
