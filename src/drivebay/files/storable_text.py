"""Makes text storable in PostgreSQL."""

from __future__ import annotations


def storable_text(text: str) -> str:
    """Return the text with a replacement for each character that PostgreSQL cannot store: NUL and lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
