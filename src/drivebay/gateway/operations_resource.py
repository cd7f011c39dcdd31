"""Health, readiness and metrics of this process."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from falcon.asgi import Response
from msgspec import UNSET, UnsetType

from ..contract.storage import Capabilities
from ..observability import metrics
from .http_request import Request
from .http_response import JSON, SECURITY_HEADERS, respond_json
from .json_types import Time
from .readiness import ReadinessMonitor, ReadinessState

RETRY_AFTER: Final = "2"
_CAPABILITY_NAMES: Final = {
    "signed_checksum": "checksum",
    "reports_checksum": "checksum_told",
    "conditional_copy": "copy_condition",
    "private": "closed",
    "clock_offset": "clock",
}
"""The names of capabilities in the HTTP API, where they differ from the names in the contract. Clients rely on the
names in the HTTP API."""


class Alive(msgspec.Struct):
    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct):
    """The result of each check: `ok` or the reason of the failure. `checked_at` is the start of the checks: usually a
    second ago, at most 7 seconds ago while a check hangs. With `verbose`, `store` has the capabilities that the probe
    of the store found."""

    status: Literal["ready", "unavailable"]
    checks: dict[str, str]
    checked_at: Time
    store: dict[str, bool | int | None] | UnsetType = UNSET


class OperationsResource:
    """Handlers of health, readiness and metrics.

    `has_details` is whether a response may contain the reasons of failures and the capabilities of the store.
    """

    def __init__(self, readiness: ReadinessMonitor, *, has_details: bool) -> None:
        self._readiness = readiness
        self._has_details = has_details

    async def get_health(self, req: Request, resp: Response) -> None:
        respond_json(resp, Alive())

    async def get_readiness(self, req: Request, resp: Response) -> None:
        state = await self._readiness.get()
        view = readiness_view(state, verbose=req.has_param("verbose"), has_details=self._has_details)
        if state.is_ready:
            respond_json(resp, view)
        else:
            respond_json(resp, view, 503, {"Retry-After": RETRY_AFTER})

    async def get_metrics(self, req: Request, resp: Response) -> None:
        resp.data = metrics.render()
        resp.content_type = metrics.CONTENT_TYPE


class OperationsApp:
    """The ASGI app on the operations address: health, verbose readiness and metrics, without limits and logs."""

    def __init__(self, readiness: ReadinessMonitor) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status, media_type, body = await self._respond(scope["path"], scope["method"])
        headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS]
        if status == 503:
            headers.append((b"retry-after", RETRY_AFTER.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _respond(self, path: str, method: str) -> tuple[int, str, bytes]:
        if path not in ("/healthz", "/readyz", "/metrics"):
            return 404, "text/plain", b"only /healthz, /readyz and /metrics are here\n"
        if method not in ("GET", "HEAD"):
            return 405, "text/plain", b"only GET\n"
        if path == "/metrics":
            return 200, metrics.CONTENT_TYPE, metrics.render()
        if path == "/healthz":
            return 200, JSON, msgspec.json.encode(Alive())
        state = await self._readiness.get()
        view = readiness_view(state, verbose=True, has_details=True)
        return 200 if state.is_ready else 503, JSON, msgspec.json.encode(view)


def readiness_view(state: ReadinessState, *, verbose: bool, has_details: bool) -> Readiness:
    """Return the view of a state. Without details, the result of a failed check is `failed`, without the reason."""
    checks = {name: outcome if has_details or outcome == "ok" else "failed" for name, outcome in state.checks.items()}
    capabilities = state.capabilities if verbose and has_details else None  # guard: readiness-details
    store = UNSET if capabilities is None else capabilities_view(capabilities)
    return Readiness("ready" if state.is_ready else "unavailable", checks, state.checked_at, store)


def capabilities_view(capabilities: Capabilities) -> dict[str, bool | int | None]:
    """Return the capabilities of the store under the names of the HTTP API."""
    values = msgspec.structs.asdict(capabilities)
    del values["unsupported_headers"]  # `signed_checksum` and `write_once` depend on them and are shown instead
    return {_CAPABILITY_NAMES.get(name, name): value for name, value in values.items()}
