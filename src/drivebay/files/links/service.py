"""The links of a drive. Its editors and managers create, change and delete them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from ...concurrency.hashing_queue import HashClient
from ...contract.files import (
    Access,
    Kind,
    Link,
    LinkField,
    LinkListing,
    LinkPage,
    LinkRole,
    LinkUpdate,
    NewLink,
    Role,
)
from ...contract.ids import LinkId, UserId
from ...errors import FieldError, Forbidden, IdempotencyKeyReused, InvalidRequest, NotFound, QuotaExceeded
from ...formats.signed_cursors import Position, decode_cursor, encode_cursor
from ...postgres import Connection, Database
from ..archives.store import ArchiveStore
from ..entries.listings import LAST_ID, check_page_size
from ..entries.service import require_entry
from ..entries.store import EntryStore
from ..idempotency.replays import KeyedCall, fingerprint
from ..idempotency.store import IdempotencyStore
from ..permissions.store import PermissionStore
from ..settings import Settings
from ..usage.store import UsageStore
from ..webhooks.store import WebhookStore
from .link_passwords import LinkPasswords
from .link_secrets import LinkSecrets, hash_token
from .store import LinkRow, LinkStore, LinkValues, StoredLink

MAX_DOWNLOADS: Final = 2**31 - 1
"""The maximum of `max_downloads`. The database stores the number in 32 bits."""
_MAX_NAME: Final = 255
"""The maximum number of characters of the name of a link."""


class LinkService:
    """Implements `contract.files.Links`."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        passwords: LinkPasswords,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._settings = settings
        self._passwords = passwords
        self._new_id = new_id
        self._now = now
        self._archives = ArchiveStore()
        self._links = LinkStore()
        self._entries = EntryStore()
        self._permissions = PermissionStore()
        self._usage = UsageStore()
        self._webhooks = WebhookStore()
        self._idempotency = IdempotencyStore()
        self._secrets = LinkSecrets(settings.secret)
        self._cursor_key = settings.cursor_key

    async def create_link(self, access: Access, new_link: NewLink, idempotency_key: str | None = None) -> Link:
        actor = _require_editor(access)
        expires_at = self._check_values(new_link)
        call = None
        if idempotency_key is not None:
            call = KeyedCall(self._idempotency, access, idempotency_key, self._fingerprint(new_link))
            # A repeated request needs no password hash, and gets the first result also after its link has expired.
            async with self._db.transaction() as tx:
                if first := await self._find_first(tx, call, new_link, actor):  # guard: link-repeat-first
                    return first
        self._check_future(expires_at)
        password_hash = (
            None if new_link.password is None else await self._passwords.hash(new_link.password, _hash_client(actor))
        )
        row = LinkRow(
            LinkId(self._new_id()),
            new_link.file,
            b"",
            new_link.role,
            actor,
            LinkValues(new_link.name, password_hash, expires_at, new_link.max_downloads),
        )
        async with self._db.transaction() as tx:
            if call is not None and (first := await self._find_first(tx, call, new_link, actor)):
                return first
            link = await self._insert(tx, access, row)
            if call is not None:
                await call.record(tx, link.id)
            return link

    async def _find_first(self, tx: Connection, call: KeyedCall, new_link: NewLink, actor: UserId) -> Link | None:
        """Return the link that the first request with a key created, with its values at that time.

        Return None if this is the first request. Raises the errors of `lock_and_find_first`.
        """
        first = await call.lock_and_find_first(tx)
        if first is None:
            return None
        stored = await self._links.select_link(tx, call.owner, LinkId(first.resource), actor)
        if stored is None:
            raise IdempotencyKeyReused("the link that this key created no longer exists; use a new key")
        return self._with_token(_with_created_values(stored.link, new_link, self._check_values(new_link)))

    async def list_links(self, access: Access, listing: LinkListing) -> LinkPage:
        actor = _require_editor(access)
        check_page_size(listing.limit)
        creator = _creator_filter(access, actor)
        if listing.file is not None:
            require_entry(await self._entries.select_entry(self._db, access.drive, listing.file), listing.file)
        query = f"{access.drive} links {listing.file} {creator}"  # guard: links-cursor
        before = LinkId(LAST_ID)
        if listing.cursor is not None:
            before = LinkId(decode_cursor(self._cursor_key, query, listing.cursor).id)
        limit = listing.limit
        links = await self._links.list_links(self._db, access.drive, creator, listing.file, before, limit + 1)
        if len(links) <= limit:
            return LinkPage(tuple(links), None)
        position = Position("", links[limit - 1].id)
        return LinkPage(tuple(links[:limit]), encode_cursor(self._cursor_key, query, position))

    async def update_link(self, access: Access, id: LinkId, update: LinkUpdate) -> Link:
        actor = _require_editor(access)
        expires_at = self._check_values(update)
        self._check_future(expires_at)
        password_hash = None
        if update.password is not None:
            # Check before the expensive hash. The transaction checks again, because the link may end in between.
            _require_link(await self._select_link(self._db, access, actor, id), id)  # guard: link-update-first
            password_hash = await self._passwords.hash(update.password, _hash_client(actor))
        cleared = frozenset(update.cleared)
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            stored = _require_link(await self._select_link(tx, access, actor, id), id)
            old = stored.values
            values = LinkValues(
                None if LinkField.NAME in cleared else update.name or old.name,
                None if LinkField.PASSWORD in cleared else password_hash or old.password_hash,
                None if LinkField.EXPIRES_AT in cleared else expires_at or old.expires_at,
                None if LinkField.MAX_DOWNLOADS in cleared else update.max_downloads or old.max_downloads,
            )
            updated = await self._links.update_link(tx, access.drive, id, values)
        return updated or stored.link

    async def delete_link(self, access: Access, id: LinkId) -> None:
        actor = _require_editor(access)
        async with self._db.transaction() as tx:
            await self._usage.lock_usage(tx, access.drive, self._settings.quota)
            _require_link(await self._select_link(tx, access, actor, id), id)
            await self._links.delete_link(tx, access.drive, id, actor)

    async def end_links(self, user: UserId) -> None:
        await self._links.delete_links_of_user(self._db, user)

    async def end_sharing(self, user: UserId, until: datetime) -> None:
        until = _to_utc(until, "until")
        await self._links.delete_links_of_user_before(self._db, user, until)
        await self._permissions.delete_given_until(self._db, user, until)
        await self._archives.end_archives_before(self._db, user, until)  # guard: end-sharing-archives
        await self._webhooks.delete_of_user_before(self._db, user, until)

    async def _insert(self, tx: Connection, access: Access, row: LinkRow) -> Link:
        await self._usage.lock_usage(tx, access.drive, self._settings.quota)  # guard: link-limit-lock
        entry = require_entry(await self._entries.select_entry(tx, access.drive, row.file), row.file)
        if row.role is LinkRole.UPLOADER and entry.kind is not Kind.FOLDER:  # guard: uploader-folder
            raise _invalid_error("role", "can be uploader only for a folder")
        limit = self._settings.max_links
        if await self._links.count_links(tx, access.drive) >= limit:  # guard: link-limit
            raise QuotaExceeded(f"the drive has {limit} links; delete some of them first")
        row = msgspec.structs.replace(row, token_hash=hash_token(self._secrets.token(row.id)))
        link = await self._links.insert_link(tx, access.drive, row)
        if link is None:
            raise NotFound(f"no file {row.file}")
        return self._with_token(link)

    async def _select_link(
        self, tx: Connection | Database, access: Access, actor: UserId, id: LinkId
    ) -> StoredLink | None:
        return await self._links.select_link(tx, access.drive, id, _creator_filter(access, actor))

    def _with_token(self, link: Link) -> Link:
        return msgspec.structs.replace(link, token=self._secrets.token(link.id))

    def _fingerprint(self, new_link: NewLink) -> bytes:
        # The fingerprint is stored, and nobody who reads it must be able to test guesses of the password. So it
        # contains a keyed digest of the password.
        password = None if new_link.password is None else self._passwords.digest(new_link.password)
        return fingerprint(
            "link", new_link.file, new_link.role, new_link.name, password, new_link.expires_at, new_link.max_downloads
        )

    def _check_values(self, values: NewLink | LinkUpdate) -> datetime | None:
        """Check all values, except that the expiry time is in the future. Return the expiry time in UTC.

        Raises InvalidRequest.
        """
        name, expires_at, limit = values.name, values.expires_at, values.max_downloads
        if values.password is not None:
            self._passwords.check(values.password)
        if name is not None and not (1 <= len(name) <= _MAX_NAME and name.isprintable()):
            raise _invalid_error("name", f"must have 1 to {_MAX_NAME} printable characters")
        if limit is not None and not 1 <= limit <= MAX_DOWNLOADS:
            raise _invalid_error("max_downloads", f"must be 1 to {MAX_DOWNLOADS}")
        if expires_at is None:
            return None
        return _to_utc(expires_at, "expires_at")

    def _check_future(self, expires_at: datetime | None) -> None:
        if expires_at is not None and expires_at <= self._now():  # guard: link-expiry-future
            raise _invalid_error("expires_at", "must be a time with a zone, in the future")


