"""Values and protobuf messages, turned into each other by rule, for any contract.

    UUID, str   string       datetime   google.protobuf.Timestamp    tuple[X, ...]   repeated
    int         int64        timedelta  google.protobuf.Duration     dict[str, str]  map<string, string>
    bool, bytes bool, bytes  StrEnum    enum (0 is `UNSPECIFIED`)    X | None        optional
    float       double       Struct     message of the same name     NewType         what it stands for

The shape of each type is worked out once and kept. `compare` says where a contract and its service differ.
"""

from __future__ import annotations

import enum
import inspect
import operator
import re
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from ..errors import InvalidRequest

Encode = Callable[[Any], Any]
"""What a message's constructor takes for a value; None for a value that it takes as it is."""
Decode = Callable[[Any], Any]

LARGEST: Final = 16 * 2**20
"""Bytes of a message, either way."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC) - _EPOCH
_LAST = datetime.max.replace(tzinfo=UTC) - _EPOCH
_SCALARS: dict[type, int] = {
    UUID: FieldDescriptor.TYPE_STRING,
    str: FieldDescriptor.TYPE_STRING,
    int: FieldDescriptor.TYPE_INT64,
    bool: FieldDescriptor.TYPE_BOOL,
    float: FieldDescriptor.TYPE_DOUBLE,
    bytes: FieldDescriptor.TYPE_BYTES,
}
_TIMES = {datetime: "google.protobuf.Timestamp", timedelta: "google.protobuf.Duration"}


class Method:
    """One method of a contract as an RPC: `encode_*` make bytes, `decode_*` make values again.

    Decoding what a stranger sent raises InvalidRequest.
    """

    def __init__(self, name: str, function: Callable[..., Any], service: ServiceDescriptor) -> None:
        self.name = name
        self.rpc = camel(name)
        self.path = f"/{service.full_name}/{self.rpc}"
        descriptor = service.methods_by_name[self.rpc]
        hints = get_type_hints(function)
        answer = hints.pop("return")
        self.signature = inspect.signature(function)
        self._request = GetMessageClass(descriptor.input_type)
        self._response = GetMessageClass(descriptor.output_type)
        self._fields = [
            (name, *_field(hint, descriptor.input_type.fields_by_name[name])) for name, hint in hints.items()
        ]
        self._answer = None if answer is type(None) else _field(answer, descriptor.output_type.fields_by_name["value"])

    def encode_request(self, arguments: tuple[Any, ...]) -> bytes:
        """The arguments in the order of the signature, none left out.

        Raises InvalidRequest for what no message can hold: a number over 64 bits, half a surrogate pair, a time
        without a zone, more than LARGEST bytes.
        """
        try:
            filled = {
                name: value if encode is None or value is None else encode(value)
                for (name, encode, _), value in zip(self._fields, arguments, strict=True)
            }
            data = bytes(self._request(**filled).SerializeToString())
        except ValueError as error:
            raise InvalidRequest(f"an argument of {self.name} cannot be sent: {error}") from error
        if len(data) > LARGEST:  # a server would say so in words that any call may have failed by
            raise InvalidRequest(f"the arguments of {self.name} have {len(data)} bytes: at most {LARGEST} can be sent")
        return data

    def decode_request(self, data: bytes) -> tuple[Any, ...]:
        try:
            message = self._request.FromString(data)
            return tuple([decode(message) for _, _, decode in self._fields])
        except InvalidRequest:
            raise
        except Exception as error:
            raise InvalidRequest(f"not a {self.rpc}Request: {error}") from error

    def encode_response(self, value: Any) -> bytes:
        if self._answer is None or value is None:
            return bytes(self._response().SerializeToString())
        encode, _ = self._answer
        return bytes(self._response(value=value if encode is None else encode(value)).SerializeToString())

    def decode_response(self, data: bytes) -> Any:
        try:
            message = self._response.FromString(data)
            return None if self._answer is None else self._answer[1](message)
        except InvalidRequest:
            raise
        except Exception as error:
            raise InvalidRequest(f"not a {self.rpc}Response: {error}") from error


@cache
def methods(contract: type, service: ServiceDescriptor) -> tuple[Method, ...]:
    """Every method of a contract that the service has."""
    return tuple(
        Method(name, function, service)
        for name, function in promised(contract).items()
        if camel(name) in service.methods_by_name
    )


def promised(contract: type) -> dict[str, Callable[..., Any]]:
    return {
        name: member
        for name, member in vars(contract).items()
        if not name.startswith("_") and inspect.iscoroutinefunction(member)
    }


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _field(hint: Any, field: FieldDescriptor) -> tuple[Encode | None, Decode]:
    """How to make what a message's constructor takes for a field, and how to read the field of a message."""
    name = field.name
    hint = _plain(hint)
    origin = get_origin(hint)
    read = operator.attrgetter(name)
    if origin is dict:
        return None, (lambda message: dict(read(message)))
    if origin is tuple:
        encode, decode = _single(get_args(hint)[0], field)
        return _each(encode), (lambda message: tuple(read(message))) if decode is None else _all(read, decode)
    inner, optional = _optional(hint)
    encode, decode = _single(inner, field)
    if decode is None:
        return encode, (lambda message: read(message) if message.HasField(name) else None) if optional else read
    if optional:
        return encode, (lambda message: decode(read(message)) if message.HasField(name) else None)
    if field.message_type is not None:
        # A message that was left out is not the same as an empty one.
        return encode, (lambda message: decode(read(message)) if message.HasField(name) else _absent(name))
    return encode, (lambda message: decode(read(message)))


