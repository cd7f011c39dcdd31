"""The calls of the holders of links. Every call looks up the link again, so a link that has ended is refused at once.

The access of a holder has no actor, and one grant, for the item of the link. So the files service checks that each item
of a call is the item of the link or below it, as for a user with a permission.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from ...concurrency.hashing_queue import HashClient
from ...contract.files import (
    Access,
    Archive,
    Content,
    FilePage,
    Grant,
    Kind,
    LinkInfo,
    LinkRole,
    Listing,
    OnConflict,
    PartIntent,
    Role,
    Upload,
    UploadIntent,
)
from ...contract.ids import ROOT, FileId, UploadId
from ...errors import (
    FieldError,
    Forbidden,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    PasswordRequired,
    QuotaExceeded,
    RateLimited,
)
from ...postgres import Database
from ..file_names import normalize_name
from ..idempotency.replays import MAX_KEY_LENGTH, KeyedCall
from ..idempotency.store import IdempotencyStore
from ..settings import Settings
from .link_passwords import LinkPasswords
from .link_secrets import LinkSecrets, hash_token
from .store import LinkStore, OpenedLink, StoredLink

PASSWORD_TRIES: Final = 10
"""The number of attempts that a client has at the password of one link. The right password resets the attempts.

Each client has its own attempts, so no client can lock out others."""
PASSWORD_INTERVAL: Final = timedelta(minutes=1)
"""After each interval, a client has one more attempt, up to PASSWORD_TRIES."""
_NOT_FOUND: Final = "there is no such link or file, or the link has ended"


class FileCalls(msgspec.Struct, frozen=True):
    """The methods of the files service that the holders of links use."""

    list_files: Callable[[Access, Listing], Awaitable[FilePage]]
    get_content: Callable[[Access, FileId], Awaitable[Content]]
    begin_upload: Callable[[Access, UploadIntent, str | None], Awaitable[Upload]]
    get_upload: Callable[[Access, UploadId], Awaitable[Upload]]
    open_parts: Callable[[Access, UploadId, tuple[PartIntent, ...]], Awaitable[Upload]]
    complete_upload: Callable[[Access, UploadId], Awaitable[Upload]]
    create_archive: Callable[[Access, tuple[FileId, ...], str | None, str | None, StoredLink], Awaitable[Archive]]


class LinkHolderService:
    """Implements `contract.files.PublicLinks`."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        passwords: LinkPasswords,
        calls: FileCalls,
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._passwords = passwords
        self._calls = calls
        self._now = now
        self._links = LinkStore()
        self._idempotency = IdempotencyStore()
        self._secrets = LinkSecrets(settings.secret)
        self._max_uploads = settings.max_link_uploads

    async def open_link(self, token: str, session: str | None) -> LinkInfo:
        return (await self._open_link(token, session)).info

    async def unlock_link(self, token: str, password: str, client: str) -> str:
        stored = (await self._find_link(token)).stored
        if stored.password_hash is None:
            return self._secrets.create_session(stored.link.id, "", self._now())
        client = hashlib.sha256(client.encode("utf-8", "surrogatepass")).hexdigest()
        # The attempt is counted before the password is compared, so that concurrent calls do not get more attempts.
        if not await self._links.take_password_attempt(self._db, stored, client, PASSWORD_INTERVAL, PASSWORD_TRIES):
            retry_after = int(PASSWORD_INTERVAL.total_seconds())
            problem = f"too many wrong passwords for this link: try again in {retry_after} seconds"
            raise RateLimited(problem, retry_after=retry_after)
        hash_client = HashClient(client)  # guard: link-hashing-client
        if not await self._passwords.matches(password, stored.password_hash, hash_client):  # guard: link-password
            raise InvalidCredentials("the password of the link is wrong")
        await self._links.refill_password_attempts(self._db, stored, client)
        return self._secrets.create_session(stored.link.id, stored.password_hash, self._now())

    async def list_link_files(self, token: str, session: str | None, listing: Listing) -> FilePage:
        opened = await self._open_for_reading(token, session)
        if listing.starred is not None:
            raise InvalidRequest("starred is not allowed", errors=(FieldError("starred", "is not allowed"),))
        link = opened.stored.link
        folder_listing = msgspec.structs.replace(
            listing,
            parent=_resolve_item(opened, listing.parent or ROOT),
            cursor=self._secrets.open_cursor(link.id, listing.cursor),
        )
        with _hide_details():
            page = await self._calls.list_files(_link_access(opened, Role.VIEWER), folder_listing)
        items = tuple(
            msgspec.structs.replace(file, parent=ROOT) if file.parent == link.file else file for file in page.items
        )
        return FilePage(items, self._secrets.seal_cursor(link.id, page.next_cursor))

    async def get_link_content(self, token: str, session: str | None, id: FileId) -> Content:
        opened = await self._open_for_reading(token, session)
        with _hide_details():
            return await self._calls.get_content(_link_access(opened, Role.VIEWER), _resolve_item(opened, id))

    async def count_link_download(self, token: str, session: str | None) -> None:
        opened = await self._open_for_reading(token, session)
        if await self._links.count_download(self._db, opened.stored) is None:
            raise NotFound(_NOT_FOUND)

    async def create_link_archive(
        self,
        token: str,
        session: str | None,
        ids: tuple[FileId, ...],
        name: str | None = None,
        idempotency_key: str | None = None,
    ) -> Archive:
        # The first request may have used the last download. A repeated request uses no download, so it must still work.
        has_key = idempotency_key is not None
        opened = await self._open_for_reading(token, session, spent=has_key)  # guard: link-archive-repeat
        item_ids = tuple(_resolve_item(opened, id) for id in ids)
        key, access = _holder_key(opened, idempotency_key), _link_access(opened, Role.VIEWER)
        if opened.stored.is_spent and not await self._is_repeat(access, key):
            raise NotFound(_NOT_FOUND)
        with _hide_details("too many archives are open"):
            return await self._calls.create_archive(access, item_ids, name, key, opened.stored)

    async def begin_link_upload(
        self, token: str, session: str | None, intent: UploadIntent, idempotency_key: str | None = None
    ) -> Upload:
        opened = await self._open_for_uploads(token, session)
        if intent.on_conflict is not OnConflict.RENAME:  # guard: link-upload-rename
            raise InvalidRequest("on_conflict must be rename", errors=(FieldError("on_conflict", "must be rename"),))
        parent = _resolve_item(opened, intent.parent)
        if opened.info.role is LinkRole.UPLOADER and parent != opened.stored.link.file:  # guard: uploader-place
            raise NotFound(_NOT_FOUND)
        name = normalize_name(intent.name)
        intent = msgspec.structs.replace(intent, parent=parent, client_note=f"{_note_prefix(opened)}{quote(name, '')}")
        idempotency_key = _holder_key(opened, idempotency_key)
        access = _link_access(opened, Role.EDITOR)
        if not await self._is_repeat(access, idempotency_key):  # guard: link-upload-repeat
            pending = await self._links.count_pending_uploads(self._db, opened.stored.drive, _note_prefix(opened))
            if pending >= self._max_uploads:  # guard: link-pending-uploads
                raise RateLimited("this link has too many pending uploads: try again in 60 seconds", retry_after=60)
        with _hide_details():
            upload = await self._calls.begin_upload(access, intent, idempotency_key)
        return _holder_view(opened, upload)

    async def get_link_upload(self, token: str, session: str | None, id: UploadId) -> Upload:
        opened = await self._open_for_uploads(token, session)
        return _holder_view(opened, await self._get_upload(opened, id))

    async def open_link_parts(
        self, token: str, session: str | None, id: UploadId, parts: tuple[PartIntent, ...]
    ) -> Upload:
        opened = await self._open_for_uploads(token, session)
        await self._get_upload(opened, id)
        with _hide_details():
            return _holder_view(opened, await self._calls.open_parts(_link_access(opened, Role.EDITOR), id, parts))

    async def complete_link_upload(self, token: str, session: str | None, id: UploadId) -> Upload:
        opened = await self._open_for_uploads(token, session)
        await self._get_upload(opened, id)
        with _hide_details():
            return _holder_view(opened, await self._calls.complete_upload(_link_access(opened, Role.EDITOR), id))

    async def _is_repeat(self, access: Access, idempotency_key: str | None) -> bool:
        if idempotency_key is None:
            return False
        return await KeyedCall(self._idempotency, access, idempotency_key, b"").is_known(self._db)

    async def _find_link(self, token: str, *, spent: bool = False) -> OpenedLink:
        opened = await self._links.select_link_by_token(self._db, hash_token(token), spent=spent)
        if opened is None:
            raise NotFound(_NOT_FOUND)
        return opened

    async def _open_link(self, token: str, session: str | None, *, spent: bool = False) -> OpenedLink:
        opened = await self._find_link(token, spent=spent)
        stored = opened.stored
        if stored.password_hash is None:
            return opened
        is_open = self._secrets.is_session(session, stored.link.id, stored.password_hash, self._now())
        if not is_open:  # guard: link-password-required
            raise PasswordRequired
        return opened

    async def _open_for_reading(self, token: str, session: str | None, *, spent: bool = False) -> OpenedLink:
        opened = await self._open_link(token, session, spent=spent)
        if opened.info.role is LinkRole.UPLOADER:  # guard: uploader-sees-nothing
            raise NotFound(_NOT_FOUND)
        return opened

    async def _open_for_uploads(self, token: str, session: str | None) -> OpenedLink:
        opened = await self._open_link(token, session)
        if opened.info.role is LinkRole.VIEWER:  # guard: viewer-link-uploads
            raise Forbidden("this link does not accept uploads")
        if opened.info.kind is not Kind.FOLDER:
            raise NotFound(_NOT_FOUND)
        return opened

    async def _get_upload(self, opened: OpenedLink, id: UploadId) -> Upload:
        with _hide_details():
            upload = await self._calls.get_upload(_link_access(opened, Role.EDITOR), id)
        if not (upload.client_note or "").startswith(_note_prefix(opened)):  # guard: link-own-uploads
            raise NotFound(_NOT_FOUND)
        return upload


