"""A row of the route table, and the door that every request to it goes through.

One place does what no handler should have to: the request id, the token, the figures, the log line, and
turning whatever was raised into a problem document.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from uuid import UUID

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from opentelemetry import propagate, trace
from prometheus_client import Histogram

from ..errors import Error, Internal, MethodNotAllowed
from . import problems
from .address import Addresses
from .identity import Identity
from .request import Call

log = structlog.get_logger(__name__)
tracer = trace.get_tracer("drivebay")

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

REQUESTS = Histogram(
    "drivebay_http_request_seconds",
    "HTTP requests by route and status",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the bytes of a body, and headers beside `Content-Type`."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


_encoder = msgspec.json.Encoder()


def json(value: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, _encoder.encode(value), headers or {})


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header as the document describes it; `schema` is JSON Schema."""

    name: str
    where: str
    schema: Mapping[str, Any]
    description: str


@dataclass(frozen=True, slots=True)
class Route:
    """`handler` answers `method` at `path`; the rest is what the OpenAPI document says of it.

    `errors` are the failures it documents beside those that every route can have.
    """

    method: str
    path: str
    operation: str
    summary: str
    handler: Handler
    answers: Mapping[int, type[msgspec.Struct] | None]
    body: type[msgspec.Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[type[Error], ...] = ()
    public: bool = False


class Door:
    """Runs handlers. Made once for an app."""

    def __init__(self, identity: Identity, addresses: Addresses, new_id: Callable[[], UUID], *, hsts: bool) -> None:
        self._identity = identity
        self._addresses = addresses
        self._new_id = new_id
        self._always = (*_ALWAYS, _HSTS) if hsts else _ALWAYS

    def endpoint(self, rows: Mapping[str, Route]) -> ASGIApp:
        """The ASGI app of one path, by method. HEAD goes with GET."""
        allow = ", ".join(sorted({*rows, "OPTIONS"} | ({"HEAD"} if "GET" in rows else set())))

        async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            request = cast("HTTPScope", scope)
            method = request["method"]
            row = rows.get("GET" if method == "HEAD" else method)
            if row is not None:
                await self._pass(row, request, receive, send)
            elif method == "OPTIONS":
                await self.send(Answer(204, headers={"Allow": allow}), request, send)
            else:
                await self.refuse(MethodNotAllowed(), request, send, {"Allow": allow})

        return endpoint

    async def _pass(self, row: Route, scope: HTTPScope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        call = Call(scope, receive, self._addresses.of(scope), self._identify(scope))
        structlog.contextvars.bind_contextvars(request_id=call.request_id)
        if b"traceparent" in call.sent or tracing():
            carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.sent.items()}
            with tracer.start_as_current_span(
                f"{row.method} {row.path}",
                context=propagate.extract(carrier),
                kind=trace.SpanKind.SERVER,
                record_exception=False,
            ):
                answer = await self._answer(row, call)
        else:
            answer = await self._answer(row, call)
        await self._send(answer, call.request_id, send, empty=scope["method"] == "HEAD")
        _seen(row, answer.status, begun, call)

    async def _answer(self, row: Route, call: Call) -> Answer:
        try:
            if not row.public:
                call.user = await self._identity.user(call.header(b"authorization"))
            return await row.handler(call)
        except Error as error:
            return problem(error, call.request_id, told=b"authorization" in call.sent)
        except Exception:
            log.exception("request_failed", method=row.method, route=row.path)
            return problem(Internal(), call.request_id)

    async def refuse(
        self, error: Error, scope: HTTPScope, send: Send, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer a request that has no route."""
        request_id = self._identify(scope)
        answer = problem(error, request_id)
        answer = replace(answer, headers={**answer.headers, **(headers or {})})
        await self._send(answer, request_id, send, empty=scope["method"] == "HEAD")
        log.info("request", method=scope["method"], route=None, status=answer.status, request_id=request_id)

    async def send(self, answer: Answer, scope: HTTPScope, send: Send) -> None:
        await self._send(answer, self._identify(scope), send, empty=scope["method"] == "HEAD")

    def _identify(self, scope: HTTPScope) -> str:
        """The request's id: the client's if it is sane, else a new one."""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _SANE_ID.fullmatch(value):
                return value.decode()
        return str(self._new_id())

    async def _send(self, answer: Answer, request_id: str, send: Send, *, empty: bool) -> None:
        headers = [*self._always, (b"x-request-id", request_id.encode())]
        if answer.status != 204:
            headers.append((b"content-type", answer.media_type.encode()))
            headers.append((b"content-length", str(len(answer.body)).encode()))
        policy = _POLICY
        for name, value in answer.headers.items():
            header = (name.lower().encode(), value.encode("latin-1"))
            if header[0] == _POLICY[0]:
                policy = header
            else:
                headers.append(header)
        headers.append(policy)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if empty else answer.body, "more_body": False})


def problem(error: Error, request_id: str, *, told: bool = False) -> Answer:
    """`told` is whether the client sent credentials at all."""
    headers = problems.headers(error)
    if error.http == 401 and not told:
        headers["WWW-Authenticate"] = "Bearer"
    return Answer(error.http, problems.body(error, request_id), headers, problems.MEDIA_TYPE)


def tracing() -> bool:
    """Whether anybody listens to spans; making one costs as much as the rest of a small request."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


_children: dict[tuple[str, str, int], Any] = {}


def _seen(row: Route, status: int, begun: float, call: Call) -> None:
    took = time.perf_counter() - begun
    labels = (row.method, row.path, status)
    if (child := _children.get(labels)) is None:
        child = _children[labels] = REQUESTS.labels(row.method, row.path, str(status))
    child.observe(took)
    log.info("request", method=row.method, route=row.path, status=status, ms=round(took * 1e3, 2), user=call.user.hex)
