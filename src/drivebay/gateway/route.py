"""A row of the route table, and the door that every request to it goes through.

One place does what no handler should have to: the request id, the token, the figures, the log line, and
turning whatever was raised into a problem document.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from opentelemetry import propagate, trace
from prometheus_client import Histogram

from ..errors import (
    Error,
    Internal,
    InvalidRequest,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from . import problems
from .address import Addresses
from .identity import Identity
from .request import Call

log = structlog.get_logger(__name__)
tracer = trace.get_tracer("drivebay")

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

    def __init__(self, identity: Identity, addresses: Addresses) -> None:
        self._identity = identity
        self._addresses = addresses

    def endpoint(self, route: Route) -> Callable[[Request[Any, Any, Any]], Awaitable[Response[bytes]]]:
        async def endpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
            return await self._pass(route, request)

        return endpoint

    async def _pass(self, route: Route, request: Request[Any, Any, Any]) -> Response[bytes]:
        begun = time.perf_counter()
        call = Call(request, self._addresses.of(request.scope))
        # Most deployments trace nothing; then there is nothing to read out of the headers either.
        context = propagate.extract(dict(request.headers)) if "traceparent" in request.headers else None
        with tracer.start_as_current_span(
            f"{route.method} {route.path}", context=context, kind=trace.SpanKind.SERVER, record_exception=False
        ):
            answer = await self._answer(route, call)
        _seen(route.method, route.path, answer.status, begun, call)
        return respond(request, answer)

    async def _answer(self, route: Route, call: Call) -> Answer:
        try:
            if not route.public:
                call.user = await self._identity.user(call.header("authorization"))
            return await route.handler(call)
        except Error as error:
            return problem(error, call.request)
        except HTTPException as error:
            return problem(from_framework(error), call.request)
        except Exception:
            log.exception("request_failed", method=route.method, route=route.path)
            return problem(Internal(), call.request)


def problem(error: Error, request: Request[Any, Any, Any]) -> Answer:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    headers = problems.headers(error)
    if isinstance(error, Unauthenticated) and request.headers.get("authorization") is None:
        headers["WWW-Authenticate"] = "Bearer"
    return Answer(error.http, problems.body(error, request_id), headers, problems.MEDIA_TYPE)


def respond(request: Request[Any, Any, Any], answer: Answer) -> Response[bytes]:
    body = b"" if request.method == "HEAD" else answer.body
    return Response(
        body,
        status_code=answer.status,
        headers=dict(answer.headers),
        media_type=answer.media_type if answer.body else None,
    )


_FRAMEWORK: dict[int, type[Error]] = {
    400: MalformedBody,
    401: Unauthenticated,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMediaType,
    422: InvalidRequest,
}


def from_framework(error: HTTPException) -> Error:
    kind = _FRAMEWORK.get(error.status_code, InvalidRequest if error.status_code < 500 else Internal)
    return kind("a body has at most 1 MiB" if kind is TooLarge else "")


_children: dict[tuple[str, str, int], Any] = {}


def _seen(method: str, path: str, status: int, begun: float, call: Call) -> None:
    took = time.perf_counter() - begun
    labels = (method, path, status)
    if (child := _children.get(labels)) is None:
        child = _children[labels] = REQUESTS.labels(method, path, str(status))
    child.observe(took)
    log.info("request", method=method, route=path, status=status, ms=round(took * 1e3, 2), user=call.user.hex)
