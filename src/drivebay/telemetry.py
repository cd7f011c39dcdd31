"""Logs, traces and figures of a process, set up once at its start.

A log line is an event with fields: for people on a terminal, JSON otherwise, always to standard error.
What looks like a secret is blotted out here too, as the last line of defence.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from . import __version__

_SECRET_NAME: Final = re.compile(r"token|password|secret|authorization|cookie|credential", re.IGNORECASE)
_BEARER: Final = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_SIGNED: Final = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
_IN_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@")
_FLUSH_MS: Final = 3000

Event = MutableMapping[str, Any]


def setup(level: str, *, otlp_endpoint: str | None, service: str) -> Callable[[], None]:
    """Set the process up; what it returns sends what is left and is called at the end.

    `level` is `debug`, `info`, `warning` or `error`. Traces are recorded only with an endpoint.
    """
    _logging(level, pretty=sys.stderr.isatty())
    if otlp_endpoint is None:
        return lambda: None
    resource = Resource.create({"service.name": service, "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{otlp_endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)

    def shutdown() -> None:
        provider.force_flush(_FLUSH_MS)
        provider.shutdown()

    return shutdown


def _logging(level: str, *, pretty: bool) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
        redact,
    ]
    if pretty:
        # Locals in a traceback could be anything, a key too.
        rich = structlog.dev.RichTracebackFormatter(show_locals=False)
        render: list[structlog.typing.Processor] = [structlog.dev.ConsoleRenderer(exception_formatter=rich)]
    else:
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def _trace_ids(_: Any, __: str, event: Event) -> Event:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def redact(_: Any, __: str, event: Event) -> Event:
    """Blot out fields named like secrets, bearer tokens, passwords in URLs and the queries of URLs."""
    for name, value in event.items():
        if not isinstance(value, str):
            continue
        if _SECRET_NAME.search(name):
            event[name] = "[redacted]"
        elif "://" in value or "earer" in value:
            event[name] = _BEARER.sub(
                r"\1[redacted]", _IN_URL.sub(r"\1:[redacted]@", _SIGNED.sub(r"\1?[redacted]", value))
            )
    return event
