"""The contract of the auth service: accounts, sessions, API tokens, signing keys, administration, the second
factor, mail, identity providers, passkeys."""

from .accounts import DeletedAccount, ReclaimedAccount, User
from .administration import (
    Account,
    AccountListing,
    AccountPage,
    AccountUpdate,
    Actor,
    AuditEvent,
    AuditPage,
    AuditQuery,
    CreatedAccount,
    NewAccount,
    Role,
    UserSort,
)
from .api_tokens import ApiToken, ApiTokenClaims, ApiTokenPage, NewApiToken, Scope
from .auth import Auth, Claims, PublicKey
from .mail import Mail, MailKind, MailOutcome, MailResult, MailTask
from .oidc import Identity, Oidc, OidcLogin, OidcResponse
from .passkeys import Passkey, PasskeyAssertion, PasskeyAttestation
from .relying_party import RelyingParty, relying_party
from .second_factor import TotpSecret
from .sessions import RevocationPosition, RevokedSession, RevokedSessions, Session, Tokens

__all__ = [
    "Account",
    "AccountListing",
    "AccountPage",
    "AccountUpdate",
    "Actor",
    "ApiToken",
    "ApiTokenClaims",
    "ApiTokenPage",
    "AuditEvent",
    "AuditPage",
    "AuditQuery",
    "Auth",
    "Claims",
    "CreatedAccount",
    "DeletedAccount",
    "Identity",
    "Mail",
    "MailKind",
    "MailOutcome",
    "MailResult",
    "MailTask",
    "NewAccount",
    "NewApiToken",
    "Oidc",
    "OidcLogin",
    "OidcResponse",
    "Passkey",
    "PasskeyAssertion",
    "PasskeyAttestation",
    "PublicKey",
    "ReclaimedAccount",
    "RelyingParty",
    "RevocationPosition",
    "RevokedSession",
    "RevokedSessions",
    "Role",
    "Scope",
    "Session",
    "Tokens",
    "TotpSecret",
    "User",
    "UserSort",
    "relying_party",
]
