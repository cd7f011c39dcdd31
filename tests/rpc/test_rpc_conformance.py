"""The protos mirror the contracts, and every difference between the two is found."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
import pytest
from google.protobuf.descriptor import ServiceDescriptor

from drivebay import rpc
from drivebay.contract.auth import Auth
from drivebay.contract.files import Files
from drivebay.contract.storage import ObjectInfo, PutSpec, SignedRequest, Storage
from drivebay.proto import AUTH, FILES, STORAGE
from drivebay.rpc.codec import rpc_methods
from drivebay.rpc.conformance import RELEASED_WITHOUT_PRESENCE, compare
from drivebay.rpc.type_hints import contract_methods

PUT_SPEC = get_type_hints(PutSpec)


@pytest.mark.parametrize(
    ("contract", "service"),
    [(Auth, AUTH), (Files, FILES), (Storage, STORAGE)],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_proto_mirrors_its_contract(contract: type, service: ServiceDescriptor) -> None:
    assert compare(contract, service) == ()
    assert len(rpc_methods(contract, service)) == len(service.methods)


def test_the_fields_released_without_presence_exist() -> None:
    messages = {**FILES.file.message_types_by_name, **AUTH.file.message_types_by_name}
    for name in RELEASED_WITHOUT_PRESENCE:
        message, _, field = name.partition(".")
        assert not messages[message].fields_by_name[field].has_presence


class ChangedStorage:
    """Methods of `Storage` as a developer may change them on one side only."""

    async def quarantine_object(self, key: str, why: str) -> bool: ...  # type: ignore[empty-body]

    async def stat_objects(self, keys: str) -> tuple[ObjectInfo, ...]: ...  # type: ignore[empty-body]

    async def delete_objects(self, keys: tuple[int, ...]) -> tuple[ObjectInfo, ...]: ...  # type: ignore[empty-body]

    async def list_objects(self, after: str, limit: int = 10) -> None: ...

    async def list_multiparts(self, after: str | None = None, limit: int = 0) -> int: ...  # type: ignore[empty-body]

    async def clean_staging(self, keys: tuple[str, ...] = ("a",)) -> None: ...

    async def presign_get(  # type: ignore[empty-body]
        self, name: str, key: str, content_type: str, disposition: str, ttl_seconds: int
    ) -> ObjectInfo: ...

    async def health(self) -> int: ...  # type: ignore[empty-body]

    async def vanish(self) -> None: ...


def _changed(**methods: Any) -> type:
    return type("Storage", (), contract_methods(Storage) | methods)


@pytest.mark.parametrize(
    ("method", "difference"),
    [
        ("quarantine_object", "QuarantineObjectRequest has fields ['key'], the contract ['key', 'why']"),
        ("stat_objects", "StatObjectsRequest.keys is not single"),
        ("delete_objects", "DeleteObjectsRequest.keys is not int"),
        ("delete_objects", "DeleteObjectsResponse.value is not the message ObjectInfo"),
        ("list_objects", "ListObjectsRequest.after is not not optional"),
        ("list_objects", "ListObjectsRequest.limit is not optional, as its default 10 is not protobuf's zero"),
        ("list_objects", "ListObjectsResponse has fields ['value'], the contract []"),
        ("clean_staging", "CleanStagingRequest.keys is not empty by default"),
        ("presign_get", "PresignGetRequest has fields"),
        ("health", "HealthResponse.value is not single"),
        ("vanish", "StorageService has no rpc Vanish"),
    ],
)
def test_a_changed_method_is_found(method: str, difference: str) -> None:
    changed = _changed(**{method: vars(ChangedStorage)[method]})
    assert any(found.startswith(difference) for found in compare(changed, STORAGE))


def test_a_default_that_equals_the_zero_of_protobuf_needs_no_presence() -> None:
    changed = _changed(list_multiparts=ChangedStorage.list_multiparts)
    assert compare(changed, STORAGE) == ("ListMultipartsResponse.value is not int",)


@pytest.mark.parametrize("hint", [dict[str, int], dict[UUID, str]])
def test_a_map_of_anything_but_text_is_found(hint: Any) -> None:
    fields = [(name, hint if name == "metadata" else part) for name, part in PUT_SPEC.items()]
    put_spec = msgspec.defstruct("PutSpec", fields)

    class Changed:
        async def presign_put(self, put: Any, signed_at: datetime, ttl_seconds: int) -> SignedRequest:
            raise AssertionError

    Changed.presign_put.__annotations__["put"] = put_spec
    changed = _changed(presign_put=Changed.presign_put)
    assert compare(changed, STORAGE) == ("PutSpec.metadata is not a map of str to str",)


def test_a_removed_method_is_found() -> None:
    methods = {name: method for name, method in contract_methods(Storage).items() if name != "list_objects"}
    assert compare(type("Storage", (), methods), STORAGE) == ("Storage has no method for rpc ListObjects",)


async def test_a_contract_that_differs_from_its_proto_is_neither_served_nor_called() -> None:
    with pytest.raises(rpc.Mismatch):
        async with rpc.serve("127.0.0.1:0", [(Auth, STORAGE, object())]):
            raise AssertionError("it is served")
    with pytest.raises(rpc.Mismatch):
        async with rpc.connect(Auth, STORAGE, "127.0.0.1:1"):
            raise AssertionError("it is called")
