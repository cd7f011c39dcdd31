"""Implements the methods of `contract.auth.Passkeys` that log in.

The WebAuthn challenge is used up before the browser's response is verified. Every wrong response raises the same error.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import structlog

from ...contract.auth import Actor, PasskeyAssertion, Tokens
from ...contract.ids import UserId
from ...errors import InvalidCode, InvalidPasskey, NotFound
from ..logins import Logins
from ..opaque_token import OpaqueToken
from ..rate_limiter import RateLimiter
from ..second_factor import store as factors
from ..store import Store
from . import store, webauthn_responses
from .service import CHALLENGE_TTL, PasskeyDependencies
from .store import Credential, StoredPasskey
from .webauthn_responses import InvalidWebauthnResponse, VerifiedAssertion

log = structlog.get_logger(__name__)

_MAX_CREDENTIAL_ID: Final = 1023
"""The maximum number of bytes of a credential id (WebAuthn, 4)."""


class _Login(NamedTuple):
    """A login that waits for its second factor. `digest` is the digest of its challenge, `allowed` are the passkeys of
    its account."""

    digest: bytes
    allowed: tuple[Credential, ...]


class PasskeyLogins:
    """Logins with passkeys, alone or as a second factor."""

    def __init__(
        self, auth_store: Store, dependencies: PasskeyDependencies, logins: Logins, limiter: RateLimiter
    ) -> None:
        self._store = auth_store
        self._dependencies = dependencies
        self._logins = logins
        self._limiter = limiter

    async def begin_passkey_login(self, address: str, challenge: str | None = None) -> str:
        party = self._dependencies.require_party()
        # The web app makes this call at each login that waits for a second factor. If the account has no passkey, the
        # call must not count in the limit of the network, so the account is looked up first.
        login = None if challenge is None else await self._find_login(challenge)
        # The browser's response to the options that this call returns is accepted once. So the limit of this call also
        # limits the number of responses.
        # guard: passkey-limit, passkey-limit-order
        await self._limiter.charge_passkey(address)
        webauthn_challenge, db = OpaqueToken.generate(self._dependencies.random_bytes), self._store.executor
        if login is None:
            await store.insert_login_challenge(db, webauthn_challenge.digest, CHALLENGE_TTL)
            return webauthn_responses.request_options(party, webauthn_challenge.value, ())
        if not await store.insert_second_factor_challenge(db, webauthn_challenge.digest, login.digest, CHALLENGE_TTL):
            raise _login_ended()
        return webauthn_responses.request_options(party, webauthn_challenge.value, login.allowed)

    async def log_in_with_passkey(
        self, assertion: PasskeyAssertion, address: str, user_agent: str = "", challenge: str | None = None
    ) -> Tokens:
        party = self._dependencies.require_party()
        client = Actor(address=address, user_agent=user_agent)
        login = None if challenge is None else OpaqueToken.parse(challenge)
        webauthn_challenge = webauthn_responses.find_challenge(assertion.client_data)
        if webauthn_challenge is None or (challenge is not None and login is None):
            raise InvalidPasskey
        db = self._store.executor
        if not await store.take_login_challenge(db, webauthn_challenge.digest, None if login is None else login.digest):
            raise InvalidPasskey
        waiting = None if login is None else await factors.take_try(db, login.digest)
        if login is not None and waiting is None:
            raise InvalidPasskey
        passkey = await self._find(assertion)
        use = None
        if passkey is not None:
            try:
                use = webauthn_responses.verify_assertion(party, webauthn_challenge, assertion, passkey)
            except InvalidWebauthnResponse as error:
                log.info("passkey_refused", id=str(passkey.id), reason=str(error))
        user = None if waiting is None else waiting.user
        if passkey is None or use is None or user not in (None, passkey.user):  # guard: passkey-other-account
            await self._logins.refuse(client, user if passkey is None else passkey.user, "passkey")
            raise InvalidPasskey
        password_version = passkey.password_version if waiting is None else waiting.password_version
        tokens = await self._start(client, passkey, use, password_version, None if login is None else login.digest)
        if tokens is None:
            await self._logins.refuse(client, passkey.user, "passkey")
            raise InvalidPasskey
        await self._finish(passkey.user, address, is_second=waiting is not None)
        return tokens

    async def _find_login(self, challenge: str) -> _Login:
        """Return a login that waits for its second factor. Raises InvalidCode, and NotFound without a passkey."""
        token, db = OpaqueToken.parse(challenge), self._store.executor
        user = None if token is None else await store.find_user_of_login(db, token.digest)
        if token is None or user is None:
            raise _login_ended()
        allowed = await store.list_credentials(db, user)
        if not allowed:
            raise NotFound("the account has no passkey; use a code")
        return _Login(token.digest, allowed)

    async def _find(self, assertion: PasskeyAssertion) -> StoredPasskey | None:
        if len(assertion.credential_id) > _MAX_CREDENTIAL_ID:
            return None
        return await store.find_credential(self._store.executor, assertion.credential_id)

    async def _start(
        self,
        client: Actor,
        passkey: StoredPasskey,
        use: VerifiedAssertion,
        password_version: int,
        login_digest: bytes | None,
    ) -> Tokens | None:
        """Record the use and start a session, in one transaction.

        Return None if the passkey was copied or removed, the login has ended, the password was changed, or the account
        cannot log in now.
        """
        async with self._store.transaction() as tx:
            await factors.lock_account_row(tx.executor, passkey.user)  # guard: passkey-lock-order
            if not await store.use_passkey(tx.executor, passkey, use.sign_count, is_synced=use.is_synced):
                log.warning("passkey_count_refused", id=str(passkey.id), count=use.sign_count)
                return None
            if login_digest is not None and not await factors.delete_challenge(tx.executor, login_digest):
                return None
            return await self._logins.start(tx, client, passkey.user, password_version, {"passkey_id": str(passkey.id)})

    async def _finish(self, user: UserId, address: str, *, is_second: bool) -> None:
        await self._limiter.return_passkey_token(address)
        if is_second:
            await self._dependencies.accounts.finish_second_step(user, address)


def _login_ended() -> InvalidCode:
    return InvalidCode("the login has ended; log in again with email and password")
