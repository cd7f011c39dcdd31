"""The deletion of what an account has in the files service: its drive, and its access to other drives."""

from __future__ import annotations

from typing import Protocol

from ..ids import DriveId


class AccountDeletion(Protocol):
    async def empty_drive(self, drive: DriveId) -> bool:
        """Abort the uploads of a drive and move everything in it to the trash. Return whether everything is purged.

        The drive is the personal drive of a deleted user. The call also ends the permissions of that user in other
        drives, and the memberships in shared drives. If the user was the only manager of a drive, the editor who has
        been a member for the longest time becomes manager. If there is no editor, a viewer becomes manager by the same
        rule. A drive without another member is deleted. The links of the user end (see `end_links`), and so do the
        webhooks. Entries that are in the trash already are purged after their grace period, so the caller must repeat
        the call, also days later, until the result is True. A repeat only affects entries that were added since. A
        drive that never existed is empty.
        """
        ...
