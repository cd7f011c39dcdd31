"""The handler of the search."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from falcon.asgi import Response

from ...contract import files as contract
from ..http_request import Request, invalid_field_error, parse_file_id, parse_limit
from ..http_response import respond_json
from . import views

_KINDS: Final = {kind.value: kind for kind in contract.Kind}
_BOOLS: Final = {None: None, "true": True, "false": False}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


class SearchResource:
    def __init__(self, files: contract.Files) -> None:
        self._files = files

    async def search(self, req: Request, resp: Response) -> None:
        text = req.query_value("q")
        if text is None:
            raise invalid_field_error("q", "is required")
        kind = req.query_value("kind")
        if kind is not None and kind not in _KINDS:
            raise invalid_field_error("kind", "must be file or folder")
        folder = req.query_value("parent_id")
        starred = req.query_value("starred")
        if starred not in _BOOLS:
            raise invalid_field_error("starred", "must be true or false")
        search = contract.Search(
            text,
            kind=None if kind is None else _KINDS[kind],
            media_type=req.query_value("type"),
            min_size=_parse_size(req, "min_size"),
            max_size=_parse_size(req, "max_size"),
            modified_after=_parse_time(req, "modified_after"),
            modified_before=_parse_time(req, "modified_before"),
            below=None if folder is None else parse_file_id(folder, "parent_id"),
            limit=parse_limit(req.query_value("limit")),
            cursor=req.query_value("cursor"),
            starred=_BOOLS[starred],
        )
        respond_json(resp, views.search_results_view(await self._files.search_files(req.access, search)))


def _parse_size(req: Request, field: str) -> int | None:
    text = req.query_value(field)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) >= 2**63:
        raise invalid_field_error(field, "must be a number of bytes, 0 to 2^63 - 1")
    return int(text)


def _parse_time(req: Request, field: str) -> datetime | None:
    """Return a time of RFC 3339. If the client did not escape the `+` of the UTC offset, the text has a space instead.
    Raises InvalidRequest."""
    text = req.query_value(field)
    if text is None:
        return None
    text = re.sub(r" (?=\d\d:\d\d$)", "+", text)
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise invalid_field_error(field, "must be a time like 2026-01-31T12:00:00Z")
