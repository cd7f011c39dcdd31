"""Access tokens by RFC 8725: what is ours is read, whatever else is refused; and how tokens are made and kept."""

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

from drivebay.auth.tokens import RefreshToken, SigningKey, WrongSecret
from drivebay.contract.auth import Key
from drivebay.contract.ids import UserId
from drivebay.errors import Unauthenticated
from drivebay.tokens import MAX_LENGTH, REGISTRY, Verifier

NOW: Final = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
USER: Final = UserId(UUID("01a205f7-760c-72c0-b5e1-c16b84b7e98a"))
TOKEN: Final = UUID("01a205f7-7612-75d7-9680-f7a8f6303b75")
SEED: Final = bytes(range(32))
OURS: Final = SigningKey.of(SEED)
TTL: Final = timedelta(minutes=15)

Json = dict[str, object]


def verifier(*keys: SigningKey) -> Verifier:
    return Verifier({key.kid: Key(kid=key.kid, x=key.x, created_at=NOW) for key in keys or (OURS,)}, "drivebay", "app")


def token(key: SigningKey = OURS) -> str:
    return key.sign(USER, "drivebay", "app", NOW, TTL, TOKEN)


def base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def parts(text: str) -> tuple[Json, Json]:
    header, payload, _ = (urlsafe_b64decode(part + "==") for part in text.split("."))
    return json.loads(header), json.loads(payload)


def forged(header: Json, payload: object, sign: Callable[[bytes], bytes] | None = None) -> str:
    """A token with any content whose signature is right, made without the code under test."""
    signed = f"{base64(json.dumps(header).encode())}.{base64(json.dumps(payload).encode())}"
    return f"{signed}.{base64((sign or ed25519())(signed.encode()))}"


def ed25519(seed: bytes = SEED) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).sign


def refused(text: str, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verifier().verify(text, now)
    assert text == "" or text not in caught.value.detail
    return caught.value.detail


def test_a_token_says_what_it_was_signed_with() -> None:
    claims = verifier().verify(token(), NOW)
    assert (claims.user, claims.token_id, claims.expires_at) == (USER, str(TOKEN), NOW + TTL)
    header, payload = parts(token())
    assert header == {"alg": "EdDSA", "kid": OURS.kid, "typ": "JWT"}
    assert payload.keys() == {"iss", "aud", "sub", "exp", "iat", "jti"}


def test_the_forger_of_these_tests_could_make_a_good_one() -> None:
    assert verifier().verify(forged(*parts(token())), NOW).user == USER


def test_a_token_is_good_until_its_last_second_and_no_longer() -> None:
    assert verifier().verify(token(), NOW + TTL - timedelta(seconds=1)).user == USER
    assert "expired" in refused(token(), NOW + TTL)


def test_a_token_from_the_future_is_refused_beyond_the_skew_of_clocks() -> None:
    assert verifier().verify(token(), NOW - timedelta(seconds=60)).user == USER
    refused(token(), NOW - timedelta(seconds=61))
    header, payload = parts(token())
    refused(forged(header, payload | {"nbf": int(NOW.timestamp()) + 61}))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "ES256", "RS256", "Ed25519", "", "eddsa"])
def test_no_algorithm_but_ours_is_accepted_even_with_a_good_signature(alg: str) -> None:
    header, payload = parts(token())
    refused(forged(header | {"alg": alg}, payload))
    refused(forged(header | {"alg": alg}, payload, lambda _: b""))


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256", "RS256", "Ed25519", ""])
def test_the_library_itself_is_told_of_no_other_algorithm(alg: str) -> None:
    # The header is looked at before; this holds wherever else a token is made or read.
    with pytest.raises(UnsupportedAlgorithmError):
        REGISTRY.get_alg(alg)


@pytest.mark.parametrize("other", [{"alg": "HS256"}, {"typ": "at+jwt"}, {"jku": "https://evil.example"}])
def test_for_what_is_none_of_ours_no_newer_keys_are_asked(other: Json) -> None:
    header, payload = parts(token())
    unknown = header | {"kid": "a newer key"}
    assert not verifier().knows(forged(unknown, payload))
    assert verifier().knows(forged(unknown | other, payload))


def test_the_public_key_is_no_shared_secret() -> None:
    header, payload = parts(token())
    for secret in (OURS.x.encode(), urlsafe_b64decode(OURS.x + "=")):
        for alg in ("HS256", "EdDSA"):
            refused(forged(header | {"alg": alg}, payload, lambda data, k=secret: hmac.digest(k, data, "sha256")))  # type: ignore[misc]


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
def test_a_header_that_we_would_not_write_is_refused(extra: Json) -> None:
    header, payload = parts(token())
    refused(forged(header | extra, payload))


