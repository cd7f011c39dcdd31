"""The HTTP side of an identity provider: discovery, keys, the exchange of a code, and the check of an ID token.

Nothing that the provider or the browser sends is trusted before the signature, the issuer, the audience, the expiry and
the nonce are checked (OpenID Connect Core, 3.1.3.7).
"""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ...errors import Unavailable
from ..settings import OidcProvider
from .redirects import append_parameters

log = structlog.get_logger(__name__)

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""The accepted signature algorithms. All of them use a public key. Tokens that are signed with `none` or with the
client secret are refused."""
_TIMEOUT: Final = 8.0
"""The maximum number of seconds of one request to the provider."""
_MAX_BODY: Final = 1 << 20
"""The maximum number of bytes of one response of the provider."""
_CACHE_SECONDS: Final = 3600.0
"""The age in seconds at which the metadata and the keys of the provider are loaded again."""
_KEY_REFRESH_SECONDS: Final = 30.0
"""If a token cannot be verified, the keys are loaded again if they are older than this number of seconds."""
_CLOCK_SKEW: Final = 60
"""The number of seconds by which the clock of the provider may be ahead or behind."""

_T = TypeVar("_T")


class InvalidProviderResponse(Exception):
    """The response of the provider cannot be used. The text contains no secret."""


class Metadata(msgspec.Struct, frozen=True):
    """The metadata of the provider (OpenID Connect Discovery, 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    scopes_supported: tuple[str, ...] = ()


class ProviderUser(msgspec.Struct, frozen=True):
    """A user of the provider. `email` is set only if the provider says that the address is verified."""

    subject: str
    email: str | None
    name: str
    claims: dict[str, Any]


class _TokenResponse(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class _Cache(Generic[_T]):
    """The last value that was loaded from the provider. Concurrent calls share one load and its error."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._value: _T | None = None
        self._loaded_at = float("-inf")
        self._last_error: Unavailable | None = None
        self._lock = asyncio.Lock()

    async def get(self, load: Callable[[], Awaitable[_T]], older_than: float) -> _T:
        """Return the value. Load it again if it is older than `older_than` seconds. Raises Unavailable."""
        if (cached := self._fresh_value(older_than)) is not None:  # guard: oidc-cached-without-lock
            return cached
        error = self._last_error
        async with self._lock:
            if (cached := self._fresh_value(older_than)) is not None:
                return cached
            # If a load failed while this call waited for the lock, the call gets the error of that load. Otherwise the
            # waiting calls would load the value one after another, each until its timeout.
            if self._last_error is not None and self._last_error is not error:  # guard: oidc-shared-error
                raise Unavailable(self._last_error.detail)
            loaded_at = self._now().timestamp()
            try:
                self._value = await load()
            except Unavailable as failure:
                self._last_error = failure
                raise
            self._loaded_at = loaded_at
            return self._value

    def _fresh_value(self, older_than: float) -> _T | None:
        return self._value if self._now().timestamp() - self._loaded_at <= older_than else None


class IdentityProvider:
    """One provider. `now` is the clock for the check of tokens. `timeout` is the timeout of one request in seconds."""

    def __init__(self, settings: OidcProvider, now: Callable[[], datetime], timeout: float = _TIMEOUT) -> None:
        self._settings = settings
        self._now = now
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._metadata = _Cache[Metadata](now)
        self._keys = _Cache[KeySet](now)

    async def authorization_url(self, callback: str, state: str, nonce: str, challenge: str) -> str:
        """Return the URL of the provider that begins a sign-in. `challenge` is the S256 challenge of PKCE.

        Raises Unavailable.
        """
        metadata = await self._find_metadata()
        parameters = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": callback,
            "scope": " ".join(self._scopes(metadata)),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return append_parameters(metadata.authorization_endpoint, parameters)

    async def check_response_issuer(self, issuer: str) -> None:
        """Raise InvalidProviderResponse if a response comes from another provider (RFC 9207). Raises Unavailable."""
        metadata = await self._find_metadata()
        if issuer != metadata.issuer and (issuer or metadata.authorization_response_iss_parameter_supported):
            raise InvalidProviderResponse("the response comes from another issuer")

    async def redeem(self, code: str, callback: str, verifier: str, nonce: str) -> ProviderUser:
        """Exchange a code, and return the user who signed in. Raises InvalidProviderResponse and Unavailable."""
        metadata = await self._find_metadata()
        response = await self._request_tokens(metadata, code, callback, verifier)
        claims = await self._verify(metadata, response.id_token, nonce)
        has_address = "email" in claims and "email_verified" in claims
        # Some providers send claims only at the userinfo endpoint, and not in the ID token.
        is_complete = has_address and self._has_admin_claim(claims)  # guard: oidc-claim-userinfo
        if not is_complete and metadata.userinfo_endpoint and response.access_token:
            headers = {"Authorization": f"Bearer {response.access_token}"}
            info = await self._fetch(metadata.userinfo_endpoint, headers=headers)
            if info.get("sub") == claims["sub"]:
                # Take both claims from one source. Otherwise `email_verified` of the ID token could confirm an email
                # address that only the other source contains.
                names = () if has_address else ("email", "email_verified")
                address = {name: info.get(name) for name in names}
                claims = {**info, **claims, **address}  # guard: oidc-one-source
        return _provider_user(claims)

    def _has_admin_claim(self, claims: dict[str, Any]) -> bool:
        """Return whether the claims include the one that makes an admin, or True if the deployment uses no such claim.

        `admin_claim` is a pair of the name and the value.
        """
        return self._settings.admin_claim is None or self._settings.admin_claim[0] in claims

    def _scopes(self, metadata: Metadata) -> tuple[str, ...]:
        """Return the scopes to request.

        Some providers send the claim that makes an admin only if the scope with the name of the claim is requested.
        """
        claim = () if self._settings.admin_claim is None else self._settings.admin_claim[:1]
        offered = tuple(name for name in claim if name in metadata.scopes_supported)  # guard: oidc-claim-scope
        return ("openid", "email", "profile", *offered)

    async def _request_tokens(self, metadata: Metadata, code: str, callback: str, verifier: str) -> _TokenResponse:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "code_verifier": verifier}
        id, secret = self._settings.client_id, self._settings.client_secret
        headers = {}
        if secret is None:
            form["client_id"] = id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            headers["Authorization"] = _basic_auth(id, secret)
        else:
            form |= {"client_id": id, "client_secret": secret}
        body = await self._fetch(metadata.token_endpoint, form=form, headers=headers)
        try:
            return msgspec.convert(body, _TokenResponse)
        except msgspec.ValidationError:
            raise InvalidProviderResponse("the response of the token endpoint has no ID token") from None

    async def _verify(self, metadata: Metadata, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token. Raises InvalidProviderResponse and Unavailable."""
        claims = await self._verify_signature(metadata, token)
        now, client = self._now().timestamp(), self._settings.client_id
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        expiry, issued = claims.get("exp"), claims.get("iat")
        problems = {
            "iss": claims.get("iss") != metadata.issuer,  # guard: oidc-issuer
            "aud": not isinstance(audiences, list) or client not in audiences,  # guard: oidc-audience
            "azp": claims.get("azp", client) != client or (audiences != [client] and "azp" not in claims),
            "exp": not isinstance(expiry, int | float) or expiry + _CLOCK_SKEW < now,  # guard: oidc-token-expiry
            "iat": not isinstance(issued, int | float) or issued - _CLOCK_SKEW > now,
            "nonce": not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()),  # guard: oidc-nonce
            "sub": not _is_subject(claims.get("sub")),
        }
        wrong = [name for name, is_wrong in problems.items() if is_wrong]
        if wrong:
            raise InvalidProviderResponse(f"the ID token has a wrong {', '.join(wrong)}")
        return claims

    async def _verify_signature(self, metadata: Metadata, token: str) -> dict[str, Any]:
        keys = await self._find_keys(metadata, older_than=_CACHE_SECONDS)
        try:
            return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)  # guard: oidc-algorithms
        except (JoseError, ValueError, TypeError):
            # The provider may have a new key.
            fresh = await self._find_keys(metadata, older_than=_KEY_REFRESH_SECONDS)
        if fresh is keys:
            raise InvalidProviderResponse("the signature of the ID token is not valid")
        try:
            return dict(jwt.decode(token, fresh, algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError, TypeError):
            raise InvalidProviderResponse("the signature of the ID token is not valid") from None

    async def _find_metadata(self) -> Metadata:
        return await self._metadata.get(self._load_metadata, _CACHE_SECONDS)

    async def _load_metadata(self) -> Metadata:
        url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            metadata = msgspec.convert(await self._fetch(url), Metadata)
        except (msgspec.ValidationError, InvalidProviderResponse) as error:
            raise Unavailable(f"the identity provider has no usable configuration: {error}") from None
        if metadata.issuer != self._settings.issuer:  # guard: oidc-discovery-issuer
            raise Unavailable("the identity provider names another issuer than DRIVEBAY_OIDC_ISSUER")
        if _has_insecure_endpoint(metadata):
            raise Unavailable("the identity provider has endpoints that are not https://")
        return metadata

    async def _find_keys(self, metadata: Metadata, older_than: float) -> KeySet:
        return await self._keys.get(lambda: self._load_keys(metadata), older_than)

    async def _load_keys(self, metadata: Metadata) -> KeySet:
        try:
            return KeySet.import_key_set(await self._fetch(metadata.jwks_uri))  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError, InvalidProviderResponse) as error:
            raise Unavailable(f"the keys of the identity provider cannot be read ({error})") from None

    async def _fetch(
        self, url: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Return a JSON object. Raises Unavailable, and InvalidProviderResponse if the provider refuses the request."""
        method = "GET" if form is None else "POST"
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.request(method, url, data=form, headers=headers, allow_redirects=False) as response,
            ):
                body = await _read_body(response)
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unavailable(f"the identity provider does not respond ({type(error).__name__})") from None
        if status >= 500:
            raise Unavailable(f"the identity provider responded with {status}")
        try:
            decoded = msgspec.json.decode(body, type=dict[str, Any]) if status == 200 else None
        except msgspec.MsgspecError:
            decoded = None
        if decoded is None:
            raise InvalidProviderResponse(f"the identity provider responded with {status} without usable JSON")
        return decoded


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the complete body. Raises InvalidProviderResponse if the body is too long."""
    # `response.content.read(n)` may return fewer than `n` bytes before the end of the body.
    body = bytearray()
    async for block in response.content.iter_any():
        body += block
        if len(body) > _MAX_BODY:  # guard: oidc-answer-size
            raise InvalidProviderResponse("the response of the identity provider is too long")
    return bytes(body)


def _basic_auth(id: str, secret: str) -> str:
    """Return the `Authorization` of a client. Both parts are form-encoded first (RFC 6749, 2.3.1)."""
    login = f"{quote(id, '')}:{quote(secret, '')}"
    return f"Basic {b64encode(login.encode()).decode()}"


def _is_subject(value: object) -> bool:
    """Return whether a value is a subject: up to 255 ASCII characters (OpenID Connect Core, 2)."""
    return isinstance(value, str) and 1 <= len(value) <= 255 and value.isascii() and value.isprintable()


def _has_insecure_endpoint(metadata: Metadata) -> bool:
    """Return whether an endpoint has neither https nor the scheme of the issuer."""
    endpoints = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
    schemes = {"https", urlsplit(metadata.issuer).scheme}
    return any(urlsplit(url).scheme not in schemes for url in (*endpoints, metadata.userinfo_endpoint or "https:"))


def _provider_user(claims: dict[str, Any]) -> ProviderUser:
    email, name = claims.get("email"), claims.get("name")
    # Some providers send the text "true".
    is_verified = claims.get("email_verified") in (True, "true")  # guard: oidc-email-verified
    return ProviderUser(
        subject=claims["sub"],
        email=email if isinstance(email, str) and is_verified else None,
        name=name if isinstance(name, str) else "",
        claims=claims,
    )
