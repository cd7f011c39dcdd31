"""Conditions of a request (RFC 9110, section 13): `If-Match`, `If-Range` and others.

A client that resumes a download sends the entity tag of the version that it has downloaded in part. The store may
ignore the tag, so the gateway checks the conditions before it redirects to the store. A redirect leads to the bytes of
one version.
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
    """Identifies the current content: its entity tag in quotes, and the time it was stored (None if unknown)."""

    etag: str
    modified_at: datetime | None = None


def match_entity_tag(if_match: str, current: str) -> str:
    """Return the entity tag that a change requires: `current` if `If-Match` lists it, otherwise a text that never
    matches.

    Weak tags never match (RFC 9110, 13.1.1).
    """
    return current if _lists(if_match, current) else "no match"


def needs_storage_time(req: Request) -> bool:
    """Return whether a condition depends on the time at which the content was stored."""
    return req.get_header("If-Unmodified-Since") is not None and req.get_header("If-Match") is None


def is_not_modified(req: Request, validators: Validators, *, redirects: bool = True) -> bool:
    """Return whether the client has the current content already, so that the response is 304.

    Raises PreconditionFailed if a condition does not hold. With `redirects`, the response is a redirect to the store,
    and `If-Range` is a condition too: the client would send its range to the store, and get a part of another content.
    """
    if_match = req.get_header("If-Match")
    if if_match is not None:
        if not _lists(if_match, validators.etag):  # guard: content-if-match
            raise PreconditionFailed(_REPLACED)
    elif _is_modified_since(req.get_header("If-Unmodified-Since"), validators):  # guard: content-unmodified-since
        raise PreconditionFailed(_REPLACED)
    if_none_match = req.get_header("If-None-Match")
    if if_none_match is not None and _lists(if_none_match, validators.etag, weak=True):
        return True
    has_range = redirects and req.method == "GET" and req.get_header("Range") is not None
    if has_range and not is_range_current(req, validators):  # guard: content-if-range
        raise PreconditionFailed(_REPLACED)
    return False


def is_range_current(req: Request, validators: Validators) -> bool:
    """Return whether the range of the request applies to the current content: `If-Range` names it or is missing."""
    if_range = req.get_header("If-Range")
    # A date is not exact enough: two contents may be stored within one second.
    return if_range is None or if_range.strip() == validators.etag  # guard: archive-if-range


def _lists(header: str, etag: str, *, weak: bool = False) -> bool:
    """Return whether a list of entity tags contains this entity tag, or is `*`. The quotes of tags are optional."""
    if header.strip() == "*":
        return True
    tags = _TAG.finditer(header)
    return any(f'"{tag[2] if tag[3] is None else tag[3]}"' == etag and (weak or tag[1] is None) for tag in tags)


def _is_modified_since(text: str | None, validators: Validators) -> bool:
    """Return whether the content is newer than this date. Text that is not a date is ignored."""
    if text is None or validators.modified_at is None:
        return False
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return False
    return validators.modified_at > (date if date.tzinfo else date.replace(tzinfo=UTC))
