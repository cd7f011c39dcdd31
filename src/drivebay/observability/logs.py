"""Logs and traces of a process, set up once at its start.

A log line is an event with fields, written to standard error: readable on a terminal, JSON otherwise.
Secrets are redacted in every line, see `redaction`.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog
from opentelemetry import trace

from .. import __version__
from . import tracing
from .redaction import redact

_FLUSH_TIMEOUT: Final = 3.0
"""Seconds that a process waits at its end until its last spans are sent."""


def setup(level: str, *, otlp_endpoint: str | None, service: str) -> Callable[[], None]:
    """Set up logs and traces, and return a function that flushes traces. Call it at the end of the process.

    `level` is `debug`, `info`, `warning` or `error`. Spans are recorded only with an endpoint.
    `service` is the name of this process in traces.
    """
    _set_up_logs(level, pretty=sys.stderr.isatty())
    if otlp_endpoint is None:
        return lambda: None
    # Imported here: the SDK takes a seventh of the start time of a process, and most processes export no traces.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": service, "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{otlp_endpoint.rstrip('/')}/v1/traces")))
    tracing.enable(provider)

    def shutdown() -> None:
        # The SDK may wait without a limit for an unreachable collector, so it runs in a daemon thread.
        flushing = threading.Thread(target=provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(_FLUSH_TIMEOUT)

    return shutdown


def _set_up_logs(level: str, *, pretty: bool) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_id,
    ]
    # An exception becomes text before redaction, on a terminal too: its message may quote a signed URL.
    # The text is plain: a renderer with frames breaks a secret across lines and shows local variables.
    last: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if pretty:
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    # guard: log-line-redaction, log-exception-redaction
    render: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, redact, last]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the same processors, from warnings up.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_not_a_cancelled_call)


def _is_not_a_cancelled_call(record: logging.LogRecord) -> bool:
    # gRPC logs an error when a caller ends its call before the response. That is not a defect of this process.
    return not record.getMessage().startswith("ExecuteBatchError raised in core by servicer method")


def _add_trace_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event
