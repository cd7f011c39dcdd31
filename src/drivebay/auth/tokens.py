"""Making tokens: signed access tokens (JWT, RFC 7519) and random refresh tokens.

The other half, checking access tokens, is `drivebay.tokens`, where the gateway finds it too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
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

from ..contract.ids import UserId
from ..tokens import ALGORITHM, REGISTRY, TYPE

_NONCE: Final = 12
_SEED: Final = 32
_REFRESH: Final = 32
_REFRESH_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class WrongSecret(Exception):
    """The signing keys in the database were sealed under another secret than this process was given."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair; `kid` is its RFC 7638 thumbprint and `x` its public half as in a JWK."""

    kid: str
    x: str
    _seed: bytes = field(repr=False)
    _key: OKPKey = field(repr=False)

    @classmethod
    def of(cls, seed: bytes) -> SigningKey:
        """The pair that 32 random bytes make (RFC 8032, 5.1.5)."""
        key = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))
        return cls(kid=key.thumbprint(), x=str(key.as_dict(private=False)["x"]), _seed=seed, _key=key)

    @classmethod
    def new(cls, random_bytes: Callable[[int], bytes]) -> SigningKey:
        return cls.of(random_bytes(_SEED))

    @classmethod
    def unseal(cls, kid: str, sealed: bytes, key: bytes) -> SigningKey:
        """The other way of `seal`; WrongSecret when it was another key, or the row was tampered with."""
        try:
            seed = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], kid.encode())
        except (InvalidTag, ValueError) as error:
            raise WrongSecret(f"the secret does not open signing key {kid}; set the one it was made under") from error
        return cls.of(seed)

    def seal(self, key: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
        """The private half under AES-256-GCM, bound to `kid`: the halves of two rows cannot be exchanged."""
        nonce = random_bytes(_NONCE)
        return nonce + AESGCM(key).encrypt(nonce, self._seed, self.kid.encode())

    def sign(self, user: UserId, issuer: str, audience: str, now: datetime, ttl: timedelta, token_id: UUID) -> str:
        """An access token for `user`, good from `now` on for `ttl`, in whole seconds."""
        issued = int(now.timestamp())
        claims = {
            "iss": issuer,
            "aud": audience,
            "sub": str(user),
            "iat": issued,
            "exp": issued + int(ttl.total_seconds()),
            "jti": str(token_id),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self.kid, "typ": TYPE}, claims, self._key, registry=REGISTRY)


class RefreshToken:
    """32 bytes that nobody can guess. `text` is for the client alone; `digest` is what may be stored."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    @classmethod
    def new(cls, random_bytes: Callable[[int], bytes]) -> RefreshToken:
        return cls(random_bytes(_REFRESH))

    @classmethod
    def read(cls, text: str) -> RefreshToken | None:
        """None for what cannot be one of ours."""
        if _REFRESH_TEXT.fullmatch(text) is None:
            return None
        return cls(urlsafe_b64decode(text + "="))

    @property
    def text(self) -> str:
        return urlsafe_b64encode(self._value).rstrip(b"=").decode("ascii")

    @property
    def digest(self) -> bytes:
        # A fast hash is enough: there are 256 random bits behind it.
        return hashlib.sha256(self._value).digest()

    def child(self, key: bytes, salt: bytes) -> RefreshToken:
        """The token this one is traded for.

        Made, not drawn, so that an answer that was lost can be given again without the child being stored:
        it takes this token (the client has it), the row's random `salt`, and `key`, which never leaves us.
        """
        return RefreshToken(hmac.digest(key, self._value + salt, "sha256"))