def test_a_key_that_comes_with_the_token_is_not_used() -> None:
    evil = SigningKey.of(bytes(32))
    header, payload = parts(token())
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": evil.x}
    refused(forged(header | {"jwk": jwk}, payload, ed25519(bytes(32))))
    refused(forged(header | {"kid": evil.kid}, payload, ed25519(bytes(32))))
    refused(forged(header, payload, ed25519(bytes(32))))


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "/etc/passwd", "", "' OR 1=1 --", "https://evil.example/k", "\0"]
)
def test_a_kid_is_only_ever_looked_up_among_the_keys_held(kid: str) -> None:
    header, payload = parts(token())
    text = forged(header | {"kid": kid}, payload)
    assert "unknown key" in refused(text)
    assert not verifier().knows(text)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "jti"])
def test_every_claim_must_be_there_and_of_its_type(claim: str) -> None:
    header, payload = parts(token())
    refused(forged(header, {name: value for name, value in payload.items() if name != claim}))
    other: object = str(payload[claim]) if claim in ("exp", "iat") else ""
    wrongs: tuple[object, ...] = (None, True, 1.5, [], {}, [payload[claim]], other)
    for wrong in wrongs:
        refused(forged(header, payload | {claim: wrong}))


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
    ],
    ids=str,
)
def test_a_claim_with_another_value_is_refused(wrong: Json) -> None:
    header, payload = parts(token())
    refused(forged(header, payload | wrong))


@pytest.mark.parametrize("payload", [[], "text", 5, None], ids=str)
def test_a_payload_that_is_no_object_is_refused(payload: object) -> None:
    refused(forged(parts(token())[0], payload))


def test_a_changed_character_anywhere_is_refused() -> None:
    good = token()
    for place in range(0, len(good), 7):
        if good[place] != ".":
            refused(good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "a.b", "a.b.c.d", "a.b.c.d.e", "é.é.é", "\ud800.a.b", "\0..", "e30.e30.", " . . "]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    refused(text)
    assert verifier().knows(text), "newer keys are not asked for because of rubbish"


def test_a_token_that_is_too_long_is_refused_before_it_is_read() -> None:
    header, payload = parts(token())
    refused(forged(header, payload | {"jti": "x" * MAX_LENGTH}))
    refused("[" * 1_000_000)


def test_deep_nesting_is_refused() -> None:
    nested = base64(b"[" * 700 + b"]" * 700)
    refused(f"{nested}.{nested}.{nested}"[:MAX_LENGTH])


def test_an_old_key_still_verifies_beside_the_new_one() -> None:
    newer = SigningKey.of(bytes(31) + b"x")
    both = verifier(newer, OURS)
    assert both.verify(token(), NOW).user == both.verify(token(newer), NOW).user == USER


@pytest.mark.parametrize("x", ["", "zz", "!!!", base64(bytes(31))])
def test_a_key_that_is_no_point_is_an_error_of_ours(x: str) -> None:
    with pytest.raises(ValueError, match="no Ed25519 key"):
        Verifier({"a": Key(kid="a", x=x, created_at=NOW)}, "drivebay", "app")


def test_a_sealed_key_opens_with_its_own_secret_and_its_own_kid_only() -> None:
    sealed = OURS.seal(b"k" * 32, os.urandom)
    assert SigningKey.unseal(OURS.kid, sealed, b"k" * 32) == OURS
    assert SEED not in sealed
    with pytest.raises(WrongSecret):
        SigningKey.unseal(OURS.kid, sealed, b"K" * 32)
    with pytest.raises(WrongSecret):
        SigningKey.unseal("other", sealed, b"k" * 32)
    with pytest.raises(WrongSecret):
        SigningKey.unseal(OURS.kid, b"", b"k" * 32)


def test_a_signing_key_does_not_show_its_private_half() -> None:
    assert repr(SEED) not in repr(OURS)
    assert base64(SEED) not in repr(OURS)


def test_a_refresh_token_reads_back_from_its_text() -> None:
    made = RefreshToken.new(os.urandom)
    read = RefreshToken.read(made.text)
    assert read is not None
    assert read.digest == made.digest
    assert len(made.text) == 43
    assert made.text not in repr(made)


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "é" * 43, "x" * 42 + "\n", "x" * 10**6])
def test_what_cannot_be_a_refresh_token_is_not_read(text: str) -> None:
    assert RefreshToken.read(text) is None


def test_a_child_takes_the_parent_the_salt_and_the_key_to_make_again() -> None:
    parent, other = RefreshToken(b"p" * 32), RefreshToken(b"q" * 32)
    child = parent.child(b"k" * 32, b"s" * 32).digest
    assert parent.child(b"k" * 32, b"s" * 32).digest == child
    others = {
        parent.digest,
        parent.child(b"K" * 32, b"s" * 32).digest,
        parent.child(b"k" * 32, b"S" * 32).digest,
        other.child(b"k" * 32, b"s" * 32).digest,
    }
    assert child not in others
    assert len(others) == 4
