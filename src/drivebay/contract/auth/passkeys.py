"""Passkeys (WebAuthn): keys of a device or of a password manager that sign in without a password.

The device checks the fingerprint, the face or a PIN of the user. So a login with a passkey needs nothing else. A
passkey can also replace the code in a login with password and second factor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from ..ids import PasskeyId, SessionId, UserId
from .administration import Actor
from .sessions import Tokens


class Passkey(msgspec.Struct, frozen=True):
    """A passkey of an account. `is_synced`: the password manager of the user copies it to other devices."""

    id: PasskeyId
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    is_synced: bool = False


class PasskeyAttestation(msgspec.Struct, frozen=True):
    """The response of a browser that created a passkey, with the fields of WebAuthn.

    `transports` are the transports of the authenticator (`usb`, `nfc`, ...) that the browser reports.
    """

    credential_id: bytes
    client_data: bytes
    attestation: bytes
    transports: tuple[str, ...] = ()


class PasskeyAssertion(msgspec.Struct, frozen=True):
    """The response of a browser that used a passkey, with the fields of WebAuthn. `user_handle` is empty if the browser
    sent none."""

    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes = b""


class Passkeys(Protocol):
    async def begin_passkey(self, actor: Actor, password: str, code: str = "", session: SessionId | None = None) -> str:
        """Return the options with which a browser creates a passkey, as JSON (PublicKeyCredentialCreationOptionsJSON).

        `password` and `session` confirm the user as in `delete_account`. An account with a second factor also needs a
        `code`, as in `remove_totp`, because a passkey replaces both. The options can be used once, within 5 minutes, in
        this session. The next call makes them invalid.

        Raises InvalidCredentials, InvalidCode, RateLimited, Conflict (the account has 20 passkeys), Forbidden (the
        deployment has no passwords), NotFound (the public URL cannot have passkeys).
        """
        ...

    async def add_passkey(
        self, actor: Actor, attestation: PasskeyAttestation, name: str, session: SessionId | None = None
    ) -> Passkey:
        """Store the passkey that a browser created with the options of `begin_passkey` in this session.

        `name` has 1 to 100 printable characters. Every call uses up the options, also one that fails. Raises
        InvalidPasskey (also for options that were used or have expired), InvalidRequest, and Conflict, Forbidden and
        NotFound as `begin_passkey`.
        """
        ...

    async def list_passkeys(self, user: UserId) -> tuple[Passkey, ...]:
        """Return the passkeys of an account, the newest first."""
        ...

    async def rename_passkey(self, user: UserId, passkey: PasskeyId, name: str) -> Passkey:
        """Change the name of a passkey. Raises InvalidRequest, NotFound."""
        ...

    async def remove_passkey(
        self, actor: Actor, passkey: PasskeyId, password: str, session: SessionId | None = None
    ) -> None:
        """Remove a passkey of the actor. The sessions that began with it do not end.

        `password` and `session` confirm the user as in `delete_account`. A repeat raises NotFound.

        Raises InvalidCredentials, RateLimited, NotFound.
        """
        ...

    async def begin_passkey_login(self, address: str, challenge: str | None = None) -> str:
        """Return the options with which a browser uses a passkey, as JSON (PublicKeyCredentialRequestOptionsJSON).

        `challenge` is the challenge of a `log_in` that raised SecondFactorRequired. Without it, any passkey of this
        deployment works. The options can be used once, within 5 minutes. The calls from one network have the same limit
        as logins.

        Raises RateLimited, InvalidCode (the login has ended), Forbidden (the deployment has no passwords), NotFound
        (the public URL cannot have passkeys; or, with a challenge, the account has none).
        """
        ...

    async def log_in_with_passkey(
        self, assertion: PasskeyAssertion, address: str, user_agent: str = "", challenge: str | None = None
    ) -> Tokens:
        """Start a session with a passkey and the options of `begin_passkey_login`. `challenge` must be the same in both
        calls.

        Every call uses up the options. A call with a `challenge` also counts as one of the 5 attempts of that login.

        Raises InvalidPasskey (for an unknown passkey, a disabled account and a wrong response alike), and Forbidden and
        NotFound as `begin_passkey_login`.
        """
        ...
