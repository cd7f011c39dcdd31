"""Spans, where somebody listens: making one costs as much as the rest of a small request."""

from __future__ import annotations

from typing import Final

from opentelemetry import trace

tracer: Final = trace.get_tracer("drivebay")
_listeners: list[trace.TracerProvider] = []


def listen(provider: trace.TracerProvider) -> None:
    """Have spans recorded from now on. Called once, by `telemetry`, before anything else runs."""
    trace.set_tracer_provider(provider)
    _listeners.append(provider)


def on() -> bool:
    """Whether anybody records spans in this process. Asked for every call, so it must cost nothing:
    OpenTelemetry's own answer reads the environment each time."""
    return bool(_listeners)
