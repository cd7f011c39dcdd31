"""The app: the route table behind one door, and the headers that every answer carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from litestar import HttpMethod, Litestar, Request, Response, route
from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ..contract.auth import Auth
from ..contract.files import Files
from ..contract.storage import Storage
from ..errors import Error, Internal
from . import openapi
from .address import Addresses
from .identity import Identity
from .operations import Check
from .request import Call
from .route import Answer, Door, Route, from_framework, log, problem, respond
from .routes import table
from .settings import Settings

_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_BODY_LIMIT = 2**20
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def create(
    auth: Auth,
    files: Files,
    storage: Storage,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], UUID],
    checks: Mapping[str, Check] | None = None,
) -> ASGIApp:
    """The ASGI app. `checks` are more things that `/readyz` tries."""
    routes = table(auth, files, storage, settings, now=now, checks=checks or {})
    door = Door(Identity(auth, settings, now), Addresses(settings.trusted_proxies))
    app = Litestar(
        [_handler(door, row) for row in (*routes, *_description(routes))],
        openapi_config=None,
        request_max_body_size=_BODY_LIMIT,
        exception_handlers={Exception: _unrouted},
        cors_config=_cors(settings),
    )
    return _dressed(app, new_id, settings.hsts)


def document(routes: tuple[Route, ...]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(openapi.document(routes)), indent=2)


def _description(routes: tuple[Route, ...]) -> tuple[Route, Route]:
    described = openapi.document(routes)
    as_json, as_page = msgspec.json.encode(described), openapi.page(described)

    async def show_document(_: Call) -> Answer:
        return Answer(200, as_json, media_type="application/json")

    async def show_page(_: Call) -> Answer:
        headers = {"Content-Security-Policy": openapi.PAGE_POLICY}
        return Answer(200, as_page, headers, "text/html; charset=utf-8")

    return (
        Route("GET", "/openapi.json", "openapi", "This document", show_document, {200: None}, public=True),
        Route("GET", "/docs", "docs", "This document as a page", show_page, {200: None}, public=True),
    )


def _handler(door: Door, row: Route) -> Any:
    methods = [HttpMethod(row.method)] + ([HttpMethod.HEAD] if row.method == "GET" else [])
    path = row.path.replace("{id}", "{id:str}")
    return route(path, http_method=methods, status_code=200, include_in_schema=False, name=row.operation)(door.endpoint(row))


def _unrouted(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What Litestar itself raised: no such path, a method that is not there, a body too large."""
    if isinstance(error, HTTPException):
        answer = problem(from_framework(error), request)
        allow = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow")
        if allow:
            answer = Answer(answer.status, answer.body, {**answer.headers, "Allow": allow}, answer.media_type)
        return respond(request, answer)
    if not isinstance(error, Error):
        log.exception("request_failed", path=request.url.path)
    return respond(request, problem(error if isinstance(error, Error) else Internal(), request))


def _cors(settings: Settings) -> CORSConfig | None:
    if not settings.allowed_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.allowed_origins),
        allow_headers=["Authorization", "Content-Type", "If-Match", "Idempotency-Key", "X-Request-Id"],
        expose_headers=["ETag", "Location", "Retry-After", "X-Request-Id"],
        max_age=600,
    )


def _dressed(app: ASGIApp, new_id: Callable[[], UUID], hsts: bool) -> ASGIApp:
    """Give every request its id and every answer its headers, whoever answers it."""
    always = (*_ALWAYS, _HSTS) if hsts else _ALWAYS

    async def dressed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = sent if _SANE_ID.fullmatch(sent) else str(new_id()).encode()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                if not any(name.lower() == _POLICY[0] for name, _ in headers):
                    headers.append(_POLICY)
                message["headers"] = [*headers, *always, (b"x-request-id", request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            await app(scope, receive, sending)

    return dressed
