"""A browser with an authenticator in software (WebAuthn Level 3), which can also lie about every part of an answer."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from drivebay.testing.client import Client

Json: TypeAlias = dict[str, Any]

USER_PRESENT: Final = 0x01
USER_VERIFIED: Final = 0x04
BACKUP_ELIGIBLE: Final = 0x08
BACKED_UP: Final = 0x10
_ATTESTED: Final = 0x40


@dataclass
class Authenticator:
    """One passkey. The fields are what it and its browser say: a test changes them to lie.

    `count` grows with each use if it `counts`.
    """

    origin: str
    rp_id: str
    flags: int = USER_PRESENT | USER_VERIFIED
    count: int = 0
    counts: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes = b""
    client_data: Json = field(default_factory=dict)

    def create(self, options: Json) -> Json:
        """Return the answer to creation options, as `toJSON` of a browser returns it."""
        self.user_handle = decode(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(key)
        data = self._authenticator_data(_ATTESTED) + attested
        response = {
            "clientDataJSON": encode(self._client_data("webauthn.create", options)),
            "attestationObject": encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal", "hybrid", "telepathy"],
        }
        return self._credential(response)

    def get(self, options: Json) -> Json:
        """Return the answer to request options."""
        self.count += self.counts
        data = self._authenticator_data()
        client_data = self._client_data("webauthn.get", options)
        signed = data + hashlib.sha256(client_data).digest()
        response = {
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(data),
            "signature": encode(self.key.sign(signed, ec.ECDSA(SHA256()))),
            "userHandle": encode(self.user_handle),
        }
        return self._credential(response)

    def but(self, **changes: Any) -> Authenticator:
        """Return the same passkey with other fields."""
        return replace(self, **changes)

    def _authenticator_data(self, flags: int = 0) -> bytes:
        rp = hashlib.sha256(self.rp_id.encode()).digest()
        return rp + bytes([self.flags | flags]) + self.count.to_bytes(4, "big")

    def _client_data(self, kind: str, options: Json) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said | self.client_data).encode()

    def _credential(self, response: Json) -> Json:
        id = encode(self.credential_id)
        return {
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }


async def add_local_passkey(user: Client, name: str) -> Authenticator:
    """Add a passkey to the account of a user, at a server without a public URL. Its pages are at localhost."""
    host = f"localhost:{urlsplit(user.api).port}"
    passkey = Authenticator(f"http://{host}", "localhost")
    begun = await user.call("POST", "/v1/me/passkeys/options", {"password": user.password}, headers={"Host": host})
    assert begun.status_code == 200, begun.text
    created = passkey.create(begun.json()["public_key"])
    await user.ok("POST", "/v1/me/passkeys", {"name": name, "credential": created})
    return passkey


def encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
