"""Errors over gRPC. The status shows every client the kind of an error. A trailer has the exact error.

The trailer is `drivebay-error-bin`: a MessagePack map of code, detail, errors, retry_after and challenge.
"""

from __future__ import annotations

from typing import Final

import grpc
import msgspec

from ..errors import BY_CODE, Error, FieldError, Internal, SecondFactorRequired, Unavailable

TRAILER: Final = "drivebay-error-bin"
MAX_TRAILER_SIZE: Final = 4096
"""The maximum number of bytes of the trailer. Many clients accept 8 KiB of trailers in total, and base64 makes this
trailer a third longer."""
_MAX_STATUS_DETAIL: Final = 200
"""The maximum number of characters of a status detail. gRPC may encode a character in twelve bytes."""
_FIXED_SIZE: Final = 128
"""The maximum number of bytes of the code, the challenge, `retry_after` and the structure of an error together."""
_FIELD_OVERHEAD: Final = 16
"""The maximum number of bytes that MessagePack adds to the texts of one field error."""
_CONNECTION_FAILED: Final = ("connect to all addresses", "all backends failing")
_CONNECTION_HINTS: Final = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate has expired or is not from the authority in DRIVEBAY_TLS_CA",
    "Hostname Verification": "its certificate has another name",
    "WRONG_VERSION_NUMBER": "it does not use TLS, but this process does",
    "Socket closed": "it closed the connection, as a service with TLS does if it does not know the certificate of its "
    "caller. Check DRIVEBAY_TLS_CERT here",
}
"""What gRPC's messages about a failed connection mean."""


class _EncodedError(msgspec.Struct):
    code: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None
    challenge: str = ""


def grpc_status(error: Error) -> grpc.StatusCode:
    """Return the gRPC status of an error."""
    status: grpc.StatusCode = getattr(grpc.StatusCode, error.grpc)
    return status


def status_detail(error: Error) -> str:
    """Return the detail of an error for the gRPC status, for clients that do not read the trailer."""
    return _encodable_text(error.detail, _MAX_STATUS_DETAIL)


def encode_error(error: Error) -> bytes:
    """Encode an error for the trailer. If the error is too long, shorten the detail and omit the last field errors."""
    max_detail = MAX_TRAILER_SIZE // 2
    detail = _encodable_text(error.detail, max_detail).encode()[:max_detail].decode(errors="ignore")
    fields: list[tuple[str, str]] = []
    free = MAX_TRAILER_SIZE - len(detail.encode()) - _FIXED_SIZE
    for field, message in error.errors:
        entry = _encodable_text(field, MAX_TRAILER_SIZE), _encodable_text(message, MAX_TRAILER_SIZE)
        free -= sum(len(text.encode()) for text in entry) + _FIELD_OVERHEAD
        if free < 0:
            break
        fields.append(entry)
    challenge = error.challenge if isinstance(error, SecondFactorRequired) else ""
    return msgspec.msgpack.encode(_EncodedError(error.code, detail, tuple(fields), error.retry_after, challenge))


def _encodable_text(text: str, length: int) -> str:
    # A detail may quote text of a client, and UTF-8 cannot encode a lone surrogate.
    return text[:length].encode(errors="replace").decode()


def decode_error(data: bytes) -> Error:
    """Decode an error from the trailer. The result is Internal if the code is unknown or the bytes are invalid."""
    try:
        encoded_error = msgspec.msgpack.decode(data, type=_EncodedError)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Internal()
    kind = BY_CODE.get(encoded_error.code, Internal)
    errors = tuple(FieldError(field, message) for field, message in encoded_error.errors)
    if kind is SecondFactorRequired:
        challenge = encoded_error.challenge
        return SecondFactorRequired(
            encoded_error.detail, errors=errors, retry_after=encoded_error.retry_after, challenge=challenge
        )
    return kind(encoded_error.detail, errors=errors, retry_after=encoded_error.retry_after)


def from_rpc_error(error: grpc.aio.AioRpcError, service: str, address: str) -> Error:
    """Return the error of a failed call. It is the error in the trailer. Without a trailer, it describes the gRPC
    status."""
    for name, value in error.trailing_metadata() or ():
        if name == TRAILER:
            return decode_error(value if isinstance(value, bytes) else value.encode())
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable(f"{service} at {address} did not respond before the deadline")
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return Unavailable(f"cannot reach {service} at {address}{_connection_hint(error.details() or '')}")
    if error.code() is grpc.StatusCode.PERMISSION_DENIED:
        return Unavailable(
            f"{service} at {address} refuses this process: no name in our certificate is in its list of callers"
        )
    return Internal(f"{service} responded with the gRPC status {error.code().name}")


def _connection_hint(details: str) -> str:
    if not any(text in details for text in _CONNECTION_FAILED):
        return ""
    return next((f": {hint}" for text, hint in _CONNECTION_HINTS.items() if text in details), "")
