"""Access tokens are verified by RFC 8725. Signing keys are encrypted. Refresh tokens are derived."""

from __future__ import annotations

import hmac
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jwk import OKPKey

from drivebay.auth.opaque_token import OpaqueToken
from drivebay.auth.signing_key import SigningKey, TokenClaims, WrongSecret
from drivebay.contract.auth import PublicKey
from drivebay.contract.auth.access_tokens import MAX_LENGTH, REGISTRY, Verifier
from drivebay.contract.ids import UserId
from drivebay.errors import Unauthenticated

NOW: Final = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
USER: Final = UserId(UUID("01a205f7-760c-72c0-b5e1-c16b84b7e98a"))
TOKEN_ID: Final = UUID("01a205f7-7612-75d7-9680-f7a8f6303b75")
SEED: Final = bytes(range(32))
KEY: Final = SigningKey.from_seed(SEED)
TTL: Final = timedelta(minutes=15)

Json = dict[str, object]


def make_verifier(*keys: SigningKey) -> Verifier:
    return Verifier(
        {key.kid: PublicKey(kid=key.kid, x=key.x, created_at=NOW) for key in keys or (KEY,)}, "drivebay", "app"
    )


def signed_token(key: SigningKey = KEY) -> str:
    return key.sign(TokenClaims(USER, TOKEN_ID, "drivebay", "app", NOW, TTL))


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_parts(text: str) -> tuple[Json, Json]:
    header, payload, _ = (urlsafe_b64decode(part + "==") for part in text.split("."))
    return json.loads(header), json.loads(payload)


def forge(header: Json, payload: object, sign: Callable[[bytes], bytes] | None = None) -> str:
    """Return a token with any content and a valid signature, without the code under test."""
    signed = f"{base64url(json.dumps(header).encode())}.{base64url(json.dumps(payload).encode())}"
    return f"{signed}.{base64url((sign or ed25519_signer())(signed.encode()))}"


def ed25519_signer(seed: bytes = SEED) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).sign


def assert_refused(text: str, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as caught:
        make_verifier().verify(text, now)
    assert text == "" or text not in caught.value.detail
    return caught.value.detail


def test_a_verified_token_has_the_signed_claims() -> None:
    claims = make_verifier().verify(signed_token(), NOW)
    assert (claims.user, claims.token_id, claims.expires_at) == (USER, str(TOKEN_ID), NOW + TTL)
    header, payload = decode_parts(signed_token())
    assert header == {"alg": "EdDSA", "kid": KEY.kid, "typ": "JWT"}
    assert payload.keys() == {"iss", "aud", "sub", "exp", "iat", "jti"}


def test_the_forge_helper_makes_valid_tokens() -> None:
    assert make_verifier().verify(forge(*decode_parts(signed_token())), NOW).user == USER


def test_a_token_is_valid_until_it_expires() -> None:
    assert make_verifier().verify(signed_token(), NOW + TTL - timedelta(seconds=1)).user == USER
    assert "expired" in assert_refused(signed_token(), NOW + TTL)


def test_a_token_from_the_future_is_refused_beyond_the_clock_skew() -> None:
    assert make_verifier().verify(signed_token(), NOW - timedelta(seconds=60)).user == USER
    assert_refused(signed_token(), NOW - timedelta(seconds=61))
    header, payload = decode_parts(signed_token())
    assert_refused(forge(header, payload | {"nbf": int(NOW.timestamp()) + 61}))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "ES256", "RS256", "Ed25519", "", "eddsa"])
def test_another_algorithm_is_refused_even_with_a_valid_signature(alg: str) -> None:
    header, payload = decode_parts(signed_token())
    assert_refused(forge(header | {"alg": alg}, payload))
    assert_refused(forge(header | {"alg": alg}, payload, lambda _: b""))


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256", "RS256", "Ed25519", ""])
def test_the_library_knows_no_other_algorithm(alg: str) -> None:
    # The header is checked earlier. This check also covers other callers of the library.
    with pytest.raises(UnsupportedAlgorithmError):
        REGISTRY.get_alg(alg)


@pytest.mark.parametrize("other", [{"alg": "HS256"}, {"typ": "at+jwt"}, {"jku": "https://evil.example"}])
def test_a_malformed_token_with_an_unknown_key_causes_no_reload(other: Json) -> None:
    header, payload = decode_parts(signed_token())
    unknown = header | {"kid": "a newer key"}
    assert not make_verifier().knows(forge(unknown, payload))
    assert make_verifier().knows(forge(unknown | other, payload))


def test_the_public_key_is_not_accepted_as_a_shared_secret() -> None:
    header, payload = decode_parts(signed_token())
    for secret in (KEY.x.encode(), urlsafe_b64decode(KEY.x + "=")):
        for alg in ("HS256", "EdDSA"):
            assert_refused(forge(header | {"alg": alg}, payload, lambda data, k=secret: hmac.digest(k, data, "sha256")))  # type: ignore[misc]


@pytest.mark.parametrize(
    "extra",
    [
        {"jwk": OKPKey.generate_key("Ed25519").as_dict(private=False)},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"zip": "DEF"},
        {"typ": "at+jwt"},
        {"typ": None},
        {"kid": None},
        {"kid": ["a"]},
        {"alg": None},
    ],
    ids=lambda extra: " ".join(extra) + " " + str(*extra.values())[:12] if "jwk" not in extra else "jwk",
)
def test_a_header_with_other_fields_is_refused(extra: Json) -> None:
    header, payload = decode_parts(signed_token())
    assert_refused(forge(header | extra, payload))


