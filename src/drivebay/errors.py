"""Every failure a caller may act on, and what it is called on each side of a wire.

A service raises one of these; `wire` carries it across processes unchanged; the gateway renders it as
`application/problem+json`. The class attributes are the one table code -> HTTP status -> gRPC status.
What is not one of these is a defect and becomes `Internal` at the door every call goes through.

    Error
    ├── InvalidRequest 422          ├── Unauthenticated 401        ├── QuotaExceeded 507
    │   ├── InvalidCursor           │   ├── InvalidCredentials     ├── TooLarge 413
    │   └── IdempotencyKeyReused    │   └── TokenReused            ├── RateLimited 429
    ├── MalformedBody 400           ├── NotFound 404               ├── Unavailable 503
    ├── Conflict 409                ├── MethodNotAllowed 405       └── Internal 500
    │   ├── NameTaken  EmailTaken   ├── PreconditionFailed 412
    │   └── NotUploaded  InProgress ├── UnsupportedMediaType 415
                                    ├── ChecksumMismatch 460
                                    └── Locked 423
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """One thing wrong with one field of a request; `field` is a dotted path as the client wrote it."""

    field: str
    message: str


class Error(Exception):
    """A failure with a stable name.

    `detail` is a sentence for people and never holds a secret. `errors` names the fields at fault.
    `retry_after` is in whole seconds, for failures that pass by themselves.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    http: ClassVar[int]
    grpc: ClassVar[str]

    def __init__(
        self, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.retry_after = retry_after


class InvalidRequest(Error):
    code, title, http, grpc = "invalid_request", "The request is not valid", 422, "INVALID_ARGUMENT"


class InvalidCursor(InvalidRequest):
    code, title = "invalid_cursor", "The cursor is damaged or belongs to another query"


class IdempotencyKeyReused(InvalidRequest):
    code, title = "idempotency_key_reused", "The idempotency key was used with another body"


class MalformedBody(Error):
    code, title, http, grpc = "malformed_body", "The body is not valid JSON", 400, "INVALID_ARGUMENT"


class ChecksumMismatch(Error):
    """460 is tus's own (https://tus.io/protocols/resumable-upload#checksum)."""

    code, title, http, grpc = "checksum_mismatch", "The bytes are not those of the checksum", 460, "DATA_LOSS"


class Unauthenticated(Error):
    code, title, http, grpc = "unauthenticated", "A valid access token is needed", 401, "UNAUTHENTICATED"


class InvalidCredentials(Unauthenticated):
    code, title = "invalid_credentials", "The email or the password is wrong"


class TokenReused(Unauthenticated):
    code, title = "token_reused", "The refresh token was used before; every session of that login has ended"


class NotFound(Error):
    code, title, http, grpc = "not_found", "There is no such thing", 404, "NOT_FOUND"


class MethodNotAllowed(Error):
    code, title, http, grpc = "method_not_allowed", "The method is not allowed here", 405, "UNIMPLEMENTED"


class Conflict(Error):
    code, title, http, grpc = "conflict", "The request conflicts with what is there", 409, "ALREADY_EXISTS"


class NameTaken(Conflict):
    code, title = "name_taken", "The name is taken"


class EmailTaken(Conflict):
    code, title = "email_taken", "The email is taken"


class Locked(Error):
    """Somebody else is at it, and gives it up soon."""

    code, title, http, grpc = "locked", "Another request is at it", 423, "ABORTED"

    def __init__(self, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: int | None = 1) -> None:
        super().__init__(detail, errors=errors, retry_after=retry_after)


class NotUploaded(Conflict):
    code, title, grpc = "not_uploaded", "The bytes are not in the store yet", "FAILED_PRECONDITION"


class InProgress(Conflict):
    code, title, grpc = "in_progress", "The first request with this key is still under way", "ABORTED"


class PreconditionFailed(Error):
    code, title, http, grpc = "precondition_failed", "The file has changed meanwhile", 412, "FAILED_PRECONDITION"


class TooLarge(Error):
    code, title, http, grpc = "too_large", "That is more than this deployment takes", 413, "OUT_OF_RANGE"


class UnsupportedMediaType(Error):
    code, title, http, grpc = "unsupported_media_type", "The body must be application/json", 415, "INVALID_ARGUMENT"


class RateLimited(Error):
    code, title, http, grpc = "rate_limited", "Too many requests", 429, "RESOURCE_EXHAUSTED"


class QuotaExceeded(Error):
    code, title, http, grpc = "quota_exceeded", "The bytes would not fit into the quota", 507, "RESOURCE_EXHAUSTED"


class Unavailable(Error):
    """Something behind is down or too slow; the same call may work in `retry_after` seconds."""

    code, title, http, grpc = "unavailable", "A part of the service is down", 503, "UNAVAILABLE"

    def __init__(self, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: int | None = 2) -> None:
        super().__init__(detail, errors=errors, retry_after=retry_after)


class Internal(Error):
    code, title, http, grpc = "internal", "Something went wrong on our side", 500, "INTERNAL"


def _tree(kind: type[Error]) -> list[type[Error]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in _tree(child))]


BY_CODE: dict[str, type[Error]] = {kind.code: kind for kind in _tree(Error)[1:]}
"""Every kind by its code: how `wire` finds the class again on the calling side."""
