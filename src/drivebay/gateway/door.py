"""The door that every request goes through.

One place does what no handler should have to: the path, whether there is room, the request id, the token,
the figures, the log line, and turning whatever was raised into a problem document.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog
from opentelemetry import propagate
from opentelemetry.trace import SpanKind
from prometheus_client import Histogram

from .. import tracing
from ..errors import Error, Internal, MethodNotAllowed, NotFound, Unavailable
from .address import Addresses
from .answer import Answer, Sender, problem
from .asgi import Headers, Receive, Scope, Send
from .cors import Origins
from .identity import Identity
from .paths import Paths
from .request import NOBODY, Call
from .room import OPEN, Room
from .route import Route

log = structlog.get_logger(__name__)

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_SAY_EVERY: Final = 1.0

REQUESTS: Final = Histogram(
    "drivebay_http_request_seconds",
    "HTTP requests by route and status",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class Door:
    """The ASGI app. Made once."""

    def __init__(
        self,
        paths: Paths,
        identity: Identity,
        addresses: Addresses,
        origins: Origins,
        sender: Sender,
        rooms: Mapping[str, Room],
        new_id: Callable[[], UUID],
        body_within: float,
    ) -> None:
        self._paths = paths
        self._identity = identity
        self._addresses = addresses
        self._origins = origins
        self._sender = sender
        self._rooms = rooms
        self._new_id = new_id
        self._body_within = body_within
        self._figures: dict[tuple[str, str, int], Any] = {}
        self._said_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a server's start and end, and WebSockets: nothing here has to do with them
            return
        begun = time.perf_counter()
        method: str = scope["method"]
        sent = dict(scope["headers"])
        if len(sent) != len(scope["headers"]):
            sent = _joined(scope["headers"])
        rows, id = self._paths.find(scope["path"])
        row = rows.get(method) or (rows.get("GET") if method == "HEAD" else None)
        origin = sent.get(b"origin")
        more = self._more(row, rows, origin)
        request_id = self._request_id(sent)
        address = self._addresses.of(scope)
        room = self._rooms[OPEN if row is None else row.room]
        if not room.enter():
            await self._refuse(row, room, request_id, more, send, empty=method == "HEAD", begun=begun)
            return
        call = Call(scope, receive, sent, id, address, request_id, room, begun, self._body_within)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if row is not None:
                answer = await self._traced(row, call)
            else:
                answer, leave = self._unrouted(method, rows, call, origin)
                more = (*more, *leave)
            await self._sender.send(answer, request_id, more, send, empty=method == "HEAD")
        finally:
            ended = time.perf_counter()
            room.leave(call.entered, ended)
        self._seen(row, answer.status, ended - begun, call)

    def _more(self, row: Route | None, rows: Mapping[str, Route], origin: bytes | None) -> Headers:
        """What every answer to this request carries besides."""
        more = self._origins.headers(origin)
        if row is None:
            return more
        always = tuple((name.lower().encode(), value.encode()) for name, value in row.always.items())
        if row.method != "OPTIONS":
            return (*more, *always)
        allow = _allow(rows)
        return (*more, *always, (b"allow", allow.encode()), *self._origins.preflight(origin, allow))

    def _request_id(self, sent: Mapping[bytes, bytes]) -> str:
        """The client's if it is sane, else a new one."""
        given = sent.get(b"x-request-id")
        return given.decode() if given is not None and _SANE_ID.fullmatch(given) else str(self._new_id())

    async def _traced(self, row: Route, call: Call) -> Answer:
        if b"traceparent" not in call.sent and not tracing.on():
            return await self._answer(row, call)
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.sent.items()}
        with tracing.tracer.start_as_current_span(
            f"{row.method} {row.path}",
            context=propagate.extract(carrier),
            kind=SpanKind.SERVER,
            record_exception=False,
        ):
            return await self._answer(row, call)

    async def _answer(self, row: Route, call: Call) -> Answer:
        try:
            if not row.public:
                call.user = await self._identity.user(call.header(b"authorization"))
            return await row.handler(call)
        except Error as error:
            return problem(error, call.request_id, authorized=b"authorization" in call.sent)
        except Exception:
            log.exception("request_failed", method=row.method, route=row.path)
            return problem(Internal(), call.request_id)

    def _unrouted(
        self, method: str, rows: Mapping[str, Route], call: Call, origin: bytes | None
    ) -> tuple[Answer, Headers]:
        """What is said where no row stands: which methods there are, or that there is nothing."""
        if not rows:
            return problem(NotFound("there is nothing here"), call.request_id), ()
        allow = {"Allow": _allow(rows)}
        if method == "OPTIONS":
            return Answer(204, headers=allow), self._origins.preflight(origin, allow["Allow"])
        return problem(MethodNotAllowed(), call.request_id, headers=allow), ()

    async def _refuse(
        self, row: Route | None, room: Room, request_id: str, more: Headers, send: Send, *, empty: bool, begun: float
    ) -> None:
        if (wait := room.hold(begun)) > 0:
            await asyncio.sleep(wait)
        answer = problem(Unavailable("too many requests at once; come back in a moment"), request_id)
        await self._sender.send(answer, request_id, more, send, empty=empty)
        self._observe(row, answer.status, time.perf_counter() - begun)
        # A line for each would cost more than the refusal, when there is least to spare.
        if begun - self._said_at >= _SAY_EVERY:
            self._said_at = begun
            log.warning("requests_shed", shed=room.shed, inside=room.inside, limit=room.limit)

    def _seen(self, row: Route | None, status: int, seconds: float, call: Call) -> None:
        method, route = self._observe(row, status, seconds)
        user = {} if call.user is NOBODY else {"user": str(call.user)}
        log.info("request", method=method, route=route, status=status, ms=round(seconds * 1e3, 2), **user)

    def _observe(self, row: Route | None, status: int, seconds: float) -> tuple[str, str]:
        # Paths and methods of clients' invention are not told apart: figures are kept for each name.
        method, route = ("other", "none") if row is None else (row.method, row.path)
        figure = self._figures.get((method, route, status))
        if figure is None:
            figure = self._figures[method, route, status] = REQUESTS.labels(method, route, str(status))
        figure.observe(seconds)
        return method, route


def _allow(rows: Mapping[str, Route]) -> str:
    return ", ".join(sorted({*rows, "OPTIONS", *(("HEAD",) if "GET" in rows else ())}))


def _joined(headers: Headers) -> dict[bytes, bytes]:
    """Several lines of one header are one list (RFC 9110, 5.3); so two tokens are not one of them."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found
