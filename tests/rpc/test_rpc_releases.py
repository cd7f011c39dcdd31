"""Two releases can call each other after a field with a default was added to a contract."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, timestamp_pb2
from google.protobuf.descriptor import ServiceDescriptor

from drivebay.errors import InvalidRequest
from drivebay.rpc.codec import RpcMethod, rpc_methods
from drivebay.rpc.conformance import compare
from drivebay.rpc.msgpack_codec import MsgpackMethod

FIELD = descriptor_pb2.FieldDescriptorProto
CREATION = datetime(2026, 1, 1, tzinfo=UTC)


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(msgspec.Struct, frozen=True):
    width: int


class OldItem(msgspec.Struct, frozen=True):
    name: str


class Item(msgspec.Struct, frozen=True):
    name: str
    color: Color = Color.BLUE
    limit: int = 100
    text: str = "default"
    size: Size = Size(7)
    created_at: datetime = CREATION
    note: str | None = None
    count: int = 0


class OldItems(Protocol):
    async def echo(self, item: OldItem) -> OldItem: ...


class Items(Protocol):
    async def echo(self, item: Item, color: Color = Color.RED, limit: int = 5) -> Item: ...


class ItemsWithoutDefaults(Protocol):
    async def echo(self, item: Size, color: Color) -> Size: ...


Fields = list[tuple[str, int, str, bool]]
"""Name, type, name of the message or enum, and whether the field is `optional`."""
TEXT, INT, ENUM, MESSAGE = FIELD.TYPE_STRING, FIELD.TYPE_INT64, FIELD.TYPE_ENUM, FIELD.TYPE_MESSAGE
SIZE: Fields = [("width", INT, "", False)]
OLD_ITEM: Fields = [("name", TEXT, "", False)]
ITEM: Fields = [
    *OLD_ITEM,
    ("color", ENUM, "Color", False),
    ("limit", INT, "", True),
    ("text", TEXT, "", True),
    ("size", MESSAGE, "Size", False),
    ("created_at", MESSAGE, "google.protobuf.Timestamp", False),
    ("note", TEXT, "", True),
    ("count", INT, "", False),
]


def _service(messages: dict[str, Fields]) -> ServiceDescriptor:
    """Return a proto service with one RPC, `Echo`."""
    file = descriptor_pb2.FileDescriptorProto(name="items.proto", package="test", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    color = file.enum_type.add(name="Color")
    for number, name in enumerate(("COLOR_UNSPECIFIED", "COLOR_RED", "COLOR_BLUE")):
        color.value.add(name=name, number=number)
    for message_name, fields in messages.items():
        message = file.message_type.add(name=message_name)
        for number, (name, kind, of, optional) in enumerate(fields, 1):
            field = message.field.add(name=name, number=number, type=kind, label=FIELD.LABEL_OPTIONAL)
            if of:
                field.type_name = f".{of}" if "." in of else f".test.{of}"
            if optional:
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
    file.service.add(name="ItemsService").method.add(
        name="Echo", input_type=".test.EchoRequest", output_type=".test.EchoResponse"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("test.ItemsService")


def _echo(contract: type, item: str, fields: dict[str, Fields], arguments: Fields) -> RpcMethod:
    request: Fields = [("item", MESSAGE, item, False), *arguments]
    service = _service(fields | {"EchoRequest": request, "EchoResponse": [("value", MESSAGE, item, False)]})
    assert compare(contract, service) == ()
    (method,) = rpc_methods(contract, service)
    return method


OLD = _echo(OldItems, "OldItem", {"OldItem": OLD_ITEM}, [])
NEW = _echo(
    Items,
    "Item",
    {"Item": ITEM, "Size": SIZE},
    [("color", ENUM, "Color", False), ("limit", INT, "", True)],
)


def test_fields_that_an_older_client_does_not_send_get_their_defaults() -> None:
    assert NEW.decode_request(OLD.encode_request((OldItem("a"),))) == (Item("a"), Color.RED, 5)


def test_fields_that_an_older_service_does_not_return_get_their_defaults() -> None:
    assert NEW.decode_response(OLD.encode_response(OldItem("a"))) == Item("a")


def test_fields_that_an_older_release_does_not_know_are_ignored() -> None:
    item = Item("a", Color.RED, 1, "text", Size(1), datetime(2027, 1, 1, tzinfo=UTC), "note", 1)
    assert OLD.decode_request(NEW.encode_request((item, Color.BLUE, 1))) == (OldItem("a"),)
    assert OLD.decode_response(NEW.encode_response(item)) == OldItem("a")


def test_both_releases_understand_each_other_in_messagepack_too() -> None:
    old, new = MsgpackMethod("echo", OldItems.echo), MsgpackMethod("echo", Items.echo)
    item = Item("a", Color.RED, 1, "text", Size(1), datetime(2027, 1, 1, tzinfo=UTC), "note", 1)
    assert new.decode_request(old.encode_request((OldItem("a"),))) == (Item("a"), Color.RED, 5)
    assert new.decode_response(old.encode_response(OldItem("a"))) == Item("a")
    assert old.decode_request(new.encode_request((item, Color.BLUE, 1))) == (OldItem("a"),)
    assert old.decode_response(new.encode_response(item)) == OldItem("a")
    with pytest.raises(InvalidRequest, match="missing required field `color`"):
        MsgpackMethod("echo", ItemsWithoutDefaults.echo).decode_request(msgspec.msgpack.encode({"item": {"width": 1}}))


def test_a_sent_zero_is_not_replaced_by_the_default() -> None:
    item = Item("a", Color.RED, 0, "", Size(0), datetime(1970, 1, 1, tzinfo=UTC), "", 0)
    assert NEW.decode_request(NEW.encode_request((item, Color.BLUE, 0))) == (item, Color.BLUE, 0)


@pytest.mark.parametrize(
    ("fields", "message"), [({"color": 1}, "item is missing"), ({"item": {"width": 1}}, "color is missing")]
)
def test_a_field_without_a_default_is_still_required(fields: dict[str, Any], message: str) -> None:
    method = _echo(ItemsWithoutDefaults, "Size", {"Size": SIZE}, [("color", ENUM, "Color", False)])
    with pytest.raises(InvalidRequest, match=message):
        method.decode_request(method._request(**fields).SerializeToString())


def test_a_default_that_protobuf_cannot_tell_from_an_omitted_field_is_a_difference() -> None:
    item = [(name, kind, of, optional and name != "limit") for name, kind, of, optional in ITEM]
    with pytest.raises(AssertionError, match=r"Item\.limit is not optional, as its default 100 is not protobuf's zero"):
        _echo(Items, "Item", {"Item": item, "Size": SIZE}, [("color", ENUM, "Color", False), ("limit", INT, "", True)])
