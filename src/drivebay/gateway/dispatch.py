"""The Falcon responder of a route. It limits concurrency in total and by user, authenticates, traces, and calls the
handler.

If the limiter is full, the responder rejects the request before it does any work. It releases the limiter even if the
request is cancelled. A middleware could not do that, because Falcon skips response middleware for cancelled requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from typing import Final, NoReturn, TypeAlias

import structlog
from falcon.asgi import Response
from opentelemetry import propagate
from opentelemetry.trace import SpanKind

from ..contract.files import Files
from ..errors import Forbidden, InsufficientScope, RateLimited, Unavailable
from ..observability import tracing
from .access_rules import require_visible_entry, resolve_access
from .authentication import Authenticator
from .caller import Caller
from .client_address import ClientAddresses, client_network
from .concurrency import ConcurrencyLimiter
from .http_request import Request
from .route import Route
from .user_limiter import UserLimiter

log = structlog.get_logger(__name__)

_REJECTION_LOG_INTERVAL: Final = 1.0
"""Seconds between two log lines about rejections. A log line for each rejection would cost more than the rejection."""

Responder: TypeAlias = Callable[..., Awaitable[None]]


class Dispatcher:
    """Creates responders.

    The keys of `limiters` and `user_limiters` are names of limiters. If `user_limiters` has no entry for the limiter of
    a route, requests to this route have no limit per user. `body_timeout` is how many seconds a client may take to send
    a JSON body.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        files: Files,
        limiters: Mapping[str, ConcurrencyLimiter],
        user_limiters: Mapping[str, UserLimiter],
        addresses: ClientAddresses,
        body_timeout: float,
    ) -> None:
        self._authenticator = authenticator
        self._files = files
        self._limiters = limiters
        self._user_limiters = user_limiters
        self._addresses = addresses
        self._body_timeout = body_timeout
        self._rejection_logged_at = 0.0

    def responder(self, route: Route) -> Responder:
        """Return the responder of one route."""
        limiter = self._limiters[route.limiter]
        fixed_headers = tuple(route.fixed_headers.items())

        async def respond(req: Request, resp: Response, **params: str) -> None:
            req.route = route
            if fixed_headers:
                resp.set_headers(fixed_headers)
            if not limiter.acquire():
                await self._reject(req, limiter)
            req.limiter = limiter
            req.working_since = req.started_at
            req.body_timeout = self._body_timeout
            try:
                if tracing.is_enabled() or req.get_header("traceparent") is not None:
                    await self._handle_traced(route, req, resp, params)
                else:
                    await self._handle(route, req, resp, params)
            except asyncio.CancelledError:  # guard: cancelled-request
                raise Unavailable("the server is stopping; send the request again") from None
            finally:
                limiter.release(req.working_since, time.perf_counter())

        return respond

    async def _handle(self, route: Route, req: Request, resp: Response, params: dict[str, str]) -> None:
        if not route.public:  # guard: route-token
            caller = await self._authenticate(route, req, resp)
            # guard: owner-from-token, owner-from-nothing-else
            req.user = caller.user
            req.session = caller.session
            req.authenticator = self._authenticator
            check_scope(route, caller)
        user_limiter = self._user_limiters.get(route.limiter)
        if user_limiter is None:
            await self._call_handler(route, req, resp, params)
            return
        client: Hashable = client_network(self._addresses.resolve(req.scope)) if route.public else req.user
        resp.set_header("ratelimit-policy", user_limiter.policy)
        _acquire(user_limiter, client, resp)
        resp.set_header("ratelimit", user_limiter.state(client))
        try:
            if not route.public:
                req.user_limiter = user_limiter
            await self._call_handler(route, req, resp, params)
        finally:
            user_limiter.release(client)

    async def _authenticate(self, route: Route, req: Request, resp: Response) -> Caller:
        """Return the caller of a request. While auth verifies an API token, the request counts as one without a login,
        so that a client with invalid tokens cannot use up the limit of all requests."""
        authorization = req.get_header("Authorization")
        limiter = self._user_limiters.get(route.limiter)
        if limiter is None or not self._authenticator.asks_auth(authorization):
            return await self._authenticator.authenticate(authorization)
        network = client_network(self._addresses.resolve(req.scope))
        _acquire(limiter, network, resp)  # guard: api-token-network-limit
        try:
            return await self._authenticator.authenticate(authorization)
        finally:
            limiter.release(network)

    async def _call_handler(self, route: Route, req: Request, resp: Response, params: dict[str, str]) -> None:
        if route.public:
            await route.handler(req, resp, **params)
            return
        try:
            req.access = await resolve_access(self._files, req, route.access, params)
            req.recheck_access = partial(self._recheck_access, route, req, params)
            req.recheck_session = partial(self._recheck_session, route, req, params)
            await route.handler(req, resp, **params)
        except Forbidden:
            await require_visible_entry(self._files, req, route.path, params)  # guard: forbidden-visible
            raise

    async def _recheck_access(self, route: Route, req: Request, params: dict[str, str]) -> None:
        caller = await self._authenticator.authenticate(req.get_header("Authorization"))
        req.user = caller.user
        check_scope(route, caller)
        req.access = await resolve_access(self._files, req, route.access, params)

    async def _recheck_session(self, route: Route, req: Request, params: dict[str, str]) -> None:
        if req.session is None:
            await self._recheck_access(route, req, params)
            return
        await self._authenticator.check_session(req.get_header("Authorization"), Caller(req.user, req.session))
        req.access = await resolve_access(self._files, req, route.access, params)

    async def _handle_traced(self, route: Route, req: Request, resp: Response, params: dict[str, str]) -> None:
        carrier = {name.lower(): value for name, value in req.headers.items()}
        with tracing.tracer.start_as_current_span(
            f"{route.method} {route.path}",
            context=propagate.extract(carrier),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ):
            await self._handle(route, req, resp, params)

    async def _reject(self, req: Request, limiter: ConcurrencyLimiter) -> NoReturn:
        req.rejected = True
        if (delay := limiter.rejection_delay(req.started_at)) > 0:
            await asyncio.sleep(delay)
        if req.started_at - self._rejection_logged_at >= _REJECTION_LOG_INTERVAL:
            self._rejection_logged_at = req.started_at
            log.warning("requests_rejected", rejected=limiter.rejected, running=limiter.running, limit=limiter.limit)
        raise Unavailable("too many requests at once; retry soon")


def _acquire(limiter: UserLimiter, client: Hashable, resp: Response) -> None:
    """Admit one request of a client. Raises RateLimited if the client has reached its limit."""
    if not limiter.acquire(client):
        resp.set_header("ratelimit-policy", limiter.policy)
        resp.set_header("ratelimit", f"{limiter.state(client)};t=1")
        raise RateLimited("too many requests of this client at once; wait until one has ended", retry_after=1)


def check_scope(route: Route, caller: Caller) -> None:
    """Raise InsufficientScope if the caller has an API token that may not call the route."""
    if caller.scopes is None:
        return
    if not route.scopes:
        raise InsufficientScope("this call needs a session: no API token may make it")
    if caller.scopes.isdisjoint(route.scopes):  # guard: route-scope
        raise InsufficientScope(f"this call needs an API token with the scope {' or '.join(route.scopes)}")
