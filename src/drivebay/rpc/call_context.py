"""The request id and the trace of a caller, which each call sends in addition to its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog
from opentelemetry import context, propagate

from ..observability import tracing

REQUEST_ID: Final = "x-request-id"


def call_metadata() -> dict[str, str]:
    """Return the request id and the trace of the running task, as gRPC metadata."""
    metadata: dict[str, str] = {}
    if tracing.is_enabled():
        propagate.inject(metadata)
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    # gRPC refuses a call if a header is empty or is not printable ASCII.
    if isinstance(request_id, str) and request_id.isascii() and request_id.isprintable() and request_id:
        metadata[REQUEST_ID] = request_id
    return metadata


@contextmanager
def caller_context(metadata: Mapping[str, str]) -> Iterator[None]:
    """Use the request id and the trace of the caller inside the block."""
    # The task of a call inherits the context of the task that started the server, not of the caller.
    structlog.contextvars.clear_contextvars()
    if request_id := metadata.get(REQUEST_ID):
        structlog.contextvars.bind_contextvars(request_id=request_id)
    if not tracing.is_enabled():
        yield
        return
    token = context.attach(propagate.extract(metadata, context.Context()))
    try:
        yield
    finally:
        context.detach(token)
