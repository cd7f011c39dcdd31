"""The route of the search."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..json_types import UUID_OR_ROOT
from ..route import Parameter, Route
from . import views
from .search_resource import SearchResource

_BYTES: Final = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_TIME: Final = {"type": "string", "format": "date-time"}
_MEDIA_TYPE_OR_GROUP: Final = r"^(image|video|audio|document|[!-.0-~]+/[ -~]*[!-~])$"
_SEARCH: Final = (
    Parameter(
        "q", "query", {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"\S"},
        "the beginning or a part of the name, without regard to case and accents; in a text of 4 to 32 characters, one "
        "letter may be missing, added or wrong, or two may be swapped", required=True,
    ),
    Parameter("kind", "query", {"type": "string", "enum": ["file", "folder"]}, "only files, or only folders"),
    Parameter(
        "type", "query", {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _MEDIA_TYPE_OR_GROUP},
        "a media type, or `image`, `video`, `audio` or `document`",
    ),
    Parameter("min_size", "query", _BYTES, "bytes"),
    Parameter("max_size", "query", _BYTES, "bytes"),
    Parameter("modified_after", "query", _TIME, "only items that were modified later"),
    Parameter("modified_before", "query", _TIME, "only items that were modified earlier"),
    Parameter("parent_id", "query", {"type": "string", "pattern": UUID_OR_ROOT}, "only below this folder"),
)  # fmt: skip


def search_routes(search: SearchResource, list_parameters: tuple[Parameter, ...]) -> tuple[Route, ...]:
    """Return the route of the search. `list_parameters` are those that the search has in common with lists."""
    return (
        Route(
            "GET", "/v1/search", "search", "Find files and folders by name, best first", search.search,
            {200: views.SearchResults}, parameters=(*_SEARCH, *list_parameters),
            errors=(errors.NotFound, errors.Forbidden, errors.InvalidCursor), scopes=(Scope.READ,),
        ),
    )  # fmt: skip
