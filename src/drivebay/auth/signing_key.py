"""An Ed25519 key pair that signs access tokens (JWT, RFC 7519), and its encrypted form in the database.

Verification is in `contract.auth.access_tokens`, because the gateway needs it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.jwk import OKPKey

from ..contract.auth.access_tokens import ALGORITHM, REGISTRY, TYPE
from ..contract.ids import SessionId, UserId
from ..errors import StartError

_NONCE_LENGTH: Final = 12
"""The number of bytes of a nonce of AES-GCM."""
_SEED_LENGTH: Final = 32
"""The number of bytes of the seed of a key pair."""


class WrongSecret(StartError):
    """The signing keys in the database were encrypted with another secret than the secret of this process."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of an access token. `ttl` is rounded down to whole seconds and begins at `issued_at`."""

    user: UserId
    token_id: UUID
    issuer: str
    audience: str
    issued_at: datetime
    ttl: timedelta
    session: SessionId | None = None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair. `kid` is its RFC 7638 thumbprint. `x` is the public key as in a JWK."""

    kid: str
    x: str
    _seed: bytes = field(repr=False)
    _key: OKPKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Return the key pair of a 32-byte seed (RFC 8032, section 5.1.5)."""
        key = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))
        return cls(kid=key.thumbprint(), x=str(key.as_dict(private=False)["x"]), _seed=seed, _key=key)

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes]) -> SigningKey:
        """Return a new key pair."""
        return cls.from_seed(random_bytes(_SEED_LENGTH))

    @classmethod
    def decrypt(cls, kid: str, encrypted: bytes, encryption_key: bytes) -> SigningKey:
        """Return the key pair that `encrypt` encrypted.

        Raises WrongSecret if `encryption_key` is wrong or the row was changed.
        """
        try:
            seed = AESGCM(encryption_key).decrypt(encrypted[:_NONCE_LENGTH], encrypted[_NONCE_LENGTH:], kid.encode())
        except (InvalidTag, ValueError) as error:
            raise WrongSecret(
                f"the secret cannot decrypt signing key {kid}: "
                "set DRIVEBAY_SECRET to the value with which this key was created"
            ) from error
        return cls.from_seed(seed)

    def encrypt(self, encryption_key: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
        """Return the private key encrypted with AES-256-GCM.

        The result is bound to `kid`, so a private key moved to another row fails to decrypt.
        """
        nonce = random_bytes(_NONCE_LENGTH)
        return nonce + AESGCM(encryption_key).encrypt(nonce, self._seed, self.kid.encode())

    def sign(self, claims: TokenClaims) -> str:
        """Return a signed access token."""
        issued = int(claims.issued_at.timestamp())
        payload: dict[str, str | int] = {
            "iss": claims.issuer,
            "aud": claims.audience,
            "sub": str(claims.user),
            "iat": issued,
            "exp": issued + int(claims.ttl.total_seconds()),
            "jti": str(claims.token_id),
        }
        if claims.session is not None:
            payload["sid"] = str(claims.session)
        return jwt.encode({"alg": ALGORITHM, "kid": self.kid, "typ": TYPE}, payload, self._key, registry=REGISTRY)
