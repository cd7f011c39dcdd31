"""Errors on their way across: gRPC's status says the rough kind to any client, a trailer says all of it to ours."""

from __future__ import annotations

from typing import Final

import grpc
import msgspec

from ..errors import BY_CODE, Error, FieldError, Internal, Unavailable

TRAILER: Final = "drivebay-error-bin"
_MOST: Final = 4096
"""Bytes of a detail that are sent; trailers have limits of their own."""


class _Failure(msgspec.Struct):
    code: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None


def status(error: Error) -> grpc.StatusCode:
    found: grpc.StatusCode = getattr(grpc.StatusCode, error.grpc)
    return found


def pack(error: Error) -> bytes:
    fields = tuple((field, message[:500]) for field, message in error.errors[:50])
    return msgspec.msgpack.encode(_Failure(error.code, error.detail[:_MOST], fields, error.retry_after))


def unpack(data: bytes) -> Error:
    """The very error that was raised on the other side; Internal for one that this side does not know."""
    try:
        failure = msgspec.msgpack.decode(data, type=_Failure)
    except msgspec.MsgspecError:
        return Internal()
    kind = BY_CODE.get(failure.code, Internal)
    errors = tuple(FieldError(field, message) for field, message in failure.errors)
    return kind(failure.detail, errors=errors, retry_after=failure.retry_after)


def from_transport(error: grpc.aio.AioRpcError, service: str, address: str) -> Error:
    """What went wrong on the way, or was answered by a server that is not ours."""
    for name, value in error.trailing_metadata() or ():
        if name == TRAILER:
            return unpack(value if isinstance(value, bytes) else value.encode())
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable(f"{service} at {address} took too long")
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED):
        return Unavailable(f"{service} at {address} does not answer")
    return Internal(f"{service} answered {error.code().name}")
