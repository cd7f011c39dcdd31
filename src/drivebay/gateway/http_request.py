"""The request type of the handlers, and strict parsing of the values that clients send.

An invalid value raises InvalidRequest with the name of its field.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import falcon.asgi
import msgspec

from ..concurrency.timeout import Timeout
from ..contract.files import Access
from ..contract.ids import ROOT, FileId, SessionId, UploadId, UserId, VersionId
from ..errors import FieldError, InvalidRequest, MalformedBody, TooLarge, UnsupportedMediaType
from .concurrency import ConcurrencyLimiter

if TYPE_CHECKING:
    from .authentication import Authenticator
    from .route import Route
    from .user_limiter import UserLimiter

T = TypeVar("T")

ANONYMOUS: Final = UserId(UUID(int=0))
"""The user of a request without a login."""
MAX_JSON_BODY: Final = 2**20
"""The maximum number of bytes of a JSON body."""
_MAX_LENGTH_DIGITS: Final = 18
"""The maximum number of digits of a `Content-Length` that is converted to a number."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_JSON_PATH: Final = re.compile(r" - at `\$\.?(.*?)`$")
_FIELD_NAME: Final = re.compile(r"field `([^`]*)`")
_LIMIT: Final = re.compile(r"^Expected `(str|array|int|float)` (of length )?(>=|<=|>|<) (-?[0-9.e+]+)$")
_LIMIT_WORDS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


class Request(falcon.asgi.Request):
    """Falcon's request with the fields of the gateway.

    `route` is set if a route matches. `user` and `access` are set on routes that need a token, `session` if the token
    is an access token. `access` is the access of the user to the drive of the request. `started_at` and `working_since`
    are times of `perf_counter`: the arrival of the request, and the time at which it last stopped waiting for its
    client. Processing time is measured from `working_since`. `rejected` is set if the concurrency limiter rejects the
    request. `body_timeout` is how many seconds the client may take to send a JSON body. `user_limiter` counts the
    requests of the user. A long request calls `recheck_access` before it reads more data, because the token may have
    expired, or the access may have ended. The call raises the same errors as the first check. `recheck_session` does
    the same for uploads, but accepts an access token that expired during the request, if its session has not ended.
    """

    request_id: str = ""
    user: UserId = ANONYMOUS
    access: Access
    session: SessionId | None = None
    route: Route | None = None
    rejected: bool = False
    started_at: float = 0.0
    working_since: float = 0.0
    body_timeout: float = 0.0
    limiter: ConcurrencyLimiter
    user_limiter: UserLimiter | None = None
    authenticator: Authenticator
    recheck_access: Callable[[], Awaitable[None]]
    recheck_session: Callable[[], Awaitable[None]]

    def pause(self) -> None:
        """Stop counting the request in the limits while it waits. Each call needs one `resume`."""
        self.limiter.pause()
        if self.user_limiter is not None:
            self.user_limiter.pause(self.user)

    def resume(self) -> None:
        """Count the request in the limits again. Processing time counts from now."""
        self.limiter.resume()
        if self.user_limiter is not None:
            self.user_limiter.resume(self.user)
        self.working_since = time.perf_counter()

    async def token_lifetime(self) -> float:
        """Return the number of seconds for which the access token stays valid. Raises the errors of the first check."""
        return await self.authenticator.lifetime(self.get_header("Authorization"))

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client closes the connection, or at once if it has closed it.

        It works only while some task awaits `receive_event`.
        """
        receiver = self._receive
        if isinstance(receiver, BodyReceiver):
            receiver.on_disconnect(callback)

    async def receive_event(self) -> Any:
        """Return the next ASGI event of the request: the rest of its body, then its disconnect."""
        return await self._receive()

    def query_value(self, name: str) -> str | None:
        """Return a query parameter, the last one if it is repeated, or None.

        Falcon's `get_param` has more options and takes two to three times as long, and a listing has five parameters.
        """
        value = self.params.get(name)
        return value[-1] if isinstance(value, list) else value

    @property
    def drive_query(self) -> str:
        """The query of a URL of this API for the drive of this request. It is empty for the personal drive."""
        return "" if self.access.drive == self.user else f"?drive_id={self.access.drive}"


class BodyReceiver:
    """An ASGI `receive` that adapts the body events for Falcon.

    Falcon waits for the first body event before it calls any of our code. A slow client could delay that without a
    time limit, so this class first returns an empty event. Falcon treats a disconnect as the end of the body. This
    class raises MalformedBody instead.
    """

    __slots__ = ("_callback", "_complete", "_is_disconnected", "_receive", "_started")

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._callback: Callable[[], None] | None = None
        self._is_disconnected = False
        self._started = False
        self._complete = False

    async def __call__(self) -> Any:
        if not self._started:
            self._started = True
            return {"type": "http.request", "body": b"", "more_body": True}
        event = await self._receive()
        if event["type"] == "http.request":
            self._complete = not event.get("more_body")
            return event
        self._is_disconnected = True
        if self._callback is not None:
            self._callback()
        if not self._complete:  # guard: body-incomplete
            raise MalformedBody("the connection closed before the whole body arrived")
        return event

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client disconnects, or at once if it has disconnected."""
        self._callback = callback
        if self._is_disconnected:
            callback()


