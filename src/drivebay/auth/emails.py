"""What counts as an email address, and when two are the same.

Deliberately less than RFC 5321 allows: no quoted local parts, no address literals. Whether mail arrives
is for mail to find out.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_LENGTH: Final = 254
"""In characters and in bytes (RFC 5321, 4.5.3.1.3 with its angle brackets)."""
_MAX_LOCAL: Final = 64
_MAX_LABEL: Final = 63


def key(email: str) -> str:
    """What to compare instead of the address: case and Unicode spelling do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email.strip()).casefold())


def fault(email: str) -> str | None:
    """What is wrong with the (trimmed) address, in a few words; None if nothing is."""
    # Measured first: everything below is then short.
    if not 0 < len(email) <= MAX_LENGTH or len(email.encode("utf-8", "replace")) > MAX_LENGTH:
        return f"must have 1 to {MAX_LENGTH} characters"
    # Spaces, controls, surrogates, invisible marks that turn text around, and what is no character yet.
    if any(unicodedata.category(character)[0] in "CZ" for character in email):
        return "must not contain spaces or invisible characters"
    local, at, domain = email.partition("@")
    if not at or "@" in domain:
        return "must contain exactly one @"
    if not 0 < len(local) <= _MAX_LOCAL or local[0] == "." or local[-1] == "." or ".." in local:
        return "has nothing usable before the @"
    if not _is_domain(domain):
        return "has no domain after the @"
    return None


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    if len(labels) < 2 and domain.casefold() != "localhost":
        return False
    return all(
        0 < len(label) <= _MAX_LABEL
        and label[0] != "-"
        and label[-1] != "-"
        and all(character == "-" or character.isalnum() or ord(character) > 127 for character in label)
        for label in labels
    )