def _link_access(opened: OpenedLink, role: Role) -> Access:
    stored = opened.stored
    return Access(stored.drive, None, role, (Grant(stored.link.file, role),))  # guard: link-grant


def _resolve_item(opened: OpenedLink, id: FileId) -> FileId:
    """Return the id of an item of the link. The root stands for the item of the link."""
    return opened.stored.link.file if id == ROOT else id


def _holder_key(opened: OpenedLink, key: str | None) -> str | None:
    """Return the idempotency key that is stored for a holder. It differs from the keys of the drive's members and of
    other links."""
    if key is None or not 1 <= len(key) <= MAX_KEY_LENGTH:
        return key
    return hashlib.sha256(f"{opened.stored.link.id} {key}".encode("utf-8", "surrogatepass")).hexdigest()


def _note_prefix(opened: OpenedLink) -> str:
    """Return the prefix of the client note of uploads that were begun with the link. After the prefix, the note has the
    intended name."""
    return f"link {opened.stored.link.id} "


def _holder_view(opened: OpenedLink, upload: Upload) -> Upload:
    """Return an upload as the holder sees it. An uploader sees the intended name, which does not reveal taken names."""
    if opened.info.role is LinkRole.UPLOADER:  # guard: uploader-asked-name
        intended_name = unquote((upload.client_note or "").removeprefix(_note_prefix(opened)))
        upload = msgspec.structs.replace(upload, name=intended_name)
    return upload


@contextmanager
def _hide_details(busy: str = "too many uploads are pending") -> Iterator[None]:
    """Replace the details of errors that would reveal something about the drive, or about items outside the link.

    `busy` is the detail of RateLimited.
    """
    try:
        yield
    except NotFound:
        raise NotFound(_NOT_FOUND) from None
    except QuotaExceeded:
        raise QuotaExceeded("the quota of the drive does not allow this file") from None
    except RateLimited as error:
        raise RateLimited(busy, retry_after=error.retry_after) from None
