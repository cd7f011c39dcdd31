"""The trash: deleted entries that can be restored until their grace period ends."""

from __future__ import annotations

from typing import Protocol

from ..ids import FileId
from .access import Access
from .entries import File, FilePage
from .uploads import OnConflict


class Trash(Protocol):
    async def list_trash(self, access: Access, limit: int = 100, cursor: str | None = None) -> FilePage:
        """Return one page of the trash, most recently trashed first.

        `limit` is 1 to 1,000. Entries below a trashed folder are not listed. Only the folder is listed.

        Raises InvalidRequest, InvalidCursor, Forbidden (an access with grants).
        """
        ...

    async def trash_entry(self, access: Access, id: FileId, if_match: str | None = None) -> None:
        """Move a file, or a folder with everything in it, to the trash.

        If `if_match` is given, it must be the current entity tag of the entry. A repeat raises NotFound.

        Raises NotFound, PreconditionFailed, Forbidden (an item that is shared without its folder).
        """
        ...

    async def restore_entry(
        self,
        access: Access,
        id: FileId,
        parent: FileId | None = None,
        on_conflict: OnConflict = OnConflict.RENAME,
    ) -> File:
        """Move an entry out of the trash, with everything that was trashed as part of it, and return the entry.

        Without a `parent`, the entry is restored into its old folder, or into the root if the old folder no longer
        exists. `on_conflict` is the rule for a name that is taken there. `OnConflict.REPLACE` is as in `update_entry`.
        If the entry is restored into the root because its old folder no longer exists, `OnConflict.REPLACE` has the
        effect of `OnConflict.RENAME`, because the file of this name in the root is another file. An access with grants
        must reach the old folder, which must not be in the trash.

        Raises NotFound (the entry is not in the trash, or its grace period has ended; `parent` is not a folder),
        NameTaken, InvalidRequest (its folders would be nested too deeply; choose a folder higher up).
        """
        ...

    async def delete_trashed(self, access: Access, id: FileId) -> None:
        """Delete an entry in the trash for good, with everything that was trashed as part of it.

        The entry leaves the trash at once. The next round of the janitor purges it. Until then its bytes count in the
        usage. A repeat raises NotFound.

        Raises NotFound (the entry is not in the trash, or was trashed as part of a folder), Forbidden (an access with
        grants).
        """
        ...

    async def empty_trash(self, access: Access) -> None:
        """Delete every entry in the trash for good, each as `delete_trashed` does. A repeat is not an error.

        Raises Forbidden (an access with grants).
        """
        ...
