"""Calls of Drivebay's API: with the bearer token, and again where that can do no harm.

What may be repeated: GET and DELETE; a POST with an `Idempotency-Key`, which is made here; and what the API promises
to be idempotent, whose caller says so. Anything else is sent once, and again only if it never left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import msgspec

from . import errors
from .errors import ApiError, FieldError, NetworkError, Unauthenticated
from .models import Refused, Tokens
from .network import Answer, Network, NotSent, ask
from .retry import PASSES, Patience, Pauses
from .sessions import Session

T = TypeVar("T")

AGENT: Final = "drivebay-client"
_LONGEST: Final = 90.0
"""Seconds that one call may take."""


class _Problem(Refused):
    request_id: str = ""


class Http:
    """`server` is the API's origin, `https://drive.example.com`."""

    def __init__(
        self,
        server: str,
        session: Session,
        network: Network,
        patience: Patience,
        new_key: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{server!r} is no server: it must be like https://drive.example.com")
        self.server = server.rstrip("/")
        self._session = session
        self._network = network
        self._patience = patience
        self.new_key = new_key
        self._tokens: Tokens | None = None
        self._trading: asyncio.Task[None] | None = None

    async def call(
        self,
        answer: type[T],
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
        keyed: bool = False,
        key: str | None = None,
        idempotent: bool = False,
        gone_is_done: bool = False,
        public: bool = False,
        patience: Patience | None = None,
    ) -> T:
        """The JSON of a successful answer as an `answer` (`type(None)` for one without a body).

        `keyed` sends a new Idempotency-Key, `key` this one; `gone_is_done` takes a 404 for success if an earlier
        attempt may have been it.
        Raises ApiError and its kinds, NetworkError.
        """
        sent = {"User-Agent": AGENT, **(headers or {})}
        if keyed or key is not None:
            sent["Idempotency-Key"] = key or self.new_key()
        if body is not None:
            sent["Content-Type"] = "application/json"
        text = urlencode({name: value for name, value in (query or {}).items() if value is not None})
        request = (
            method,
            f"{self.server}{path}" + (f"?{text}" if text else ""),
            msgspec.json.encode(body) if body else b"",
        )
        repeatable = keyed or key is not None or idempotent or method in ("GET", "DELETE")
        pauses = Pauses(patience or self._patience)
        lost, renewed = False, False
        while True:
            spent = None if public else await self.logged_in()
            try:
                got = await self._once(request, sent, spent)
            except NetworkError as error:
                lost = lost or not isinstance(error, NotSent)
                if lost and not repeatable:
                    raise
                await pauses.pause(error)
                continue
            if got.status < 300:
                return _decode(got.body, answer)
            if got.status == 404 and gone_is_done and lost:
                return _decode(b"", answer)
            error_ = _error(got)
            if got.status == 401 and spent is not None and spent.refresh_token is not None and not renewed:
                renewed = True
                await self._renew(spent)
            elif repeatable and (got.status in PASSES or error_.code == "in_progress"):
                # A 5xx may have been done all the same: whoever counts on a first time must know.
                lost = lost or got.status in (502, 504)
                await pauses.pause(error_)
            else:
                raise error_

    async def logged_in(self) -> Tokens:
        """The tokens to use. Raises Unauthenticated if there are none."""
        if self._tokens is None:
            self._tokens = await asyncio.to_thread(self._session.tokens)
        if self._tokens is None:
            raise Unauthenticated(401, "unauthenticated", "nobody is logged in")
        return self._tokens

    async def keep(self, tokens: Tokens | None) -> None:
        """Use these from now on; None logs out here."""
        self._tokens = tokens
        await asyncio.to_thread(self._session.keep, tokens)

    async def close(self) -> None:
        if self._trading is not None and not self._trading.done():
            # The server has spent the old token perhaps; the new one must be kept. The trade has an end by itself.
            await asyncio.wait([self._trading])

    async def _once(self, request: tuple[str, str, bytes], headers: Mapping[str, str], tokens: Tokens | None) -> Answer:
        bearer = {} if tokens is None else {"Authorization": f"Bearer {tokens.access_token}"}
        method, url, body = request
        try:
            async with asyncio.timeout(_LONGEST):
                return await ask(self._network, method, url, {**headers, **bearer}, body)
        except TimeoutError:
            raise NetworkError("no answer in time") from None

    async def _renew(self, spent: Tokens) -> None:
        """New tokens for old ones, once for all who wait. Raises Unauthenticated when the session has ended."""
        if self._tokens is not spent:
            return
        if self._trading is None or self._trading.done():
            self._trading = asyncio.create_task(self._trade(spent))
        # Nobody's cancellation may lose tokens that the server has given already.
        await asyncio.shield(self._trading)

    async def _trade(self, spent: Tokens) -> None:
        alone = self._session.alone()
        await asyncio.to_thread(alone.__enter__)
        try:
            kept = await asyncio.to_thread(self._session.tokens)
            if kept is not None and kept.access_token != spent.access_token:
                self._tokens = kept  # another process was faster
                return
            try:
                fresh = await self.call(
                    Tokens, "POST", "/v1/token/refresh", {"refresh_token": spent.refresh_token},
                    idempotent=True, public=True,
                )  # fmt: skip
            except Unauthenticated as error:
                await self.keep(None)
                raise Unauthenticated(401, error.code, "the session has ended") from None
            await self.keep(fresh)
        finally:
            await asyncio.to_thread(alone.__exit__, None, None, None)


def _decode(body: bytes, answer: type[T]) -> T:
    if answer is type(None):
        return None
    try:
        return msgspec.json.decode(body, type=answer)
    except msgspec.MsgspecError as error:
        raise NetworkError(f"this is no answer of Drivebay: {error}") from None


def _error(got: Answer) -> ApiError:
    try:
        problem = msgspec.json.decode(got.body, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem(f"http_{got.status}", f"the server answered {got.status}")
    after = got.headers.get("Retry-After", "")
    return errors.of_answer(
        got.status,
        problem.code,
        problem.detail or problem.code,
        problem.request_id or got.headers.get("X-Request-Id", ""),
        _fields(problem),
        float(after) if after.isdecimal() else None,
    )


def either(value: T | None, refused: Refused | None) -> T | ApiError:
    """What came of one of several that were asked for together."""
    if value is not None:
        return value
    refused = refused or Refused("internal", "the server answered neither yes nor no", 500)
    detail = refused.detail or refused.code
    return errors.of_answer(refused.status, refused.code, detail, "", _fields(refused), None)


def _fields(refused: Refused) -> tuple[FieldError, ...]:
    return tuple(FieldError(each.get("field", ""), each.get("message", "")) for each in refused.errors)
