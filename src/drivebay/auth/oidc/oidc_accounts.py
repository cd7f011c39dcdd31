"""The account of a person whom the provider knows: found by identity, linked by email, or created."""

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
from ..audit.audit_log import Action, AuditLog
from ..mail.store import find_recipient, verify_email
from ..password_hasher import PasswordHasher, is_usable
from ..reclaims.service import reclaim
from ..settings import OidcProvider
from ..store import Executor, Store
from . import store
from .identity_provider import Identity
from .store import Holder

log = structlog.get_logger(__name__)


class Refusal(StrEnum):
    """Why a person who signed in gets no session. Clients depend on these values."""

    NO_ACCOUNT = "no_account"
    EMAIL_TAKEN = "email_taken"
    DISABLED = "account_disabled"


class OidcAccounts:
    """`has_passwords`: whether people can sign in without the provider."""

    def __init__(
        self, own_store: Store, hasher: PasswordHasher, audit: AuditLog, random: RandomSource, *, has_passwords: bool
    ) -> None:
        self._has_passwords = has_passwords
        self._store = own_store
        self._hasher = hasher
        self._audit = audit
        self._new_id = random.new_id

    async def sign_in(self, actor: Actor, settings: OidcProvider, identity: Identity) -> Holder | Refusal:
        """Return the account of an identity. It is linked or created if the settings allow that."""
        async with self._store.transaction() as own:
            tx = own.executor
            if settings.admin_claim is not None:
                await lock_admins(tx)  # before any account: changes of admins take the locks in this order
            await store.lock_identity(tx, settings.issuer, identity.subject)
            user = await store.find_identity(tx, settings.issuer, identity.subject)
            if user is None:
                found = await self._link_or_create(own, actor, settings, identity)
                if isinstance(found, Refusal):
                    return found
                user = found
                await store.insert_identity(tx, settings.issuer, identity.subject, user)
            state = await store.find_account_state(tx, user)
            if state is None or state.is_disabled:
                return Refusal.DISABLED
            await self._apply_role(tx, actor, settings, identity, user)
            return Holder(user, state.password_version)

    async def _link_or_create(
        self, own: Store, actor: Actor, settings: OidcProvider, identity: Identity
    ) -> UserId | Refusal:
        parsed = None if identity.email is None else email_address.parse(identity.email)
        if parsed is None or parsed.problem is not None:
            return Refusal.NO_ACCOUNT
        existing = await find_account(own.executor, parsed.lookup_keys)
        if existing is not None:
            await lock_account(own.executor, existing)
            is_invited = await self._is_invited(own.executor, existing)
            if not settings.link_by_email and not is_invited:  # guard: oidc-link-off
                return Refusal.EMAIL_TAKEN
            if await store.has_identity(own.executor, settings.issuer, existing):  # guard: oidc-address-of-another
                return Refusal.EMAIL_TAKEN  # the provider gave the address of one person to another one
            state = await store.find_account_state(own.executor, existing)
            if state is None or state.is_disabled:
                return Refusal.DISABLED
            await self._link(own.executor, actor, existing, is_invited=is_invited)
            return existing
        if not settings.auto_create:  # guard: oidc-create-off
            return Refusal.NO_ACCOUNT
        user = UserId(self._new_id())
        if await own.insert_user(user, parsed.as_entered, parsed.key, self._hasher.unusable_hash) is None:
            return Refusal.EMAIL_TAKEN  # the address of a deleted account, whose files are not purged
        await verify_email(own.executor, user)
        if identity.name and len(identity.name) <= 100 and identity.name.isprintable():
            await own.update_display_name(user, identity.name)
        await self._audit.record(own.executor, _by(actor, user), Action.ACCOUNT_CREATED, user, {"by": "oidc"})
        log.info("account_created", user=str(user), by="oidc")
        return user

    async def _is_invited(self, tx: Executor, user: UserId) -> bool:
        """Return whether nobody has used an account that was created for a sign-in with the provider."""
        if self._has_passwords:  # guard: oidc-invited-passwords-on
            return False
        password_hash = await store.find_hash_of_unused_account(tx, user)
        return password_hash is not None and not is_usable(password_hash)  # guard: oidc-invited-unused

    async def _link(self, tx: Executor, actor: Actor, user: UserId, *, is_invited: bool) -> None:
        """Give an account to the person to whom the provider says its address belongs."""
        recipient = await find_recipient(tx, user)
        if is_invited:
            await verify_email(tx, user)  # nobody could use the account
        elif recipient is not None and not recipient.is_verified:  # guard: oidc-link-unverified
            # The account's address was never confirmed, so a stranger may have made the account. End all their access.
            await reclaim(tx, user, self._hasher.unusable_hash)
        await self._audit.record(tx, _by(actor, user), Action.IDENTITY_LINKED, user)

    async def _apply_role(
        self, tx: Executor, actor: Actor, settings: OidcProvider, identity: Identity, user: UserId
    ) -> None:
        """Make an account an admin, or a user, as the provider says. The last admin stays one."""
        if settings.admin_claim is None:
            return
        account = await lock_account(tx, user)
        role = Role.ADMIN if _has_claim(identity.claims, settings.admin_claim) else Role.USER
        if account is None or account.role is role or (role is Role.USER and not await has_other_admin(tx, user)):
            return
        await set_role(tx, user, role)
        await self._audit.record(tx, _by(actor, user), Action.ROLE_CHANGED, user, {"role": role.value, "by": "oidc"})


def _by(actor: Actor, user: UserId) -> Actor:
    """Return the actor of a sign-in: the person whom the provider confirmed."""
    return msgspec.structs.replace(actor, user=user)  # guard: oidc-audit-actor


def _has_claim(claims: dict[str, Any], wanted: tuple[str, str]) -> bool:
    name, value = wanted
    found = claims.get(name)
    if isinstance(found, bool):
        return value == str(found).lower()
    return value in found if isinstance(found, list) else found == value
