"""The ASGI app: the route table on Falcon (https://falcon.readthedocs.io), and the document that describes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, Final

import falcon
import falcon.asgi
import msgspec
from falcon.asgi import Response
from falcon.routing import BaseConverter

from ..contract.auth import Auth
from ..contract.files import Files
from ..contract.storage import Storage
from ..errors import Error
from ..hints import HintChannel
from ..web.assets import read_assets
from . import openapi
from .account_purge import AccountPurge
from .authentication import Authenticator
from .changes.change_waiters import ChangeWaiters
from .client_address import ClientAddresses
from .concurrency import create_limiters
from .cors import CorsPolicy
from .dispatch import Dispatcher, Responder
from .http_request import BodyReceiver, Request
from .http_response import JSON, respond_empty
from .middleware import RequestMiddleware
from .operations_resource import OperationsApp
from .problems import ErrorHandlers
from .public_url import PublicUrls
from .readiness import Check, ReadinessMonitor
from .revoked_sessions import RevokedSessions
from .route import Route
from .routes import build_routes, create_readiness_monitor
from .settings import Settings
from .user_limiter import create_user_limiters
from .web_app import WebApp

_PRINTABLE: Final = bytes(range(0x21, 0x7F))


class GatewayApp:
    """The ASGI app. `falcon` is the Falcon app that handles the requests.

    `operations` is the app for the operations address. `readiness.run()` keeps the state of `/readyz` fresh, and
    `revoked_sessions.run()` the list of ended sessions. `account_purge.run()` purges deleted accounts.
    `waiters.close()` ends the requests that wait for changes. Call it before the server stops.
    """

    readiness: ReadinessMonitor
    operations: OperationsApp
    waiters: ChangeWaiters
    revoked_sessions: RevokedSessions
    account_purge: AccountPurge

    def __init__(self, app: falcon.asgi.App[Request, Response]) -> None:
        self.falcon = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not scope["query_string"].isascii():
            scope = {**scope, "query_string": _escape_query(scope["query_string"])}  # Falcon cannot decode all bytes
        await self.falcon(scope, BodyReceiver(receive), send)


def create_app(
    auth: Auth,
    files: Files,
    storage: Storage,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    new_request_id: Callable[[], str],
    readiness_checks: Mapping[str, Check] | None = None,
    hints: HintChannel | None = None,
) -> GatewayApp:
    """Return the ASGI app. `readiness_checks` are readiness checks in addition to the checks of the services.

    `hints` wake the requests that wait for changes, and let gateways tell each other that sessions have ended. Without
    hints, the gateway polls the files and auth services.
    """
    readiness = create_readiness_monitor(auth, files, storage, readiness_checks or {})
    hints = hints or HintChannel()
    waiters = ChangeWaiters(hints, settings.user_waits)
    authenticator = Authenticator(auth, settings, now, hints)
    routes = build_routes(
        auth,
        files,
        storage,
        settings,
        now=now,
        readiness=readiness,
        waiters=waiters,
        authenticator=authenticator,
    )
    urls = PublicUrls(settings.public_url, ClientAddresses(settings.trusted_proxies))
    web = None if settings.web is None else WebApp(read_assets(), settings.web, storage, urls)
    gateway_routes = routes if web is None else tuple(_with_page(route, web) for route in routes)
    app = create_app_from_routes(
        (*gateway_routes, *_document_routes(routes, urls, web)),
        authenticator,
        files,
        settings,
        new_request_id=new_request_id,
    )
    if web is not None:
        # Falcon calls a sink without a response only for WebSockets, which the server does not accept.
        app.falcon.add_sink(web.respond, "/")  # type: ignore[arg-type]
    app.readiness, app.operations, app.waiters = readiness, OperationsApp(readiness), waiters
    app.revoked_sessions = authenticator.revoked_sessions
    app.account_purge = AccountPurge(auth, files, now)
    return app


def create_app_from_routes(
    routes: tuple[Route, ...],
    authenticator: Authenticator,
    files: Files,
    settings: Settings,
    *,
    new_request_id: Callable[[], str],
) -> GatewayApp:
    """Return an ASGI app that serves a table of routes."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(_falcon_template(route.path), {})[route.method] = route
    allow = {path: _allow_header(methods) for path, methods in by_path.items()}
    cors = CorsPolicy(settings.allowed_origins)
    app = falcon.asgi.App(
        request_type=Request,
        middleware=[RequestMiddleware(new_request_id, cors, allow, hsts=settings.hsts)],
    )
    app.router_options.converters["segment"] = _SegmentConverter
    app.resp_options.default_media_type = None  # type: ignore[assignment]  # else bodiless responses get a type
    handlers = ErrorHandlers(allow)
    app.add_error_handler(Exception, handlers.handle_defect)
    app.add_error_handler(falcon.HTTPError, handlers.handle_framework_error)
    app.add_error_handler(Error, handlers.handle_error)
    dispatcher = Dispatcher(
        authenticator,
        files,
        create_limiters(settings.max_concurrent_requests),
        create_user_limiters(settings.user_requests, settings.user_streams),
        ClientAddresses(settings.trusted_proxies),
        settings.body_timeout.total_seconds(),
    )
    for path, methods in by_path.items():
        app.add_route(path, _resource({method: dispatcher.responder(route) for method, route in methods.items()}))

    return GatewayApp(app)


