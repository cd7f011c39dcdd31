"""Dead letters: what an unusable event may hold, and what the database can."""

from __future__ import annotations

import msgspec

from ..contract.files import DeadLetter
from ..errors import FieldError, InvalidRequest

_ID_BYTES = 255
_PAYLOAD_BYTES = 64 * 1024
_MOST_DELIVERIES = 2**31 - 1


def storable(letter: DeadLetter) -> DeadLetter:
    """The letter with nothing in it that the database cannot hold: whatever made an event unusable must not
    make its letter so. Raises InvalidRequest for its id, which has to stay what it is."""
    if not 1 <= len(letter.id.encode(errors="replace")) <= _ID_BYTES or _text(letter.id) != letter.id:
        problem = f"an id has 1 to {_ID_BYTES} bytes of text"
        raise InvalidRequest(problem, errors=(FieldError("id", problem),))
    return msgspec.structs.replace(
        letter,
        subject=_text(letter.subject),
        reason=_text(letter.reason),
        payload=letter.payload[:_PAYLOAD_BYTES],
        deliveries=max(0, min(letter.deliveries, _MOST_DELIVERIES)),
    )


def _text(text: str) -> str:
    # PostgreSQL's text has no NUL, and no half of a surrogate pair is UTF-8.
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
