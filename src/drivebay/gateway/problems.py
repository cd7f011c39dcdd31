"""Errors as `application/problem+json` (RFC 9457), and the error handlers that write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import falcon
import msgspec
import structlog
from falcon.asgi import Response
from msgspec import UNSET, Meta, UnsetType

from ..errors import Error, Internal, MalformedBody, MethodNotAllowed, NotFound, SecondFactorRequired
from .http_request import Request

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:drivebay:problem:"


class FieldProblem(msgspec.Struct):
    field: str
    message: str


class Problem(msgspec.Struct):
    """`code` is stable. `detail` is for people. `errors` names the fields of an invalid request.

    `challenge` is set if the code is `second_factor_required`. The second step of the login needs it.
    """

    type: Annotated[str, Meta(examples=["urn:drivebay:problem:not_found"])]
    title: str
    status: Annotated[int, Meta(examples=[404])]
    detail: str
    code: Annotated[str, Meta(examples=["not_found"])]
    request_id: str
    errors: list[FieldProblem] | UnsetType = UNSET
    challenge: str | UnsetType = UNSET


_encoder = msgspec.json.Encoder()


class ErrorHandlers:
    """Falcon error handlers. `allow` has the `Allow` header of each URI template."""

    def __init__(self, allow: Mapping[str, str]) -> None:
        self._allow = allow

    async def handle_error(self, req: Request, resp: Response, error: Error, params: dict[str, Any]) -> None:
        """Respond with an error that a service or a handler raised."""
        respond_problem(req, resp, error)

    async def handle_framework_error(
        self, req: Request, resp: Response, error: falcon.HTTPError, params: dict[str, Any]
    ) -> None:
        """Respond with an error that Falcon raised: no such path, no such method, or a header that it cannot read."""
        if req.route is not None:
            respond_problem(req, resp, MalformedBody(error.description or error.title or ""))
        elif req.uri_template is None:
            respond_problem(req, resp, NotFound("there is no such path"))
        else:
            respond_problem(req, resp, MethodNotAllowed())
            resp.set_header("Allow", self._allow[req.uri_template])

    async def handle_defect(self, req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> None:
        """Log an unexpected exception and respond with 500. The response has no details of the exception."""
        log.error(
            "request_failed",
            method=req.method,
            route=None if req.route is None else req.route.path,
            exc_info=error,
        )
        respond_problem(req, resp, Internal())  # guard: error-details


def respond_problem(req: Request, resp: Response, error: Error) -> None:
    """Make the problem of an error the response."""
    resp.status = error.http
    resp.data = encode_problem(error, req.request_id)
    resp.content_type = MEDIA_TYPE
    resp.set_headers(problem_headers(error, authorized=req.get_header("Authorization") is not None))
    if error.code == "rate_limited" and ";t=" not in (resp.get_header("ratelimit") or ""):
        resp.append_header("ratelimit", f'"attempts";r=0;t={max(1, error.retry_after or 1)}')


def encode_problem(error: Error, request_id: str) -> bytes:
    problem = Problem(TYPE_PREFIX + error.code, error.title, error.http, error.detail, error.code, request_id)
    if error.errors:
        problem.errors = [FieldProblem(field, message) for field, message in error.errors]
    if isinstance(error, SecondFactorRequired):
        problem.challenge = error.challenge
    return _encoder.encode(problem)


def problem_headers(error: Error, *, authorized: bool = False) -> dict[str, str]:
    """Return the headers that the status of an error requires.

    `authorized` is whether the client sent an `Authorization` header.
    """
    headers: dict[str, str] = {}
    if error.http == 401:
        # RFC 6750, 3.1: no error code for a client that sent no token.
        bad_token = authorized and error.code == "unauthenticated"
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if bad_token else "Bearer"
    if error.code == "insufficient_scope":
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    if error.retry_after is not None or error.http in (423, 429, 503):
        headers["Retry-After"] = str(max(1, error.retry_after or 1))
    return headers
