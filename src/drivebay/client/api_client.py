"""Requests to Drivebay's API, with the access token, and with retries if a repeat is safe.

GET and DELETE are repeated, and so is a request that has an `Idempotency-Key` or is marked as idempotent. Any other
request is repeated only if it did not reach the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import msgspec

from .api_models import ItemError, Tokens
from .errors import (
    ApiError,
    ErrorResponse,
    FieldError,
    NetworkError,
    NotFound,
    RequestNotSent,
    Unauthenticated,
    api_error,
)
from .retry_policy import Retries, RetryPolicy
from .store_client import store_error
from .token_store import TokenStore

if TYPE_CHECKING:
    from .transport import FullResponse, Transport

T = TypeVar("T")

USER_AGENT: Final = "drivebay-client"
_PATHS_IN_A_DRIVE: Final = tuple(
    f"/v1/{name}"
    for name in ("files", "folders", "links", "uploads", "trash", "search", "changes", "events", "archives", "tus")
)
_ATTEMPT_TIMEOUT: Final = 90.0
"""The maximum number of seconds of one attempt."""
_SLOW_RESPONSE_TIMEOUT: Final = 60.0
"""The maximum number of seconds without a byte of the response to a request with `is_slow`."""


@dataclass(frozen=True)
class ApiRequest(Generic[T]):
    """One request to the API, whose response body is decoded as `response_type` (`type(None)`: no body).

    `query` items that are None are left out. `idempotent` means that a repeat is safe. With `absent_is_success`, 404
    counts as success if an earlier attempt may have done the work. `authenticate` sends the access token.
    `retry_policy` replaces the policy of the client. With `is_slow`, the server may take a minute for its response.
    With `expects_redirect`, 302 is a successful response. Only requests for thumbnails set `expects_redirect`, because
    any other redirect comes from a proxy.
    """

    response_type: type[T]
    method: str
    path: str
    body: object = None
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    idempotent: bool = False
    absent_is_success: bool = False
    authenticate: bool = True
    retry_policy: RetryPolicy | None = None
    is_slow: bool = False
    expects_redirect: bool = False

    @property
    def is_repeatable(self) -> bool:
        return self.idempotency_key is not None or self.idempotent or self.method in ("GET", "DELETE")


class ApiClient:
    """Calls one server for one user. `server` is the API's origin: `https://drive.example.com`.

    `drive_id` is the shared drive that requests about files use. None: the personal drive.
    """

    def __init__(
        self,
        server: str,
        token_store: TokenStore,
        transport: Transport,
        retry_policy: RetryPolicy,
        new_key: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{server!r} is not the URL of a server: write it like https://drive.example.com")
        self.server = server.rstrip("/")
        self.drive_id: str | None = None
        self.new_key = new_key
        self._token_store = token_store
        self._transport = transport
        self._retry_policy = retry_policy
        self._tokens: Tokens | None = None
        self._refresh_task: asyncio.Task[None] | None = None

    async def call(self, request: ApiRequest[T]) -> T:
        """Return the decoded body of a successful response. Raises ApiError and its subclasses, NetworkError."""
        return decode_response((await self.fetch(request)).body, request.response_type)

    async def fetch_signed(self, url: str, action: str) -> bytes:
        """Return the bytes of a small object at a presigned URL. `action` is for errors.

        Raises StoreError, NetworkError.
        """
        retries = Retries(self._retry_policy)
        while True:
            try:
                response = await self._transport.fetch("GET", url, {})
            except NetworkError as error:
                await retries.wait(error)
                continue
            if response.status == 200:
                return response.body
            await retries.wait(store_error(action, response))

    async def fetch(self, request: ApiRequest[T]) -> FullResponse:
        """Return a successful response, or a redirect, which is not followed. Raises the errors of `call`."""
        _check_ids(request.path)
        retries = Retries(request.retry_policy or self._retry_policy)
        may_be_done, refreshed = False, False
        while True:
            tokens = await self.current_tokens() if request.authenticate else None
            try:
                response = await self._attempt(request, tokens)
            except NetworkError as error:
                may_be_done = may_be_done or not isinstance(error, RequestNotSent)
                if may_be_done and not request.is_repeatable:
                    raise
                await retries.wait(error)
                continue
            if response.status < 300 or (response.status == 302 and request.expects_redirect):
                return response
            if response.status == 404 and request.absent_is_success and may_be_done:
                return response
            if (
                tokens is not None
                and tokens.refresh_token is not None
                and not refreshed
                and response.status == 401
                and _error_of(response).code == "unauthenticated"  # guard: refresh-only-unauthenticated
            ):
                refreshed = True
                await self._refresh(tokens)
                continue
            if not request.is_repeatable:
                raise _error_of(response)
            await retries.wait(_error_of(response))
            # A proxy that responds 502 or 504 does not know whether the server did the work.
            may_be_done = may_be_done or response.status in (502, 504)

    @property
    def server_and_drive(self) -> str:
        """The server, and the shared drive if there is one. An upload can only be resumed with the same server and
        drive."""
        return self.server if self.drive_id is None else f"{self.server}?drive_id={self.drive_id}"

    async def current_tokens(self) -> Tokens:
        """Return the tokens of the login. Raises Unauthenticated if there are no tokens."""
        if self._tokens is None:
            self._tokens = await asyncio.to_thread(self._token_store.load)
        if self._tokens is None:
            raise Unauthenticated(401, "unauthenticated", "there is no login")
        return self._tokens

    async def save_tokens(self, tokens: Tokens | None) -> None:
        """Use and store these tokens from now on. None deletes the stored tokens."""
        self._tokens = tokens
        await asyncio.to_thread(self._token_store.save, tokens)

    async def close(self) -> None:
        """Wait for a running token refresh: the server may have issued tokens that must be stored."""
        if self._refresh_task is not None and not self._refresh_task.done():
            await asyncio.wait([self._refresh_task])

    async def _attempt(self, request: ApiRequest[T], tokens: Tokens | None) -> FullResponse:
        headers = {"User-Agent": USER_AGENT, **request.headers}
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if tokens is not None:
            headers["Authorization"] = f"Bearer {tokens.access_token}"
        query = urlencode(self._query(request))
        url = f"{self.server}{request.path}" + (f"?{query}" if query else "")
        body = msgspec.json.encode(request.body) if request.body is not None else b""
        try:
            async with asyncio.timeout(_ATTEMPT_TIMEOUT):
                if request.is_slow:
                    return await self._transport.fetch(request.method, url, headers, body, _SLOW_RESPONSE_TIMEOUT)
                return await self._transport.fetch(request.method, url, headers, body)
        except TimeoutError:
            raise NetworkError(f"the server sent no complete response within {_ATTEMPT_TIMEOUT:.0f} seconds") from None

    def _query(self, request: ApiRequest[T]) -> dict[str, str | int]:
        query = {name: value for name, value in request.query.items() if value is not None}
        if self.drive_id is not None and request.path.startswith(_PATHS_IN_A_DRIVE):
            query.setdefault("drive_id", self.drive_id)
        return query

    async def _refresh(self, expired: Tokens) -> None:
        """Replace expired tokens, once for all concurrent requests. Raises Unauthenticated if the session has ended."""
        if self._tokens is not expired:
            return  # another request has refreshed them
        if self._refresh_task is None or self._refresh_task.done():
            self._refresh_task = asyncio.create_task(self._refresh_locked(expired), name="token refresh")
        # Shield the refresh: a cancelled request must not lose tokens that the server has already issued.
        await asyncio.shield(self._refresh_task)

    async def _refresh_locked(self, expired: Tokens) -> None:
        lock = self._token_store.refresh_lock()
        await asyncio.to_thread(lock.__enter__)
        try:
            stored = await asyncio.to_thread(self._token_store.load)
            if stored is not None and stored.access_token != expired.access_token:
                self._tokens = stored  # another process has refreshed them
                return
            body = {"refresh_token": expired.refresh_token}
            request = ApiRequest(Tokens, "POST", "/v1/token/refresh", body, idempotent=True, authenticate=False)
            try:
                fresh = await self.call(request)
            except Unauthenticated as error:
                await self.save_tokens(None)
                raise Unauthenticated(401, error.code, "the session has ended: log in again") from None
            await self.save_tokens(fresh)
        finally:
            await asyncio.to_thread(lock.__exit__, None, None, None)


def _check_ids(path: str) -> None:
    """Raise NotFound if an id in a path is empty, `.` or `..`.

    A proxy may shorten such a path, so that the request would change another resource than the id says: a DELETE of the
    session `.` would end all other sessions.
    """
    for part in path.split("/")[1:]:
        if part in ("", ".", ".."):  # guard: client-dot-id
            raise NotFound(404, "not_found", f"{part!r} is not an id")


def item_result(value: T | None, error: ItemError | None) -> T | ApiError:
    """Return the value or the exception of one item of a batch response."""
    if value is not None:
        return value
    error = error or ItemError("internal", "the server sent neither a result nor an error for this item", 500)
    return api_error(ErrorResponse(error.status, error.code, error.detail or error.code, errors=_field_errors(error)))


class _Problem(ItemError):
    request_id: str = ""
    challenge: str = ""


def decode_response(body: bytes, response_type: type[T]) -> T:
    """Return the decoded body of a response. Raises NetworkError."""
    if response_type is type(None):
        return None
    try:
        return msgspec.json.decode(body, type=response_type)
    except msgspec.MsgspecError as error:
        raise NetworkError(f"the server sent a response that is not Drivebay's: {error}") from None


def _error_of(response: FullResponse) -> ApiError:
    try:
        problem = msgspec.json.decode(response.body, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem(f"http_{response.status}", f"the server responded with HTTP status {response.status}")
    retry_after = response.headers.get("Retry-After", "")
    return api_error(
        ErrorResponse(
            response.status,
            problem.code,
            problem.detail or problem.code,
            problem.request_id or response.headers.get("X-Request-Id", ""),
            _field_errors(problem),
            float(retry_after) if retry_after.isdecimal() else None,
            problem.challenge,
        )
    )


def _field_errors(error: ItemError) -> tuple[FieldError, ...]:
    return tuple(
        FieldError(field_error.get("field", ""), field_error.get("message", "")) for field_error in error.errors
    )
