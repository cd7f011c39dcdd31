"""Every error that a caller can handle, with its code, HTTP status and gRPC status.

A service raises one of these errors, `rpc` sends it to the calling process unchanged, and the gateway encodes it as
`application/problem+json`. The class attributes are the only table of codes and statuses. Any other exception is a
defect. `CallGuard` in `rpc` logs it and raises `Internal` instead.

    Error
    ├── InvalidRequest 422          ├── Unauthenticated 401        ├── QuotaExceeded 507
    │   ├── InvalidCursor           │   ├── InvalidCredentials     ├── TooLarge 413
    │   └── IdempotencyKeyReused    │   ├── SecondFactorRequired   ├── RateLimited 429
    ├── MalformedBody 400           │   ├── InvalidCode            ├── Unavailable 503
    ├── Conflict 409                │   ├── InvalidToken           └── Internal 500
    │   ├── NameTaken  EmailTaken   │   ├── TokenReused
    │   ├── NotUploaded  InProgress │   ├── InvalidPasskey
    │   ├── LastManager  LastAdmin  │   └── PasswordRequired
    │   ├── AlreadyEnabled          ├── NotFound 404: NoPreview
    │   └── WouldCycle              ├── MethodNotAllowed 405
    ├── Forbidden 403               ├── CursorExpired 410
    │   ├── InsufficientScope       ├── PreconditionFailed 412
    │   └── SignupClosed            ├── UnsupportedMediaType 415
    ├── RangeNotSatisfiable 416     ├── ChecksumMismatch 460
    └── Locked 423
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class StartError(Exception):
    """A process cannot start or keep running. The message says the problem and what to change.

    No caller of a service gets this error: the command prints the message and exits with status 1.
    """


class FieldError(NamedTuple):
    """The problem with one field of a request. `field` is the dotted path of the field, as in the request."""

    field: str
    message: str


class Error(Exception):
    """The base of all errors.

    `code` never changes, because clients depend on it. `detail` is a sentence for people and never contains a secret.
    It defaults to `title`. `errors` are the invalid fields. `retry_after` is the number of whole seconds after which
    the same request may succeed, or None if that is not known.
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


def invalid_fields_error(errors: tuple[FieldError, ...]) -> InvalidRequest:
    """Return the error for wrong fields. Its detail names each field and its problem."""
    return InvalidRequest("; ".join(f"{error.field} {error.message}" for error in errors), errors=errors)


class InvalidCursor(InvalidRequest):
    code, title = "invalid_cursor", "The cursor is invalid or belongs to another query"


class IdempotencyKeyReused(InvalidRequest):
    code, title = "idempotency_key_reused", "The idempotency key was used with another request body"


class MalformedBody(Error):
    code, title, http, grpc = "malformed_body", "The body is not valid JSON", 400, "INVALID_ARGUMENT"


class ChecksumMismatch(Error):
    """The status 460 is defined by tus: https://tus.io/protocols/resumable-upload#checksum."""

    code, title, http, grpc = "checksum_mismatch", "The bytes do not match the checksum", 460, "DATA_LOSS"


class Unauthenticated(Error):
    code, title, http, grpc = "unauthenticated", "A valid access token is required", 401, "UNAUTHENTICATED"


class InvalidCredentials(Unauthenticated):
    code, title = "invalid_credentials", "The email or the password is wrong"


class TokenReused(Unauthenticated):
    code, title = "token_reused", "The refresh token was used before, so its session has ended"


class SecondFactorRequired(Unauthenticated):
    """The password is right, and the account has a second factor. `challenge` is for the login's second step."""

    code, title = "second_factor_required", "The account has a second factor: send a code"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
        challenge: str = "",
    ) -> None:
        super().__init__(detail, errors=errors, retry_after=retry_after)
        self.challenge = challenge


class PasswordRequired(Unauthenticated):
    code, title = "password_required", "The link has a password: unlock it first"


class InvalidCode(Unauthenticated):
    code, title = "invalid_code", "The code is wrong or was used"


class InvalidPasskey(Unauthenticated):
    """The same error for every reason, so that no caller learns which accounts and passkeys exist."""

    code, title = "invalid_passkey", "The passkey was not accepted"


