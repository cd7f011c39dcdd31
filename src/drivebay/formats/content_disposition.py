"""`Content-Disposition` of downloads (RFC 6266): the exact name in UTF-8, and a readable ASCII name for old clients.

Names come from users and go into headers, so this module prevents header injection.
"""

from __future__ import annotations

import re
from typing import Final

from anyascii import anyascii

from .percent_encoding import PercentEncoder

# RFC 8187, attr-char.
_ATTR_CHARS: Final = PercentEncoder("!#$&+-.^_`|~", replace=True)
# A quote or a backslash would end the quoted string. Browsers decode percent signs, and treat a slash as a path. The
# other characters are not allowed in file names on Windows.
_UNSAFE: Final = re.compile(r'[^ -~]|["\\%/:*?<>|]')
_READABLE: Final = re.compile(r"[0-9A-Za-z]")
_EXTENSION: Final = re.compile(r"\.[0-9A-Za-z_-]{1,16}")
_MAX_STEM: Final = 150
"""The maximum number of characters before the extension. A transliteration may be several times as long as the
name."""
_NO_NAME: Final = "download"


def content_disposition(name: str, *, inline: bool = False) -> str:
    """Return the header for a file name. `filename*` is the exact name, and `filename` a readable ASCII form.

    Pass `inline` only for types without active content.
    """
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{ascii_name(name)}\"; filename*=UTF-8''{_ATTR_CHARS.encode(name)}"


def ascii_name(name: str) -> str:
    """Return a readable ASCII form of a file name: `Resume.pdf` for `Résumé.pdf`. It keeps the extension and is never
    empty."""
    if name.isascii() and not _UNSAFE.search(name):
        return name if name.strip(" .") else _NO_NAME
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    extension = _transliterate(dot + extension)
    if extension and not _EXTENSION.fullmatch(extension):
        stem, extension = name, ""
    stem = _transliterate(stem)[:_MAX_STEM].strip()
    if not _READABLE.search(stem):
        stem = _NO_NAME
    return stem + extension


def _transliterate(text: str) -> str:
    return _UNSAFE.sub("_", anyascii(text))  # guard: download-short-name
