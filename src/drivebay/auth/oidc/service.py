"""Implements `contract.auth.Oidc`.

Four values bind the callback to the sign-in that began: the state identifies the sign-in, the cookie identifies the
browser, the nonce is in the ID token, and PKCE protects the code of the provider. Nonce and PKCE verifier are derived
from the state with a key of auth.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from ...contract.auth import Actor, Identity, OidcLogin, OidcResponse, Tokens
from ...contract.ids import UserId
from ...errors import FieldError, InvalidCode, InvalidRequest, NotFound
from ..administration.invitations import RandomSource
from ..logins import Logins
from ..opaque_token import OpaqueToken
from ..rate_limiter import RateLimiter
from ..settings import OidcProvider
from ..store import Store
from . import store
from .identity_provider import IdentityProvider, InvalidProviderResponse
from .oidc_accounts import OidcAccounts, Refusal
from .redirects import append_parameters, is_allowed

log = structlog.get_logger(__name__)

LOGIN_TTL: Final = timedelta(minutes=10)
"""The time in which a user must sign in at the provider."""
CODE_TTL: Final = timedelta(minutes=1)
"""The lifetime of a sign-in code."""
CALLBACK: Final = "/v1/oidc/callback"
_MAX_REDIRECT: Final = 2000
"""The maximum number of characters of the URL at which a sign-in ends."""


@dataclass(frozen=True, slots=True)
class OidcDependencies:
    """The dependencies of sign-ins. `provider` is None in a deployment without an identity provider. `key` derives
    nonces and PKCE verifiers."""

    accounts: OidcAccounts
    logins: Logins
    limiter: RateLimiter
    random: RandomSource
    key: bytes
    provider: tuple[OidcProvider, IdentityProvider] | None


class OidcService:
    """The methods of `contract.auth.Oidc`."""

    def __init__(self, auth_store: Store, dependencies: OidcDependencies) -> None:
        self._store = auth_store
        self._accounts = dependencies.accounts
        self._logins = dependencies.logins
        self._limiter = dependencies.limiter
        self._random = dependencies.random
        self._key = dependencies.key
        self._provider = dependencies.provider

    async def begin_oidc_login(self, redirect_uri: str, address: str) -> OidcLogin:
        settings, provider = self._require_provider()
        if len(redirect_uri) > _MAX_REDIRECT or not is_allowed(redirect_uri, settings.public_url):
            problem = (
                "must be a URL of this deployment, or of your own machine with a port, such as http://127.0.0.1:8000/"
            )
            raise InvalidRequest(f"redirect_uri {problem}", errors=(FieldError("redirect_uri", problem),))
        await self._limiter.charge_signup(address)
        state = OpaqueToken.generate(self._random.random_bytes)
        browser = OpaqueToken.generate(self._random.random_bytes)
        verifier = self._derive(state, "verifier")
        code_challenge = _base64url(hashlib.sha256(verifier.encode()).digest())
        url = await provider.authorization_url(
            settings.public_url + CALLBACK, state.text, self._derive(state, "nonce"), code_challenge
        )
        await store.insert_oidc_login(self._store.executor, state.digest, browser.digest, redirect_uri, LOGIN_TTL)
        return OidcLogin(url, browser.text)

    async def complete_oidc_login(self, actor: Actor, response: OidcResponse) -> str:
        settings, provider = self._require_provider()
        state, browser = OpaqueToken.parse(response.state), OpaqueToken.parse(response.browser_secret)
        redirect_uri = None
        if state is not None and browser is not None:
            # The deletion is committed before the call to the provider, so that an error does not make the state usable
            # again.
            redirect_uri = await store.take_oidc_login(self._store.executor, state.digest, browser.digest)
        if state is None or redirect_uri is None:
            raise InvalidCode("the sign-in has ended, or another browser began it; begin again")
        try:
            await provider.check_response_issuer(response.issuer)  # guard: oidc-mix-up
            if response.error or not response.code:
                return append_parameters(redirect_uri, {"error": "access_denied"})
            provider_user = await provider.redeem(
                response.code,
                settings.public_url + CALLBACK,
                self._derive(state, "verifier"),
                self._derive(state, "nonce"),
            )
        except InvalidProviderResponse as error:
            log.warning("oidc_response_refused", reason=str(error))
            raise InvalidCode("the response of the identity provider is not valid; begin again") from None
        signed_in = await self._accounts.sign_in(actor, settings, provider_user)
        if isinstance(signed_in, Refusal):
            log.info("oidc_login_refused", reason=signed_in.value)
            return append_parameters(redirect_uri, {"error": signed_in.value})
        code = OpaqueToken.generate(self._random.random_bytes)
        await store.insert_sign_in_code(self._store.executor, code.digest, signed_in, CODE_TTL)
        return append_parameters(redirect_uri, {"code": code.text})

    async def log_in_with_oidc(self, code: str, address: str, user_agent: str = "") -> Tokens:
        self._require_provider()
        parsed = OpaqueToken.parse(code)
        signed_in = None if parsed is None else await store.take_sign_in_code(self._store.executor, parsed.digest)
        if signed_in is None:
            raise InvalidCode("the code was used, has expired or never existed; sign in again")
        client = Actor(address=address, user_agent=user_agent)
        return await self._logins.start_without_password(client, signed_in.user, signed_in.password_version)

    async def list_identities(self, user: UserId) -> tuple[Identity, ...]:
        return await store.list_identities(self._store.executor, user)

    def _require_provider(self) -> tuple[OidcProvider, IdentityProvider]:
        if self._provider is None:  # guard: oidc-off
            raise NotFound("this deployment has no identity provider")
        return self._provider

    def _derive(self, state: OpaqueToken, purpose: str) -> str:
        return _base64url(hmac.digest(self._key, purpose.encode() + state.digest, "sha256"))


def _base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
