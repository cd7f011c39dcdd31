"""Misspellings: whether a name contains a text with one letter missing, added or wrong, or with two letters swapped.

The name and the text are search names: without case and accents.
"""

from __future__ import annotations

import re
from typing import Final

MIN_LENGTH: Final = 4
"""In a shorter text, one wrong letter would match too many names."""
MAX_LENGTH: Final = 32
"""For a longer text the comparison would take too long: its time grows with the lengths of the text and of the
name."""
_WORD: Final = re.compile("[^\x01-\x40\x5b-\x60\x7b-\x7f]+")  # as in the SQL function files.search_words
_MIN_WORD, _MAX_WORD = 4, 16  # letters of the words that the index of words contains


def split_halves(text: str) -> tuple[str, str, str] | None:
    """Return the two halves of a text, and the text with the two letters in its middle swapped.

    A name that contains the text with one misspelling contains one of these three texts. Return None if the text is too
    short or too long.
    """
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:  # guard: search-misspelt-length
        return None
    middle = len(text) // 2
    swapped = text[: middle - 1] + text[middle] + text[middle - 1] + text[middle + 1 :]
    return text[:middle], text[middle:], swapped


def longest_word(text: str) -> str | None:
    """Return the longest word of a text that the index of words can contain (4 to 16 letters), or None."""
    words = [word for word in _WORD.findall(text) if _MIN_WORD <= len(word) <= _MAX_WORD]
    return max(words, key=len, default=None)


def contains_misspelt(name: str, text: str) -> bool:
    """Return whether the name contains the text with at most one misspelling."""
    return any(_starts_misspelt(name, start, text) for start in range(len(name)))


def _starts_misspelt(name: str, start: int, text: str) -> bool:
    equal = 0
    while equal < len(text) and start + equal < len(name) and name[start + equal] == text[equal]:
        equal += 1
    # The misspelling is at the first difference. After it, the rest of the text must follow unchanged.
    position, rest = start + equal, text[equal + 1 :]
    return (
        equal >= len(text) - 1
        or name.startswith(rest, position + 1)  # a wrong letter
        or name.startswith(rest, position)  # a letter of the text that the name does not have
        or name.startswith(text[equal:], position + 1)  # a letter of the name that the text does not have
        or name.startswith(text[equal + 1] + text[equal] + text[equal + 2 :], position)  # two swapped letters
    )
