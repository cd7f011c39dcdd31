"""What may be named to a store: keys, uploads and the store's own ids, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ..contract.storage import COPY, TAILS, Arrival, Put
from ..errors import InvalidRequest

MOST_KEYS: Final = 1000
MOST_SIGNED: Final = 100
# What XML cannot carry (XML 1.0, 2.2) or would carry changed, and half surrogate pairs.
UNNAMEABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LONGEST_KEY: Final = 1024
_TAIL_NAME: Final = 14
_DOTS: Final = frozenset({".", ".."})
_ETAG: Final = re.compile("[!#-~]{1,256}")
_MULTIPART: Final = re.compile("[!-~]{1,1024}")
_METADATA_NAME: Final = re.compile("[a-z0-9-]{1,64}")


def check_signings(several: Sequence[object]) -> None:
    if len(several) > MOST_SIGNED:
        raise InvalidRequest(f"at most {MOST_SIGNED} requests are signed in a call")


def check_put(put: Put) -> None:
    if COPY in put.key:
        raise InvalidRequest(f"the key of an upload has no {COPY}")
    if not all(_METADATA_NAME.fullmatch(name) for name in put.metadata):
        raise InvalidRequest("a name of metadata is of small letters, digits and hyphens")
    check_key(put.key)


def check_tails(key: str) -> None:
    """A key beside which tails can be kept: there must be room for their names."""
    check_key(key)
    check_key(f"{TAILS}{key}/{'0' * _TAIL_NAME}")


def check_multipart(id: str) -> None:
    if not _MULTIPART.fullmatch(id):
        raise InvalidRequest("the store's id of a write in parts has 1 to 1024 printable characters")


def check_keys(keys: tuple[str, ...]) -> None:
    if len(keys) > MOST_KEYS:
        raise InvalidRequest(f"at most {MOST_KEYS} keys a call")
    for key in keys:
        check_key(key)


def check_key(key: str) -> None:
    """A key that every store takes and that arrives as it is. The empty one would be the bucket itself, dots
    between slashes are folded on the way, and one key that XML cannot carry fails all that stand beside it."""
    if (
        not key
        or UNNAMEABLE.search(key)
        or len(key if key.isascii() else key.encode()) > _LONGEST_KEY
        or ("." in key and not _DOTS.isdisjoint(key.split("/")))
    ):
        raise InvalidRequest(f"a key has 1 to {_LONGEST_KEY} bytes, no control characters, and no '.' between slashes")


def check_arrivals(arrived: tuple[Arrival, ...]) -> None:
    check_keys(tuple(each.key for each in arrived))
    if not all(_ETAG.fullmatch(each.etag) for each in arrived):
        raise InvalidRequest("an ETag is of 1 to 256 printable characters without quotes")
