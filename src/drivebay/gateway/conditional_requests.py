"""Conditions of a request (RFC 9110, section 13): `If-Match`, `If-Range` and others.

A client that resumes a download sends the entity tag of the version that it has begun. The store behind a redirect may
ignore it, so the gateway decides: a redirect leads to the bytes of one version, and no URL of another version is
returned where a condition does not hold.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from ..errors import PreconditionFailed
from .http_request import Request

_TAG: Final = re.compile(r'(W/)?"([^"]*)"|([^\s,"]+)')
_REPLACED: Final = "the file has another content now; download it from the beginning"


class Validators(NamedTuple):
    """What identifies the current content: its entity tag in quotes, and when it was stored (None if unknown)."""

    etag: str
    modified_at: datetime | None = None


def match_entity_tag(if_match: str, current: str) -> str:
    """Return the entity tag that a change depends on: `current` if `If-Match` lists it, else a text that is no tag.

    Weak tags never match (RFC 9110, 13.1.1).
    """
    return current if _lists(if_match, current) else "no match"


def needs_time(req: Request) -> bool:
    """Return whether a condition depends on the time at which the content was stored."""
    return req.get_header("If-Unmodified-Since") is not None and req.get_header("If-Match") is None


def is_not_modified(req: Request, current: Validators, *, redirects: bool = True) -> bool:
    """Return whether the client has the current content already, so that the answer is 304.

    Raises PreconditionFailed if a condition does not hold. If the answer `redirects`, that includes `If-Range`: the
    client would send its range on to the store, and get a part of another content.
    """
    if_match = req.get_header("If-Match")
    if if_match is not None:
        if not _lists(if_match, current.etag):  # guard: content-if-match
            raise PreconditionFailed(_REPLACED)
    elif _is_modified_since(req.get_header("If-Unmodified-Since"), current):  # guard: content-unmodified-since
        raise PreconditionFailed(_REPLACED)
    if_none_match = req.get_header("If-None-Match")
    if if_none_match is not None and _lists(if_none_match, current.etag, weak=True):
        return True
    has_range = redirects and req.method == "GET" and req.get_header("Range") is not None
    if has_range and not is_range_current(req, current):  # guard: content-if-range
        raise PreconditionFailed(_REPLACED)
    return False


def is_range_current(req: Request, current: Validators) -> bool:
    """Return whether a range of the request is one of the current content: `If-Range` names it, or is not given."""
    if_range = req.get_header("If-Range")
    # A date is not exact enough: two contents may be stored within one second.
    return if_range is None or if_range.strip() == current.etag  # guard: archive-if-range


def _lists(header: str, etag: str, *, weak: bool = False) -> bool:
    """Return whether a list of entity tags, or `*`, has this one. The quotes of tags are optional."""
    if header.strip() == "*":
        return True
    tags = _TAG.finditer(header)
    return any(f'"{tag[2] if tag[3] is None else tag[3]}"' == etag and (weak or tag[1] is None) for tag in tags)


def _is_modified_since(text: str | None, current: Validators) -> bool:
    """Return whether the content is newer than this date. A text that is not a date has no effect."""
    if text is None or current.modified_at is None:
        return False
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return False
    return current.modified_at > (date if date.tzinfo else date.replace(tzinfo=UTC))