async def read_json(req: Request, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the decoded JSON body. Raises MalformedBody, UnsupportedMediaType, TooLarge, InvalidRequest."""
    return decode_json(await read_json_body(req), decoder)


async def read_json_body(req: Request) -> bytes:
    """Return the body of a JSON request, undecoded. Raises MalformedBody, UnsupportedMediaType, TooLarge."""
    media_type = req.content_type
    if media_type is not None and media_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    return await _read_body(req)


def decode_json(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return decoded JSON. Raises MalformedBody, InvalidRequest."""
    try:
        return _decode(body, decoder)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedBody from None


async def _read_body(req: Request) -> bytes:
    declared = req.get_header("Content-Length") or "0"
    # guard: body-declared-length
    if len(declared) > _MAX_LENGTH_DIGITS or (declared.isdigit() and int(declared) > MAX_JSON_BODY):
        raise TooLarge("request bodies are limited to 1 MiB")
    req.limiter.pause()
    try:
        with Timeout(req.body_timeout):  # guard: body-timeout
            body: bytes = await req.stream.read(MAX_JSON_BODY + 1)  # guard: body-read-limit
    except TimeoutError:
        raise MalformedBody(f"the body did not arrive within {req.body_timeout:.0f} s") from None
    finally:
        req.limiter.resume()
        req.working_since = time.perf_counter()
    if len(body) > MAX_JSON_BODY:  # guard: body-limit
        raise TooLarge("request bodies are limited to 1 MiB")
    return body


def body_length(req: Request) -> int | None:
    """Return the length of the body that the headers declare, 0 without a body, or None if it is unknown."""
    declared = req.get_header("Content-Length")
    if declared is not None and declared.isdigit() and len(declared) <= _MAX_LENGTH_DIGITS:
        return int(declared)
    return None if declared is not None or req.get_header("Transfer-Encoding") is not None else 0


def idempotency_key(req: Request) -> str | None:
    """Return the `Idempotency-Key` of a request, or None without this header. Raises InvalidRequest."""
    key = req.get_header("Idempotency-Key")
    if key is None or (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        return key
    raise invalid_field_error("Idempotency-Key", "must be 1 to 255 printable ASCII characters")


def invalid_field_error(field: str, problem: str) -> InvalidRequest:
    """Return the error for one wrong field."""
    return InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))


def in_utc(time: datetime, field: str) -> datetime:
    """Return a client's time in UTC. Raises InvalidRequest if its year in UTC is not 1 to 9999."""
    try:
        return time.astimezone(UTC)
    except OverflowError:  # guard: client-time-range
        raise invalid_field_error(field, "must be a time of the years 1 to 9999 in UTC") from None


def parse_uuid(text: str, field: str) -> UUID:
    """Return the UUID that a field contains. Raises InvalidRequest."""
    if not _UUID.fullmatch(text):
        raise invalid_field_error(field, "must be a UUID")
    return UUID(text)


def parse_upload_id(text: str) -> UploadId:
    return UploadId(parse_uuid(text, "id"))


def parse_file_id(text: str, field: str = "id") -> FileId:
    """Return the id of a file or folder. `root` is the root folder. Raises InvalidRequest."""
    return ROOT if text == "root" else FileId(parse_uuid(text, field))


def parse_version_id(text: str) -> VersionId:
    return VersionId(parse_uuid(text, "version"))


def parse_names(path: str) -> tuple[str, ...]:
    """Return the names in a path such as `/reports/2026`, from the root down. The path `/` has no names. Raises
    InvalidRequest.

    The files service checks the names.
    """
    if not path.startswith("/"):
        raise invalid_field_error("path", "must start with /")
    names = tuple(path[1:].removesuffix("/").split("/"))
    if names == ("",):
        return ()
    if "" in names:  # guard: path-empty-name
        raise invalid_field_error("path", "must not contain an empty name")
    return names


def parse_sha256(text: str | None) -> bytes | None:
    """Return the 32 bytes of a checksum in base64, or None without one. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise invalid_field_error("sha256", "must be base64 of 32 bytes")
    return digest


def parse_limit(text: str | None) -> int:
    """Return the number of items of a page, which is 100 if the parameter is missing. Raises InvalidRequest."""
    if text is None:
        return 100
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 1000:
        raise invalid_field_error("limit", "must be 1 to 1000")
    return int(text)


def _decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        invalid_request = _from_validation_error(str(error))
    # The decoder stops at the first wrong value. Decode the whole body to find out whether it is JSON at all.
    with suppress(msgspec.ValidationError):  # a number that is too large is JSON too
        msgspec.json.decode(body)
    raise invalid_request


def _from_validation_error(message: str) -> InvalidRequest:
    """Return the error of the field that a message of msgspec names: ``Expected `int`, got `str` - at `$.size` ``."""
    path = _JSON_PATH.search(message)
    text = _JSON_PATH.sub("", message)
    field = path[1] if path else ""
    if name := _FIELD_NAME.search(text):
        field = f"{field}.{name[1]}" if field else name[1]
    if limit := _LIMIT.match(text):
        return invalid_field_error(field or "body", _describe_limit(*limit.groups()))
    text = text.replace("`", "").replace("Object missing", "the body has no").replace("Object", "the body")
    return InvalidRequest(f"{field}: {text}" if field else text, errors=(FieldError(field or "body", text),))


def _describe_limit(kind: str, length: str | None, comparison: str, limit: str) -> str:
    """Return a limit in words: ``Expected `str` of length >= 8`` becomes `must have at least 8 characters`."""
    words = f"{_LIMIT_WORDS[comparison]} {limit}"
    if not length:
        return f"must be {words}"
    unit = "character" if kind == "str" else "item"
    return f"must have {words} {unit}{'' if limit == '1' else 's'}"
