"""Builds the auth service, and removes data that has expired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import bcrypt
import structlog

from ..contract.auth import relying_party
from ..contract.health import Health
from ..errors import Unavailable
from ..postgres import Database
from . import subkeys
from .administration.invitations import InvitationKeys, Invitations, RandomSource
from .administration.service import AdministrationService
from .administration.store import prune_password_tokens
from .api_tokens import ApiTokenKeys, ApiTokens
from .audit import audit_log
from .audit.audit_log import AuditLog
from .audit.service import AuditReader
from .keyring import PUBLICATION_MARGIN, Keyring
from .logins import Logins
from .mail.mail_queue import AccountChangeRecorder, MailQueue, fail_expired_mails
from .mail.service import MailService
from .mail.store import prune_email_tokens, prune_mails
from .oidc import store as oidc_store
from .oidc.identity_provider import IdentityProvider
from .oidc.oidc_accounts import OidcAccounts
from .oidc.service import OidcDependencies, OidcService
from .passkeys.passkey_logins import PasskeyLogins
from .passkeys.service import PasskeyDependencies, PasskeyService
from .passkeys.store import prune_challenges as prune_passkey_challenges
from .password_hasher import PasswordHasher
from .rate_limiter import KNOWN_FOR, RateLimiter
from .rate_limits.store import prune_buckets, prune_known_networks
from .reclaims.service import Reclaims
from .second_factor.service import FactorKeys, FactorVerifier, SecondFactorService
from .second_factor.store import prune_challenges
from .sessions import Sessions
from .settings import REVOCATION_MARGIN, Settings
from .store import Store
from .token_issuer import TokenIssuer
from .user_accounts import Accounts

log = structlog.get_logger(__name__)

_KEY_RELOAD_INTERVAL: Final = timedelta(seconds=5)
_PRUNE_INTERVAL: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Implementations:
    """The objects that implement `contract.auth.Auth`, by subject."""

    accounts: Accounts
    reclaims: Reclaims
    sessions: Sessions
    logins: Logins
    second_factor: SecondFactorService
    api_tokens: ApiTokens
    keyring: Keyring
    administration: AdministrationService
    invitations: Invitations
    audit: AuditReader
    mail: MailService
    oidc: OidcService
    passkeys: PasskeyService
    passkey_logins: PasskeyLogins


class Service:
    """Implements `contract.auth.Auth`. Each attribute is the bound method of the object that implements it."""

    def __init__(self, store: Store, implementations: Implementations) -> None:
        self._store = store
        self.sign_up = implementations.accounts.sign_up
        self.get_user = implementations.accounts.get_user
        self.find_user = implementations.accounts.find_user
        self.list_users = implementations.accounts.list_users
        self.update_profile = implementations.accounts.update_profile
        self.change_password = implementations.accounts.change_password
        self.delete_account = implementations.accounts.delete_account
        self.list_deleted_accounts = implementations.accounts.list_deleted_accounts
        self.list_reclaimed_accounts = implementations.reclaims.list_reclaimed_accounts
        self.finish_reclaimed_account = implementations.reclaims.finish_reclaimed_account
        self.purge_account = implementations.accounts.purge_account
        self.log_in = implementations.logins.log_in
        self.log_in_with_code = implementations.logins.log_in_with_code
        self.refresh = implementations.sessions.refresh
        self.log_out = implementations.sessions.log_out
        self.list_sessions = implementations.sessions.list_sessions
        self.end_session = implementations.sessions.end_session
        self.end_sessions = implementations.sessions.end_sessions
        self.list_revoked_sessions = implementations.sessions.list_revoked_sessions
        self.begin_totp = implementations.second_factor.begin_totp
        self.confirm_totp = implementations.second_factor.confirm_totp
        self.remove_totp = implementations.second_factor.remove_totp
        self.reset_second_factor = implementations.second_factor.reset_second_factor
        self.create_api_token = implementations.api_tokens.create_api_token
        self.list_api_tokens = implementations.api_tokens.list_api_tokens
        self.list_api_token_page = implementations.api_tokens.list_api_token_page
        self.revoke_api_token = implementations.api_tokens.revoke_api_token
        self.verify_api_token = implementations.api_tokens.verify_api_token
        self.verify_token = implementations.keyring.verify_token
        self.list_keys = implementations.keyring.list_keys
        self.rotate_key = implementations.keyring.rotate_key
        self.list_accounts = implementations.administration.list_accounts
        self.get_accounts = implementations.administration.get_accounts
        self.count_accounts = implementations.administration.count_accounts
        self.find_account = implementations.administration.find_account
        self.update_account = implementations.administration.update_account
        self.remove_account = implementations.administration.remove_account
        self.end_user_sessions = implementations.administration.end_user_sessions
        self.create_account = implementations.invitations.create_account
        self.create_reset_token = implementations.invitations.create_reset_token
        self.reset_password = implementations.invitations.reset_password
        self.request_password_reset = implementations.mail.request_password_reset
        self.request_verification = implementations.mail.request_verification
        self.verify_email = implementations.mail.verify_email
        self.claim_mails = implementations.mail.claim_mails
        self.finish_mails = implementations.mail.finish_mails
        self.begin_oidc_login = implementations.oidc.begin_oidc_login
        self.complete_oidc_login = implementations.oidc.complete_oidc_login
        self.log_in_with_oidc = implementations.oidc.log_in_with_oidc
        self.list_identities = implementations.oidc.list_identities
        self.begin_passkey = implementations.passkeys.begin_passkey
        self.add_passkey = implementations.passkeys.add_passkey
        self.list_passkeys = implementations.passkeys.list_passkeys
        self.rename_passkey = implementations.passkeys.rename_passkey
        self.remove_passkey = implementations.passkeys.remove_passkey
        self.begin_passkey_login = implementations.passkey_logins.begin_passkey_login
        self.log_in_with_passkey = implementations.passkey_logins.log_in_with_passkey
        self.list_audit_events = implementations.audit.list_audit_events

    async def health(self) -> tuple[Health, ...]:
        problem = await self._store.ping()
        return (Health(name="postgres", ok=problem is None, detail=problem or ""),)


@asynccontextmanager
async def start(
    database: Database,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], UUID],
    random_bytes: Callable[[int], bytes],
    compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
) -> AsyncIterator[Service]:
    """Run the service on a migrated schema, with its hashing threads and periodic tasks.

    `compare` compares a password with a hash. If there is no signing key, the first key is created. Raises Unavailable,
    and `signing_key.WrongSecret` if the database was used with another secret.
    """
    store = Store(database)
    keyring = Keyring(store, settings, now=now, random_bytes=random_bytes)
    await keyring.load()
    pepper = subkeys.derive_key(settings.secret, "pepper")
    with PasswordHasher(pepper, settings.bcrypt_cost, settings.bcrypt_threads, compare) as hasher:
        random = RandomSource(new_id, random_bytes)
        audit = AuditLog(new_id)
        limiter = RateLimiter(store, settings.signup_limit, settings.login_limit)
        mail_key = subkeys.derive_key(settings.secret, "mail-tokens")
        passwords = settings.passwords
        mails = MailQueue(database, audit, mail_key, new_id, enabled=settings.sends_mail, allows_passwords=passwords)
        recorder = AccountChangeRecorder(audit, mails)
        accounts = Accounts(store, hasher, limiter, settings, recorder)
        issuer = TokenIssuer(settings, keyring, now=now, new_id=new_id, random_bytes=random_bytes)
        sessions = Sessions(store, settings, issuer, limiter, new_id)
        verifier = FactorVerifier(limiter, _factor_keys(settings), recorder, now=now, random_bytes=random_bytes)
        cursor_key = subkeys.derive_key(settings.secret, "cursors")
        logins = Logins(store, accounts, sessions, verifier, audit)
        provider = None if settings.oidc is None else (settings.oidc, IdentityProvider(settings.oidc, now))
        oidc_key = subkeys.derive_key(settings.secret, "oidc")
        oidc_accounts = OidcAccounts(store, hasher, recorder, random, has_passwords=settings.passwords)
        passkeys = PasskeyDependencies(relying_party(settings.public_url), accounts, verifier, recorder, random_bytes)
        implementations = Implementations(
            accounts=accounts,
            reclaims=Reclaims(database),
            sessions=sessions,
            logins=logins,
            second_factor=SecondFactorService(database, accounts, verifier, recorder),
            api_tokens=ApiTokens(store, recorder, _api_token_keys(settings), now=now, random_bytes=random_bytes),
            keyring=keyring,
            administration=AdministrationService(database, recorder, hasher, cursor_key),
            invitations=Invitations(database, hasher, _invitation_keys(settings), random, recorder),
            audit=AuditReader(database, cursor_key),
            oidc=OidcService(store, OidcDependencies(oidc_accounts, logins, limiter, random, oidc_key, provider)),
            passkeys=PasskeyService(database, passkeys, new_id),
            passkey_logins=PasskeyLogins(store, passkeys, logins, limiter),
            mail=MailService(database, mails, audit, settings.signup_limit),
        )
        tasks = (
            asyncio.create_task(_run_periodically("load_keys", _KEY_RELOAD_INTERVAL, keyring.load)),
            asyncio.create_task(_run_periodically("prune", _PRUNE_INTERVAL, lambda: prune(store, settings))),
        )
        try:
            yield Service(store, implementations)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def _factor_keys(settings: Settings) -> FactorKeys:
    return FactorKeys(
        secrets=subkeys.derive_key(settings.secret, "totp"),
        recovery_codes=subkeys.derive_key(settings.secret, "recovery-codes"),
    )


def _api_token_keys(settings: Settings) -> ApiTokenKeys:
    return ApiTokenKeys(
        secrets=subkeys.derive_key(settings.secret, "api-tokens"),
        fingerprints=subkeys.derive_key(settings.secret, "idempotency"),
        cursors=subkeys.derive_key(settings.secret, "cursors"),
    )


def _invitation_keys(settings: Settings) -> InvitationKeys:
    return InvitationKeys(
        tokens=subkeys.derive_key(settings.secret, "invitations"),
        fingerprints=subkeys.derive_key(settings.secret, "idempotency"),
    )


async def prune(store: Store, settings: Settings) -> None:
    """Delete the rows that have expired, and fail the mails that were not sent in time.

    A step that fails does not stop the later ones. After the last step, raises an ExceptionGroup with the errors that
    are not Unavailable. If there are none, raises the first Unavailable.
    """
    db = store.executor
    steps: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: audit_log.prune(db, settings.audit_age),
        lambda: prune_password_tokens(db),
        lambda: prune_challenges(db),
        lambda: prune_passkey_challenges(db),
        lambda: oidc_store.prune(db),
        lambda: fail_expired_mails(db),
        lambda: prune_mails(db),
        lambda: prune_email_tokens(db),
        lambda: prune_buckets(db),
        lambda: prune_known_networks(db, KNOWN_FOR),
        store.prune_idempotency_results,
        lambda: store.prune_sessions(settings.access_token_ttl + REVOCATION_MARGIN),
        store.prune_refresh_tokens,
        lambda: store.prune_signing_keys(settings.access_token_ttl + PUBLICATION_MARGIN),
    )
    errors: list[Exception] = []
    for step in steps:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - raised after the last step  # guard: prune-continues
            errors.append(error)
    if defects := [error for error in errors if not isinstance(error, Unavailable)]:
        raise ExceptionGroup("some expired rows could not be deleted", defects)
    if errors:
        raise errors[0]


async def _run_periodically(name: str, interval: timedelta, run_once: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(interval.total_seconds())
        try:
            await run_once()
        except Unavailable as error:
            log.warning("task_postponed", task=name, reason=error.detail)
        except Exception:
            # Continue after a defect, because operators might not notice a stopped task for weeks.
            log.exception("task_failed", task=name)
