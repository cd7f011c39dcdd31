"""Options for browsers, and the check of their responses (WebAuthn Level 3), without a database.

The library `webauthn` verifies the responses. It does not document which errors it raises for hostile bytes, so every
exception becomes an InvalidWebauthnResponse.
"""

from __future__ import annotations

from typing import Final

import msgspec
import structlog
import webauthn
from webauthn.helpers import bytes_to_base64url, options_to_json
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ...contract.auth import PasskeyAssertion, PasskeyAttestation, RelyingParty, User
from ..opaque_token import OpaqueToken
from .store import Credential, StoredPasskey

log = structlog.get_logger(__name__)

MAX_FIELD_SIZE: Final = 65_536
"""The maximum number of bytes of one field of a response. Browsers send a few hundred bytes."""
_MAX_PUBLIC_KEY: Final = 1_024
"""The maximum number of bytes of a public key. An RSA key of 4,096 bits has 540 bytes."""
_CREDENTIAL_ID_LENGTHS: Final = range(16, 1024)
"""The accepted lengths of a credential id in bytes."""
_MAX_REASON: Final = 200
"""The maximum number of characters of an error of the library that are logged."""
_TIMEOUT: Final = 300_000
"""The number of milliseconds for which a browser waits for its user."""
_NAME: Final = "Drivebay"


class InvalidWebauthnResponse(Exception):
    """A response of a browser is not valid. The message is for the log."""


class VerifiedAttestation(msgspec.Struct, frozen=True):
    """The verified content of an attestation."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool


class VerifiedAssertion(msgspec.Struct, frozen=True):
    """The verified content of an assertion."""

    sign_count: int
    is_synced: bool


class _ClientData(msgspec.Struct):
    challenge: str
    origin: str
    crossOrigin: bool = False  # noqa: N815 - a name of WebAuthn


_decoder = msgspec.json.Decoder(_ClientData)


def creation_options(party: RelyingParty, user: User, challenge: bytes, existing: tuple[Credential, ...]) -> str:
    """Return the options with which a browser makes a passkey, as JSON.

    An authenticator that has one of the `existing` credentials makes no passkey.
    """
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=_NAME,
        user_id=user.id.bytes,
        user_name=user.email,
        user_display_name=user.display_name or user.email,
        challenge=challenge,
        timeout=_TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(existing),
    )
    return options_to_json(options)


def request_options(party: RelyingParty, challenge: bytes, allowed: tuple[Credential, ...]) -> str:
    """Return the options with which a browser uses a passkey, as JSON.

    If `allowed` is empty, the user chooses any passkey of this deployment.
    """
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_TIMEOUT,
        allow_credentials=_descriptors(allowed),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def find_challenge(client_data: bytes) -> OpaqueToken | None:
    """Return the challenge that a response contains, before the response is verified. Return None if it contains no
    challenge."""
    try:
        return OpaqueToken.parse(_decode(client_data).challenge)
    except InvalidWebauthnResponse:
        return None


def verify_attestation(
    party: RelyingParty, challenge: OpaqueToken, response: PasskeyAttestation
) -> VerifiedAttestation:
    """Return the new passkey of a response. Raises InvalidWebauthnResponse."""
    credential = RegistrationCredential(
        id=bytes_to_base64url(response.credential_id),
        raw_id=response.credential_id,
        response=AuthenticatorAttestationResponse(response.client_data, response.attestation),
    )
    _check_sizes(response.client_data, response.attestation)
    origin = _check_origin(party, response.client_data)
    try:
        found = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge.value,
            expected_rp_id=party.id,
            expected_origin=origin,
            require_user_verification=True,  # guard: passkey-new-user-verification
        )
    except Exception as error:  # noqa: BLE001 - see the module
        raise InvalidWebauthnResponse(f"{type(error).__name__}: {error}"[:_MAX_REASON]) from None
    if found.credential_id != response.credential_id or len(found.credential_id) not in _CREDENTIAL_ID_LENGTHS:
        raise InvalidWebauthnResponse("the credential id is not the id of the response, or is too short or too long")
    if len(found.credential_public_key) > _MAX_PUBLIC_KEY:
        raise InvalidWebauthnResponse("the public key is too long")
    return VerifiedAttestation(
        found.credential_id, found.credential_public_key, found.sign_count, found.credential_backed_up
    )


def verify_assertion(
    party: RelyingParty, challenge: OpaqueToken, response: PasskeyAssertion, passkey: StoredPasskey
) -> VerifiedAssertion:
    """Return the verified use of a passkey. Raises InvalidWebauthnResponse.

    The sign count is not compared here: the statement that records the use compares it.
    """
    credential = AuthenticationCredential(
        id=bytes_to_base64url(response.credential_id),
        raw_id=response.credential_id,
        response=AuthenticatorAssertionResponse(response.client_data, response.authenticator_data, response.signature),
    )
    _check_sizes(response.client_data, response.authenticator_data, response.signature)
    origin = _check_origin(party, response.client_data)
    if response.user_handle not in (b"", passkey.user.bytes):  # guard: passkey-user-handle
        raise InvalidWebauthnResponse("the user handle belongs to another account")
    try:
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge.value,
            expected_rp_id=party.id,
            expected_origin=origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,  # guard: passkey-user-verification
        )
    except Exception as error:  # noqa: BLE001 - see the module
        raise InvalidWebauthnResponse(f"{type(error).__name__}: {error}"[:_MAX_REASON]) from None
    return VerifiedAssertion(found.new_sign_count, found.credential_backed_up)


def known_transports(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the transports that WebAuthn knows, each transport once."""
    return tuple(transport.value for transport in AuthenticatorTransport if transport.value in names)


def _check_sizes(*fields: bytes) -> None:
    if any(len(field) > MAX_FIELD_SIZE for field in fields):
        raise InvalidWebauthnResponse("a field is too long")


def _check_origin(party: RelyingParty, client_data: bytes) -> str:
    """Return the origin of the page, if it may use the passkeys."""
    page = _decode(client_data)
    if page.crossOrigin:  # guard: passkey-cross-origin
        raise InvalidWebauthnResponse("the page is in a frame of another origin")
    if not party.accepts(page.origin):  # guard: passkey-origin
        raise InvalidWebauthnResponse(f"the origin {page.origin[:100]!r} is not the origin of this deployment")
    return page.origin


def _decode(client_data: bytes) -> _ClientData:
    try:
        return _decoder.decode(client_data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidWebauthnResponse("the client data is no JSON, or incomplete") from None


def _descriptors(credentials: tuple[Credential, ...]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=credential.id, transports=[AuthenticatorTransport(name) for name in credential.transports]
        )
        for credential in credentials
    ]
