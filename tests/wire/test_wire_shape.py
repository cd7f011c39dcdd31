"""Contracts and protos agree, and every value that a contract names comes back as it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivebay.contract.auth import Auth
from drivebay.contract.files import Files, Intent
from drivebay.contract.ids import ROOT
from drivebay.contract.storage import Object, Put, SignedRequest, Storage
from drivebay.errors import InvalidRequest
from drivebay.proto import AUTH, FILES, STORAGE
from drivebay.wire import rpc
from drivebay.wire.shape import Method, compare, methods, promised

from .fakes import values

PUT = get_type_hints(Put)
PAIRS = ((Auth, AUTH), (Files, FILES), (Storage, STORAGE))
EVERY = [
    pytest.param(method, promised(contract)[method.name], id=f"{contract.__name__}.{method.name}")
    for contract, service in PAIRS
    for method in methods(contract, service)
]


@pytest.mark.parametrize(("contract", "service"), PAIRS, ids=lambda part: getattr(part, "name", None))
def test_a_proto_mirrors_its_contract(contract: type, service: ServiceDescriptor) -> None:
    assert compare(contract, service) == ()
    assert len(methods(contract, service)) == len(service.methods)


class Planted:
    """Storage's methods as somebody might have changed them on one side only."""

    async def quarantine(self, key: str, why: str) -> bool: ...  # type: ignore[empty-body]

    async def look_up(self, keys: str) -> tuple[Object, ...]: ...  # type: ignore[empty-body]

    async def delete(self, keys: tuple[int, ...]) -> tuple[Object, ...]: ...  # type: ignore[empty-body]

    async def page(self, after: str, limit: int) -> None: ...

    async def presign_get(  # type: ignore[empty-body]
        self, name: str, key: str, content_type: str, disposition: str, seconds: int
    ) -> Object: ...

    async def health(self) -> int: ...  # type: ignore[empty-body]

    async def vanish(self) -> None: ...


@pytest.mark.parametrize(
    ("method", "difference"),
    [
        ("quarantine", "QuarantineRequest has fields ['key'], the contract ['key', 'why']"),
        ("look_up", "LookUpRequest.keys is not single"),
        ("delete", "DeleteRequest.keys is not int"),
        ("delete", "DeleteResponse.value is not the message Object"),
        ("page", "PageRequest.after is not not optional"),
        ("page", "PageResponse has fields ['value'], the contract []"),
        ("presign_get", "PresignGetRequest has fields"),
        ("health", "HealthResponse.value is not single"),
        ("vanish", "StorageService has no rpc Vanish"),
    ],
)
def test_a_changed_method_is_found(method: str, difference: str) -> None:
    changed = type("Storage", (), dict(vars(Storage)) | {method: vars(Planted)[method]})
    assert any(found.startswith(difference) for found in compare(changed, STORAGE))


@pytest.mark.parametrize("hint", [dict[str, int], dict[UUID, str]])
def test_a_map_of_anything_but_text_is_found(hint: Any) -> None:
    put = msgspec.defstruct("Put", [(name, hint if name == "metadata" else part) for name, part in PUT.items()])

    class Changed:
        async def presign_put(self, put: Any, signed_at: datetime, seconds: int) -> SignedRequest:
            raise AssertionError

    Changed.presign_put.__annotations__["put"] = put
    changed = type("Storage", (), dict(vars(Storage)) | {"presign_put": Changed.presign_put})
    assert compare(changed, STORAGE) == ("Put.metadata is not a map of str to str",)


def test_a_removed_method_is_found() -> None:
    fewer = type("Storage", (), {name: part for name, part in vars(Storage).items() if name != "page"})
    assert compare(fewer, STORAGE) == ("Storage has no method for rpc Page",)


async def test_a_contract_that_differs_is_not_served_and_not_called() -> None:
    with pytest.raises(rpc.Mismatch):
        async with rpc.serve("127.0.0.1:0", [(Auth, STORAGE, object())]):
            raise AssertionError("it serves")
    with pytest.raises(rpc.Mismatch):
        async with rpc.connect(Auth, STORAGE, "127.0.0.1:1"):
            raise AssertionError("it connects")


@pytest.mark.parametrize(("method", "function"), EVERY)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_arguments_and_answers_come_back_as_they_were(method: Method, function: Any, data: st.DataObject) -> None:
    hints = get_type_hints(function)
    answer = data.draw(values(hints.pop("return")))
    arguments = tuple(data.draw(values(hint)) for hint in hints.values())
    assert method.decode_request(method.encode_request(arguments)) == arguments
    assert method.decode_response(method.encode_response(answer)) == answer


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=60), number=st.integers(0, len(EVERY) - 1))
def test_noise_is_an_invalid_request_or_a_value(noise: bytes, number: int) -> None:
    method: Method = EVERY[number].values[0]  # type: ignore[assignment]
    for decode in (method.decode_request, method.decode_response):
        try:
            decode(noise)
        except InvalidRequest:
            continue


def _request(name: str, **fields: Any) -> tuple[Method, bytes]:
    method = next(found for found in methods(Files, FILES) if found.name == name)
    return method, method._request(**fields).SerializeToString()


@pytest.mark.parametrize(
    ("name", "fields", "complaint"),
    [
        ("file", {"owner": "me", "id": str(ROOT)}, "UUID"),
        ("file", {"owner": str(ROOT)}, "UUID"),
        ("begin", {"owner": str(ROOT)}, "intent is missing"),
        ("begin", {"owner": str(ROOT), "intent": {"parent": str(ROOT)}}, "on_conflict is missing"),
        ("begin", {"owner": str(ROOT), "intent": {"parent": str(ROOT), "on_conflict": 99}}, "has no value 99"),
    ],
)
def test_a_bad_value_is_named(name: str, fields: dict[str, Any], complaint: str) -> None:
    method, data = _request(name, **fields)
    with pytest.raises(InvalidRequest, match=complaint):
        method.decode_request(data)


@pytest.mark.parametrize(("name", "size"), [("\ud800", 1), ("a", 2**63)])
def test_what_no_message_can_hold_is_an_invalid_request(name: str, size: int) -> None:
    begin = next(found for found in methods(Files, FILES) if found.name == "begin")
    with pytest.raises(InvalidRequest):
        begin.encode_request((UUID(int=1), Intent(name, size, "", ROOT), None))


def test_a_time_without_a_zone_and_too_many_bytes_cannot_be_sent() -> None:
    presign, look_up = [found for found in methods(Storage, STORAGE) if found.name in ("presign_put", "look_up")]
    with pytest.raises(InvalidRequest, match="zone"):
        presign.encode_request((Put("k", 1, "text/plain"), datetime(2026, 1, 1), 60))
    assert len(look_up.encode_request((("x" * 2**20,) * 15,))) > 15 * 2**20
    with pytest.raises(InvalidRequest, match="bytes"):
        look_up.encode_request((("x" * 2**20,) * 17,))
