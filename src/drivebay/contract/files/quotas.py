"""Usage and quotas of many drives, for admins."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..ids import DriveId
from .entries import Usage


class DriveUsage(msgspec.Struct, frozen=True):
    """A drive and its usage."""

    drive: DriveId
    usage: Usage


class UsageListing(msgspec.Struct, frozen=True):
    """A query for drives by their stored bytes. `limit` is 1 to 1,000.

    `cursor` continues a list whose other fields are equal. `context` is any text of up to 1,000 characters. A cursor is
    valid only with the same context.
    """

    descending: bool = True
    limit: int = 100
    cursor: str | None = None
    context: str = ""


class UsagePage(msgspec.Struct, frozen=True):
    """One page of drives. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[DriveUsage, ...]
    next_cursor: str | None


class Totals(msgspec.Struct, frozen=True):
    """The sums over all drives, and the number of shared drives that are not deleted."""

    shared_drives: int
    file_count: int
    used_bytes: int
    reserved_bytes: int


class Quotas(Protocol):
    async def set_quota(self, drive: DriveId, limit_bytes: int | None) -> Usage:
        """Set the quota of a drive and return its usage. None: the quota of the deployment.

        If the quota is below the stored bytes, new uploads are refused, and nothing is deleted. A repeat has no effect.

        Raises InvalidRequest (not from 0 to 2^53).
        """
        ...

    async def get_usages(self, drives: tuple[DriveId, ...]) -> tuple[Usage, ...]:
        """Return the usage of up to 1,000 drives, in the order of `drives`. A drive without data has 0 bytes and 0
        files.

        Raises InvalidRequest.
        """
        ...

    async def list_usages(self, listing: UsageListing) -> UsagePage:
        """Return one page of the drives that have stored bytes, ordered by the stored bytes.

        Raises InvalidRequest, InvalidCursor.
        """
        ...

    async def get_totals(self) -> Totals:
        """Return the sums over all drives."""
        ...
