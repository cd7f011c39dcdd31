"""Links: the holder of the token of a link can access one file or folder, without an account.

`Links` is for the users who create links, `PublicLinks` for the holders. Only the SHA-256 of a token is stored. A link
belongs to the drive of its item. The link is deleted when the item is purged, and gives no access while the item is in
the trash.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import FileId, LinkId, UploadId, UserId
from .access import Access
from .archives import Archive
from .entries import Content, FilePage, Kind, Listing
from .uploads import PartIntent, Upload, UploadIntent


class LinkRole(StrEnum):
    """The rights of the holder of a link."""

    VIEWER = "viewer"
    """List and download."""
    UPLOADER = "uploader"
    """Upload into the folder, without seeing its contents."""
    EDITOR = "editor"
    """List, download and upload."""


class LinkField(StrEnum):
    """The fields of a link that an update can clear."""

    NAME = "name"
    PASSWORD = "password"  # noqa: S105 - the name of a field
    EXPIRES_AT = "expires_at"
    MAX_DOWNLOADS = "max_downloads"


class Link(msgspec.Struct, frozen=True):
    """A link to a file or folder.

    `file` is the item, and `downloads` the number of downloads until now. The link ends at `expires_at`, and after
    `max_downloads` downloads. Only `create_link` sets `token`.
    """

    id: LinkId
    file: FileId
    role: LinkRole
    downloads: int
    created_at: datetime
    created_by: UserId
    name: str | None = None
    has_password: bool = False
    expires_at: datetime | None = None
    max_downloads: int | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"Link({self.id})"  # without the token


class NewLink(msgspec.Struct, frozen=True):
    """A link to create. None means no name, no password or no limit.

    `name` has 1 to 255 characters, `password` 1 to 256, and `max_downloads` is 1 to 2,147,483,647. `expires_at` is in
    the future. Only a folder can have an `uploader` link.
    """

    file: FileId
    role: LinkRole
    name: str | None = None
    password: str | None = None
    expires_at: datetime | None = None
    max_downloads: int | None = None

    def __repr__(self) -> str:
        return f"NewLink({self.file}, {self.role})"  # without the password


class LinkUpdate(msgspec.Struct, frozen=True):
    """New values of a link, with the limits of `NewLink`. A field that is None stays unchanged. The values of the
    fields in `cleared` are removed.

    An update with a `password` ends every session of the link, even if the password was the same before.
    """

    name: str | None = None
    password: str | None = None
    expires_at: datetime | None = None
    max_downloads: int | None = None
    cleared: tuple[LinkField, ...] = ()

    def __repr__(self) -> str:
        return "LinkUpdate()"  # without the password


class LinkListing(msgspec.Struct, frozen=True):
    """A query for links, newest first: of the item `file`, or of the whole drive. `limit` is 1 to 1,000."""

    file: FileId | None = None
    limit: int = 100
    cursor: str | None = None


class LinkPage(msgspec.Struct, frozen=True):
    """One page of links. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[Link, ...]
    next_cursor: str | None


class LinkInfo(msgspec.Struct, frozen=True):
    """A link as its holder sees it. A folder has the size 0, and no content type."""

    name: str
    kind: Kind
    size: int
    role: LinkRole
    expires_at: datetime | None = None
    content_type: str = ""


class Links(Protocol):
    """The links of a drive. All methods need the role editor in the whole drive.

    Editors see and change the links that they created. Managers see and change all links. Forbidden: the role is too
    low, or the access is limited to a part of the drive.
    """

    async def create_link(self, access: Access, new: NewLink, idempotency_key: str | None = None) -> Link:
        """Create a link and return it with its `token`. An item can have several links.

        A repeat with the same `idempotency_key` within 24 hours returns the first result.

        Raises NotFound (the item; the root has no links), InvalidRequest, Forbidden, QuotaExceeded (the drive has too
        many links), Unavailable (too many passwords are being hashed), IdempotencyKeyReused, InProgress.
        """
        ...

    async def list_links(self, access: Access, listing: LinkListing) -> LinkPage:
        """Return one page of links, including ended links. Editors get the links that they created. Managers get all
        links.

        Raises NotFound (the item), InvalidRequest, InvalidCursor, Forbidden.
        """
        ...

    async def update_link(self, access: Access, id: LinkId, update: LinkUpdate) -> Link:
        """Change a link and return it. The change takes effect at once. Repeats are allowed.

        Raises NotFound, InvalidRequest, Forbidden, Unavailable (too many passwords are being hashed).
        """
        ...

    async def delete_link(self, access: Access, id: LinkId) -> None:
        """End a link at once and delete it. A URL that was signed before stays valid until it expires.

        Raises NotFound, Forbidden.
        """
        ...

    async def end_links(self, user: UserId) -> None:
        """Delete every link in the personal drive of a user, and every link that the user created in other drives.

        A repeat is not an error.
        """
        ...

    async def end_sharing(self, user: UserId, until: datetime) -> None:
        """End what a user shared up to `until`: delete the links and permissions in the personal drive of the user, and
        the links and permissions that the user created in other drives. Only links and permissions that were created up
        to `until` are deleted. The archives and webhooks that the user created up to `until` end too.

        A repeat is not an error. Raises InvalidRequest (`until` has no zone).
        """
        ...