class InvalidToken(Unauthenticated):
    code, title = "invalid_token", "The token is wrong, was used or has expired"


class Forbidden(Error):
    code, title, http, grpc = "forbidden", "The caller may not do this", 403, "PERMISSION_DENIED"


class InsufficientScope(Forbidden):
    code, title = "insufficient_scope", "The API token does not have the scope that this call needs"


class SignupClosed(Forbidden):
    code, title = "signup_closed", "This deployment does not accept sign-ups"


class NotFound(Error):
    code, title, http, grpc = "not_found", "The resource does not exist", 404, "NOT_FOUND"


class NoPreview(NotFound):
    code, title = "no_preview", "There is no thumbnail of this file"


class MethodNotAllowed(Error):
    code, title, http, grpc = "method_not_allowed", "The resource does not support this method", 405, "UNIMPLEMENTED"


class Conflict(Error):
    code, title, http, grpc = (
        "conflict",
        "The request conflicts with the current state of the resource",
        409,
        "ALREADY_EXISTS",
    )


class NameTaken(Conflict):
    code, title = "name_taken", "The name is taken"


class LastManager(Conflict):
    code, title, grpc = "last_manager", "The drive would have no manager", "FAILED_PRECONDITION"


class WouldCycle(Conflict):
    code, title = "would_cycle", "The folder would be inside itself"


class EmailTaken(Conflict):
    code, title = "email_taken", "The email is taken"


class LastAdmin(Conflict):
    code, title = "last_admin", "The last admin cannot be disabled, demoted or deleted"


class AlreadyEnabled(Conflict):
    code, title = "already_enabled", "The account has a second factor already"


class Locked(Error):
    """Another request has locked the upload. It releases the lock soon."""

    code, title, http, grpc = "locked", "Another request is changing the resource", 423, "ABORTED"

    def __init__(self, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: int | None = 1) -> None:
        super().__init__(detail, errors=errors, retry_after=retry_after)


class NotUploaded(Conflict):
    code, title, grpc = "not_uploaded", "The bytes are not in the store yet", "FAILED_PRECONDITION"


class InProgress(Conflict):
    code, title, grpc = "in_progress", "The first request with this idempotency key is still in progress", "ABORTED"


class PreconditionFailed(Error):
    code, title, http, grpc = (
        "precondition_failed",
        "The file has changed since it was read",
        412,
        "FAILED_PRECONDITION",
    )


class TooLarge(Error):
    code, title, http, grpc = "too_large", "The request exceeds a limit of this deployment", 413, "OUT_OF_RANGE"


class CursorExpired(Error):
    """The cursor of a change feed is too old. The client must list the files again and use the new cursor."""

    code, title, http, grpc = (
        "cursor_expired",
        "The cursor is older than the changes that are kept",
        410,
        "OUT_OF_RANGE",
    )


class RangeNotSatisfiable(Error):
    code, title, http, grpc = "range_not_satisfiable", "The range begins after the last byte", 416, "OUT_OF_RANGE"


class UnsupportedMediaType(Error):
    code, title, http, grpc = "unsupported_media_type", "The body must be application/json", 415, "INVALID_ARGUMENT"


class RateLimited(Error):
    code, title, http, grpc = "rate_limited", "Too many requests", 429, "RESOURCE_EXHAUSTED"


class QuotaExceeded(Error):
    code, title, http, grpc = "quota_exceeded", "The quota has no room for these bytes", 507, "RESOURCE_EXHAUSTED"


class Unavailable(Error):
    """A dependency is down or too slow, or this process has too much work. The same call may succeed after
    `retry_after` seconds."""

    code, title, http, grpc = "unavailable", "The service is temporarily unavailable", 503, "UNAVAILABLE"

    def __init__(self, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: int | None = 2) -> None:
        super().__init__(detail, errors=errors, retry_after=retry_after)


class Internal(Error):
    code, title, http, grpc = "internal", "An internal error occurred", 500, "INTERNAL"


def _subclasses(error: type[Error]) -> list[type[Error]]:
    return [found for child in error.__subclasses__() for found in (child, *_subclasses(child))]


BY_CODE: dict[str, type[Error]] = {error.code: error for error in _subclasses(Error)}
"""All errors by code."""
