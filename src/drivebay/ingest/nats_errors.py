"""Translates the errors of the NATS client to `Unavailable`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nats.errors
from nats.js import errors as js_errors

from ..concurrency.cancellation import raise_pending_cancellation
from ..errors import Unavailable


@contextmanager
def translate_nats_errors() -> Iterator[None]:
    """Raise Unavailable for every failure of the NATS client inside the block."""
    try:
        yield
    except js_errors.ServiceUnavailableError as error:
        raise_pending_cancellation()
        raise Unavailable(
            "NATS responds, but its JetStream does not. Is JetStream enabled, and does its cluster have a leader?"
        ) from error
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise_pending_cancellation()
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise Unavailable(f"a NATS operation failed ({reason})") from error
    raise_pending_cancellation()
