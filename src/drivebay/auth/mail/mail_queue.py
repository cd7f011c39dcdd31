"""The queue of mails. The transaction of a request adds mails, and the worker claims them under leases.

The secret of a link is derived from the id of its mail and a key that never leaves the service. So the queue contains
no secret, and each attempt sends the same link. The digest of the secret is stored when the mail is first claimed, and
the lifetime of the link begins then.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

import structlog
from prometheus_client import Counter

from ...contract.auth import Actor, MailKind, MailOutcome, MailResult, MailTask
from ...contract.ids import LeaseId, MailId, UserId
from ...errors import InvalidRequest, NotFound
from ...postgres import Database
from .. import email_address
from ..administration.store import insert_password_token
from ..audit.audit_log import Action, AuditLog
from ..opaque_token import OpaqueToken
from ..rate_limits.store import take_token
from ..settings import Rate
from ..store import Executor, Store
from . import store
from .store import ClaimedMail, Recipient

log = structlog.get_logger(__name__)

_failed = Counter("drivebay_auth_mails_failed_total", "Mails that were given up, by kind", ["kind"])

LEASE: Final = timedelta(minutes=10)
"""The lease of the worker for the mails of one claim."""
VERIFICATION_TTL: Final = timedelta(days=7)
INVITATION_TTL: Final = timedelta(days=7)
RESET_TTL: Final = timedelta(hours=1)
MAX_QUEUE_TIME: Final = timedelta(days=2)
"""The time after which a mail that could not be sent is given up."""
MAX_RESET_QUEUE_TIME: Final = timedelta(minutes=30)
"""MAX_QUEUE_TIME of a mail with a reset. It is shorter, because the URL in the mail expires after an hour."""
NOTICES_A_DAY: Final = Rate(10, timedelta(days=1))
"""The limit of notices of one kind to one account."""
_MAX_CLAIM: Final = 100
"""The maximum number of mails in one claim."""
_MAX_CLAIMED_BATCHES: Final = 10
"""The maximum number of batches that one claim reads, if all mails of a batch are dropped."""
_MAX_RESULTS: Final = 100
"""The maximum number of results in one call."""
_MAX_REASON: Final = 200
"""The maximum number of characters of a reason."""
_PASSWORD_TOKEN_PURPOSES: Final[dict[MailKind, Literal["mailed_reset", "mailed_invitation"]]] = {
    MailKind.RESET: "mailed_reset",
    MailKind.INVITATION: "mailed_invitation",
}


_NOTICES: Final = {
    Action.PASSWORD_CHANGED: MailKind.PASSWORD_CHANGED,
    Action.SECOND_FACTOR_ENABLED: MailKind.SECOND_FACTOR_ENABLED,
    Action.SECOND_FACTOR_DISABLED: MailKind.SECOND_FACTOR_DISABLED,
    Action.PASSKEY_ADDED: MailKind.PASSKEY_ADDED,
    Action.PASSKEY_REMOVED: MailKind.PASSKEY_REMOVED,
    Action.API_TOKEN_CREATED: MailKind.API_TOKEN_CREATED,
    Action.IDENTITY_LINKED: MailKind.IDENTITY_LINKED,
    Action.RECOVERY_CODE_USED: MailKind.RECOVERY_CODE_USED,
    Action.ACCOUNT_DELETED: MailKind.ACCOUNT_DELETED,
}


@dataclass(frozen=True, slots=True)
class AccountChangeRecorder:
    """Records a change of an account in the audit log, and queues a notice for the user."""

    audit: AuditLog
    mails: MailQueue

    async def record(
        self, tx: Executor, actor: Actor, action: Action, user: UserId, detail: Mapping[str, str] | None = None
    ) -> None:
        """Record a change, and queue the notice of it, in the transaction that makes the change."""
        await self.audit.record(tx, actor, action, user, detail)
        if (kind := _NOTICES.get(action)) is not None:
            await self.mails.add_notice(tx, kind, user)


class MailQueue:
    """Queues mails, and gives them to the worker. If `enabled` is False, nothing is queued.

    `token_key` derives the secrets of links. `allows_passwords` is False in a deployment where users
    sign in only with the identity provider. Then no mail has a link that sets a password.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        token_key: bytes,
        new_id: Callable[[], UUID],
        *,
        enabled: bool,
        allows_passwords: bool = True,
    ) -> None:
        self._database = database
        self._audit = audit
        self._token_key = token_key
        self._new_id = new_id
        self._has_warned = False
        self.enabled = enabled
        self.allows_passwords = allows_passwords

    def require_enabled(self) -> None:
        """Raise NotFound in a deployment that sends no mail, and log once which settings are missing."""
        if self.enabled:  # guard: mail-off
            return
        if not self._has_warned:
            self._has_warned = True
            log.warning("mail_off", fix="set DRIVEBAY_SMTP_URL and DRIVEBAY_MAIL_FROM for auth and the worker")
        raise NotFound("this deployment sends no mail; ask its operator")

    def require_passwords(self) -> None:
        """Raise NotFound in a deployment where users sign in only with the identity provider."""
        if not self.allows_passwords:  # guard: reset-passwords-off
            raise NotFound("this deployment has no passwords; sign in with its identity provider")

    async def add(self, tx: Executor, kind: MailKind, user: UserId) -> None:
        """Queue a mail to an account in the transaction of the request, if the deployment sends mail."""
        if self.enabled:
            await store.insert_mail(tx, self._new_mail_id(), kind, user, MAX_QUEUE_TIME)

    async def add_notice(self, tx: Executor, kind: MailKind, user: UserId) -> None:
        """Queue a notice, as `add` does, unless the limit NOTICES_A_DAY is reached."""
        if not self.enabled:
            return
        per = NOTICES_A_DAY.per
        result = await take_token(tx, f"mail:{kind.value}:day:{user}", per, per / NOTICES_A_DAY.count)
        if result.granted:  # guard: notice-rate
            await self.add(tx, kind, user)

    async def add_reset_request(self, email: str, requested_from: str) -> None:
        """Queue a reset for an address that may have no account."""
        id = self._new_mail_id()
        await store.insert_reset_request(self._database, id, email, requested_from, MAX_RESET_QUEUE_TIME)

    async def claim_mails(self, lease: LeaseId, limit: int) -> tuple[MailTask, ...]:
        if not 1 <= limit <= _MAX_CLAIM:
            raise InvalidRequest(f"limit must be 1 to {_MAX_CLAIM}")
        # An empty result means that the queue is empty. So if all mails of a batch were dropped, claim another batch.
        for _ in range(_MAX_CLAIMED_BATCHES):
            async with self._database.transaction() as tx:
                claimed = await store.claim_mails(tx, lease, limit, LEASE)
                tasks = [await self._prepare(tx, mail) for mail in claimed]
            ready_tasks = tuple(task for task in tasks if task is not None)
            if ready_tasks or not claimed:
                return ready_tasks
        return ()

    async def finish_mails(self, lease: LeaseId, results: tuple[MailResult, ...]) -> int:
        if len(results) > _MAX_RESULTS:
            raise InvalidRequest(f"a call accepts at most {_MAX_RESULTS} results")
        finished = 0
        for result in results:
            finished += await self._finish(lease, result)
        return finished

    async def _finish(self, lease: LeaseId, result: MailResult) -> bool:
        """Return False if the mail does not belong to the lease any more."""
        if result.outcome is MailOutcome.SENT:
            return await store.delete_sent_mail(self._database, result.id, lease)
        reason = "".join(letter if letter.isprintable() else "?" for letter in result.reason[:_MAX_REASON])
        if result.outcome is MailOutcome.POSTPONED:
            postponed = await store.postpone_mail(self._database, result.id, lease, reason)
            if postponed is None:
                return False
            kind: str | None = postponed.kind if postponed.has_failed else None
        else:
            kind = await store.fail_mail(self._database, result.id, lease, reason)
            if kind is None:
                return False
        if kind is not None:
            _record_failure(result.id, kind, reason)
        return True

    async def _prepare(self, tx: Executor, mail: ClaimedMail) -> MailTask | None:
        """Return the task of the worker for a mail. If the mail is not needed any more, delete it and return None."""
        user = mail.user if mail.requested_email is None else await self._find_reset_account(tx, mail)
        only_deleted = mail.kind is MailKind.ACCOUNT_DELETED  # guard: deletion-notice
        recipient = None if user is None else await store.find_recipient(tx, user, only_deleted=only_deleted)
        address = None if recipient is None else email_address.delivery_address(recipient.email)
        is_wanted = recipient is not None and self._is_wanted(mail.kind, recipient)
        if user is None or recipient is None or address is None or not is_wanted:
            await store.delete_mail(tx, mail.id)
            return None
        if mail.kind.is_notice or not self._has_link(mail.kind):
            return MailTask(mail.id, mail.kind, address)
        token = OpaqueToken(hmac.digest(self._token_key, mail.id.bytes, "sha256"))
        # Store the token only at the first attempt. The user may have used the token since, and it works only once.
        if mail.attempts == 1:  # guard: mail-token-once
            await self._store_token(tx, mail, user, recipient, token.digest)
        return MailTask(mail.id, mail.kind, address, token.text)

    async def _find_reset_account(self, tx: Executor, mail: ClaimedMail) -> UserId | None:
        """Return the account of a requested reset, and record it with the mail. None if there is no account."""
        parsed = email_address.parse(mail.requested_email or "")
        credentials = await Store(self._database, tx).find_credentials(parsed.lookup_keys, parsed.as_entered)
        if credentials is None or credentials.is_deleted:
            return None
        await store.set_recipient(tx, mail.id, credentials.user)
        return credentials.user

    async def _store_token(
        self, tx: Executor, mail: ClaimedMail, user: UserId, recipient: Recipient, digest: bytes
    ) -> None:
        if mail.kind is MailKind.VERIFICATION:
            await store.insert_email_token(tx, digest, user, recipient.email_key, VERIFICATION_TTL)
            return
        ttl = RESET_TTL if mail.kind is MailKind.RESET else INVITATION_TTL
        await insert_password_token(tx, digest, user, _PASSWORD_TOKEN_PURPOSES[mail.kind], ttl)
        if mail.kind is MailKind.RESET:
            actor = Actor(user, mail.requested_from)  # guard: reset-audit-actor
            await self._audit.record(tx, actor, Action.PASSWORD_RESET_CREATED, user, {"by": "mail"})

    def _new_mail_id(self) -> MailId:
        return MailId(self._new_id())

    def _has_link(self, kind: MailKind) -> bool:
        """Return whether a mail has a link with a secret. In a deployment without passwords, an invitation has no such
        link."""
        return self.allows_passwords or kind is not MailKind.INVITATION  # guard: invitation-passwords-off

    def _is_wanted(self, kind: MailKind, recipient: Recipient) -> bool:
        """Return whether an account still needs a mail of this kind."""
        if kind is MailKind.VERIFICATION:
            return not recipient.is_verified
        if kind is MailKind.RESET and not self.allows_passwords:
            return False
        if kind.is_notice:
            # An address that is not confirmed may belong to another person.
            return recipient.is_verified or kind is MailKind.PASSWORD_CHANGED  # guard: notice-confirmed
        return not recipient.is_disabled  # guard: mail-disabled-account


async def fail_expired_mails(db: Executor) -> None:
    """Fail the mails whose time has ended and that no worker has claimed."""
    for id, kind in await store.fail_expired_mails(db):
        _record_failure(id, kind, "it was not sent in time")


def _record_failure(id: MailId, kind: str, reason: str) -> None:
    _failed.labels(kind).inc()
    log.error("mail_failed", mail=str(id), kind=kind, reason=reason)
