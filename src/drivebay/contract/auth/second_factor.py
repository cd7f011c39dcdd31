"""The second factor: time-based one-time codes (TOTP, RFC 6238) of an authenticator app, and recovery codes.

A code is six digits and valid for its period of 30 seconds, and for one period before and after it, because clocks
differ. Each code is accepted once. A recovery code replaces a code, and can be used once.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..ids import SessionId
from .administration import Actor
from .sessions import Tokens


class TotpSecret(msgspec.Struct, frozen=True):
    """The secret of a second factor in base32, and as an `otpauth` URI for a QR code."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "TotpSecret()"


class SecondFactor(Protocol):
    async def begin_totp(self, actor: Actor) -> TotpSecret:
        """Create the secret of the actor's second factor. It is not active until `confirm_totp`.

        Each call creates another secret, which replaces a secret that is not confirmed. Raises AlreadyEnabled,
        NotFound.
        """
        ...

    async def confirm_totp(self, actor: Actor, code: str) -> tuple[str, ...]:
        """Activate the actor's second factor and return ten recovery codes. They are not stored in readable form.

        `code` is a code of the new secret.

        Raises InvalidCode, RateLimited, AlreadyEnabled, NotFound (no `begin_totp`).
        """
        ...

    async def remove_totp(self, actor: Actor, password: str, code: str, session: SessionId | None = None) -> None:
        """Remove the actor's second factor and its recovery codes.

        `code` is a current code or an unused recovery code. `password` and `session` confirm the user as in
        `delete_account`.

        Raises InvalidCredentials (the password), InvalidCode, RateLimited, NotFound (there is no second factor).
        """
        ...

    async def log_in_with_code(self, challenge: str, code: str, address: str, user_agent: str = "") -> Tokens:
        """Start a session with the challenge of a `log_in` that raised SecondFactorRequired.

        `code` is a current code or an unused recovery code. A challenge is valid for 5 minutes and 5 attempts, until
        the login succeeds. Raises InvalidCode (also for a challenge that has ended), RateLimited.
        """
        ...
