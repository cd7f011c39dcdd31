"""Secrets never reach a log line, whatever value or text holds them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from drivebay.observability.redaction import redact

SIGNED = "https://store.example/drivebay/key?X-Amz-Credential=canary&X-Amz-Signature=canary"


def redacted(**event: Any) -> dict[str, Any]:
    return dict(redact(None, "info", {"event": "attempted", **event}))


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "refresh_token",
        "access_token",
        "password",
        "new_password",
        "secret",
        "Authorization",
        "cookie",
        "signature",
        "pepper",
        "api_key",
        "private_key",
    ],
)
def test_field_with_the_name_of_a_secret_is_redacted(name: str) -> None:
    assert redacted(**{name: "canary"})[name] == "[redacted]"


@pytest.mark.parametrize(
    ("text", "redacted_text"),
    [
        ("Authorization: Bearer canary.canary-canary_1", "Authorization: Bearer [redacted]"),
        ("sent bearer canarycanary and waited", "sent bearer [redacted] and waited"),
        (f"PUT {SIGNED} failed", "PUT https://store.example/drivebay/key?[redacted] failed"),
        (f'redirected to "{SIGNED}"', 'redirected to "https://store.example/drivebay/key?[redacted]"'),
        (f"{SIGNED} {SIGNED}", " ".join(["https://store.example/drivebay/key?[redacted]"] * 2)),
        ("postgresql://me:canary@db:5432/x is away", "postgresql://me:[redacted]@db:5432/x is away"),
        (f"GET /v1/archives/{'canary' * 10} 200", "GET /v1/archives/[redacted] 200"),
        ("nats://:canary@broker:4222", "nats://:[redacted]@broker:4222"),
        ("http://me:canary@store/key?sig=canary", "http://me:[redacted]@store/key?[redacted]"),
        ("AUTHORIZATION: BEARER canary.canary", "AUTHORIZATION: BEARER [redacted]"),
        ("nats://canary@broker:4222 is away", "nats://[redacted]@broker:4222 is away"),
        ("nats://canary@a:1,nats://canary@b:2", "nats://[redacted]@a:1,nats://[redacted]@b:2"),
        ("postgresql://me:can@ary@db/x", "postgresql://me:[redacted]@db/x"),
        ("HTTPS://store/key?sig=canary", "HTTPS://store/key?[redacted]"),
        ("postgresql://db/x?user=me&password=canary", "postgresql://db/x?[redacted]"),
        ("PUT /b/k?X-Amz-Signature=canary&part=1", "PUT /b/k?X-Amz-Signature=[redacted]&part=1"),
        (
            "AWS4-HMAC-SHA256 Credential=canary/2026, SignedHeaders=host, Signature=canary",
            "AWS4-HMAC-SHA256 Credential=[redacted], SignedHeaders=host, Signature=[redacted]",
        ),
        ("{'Authorization': 'Basic Y2FuYXJ5=='}", "{'Authorization': 'Basic [redacted]'}"),
        ("got eyJhbGciOiJFZERTQSJ9.eyJjYW5hcnkiOjF9.canary-canary back", "got [redacted] back"),
        (f"got dbt_{'a' * 43} back", "got [redacted] back"),
        (f"got whsec_{'a+/' * 14}A= back", "got [redacted] back"),
        (f"GET /v1/public/dbl_{'a' * 43}/files", "GET /v1/public/[redacted]/files"),
        ("host=db password=canary user=me", "host=db password=[redacted] user=me"),
        ("Tokens(refresh_token='canary', expires_in=900)", "Tokens(refresh_token=[redacted], expires_in=900)"),
        ('{"password":"can\'ary","email":"a@b"}', '{"password":[redacted],"email":"a@b"}'),
    ],
)
def test_secret_inside_a_text_is_redacted_and_the_rest_stays(text: str, redacted_text: str) -> None:
    assert redacted(reason=text)["reason"] == redacted_text
    assert redacted(event=text)["event"] == redacted_text


@pytest.mark.parametrize(
    "text",
    [
        "a bearer of news",
        "http://127.0.0.1:8080/docs",
        "postgresql://db:5432/x",
        "what? nothing",
        "me@db",
        "the token has ended",
    ],
)
def test_text_without_a_secret_is_unchanged(text: str) -> None:
    assert redacted(reason=text)["reason"] == text


@pytest.mark.parametrize("part", ["a://", "token", "eyJaaaaaaaa-", "eyJaaaaaaaa.", "bearer ", "a://b:", "secret':'"])
def test_long_text_that_resembles_secrets_is_redacted_in_linear_time(part: str) -> None:
    started = time.monotonic()
    redacted(reason=part * (100_000 // len(part)) + " ://")
    assert time.monotonic() - started < 2


def test_numbers_are_unchanged() -> None:
    assert redacted(bytes=17, ok=True, ratio=0.5) == {"event": "attempted", "bytes": 17, "ok": True, "ratio": 0.5}


def test_secret_in_nested_lists_and_mappings_is_redacted() -> None:
    event = redacted(
        attempts=[SIGNED, ("nats://canary@broker", {"cause": f"PUT {SIGNED}"})],
        headers={"Authorization": "Basic canary", "Accept": "*/*", "cookie": [b"canary"]},
    )
    assert "canary" not in repr(event)
    assert event["headers"]["Accept"] == "*/*"
    assert event["attempts"][1][0] == "nats://[redacted]@broker"


def test_secret_in_bytes_or_in_a_repr_is_redacted() -> None:
    event = redacted(sent=b"authorization: Bearer canary.canary", error=ValueError(f"PUT {SIGNED}"), path=b"\xff/a")
    assert event["sent"] == b"authorization: Bearer [redacted]"
    assert event["path"] == b"\xff/a"
    assert "canary" not in repr(event)
    assert "ValueError" in str(event["error"])


def test_recursive_value_is_redacted() -> None:
    recursive: list[Any] = ["nats://canary@broker"]
    recursive.append(recursive)
    assert "canary" not in repr(redacted(recursive=recursive))


def test_number_with_the_name_of_a_secret_is_unchanged() -> None:
    assert redacted(tokens=3, password=None) == {"event": "attempted", "tokens": 3, "password": None}
