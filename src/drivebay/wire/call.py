"""The door every call goes through, near or far: a deadline, a span, a figure, and no unknown errors.

A call inherits what is left of its caller's deadline, if that is less than its own. The request id lives in
structlog's context under `request_id`, where the gateway puts it and every log line finds it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

import structlog
from opentelemetry import trace
from prometheus_client import Histogram

from .. import tracing
from ..errors import Error, Internal, Unavailable

log = structlog.get_logger(__name__)

DEFAULT_DEADLINE: Final = 10.0
"""Seconds a call may take where nothing else was said."""

LATENCY = Histogram(
    "drivebay_call_seconds",
    "Calls of a service by method and outcome",
    ["side", "service", "method", "outcome"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)

_ends: ContextVar[float | None] = ContextVar("drivebay_deadline", default=None)


def left(own: float) -> float:
    """Seconds this call may take: its own deadline, or what is left of the caller's if that is less."""
    ends = _ends.get()
    if ends is None:
        return own
    return min(own, ends - asyncio.get_running_loop().time())


def method_deadline(deadlines: Mapping[str, float] | None, method: str) -> float:
    return (deadlines or {}).get(method, DEFAULT_DEADLINE)


class Door:
    """The door to one method of one service. `side` is `near`, `client` or `server`."""

    def __init__(self, side: str, service: str, method: str, deadline: float) -> None:
        self.name = f"{service}.{method}"
        self.deadline = deadline
        self._labels = (side, service, method)
        self._ok = LATENCY.labels(*self._labels, "ok")
        self._kind = trace.SpanKind.SERVER if side == "server" else trace.SpanKind.CLIENT
        self._inner = trace.SpanKind.INTERNAL if side == "near" else self._kind

    async def pass_through(self, work: Callable[[], Awaitable[Any]], deadline: float | None = None) -> Any:
        """Do the work behind the door. Raises errors of `drivebay.errors` only, and CancelledError."""
        if not tracing.on():  # a span costs as much as all the rest, even one that nobody records
            return await self._timed(work, self.deadline if deadline is None else deadline)
        with tracing.tracer.start_as_current_span(self.name, kind=self._inner, record_exception=False):
            return await self._timed(work, self.deadline if deadline is None else deadline)

    async def _timed(self, work: Callable[[], Awaitable[Any]], deadline: float) -> Any:
        begun = time.perf_counter()
        seconds = left(deadline)
        if seconds <= 0:
            self._failed(begun, Unavailable.code)
            raise Unavailable(f"{self.name}: no time is left")
        token = _ends.set(asyncio.get_running_loop().time() + seconds)
        try:
            async with asyncio.timeout(seconds) as limit:
                value = await work()
        except Error as error:
            self._failed(begun, error.code)
            raise
        except TimeoutError as error:
            if limit.expired():
                self._failed(begun, Unavailable.code)
                raise Unavailable(f"{self.name} took longer than {seconds:.1f} s") from error
            raise self._defect(begun) from error
        except asyncio.CancelledError:
            self._failed(begun, "cancelled")
            raise
        except Exception as error:
            raise self._defect(begun) from error
        finally:
            _ends.reset(token)
        self._ok.observe(time.perf_counter() - begun)
        return value

    def _failed(self, begun: float, outcome: str) -> None:
        LATENCY.labels(*self._labels, outcome).observe(time.perf_counter() - begun)

    def _defect(self, begun: float) -> Internal:
        # Logged here, where the traceback is; what goes on to the caller says nothing of our insides.
        log.exception("call_failed", call=self.name)
        self._failed(begun, Internal.code)
        return Internal()
