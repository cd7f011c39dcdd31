"""Every way in which a call of the SDK fails, by kind. No message holds a token or a signed URL.

Error
├── ApiError            Drivebay answered, and the answer is no
│   ├── NotFound        404
│   ├── Unauthenticated 401: log in (again)
│   ├── Conflict        409, 412: the name is taken, or the thing has changed
│   └── Unavailable     429, 502, 503, 504: it may work later
├── NetworkError        no answer, however often it was tried
├── StoreError          the store of the bytes refused what it was sent
├── UploadFailed        the upload ended without becoming a file
├── UnsafeName          a file's name cannot be one here
├── Changed             the file changed while it was read
└── Damaged             what came is not what was stored
"""

from __future__ import annotations

from typing import NamedTuple


class FieldError(NamedTuple):
    """One thing wrong with one field of a request."""

    field: str
    message: str


class Error(Exception):
    """Anything the SDK raises on purpose."""


class ApiError(Error):
    """An answer of Drivebay that is an error (RFC 9457).

    `code` is stable and for programs, `detail` a sentence for people. `request_id` is what its operator looks for in
    the logs. `retry_after` is in seconds, where the server said so.
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
    """There is no such thing, or it is somebody else's."""


class Unauthenticated(ApiError):
    """Nobody is logged in, the session has ended, or email and password do not fit."""


class Conflict(ApiError):
    """The name is taken, or the thing has changed meanwhile."""


class Unavailable(ApiError):
    """Drivebay, or something behind it, is down or too busy, and stayed so while it was tried again."""


class NetworkError(Error):
    """No answer came: no connection, a broken one, or silence."""


class StoreError(Error):
    """The store refused a request that Drivebay had signed. `status` is HTTP's, `code` the store's own word."""

    def __init__(self, what: str, status: int, code: str = "") -> None:
        super().__init__(f"{what}: the store says {status} {code}".rstrip())
        self.status = status
        self.code = code


class UploadFailed(Error):
    """The upload ended as `failed`, `expired` or `aborted`; `reason` is the server's word for why, if it gave one."""

    def __init__(self, id: str, status: str, reason: str | None) -> None:
        super().__init__(f"upload {id} ended as {status}" + (f": {reason}" if reason else ""))
        self.status = status
        self.reason = reason


class UnsafeName(Error):
    """A name that would lead out of the folder it is to be stored in. No Drivebay gives one."""


class Changed(Error):
    """A file changed while it was read; nothing of it was stored under its name."""


class Damaged(Error):
    """The bytes that came do not have the checksum of those that were stored; nothing was kept."""


def of_answer(
    status: int, code: str, detail: str, request_id: str, errors: tuple[FieldError, ...], retry_after: float | None
) -> ApiError:
    """The error of this kind."""
    kind = _KINDS.get(status, ApiError)
    return kind(status, code, detail, request_id=request_id, errors=errors, retry_after=retry_after)


_KINDS: dict[int, type[ApiError]] = {
    401: Unauthenticated,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
