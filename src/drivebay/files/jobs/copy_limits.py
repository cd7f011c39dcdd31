"""The limits of the files and folders of a copy."""

from __future__ import annotations

from ...errors import QuotaExceeded, TooLarge
from ..settings import Settings
from ..usage.store import LockedUsage


class CopyLimits:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check_size(self, entries: int) -> None:
        """Raise TooLarge if one copy may not have this many files and folders."""
        limit = self._settings.max_copied_entries
        if entries > limit:
            raise TooLarge(f"one copy may have {limit} files and folders; copy the folders in it one by one")

    def check_entries(self, usage: LockedUsage, new: int) -> None:
        """Raise QuotaExceeded if the drive may not have this many more files and folders."""
        if not usage.allows_entries(new, self._settings.max_entries):
            raise QuotaExceeded(
                f"the drive may have {self._settings.max_entries} files and folders, the trash included; "
                "delete some from the trash"
            )
