"""Accounts: sign-up, profile, password and deletion."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from ..ids import SessionId, UserId
from .administration import Role


class User(msgspec.Struct, frozen=True):
    """An account. `email` is the text that the user entered, without surrounding spaces. Comparisons ignore case.

    `second_factor` is whether a login needs a code. `email_verified` is whether the user has confirmed the address with
    the link in a mail. The user of a `disabled` account cannot log in.
    """

    id: UserId
    email: str
    created_at: datetime
    display_name: str = ""
    role: Role = Role.USER
    second_factor: bool = False
    email_verified: bool = False
    disabled: bool = False


RECLAIM_MARGIN: Final = timedelta(seconds=5)
"""The time after a reclaim in which a gateway may still accept an access token of the earlier user."""


class ReclaimedAccount(msgspec.Struct, frozen=True):
    """An account that was given to the person who receives the mail of its address (see `reset_password`). Another
    person may have created the account, because the address had never been confirmed. The links and permissions of that
    earlier user must end.
    """

    user: UserId
    reclaimed_at: datetime


class DeletedAccount(msgspec.Struct, frozen=True):
    """An account that its user deleted, and whose files may not be purged yet."""

    user: UserId
    deleted_at: datetime


class Accounts(Protocol):
    async def sign_up(self, email: str, password: str, address: str, idempotency_key: str | None = None) -> User:
        """Create an account.

        `address` is the IP address of the client. The rate limit uses it. Every character of a password counts, also
        those after bcrypt's 72 bytes. A repeat with the same `idempotency_key` from the same address within 24 hours
        returns the first result. If the deployment sends mail, a mail that confirms the address is queued.

        Raises SignupClosed (the deployment accepts no sign-ups), EmailTaken, InvalidRequest (malformed email; password
        under 8 or over 256 characters, or a very common password), RateLimited, IdempotencyKeyReused, InProgress.
        """
        ...

    async def get_user(self, user: UserId, caller: UserId | None = None) -> User:
        """Return an account.

        `caller` is another user who makes the request. The result contains the email address, so a look-up by id counts
        in the limit of `find_user`.

        Raises NotFound, RateLimited.
        """
        ...

    async def find_user(self, email: str, caller: UserId | None = None) -> User:
        """Return the account of an email address, to share something with it. The comparison ignores case.

        If the deployment sends mail, an address that is not confirmed raises NotFound too, because the account may
        belong to another person. `caller` is the user who makes the request. The result reveals whether an address has
        an account, so a user may look up only 100 addresses an hour.

        Raises NotFound, RateLimited.
        """
        ...

    async def list_users(self, users: tuple[UserId, ...]) -> tuple[User, ...]:
        """Return the existing accounts for 1 to 1,000 ids, in any order. Raises InvalidRequest."""
        ...

    async def update_profile(self, user: UserId, display_name: str | None = None) -> User:
        """Change the profile of an account and return the account. A field that is None stays unchanged.

        A display name has at most 100 printable characters. It may be empty.

        Raises InvalidRequest, NotFound.
        """
        ...

    async def change_password(
        self,
        user: UserId,
        current_password: str,
        new_password: str,
        address: str,
        keep: SessionId | None = None,
        user_agent: str = "",
    ) -> None:
        """Change the password of an account and end every session except `keep`.

        `keep` is the session of the caller. If the account has no password, `current_password` is empty, and `keep`
        must have begun in the last 5 minutes. Otherwise the call raises InvalidCredentials. Attempts have the same
        limits as logins from the IP address `address`, but are counted separately. A repeat raises InvalidCredentials.
        `address` and `user_agent` of the client are recorded in the audit log.

        Raises InvalidRequest (as `sign_up`, field `new_password`), InvalidCredentials, RateLimited, NotFound, Forbidden
        (the deployment has no passwords).
        """
        ...

    async def delete_account(
        self, user: UserId, password: str, address: str, user_agent: str = "", session: SessionId | None = None
    ) -> None:
        """Delete an account: end its sessions, delete its API tokens and refuse its password from now on.

        The user confirms the deletion with the password. The user of an account without a password (who signs in at the
        identity provider) confirms it with the `session`: `password` is empty, and the session must have begun in the
        last 5 minutes. Otherwise the call raises InvalidCredentials.

        No new account can have the email address until `purge_account`. Attempts are limited as in `change_password`.
        `address` and `user_agent` of the client are recorded in the audit log. A repeat raises NotFound.

        Raises LastAdmin, InvalidCredentials, RateLimited, NotFound.
        """
        ...

    async def list_deleted_accounts(
        self, after: DeletedAccount | None = None, limit: int = 100
    ) -> tuple[DeletedAccount, ...]:
        """Return up to `limit` deleted accounts that are not purged, oldest first, after the account `after`.

        `limit` is 1 to 1,000. Raises InvalidRequest.
        """
        ...

    async def list_reclaimed_accounts(self, limit: int = 100) -> tuple[ReclaimedAccount, ...]:
        """Return up to `limit` (1 to 1,000) accounts whose reclaim is not finished, oldest first.

        The caller must end the links and permissions that were created up to five seconds (`RECLAIM_MARGIN`) after
        `reclaimed_at`, with `files.Links.end_sharing`. Raises InvalidRequest.
        """
        ...

    async def finish_reclaimed_account(self, user: UserId) -> None:
        """Record that the links and permissions of a reclaimed account were ended. Delete its API tokens and its second
        factor if they were created before the reclaim, or up to five seconds (`RECLAIM_MARGIN`) after it.

        The account leaves the list with the first call that is made a minute after the reclaim or later, so repeat the
        call: an access token may be accepted for some seconds after its session has ended.
        """
        ...

    async def purge_account(self, user: UserId) -> bool:
        """Delete all records of a deleted account, after its files were purged. A new account can then have its email
        address.

        Return False, and keep the account, while an access token of the account may still be valid, and while the
        notice of its deletion waits for the mail server, at most two days. Return True if there is no such account.
        """
        ...