class PublicLinks(Protocol):
    """The calls of the holder of a link.

    `token` is the token of the link. `session` is the result of `unlock_link`, or None. `root` (the id 0) means the
    item of the link. NotFound: there is no such link, it has ended, or the item is in the trash. The error is the same
    in each case. An item outside the link raises it too. PasswordRequired: the link has a password, and the session is
    missing or not valid. Uploads count in the quota of the link's drive.
    """

    async def open_link(self, token: str, session: str | None) -> LinkInfo:
        """Return the link as its holder sees it. Raises NotFound, PasswordRequired."""
        ...

    async def unlock_link(self, token: str, password: str, client: str) -> str:
        """Return a session of the link. It is valid for one hour, or until the password changes.

        `client` is the network of the client. The wrong passwords of each network are limited for each link. A link
        without a password accepts every password.

        Raises NotFound, InvalidCredentials, RateLimited, Unavailable (too many passwords are being checked).
        """
        ...

    async def list_link_files(self, token: str, session: str | None, listing: Listing) -> FilePage:
        """Return one page of a folder of the link. If `parent` is None, the folder is the item of the link.

        `starred` is not allowed. The cursor is valid only for this link. Raises NotFound (also with the role uploader),
        PasswordRequired, InvalidRequest, InvalidCursor.
        """
        ...

    async def get_link_content(self, token: str, session: str | None, id: FileId) -> Content:
        """Return the content of a file of the link. Call `count_link_download` before you return a URL of it.

        Raises NotFound (also with the role uploader), PasswordRequired.
        """
        ...

    async def count_link_download(self, token: str, session: str | None) -> None:
        """Count one download of the link. Concurrent calls never exceed `max_downloads`.

        A repeat counts again. Raises NotFound (also if no download is left), PasswordRequired.
        """
        ...

    async def create_link_archive(
        self,
        token: str,
        session: str | None,
        ids: tuple[FileId, ...],
        name: str | None = None,
        idempotency_key: str | None = None,
    ) -> Archive:
        """Create an archive of 1 to 1,000 files and folders of the link, as `create_archive`.

        The archive counts as one download of the link, even if it is downloaded several times. The archives of one link
        have a common limit, separate from those of users. A repeat with the same `idempotency_key` within 24 hours
        returns the first result and counts no download, even if the link has no download left.

        Raises NotFound (also with the role uploader, and if no download is left), PasswordRequired, InvalidRequest,
        RateLimited, IdempotencyKeyReused, InProgress.
        """
        ...

    async def begin_link_upload(
        self, token: str, session: str | None, intent: UploadIntent, idempotency_key: str | None = None
    ) -> Upload:
        """Begin an upload into a folder of the link, as `begin_upload`. `on_conflict` must be `OnConflict.RENAME`.

        With the role uploader, the upload has the name of the intent, even if the file gets another name.

        Raises NotFound, PasswordRequired, Forbidden (the role viewer), InvalidRequest, QuotaExceeded, TooLarge,
        RateLimited (too many pending uploads), IdempotencyKeyReused, InProgress.
        """
        ...

    async def get_link_upload(self, token: str, session: str | None, id: UploadId) -> Upload:
        """Return an upload that was begun with this link. Raises NotFound, PasswordRequired, Forbidden (viewer)."""
        ...

    async def open_link_parts(
        self, token: str, session: str | None, id: UploadId, parts: tuple[PartIntent, ...]
    ) -> Upload:
        """Record that a client is about to send parts of an upload of this link, as `open_parts`.

        Raises NotFound, PasswordRequired, Forbidden (viewer), Conflict, InvalidRequest, Unavailable.
        """
        ...

    async def complete_link_upload(self, token: str, session: str | None, id: UploadId) -> Upload:
        """Commit an upload of this link, as `complete_upload`. A repeat returns the same result.

        Raises NotFound, PasswordRequired, Forbidden (viewer), NotUploaded, Unavailable.
        """
        ...