def _require_editor(access: Access) -> UserId:
    """Return the actor. Raises Forbidden unless the actor may edit the whole drive."""
    if access.grants or access.actor is None:  # guard: link-whole-drive
        raise Forbidden("only users with the role editor in the whole drive may create and change links")
    if access.role is Role.VIEWER:
        raise Forbidden("this needs the role editor in the drive")
    return access.actor


def _hash_client(actor: UserId) -> HashClient:
    return HashClient(f"user {actor}")


def _creator_filter(access: Access, actor: UserId) -> UserId | None:
    """Return the user whose links an actor may see, or None for a manager, who may see all links."""
    return None if access.role is Role.MANAGER else actor  # guard: links-of-others


def _require_link(stored: StoredLink | None, id: LinkId) -> StoredLink:
    if stored is None:
        raise NotFound(f"no link {id}")
    return stored


def _with_created_values(link: Link, new_link: NewLink, expires_at: datetime | None) -> Link:
    """Return a link with the values that it had right after its creation."""
    return msgspec.structs.replace(
        link,
        downloads=0,
        name=new_link.name,
        has_password=new_link.password is not None,
        expires_at=expires_at,
        max_downloads=new_link.max_downloads,
    )


def _to_utc(time: datetime, field: str) -> datetime:
    if time.tzinfo is None:
        raise _invalid_error(field, "must be a time with a zone")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise _invalid_error(field, "must be a time of the years 1 to 9999 in UTC") from None


def _invalid_error(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))
