"""Finds the account of a user of the identity provider, links an existing account by email, or creates one."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
import structlog

from ...contract.auth import Actor, Role
from ...contract.ids import UserId
from .. import email_address
from ..administration.invitations import RandomSource
from ..administration.store import (
    find_account,
    has_other_admin,
    lock_account,
    lock_admins,
    set_role,
)
from ..audit.audit_log import Action
from ..mail.mail_queue import AccountChangeRecorder
from ..mail.store import find_recipient, mark_email_verified
from ..password_hasher import PasswordHasher, is_usable
from ..reclaims.service import reclaim
from ..settings import OidcProvider
from ..store import Executor, Store
from . import store
from .identity_provider import ProviderUser
from .store import SignedInUser

log = structlog.get_logger(__name__)


class Refusal(StrEnum):
    """The reason why a user who signed in gets no session. Clients depend on these values."""

    NO_ACCOUNT = "no_account"
    EMAIL_TAKEN = "email_taken"
    DISABLED = "account_disabled"


class OidcAccounts:
    """Finds, links and creates accounts. `has_passwords`: whether users can log in without the provider."""

    def __init__(
        self,
        auth_store: Store,
        hasher: PasswordHasher,
        recorder: AccountChangeRecorder,
        random: RandomSource,
        *,
        has_passwords: bool,
    ) -> None:
        self._has_passwords = has_passwords
        self._store = auth_store
        self._hasher = hasher
        self._recorder = recorder
        self._audit = recorder.audit
        self._new_id = random.new_id

    async def sign_in(
        self, actor: Actor, settings: OidcProvider, provider_user: ProviderUser
    ) -> SignedInUser | Refusal:
        """Return the account of a user of the provider, or the reason why the user gets no session.

        If the user has no account, link or create one if the settings allow that.
        """
        async with self._store.transaction() as auth_store:
            tx = auth_store.executor
            if settings.admin_claim is not None:
                await lock_admins(tx)  # first, because all changes of admins take the locks in this order
            await store.lock_identity(tx, settings.issuer, provider_user.subject)
            user = await store.find_identity(tx, settings.issuer, provider_user.subject)
            if user is None:
                linked = await self._link_or_create(auth_store, actor, settings, provider_user)
                if isinstance(linked, Refusal):
                    return linked
                user = linked
                await store.insert_identity(tx, settings.issuer, provider_user.subject, user)
            state = await store.find_account_state(tx, user)
            if state is None or state.is_disabled:
                return Refusal.DISABLED
            await self._apply_role(tx, actor, settings, provider_user, user)
            return SignedInUser(user, state.password_version)

    async def _link_or_create(
        self, auth_store: Store, actor: Actor, settings: OidcProvider, provider_user: ProviderUser
    ) -> UserId | Refusal:
        parsed = None if provider_user.email is None else email_address.parse(provider_user.email)
        if parsed is None or parsed.problem is not None:
            return Refusal.NO_ACCOUNT
        existing = await find_account(auth_store.executor, parsed.lookup_keys)
        if existing is not None:
            await lock_account(auth_store.executor, existing)
            is_invited = await self._is_invited(auth_store.executor, existing)
            if not settings.link_by_email and not is_invited:  # guard: oidc-link-off
                return Refusal.EMAIL_TAKEN
            if await store.has_identity(
                auth_store.executor, settings.issuer, existing
            ):  # guard: oidc-address-of-another
                return Refusal.EMAIL_TAKEN  # the provider has given the address of one user to another user
            state = await store.find_account_state(auth_store.executor, existing)
            if state is None or state.is_disabled:
                return Refusal.DISABLED
            await self._prepare_linking(auth_store.executor, actor, existing, is_invited=is_invited)
            return existing
        if not settings.auto_create:  # guard: oidc-create-off
            return Refusal.NO_ACCOUNT
        user = UserId(self._new_id())
        if await auth_store.insert_user(user, parsed.as_entered, parsed.key, self._hasher.unusable_hash) is None:
            return Refusal.EMAIL_TAKEN  # the address belongs to a deleted account whose files are not purged yet
        await mark_email_verified(auth_store.executor, user)
        if provider_user.name and len(provider_user.name) <= 100 and provider_user.name.isprintable():
            await auth_store.update_display_name(user, provider_user.name)
        await self._audit.record(
            auth_store.executor, _with_user(actor, user), Action.ACCOUNT_CREATED, user, {"by": "oidc"}
        )
        log.info("account_created", user=str(user), by="oidc")
        return user

    async def _is_invited(self, tx: Executor, user: UserId) -> bool:
        """Return whether an account was created by an admin for a sign-in with the provider, and was never used."""
        if self._has_passwords:  # guard: oidc-invited-passwords-on
            return False
        password_hash = await store.find_password_hash_of_unused_account(tx, user)
        return password_hash is not None and not is_usable(password_hash)  # guard: oidc-invited-unused

    async def _prepare_linking(self, tx: Executor, actor: Actor, user: UserId, *, is_invited: bool) -> None:
        """Prepare an account for a user of the provider with the same email address: confirm the address, or reclaim
        the account."""
        recipient = await find_recipient(tx, user)
        if is_invited:
            await mark_email_verified(tx, user)  # nobody could use the account before
        elif recipient is not None and not recipient.is_verified:  # guard: oidc-link-unverified
            # The address was never confirmed, so another person may have created the account. End that person's access.
            await reclaim(tx, user, self._hasher.unusable_hash)
        record = self._audit.record if is_invited else self._recorder.record
        await record(tx, _with_user(actor, user), Action.IDENTITY_LINKED, user)

    async def _apply_role(
        self, tx: Executor, actor: Actor, settings: OidcProvider, provider_user: ProviderUser, user: UserId
    ) -> None:
        """Set the role of an account to the role at the provider. The last admin stays an admin."""
        if settings.admin_claim is None:
            return
        account = await lock_account(tx, user)
        role = Role.ADMIN if _has_claim(provider_user.claims, settings.admin_claim) else Role.USER
        if account is None or account.role is role or (role is Role.USER and not await has_other_admin(tx, user)):
            return
        await set_role(tx, user, role)
        await self._audit.record(
            tx, _with_user(actor, user), Action.ROLE_CHANGED, user, {"role": role.value, "by": "oidc"}
        )


def _with_user(actor: Actor, user: UserId) -> Actor:
    """Return the actor of a sign-in, with the account that signed in."""
    return msgspec.structs.replace(actor, user=user)  # guard: oidc-audit-actor


def _has_claim(claims: dict[str, Any], required: tuple[str, str]) -> bool:
    name, value = required
    actual = claims.get(name)
    if isinstance(actual, bool):
        return value == str(actual).lower()
    return value in actual if isinstance(actual, list) else actual == value
