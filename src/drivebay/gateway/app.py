"""The app: Litestar's router over the route table, and one door behind every path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec
import structlog
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException
from litestar.handlers import asgi
from litestar.middleware._internal.cors import CORSMiddleware
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from ..contract.auth import Auth
from ..contract.files import Files
from ..contract.storage import Storage
from ..errors import Internal, MalformedBody, NotFound
from . import openapi
from .address import Addresses
from .identity import Identity
from .operations import Check
from .request import Call
from .route import Answer, Door, Route
from .routes import table
from .settings import Settings

log = structlog.get_logger(__name__)


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
    identity = Identity(auth, settings, now)
    door = Door(identity, Addresses(settings.trusted_proxies), new_id, hsts=settings.hsts)
    paths: dict[str, dict[str, Route]] = {}
    for row in (*routes, *_description(routes)):
        paths.setdefault(row.path, {})[row.method] = row
    # Litestar finds the path; parsing and rendering stay ours, because its own cost more than the rest of a
    # request together (docs/decisions).
    router = Litestar(
        [asgi(path.replace("{id}", "{id:str}"), copy_scope=False)(door.endpoint(rows)) for path, rows in paths.items()],
        openapi_config=None,
        logging_config=None,
    ).asgi_router
    return _guarded(_cors(router, settings), door)


def _guarded(router: ASGIApp, door: Door) -> ASGIApp:
    """What the router has no path for, and what it refuses, is answered like everything else."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await router(scope, receive, send)
        except HTTPException as error:
            known = NotFound("there is nothing here") if error.status_code == 404 else MalformedBody(error.detail)
            await door.refuse(known, cast("HTTPScope", scope), send)
        except Exception:
            log.exception("request_failed", path=scope["path"])
            await door.refuse(Internal(), cast("HTTPScope", scope), send)

    return guarded


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


def _cors(router: ASGIApp, settings: Settings) -> ASGIApp:
    if not settings.allowed_origins:
        return router
    config = CORSConfig(
        allow_origins=list(settings.allowed_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-Match", "Idempotency-Key", "X-Request-Id"],
        expose_headers=["ETag", "Location", "Retry-After", "X-Request-Id"],
        max_age=600,
    )
    return CORSMiddleware(router, config)
