"""Conversion between the values of a contract and MessagePack, by the name of each field.

If a field is missing, the receiver uses its default. It skips a field that it does not know. So two releases can call
each other. The rules for values are the same as in `codec`: an integer has at most 64 bits, text has no lone surrogate,
a time has a zone, and all arguments together have at most MAX_MESSAGE_SIZE bytes.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, get_args, get_origin

import msgspec

from ..errors import InvalidRequest
from .codec import MAX_MESSAGE_SIZE, rpc_name
from .type_hints import argument_defaults, contract_methods, resolve_newtype, split_hints, struct_hints, unwrap_optional

Check = Callable[[Any], None]
"""Raises ValueError for a value that protobuf could not hold."""

_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_UNSIGNED_64: Final = b"\xcf"
"""The first byte of a MessagePack integer of 64 bits without a sign. Smaller integers need no check."""
_MAX_INTEGER: Final = 2**63 - 1


class MsgpackMethod:
    """One method of a contract on a stream. It raises the same errors as `codec.RpcMethod`."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.rpc = rpc_name(name)
        hints, result = split_hints(function)
        self.has_large_values = bytes in (*hints.values(), result)
        """Whether an argument or the result is bytes of any size, such as the part of a file."""
        defaults = argument_defaults(function)
        fields = [(argument, hint, defaults[argument]) if argument in defaults else (argument, hint)
                  for argument, hint in hints.items()]  # fmt: skip
        self._request = msgspec.defstruct(f"{self.rpc}Request", fields, frozen=True)
        self._read_arguments = tuple(operator.attrgetter(argument) for argument in hints)
        self._request_decoder = msgspec.msgpack.Decoder(self._request)
        self._response_decoder = msgspec.msgpack.Decoder(result)
        self._request_checks = _Checks(hints.values())
        self._response_checks = _Checks([result])

    def encode_request(self, arguments: tuple[Any, ...]) -> bytes:
        """Encode all arguments, in the order of the signature. Raises InvalidRequest."""
        try:
            data = _ENCODER.encode(self._request(*arguments))
            self._request_checks.check_sent(arguments, data)
        except (ValueError, OverflowError) as error:
            raise InvalidRequest(f"an argument of {self.name} cannot be encoded: {error}") from error
        if len(data) > MAX_MESSAGE_SIZE:
            raise InvalidRequest(
                f"the arguments of {self.name} have {len(data)} bytes, more than the maximum of {MAX_MESSAGE_SIZE}"
            )
        return data

    def decode_request(self, data: bytes) -> tuple[Any, ...]:
        """Return the arguments in the order of the signature. Raises InvalidRequest."""
        try:
            request = self._request_decoder.decode(data)
            arguments = tuple([read(request) for read in self._read_arguments])
            self._request_checks.check_received(arguments, data)
        except Exception as error:
            raise InvalidRequest(f"the bytes are not a {self.rpc}Request: {error}") from error
        return arguments

    def encode_response(self, value: Any) -> bytes:
        """Encode a result. Raises ValueError for a value that protobuf could not hold."""
        data = _ENCODER.encode(value)
        self._response_checks.check_sent((value,), data)
        return data

    def decode_response(self, data: bytes) -> Any:
        """Return the result. Raises InvalidRequest."""
        try:
            value = self._response_decoder.decode(data)
            self._response_checks.check_received((value,), data)
        except Exception as error:
            raise InvalidRequest(f"the bytes are not a {self.rpc}Response: {error}") from error
        return value


@cache
def msgpack_methods(contract: type) -> dict[str, MsgpackMethod]:
    """Return the methods of a contract by name."""
    return {name: MsgpackMethod(name, function) for name, function in contract_methods(contract).items()}


@cache
def contract_fields(contract: type) -> frozenset[str]:
    """Return every argument, result, field and enum member of a contract, each as text with its name and type."""
    fields: set[str] = set()
    for name, function in contract_methods(contract).items():
        hints, result = split_hints(function)
        fields |= {f"{name}.{argument}: {_type_text(hint)}" for argument, hint in hints.items()}
        fields.add(f"{name} -> {_type_text(result)}")
        for hint in (*hints.values(), result):
            fields |= _fields_inside(hint)
    return frozenset(fields)


@cache
def _fields_inside(hint: Any) -> frozenset[str]:
    hint = resolve_newtype(hint)
    fields = {field for argument in get_args(hint) for field in _fields_inside(argument)}
    if not isinstance(hint, type) or get_origin(hint) is not None:
        return frozenset(fields)
    if issubclass(hint, enum.Enum):
        fields |= {f"{hint.__name__}: {member.value}" for member in hint}
    elif issubclass(hint, msgspec.Struct):
        hints = struct_hints(hint)
        for field in msgspec.structs.fields(hint):
            fields.add(f"{hint.__name__}.{field.encode_name}: {_type_text(hints[field.name])}")
            fields |= _fields_inside(hints[field.name])
    return frozenset(fields)


