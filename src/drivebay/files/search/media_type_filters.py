"""The filter of a search by media type: patterns of LIKE."""

from __future__ import annotations

import re
from typing import Final

_DOCUMENTS: Final = (
    "text/%",
    "application/pdf%",
    "application/rtf%",
    "application/epub+zip%",
    "application/msword%",
    "application/vnd.ms-excel%",
    "application/vnd.ms-powerpoint%",
    "application/vnd.openxmlformats-officedocument.%",
    "application/vnd.oasis.opendocument.%",
    "application/vnd.apple.%",
)
_GROUPS: Final = {"image": ("image/%",), "video": ("video/%",), "audio": ("audio/%",), "document": _DOCUMENTS}
GROUP_NAMES: Final = tuple(_GROUPS)
_MEDIA_TYPE: Final = re.compile(r"[!-.0-~]+/[ -~]*[!-~]")


def like_patterns(media_type: str) -> tuple[str, ...] | None:
    """Return the patterns of a media type in lower case, with any parameters, or of a group of types such as `image`.

    Return None for any other text.
    """
    type_name = media_type.lower()
    if type_name in _GROUPS:
        return _GROUPS[type_name]
    if not _MEDIA_TYPE.fullmatch(type_name) or len(type_name) > 255:
        return None
    literal = type_name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return (literal, f"{literal};%", f"{literal} ;%")
