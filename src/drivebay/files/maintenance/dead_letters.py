"""Dead letters: events that cannot be used. Text that the database cannot store is removed."""

from __future__ import annotations

from typing import Final

import msgspec

from ...contract.files import DeadLetter
from ...errors import FieldError, InvalidRequest
from ..storable_text import storable_text

MAX_ID_BYTES: Final = 255
"""The maximum number of bytes of the id of an event."""
MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""The maximum number of bytes of a stored payload. The rest of a longer payload is not stored."""
_MAX_DELIVERIES: Final = 2**31 - 1
"""The maximum of the stored number of deliveries. The database has 32 bits for the number."""


def make_storable(event: DeadLetter) -> DeadLetter:
    """Return the event without characters that the database cannot store, and with a shortened payload.

    The id is not changed. Raises InvalidRequest for an invalid id.
    """
    if not 1 <= len(event.id.encode(errors="replace")) <= MAX_ID_BYTES or storable_text(event.id) != event.id:
        problem = f"an id has 1 to {MAX_ID_BYTES} bytes of text"
        raise InvalidRequest(problem, errors=(FieldError("id", problem),))
    return msgspec.structs.replace(
        event,
        subject=storable_text(event.subject),
        reason=storable_text(event.reason),
        payload=event.payload[:MAX_PAYLOAD_BYTES],
        deliveries=max(0, min(event.deliveries, _MAX_DELIVERIES)),
    )
