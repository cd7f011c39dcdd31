"""Implements `contract.auth.SecondFactor`.

A code is accepted once: the row of the secret has the time step of the last code, and only the code of a later step is
accepted. If two logins send the same code at the same time, only one login succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from ...contract.auth import Actor, TotpSecret
from ...contract.ids import SessionId, UserId
from ...errors import AlreadyEnabled, InvalidCode, NotFound
from ...postgres import Database
from ..administration.admins import require_admin
from ..administration.store import lock_account
from ..audit.audit_log import Action
from ..mail.mail_queue import AccountChangeRecorder
from ..opaque_token import OpaqueToken
from ..passkeys.store import delete_passkeys_of_user
from ..rate_limiter import RateLimiter
from ..store import Executor, Store
from ..user_accounts import Accounts
from . import second_factor_codes, store
from .store import ChallengeRow, StoredSecret

log = structlog.get_logger(__name__)

CHALLENGE_TTL: Final = timedelta(minutes=5)
CHALLENGE_TRIES: Final = 5
"""The number of codes that can be sent with one challenge."""


@dataclass(frozen=True, slots=True)
class FactorKeys:
    """`secrets` encrypts the secrets of second factors, `recovery_codes` hashes recovery codes."""

    secrets: bytes
    recovery_codes: bytes


class FactorVerifier:
    """Verifies codes, and creates secrets and challenges. `now` is the clock that codes depend on."""

    def __init__(
        self,
        limiter: RateLimiter,
        keys: FactorKeys,
        recorder: AccountChangeRecorder,
        *,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._limiter = limiter
        self._keys = keys
        self._recorder = recorder
        self._now = now
        self._random_bytes = random_bytes

    def new_secret(self, user: UserId, email: str) -> tuple[TotpSecret, bytes]:
        """Return a new secret, as the user sees it and as it is stored."""
        secret = second_factor_codes.new_secret(self._random_bytes)
        sealed = second_factor_codes.seal(secret, user, self._keys.secrets, self._random_bytes)
        return TotpSecret(secret, second_factor_codes.provisioning_uri(secret, email)), sealed

    def new_recovery_codes(self, user: UserId) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
        """Return new recovery codes and their digests."""
        codes = second_factor_codes.new_recovery_codes(self._random_bytes)
        return codes, tuple(
            second_factor_codes.recovery_digest(self._keys.recovery_codes, user, code) for code in codes
        )

    async def create_challenge(self, db: Executor, user: UserId, password_version: int) -> str:
        """Store and return a challenge for the second step of a login."""
        token = OpaqueToken.generate(self._random_bytes)
        row = ChallengeRow(user, password_version)
        await store.insert_challenge(db, token.digest, row, CHALLENGE_TTL, CHALLENGE_TRIES)
        return token.text

    async def charge(self, user: UserId, text: str, known_network: str | None) -> None:
        """Count one attempt at the code of a login. Call it before the code is verified, outside a transaction.

        `known_network` is the client's network if the account logged in from there before. Raises RateLimited.

        Recovery codes are not counted. They are too long to guess, and they still work when an attacker has used up
        the limit.
        """
        if not second_factor_codes.is_recovery_code(second_factor_codes.normalize(text)):
            await self._limiter.charge_code(user, known_network)  # guard: totp-limit

    async def refill(self, user: UserId, known_network: str | None) -> None:
        """Reset the limit of wrong codes at logins. Call it after a correct code."""
        await self._limiter.refill_code_bucket(user)
        if known_network is not None:
            await self._limiter.refill_code_bucket(user, known_network)

    async def charge_confirmation_code(self, user: UserId, text: str) -> None:
        """Count one attempt at a code that confirms a change of the ways to log in, as `charge` does.

        These changes are the setup and the removal of the second factor, and a new passkey.
        """
        if not second_factor_codes.is_recovery_code(second_factor_codes.normalize(text)):
            await self._limiter.charge_confirmation_code(user)  # guard: totp-change-limit

    async def refill_confirmation_codes(self, user: UserId) -> None:
        """Reset the limit of wrong codes at such changes. Call it after a correct code."""
        await self._limiter.refill_confirmation_codes(user)

    async def use_totp_code(self, db: Executor, user: UserId, sealed: bytes, text: str) -> bool:
        """Use up a TOTP code. Return False if it is wrong or was used."""
        code = second_factor_codes.normalize(text)
        if not second_factor_codes.is_totp_code(code):
            return False
        secret = second_factor_codes.unseal(sealed, user, self._keys.secrets)
        step = second_factor_codes.find_step(secret, code, self._now())
        return step is not None and await store.use_step(db, user, step)

    async def use_any_code(self, db: Executor, actor: Actor, user: UserId, text: str) -> bool:
        """Use up a TOTP code or a recovery code of an active second factor. Return False if it is wrong or used.

        Records the use of a recovery code by `actor`, and tells the user of it by mail.
        """
        secret = await store.find_secret(db, user)
        if secret is None or not secret.is_active:
            return False
        code = second_factor_codes.normalize(text)
        if second_factor_codes.is_recovery_code(code):
            digest = second_factor_codes.recovery_digest(self._keys.recovery_codes, user, code)
            if not await store.use_recovery_code(db, user, digest):
                return False
            await self._recorder.record(db, actor, Action.RECOVERY_CODE_USED, user)
            return True
        return await self.use_totp_code(db, user, secret.sealed, code)


class SecondFactorService:
    """The methods that set up and remove a second factor."""

    def __init__(
        self, database: Database, accounts: Accounts, verifier: FactorVerifier, recorder: AccountChangeRecorder
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._verifier = verifier
        self._recorder = recorder

    async def begin_totp(self, actor: Actor) -> TotpSecret:
        user = _require_user(actor)
        found = await Store(self._database).find_user(user)
        if found is None:
            raise NotFound(f"no account {user}")
        secret, sealed = self._verifier.new_secret(user, found.email)
        if not await store.upsert_secret(self._database, user, sealed):
            raise AlreadyEnabled
        return secret

    async def confirm_totp(self, actor: Actor, code: str) -> tuple[str, ...]:
        user = _require_user(actor)
        # Check the state first, so that a call that verifies no code does not count in the limit.
        _require_new_secret(await store.find_secret(self._database, user))
        await self._verifier.charge_confirmation_code(user, code)  # guard: totp-confirm-state-first
        async with self._database.transaction() as tx:
            secret = _require_new_secret(await store.lock_secret(tx, user))
            if not await self._verifier.use_totp_code(tx, user, secret.sealed, code):
                raise InvalidCode
            if not await store.activate(tx, user):
                raise AlreadyEnabled
            codes, digests = self._verifier.new_recovery_codes(user)
            await store.insert_recovery_codes(tx, user, digests)
            await self._recorder.record(tx, actor, Action.SECOND_FACTOR_ENABLED, user)
        await self._verifier.refill_confirmation_codes(user)
        log.info("second_factor_enabled", user=str(user))
        return codes

    async def remove_totp(self, actor: Actor, password: str, code: str, session: SessionId | None = None) -> None:
        user = _require_user(actor)
        secret = await store.find_secret(self._database, user)
        if secret is None or not secret.is_active:
            raise NotFound("the account has no second factor")
        await self._accounts.confirm_user(user, password, actor.address, session)
        await self._verifier.charge_confirmation_code(user, code)
        async with self._database.transaction() as tx:
            await store.lock_account_row(tx, user)
            if not await self._verifier.use_any_code(tx, actor, user, code):  # guard: totp-remove-code
                raise InvalidCode
            await store.delete_secret(tx, user)
            await self._recorder.record(tx, actor, Action.SECOND_FACTOR_DISABLED, user)
        await self._verifier.refill_confirmation_codes(user)
        log.info("second_factor_disabled", user=str(user))

    async def reset_second_factor(self, actor: Actor, user: UserId) -> None:
        async with self._database.transaction() as tx:
            await require_admin(tx, actor)
            if await lock_account(tx, user) is None:
                raise NotFound(f"no account {user}")
            if await store.delete_secret(tx, user):
                await self._recorder.record(tx, actor, Action.SECOND_FACTOR_DISABLED, user)
            if passkeys := await delete_passkeys_of_user(tx, user):  # guard: reset-factor-passkeys
                await self._recorder.record(tx, actor, Action.PASSKEY_REMOVED, user, {"passkeys": str(passkeys)})


def _require_new_secret(secret: StoredSecret | None) -> StoredSecret:
    if secret is None:
        raise NotFound("no second factor is being set up: begin with POST /v1/me/totp")
    if secret.is_active:
        raise AlreadyEnabled
    return secret


def _require_user(actor: Actor) -> UserId:
    if actor.user is None:
        raise NotFound("this call needs an account")
    return actor.user
