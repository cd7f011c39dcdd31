"""Handles every request, with or without a route: sets its id and headers, and writes its metrics and log line.

A request that a concurrency limiter rejected has no log line.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import falcon
import structlog
from falcon.asgi import Response
from prometheus_client import Histogram

from .cors import CorsPolicy
from .http_request import ANONYMOUS, Request
from .http_response import HSTS_HEADER, SECURITY_HEADERS

log = structlog.get_logger(__name__)

_VALID_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")

REQUEST_SECONDS: Final = Histogram(
    "drivebay_http_request_seconds",
    "HTTP requests by route and status",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class RequestMiddleware:
    """Falcon middleware, in one class because each middleware method costs an await.

    `allow` has the `Allow` header of each URI template.
    """

    def __init__(
        self, new_request_id: Callable[[], str], cors: CorsPolicy, allow: Mapping[str, str], *, hsts: bool
    ) -> None:
        self._new_request_id = new_request_id
        self._cors = cors
        self._allow = allow
        self._headers = (*SECURITY_HEADERS, HSTS_HEADER) if hsts else SECURITY_HEADERS  # guard: header-hsts
        self._metrics: dict[tuple[str, str, int], Any] = {}

    async def process_request(self, req: Request, resp: Response) -> None:
        req.started_at = time.perf_counter()
        request_id = req.get_header("X-Request-Id")
        if request_id is None or _VALID_REQUEST_ID.fullmatch(request_id) is None:  # guard: request-id-format
            request_id = self._new_request_id()
        req.request_id = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        resp.set_headers(self._headers)
        resp.set_header("x-request-id", request_id)
        if self._cors.enabled:
            resp.set_headers(self._cors.headers(req.get_header("Origin")))
        if req.path.startswith("//"):  # Falcon's router would ignore the second slash
            raise falcon.HTTPRouteNotFound

    async def process_response(self, req: Request, resp: Response, resource: object, succeeded: bool) -> None:
        if req.method == "OPTIONS" and req.uri_template is not None:
            allow = self._allow[req.uri_template]
            resp.set_header("allow", allow)
            if self._cors.enabled:
                resp.set_headers(self._cors.preflight_headers(req.get_header("Origin"), allow))
        seconds = time.perf_counter() - req.started_at
        # Clients can send any path and method. Those without a route share one label, so that metrics stay small.
        method, path = ("other", "none") if req.route is None else (req.route.method, req.route.path)
        status = resp.status_code
        metric = self._metrics.get((method, path, status))
        if metric is None:
            metric = self._metrics[method, path, status] = REQUEST_SECONDS.labels(method, path, str(status))
        metric.observe(seconds)
        # Building the log fields is expensive, so skip it for rejected requests, and if the log level drops the event.
        if not req.rejected and log.is_enabled_for(logging.INFO):
            user = {} if req.user is ANONYMOUS else {"user": str(req.user)}
            log.info("request", method=method, route=path, status=status, ms=round(seconds * 1e3, 2), **user)
