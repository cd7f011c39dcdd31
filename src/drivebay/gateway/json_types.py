"""JSON types that several resources share, with their descriptions for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta

from ..contract.files import HIDDEN_FOLDER
from ..contract.ids import FileId

_HIDDEN: Final = HIDDEN_FOLDER.int
_TCHARS: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token of RFC 9110, 5.6.2
_QUOTED: Final = r'"([\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
UUID_OR_ROOT: Final = f"^(root|{UUID})$"
PATH_PATTERN: Final = r"^(/(?!\.{1,2}(/|$))[^/\x00-\x1f\x7f-\x9f]+)+/?$"
NAME_SCHEMA: Final[dict[str, Any]] = {"pattern": "^[^/\\x00-\\x1f\\x7f-\\x9f]+$", "not": {"enum": [".", ".."]}}

# The patterns are only documentation (OpenAPI). The services validate the values and return readable messages.
Size: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1, description="bytes", examples=[48213])]
Name: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="1 to 255 bytes of UTF-8 after NFC; no `/`, no control characters, not `.` or `..`",
        examples=["report.pdf"],
        extra_json_schema=NAME_SCHEMA,
    ),
]
FolderId: TypeAlias = Annotated[
    str,
    Meta(description="a folder's id, or `root`", examples=["root"], extra_json_schema={"pattern": UUID_OR_ROOT}),
]
ContentType: TypeAlias = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=255,
        description="a media type (RFC 9110, 8.3.1)",
        examples=["application/pdf"],
        extra_json_schema={"pattern": rf"^{_TCHARS}/{_TCHARS}([ \t]*;[ \t]*{_TCHARS}=({_TCHARS}|{_QUOTED}))*$"},
    ),
]
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
ModifiedAt: TypeAlias = Annotated[
    datetime, Meta(tz=True, description="the file's own time of change, from 1970 to one day after now")
]
Digest: TypeAlias = Annotated[
    str,
    Meta(description="base64 of the SHA-256 digest (32 bytes)", extra_json_schema={"pattern": "^[A-Za-z0-9+/]{43}=$"}),
]
Id: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "uuid", "pattern": f"^{UUID}$"})]


def folder_id(id: FileId) -> str:
    """Return a folder's id as clients see it."""
    # ROOT is 0. Comparing two UUIDs takes as long as encoding the rest of the entry.
    return str(id) if id.int else "root"


def parent_id(id: FileId) -> str | None:
    """Return the id of an entry's folder as clients see it. None: the caller does not see the folder."""
    return None if id.int == _HIDDEN else folder_id(id)  # guard: hidden-parent
