"""Verification of access tokens by RFC 8725, with public keys only.

This module has no clock, cache or network access. The owner of a `Verifier` fetches the keys again if a token names an
unknown key. The result may be cached until its `expires_at`. The caller must refuse a token whose session has ended.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey

from ...errors import Unauthenticated
from ..ids import SessionId, UserId
from . import Claims, PublicKey

ALGORITHM: Final = "EdDSA"
"""The only accepted algorithm (RFC 8037). The token does not choose it (RFC 8725, 3.1)."""
TYPE: Final = "JWT"
MAX_LENGTH: Final = 2048
"""The maximum number of characters of a token. Our tokens have about 400. A longer text is refused before it is
parsed."""
CLOCK_SKEW: Final = timedelta(seconds=60)
"""The longest time by which the clock of the signing process may be ahead of ours."""


class Verifier:
    """Verifies tokens with a fixed set of keys. Create another verifier when the keys change.

    `keys` maps each `kid` to its key. `issuer` and `audience` must equal the settings of the auth service. Raises
    ValueError for a key that is not an Ed25519 point.
    """

    def __init__(self, keys: Mapping[str, PublicKey], issuer: str, audience: str) -> None:
        self._keys = {kid: _import_key(key) for kid, key in keys.items()}
        self._issuer = issuer
        self._audience = audience

    def knows(self, token: str) -> bool:
        """Return whether the token names a key of this verifier, or is malformed.

        In both cases, newer keys cannot change the result of `verify`.
        """
        try:
            return _parse_header(token).kid in self._keys
        except Unauthenticated:
            return True

    def verify(self, token: str, now: datetime) -> Claims:
        """Return the claims of a token that is valid at `now`. Raises Unauthenticated for any other text."""
        key = self._keys.get(_parse_header(token).kid)  # guard: token-key
        if key is None:
            raise Unauthenticated("the access token is signed by an unknown key")
        try:
            payload = jws.deserialize_compact(token, key, registry=REGISTRY).payload  # guard: token-signature
            claims = _PAYLOAD.decode(payload or b"")
            user = UUID(claims.sub)
            session = None if claims.sid is None else SessionId(UUID(claims.sid))
        except (JoseError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Unauthenticated("the access token is not valid") from error
        self._check(claims, now.timestamp())
        expires_at = datetime.fromtimestamp(claims.exp, UTC)
        return Claims(user=UserId(user), token_id=claims.jti, expires_at=expires_at, session=session)

    def _check(self, claims: _Payload, now: float) -> None:
        if claims.iss != self._issuer or claims.aud != self._audience:  # guard: token-issuer, token-audience
            raise Unauthenticated("the access token is for another issuer or audience")
        if claims.exp <= now:  # guard: token-expiry
            raise Unauthenticated("the access token has expired")
        if max(claims.iat, claims.nbf) > now + CLOCK_SKEW.total_seconds():  # guard: token-issued-at, token-not-before
            raise Unauthenticated("the access token is not valid yet")


class _EdDSAOnly(jws.JWSRegistry):
    """Accepts only EdDSA, also if later versions of joserfc add algorithms.

    The look-up of joserfc warns on each call that RFC 9864 renamed the algorithm. Our clients depend on the old name.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        if name != ALGORITHM:  # guard: token-library-algorithm
            raise UnsupportedAlgorithmError(f"{name} is not {ALGORITHM}")
        return self.algorithms[name]


REGISTRY: Final = _EdDSAOnly()
"""The registry of joserfc that accepts only `ALGORITHM`. This module uses it to verify tokens, and the auth service
uses it to sign them."""


class _Header(msgspec.Struct, forbid_unknown_fields=True):  # guard: token-header-fields
    """The header fields that we write. A header with any other field (`jwk`, `jku`, `x5u`, `crit`, ...) is refused."""

    alg: str
    kid: str
    typ: str


# The upper bound is the end of the year 9999, the last year of `datetime`.
_UnixTime = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]


class _Payload(msgspec.Struct):
    iss: str
    aud: str
    sub: str
    exp: _UnixTime
    iat: _UnixTime
    jti: Annotated[str, msgspec.Meta(min_length=1)]
    nbf: _UnixTime = 0
    sid: str | None = None
    """The session. Tokens that an earlier release signed have no `sid`."""


_HEADER = msgspec.json.Decoder(_Header)
_PAYLOAD = msgspec.json.Decoder(_Payload)


def _parse_header(token: str) -> _Header:
    segment = token.partition(".")[0]
    if len(token) > MAX_LENGTH or token.count(".") != 2:  # guard: token-length
        raise Unauthenticated("the access token is malformed")
    try:
        header = _HEADER.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unauthenticated("the access token is malformed") from error
    if header.alg != ALGORITHM or header.typ != TYPE:  # guard: token-algorithm, token-type
        raise Unauthenticated("the access token has another algorithm or type")
    return header


def _import_key(key: PublicKey) -> OKPKey:
    try:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.x})
    except (JoseError, ValueError) as error:
        raise ValueError(f"key {key.kid} is not an Ed25519 key") from error
