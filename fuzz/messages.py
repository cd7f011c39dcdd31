"""What must hold for any message of a store, or of another process."""

from __future__ import annotations

import enum
import types
from datetime import UTC, datetime
from typing import Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from drivebay.contract.auth import Auth
from drivebay.contract.files import Files
from drivebay.contract.storage import Storage
from drivebay.errors import Error, FieldError, Internal, InvalidRequest, RateLimited
from drivebay.ingest.events import Unreadable, parse, ref, render
from drivebay.ingest.seaweedfs import Filer, resumption
from drivebay.proto import AUTH, FILES, STORAGE, seaweedfs
from drivebay.proto.seaweedfs import filer_pb2
from drivebay.testing.promised import misfit
from drivebay.wire.failure import pack, said, unpack
from drivebay.wire.shape import methods, promised

OWNER: Final = UUID("0190a5e0-0000-7000-8000-00000000000a")
UPLOAD: Final = UUID("0190a5e0-0000-7000-8000-00000000000b")
KEY: Final = f"{OWNER}/{UPLOAD}"
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)

# -- what stores say -----------------------------------------------------------------------------------


def events(data: bytes) -> None:
    """A message of the queue is events or Unreadable, and what it says is passed on as it was said.

    The bytes are tried as they are, and as the lines of a message that is one but for what stands in it.
    """
    _event(data)
    name, bucket, key, size, at, etag = (part.decode("utf-8", "replace") for part in _parts(data, 6))
    told = {"bucket": {"name": bucket}, "object": {"key": key, "size": len(size) ** 20, "eTag": etag}}
    record = {"eventName": f"ObjectCreated:{name}", "eventTime": at, "s3": told}
    _event(msgspec.json.encode({"EventName": name, "Key": key, "Records": [record]}))


def _parts(data: bytes, count: int) -> tuple[bytes, ...]:
    found = data.split(b"\n", count - 1)
    return (*found, *(b"",) * (count - len(found)))


def _event(data: bytes) -> None:
    try:
        found = parse(data)
    except Unreadable:
        return
    for event in found:
        assert 0 <= event.size < 2**63
        assert event.at is None or abs((NOON - event.at).total_seconds()) < 1e12
        assert parse(render(event)) == (event,)
        known = ref(event.key)
        assert known is None or event.key == f"{known.owner}/{known.id}"


def changes(data: bytes) -> None:
    """A message of a filer is a change or a ValueError; a change makes an event, and listening can go on from it.

    The bytes are tried as they are, and as the lines of a message that is one but for what stands in it.
    """
    _change(data)
    at, size, folder, name = _parts(data, 4)
    entry = filer_pb2.Entry(
        name=name.decode("utf-8", "replace"), attributes={"file_size": int.from_bytes(size[:8], "big")}
    )
    place = f"/buckets/drivebay/{folder.decode('utf-8', 'replace')}"
    _change(filer_said(int.from_bytes(at[:8], "big", signed=True), new_entry=entry, new_parent_path=place))


def _change(data: bytes) -> None:
    try:
        change = seaweedfs.change(data)
    except ValueError:
        return
    assert misfit(change.at, int) is None
    for message in _FILER.translate([change]):
        (event,) = parse(message.payload)
        assert ref(event.key) is not None
        assert message.id == f"{change.at}:{event.key}"
    assert seaweedfs.subscription(1, "/buckets/drivebay/", resumption(change.at))


def _nothing(*_: Any) -> Any:
    raise AssertionError("a filer that only translates needs nothing")


_FILER: Final = Filer("nowhere", "drivebay", open_stream=_nothing, new_id=_nothing, now=_nothing, on_connect=_nothing)


def filer_said(at: int = 1_790_000_000_000_000_000, **event: Any) -> bytes:
    entry = filer_pb2.Entry(name=str(UPLOAD), attributes={"file_size": 5})
    notification = {"new_entry": entry, "new_parent_path": f"/buckets/drivebay/{OWNER}", **event}
    return bytes(
        filer_pb2.SubscribeMetadataResponse(
            directory="/buckets/drivebay", event_notification=notification, ts_ns=at
        ).SerializeToString()
    )


# -- what processes say --------------------------------------------------------------------------------

METHODS: Final = tuple(
    (method, promised(contract)[method.name])
    for contract, service in ((Auth, AUTH), (Files, FILES), (Storage, STORAGE))
    for method in methods(contract, service)
)


def codec(data: bytes) -> None:
    """A message of any method is values of the promised types or an InvalidRequest, and those values can be sent.

    The first byte says which method, and whether it is asked or answered.
    """
    number, answered = divmod(data[0] if data else 0, 2)
    method, function = METHODS[number % len(METHODS)]
    hints = get_type_hints(function)
    answer = hints.pop("return")
    try:
        found: Any = method.decode_response(data[1:]) if answered else method.decode_request(data[1:])
    except InvalidRequest:
        return
    if answered:
        assert misfit(found, answer) is None, misfit(found, answer)
        assert method.decode_response(method.encode_response(found)) == found
        return
    for name, value in zip(hints, found, strict=True):
        assert misfit(value, hints[name], name) is None, misfit(value, hints[name], name)
    assert method.decode_request(method.encode_request(found)) == found


def failure(data: bytes) -> None:
    """The trailer of a failed call is an error of ours, which can be passed on as it is."""
    error = unpack(data)
    assert isinstance(error, Error)
    said(error).encode()
    again = unpack(pack(error))
    assert type(again) is type(error)
    assert again.retry_after == error.retry_after
    assert error.detail.startswith(again.detail)
    assert len(pack(error)) <= 4096


def seeds_of_failure() -> tuple[bytes, ...]:
    fields = FieldError("name", "too long"), FieldError("size", "negative")
    return pack(InvalidRequest("no", errors=fields)), pack(RateLimited(retry_after=7)), pack(Internal("\u00fc" * 3000))


def seeds_of_codec() -> tuple[bytes, ...]:
    """A request and an answer of each method."""
    found: list[bytes] = []
    for number, (method, function) in enumerate(METHODS):
        hints = get_type_hints(function)
        answer = sample(hints.pop("return"))
        found.append(bytes([2 * number]) + method.encode_request(tuple(sample(hint) for hint in hints.values())))
        found.append(bytes([2 * number + 1]) + method.encode_response(answer))
    return tuple(found)


_SAMPLES: Final[dict[Any, Any]] = {UUID: OWNER, str: "a", int: 5, bool: True, bytes: b"b", datetime: NOON}


def sample(hint: Any) -> Any:
    """One value of a type that a contract names, with everything in it that may be there."""
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
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
