"""Conversion between the values of a contract and protobuf messages, by these rules:

    UUID, str    string        datetime    google.protobuf.Timestamp    tuple[X, ...]    repeated
    int          int64         timedelta   google.protobuf.Duration     dict[str, str]   map<string, string>
    bool, bytes  bool, bytes   StrEnum     enum (0 is `UNSPECIFIED`)    X | None         optional
    float        double        Struct      message of the same name     NewType          the type behind it

A message may come from an older release that does not know a field. If this field has presence in protobuf, or is an
enum, it gets the default of the contract. `conformance` checks that a contract and its proto follow the rules.
"""

from __future__ import annotations

import enum
import inspect
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple, get_args, get_origin
from uuid import UUID

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from ..errors import InvalidRequest
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

Encoder = Callable[[Any], Any]
"""Converts a value to a constructor argument of a message. If the encoder is None, the value is passed unchanged."""
ValueDecoder = Callable[[Any], Any]
"""Converts the value of a field. If the decoder is None, the value is returned unchanged."""
FieldReader = Callable[[Any], Any]
"""Returns the converted value of one field of a message."""

MAX_MESSAGE_SIZE: Final = 16 * 2**20
"""The maximum number of bytes of a request, and of a response."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_OFFSET = datetime.min.replace(tzinfo=UTC) - _EPOCH
_MAX_OFFSET = datetime.max.replace(tzinfo=UTC) - _EPOCH


class _Field(NamedTuple):
    name: str
    encode: Encoder | None
    read: FieldReader


class RpcMethod:
    """One method of a contract as an RPC.

    Decoding raises InvalidRequest for bytes that are not a message of the method.
    """

    def __init__(self, name: str, function: Callable[..., Any], service: ServiceDescriptor) -> None:
        self.name = name
        self.rpc = rpc_name(name)
        self.path = f"/{service.full_name}/{self.rpc}"
        self.signature = inspect.signature(function)
        descriptor = service.methods_by_name[self.rpc]
        hints, result = split_hints(function)
        self._request = GetMessageClass(descriptor.input_type)
        self._response = GetMessageClass(descriptor.output_type)
        self._arguments = _fields(hints, argument_defaults(function), descriptor.input_type)
        self._result = None
        if result is not type(None):
            self._result = _field(result, descriptor.output_type.fields_by_name["value"], REQUIRED)

    def encode_request(self, arguments: tuple[Any, ...]) -> bytes:
        """Encode all arguments, in the order of the signature.

        Raises InvalidRequest for a value that a message cannot hold: an integer over 64 bits, text with a lone
        surrogate, a time without a zone or outside the years 1 to 9999 in UTC, or more than MAX_MESSAGE_SIZE bytes in
        total.
        """
        try:
            fields = {
                name: value if encode is None or value is None else encode(value)
                for (name, encode, _), value in zip(self._arguments, arguments, strict=True)
            }
            data = bytes(self._request(**fields).SerializeToString())
        except ValueError as error:
            raise InvalidRequest(f"an argument of {self.name} cannot be encoded: {error}") from error
        # gRPC would also refuse it, but its status code does not identify the cause.
        if len(data) > MAX_MESSAGE_SIZE:
            raise InvalidRequest(
                f"the arguments of {self.name} have {len(data)} bytes, more than the maximum of {MAX_MESSAGE_SIZE}"
            )
        return data

    def decode_request(self, data: bytes) -> tuple[Any, ...]:
        """Return the arguments in the order of the signature."""
        try:
            message = self._request.FromString(data)
            return tuple([read(message) for _, _, read in self._arguments])
        except InvalidRequest:
            raise
        except Exception as error:
            raise InvalidRequest(f"the bytes are not a {self.rpc}Request: {error}") from error

    def encode_response(self, value: Any) -> bytes:
        """Encode a result. Raises ValueError for a value that a message cannot hold."""
        if self._result is None or value is None:
            return bytes(self._response().SerializeToString())
        encode = self._result.encode
        return bytes(self._response(value=value if encode is None else encode(value)).SerializeToString())

    def decode_response(self, data: bytes) -> Any:
        """Return the result."""
        try:
            message = self._response.FromString(data)
            return None if self._result is None else self._result.read(message)
        except InvalidRequest:
            raise
        except Exception as error:
            raise InvalidRequest(f"the bytes are not a {self.rpc}Response: {error}") from error


@cache
def rpc_methods(contract: type, service: ServiceDescriptor) -> tuple[RpcMethod, ...]:
    """Return the methods of a contract that the proto service has too."""
    return tuple(
        RpcMethod(name, function, service)
        for name, function in contract_methods(contract).items()
        if rpc_name(name) in service.methods_by_name
    )


def rpc_name(method: str) -> str:
    """Return the name of the RPC of a method: `BeginUpload` for `begin_upload`."""
    return "".join(word.capitalize() for word in method.split("_"))


def _fields(hints: Mapping[str, Any], defaults: dict[str, Any], message: Descriptor) -> list[_Field]:
    return [_field(hint, message.fields_by_name[name], defaults.get(name, REQUIRED)) for name, hint in hints.items()]


def _field(hint: Any, field: FieldDescriptor, default: Any) -> _Field:
    name = field.name
    hint = resolve_newtype(hint)
    read = operator.attrgetter(name)
    if get_origin(hint) is dict:
        return _Field(name, None, lambda message: dict(read(message)))
    if get_origin(hint) is tuple:
        encode, decode = _converters(get_args(hint)[0], field)
        return _Field(name, _encode_each(encode), _read_each(read, decode))
    inner, optional = unwrap_optional(hint)
    if optional and default is REQUIRED:
        default = None
    encode, decode = _converters(inner, field)
    if field.has_presence:
        return _Field(name, encode, _read_present(name, decode, default))
    if decode is None:
        return _Field(name, encode, read)
    if field.enum_type is not None and default is not REQUIRED:
        return _Field(name, encode, lambda message: decode(number) if (number := read(message)) else default)
    return _Field(name, encode, lambda message: decode(read(message)))


def _read_present(name: str, decode: ValueDecoder | None, default: Any) -> FieldReader:
    """Return the reader of a field with presence. It returns the default if a message does not have the field."""
    read = operator.attrgetter(name)
    if default is REQUIRED:
        return lambda message: (decode or _unchanged)(read(message)) if message.HasField(name) else _fail_missing(name)
    if decode is None:
        return lambda message: read(message) if message.HasField(name) else default
    return lambda message: decode(read(message)) if message.HasField(name) else default


def _unchanged(value: Any) -> Any:
    return value


def _fail_missing(name: str) -> Any:
    raise InvalidRequest(f"{name} is missing")


def _encode_each(encode: Encoder | None) -> Encoder | None:
    return None if encode is None else lambda values: [encode(value) for value in values]


def _read_each(read: FieldReader, decode: ValueDecoder | None) -> FieldReader:
    if decode is None:
        return lambda message: tuple(read(message))
    return lambda message: tuple([decode(item) for item in read(message)])


def _converters(hint: Any, field: FieldDescriptor) -> tuple[Encoder | None, ValueDecoder | None]:
    """Return the encoder and the decoder for one value of a field. None: protobuf uses the same value."""
    hint = resolve_newtype(hint)
    if hint is UUID:
        return msgspec.to_builtins, _decode_uuid
    if hint is datetime:
        return _encode_datetime, _decode_datetime
    if hint is timedelta:
        return _encode_timedelta, _decode_timedelta
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _enum_converters(hint, field)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct_converters(hint, field.message_type)
    return None, None


@cache
def _struct_converters(struct: type[msgspec.Struct], descriptor: Descriptor) -> tuple[Encoder, ValueDecoder]:
    message_class = GetMessageClass(descriptor)
    fields = _fields(struct_hints(struct), field_defaults(struct), descriptor)
    unchanged = [field.name for field in fields if field.encode is None]
    converted = [
        (field.name, operator.attrgetter(field.name), field.encode) for field in fields if field.encode is not None
    ]
    readers = [field.read for field in fields]

    # A page has thousands of fields, so a field without an encoder is copied without a call. The constructor of a
    # message takes None for a field that is not set.
    def encode(value: Any) -> Any:
        arguments = {name: getattr(value, name) for name in unchanged}
        for name, get, encode_field in converted:
            field_value = get(value)
            if field_value is not None:
                arguments[name] = encode_field(field_value)
        return message_class(**arguments)

    def decode(message: Any) -> Any:
        return struct(*[read(message) for read in readers])

    return encode, decode


def _enum_converters(kind: type[enum.Enum], field: FieldDescriptor) -> tuple[Encoder, ValueDecoder]:
    numbers = {member: number for number, member in enumerate(kind, 1)}
    members = dict(enumerate(kind, 1))

    def decode(number: int) -> enum.Enum:
        if number not in members:
            raise InvalidRequest(f"{field.name} has no value {number}" if number else f"{field.name} is missing")
        return members[number]

    return numbers.__getitem__, decode


def _decode_uuid(text: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)  # takes a third of the time of UUID(text)
    except msgspec.ValidationError:
        raise InvalidRequest("an id is not a UUID") from None


def _encode_datetime(value: datetime) -> dict[str, int]:
    if value.tzinfo is None:
        raise ValueError("a time has no time zone")
    offset = value - _EPOCH
    if not _MIN_OFFSET <= offset <= _MAX_OFFSET:  # the receiver converts it to UTC
        raise ValueError("a time is out of range")
    return {"seconds": offset.days * 86400 + offset.seconds, "nanos": offset.microseconds * 1000}


def _decode_datetime(value: Any) -> datetime:
    try:
        return _EPOCH + timedelta(0, value.seconds, value.nanos // 1000)
    except OverflowError:
        raise InvalidRequest("a time is out of range") from None


def _encode_timedelta(value: timedelta) -> dict[str, int]:
    microseconds = value // timedelta(microseconds=1)
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    sign = -1 if microseconds < 0 else 1
    return {"seconds": sign * seconds, "nanos": sign * rest * 1000}


def _decode_timedelta(value: Any) -> timedelta:
    return timedelta(seconds=value.seconds, microseconds=int(value.nanos / 1000))
