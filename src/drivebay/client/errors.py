"""Every error of the SDK. No message contains a token or a presigned URL.

Error
├── ApiError             Drivebay responded with an error
│   ├── NotFound         404
│   ├── Unauthenticated  401: log in again
│   │   └── SecondFactorRequired  the password is right, and the login needs a code
│   ├── Forbidden        403: the account, or its API token, may not do this
│   ├── Conflict         409, 412: the name is taken, or the file has changed
│   ├── CursorExpired    410: list the files again and follow the changes with a new cursor
│   └── Unavailable      429, 502, 503, 504: the request may work later
├── NetworkError         no response, after all retries
│   └── RequestNotSent   no connection: the request did not reach the server
├── StoreError           the object store refused a request
├── UploadFailed         the upload ended without becoming a file
├── UnsafeName           the file name cannot be used on this computer
├── ContentChanged       the file changed while it was read
└── ChecksumMismatch     the received bytes are not the stored bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class FieldError(NamedTuple):
    """One invalid field of a request."""

    field: str
    message: str


class Error(Exception):
    """Every error that the SDK raises on purpose. Errors can be pickled and copied."""

    def __reduce__(self) -> tuple[object, ...]:
        # By default an exception is rebuilt by a call with `args`, which are not the arguments of these classes.
        return _rebuild, (type(self), self.args, self.__dict__.copy())  # guard: errors-pickle


class ApiError(Error):
    """An error response of Drivebay (RFC 9457).

    `code` is stable and meant for programs. `detail` is a sentence for people. The server's logs have the same
    `request_id`. `retry_after` is in seconds, or None if the server did not send it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        request_id: str = "",
        errors: tuple[FieldError, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.errors = errors
        self.retry_after = retry_after


class NotFound(ApiError):
    """The resource does not exist, or this account has no access to it."""


class Unauthenticated(ApiError):
    """Nobody is logged in, the session has ended, or a password, code or token is wrong."""


class SecondFactorRequired(Unauthenticated):
    """The password is right, and the account has a second factor. Call `log_in_with_code` with `challenge`."""

    challenge: str = ""


class Forbidden(ApiError):
    """The account may see the resource, but may not do this with it."""


class Conflict(ApiError):
    """The request does not fit the current state. For example, a name is taken, or the file has changed."""


class CursorExpired(ApiError):
    """The changes after this cursor were deleted. List the files again and follow the changes with a new cursor."""


class Unavailable(ApiError):
    """Drivebay or a server behind it is down or overloaded, or there were too many requests. All retries failed."""


class NetworkError(Error):
    """There was no response: the connection failed, broke, or no bytes arrived in time."""


class RequestNotSent(NetworkError):
    """The connection could not be opened. The request did not reach the server, so repeating it is always safe."""


class StoreError(Error):
    """The object store refused a presigned request. `status` is the HTTP status, `code` the store's error code."""

    def __init__(self, action: str, status: int, code: str = "") -> None:
        super().__init__(f"{action}: the object store responded with {status} {code}".rstrip())
        self.status = status
        self.code = code


class UploadFailed(Error):
    """The upload ended as `failed`, `expired` or `aborted`. `reason` is the server's code for the cause, or None."""

    def __init__(self, id: str, status: str, reason: str | None) -> None:
        super().__init__(f"upload {id} ended as {status}" + (f": {reason}" if reason else ""))
        self.status = status
        self.reason = reason


class UnsafeName(Error):
    """The file name would lead out of its folder on this computer. A correct server never returns such a name."""


class ContentChanged(Error):
    """A file changed while it was read. Nothing is stored under its name."""


class ChecksumMismatch(Error):
    """The received bytes do not have the checksum of the stored bytes. The received bytes are deleted."""


@dataclass(frozen=True)
class ErrorResponse:
    """The parts of an error response. `retry_after` is in seconds."""

    status: int
    code: str
    detail: str
    request_id: str = ""
    errors: tuple[FieldError, ...] = ()
    retry_after: float | None = None
    challenge: str = ""


def api_error(response: ErrorResponse) -> ApiError:
    """Return the exception for this error response: the subclass of `ApiError` for its status."""
    error_type = _TYPE_BY_STATUS.get(response.status, ApiError)
    if response.code == "second_factor_required":
        error_type = SecondFactorRequired
    error = error_type(
        response.status,
        response.code,
        response.detail,
        request_id=response.request_id,
        errors=response.errors,
        retry_after=response.retry_after,
    )
    if isinstance(error, SecondFactorRequired):
        error.challenge = response.challenge
    return error


def _rebuild(kind: type[Error], args: tuple[object, ...], attributes: dict[str, object]) -> Error:
    """Return a copy of an error from its `args` and attributes, without calling its `__init__`."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


_TYPE_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: CursorExpired,
    412: Conflict,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
