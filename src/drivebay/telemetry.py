"""Logs, traces and figures of a process, set up once at its start.

A log line is an event with fields: for people on a terminal, JSON otherwise, always to standard error.
What looks like a secret is blotted out here too, as the last line of defence.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from . import __version__, tracing

_SECRET_NAME: Final = re.compile(
    r"(?i)token|password|secret|authorization|cookie|credential|signature|pepper|(?:api|private)_?key"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_BASIC: Final = re.compile(r"(?i)(authorization\W{1,6}basic\s+)[A-Za-z0-9+/=_-]+")
_SIGV4: Final = re.compile(r"(?i)\b((?:x-amz-)?(?:signature|credential|security-token)=)[^\s&,\"']+")
# The next three also match what only begins like a secret (group 1 is then unset, and `_blot` leaves it as
# it is): were that a failed attempt, each start within it would be tried again, for seconds in a long text.
_JWT: Final = re.compile(r"\b(?:(eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*)|eyJ[\w-]{8,}+)")
_NAMED: Final = re.compile(
    r"""(?i)(?:token|password|secret)\w*+(?:(?:=|["']\s?:\s?)b?("[^"]*"|'[^']*'|[^\s"'&,;)}\]]+))?"""
)
"""`password='…'` in the repr of a value, `"password": "…"` in JSON."""
_SIGNED: Final = re.compile(r"(?i)\b[a-z][a-z0-9+.-]{0,20}://[^\s?\"']++(?:\?([^\s\"']+))?")
_IN_URL: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)([^\s:/@?#\"']*:)?[^\s/?#\"']+@")
"""A name alone before the `@` is blotted out too: NATS takes a token there."""
_DEPTH: Final = 8
_FLUSH: Final = 3.0
_MARKS: Final = ("://", "bearer", "authorization", "token", "password", "secret", "signature", "credential", "eyj")
"""Text without any of these, in lower case, holds nothing that the patterns find."""

Event = MutableMapping[str, Any]


def setup(level: str, *, otlp_endpoint: str | None, service: str) -> Callable[[], None]:
    """Set the process up; what it returns sends what is left and is called at the end.

    `level` is `debug`, `info`, `warning` or `error`. Traces are recorded only with an endpoint.
    """
    _logging(level, pretty=sys.stderr.isatty())
    if otlp_endpoint is None:
        return lambda: None
    resource = Resource.create({"service.name": service, "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{otlp_endpoint.rstrip('/')}/v1/traces")))
    tracing.listen(provider)

    def shutdown() -> None:
        # The SDK keeps to no deadline while a collector is away; a daemon thread may be left behind.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(_FLUSH)

    return shutdown


def _logging(level: str, *, pretty: bool) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
    ]
    # An exception becomes text before redaction, on a terminal too: its message may quote a signed URL.
    # Plain text, because a renderer that draws frames breaks a secret across lines, and shows locals.
    last: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if pretty:
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    render: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, redact, last]
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
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_told)


def _is_told(record: logging.LogRecord) -> bool:
    """Whether a line of gRPC's is for anybody: a caller that went before its answer was sent is no defect."""
    return not record.getMessage().startswith("ExecuteBatchError raised in core by servicer method")


def _trace_ids(_: Any, __: str, event: Event) -> Event:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def redact(_: Any, __: str, event: Event) -> Event:
    """Blot out fields named like secrets, bearer tokens, passwords in URLs and the queries of URLs."""
    for name, value in event.items():
        event[name] = _field(name, value, _DEPTH)
    return event


def _field(name: object, value: Any, depth: int) -> Any:
    # Figures stay: a count of tokens is no token.
    if isinstance(name, str) and _SECRET_NAME.search(name) and not isinstance(value, int | float | None):
        return "[redacted]"
    return _value(value, depth)


def _value(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes | bytearray):
        return _text(value.decode("latin-1")).encode("latin-1")
    if depth and isinstance(value, Mapping):
        return {_value(name, 0): _field(name, inner, depth - 1) for name, inner in value.items()}
    if depth and isinstance(value, tuple | list | set | frozenset):
        cleaned = [_value(inner, depth - 1) for inner in value]
        return tuple(cleaned) if isinstance(value, tuple) else cleaned
    # Whatever else would be written as its repr.
    shown = repr(value)
    return value if (text := _text(shown)) == shown else text


def _text(text: str) -> str:
    small = text.lower()
    for mark in _MARKS:
        if mark in small:
            break
    else:
        return text
    text = _IN_URL.sub(r"\1\2[redacted]@", _SIGNED.sub(_blot, text))
    text = _JWT.sub(_blot, _BASIC.sub(r"\1[redacted]", _BEARER.sub(r"\1[redacted]", text)))
    return _NAMED.sub(_blot, _SIGV4.sub(r"\1[redacted]", text))


def _blot(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    return found[0][: found.start(1) - found.start()] + "[redacted]"
