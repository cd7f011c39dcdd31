"""The guard around every call of a service in the same process or in another process.

It limits the time of the call, records a span and a metric, and raises only errors of `drivebay.errors` and
CancelledError.

A call must end at the deadline of its caller, or after its own timeout if that is earlier. The request id is in the
context of structlog under `request_id`. The gateway sets it, and every log line has it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Any, Final

import structlog
from opentelemetry import trace
from prometheus_client import Histogram

from ..concurrency.timeout import Timeout
from ..errors import Error, Internal, Unavailable
from ..observability import tracing

log = structlog.get_logger(__name__)

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds that a call may take if its method has no timeout of its own."""

LATENCY = Histogram(
    "drivebay_call_seconds",
    "Calls of a service by method and outcome",
    ["side", "service", "method", "outcome"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)

_deadline: ContextVar[float | None] = ContextVar("drivebay_deadline", default=None)
"""The time at which the current call must end, by the clock of the event loop."""


class Side(StrEnum):
    """The side of a call on which its guard runs. The values are labels of a released metric."""

    LOCAL = "near"
    """The service is in the same process."""
    CLIENT = "client"
    SERVER = "server"


_SPAN_KINDS: Final = {
    Side.LOCAL: trace.SpanKind.INTERNAL,
    Side.CLIENT: trace.SpanKind.CLIENT,
    Side.SERVER: trace.SpanKind.SERVER,
}


def remaining_seconds(timeout: float) -> float:
    """Return the seconds that a call may take: `timeout`, or the remaining time of its caller if that is less."""
    caller_deadline = _deadline.get()
    if caller_deadline is None:
        return timeout
    return min(timeout, caller_deadline - asyncio.get_running_loop().time())


def method_timeout(timeouts: Mapping[str, float] | None, method: str) -> float:
    """Return the timeout of a method in seconds."""
    return (timeouts or {}).get(method, DEFAULT_TIMEOUT)


class CallGuard:
    """The guard of one method of one service. `timeout` is in seconds."""

    def __init__(self, side: Side, service: str, method: str, timeout: float) -> None:
        self.name = f"{service}.{method}"
        self.timeout = timeout
        self._labels = (side.value, service, method)
        self._ok = LATENCY.labels(*self._labels, "ok")
        self._span_kind = _SPAN_KINDS[side]

    async def run(self, work: Callable[[], Awaitable[Any]], timeout: float | None = None) -> Any:
        """Run a call and return its result. `timeout` (seconds) replaces the timeout of the method.

        Raises errors of `drivebay.errors` and CancelledError, nothing else.
        """
        if timeout is None:
            timeout = self.timeout
        if not tracing.is_enabled():  # an unrecorded span costs as much as the rest of the guard
            return await self._run_within(work, timeout)
        with tracing.tracer.start_as_current_span(self.name, kind=self._span_kind, record_exception=False):
            return await self._run_within(work, timeout)

    async def _run_within(self, work: Callable[[], Awaitable[Any]], timeout: float) -> Any:
        started = time.perf_counter()
        seconds = remaining_seconds(timeout)
        if seconds <= 0:
            self._observe(started, Unavailable.code)
            raise Unavailable(f"{self.name} did not start: its deadline has passed")
        token = _deadline.set(asyncio.get_running_loop().time() + seconds)
        try:
            with Timeout(seconds) as timer:
                value = await work()
        except Error as error:
            self._observe(started, error.code)
            raise
        except TimeoutError as error:
            if timer.expired:
                self._observe(started, Unavailable.code)
                raise Unavailable(f"{self.name} took longer than {seconds:.1f} s") from error
            raise self._report_defect(started) from error
        except asyncio.CancelledError:
            self._observe(started, "cancelled")
            raise
        except Exception as error:
            raise self._report_defect(started) from error
        finally:
            _deadline.reset(token)
        self._ok.observe(time.perf_counter() - started)
        return value

    def _observe(self, started: float, outcome: str) -> None:
        LATENCY.labels(*self._labels, outcome).observe(time.perf_counter() - started)

    def _report_defect(self, started: float) -> Internal:
        # The traceback is logged here and not sent to the caller, because it may contain internals.
        log.exception("call_failed", call=self.name)
        self._observe(started, Internal.code)
        return Internal()
