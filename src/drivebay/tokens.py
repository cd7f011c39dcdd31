"""Whether an access token is one of ours: by RFC 8725, offline, from public keys alone.

Pure: no clock, no cache, no network. Whoever holds a `Verifier` fetches the keys anew when a token names
one it does not know. What was right once stays right until `expires_at`, so the answer may be kept.
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

from .contract.auth import Claims, Key
from .contract.ids import UserId
from .errors import Unauthenticated

ALGORITHM: Final = "EdDSA"
"""The only one (RFC 8037); a token has no say in it (RFC 8725, 3.1)."""
TYPE: Final = "JWT"
MAX_LENGTH: Final = 2048
"""In characters; ours have about 400. A longer one is refused before it is looked at."""
SKEW: Final = timedelta(seconds=60)
"""How far ahead the clock of the process that signed may run."""


class Verifier:
    """Checks tokens against a fixed set of keys; made anew when the keys change.

    `keys` by their `kid`; `issuer` and `audience` as the auth service is set. Raises ValueError for a
    key that is no Ed25519 point.
    """

    def __init__(self, keys: Mapping[str, Key], issuer: str, audience: str) -> None:
        self._keys = {kid: _imported(key) for kid, key in keys.items()}
        self._issuer = issuer
        self._audience = audience

    def knows(self, token: str) -> bool:
        """Whether newer keys would not change the verdict: the token names a key held here, or is malformed."""
        try:
            return _header(token).kid in self._keys
        except Unauthenticated:
            return True

    def verify(self, token: str, now: datetime) -> Claims:
        """What the token says, if every part of it is right at `now`; Unauthenticated otherwise."""
        key = self._keys.get(_header(token).kid)
        if key is None:
            raise Unauthenticated("the access token is signed by an unknown key")
        try:
            payload = jws.deserialize_compact(token, key, registry=REGISTRY).payload
            said = _PAYLOAD.decode(payload or b"")
            user = UUID(said.sub)
        except (JoseError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Unauthenticated("the access token is not valid") from error
        self._check(said, now.timestamp())
        return Claims(user=UserId(user), token_id=said.jti, expires_at=datetime.fromtimestamp(said.exp, UTC))

    def _check(self, said: _Payload, now: float) -> None:
        if said.iss != self._issuer or said.aud != self._audience:
            raise Unauthenticated("the access token is meant for somebody else")
        if said.exp <= now:
            raise Unauthenticated("the access token has expired")
        if max(said.iat, said.nbf) > now + SKEW.total_seconds():
            raise Unauthenticated("the access token is not valid yet")


class _OneAlgorithm(jws.JWSRegistry):
    """Knows EdDSA and nothing else, whatever joserfc learns later.

    joserfc's own look-up warns on each call that RFC 9864 gave the algorithm a second name; our clients
    were promised the first.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        if name != ALGORITHM:
            raise UnsupportedAlgorithmError(f"{name} is not {ALGORITHM}")
        return self.algorithms[name]


REGISTRY: Final = _OneAlgorithm()
"""For joserfc, on both sides: `auth.tokens` signs with it."""


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly what we write. Any other name (`jwk`, `jku`, `x5u`, `crit`, `b64`, ...) is refused unread."""

    alg: str
    kid: str
    typ: str


# A date beyond the year 9999 has no datetime.
_Date = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]


class _Payload(msgspec.Struct):
    iss: str
    aud: str
    sub: str
    exp: _Date
    iat: _Date
    jti: Annotated[str, msgspec.Meta(min_length=1)]
    nbf: _Date = 0


_HEADER = msgspec.json.Decoder(_Header)
_PAYLOAD = msgspec.json.Decoder(_Payload)


def _header(token: str) -> _Header:
    segment = token.partition(".")[0]
    if len(token) > MAX_LENGTH or token.count(".") != 2:
        raise Unauthenticated("the access token is malformed")
    try:
        header = _HEADER.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unauthenticated("the access token is malformed") from error
    if header.alg != ALGORITHM or header.typ != TYPE:
        raise Unauthenticated("the access token is of another kind")
    return header


def _imported(key: Key) -> OKPKey:
    try:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.x})
    except (JoseError, ValueError) as error:
        raise ValueError(f"key {key.kid} is no Ed25519 key") from error
