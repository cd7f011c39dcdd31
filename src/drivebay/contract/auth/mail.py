"""Mail to accounts: confirmation of addresses, resets of passwords, and the queue of mails for the worker.

A mail is queued in the transaction of the request. A notice tells a user that the password, the second factor, the
passkeys or the API tokens of their account changed, that an identity was linked, that a recovery code was used, or that
the account was deleted. An account gets at most ten notices of one kind a day. Notices other than `password_changed` go
only to confirmed addresses.

Methods that need mail raise NotFound in a deployment that sends no mail.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import LeaseId, MailId, UserId
from .administration import Actor


class MailKind(StrEnum):
    """The kind of a mail. The first three contain a link with a token, with one exception (see `MailTask`). The others
    are notices."""

    VERIFICATION = "verification"
    RESET = "reset"
    INVITATION = "invitation"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a kind
    SECOND_FACTOR_ENABLED = "second_factor_enabled"
    SECOND_FACTOR_DISABLED = "second_factor_disabled"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    API_TOKEN_CREATED = "api_token_created"  # noqa: S105 - the name of a kind
    IDENTITY_LINKED = "identity_linked"
    RECOVERY_CODE_USED = "recovery_code_used"
    ACCOUNT_DELETED = "account_deleted"

    @property
    def is_notice(self) -> bool:
        """Whether the mail tells a user that their account was changed."""
        return self not in (MailKind.VERIFICATION, MailKind.RESET, MailKind.INVITATION)


class MailOutcome(StrEnum):
    """The result of an attempt to send a mail. A `postponed` mail is tried again. A `failed` mail is not."""

    SENT = "sent"
    POSTPONED = "postponed"
    FAILED = "failed"


class MailTask(msgspec.Struct, frozen=True):
    """A mail to send to `recipient`, an email address. `token` is the secret in the link of the mail.

    A notice has no link, so its `token` is None.

    In a deployment without passwords, an invitation has no link and no token either: the invited user signs in at the
    identity provider.

    `id` is the same in each attempt to send this mail.
    """

    id: MailId
    kind: MailKind
    recipient: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"MailTask({self.id}, {self.kind.value})"


class MailResult(msgspec.Struct, frozen=True):
    """The result of an attempt. `reason` says why the mail was not sent, without secrets, in up to 200 characters."""

    id: MailId
    outcome: MailOutcome
    reason: str = ""


class Mail(Protocol):
    async def request_password_reset(self, actor: Actor, email: str) -> None:
        """Queue a mail with a reset link, if an account has this address. The actor's `user` is ignored.

        The result and the time of the call do not reveal whether there is an account. Each network may request one mail
        a minute to an address. After ten mails to an address in a day, each network may request one more a day. Further
        calls have no effect.

        Raises NotFound (this deployment sends no mail, or has no passwords), RateLimited (too many calls from the
        network of the client).
        """
        ...

    async def request_verification(self, user: UserId) -> None:
        """Queue a mail with a link that confirms the address of an account. If the address is confirmed already, the
        call does nothing.

        `sign_up` queues the first such mail. Raises NotFound (no such account, or this deployment sends no mail),
        RateLimited (after the first mail of a minute, or the tenth of a day).
        """
        ...

    async def verify_email(self, actor: Actor, token: str) -> None:
        """Confirm the address of an account with the token of a mail. A token works once, within 7 days.

        The actor's `user` is ignored. Raises InvalidToken, NotFound (this deployment sends no mail).
        """
        ...

    async def claim_mails(self, lease: LeaseId, limit: int) -> tuple[MailTask, ...]:
        """Claim up to `limit` (1 to 100) mails that are due, under a new lease of 10 minutes.

        A mail that is not finished within the lease is claimed again. A repeat with the same lease returns the same
        mails. Raises InvalidRequest.
        """
        ...

    async def finish_mails(self, lease: LeaseId, results: tuple[MailResult, ...]) -> int:
        """Record the results of claimed mails and return how many of them still belonged to `lease`.

        A sent mail is deleted. A postponed mail is due again with exponential backoff. If the mail is too old, it
        fails. The results of mails that another lease has claimed are ignored.
        """
        ...
