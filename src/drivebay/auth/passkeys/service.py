"""Implements the methods of `contract.auth.Passkeys` that add, list, rename and remove passkeys.

A passkey alone is enough to log in. So a user who adds a passkey must confirm with the password, and with a code if the
account has a second factor. A user without a password must have logged in recently. The challenge is bound to the
session. A session that has ended cannot add a passkey.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from ...contract.auth import Actor, Passkey, PasskeyAttestation, RelyingParty
from ...contract.ids import PasskeyId, SessionId, UserId
from ...errors import Conflict, FieldError, InvalidCode, InvalidCredentials, InvalidPasskey, InvalidRequest, NotFound
from ...postgres import Database
from ..audit.audit_log import Action
from ..mail.mail_queue import AccountChangeRecorder
from ..opaque_token import OpaqueToken
from ..second_factor.service import FactorVerifier
from ..second_factor.store import lock_account_row
from ..store import Store
from ..user_accounts import Accounts
from . import store, webauthn_responses
from .webauthn_responses import InvalidWebauthnResponse

log = structlog.get_logger(__name__)

MAX_PASSKEYS: Final = 20
"""The maximum number of passkeys of one account."""
CHALLENGE_TTL: Final = timedelta(minutes=5)
_MAX_NAME: Final = 100
"""The maximum number of characters of the name of a passkey."""


@dataclass(frozen=True, slots=True)
class PasskeyDependencies:
    """The dependencies of both passkey services. `party` is None if the URL of the deployment cannot have passkeys."""

    party: RelyingParty | None
    accounts: Accounts
    verifier: FactorVerifier
    recorder: AccountChangeRecorder
    random_bytes: Callable[[int], bytes]

    def require_party(self) -> RelyingParty:
        """Return the relying party. Raises NotFound, and Forbidden in a deployment without passwords."""
        # Without passwords, only the identity provider decides who can log in. A passkey would bypass it.
        self.accounts.require_passwords()  # guard: passkey-passwords-off
        if self.party is None:
            raise NotFound("passkeys need an https URL with a host name in DRIVEBAY_PUBLIC_URL; ask the operator")
        return self.party


class PasskeyService:
    """The passkeys of accounts."""

    def __init__(self, database: Database, dependencies: PasskeyDependencies, new_id: Callable[[], UUID]) -> None:
        self._database = database
        self._dependencies = dependencies
        self._new_id = new_id

    async def begin_passkey(self, actor: Actor, password: str, code: str = "", session: SessionId | None = None) -> str:
        party = self._dependencies.require_party()
        user = _require_user(actor)
        found = await self._dependencies.accounts.confirm_user(user, password, actor.address, session)
        if found.has_second_factor:  # guard: passkey-add-code
            await self._use_code(actor, user, code)
        account = await Store(self._database).find_user(user)
        if account is None:
            raise NotFound(f"no user {user}")
        _check_passkey_count(await store.count_passkeys(self._database, user))
        challenge = OpaqueToken.generate(self._dependencies.random_bytes)
        existing = await store.list_credentials(self._database, user)
        if session is None or not await store.insert_registration_challenge(
            self._database, challenge.digest, session, user, CHALLENGE_TTL
        ):
            raise InvalidCredentials("the session has ended: log in again")
        return webauthn_responses.creation_options(party, account, challenge.value, existing)

    async def add_passkey(
        self, actor: Actor, attestation: PasskeyAttestation, name: str, session: SessionId | None = None
    ) -> Passkey:
        party = self._dependencies.require_party()
        user = _require_user(actor)
        name = _checked_name(name)
        challenge = webauthn_responses.find_challenge(attestation.client_data)
        # First use up the challenge in a transaction of its own. So it cannot be used again if the verification fails.
        if (
            challenge is None
            or session is None
            or not await store.take_registration_challenge(self._database, challenge.digest, session)
        ):
            raise InvalidPasskey("the options were used or have expired; begin again")
        try:
            key = webauthn_responses.verify_attestation(party, challenge, attestation)
        except InvalidWebauthnResponse as error:
            log.info("passkey_refused", user=str(user), reason=str(error))
            raise InvalidPasskey from None
        passkey = store.NewPasskey(
            id=PasskeyId(self._new_id()),
            user=user,
            credential_id=key.credential_id,
            public_key=key.public_key,
            sign_count=key.sign_count,
            transports=webauthn_responses.known_transports(attestation.transports),
            name=name,
            is_synced=key.is_synced,
        )
        async with self._database.transaction() as tx:
            await lock_account_row(tx, user)
            _check_passkey_count(await store.count_passkeys(tx, user))  # guard: passkey-count
            added = await store.insert_passkey(tx, passkey, session)
            if added is None:
                raise InvalidPasskey
            await self._dependencies.recorder.record(
                tx, actor, Action.PASSKEY_ADDED, user, {"passkey_id": str(added.id), "name": name}
            )
        log.info("passkey_added", user=str(user), id=str(added.id))
        return added

    async def list_passkeys(self, user: UserId) -> tuple[Passkey, ...]:
        return await store.list_passkeys(self._database, user)

    async def rename_passkey(self, user: UserId, passkey: PasskeyId, name: str) -> Passkey:
        renamed = await store.rename_passkey(self._database, passkey, user, _checked_name(name))
        if renamed is None:
            raise NotFound(f"no passkey {passkey}")
        return renamed

    async def remove_passkey(
        self, actor: Actor, passkey: PasskeyId, password: str, session: SessionId | None = None
    ) -> None:
        user = _require_user(actor)
        await self._dependencies.accounts.confirm_user(user, password, actor.address, session)
        async with self._database.transaction() as tx:
            await lock_account_row(tx, user)
            if not await store.delete_passkey(tx, passkey, user):
                raise NotFound(f"no passkey {passkey}")
            await self._dependencies.recorder.record(
                tx, actor, Action.PASSKEY_REMOVED, user, {"passkey_id": str(passkey)}
            )
        log.info("passkey_removed", user=str(user), id=str(passkey))

    async def _use_code(self, actor: Actor, user: UserId, code: str) -> None:
        await self._dependencies.verifier.charge_confirmation_code(user, code)
        async with self._database.transaction() as tx:
            await lock_account_row(tx, user)
            if not await self._dependencies.verifier.use_any_code(tx, actor, user, code):
                raise InvalidCode
        await self._dependencies.verifier.refill_confirmation_codes(user)


def _check_passkey_count(passkeys: int) -> None:
    if passkeys >= MAX_PASSKEYS:
        raise Conflict(f"an account has at most {MAX_PASSKEYS} passkeys; remove one first")


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        problem = f"must have 1 to {_MAX_NAME} printable characters"
        raise InvalidRequest(f"name {problem}", errors=(FieldError("name", problem),))
    return name


def _require_user(actor: Actor) -> UserId:
    if actor.user is None:
        raise NotFound("this call needs an account")
    return actor.user