def _type_text(hint: Any) -> str:
    hint = resolve_newtype(hint)
    if arguments := get_args(hint):
        name = getattr(get_origin(hint), "__name__", "")
        return f"{name}[{', '.join(_type_text(argument) for argument in arguments)}]"
    return getattr(hint, "__name__", repr(hint))


# -- values that msgspec accepts, but protobuf does not ----------------------------------------------------------


class _Checks:
    """The checks of a tuple of values. `hints` are their types, in order."""

    def __init__(self, hints: Any) -> None:
        hints = tuple(hints)
        self._integers = tuple(_check(hint, int, _check_integers) for hint in hints)
        self._sent_times = tuple(_check(hint, datetime, _check_zones) for hint in hints)
        self._received_times = tuple(_check(hint, datetime, _check_utc) for hint in hints)
        self._has_times = any(self._sent_times)

    def check_sent(self, values: tuple[Any, ...], data: bytes) -> None:
        """Check values and their encoding `data` before it is sent. Raises ValueError."""
        self._check_integers(values, data)
        if self._has_times:
            _run_checks(self._sent_times, values)

    def check_received(self, values: tuple[Any, ...], data: bytes) -> None:
        """Check values that were decoded from `data`. Raises ValueError."""
        self._check_integers(values, data)
        if self._has_times:
            _run_checks(self._received_times, values)

    def _check_integers(self, values: tuple[Any, ...], data: bytes) -> None:
        if _UNSIGNED_64 in data:  # guard: stream-integers
            _run_checks(self._integers, values)


def _run_checks(checks: tuple[Check | None, ...], values: tuple[Any, ...]) -> None:
    for check, value in zip(checks, values, strict=True):
        if check is not None and value is not None:
            check(value)


def _check_integers(values: tuple[int | None, ...]) -> None:
    for value in values:
        if value is not None and value > _MAX_INTEGER:
            raise ValueError("an integer has more than 64 bits")


def _check_zones(values: tuple[datetime | None, ...]) -> None:
    for value in values:
        if value is not None and value.tzinfo is not UTC:
            if value.tzinfo is None:
                raise ValueError("a time has no time zone")
            try:
                value.astimezone(UTC)
            except OverflowError:
                raise ValueError("a time is out of range") from None


def _check_utc(values: tuple[datetime | None, ...]) -> None:
    for value in values:
        if value is not None and value.tzinfo is not UTC:  # guard: stream-zones
            raise ValueError("a time is not in UTC")


@cache
def _check(hint: Any, leaf: type, check_leaves: Callable[[tuple[Any, ...]], None]) -> Check | None:
    """Return a check of all values of the type `leaf` inside a value of the type `hint`. The result is None if a value
    of the type `hint` never contains a value of the type `leaf`.

    `check_leaves` checks several such values in one call, because a page has hundreds of them.
    """
    hint, _ = unwrap_optional(resolve_newtype(hint))
    if hint is leaf:
        return lambda value: check_leaves((value,))
    if get_origin(hint) is tuple:
        inner = resolve_newtype(get_args(hint)[0])
        return check_leaves if inner is leaf else _check_each(_check(inner, leaf, check_leaves))
    if not isinstance(hint, type) or not issubclass(hint, msgspec.Struct):
        return None
    hints = {name: unwrap_optional(resolve_newtype(part))[0] for name, part in struct_hints(hint).items()}
    leaves = [name for name, part in hints.items() if part is leaf]
    inner_checks = {name: inner_check for name, part in hints.items() if part is not leaf
                    and (inner_check := _check(part, leaf, check_leaves))}  # fmt: skip
    return _check_struct(leaves, inner_checks, check_leaves)


def _check_each(check: Check | None) -> Check | None:
    if check is None:
        return None

    def check_items(values: tuple[Any, ...]) -> None:
        for value in values:
            check(value)

    return check_items


def _check_struct(
    leaves: list[str], inner: dict[str, Check], check_leaves: Callable[[tuple[Any, ...]], None]
) -> Check | None:
    if not leaves and not inner:
        return None
    # With one name, attrgetter returns the value instead of a tuple.
    read_leaves = operator.attrgetter(*(leaves if len(leaves) > 1 else leaves * 2)) if leaves else None
    readers = [(operator.attrgetter(name), check) for name, check in inner.items()]
    if read_leaves is not None and not readers:
        return lambda value: check_leaves(read_leaves(value))

    def check(value: Any) -> None:
        if read_leaves is not None:
            check_leaves(read_leaves(value))
        for read, check_inner in readers:
            inner_value = read(value)
            if inner_value is not None:
                check_inner(inner_value)

    return check