def _each(encode: Encode | None) -> Encode | None:
    return None if encode is None else lambda values: [encode(value) for value in values]


def _all(read: Decode, decode: Decode) -> Decode:
    return lambda message: tuple([decode(item) for item in read(message)])


def _single(hint: Any, field: FieldDescriptor) -> tuple[Encode | None, Decode | None]:
    """To and from one value of a field; None where the value and the field's are the same."""
    hint = _plain(hint)
    if hint is UUID:
        return msgspec.to_builtins, _uuid
    if hint is datetime:
        return _timestamp, _from_timestamp
    if hint is timedelta:
        return _duration, _from_duration
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _enumeration(hint, field)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct(hint, field.message_type)
    return None, None


@cache
def _struct(kind: type[msgspec.Struct], descriptor: Descriptor) -> tuple[Encode, Decode]:
    make = GetMessageClass(descriptor)
    hints = get_type_hints(kind)
    fields = [(name, *_field(hints[name], descriptor.fields_by_name[name])) for name in kind.__struct_fields__]
    same = [name for name, to, _ in fields if to is None]
    made = [(name, operator.attrgetter(name), to) for name, to, _ in fields if to is not None]
    readers = [read for _, _, read in fields]

    # A page holds thousands of fields: what needs no making is taken as it is, and a message's constructor
    # takes None for a field that is not there.
    def encode(value: Any) -> Any:
        filled = {name: getattr(value, name) for name in same}
        for name, get, to in made:
            part = get(value)
            if part is not None:
                filled[name] = to(part)
        return make(**filled)

    def decode(message: Any) -> Any:
        return kind(*[read(message) for read in readers])

    return encode, decode


def _enumeration(kind: type[enum.Enum], field: FieldDescriptor) -> tuple[Encode, Decode]:
    numbers = {member: number for number, member in enumerate(kind, 1)}
    members = dict(enumerate(kind, 1))

    def decode(number: int) -> enum.Enum:
        if number not in members:
            raise InvalidRequest(f"{field.name} has no value {number}" if number else f"{field.name} is missing")
        return members[number]

    return numbers.__getitem__, decode


def _plain(hint: Any) -> Any:
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    return hint


