"""JSON types of passkeys. Options and credentials have the JSON form of browsers (WebAuthn Level 3)."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, field

from ...contract import auth
from ..http_request import invalid_field_error
from ..json_types import Time

_Bytes = Annotated[
    str,
    Meta(
        max_length=65_536,
        pattern="^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2,3})?$",
        description="base64url without padding",
        examples=["AAAAAAAAAAAAAAAAAAAAAA"],
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=100, examples=["my phone"])]


class PasskeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The password of the account, and a code if it has a second factor.

    A user without a password leaves it out, and must have signed in within the last 5 minutes.
    """

    password: Annotated[str, Meta(examples=["correct horse battery"])] = ""
    code: Annotated[
        str, Meta(description="a code of the authenticator app or a recovery code", examples=["123456"])
    ] = ""


class PasskeyOptions(msgspec.Struct):
    """The options for the browser: `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`.

    They can be used once, within 5 minutes.
    """

    public_key: dict[str, Any]


class AttestationResponse(msgspec.Struct):
    client_data: _Bytes = field(name="clientDataJSON")
    attestation: _Bytes = field(name="attestationObject")
    transports: Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(max_length=16)] = []


class CreatedCredential(msgspec.Struct):
    """The result of `navigator.credentials.create`, as its method `toJSON` returns it. Other fields are ignored."""

    id: _Bytes
    type: Literal["public-key"]
    response: AttestationResponse


class AssertionResponse(msgspec.Struct):
    client_data: _Bytes = field(name="clientDataJSON")
    authenticator_data: _Bytes = field(name="authenticatorData")
    signature: _Bytes
    user_handle: _Bytes | None = field(name="userHandle", default=None)


class UsedCredential(msgspec.Struct):
    """The result of `navigator.credentials.get`, as its method `toJSON` returns it. Other fields are ignored."""

    id: _Bytes
    type: Literal["public-key"]
    response: AssertionResponse


class NewPasskey(msgspec.Struct, forbid_unknown_fields=True):
    """A passkey that the browser created, and its name."""

    name: Name
    credential: CreatedCredential


class PasskeyUpdate(msgspec.Struct, forbid_unknown_fields=True):
    name: Name


class PasskeyRemoval(msgspec.Struct, forbid_unknown_fields=True):
    """The password of the account. A user without a password leaves it out, and must have signed in within the last 5
    minutes."""

    password: Annotated[str, Meta(examples=["correct horse battery"])] = ""


class PasskeyLoginRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The `challenge` of a login that needs a second factor. Without it, no password is needed."""

    challenge: str | None = None


class PasskeyLogin(msgspec.Struct, forbid_unknown_fields=True):
    """A passkey that the browser used, with the `challenge` for which the options were requested."""

    credential: UsedCredential
    challenge: str | None = None


class Passkey(msgspec.Struct):
    """A passkey. `is_synced`: the user's password manager copies it to other devices."""

    id: UUID
    name: str
    created_at: Time
    last_used_at: Time | None
    is_synced: bool


class PasskeyList(msgspec.Struct):
    items: list[Passkey]


def options_view(options: str) -> PasskeyOptions:
    return PasskeyOptions(msgspec.json.decode(options, type=dict[str, Any]))


def attestation(credential: CreatedCredential) -> auth.PasskeyAttestation:
    """Return the value for a credential that a browser sent. Raises InvalidRequest."""
    response = credential.response
    return auth.PasskeyAttestation(
        credential_id=_decode(credential.id, "credential.id"),
        client_data=_decode(response.client_data, "credential.response.clientDataJSON"),
        attestation=_decode(response.attestation, "credential.response.attestationObject"),
        transports=tuple(response.transports),
    )


def assertion(credential: UsedCredential) -> auth.PasskeyAssertion:
    """Return the value for a credential that a browser sent. Raises InvalidRequest."""
    response = credential.response
    return auth.PasskeyAssertion(
        credential_id=_decode(credential.id, "credential.id"),
        client_data=_decode(response.client_data, "credential.response.clientDataJSON"),
        authenticator_data=_decode(response.authenticator_data, "credential.response.authenticatorData"),
        signature=_decode(response.signature, "credential.response.signature"),
        user_handle=_decode(response.user_handle or "", "credential.response.userHandle"),
    )


def passkey_view(passkey: auth.Passkey) -> Passkey:
    return Passkey(
        id=passkey.id,
        name=passkey.name,
        created_at=passkey.created_at,
        last_used_at=passkey.last_used_at,
        is_synced=passkey.is_synced,
    )


def _decode(text: str, name: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise invalid_field_error(name, "must be base64url") from None
