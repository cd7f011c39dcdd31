"""Logins with email and password, and with a code if the account has a second factor.

One transaction creates the session and the row of the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from prometheus_client import Counter

from ..contract.auth import Actor, Tokens
from ..contract.ids import UserId
from ..errors import InvalidCode, InvalidCredentials, SecondFactorRequired
from .audit.audit_log import Action, AuditLog
from .opaque_token import OpaqueToken
from .second_factor import store as factors
from .second_factor.service import FactorVerifier
from .sessions import Sessions
from .store import Store
from .user_accounts import LOGINS, Accounts

log = structlog.get_logger(__name__)

_omitted = Counter("drivebay_auth_failed_logins_omitted_total", "Failed logins that the audit log does not record")


class Logins:
    """The methods of `contract.auth.Auth` that start sessions.

    In these methods, `client` is the actor before its user is known: it has only the address and the user agent.
    """

    def __init__(
        self, store: Store, accounts: Accounts, sessions: Sessions, verifier: FactorVerifier, audit: AuditLog
    ) -> None:
        self._store = store
        self._limiter = accounts.limiter
        self._accounts = accounts
        self._sessions = sessions
        self._verifier = verifier
        self._audit = audit

    async def log_in(self, email: str, password: str, address: str, user_agent: str = "") -> Tokens:
        self._accounts.require_passwords()
        client = Actor(address=address, user_agent=user_agent)
        checked = await self._accounts.check_credentials(email, password, address)
        credentials = checked.credentials
        if credentials is None or not checked.matches:
            await self.refuse(client, None if credentials is None else credentials.user, "password")
            raise InvalidCredentials
        if credentials.is_disabled:  # guard: login-disabled-account
            await self.refuse(client, credentials.user, "disabled")
            raise InvalidCredentials
        if credentials.has_second_factor:  # guard: login-second-factor
            challenge = await self._verifier.create_challenge(
                self._store.executor, credentials.user, credentials.password_version
            )
            LOGINS.labels("code_required").inc()
            raise SecondFactorRequired(challenge=challenge)
        async with self._store.transaction() as store:
            tokens = await self.start(store, client, credentials.user, credentials.password_version)
        if tokens is None:
            await self.refuse(client, credentials.user, "changed")
            raise InvalidCredentials  # the password was changed, or the account disabled, after the check
        await self._accounts.finish_login(checked.attempt)
        return tokens

    async def log_in_with_code(self, challenge: str, code: str, address: str, user_agent: str = "") -> Tokens:
        client = Actor(address=address, user_agent=user_agent)
        token = OpaqueToken.parse(challenge)
        # The attempt is committed before the code is verified, so that an error does not undo it.
        row = None if token is None else await factors.take_try(self._store.executor, token.digest)
        if token is None or row is None:
            raise InvalidCode("the challenge has ended; log in again with email and password")
        known_network = await self._accounts.known_network(row.user, address)
        await self._verifier.charge(row.user, code, known_network)
        tokens = None
        async with self._store.transaction() as store:
            await factors.lock_account_row(store.executor, row.user)  # guard: code-login-lock-order
            actor = Actor(row.user, address, user_agent)
            is_right = await self._verifier.use_any_code(store.executor, actor, row.user, code)
            # If two requests send a right code at the same time, only the request that deletes the challenge logs in.
            if is_right and await factors.delete_challenge(store.executor, token.digest):  # guard: challenge-once
                tokens = await self.start(store, client, row.user, row.password_version)
        if tokens is None:
            await self.refuse(client, row.user, "code")
            raise InvalidCode
        await self._verifier.refill(row.user, known_network)
        await self._accounts.finish_second_step(row.user, address)
        return tokens

    async def start_without_password(self, client: Actor, user: UserId, password_version: int) -> Tokens:
        """Start a session of a user whose identity was verified in another way. Raises the errors of `log_in`."""
        credentials = await self._store.find_credentials_of_user(user)
        if credentials is not None and credentials.has_second_factor and not credentials.is_disabled:
            challenge = await self._verifier.create_challenge(self._store.executor, user, password_version)
            raise SecondFactorRequired(challenge=challenge)
        async with self._store.transaction() as store:
            tokens = await self.start(store, client, user, password_version)
        if tokens is None:
            await self.refuse(client, user, "changed")
            raise InvalidCredentials("the account was changed or disabled; sign in again")
        return tokens

    async def start(
        self,
        store: Store,
        client: Actor,
        user: UserId,
        password_version: int,
        detail: Mapping[str, str] | None = None,
    ) -> Tokens | None:
        """Start a session in the transaction of `store`.

        Return None if the password has another version now, or if the account cannot log in any more. `detail` is for
        the audit log.
        """
        tokens = await self._sessions.start(store, client, user, password_version)
        if tokens is not None:
            await store.record_login(user)
            await self._accounts.remember_network(store, user, client.address)  # guard: known-network-login
            actor = Actor(user, client.address, client.user_agent)
            await self._audit.record(store.executor, actor, Action.LOGIN, user, detail)
            LOGINS.labels("granted").inc()
        return tokens

    async def refuse(self, client: Actor, user: UserId | None, reason: str) -> None:
        """Record a failed login, within the limits of the audit log."""
        LOGINS.labels("refused").inc()
        # The limits are also charged if there is no account, so that both cases take the same time.
        record = await self._limiter.charge_audit_record(user, client.address)
        if not record.granted:  # guard: audit-failed-logins
            _omitted.inc()
            return
        detail = {"reason": reason} if record.tokens else {"reason": reason, "further": "not_recorded"}
        await self._audit.record(self._store.executor, client, Action.LOGIN_FAILED, user, detail)