def test_a_key_inside_the_token_is_not_used() -> None:
    evil = SigningKey.from_seed(bytes(32))
    header, payload = decode_parts(signed_token())
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": evil.x}
    assert_refused(forge(header | {"jwk": jwk}, payload, ed25519_signer(bytes(32))))
    assert_refused(forge(header | {"kid": evil.kid}, payload, ed25519_signer(bytes(32))))
    assert_refused(forge(header, payload, ed25519_signer(bytes(32))))


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "/etc/passwd", "", "' OR 1=1 --", "https://evil.example/k", "\0"]
)
def test_a_kid_is_only_looked_up_among_the_known_keys(kid: str) -> None:
    header, payload = decode_parts(signed_token())
    text = forge(header | {"kid": kid}, payload)
    assert "unknown key" in assert_refused(text)
    assert not make_verifier().knows(text)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "jti"])
def test_every_claim_is_required_and_typed(claim: str) -> None:
    header, payload = decode_parts(signed_token())
    assert_refused(forge(header, {name: value for name, value in payload.items() if name != claim}))
    other: object = str(payload[claim]) if claim in ("exp", "iat") else ""
    wrongs: tuple[object, ...] = (None, True, 1.5, [], {}, [payload[claim]], other)
    for wrong in wrongs:
        assert_refused(forge(header, payload | {claim: wrong}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"},
        {"iss": "another"},
        {"sub": "root"},
        {"sub": str(USER) + "0"},
        {"exp": 0},
        {"exp": -1},
        {"exp": 2**63},
        {"exp": 10**30},
        {"iat": -1},
        {"sid": "no-uuid"},
        {"sid": 7},
    ],
    ids=str,
)
def test_a_claim_with_a_wrong_value_is_refused(wrong: Json) -> None:
    header, payload = decode_parts(signed_token())
    assert_refused(forge(header, payload | wrong))


@pytest.mark.parametrize("payload", [[], "text", 5, None], ids=str)
def test_a_payload_that_is_not_an_object_is_refused(payload: object) -> None:
    assert_refused(forge(decode_parts(signed_token())[0], payload))


def test_a_token_with_any_changed_character_is_refused() -> None:
    good = signed_token()
    for place in range(0, len(good), 7):
        if good[place] != ".":
            assert_refused(good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "a.b", "a.b.c.d", "a.b.c.d.e", "é.é.é", "\ud800.a.b", "\0..", "e30.e30.", " . . "]
)
def test_a_malformed_token_is_refused(text: str) -> None:
    assert_refused(text)
    assert make_verifier().knows(text), "a malformed token causes no reload of the keys"


def test_a_token_that_is_too_long_is_refused() -> None:
    header, payload = decode_parts(signed_token())
    assert_refused(forge(header, payload | {"jti": "x" * MAX_LENGTH}))
    assert_refused("[" * 1_000_000)


def test_deep_nesting_is_refused() -> None:
    nested = base64url(b"[" * 700 + b"]" * 700)
    assert_refused(f"{nested}.{nested}.{nested}"[:MAX_LENGTH])


def test_an_old_key_still_verifies_after_a_rotation() -> None:
    newer = SigningKey.from_seed(bytes(31) + b"x")
    both = make_verifier(newer, KEY)
    assert both.verify(signed_token(), NOW).user == both.verify(signed_token(newer), NOW).user == USER


@pytest.mark.parametrize("x", ["", "zz", "!!!", base64url(bytes(31))])
def test_an_invalid_public_key_is_a_value_error(x: str) -> None:
    with pytest.raises(ValueError, match="not an Ed25519 key"):
        Verifier({"a": PublicKey(kid="a", x=x, created_at=NOW)}, "drivebay", "app")


def test_an_encrypted_key_needs_its_own_secret_and_kid() -> None:
    encrypted = KEY.encrypt(b"k" * 32, os.urandom)
    assert SigningKey.decrypt(KEY.kid, encrypted, b"k" * 32) == KEY
    assert SEED not in encrypted
    with pytest.raises(WrongSecret):
        SigningKey.decrypt(KEY.kid, encrypted, b"K" * 32)
    with pytest.raises(WrongSecret):
        SigningKey.decrypt("other", encrypted, b"k" * 32)
    with pytest.raises(WrongSecret):
        SigningKey.decrypt(KEY.kid, b"", b"k" * 32)


def test_the_repr_of_a_signing_key_hides_the_private_key() -> None:
    assert repr(SEED) not in repr(KEY)
    assert base64url(SEED) not in repr(KEY)


def test_a_refresh_token_is_parsed_from_its_text() -> None:
    token = OpaqueToken.generate(os.urandom)
    parsed = OpaqueToken.parse(token.text)
    assert parsed is not None
    assert parsed.digest == token.digest
    assert len(token.text) == 43
    assert token.text not in repr(token)


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "é" * 43, "x" * 42 + "\n", "x" * 10**6])
def test_a_malformed_refresh_token_is_not_parsed(text: str) -> None:
    assert OpaqueToken.parse(text) is None


def test_a_successor_depends_on_the_token_the_salt_and_the_key() -> None:
    token, other = OpaqueToken(b"p" * 32), OpaqueToken(b"q" * 32)
    successor = token.derive_successor(b"k" * 32, b"s" * 32).digest
    assert token.derive_successor(b"k" * 32, b"s" * 32).digest == successor
    others = {
        token.digest,
        token.derive_successor(b"K" * 32, b"s" * 32).digest,
        token.derive_successor(b"k" * 32, b"S" * 32).digest,
        other.derive_successor(b"k" * 32, b"s" * 32).digest,
    }
    assert successor not in others
    assert len(others) == 4
