"""Accounts: sign-up, profile, change of the password, deletion, and the check of email and password.

No database connection is held while a password is hashed. A hash takes a hundred times as long as the queries, so a
few logins would otherwise use up all connections.
"""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from ..concurrency.hashing_queue import HashClient
from ..contract.auth import Actor, DeletedAccount, MailKind, User
from ..contract.ids import SessionId, UserId
from ..errors import (
    EmailTaken,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InProgress,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    SignupClosed,
    invalid_fields_error,
)
from . import email_address, subkeys
from .administration.admins import require_other_admin
from .administration.store import delete_password_tokens, lock_admins
from .audit.audit_log import Action, forget_user
from .common_passwords import new_password_problem
from .email_address import EmailAddress
from .mail.mail_queue import AccountChangeRecorder
from .passkeys.store import delete_passkeys_of_user
from .password_hasher import PasswordHasher, is_usable
from .rate_limiter import MAX_KNOWN, Attempt, RateLimiter, client_network
from .rate_limits.store import remember_network
from .settings import REVOCATION_MARGIN, Settings, SignupMode
from .store import Store
from .stored_rows import StoredCredentials
from .utc_times import to_utc

log = structlog.get_logger(__name__)

FRESH_LOGIN: Final = timedelta(minutes=5)
"""The maximum age of a login that confirms a user without a password."""
_MAX_USERS: Final = 1000
"""The maximum number of ids in one call."""
MAX_IDEMPOTENCY_KEY_LENGTH: Final = 255
_MAX_DISPLAY_NAME: Final = 100
"""The maximum number of characters of a display name."""
_MAX_PAGE: Final = 1000
"""The maximum number of accounts in one page."""
_FIRST_TIME: Final = datetime.min.replace(tzinfo=UTC)
_FIRST_ID: Final = UUID(int=0)
_SIGNUP_CLOSED: Final = {
    SignupMode.CLOSED: "this deployment does not accept sign-ups; ask its operator for an account",
    SignupMode.INVITE: "this deployment accepts sign-ups only with an invitation; ask its operator for one",
}

LOGINS = Counter("drivebay_auth_logins_total", "Logins by outcome", ["outcome"])
_signups = Counter("drivebay_auth_signups_total", "Accounts created")


@dataclass(frozen=True, slots=True)
class _SignUpKey:
    """The idempotency key of a sign-up, with the client's network and a fingerprint of the request."""

    client_network: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class CheckedCredentials:
    """The result of a check. `credentials` is None if no account has the email. `attempt` is counted in the limits."""

    credentials: StoredCredentials | None
    matches: bool
    attempt: Attempt


