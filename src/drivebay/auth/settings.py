"""The settings of the auth service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from . import subkeys


@dataclass(frozen=True, slots=True)
class Rate:
    """The size and the refill time of a token bucket. The bucket allows `count` calls without a pause, and `count` more
    calls in each period `per`.

    Raises ValueError if a value is zero or less.
    """

    count: int
    per: timedelta

    def __post_init__(self) -> None:
        if self.count < 1 or self.per <= timedelta():
            raise ValueError("a rate needs a count of at least 1 and a period above zero")

    def times(self, factor: int) -> Rate:
        """Return a rate that allows `factor` times as many calls in the same period."""
        return Rate(self.count * factor, self.per)


class SignupMode(StrEnum):
    """The rule for new accounts."""

    OPEN = "open"
    """Anybody may sign up."""
    INVITE = "invite"
    """Nobody may sign up. The refusal says that an account needs an invitation."""
    CLOSED = "closed"
    """Nobody may sign up. Admins and operators create accounts."""


MIN_AUDIT_AGE: Final = timedelta(days=1)
"""The minimum of `audit_age`. The database refuses to delete a younger event."""
REVOCATION_MARGIN: Final = timedelta(minutes=2)
"""An ended session is remembered for this time after its last access token has expired.

The clock of the process that signed the token may be ahead of the clock of the database, and the process signs the
token after the transaction that checked the session.
"""
_SIGNUP_LIMIT: Final = Rate(60, timedelta(minutes=1))
_LOGIN_LIMIT: Final = Rate(20, timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An identity provider (OpenID Connect), and its rights.

    `issuer` is its URL. `client_secret` is None for a public client. `public_url` is the public URL of the deployment,
    without a slash at its end. The provider redirects browsers to a path below it.

    `auto_create`: an account is created for a user who has no account. `link_by_email`: a user gets the existing
    account with their email address, if the provider says that the address is verified. `admin_claim` is the name and
    the value of the claim that makes an account an admin. With None, the provider does not change roles.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    public_url: str
    auto_create: bool = False
    link_by_email: bool = False
    admin_claim: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one deployment for the auth service.

    `secret` is the root of every key that auth uses (see `subkeys`). It has at least 32 random bytes. If the secret is
    lost, no password can be verified any more.

    `signup_limit` applies to each client network. `login_limit` applies to the failed logins of each account from each
    network. Further limits are derived from `login_limit` (see `rate_limiter`). None means no limit.

    `signup` is the rule for new accounts. `audit_age` is how long the audit log keeps events. `sends_mail`: mails are
    queued, and the worker sends them. `oidc` is the identity provider. If `passwords` is False, users can sign in only
    at the identity provider. `public_url` is the URL of the deployment. Its host is the domain of passkeys.

    `refresh_repeat_window` is how long a client may repeat its last refresh.

    Raises ValueError for invalid values.
    """

    secret: bytes = field(repr=False)
    issuer: str = "drivebay"
    audience: str = "drivebay"
    access_token_ttl: timedelta = timedelta(minutes=15)
    refresh_token_ttl: timedelta = timedelta(days=30)
    refresh_repeat_window: timedelta = timedelta(seconds=10)
    bcrypt_cost: int = 12
    bcrypt_threads: int = 1
    signup: SignupMode = SignupMode.OPEN
    signup_limit: Rate | None = _SIGNUP_LIMIT
    login_limit: Rate | None = _LOGIN_LIMIT
    audit_age: timedelta = timedelta(days=365)
    sends_mail: bool = False
    oidc: OidcProvider | None = None
    passwords: bool = True
    public_url: str | None = None

    def __post_init__(self) -> None:
        # guard: secret-strength
        if len(self.secret) < subkeys.MIN_SECRET_LENGTH or len(set(self.secret)) < subkeys.MIN_SECRET_LENGTH // 4:
            raise ValueError(f"the secret must be at least {subkeys.MIN_SECRET_LENGTH} random bytes")
        if not 4 <= self.bcrypt_cost <= 31:
            raise ValueError("the bcrypt cost must be between 4 and 31")
        if self.bcrypt_threads < 1:
            raise ValueError("password hashing needs at least one thread")
        if self.audit_age < MIN_AUDIT_AGE:
            raise ValueError("the audit log must keep events for at least a day")
        if min(self.access_token_ttl, self.refresh_token_ttl) < timedelta(seconds=1):
            raise ValueError("a token must be valid for at least one second")
