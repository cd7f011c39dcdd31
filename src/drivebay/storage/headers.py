"""What a client's HTTP headers may say about a file: its name, its type, and whether a browser opens it.

Names come from people and go into a header, so here is where nothing can be injected: whatever is not
plainly printable ASCII is replaced in the short form and percent-encoded in the full one.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from ..contract.storage import Disposition
from .sigv4 import trimmed

OCTETS: Final = "application/octet-stream"

# RFC 8187, attr-char: letters and digits besides, which `quote` always leaves alone.
_ATTR_CHARS: Final = "!#$&+-.^_`|~"
# A quote or backslash would end the quoted string, browsers decode a percent sign there, a slash is a path.
_NOT_PLAIN: Final = re.compile(r'[^ -~]|["\\%/]')
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")
# RFC 9110, section 8.3.1, with parameters in any printable form.
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*;[ -~\t]*)?")


def content_disposition(name: str, disposition: Disposition, content_type: str) -> str:
    """`Content-Disposition` by RFC 6266: an ASCII name for old clients, the true one in UTF-8 beside it.

    Inline is given only to types that no browser runs.
    """
    kind = (
        Disposition.INLINE if disposition is Disposition.INLINE and may_open(content_type) else Disposition.ATTACHMENT
    )
    full = quote(name.encode("utf-8", "replace"), safe=_ATTR_CHARS)
    return f"{kind.value}; filename=\"{_NOT_PLAIN.sub('_', name)}\"; filename*=UTF-8''{full}"


def may_open(content_type: str) -> bool:
    """Whether a browser may show this type by itself: images but SVG, which can hold scripts; audio, video, PDF."""
    essence = content_type.partition(";")[0].strip().lower()
    if essence.endswith("xml") or not _MEDIA_TYPE.fullmatch(essence):
        return False
    return essence == "application/pdf" or essence.startswith(("image/", "audio/", "video/"))


def media_type(content_type: str) -> str | None:
    """The type as it is signed and sent, single-spaced; None if it is no media type."""
    return trimmed(content_type) if _MEDIA_TYPE.fullmatch(content_type) else None


def metadata_value(text: str) -> str:
    """A value for `x-amz-meta-*`: printable ASCII stays, all else is percent-encoded UTF-8.

    So are spaces, which signing would merge, and percent signs: what was written can be read again.
    """
    return quote(text.encode("utf-8", "replace"), safe=_PRINTABLE)
