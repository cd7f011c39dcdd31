"""Administration of accounts: roles, invitations, disabled accounts, and the audit log.

Each call names its actor. The service reads the role of the actor in the same transaction, so a demoted or disabled
admin loses the rights at once. `Forbidden` means that the actor is not an admin.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from ..ids import UserId


class Role(StrEnum):
    """The rights of an account. An admin also manages accounts, but cannot read files of others."""

    USER = "user"
    ADMIN = "admin"


class UserSort(StrEnum):
    """The order of a list of accounts."""

    EMAIL = "email"
    CREATED = "created"


class Actor(msgspec.Struct, frozen=True):
    """The caller: a user, or an operator at the command line of the server, who has the rights of an admin.

    `address` is the IP address of the client. `user_agent` is the header of that name. The audit log records both.
    """

    user: UserId | None = None
    address: str = ""
    user_agent: str = ""
    is_operator: bool = False


class Account(msgspec.Struct, frozen=True):
    """An account as admins see it. `last_login_at` is None before the first login."""

    id: UserId
    email: str
    role: Role
    disabled: bool
    created_at: datetime
    last_login_at: datetime | None = None
    display_name: str = ""
    second_factor: bool = False


class AccountListing(msgspec.Struct, frozen=True):
    """A query for accounts. `query` is a part of the email address or the display name. If `query` is empty, all
    accounts match.

    `limit` is 1 to 1,000. `cursor` continues a list whose other fields are equal. `context` is any text. A cursor of a
    list with another `context` is refused.
    """

    query: str = ""
    sort: UserSort = UserSort.CREATED
    descending: bool = False
    limit: int = 100
    cursor: str | None = None
    context: str = ""


class AccountPage(msgspec.Struct, frozen=True):
    """One page of accounts. `next_cursor` gets the next page and is None on the last page.

    `first_cursor` returns the first page again. It is None if the service is of an earlier release.
    """

    items: tuple[Account, ...]
    next_cursor: str | None
    first_cursor: str | None = None


class NewAccount(msgspec.Struct, frozen=True):
    """An account to create. Without a password the account gets an invitation.

    The auth service only records `limit_bytes` in the audit log. The caller sets the quota in the files service.
    """

    email: str
    password: str | None = None
    role: Role = Role.USER
    limit_bytes: int | None = None


class CreatedAccount(msgspec.Struct, frozen=True):
    """A new account. The user sets the password with `invitation_token`. The token works once, within 7 days.

    `invitation_token` is None if the account has a password, or if the deployment has no passwords and the user signs
    in at the identity provider.
    """

    account: Account
    invitation_token: str | None = None


class AccountUpdate(msgspec.Struct, frozen=True):
    """Changes of an account. A field that is None stays unchanged.

    `records_limit` says whether the quota changes too. If it does, the auth service writes the new quota to the audit
    log: `limit_bytes`, or the quota of the deployment if `limit_bytes` is None. The caller sets the quota in the files
    service.
    """

    role: Role | None = None
    disabled: bool | None = None
    records_limit: bool = False
    limit_bytes: int | None = None


class AuditQuery(msgspec.Struct, frozen=True):
    """A query for the audit log. A condition that is None does not apply. `user` is the actor or the target.

    `since` is inclusive, and `until` is exclusive. `limit` is 1 to 1,000. `cursor` continues a query whose other fields
    are equal.
    """

    user: UserId | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    cursor: str | None = None


class AuditEvent(msgspec.Struct, frozen=True):
    """One event of the audit log.

    `actor` is None for an operator at the command line, and for a failed login. If a mail with a reset was requested,
    `actor` is the account itself, and `detail` has `by`, although another person may have sent the request. `address`
    is the IP address of the sender. `target` is the id of the account that the event is about. It is None for a failed
    login without an account.
    """

    id: UUID
    at: datetime
    actor: UserId | None
    action: str
    target: str | None
    address: str
    user_agent: str
    request_id: str
    detail: dict[str, str] = {}


class AuditPage(msgspec.Struct, frozen=True):
    """One page of the audit log, newest first. `next_cursor` gets the next page and is None on the last page."""

    items: tuple[AuditEvent, ...]
    next_cursor: str | None


class Administration(Protocol):
    async def list_accounts(self, actor: Actor, listing: AccountListing) -> AccountPage:
        """Return one page of the accounts. Raises Forbidden, InvalidRequest, InvalidCursor."""
        ...

    async def get_accounts(self, actor: Actor, users: tuple[UserId, ...], query: str = "") -> tuple[Account, ...]:
        """Return up to 1,000 accounts by id, in the order of the ids.

        Accounts that do not exist or do not match `query` are left out. Raises Forbidden, InvalidRequest.
        """
        ...

    async def count_accounts(self, actor: Actor) -> int:
        """Return the number of accounts. Raises Forbidden."""
        ...

    async def find_account(self, actor: Actor, email: str) -> Account:
        """Return the account with this email. Raises Forbidden, NotFound."""
        ...

    async def create_account(
        self, actor: Actor, account: NewAccount, idempotency_key: str | None = None
    ) -> CreatedAccount:
        """Create an account. If the deployment sends mail, its user gets the invitation, or a mail that confirms the
        address.

        A repeat with the same `idempotency_key` by the same actor within 24 hours returns the first result.

        Raises Forbidden, EmailTaken, InvalidRequest (also for a password in a deployment without passwords),
        IdempotencyKeyReused, InProgress.
        """
        ...

    async def update_account(self, actor: Actor, user: UserId, update: AccountUpdate) -> Account:
        """Change the role of an account, disable or enable it. A disabled account cannot log in and its sessions end.

        A repeat has no effect. Raises Forbidden, NotFound, LastAdmin.
        """
        ...

    async def remove_account(self, actor: Actor, user: UserId) -> None:
        """Delete an account, with the same effect as `delete_account` by its user. A repeat raises NotFound.

        Raises Forbidden, NotFound, LastAdmin.
        """
        ...

    async def end_user_sessions(self, actor: Actor, user: UserId) -> None:
        """End every session of an account. Raises Forbidden, NotFound."""
        ...

    async def create_reset_token(self, actor: Actor, user: UserId) -> str:
        """Return a token with which the user sets a new password, once, within an hour. Each call returns another
        token.

        Raises Forbidden (also in a deployment without passwords), NotFound.
        """
        ...

    async def reset_second_factor(self, actor: Actor, user: UserId) -> None:
        """Remove the second factor of an account whose user has lost it. A repeat has no effect.

        Raises Forbidden, NotFound.
        """
        ...

    async def reset_password(self, actor: Actor, token: str, password: str) -> None:
        """Set the password of the account of an invitation or a reset token.

        The token cannot be used again, every session of the account ends, and its API tokens and passkeys are deleted.
        A token that was sent by mail also confirms the address. If a mailed reset confirms an address for the first
        time, another person may have created the account. Then the second factor of the account is removed too, and
        `list_reclaimed_accounts` returns the account. The actor's `user` is ignored.

        Raises InvalidToken, InvalidRequest (the password), NotFound (this deployment has no passwords).
        """
        ...

    async def list_audit_events(self, actor: Actor, query: AuditQuery) -> AuditPage:
        """Return one page of the audit log, newest first. Raises Forbidden, InvalidRequest, InvalidCursor."""
        ...