def encode_document(routes: tuple[Route, ...]) -> bytes:
    """Return the OpenAPI document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(openapi.document(routes)), indent=2)


class _SegmentConverter(BaseConverter):
    """Matches one path segment that is not empty. Falcon's own fields match empty segments too."""

    def convert(self, value: str) -> str | None:
        return value or None


def _falcon_template(path: str) -> str:
    return re.sub(r"{(\w+)}", r"{\1:segment}", path)


def _allow_header(methods: Mapping[str, Route]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS", *(("HEAD",) if "GET" in methods else ())}))


def _resource(responders: dict[str, Responder]) -> SimpleNamespace:
    """Return a Falcon resource. The responder of GET also serves HEAD. Every path serves OPTIONS."""
    resource = SimpleNamespace(on_options=_respond_options)
    if "GET" in responders:
        resource.on_head = responders["GET"]
    for method, responder in responders.items():
        setattr(resource, f"on_{method.lower()}", responder)
    return resource


async def _respond_options(req: Request, resp: Response, **params: str) -> None:
    resp.status = 204


def _escape_query(query: bytes) -> bytes:
    return b"".join(bytes([byte]) if byte in _PRINTABLE else b"%%%02X" % byte for byte in query)


def _with_page(route: Route, web: WebApp) -> Route:
    """Return the route of a link's URL with a page for browsers, and any other route unchanged."""
    if route.operation != "openShare":
        return route
    return replace(route, handler=web.page_or_handler(route.handler))


def _document_routes(routes: tuple[Route, ...], urls: PublicUrls, web: WebApp | None) -> tuple[Route, ...]:
    # The document and the page are made for the first request that needs them: this takes a tenth of a second, and most
    # processes get no such request.
    document = cache(lambda: openapi.document(routes))
    as_json = cache(lambda: msgspec.json.encode(document()))
    as_page = cache(lambda: openapi.page(document()))

    async def get_document(req: Request, resp: Response) -> None:
        server = urls.server(req.scope)
        resp.data = as_json() if server is None else msgspec.json.encode({**document(), "servers": [{"url": server}]})
        resp.content_type = JSON

    async def get_page(req: Request, resp: Response) -> None:
        resp.data = as_page()
        resp.content_type = "text/html; charset=utf-8"
        resp.set_header("content-security-policy", openapi.PAGE_POLICY)

    async def redirect_to_page(req: Request, resp: Response) -> None:
        respond_empty(resp, 302, {"Location": urls.link(req.scope, "/docs")})

    return (
        Route("GET", "/openapi.json", "openapi", "This document", get_document, {200: None}, public=True),
        Route("GET", "/docs", "docs", "This document as a page", get_page, {200: None}, public=True),
        Route("GET", "/", "home", "Redirect to this document", redirect_to_page, {302: None}, public=True)
        if web is None
        else Route("GET", "/", "home", "The web app", web.respond_page, {200: None}, public=True),
    )