class Accounts:
    """The account methods of `contract.auth.Auth`."""

    def __init__(
        self,
        store: Store,
        hasher: PasswordHasher,
        limiter: RateLimiter,
        settings: Settings,
        recorder: AccountChangeRecorder,
    ) -> None:
        self._store = store
        self._hasher = hasher
        self.limiter = limiter
        self._mails = recorder.mails
        self._signup = settings.signup
        self._has_passwords = settings.passwords
        self._fingerprint_key = subkeys.derive_key(settings.secret, "idempotency")
        self._remembered_for = settings.access_token_ttl + REVOCATION_MARGIN
        self._recorder = recorder
        self._audit = recorder.audit
        self._new_id = recorder.audit.new_id

    async def sign_up(self, email: str, password: str, address: str, idempotency_key: str | None = None) -> User:
        if not self._has_passwords:  # guard: passwords-off
            raise SignupClosed("this deployment has no passwords; sign in with its identity provider")
        if self._signup is not SignupMode.OPEN:  # guard: signup-closed
            raise SignupClosed(_SIGNUP_CLOSED[self._signup])
        parsed = email_address.parse(email)
        _validate_sign_up(parsed, password, idempotency_key)
        key = self._sign_up_key(parsed, password, address, idempotency_key)
        # Query the account first, and then the result of an earlier request. Both rows are committed together. In the
        # other order, the first request of this sign-up could commit between the two queries, and its repeat would
        # raise EmailTaken.
        is_taken = await self._store.find_credentials(parsed.lookup_keys, parsed.as_entered) is not None
        if key is not None and (earlier := await _find_earlier_result(self._store, key)):
            return earlier
        await self.limiter.charge_signup(address)  # guard: sign-up-repeat-first
        if is_taken:
            raise EmailTaken(
                f"{parsed.as_entered} has an account already, or a deleted account whose files are not purged yet"
            )
        password_hash = await self._hasher.hash(password, HashClient(client_network(address)))
        async with self._store.transaction() as store:
            if key is not None:
                if not await store.try_idempotency_lock(key.client_network, key.key):
                    raise InProgress(retry_after=1)
                if earlier := await _find_earlier_result(store, key):
                    return earlier
            user = await store.insert_user(UserId(self._new_id()), parsed.as_entered, parsed.key, password_hash)
            if user is None:
                raise EmailTaken(
                    f"{parsed.as_entered} has an account already, or a deleted account whose files are not purged yet"
                )
            if key is not None:
                await store.insert_sign_up_result(key.client_network, key.key, key.fingerprint, user.id)
            await self._mails.add(store.executor, MailKind.VERIFICATION, user.id)
        _signups.inc()
        log.info("signed_up", user=str(user.id))
        return user

    def require_passwords(self) -> None:
        """Raise Forbidden in a deployment where users sign in only with the identity provider."""
        if not self._has_passwords:  # guard: login-passwords-off
            raise Forbidden("this deployment has no passwords; sign in with its identity provider")

    async def get_user(self, user: UserId, caller: UserId | None = None) -> User:
        if caller is not None and caller != user:
            await self.limiter.charge_lookup(caller)  # guard: lookup-limit-by-id
        account = await self._store.find_user(user)
        if account is None:
            raise NotFound(f"no user {user}")
        return account

    async def find_user(self, email: str, caller: UserId | None = None) -> User:
        if caller is not None:
            await self.limiter.charge_lookup(caller)  # guard: lookup-limit
        parsed = email_address.parse(email)
        account = await self._store.find_user_by_email(parsed.lookup_keys, parsed.as_entered)
        # An unconfirmed address may belong to another person, so nothing may be shared with the account.
        if account is None or (self._mails.enabled and not account.email_verified):  # guard: find-user-verified
            raise NotFound("no account has this email address, or it is not confirmed")
        return account

    async def list_users(self, users: tuple[UserId, ...]) -> tuple[User, ...]:
        if not 1 <= len(users) <= _MAX_USERS:
            raise InvalidRequest(f"a call accepts 1 to {_MAX_USERS} ids of users")
        return await self._store.list_users(users)

    async def check_credentials(self, email: str, password: str, address: str) -> CheckedCredentials:
        """Return the account of this email, and whether the password matches. Raises RateLimited and Unavailable.

        `address` is the client's IP address. An unknown email causes the same steps as a wrong password, so both take
        the same time.
        """
        parsed, network = email_address.parse(email), client_network(address)
        credentials = await self._store.find_credentials(parsed.lookup_keys, parsed.as_entered, network)
        if credentials is not None and credentials.is_deleted:
            credentials = None
        attempt = Attempt(parsed.key, network, is_known=credentials is not None and credentials.is_known)
        await self.limiter.charge_password_attempt(attempt)  # guard: login-limit-before-hash
        stored_hash = None if credentials is None else credentials.password_hash
        matches = await self._hasher.verify(
            password, stored_hash, _hash_client(attempt)
        )  # guard: login-unknown-account-hash
        if credentials is not None and matches:
            await self._rehash(credentials, password)
        return CheckedCredentials(credentials, matches, attempt)

    async def confirm_user(
        self, user: UserId, password: str, address: str, session: SessionId | None = None
    ) -> StoredCredentials:
        """Return the account if the password is right. Raises InvalidCredentials, RateLimited, NotFound.

        If `password` is empty, and the account has no password or the deployment has none, `session` confirms the user
        instead: the session must not be older than `FRESH_LOGIN`. A wrong password does not count in the limits of
        logins, so a stolen session cannot lock out the user.
        """
        network = client_network(address)
        credentials = await self._store.find_credentials_of_user(user, network)
        if credentials is None:
            raise NotFound(f"no user {user}")
        if not password and not (self._has_passwords and is_usable(credentials.password_hash)):
            is_fresh = session is not None and await self._store.is_fresh_session(session, user, FRESH_LOGIN)
            if not is_fresh:  # guard: confirm-fresh-login
                raise InvalidCredentials("the account has no password: sign in again, and repeat this within 5 minutes")
            return credentials
        attempt = Attempt(str(user), network, credentials.is_known, call="confirm")  # guard: confirm-password-bucket
        await self.limiter.charge_password_attempt(attempt)  # guard: confirm-password-limit
        # guard: confirm-password
        if not await self._hasher.verify(password, credentials.password_hash, _hash_client(attempt)):
            raise InvalidCredentials("the password is wrong")
        await self.limiter.clear_failures(attempt)
        return credentials

    async def known_network(self, user: UserId, address: str) -> str | None:
        """Return the network of an address if the account has logged in from this network before, otherwise None."""
        network = client_network(address)
        credentials = await self._store.find_credentials_of_user(user, network)
        return network if credentials is not None and credentials.is_known else None

    async def finish_login(self, attempt: Attempt) -> None:
        """Clear the failed logins of an account from one network after a complete login."""
        await self.limiter.clear_failures(attempt)

    async def finish_second_step(self, user: UserId, address: str) -> None:
        """Do the same as `finish_login` after the second step of a login, with a code or a passkey. An earlier call
        checked the password."""
        network = client_network(address)
        credentials = await self._store.find_credentials_of_user(user, network)
        if credentials is not None:
            await self.finish_login(Attempt(credentials.email_key, network, is_known=True))

    async def remember_network(self, store: Store, user: UserId, address: str) -> None:
        """Record a complete login from a network, in the transaction of `store`."""
        await remember_network(store.executor, user, client_network(address), MAX_KNOWN - 1)

    async def _rehash(self, credentials: StoredCredentials, password: str) -> None:
        # Rehash only if a hash thread is free. Otherwise a later login rehashes the password.
        if self._hasher.needs_rehash(credentials.password_hash) and not self._hasher.is_busy:
            new_hash = await self._hasher.hash(password)
            await self._store.update_password_hash(credentials.user, credentials.password_hash, new_hash)

    async def update_profile(self, user: UserId, display_name: str | None = None) -> User:
        if display_name is None:
            return await self.get_user(user)
        name = unicodedata.normalize("NFC", display_name).strip()
        if len(name) > _MAX_DISPLAY_NAME or not name.isprintable():  # guard: display-name
            problem = f"must have at most {_MAX_DISPLAY_NAME} printable characters"
            raise InvalidRequest(f"display_name {problem}", errors=(FieldError("display_name", problem),))
        account = await self._store.update_display_name(user, name)
        if account is None:
            raise NotFound(f"no user {user}")
        return account

    async def change_password(
        self,
        user: UserId,
        current_password: str,
        new_password: str,
        address: str,
        keep: SessionId | None = None,
        user_agent: str = "",
    ) -> None:
        if problem := new_password_problem(new_password):
            raise InvalidRequest(f"new_password {problem}", errors=(FieldError("new_password", problem),))
        self.require_passwords()  # guard: change-password-off
        credentials = await self.confirm_user(user, current_password, address, keep)
        new_hash = await self._hasher.hash(new_password, HashClient(f"user {user}"))
        async with self._store.transaction() as store:
            if not await store.change_password(user, credentials.password_version, new_hash):
                raise InvalidCredentials("the password was changed meanwhile")
            await store.end_sessions_of_user(user, keep, "password")  # guard: change-password-sessions
            await delete_password_tokens(store.executor, user)  # guard: change-password-reset-links
            actor = Actor(user, address, user_agent)
            await self._recorder.record(store.executor, actor, Action.PASSWORD_CHANGED, user)
        log.info("password_changed", user=str(user))

    async def delete_account(
        self, user: UserId, password: str, address: str, user_agent: str = "", session: SessionId | None = None
    ) -> None:
        credentials = await self.confirm_user(user, password, address, session)
        async with self._store.transaction() as store:
            await lock_admins(store.executor)
            await require_other_admin(store.executor, user)  # guard: delete-last-admin
            if not await store.delete_user(user, credentials.password_version, self._hasher.unusable_hash):
                raise InvalidCredentials("the password was changed meanwhile")
            await store.end_sessions_of_user(user, None, "deleted")  # guard: delete-account-sessions
            await store.delete_api_tokens_of_user(user)  # guard: delete-account-tokens
            await delete_passkeys_of_user(store.executor, user)  # guard: delete-account-passkeys
            actor = Actor(user, address, user_agent)
            await self._recorder.record(store.executor, actor, Action.ACCOUNT_DELETED, user)
        log.info("account_deleted", user=str(user))

    async def list_deleted_accounts(
        self, after: DeletedAccount | None = None, limit: int = 100
    ) -> tuple[DeletedAccount, ...]:
        if not 1 <= limit <= _MAX_PAGE:
            raise InvalidRequest(f"limit must be 1 to {_MAX_PAGE}")
        position = (_FIRST_TIME, _FIRST_ID) if after is None else (to_utc(after.deleted_at, "after"), after.user)
        return await self._store.list_deleted_users(position, limit)

    async def purge_account(self, user: UserId) -> bool:
        # Clean the audit log first. After the purge nothing would try again, because a purged account is not listed any
        # more.
        await forget_user(self._store.executor, user)  # guard: purge-forgets
        if await self._store.purge_user(user, self._remembered_for):
            log.info("account_purged", user=str(user))
            return True
        return not await self._store.is_user_known(user)

    def _sign_up_key(
        self, email: EmailAddress, password: str, address: str, idempotency_key: str | None
    ) -> _SignUpKey | None:
        if idempotency_key is None:
            return None
        # The fingerprint is keyed, because a plain hash of the password would be easier to attack than its bcrypt hash.
        request = f"{len(email.as_entered)}:{email.as_entered}{password}"
        fingerprint = hmac.digest(self._fingerprint_key, request.encode(), "sha256")
        return _SignUpKey(client_network(address), idempotency_key, fingerprint)


def _hash_client(attempt: Attempt) -> HashClient:
    return HashClient(attempt.pair if attempt.is_known else attempt.network, attempt.is_known)


def _validate_sign_up(email: EmailAddress, password: str, idempotency_key: str | None) -> None:
    problems = {"email": email.problem, "password": new_password_problem(password)}
    if idempotency_key is not None and not is_valid_idempotency_key(idempotency_key):
        problems["idempotency_key"] = f"must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} printable characters"
    errors = tuple(FieldError(name, problem) for name, problem in problems.items() if problem is not None)
    if errors:
        raise invalid_fields_error(errors)


def is_valid_idempotency_key(key: str) -> bool:
    """Return whether a text can be an idempotency key."""
    return 1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH and key.isprintable()


async def _find_earlier_result(store: Store, key: _SignUpKey) -> User | None:
    earlier = await store.find_sign_up_result(key.client_network, key.key)
    if earlier is None:
        return None
    if not hmac.compare_digest(earlier.fingerprint, key.fingerprint):  # guard: sign-up-fingerprint
        raise IdempotencyKeyReused
    return earlier.user
