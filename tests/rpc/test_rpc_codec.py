"""Every value of a contract survives both codecs, protobuf and MessagePack, and invalid messages are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivebay.contract.auth import Auth
from drivebay.contract.files import Access, Files, UploadIntent
from drivebay.contract.ids import ROOT, UserId
from drivebay.contract.storage import ObjectInfo, Presence, PutSpec, Storage
from drivebay.errors import InvalidRequest
from drivebay.proto import AUTH, FILES, STORAGE
from drivebay.rpc.codec import RpcMethod, rpc_methods
from drivebay.rpc.msgpack_codec import MsgpackMethod, msgpack_methods
from drivebay.rpc.type_hints import contract_methods, split_hints

from .rpc_fakes import values

METHODS = [
    pytest.param(method, contract_methods(contract)[method.name], id=f"{contract.__name__}.{method.name}")
    for contract, service in ((Auth, AUTH), (Files, FILES), (Storage, STORAGE))
    for method in rpc_methods(contract, service)
]


@pytest.mark.parametrize(("method", "function"), METHODS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_arguments_and_results_survive_encoding(method: RpcMethod, function: Any, data: st.DataObject) -> None:
    hints, result_hint = split_hints(function)
    result = data.draw(values(result_hint))
    arguments = tuple(data.draw(values(hint)) for hint in hints.values())
    for codec in (method, MsgpackMethod(method.name, function)):
        assert codec.decode_request(codec.encode_request(arguments)) == arguments
        assert codec.decode_response(codec.encode_response(result)) == result


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60), number=st.integers(0, len(METHODS) - 1))
def test_random_bytes_are_a_value_or_an_invalid_request(data: bytes, number: int) -> None:
    method: RpcMethod = METHODS[number].values[0]  # type: ignore[assignment]
    streamed = MsgpackMethod(method.name, METHODS[number].values[1])  # type: ignore[arg-type]
    for decode in (method.decode_request, method.decode_response, streamed.decode_request, streamed.decode_response):
        try:
            decode(data)
        except InvalidRequest:
            continue


def _method(contract: type, service: Any, name: str) -> RpcMethod:
    return next(method for method in rpc_methods(contract, service) if method.name == name)


ACCESS = {"drive": str(ROOT), "actor": str(ROOT), "role": 1}


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("get_file", {"access": ACCESS | {"drive": "me"}, "id": str(ROOT)}, "UUID"),
        ("get_file", {"access": ACCESS}, "UUID"),
        ("get_file", {"id": str(ROOT)}, "access is missing"),
        ("begin_upload", {"access": ACCESS}, "intent is missing"),
        ("begin_upload", {"access": ACCESS, "intent": {"parent": str(ROOT), "on_conflict": 99}}, "has no value 99"),
    ],
)
def test_the_error_for_an_invalid_field_names_it(name: str, fields: dict[str, Any], message: str) -> None:
    method = _method(Files, FILES, name)
    data = method._request(**fields).SerializeToString()
    with pytest.raises(InvalidRequest, match=message):
        method.decode_request(data)


CODECS = pytest.mark.parametrize("codec", ["protobuf", "MessagePack"])


def _codec(codec: str, contract: type, service: Any, name: str) -> RpcMethod | MsgpackMethod:
    return _method(contract, service, name) if codec == "protobuf" else msgpack_methods(contract)[name]


@CODECS
@pytest.mark.parametrize(
    ("name", "size"),
    [("\ud800", 1), ("a", 2**63), ("a", 2**64), ("a", -(2**63) - 1)],
    ids=["text", "2^63", "2^64", "low"],
)
def test_a_value_that_no_message_can_hold_is_an_invalid_request(codec: str, name: str, size: int) -> None:
    begin_upload = _codec(codec, Files, FILES, "begin_upload")
    with pytest.raises(InvalidRequest):
        begin_upload.encode_request((Access.personal(UserId(UUID(int=1))), UploadIntent(name, size, "", ROOT), None))


_EARLIEST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))


@CODECS
@pytest.mark.parametrize(("time", "message"), [(datetime(2026, 1, 1), "time zone"), (_EARLIEST, "out of range")])
def test_a_time_without_a_zone_or_out_of_range_is_an_invalid_request(codec: str, time: datetime, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        _codec(codec, Storage, STORAGE, "presign_put").encode_request((PutSpec("k", 1, "text/plain"), time, 60))


@CODECS
def test_a_time_in_another_zone_arrives_in_utc(codec: str) -> None:
    presign_put = _codec(codec, Storage, STORAGE, "presign_put")
    time = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    _, received, _ = presign_put.decode_request(presign_put.encode_request((PutSpec("k", 1, "text/plain"), time, 60)))
    assert received == time
    assert received.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [{"size": 2**63}, {"modified_at": "2026-01-01T00:00:00"}, {"modified_at": "2026-01-01T00:00:00+01:00"}],
    ids=["an integer over 64 bits", "a time without a zone", "a time in another zone"],
)
def test_messagepack_that_protobuf_could_not_hold_is_refused(value: dict[str, Any]) -> None:
    data = msgspec.msgpack.encode([{"key": "k", "presence": "found"} | value])
    with pytest.raises(InvalidRequest):
        msgpack_methods(Storage)["stat_objects"].decode_response(data)


@CODECS
def test_a_result_that_no_message_can_hold_is_a_defect(codec: str) -> None:
    stat_objects = _codec(codec, Storage, STORAGE, "stat_objects")
    with pytest.raises(ValueError):
        stat_objects.encode_response((ObjectInfo("k", Presence.FOUND, 2**63),))


@CODECS
def test_more_bytes_than_the_maximum_are_an_invalid_request(codec: str) -> None:
    stat_objects = _codec(codec, Storage, STORAGE, "stat_objects")
    assert len(stat_objects.encode_request((("x" * 2**20,) * 15,))) > 15 * 2**20
    with pytest.raises(InvalidRequest, match="bytes"):
        stat_objects.encode_request((("x" * 2**20,) * 17,))
