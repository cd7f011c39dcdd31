"""Media types (RFC 9110): validation, the form that is signed, and whether a browser may show the type."""

from __future__ import annotations

import re
from typing import Final

from .s3.sigv4 import single_spaced

# RFC 9110, section 8.3.1, with parameters in any printable form.
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*;[ -~\t]*)?")


def media_type(content_type: str) -> str | None:
    """Return the type with single spaces, as it is signed and sent, or None if it is not a media type."""
    return single_spaced(content_type) if _MEDIA_TYPE.fullmatch(content_type) else None


def is_safe_inline(content_type: str) -> bool:
    """Return whether a browser may show this type: audio, video, PDF, and images except SVG, which may contain
    scripts."""
    essence = content_type.partition(";")[0].strip().lower()
    if essence.endswith("xml") or not _MEDIA_TYPE.fullmatch(essence):
        return False
    return essence == "application/pdf" or essence.startswith(("image/", "audio/", "video/"))
