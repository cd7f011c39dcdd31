"""Comparison of a contract with the proto service that mirrors it.

A process compares both before it serves or calls a contract over gRPC, and does not start if they differ.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, get_args, get_origin
from uuid import UUID

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor

from .codec import rpc_name
from .type_hints import (
    REQUIRED,
    argument_defaults,
    contract_methods,
    field_defaults,
    resolve_newtype,
    split_hints,
    struct_hints,
    unwrap_optional,
)

_SCALARS: dict[type, int] = {
    UUID: FieldDescriptor.TYPE_STRING,
    str: FieldDescriptor.TYPE_STRING,
    int: FieldDescriptor.TYPE_INT64,
    bool: FieldDescriptor.TYPE_BOOL,
    float: FieldDescriptor.TYPE_DOUBLE,
    bytes: FieldDescriptor.TYPE_BYTES,
}
_TIMES = {datetime: "google.protobuf.Timestamp", timedelta: "google.protobuf.Duration"}

# Fields with a default that were released without presence. A client of that release does not send a value that equals
# protobuf's zero. If the field were `optional` now, the server would replace that client's False or 0 with the default.
RELEASED_WITHOUT_PRESENCE: Final = frozenset({"Listing.descending", "Listing.limit", "ListTrashRequest.limit"})


class Mismatch(Exception):
    """A contract and its proto differ. Each argument of the exception describes one difference."""


@cache
def compare(contract: type, service: ServiceDescriptor) -> tuple[str, ...]:
    """Return every difference between a contract and its proto service, as sentences. Empty means that they agree."""
    differences: list[str] = []
    methods = contract_methods(contract)
    rpcs = {rpc_name(name): function for name, function in methods.items()}
    differences += [f"{service.name} has no rpc {rpc}" for rpc in rpcs if rpc not in service.methods_by_name]
    differences += [
        f"{contract.__name__} has no method for rpc {rpc}" for rpc in service.methods_by_name if rpc not in rpcs
    ]
    for rpc, function in rpcs.items():
        if rpc in service.methods_by_name:
            differences += _compare_method(rpc, function, service)
    return tuple(dict.fromkeys(differences))


def _compare_method(rpc: str, function: Callable[..., Any], service: ServiceDescriptor) -> list[str]:
    descriptor = service.methods_by_name[rpc]
    hints, result = split_hints(function)
    results = {} if result is type(None) else {"value": result}
    return [
        *_expect(rpc, "unary", not (descriptor.client_streaming or descriptor.server_streaming)),
        *_compare_fields(f"{rpc}Request", hints, argument_defaults(function), descriptor.input_type),
        *_compare_fields(f"{rpc}Response", results, {}, descriptor.output_type),
    ]


def _compare_fields(where: str, hints: Mapping[str, Any], defaults: dict[str, Any], message: Descriptor) -> list[str]:
    if list(hints) != [field.name for field in message.fields]:
        return [f"{where} has fields {[f.name for f in message.fields]}, the contract {list(hints)}"]
    return [
        difference
        for name, hint in hints.items()
        for difference in _compare_field(
            f"{where}.{name}", resolve_newtype(hint), message.fields_by_name[name], defaults.get(name, REQUIRED)
        )
    ]


def _compare_field(where: str, hint: Any, field: FieldDescriptor, default: Any) -> list[str]:
    origin = get_origin(hint)
    if origin is tuple:
        return (
            _expect(where, "repeated", field.is_repeated)
            or _compare_empty_default(where, default)
            or _compare_single(where, get_args(hint)[0], field)
        )
    if origin is dict:
        # The codec does not convert the values of a map, so both sides must hold text.
        is_text_map = field.message_type is not None and _is_text_map(field.message_type)
        return _expect(where, "a map of str to str", is_text_map and get_args(hint) == (str, str)) or (
            _compare_empty_default(where, default)
        )
    inner, optional = unwrap_optional(hint)
    differences = _expect(where, "single", not field.is_repeated)
    if field.message_type is None:
        differences += _compare_presence(where, inner, field, optional=optional, default=default)
    return differences + _compare_single(where, inner, field)


def _compare_presence(where: str, inner: Any, field: FieldDescriptor, *, optional: bool, default: Any) -> list[str]:
    if optional:
        return _expect(where, "optional", field.has_presence)
    is_enum = isinstance(inner, type) and issubclass(inner, enum.Enum)
    if is_enum or default is REQUIRED or default == field.default_value or where in RELEASED_WITHOUT_PRESENCE:
        return _expect(where, "not optional", not field.has_presence)
    # Without presence, the receiver cannot distinguish an omitted field from a zero, and would not use the default.
    return _expect(where, f"optional, as its default {default!r} is not protobuf's zero", field.has_presence)


def _compare_empty_default(where: str, default: Any) -> list[str]:
    return _expect(where, "empty by default, as in protobuf", default is REQUIRED or not default)


def _is_text_map(entry: Descriptor) -> bool:
    return entry.GetOptions().map_entry and all(field.type == FieldDescriptor.TYPE_STRING for field in entry.fields)


def _compare_single(where: str, hint: Any, field: FieldDescriptor) -> list[str]:
    hint = resolve_newtype(hint)
    message = field.message_type
    if hint in _SCALARS:
        return _expect(where, hint.__name__, field.type == _SCALARS[hint])
    if hint in _TIMES:
        return _expect(where, _TIMES[hint], message is not None and message.full_name == _TIMES[hint])
    if issubclass(hint, enum.Enum):
        return _compare_enum(where, hint, field)
    if message is None or message.name != hint.__name__:
        return [f"{where} is not the message {hint.__name__}"]
    return _compare_struct(hint, message)


@cache  # because a struct is in many methods
def _compare_struct(struct: type[msgspec.Struct], message: Descriptor) -> list[str]:
    return _compare_fields(struct.__name__, struct_hints(struct), field_defaults(struct), message)


def _compare_enum(where: str, kind: type[enum.Enum], field: FieldDescriptor) -> list[str]:
    if field.enum_type is None or field.enum_type.name != kind.__name__:
        return [f"{where} is not the enum {kind.__name__}"]
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).upper()
    expected = [f"{prefix}_UNSPECIFIED", *(f"{prefix}_{member.name}" for member in kind)]
    return _expect(where, f"{expected}", [value.name for value in field.enum_type.values] == expected)


def _expect(where: str, expectation: str, condition: bool) -> list[str]:
    return [] if condition else [f"{where} is not {expectation}"]
