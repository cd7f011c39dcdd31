"""OpenTelemetry spans, created only when they are exported, because a span takes as much CPU as a small request."""

from __future__ import annotations

from typing import Final

from opentelemetry import trace

tracer: Final = trace.get_tracer("drivebay")
_providers: list[trace.TracerProvider] = []


def enable(provider: trace.TracerProvider) -> None:
    """Record spans with `provider` from now on. `logs.setup` calls this once, at the start of the process."""
    trace.set_tracer_provider(provider)
    _providers.append(provider)


def is_enabled() -> bool:
    """Return whether this process records spans.

    Every call uses this, so it must be cheap. OpenTelemetry's own check reads the environment each time.
    """
    return bool(_providers)