def _optional(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        return _plain(inner), True
    return hint, False


def _absent(name: str) -> Any:
    raise InvalidRequest(f"{name} is missing")


def _uuid(text: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)  # a third of the time of UUID(text)
    except msgspec.ValidationError:
        raise InvalidRequest("an id is a UUID") from None


def _timestamp(value: datetime) -> dict[str, int]:
    if value.tzinfo is None:
        raise ValueError("a time has a zone")
    apart = value - _EPOCH
    if not _FIRST <= apart <= _LAST:  # in UTC, as whoever hears of it will have it
        raise ValueError("a time is out of range")
    return {"seconds": apart.days * 86400 + apart.seconds, "nanos": apart.microseconds * 1000}


def _from_timestamp(value: Any) -> datetime:
    try:
        return _EPOCH + timedelta(0, value.seconds, value.nanos // 1000)
    except OverflowError:
        raise InvalidRequest("a time is out of range") from None


def _duration(value: timedelta) -> dict[str, int]:
    micros = value // timedelta(microseconds=1)
    seconds, rest = divmod(abs(micros), 1_000_000)
    sign = -1 if micros < 0 else 1
    return {"seconds": sign * seconds, "nanos": sign * rest * 1000}


def _from_duration(value: Any) -> timedelta:
    return timedelta(seconds=value.seconds, microseconds=int(value.nanos / 1000))


# -- contract against service ---------------------------------------------------------------------


def compare(contract: type, service: ServiceDescriptor) -> tuple[str, ...]:
    """Every difference between a contract and its proto service, as sentences; empty is good."""
    found: list[str] = []
    functions = promised(contract)
    rpcs = {camel(name): name for name in functions}
    found += [f"{service.name} has no rpc {name}" for name in rpcs if name not in service.methods_by_name]
    found += [
        f"{contract.__name__} has no method for rpc {name}" for name in service.methods_by_name if name not in rpcs
    ]
    for rpc, name in rpcs.items():
        if rpc not in service.methods_by_name:
            continue
        descriptor = service.methods_by_name[rpc]
        hints = get_type_hints(functions[name])
        answer = hints.pop("return")
        found += _same(rpc, "unary", not (descriptor.client_streaming or descriptor.server_streaming))
        found += _compare_fields(f"{rpc}Request", hints, descriptor.input_type)
        answers = {} if answer is type(None) else {"value": answer}
        found += _compare_fields(f"{rpc}Response", answers, descriptor.output_type)
    return tuple(dict.fromkeys(found))


def _compare_fields(where: str, hints: dict[str, Any], message: Descriptor) -> list[str]:
    if list(hints) != [field.name for field in message.fields]:
        return [f"{where} has fields {[f.name for f in message.fields]}, the contract {list(hints)}"]
    return [
        difference
        for name, hint in hints.items()
        for difference in _compare_field(f"{where}.{name}", _plain(hint), message.fields_by_name[name])
    ]


def _compare_field(where: str, hint: Any, field: FieldDescriptor) -> list[str]:
    origin = get_origin(hint)
    if origin is tuple:
        return _same(where, "repeated", field.is_repeated) or _compare_single(where, get_args(hint)[0], field)
    if origin is dict:
        # No value of a map is made into anything on its way, so both sides hold nothing but text.
        entry = field.message_type
        texts = (
            entry is not None
            and entry.GetOptions().map_entry
            and all(part.type == FieldDescriptor.TYPE_STRING for part in entry.fields)
        )
        return _same(where, "a map of str to str", texts and get_args(hint) == (str, str))
    inner, optional = _optional(hint)
    found = _same(where, "single", not field.is_repeated)
    if field.message_type is None:
        found += _same(where, "optional" if optional else "not optional", field.has_presence == optional)
    return found + _compare_single(where, inner, field)


def _compare_single(where: str, hint: Any, field: FieldDescriptor) -> list[str]:
    hint = _plain(hint)
    if hint in _SCALARS:
        return _same(where, hint.__name__, field.type == _SCALARS[hint])
    if hint in _TIMES:
        return _same(
            where, _TIMES[hint], field.message_type is not None and field.message_type.full_name == _TIMES[hint]
        )
    if issubclass(hint, enum.Enum):
        if field.enum_type is None or field.enum_type.name != hint.__name__:
            return [f"{where} is not the enum {hint.__name__}"]
        prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", hint.__name__).upper()
        wanted = [f"{prefix}_UNSPECIFIED", *(f"{prefix}_{member.name}" for member in hint)]
        return _same(where, f"{wanted}", [value.name for value in field.enum_type.values] == wanted)
    if field.message_type is None or field.message_type.name != hint.__name__:
        return [f"{where} is not the message {hint.__name__}"]
    return _compare_fields(hint.__name__, get_type_hints(hint), field.message_type)


def _same(where: str, what: str, fact: bool) -> list[str]:
    return [] if fact else [f"{where} is not {what}"]
