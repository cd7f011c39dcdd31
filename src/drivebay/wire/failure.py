"""Errors on their way across: gRPC's status says the rough kind to any client, a trailer says all of it to ours."""

from __future__ import annotations

from typing import Final

import grpc
import msgspec

from ..errors import BY_CODE, Error, FieldError, Internal, Unavailable

TRAILER: Final = "drivebay-error-bin"
_MOST: Final = 4096
"""Bytes of a trailer. Many clients take 8 KiB of them at most, and base64 and the status stand beside ours."""
_NEVER_CONNECTED: Final = ("connect to all addresses", "all backends failing")
_WHY: Final = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is over, or not of the authority in DRIVEBAY_TLS_CA",
    "Hostname Verification": "its certificate has another name",
    "WRONG_VERSION_NUMBER": "it speaks no TLS, and this process does",
    "Socket closed": "it hangs up, as a service with TLS does on whom it does not know: see DRIVEBAY_TLS_CERT here",
}
"""What gRPC says of a connection that did not come about, and what that means here."""
_SAID: Final = 200
"""Letters of a detail in gRPC's own status, where each may take twelve bytes."""


class _Failure(msgspec.Struct):
    code: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None


def status(error: Error) -> grpc.StatusCode:
    found: grpc.StatusCode = getattr(grpc.StatusCode, error.grpc)
    return found


def said(error: Error) -> str:
    """The detail as gRPC's status carries it, for clients that know no trailer."""
    return _sendable(error.detail, _SAID)


def pack(error: Error) -> bytes:
    """The error as bytes, whole unless it is absurdly long: then its last fields and the end of its detail go."""
    detail = _sendable(error.detail, _MOST // 2).encode()[: _MOST // 2].decode(errors="ignore")
    fields: list[tuple[str, str]] = []
    room = _MOST - len(detail.encode()) - 128
    for field, message in error.errors:
        entry = _sendable(field, _MOST), _sendable(message, _MOST)
        room -= sum(len(part.encode()) for part in entry) + 16
        if room < 0:
            break
        fields.append(entry)
    return msgspec.msgpack.encode(_Failure(error.code, detail, tuple(fields), error.retry_after))


def _sendable(text: str, letters: int) -> str:
    # A detail may quote what a client sent, and half a surrogate pair is not UTF-8.
    return text[:letters].encode(errors="replace").decode()


def unpack(data: bytes) -> Error:
    """The very error that was raised on the other side; Internal for one that this side does not know."""
    try:
        failure = msgspec.msgpack.decode(data, type=_Failure)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Internal()
    kind = BY_CODE.get(failure.code, Internal)
    errors = tuple(FieldError(field, message) for field, message in failure.errors)
    return kind(failure.detail, errors=errors, retry_after=failure.retry_after)


def _why(told: str) -> str:
    if not any(words in told for words in _NEVER_CONNECTED):
        return ""
    return next((f": {meaning}" for words, meaning in _WHY.items() if words in told), "")


def from_transport(error: grpc.aio.AioRpcError, service: str, address: str) -> Error:
    """What went wrong on the way, or was answered by a server that is not ours."""
    for name, value in error.trailing_metadata() or ():
        if name == TRAILER:
            return unpack(value if isinstance(value, bytes) else value.encode())
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable(f"{service} at {address} took too long")
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return Unavailable(f"{service} at {address} does not answer{_why(error.details() or '')}")
    if error.code() is grpc.StatusCode.PERMISSION_DENIED:
        return Unavailable(f"{service} at {address} does not let this process in: its certificate has another name")
    return Internal(f"{service} answered {error.code().name}")
