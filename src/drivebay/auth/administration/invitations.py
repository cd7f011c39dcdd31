"""Accounts that an admin creates, and the tokens that set a password: invitations and resets.

A token has 256 bits. Only its digest is stored. An admin who creates an account gets an invitation. Its token is
derived from the id of the account and a key that never leaves the service, so a repeated request can return the same
token. The token in a mail is derived from the id of the mail. The token of a reset that an admin creates is random.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from ...concurrency.hashing_queue import HashClient
from ...contract.auth import Account, Actor, CreatedAccount, MailKind, NewAccount
from ...contract.ids import UserId
from ...errors import (
    EmailTaken,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InProgress,
    InvalidRequest,
    InvalidToken,
    NotFound,
    invalid_fields_error,
)
from ...postgres import Database
from .. import email_address
from ..audit.audit_log import Action
from ..common_passwords import new_password_problem
from ..email_address import EmailAddress
from ..mail import store as mail_store
from ..mail.mail_queue import INVITATION_TTL, RESET_TTL, AccountChangeRecorder
from ..opaque_token import OpaqueToken
from ..passkeys.store import delete_passkeys_of_user
from ..password_hasher import PasswordHasher
from ..rate_limiter import client_network
from ..reclaims.service import reclaim
from ..store import Executor, Store
from ..user_accounts import MAX_IDEMPOTENCY_KEY_LENGTH, is_valid_idempotency_key
from . import store
from .admins import require_admin
from .service import limit_problem

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InvitationKeys:
    """`tokens` derives the tokens of invitations, `fingerprints` the fingerprints of requests."""

    tokens: bytes
    fingerprints: bytes


@dataclass(frozen=True, slots=True)
class RandomSource:
    """The sources of ids and of random bytes."""

    new_id: Callable[[], UUID]
    random_bytes: Callable[[int], bytes]


class Invitations:
    """The methods of `contract.auth.Administration` that create accounts and set passwords."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        keys: InvitationKeys,
        random: RandomSource,
        recorder: AccountChangeRecorder,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._audit = recorder.audit
        self._hasher = hasher
        self._keys = keys
        self._mails = recorder.mails
        self._new_id = random.new_id
        self._random_bytes = random.random_bytes

    async def create_account(
        self, actor: Actor, account: NewAccount, idempotency_key: str | None = None
    ) -> CreatedAccount:
        await require_admin(self._database, actor)
        email = self._validate(account, idempotency_key)
        scope, key = f"admin {actor.user}", idempotency_key
        fingerprint = hmac.digest(self._keys.fingerprints, msgspec.json.encode(account), "sha256")
        # Check for a repeated request before the expensive hash.
        if key is not None and (first := await _find_first(Store(self._database), scope, key, fingerprint)):
            return await self._created(self._database, first, account)
        password_hash = self._hasher.unusable_hash
        if account.password is not None:
            password_hash = await self._hasher.hash(account.password, HashClient(f"user {actor.user}"))
        async with self._database.transaction() as tx:
            await store.lock_admins(tx)
            await require_admin(tx, actor)
            users = Store(self._database, tx)
            if key is not None:
                if not await users.try_idempotency_lock(scope, key):
                    raise InProgress(retry_after=1)
                if first := await _find_first(users, scope, key, fingerprint):
                    return await self._created(tx, first, account)
            is_taken = await store.find_account(tx, email.lookup_keys) is not None
            user = UserId(self._new_id())
            if is_taken or await users.insert_user(user, email.as_entered, email.key, password_hash) is None:
                raise EmailTaken(
                    f"{email.as_entered} has an account already, or a deleted account whose files are not purged yet"
                )
            if key is not None:
                await users.insert_sign_up_result(scope, key, fingerprint, user)
            await store.set_role(tx, user, account.role)
            if account.password is None and self._mails.allows_passwords:
                digest = self._invitation(user).digest
                await store.insert_password_token(tx, digest, user, "invitation", INVITATION_TTL)
            await self._mails.add(tx, MailKind.INVITATION if account.password is None else MailKind.VERIFICATION, user)
            created = await self._created(tx, user, account)
            await self._audit.record(tx, actor, Action.ACCOUNT_CREATED, user, _creation_detail(account))
        log.info("account_created", user=str(created.account.id), actor=str(actor.user))
        return created

    async def create_reset_token(self, actor: Actor, user: UserId) -> str:
        async with self._database.transaction() as tx:
            await require_admin(tx, actor)
            if not self._mails.allows_passwords:  # guard: reset-token-passwords-off
                raise Forbidden("this deployment has no passwords; the user signs in with its identity provider")
            if await store.lock_account(tx, user) is None:
                raise NotFound(f"no account {user}")
            token = OpaqueToken.generate(self._random_bytes)
            await store.insert_password_token(tx, token.digest, user, "reset", RESET_TTL)
            await self._audit.record(tx, actor, Action.PASSWORD_RESET_CREATED, user)
        return token.text

    async def reset_password(self, actor: Actor, token: str, password: str) -> None:
        self._mails.require_passwords()
        parsed = OpaqueToken.parse(token)
        # Hash the password only for a token that exists, because a hash is expensive.
        if parsed is None or not await store.has_password_token(self._database, parsed.digest):
            raise InvalidToken("the link was used, has expired or never existed; ask for a new one")
        if problem := new_password_problem(password):
            raise InvalidRequest(f"password {problem}", errors=(FieldError("password", problem),))
        password_hash = await self._hasher.hash(password, HashClient(client_network(actor.address)))
        async with self._database.transaction() as tx:
            used_token = await store.take_password_token(tx, parsed.digest)
            if used_token is None:
                raise InvalidToken("the link was used, has expired or never existed; ask for a new one")
            if await _may_belong_to_other(tx, used_token):  # guard: reset-second-factor
                await reclaim(tx, used_token.user, password_hash)
            else:
                await store.set_password(tx, used_token.user, password_hash)
                await store.end_sessions(tx, used_token.user, "password")  # guard: reset-ends-sessions
                await store.delete_api_tokens(tx, used_token.user)  # guard: reset-ends-api-tokens
                await delete_passkeys_of_user(tx, used_token.user)  # guard: reset-ends-passkeys
            if used_token.was_mailed:  # guard: mailed-token-verifies
                await mail_store.mark_email_verified(tx, used_token.user)
            actor_of_token = msgspec.structs.replace(actor, user=used_token.user)
            # An invitation sets the first password, so it needs no notice.
            record = self._recorder.record if used_token.purpose == "reset" else self._audit.record
            await record(tx, actor_of_token, Action.PASSWORD_CHANGED, used_token.user, {"by": used_token.purpose})
        log.info("password_reset", user=str(used_token.user), purpose=used_token.purpose)

    async def _created(self, tx: Executor, user: UserId, account: NewAccount) -> CreatedAccount:
        """Return the result of a creation. If the account has no password, the result contains the invitation.

        In a deployment without passwords there is no token, because the user signs in at the identity provider.
        """
        accounts: tuple[Account, ...] = await store.get_accounts(tx, (user,), "")
        if account.password is not None or not self._mails.allows_passwords:
            return CreatedAccount(accounts[0])
        return CreatedAccount(accounts[0], self._invitation(user).text)

    def _validate(self, account: NewAccount, idempotency_key: str | None) -> EmailAddress:
        email, password = email_address.parse(account.email), account.password
        problems = {
            "email": email.problem,
            "password": None if password is None else new_password_problem(password),
            "limit_bytes": limit_problem(account.limit_bytes),
        }
        if password is not None and not self._mails.allows_passwords:  # guard: create-passwords-off
            problems["password"] = "must be null: this deployment has no passwords"  # noqa: S105 - a message
        if idempotency_key is not None and not is_valid_idempotency_key(idempotency_key):
            problems["idempotency_key"] = f"must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} printable characters"
        errors = tuple(FieldError(name, problem) for name, problem in problems.items() if problem is not None)
        if errors:
            raise invalid_fields_error(errors)
        return email

    def _invitation(self, user: UserId) -> OpaqueToken:
        return OpaqueToken(hmac.digest(self._keys.tokens, user.bytes, "sha256"))


async def _find_first(users: Store, scope: str, key: str, fingerprint: bytes) -> UserId | None:
    """Return the account that an earlier request with this key created, or None. Raises IdempotencyKeyReused."""
    earlier = await users.find_sign_up_result(scope, key)
    if earlier is None:
        return None
    if not hmac.compare_digest(earlier.fingerprint, fingerprint):
        raise IdempotencyKeyReused
    return earlier.user.id


async def _may_belong_to_other(tx: Executor, used_token: store.UsedPasswordToken) -> bool:
    """Return whether another person than the reader of the mail may have created the account of a mailed reset.

    This is so if the email address of the account was never confirmed. Return False for an invitation, because nobody
    can use an account before its invitation is used.
    """
    recipient = await mail_store.find_recipient(tx, used_token.user)
    return (
        used_token.was_mailed and used_token.purpose == "reset" and recipient is not None and not recipient.is_verified
    )


def _creation_detail(account: NewAccount) -> dict[str, str]:
    limit = {} if account.limit_bytes is None else {"limit_bytes": str(account.limit_bytes)}
    return {"role": account.role.value, "invited": str(account.password is None).lower(), **limit}
