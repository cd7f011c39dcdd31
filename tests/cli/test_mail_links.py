"""The server that gets the token of a link in a mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivebay.cli.user.mail_links import _server_of


@pytest.mark.parametrize(
    ("link", "option", "chosen", "server"),
    [
        ("https://drive.example.com/verify-email?token=a", None, None, "https://drive.example.com"),
        (
            "https://drive.example.com/x/reset-password#token=a",
            None,
            "https://other.example.com",
            "https://drive.example.com/x",
        ),
        ("https://drive.example.com/verify-email?token=a", "http://a.example", None, "http://a.example"),
        # The server did not know its own URL.
        ("http://127.0.0.1:8080/verify-email?token=a", None, "http://192.0.2.5:8080", "http://192.0.2.5:8080"),
        ("http://0.0.0.0:8080/invitation#token=a", None, "http://192.0.2.5:8080", "http://192.0.2.5:8080"),
        ("http://127.0.0.1:8080/verify-email?token=a", None, None, "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/verify-email?token=a", None, "http://localhost:9000", "http://127.0.0.1:8080"),
        ("http://127.example.com/verify-email?token=a", None, "http://192.0.2.5:8080", "http://127.example.com"),
        ("the-token", None, "https://drive.example.com", "https://drive.example.com"),
    ],
)
def test_a_token_is_sent_to_the_server_that_made_its_link(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, link: str, option: str | None, chosen: str | None, server: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("DRIVEBAY_SERVER", chosen or "")
    assert _server_of(link, option) == server
