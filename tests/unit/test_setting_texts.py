"""Accepted and refused texts of settings, parser by parser."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drivebay.auth.settings import Rate
from drivebay.config import parsing
from drivebay.config.parsing import (
    claim,
    duration,
    idle_timeout,
    issuer_url,
    mail_sender,
    public_url,
    rate,
    size,
    smtp_url,
)
from drivebay.worker.settings import SmtpServer, SmtpTls


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0s", timedelta()),
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("15m", timedelta(minutes=15)),
        ("30d", timedelta(days=30)),
    ],
)
def test_duration_is_a_number_and_a_unit(text: str, value: timedelta) -> None:
    assert duration(text) == value


@pytest.mark.parametrize("text", ["", "15", "15 m", "-1s", "1w", "1h30m", "s", "1e3s", "١s"])
def test_malformed_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1048576", 2**20),
        ("7B", 7),
        ("500MB", 500 * 10**6),
        ("10GiB", 10 * 2**30),
        ("10 GiB", 10 * 2**30),
        ("1.5KiB", 1536),
        ("2TiB", 2 * 2**40),
        ("9007199254740993", 2**53 + 1),
    ],
)
def test_size_is_exact_in_decimal_and_binary_units(text: str, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize("text", ["", "-1", "10gib", "10G", "GiB", "1,000", "0x10"])
def test_malformed_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a size such as"):
        size(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", None),
        ("5/s", Rate(5, timedelta(seconds=1))),
        ("20/m", Rate(20, timedelta(minutes=1))),
        ("100/h", Rate(100, timedelta(hours=1))),
        ("3/d", Rate(3, timedelta(days=1))),
    ],
)
def test_rate_is_a_count_per_unit_or_off(text: str, value: Rate | None) -> None:
    assert rate(text) == value


@pytest.mark.parametrize("text", ["", "0/m", "20", "20/min", "-1/m", "1.5/m", "20 / m", "none", "OFF"])
def test_malformed_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a rate such as"):
        rate(text)


@pytest.mark.parametrize("text", ["http://", "http:", "http://a b", "http://h:99999", "ftp://h", "h:80", "//h"])
def test_malformed_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a URL that begins with http://"):
        parsing.url("http")(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql:///drivebay?host=/run/pg",
        "postgresql://u:p@h:5432/d",
        "postgresql://[::1]/d",
        "postgresql://u:p@a:1,b:2/d",
    ],
)
def test_database_url_has_a_host_or_a_socket(text: str) -> None:
    assert parsing.url("postgresql")(text) == text


def test_token_lifetime_is_at_least_one_second() -> None:
    with pytest.raises(ValueError, match="at least 1s"):
        parsing.token_lifetime("500ms")
    assert parsing.token_lifetime("1s").total_seconds() == 1


@pytest.mark.parametrize(
    ("text", "value"), [("1s", timedelta(seconds=1)), ("75s", timedelta(seconds=75)), ("1h", timedelta(hours=1))]
)
def test_an_idle_timeout_is_between_a_second_and_an_hour(text: str, value: timedelta) -> None:
    assert idle_timeout(text) == value


@pytest.mark.parametrize("text", ["0s", "999ms", "61m", "75"])
def test_an_idle_timeout_outside_of_its_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration"):
        idle_timeout(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("https://drive.example.com", "https://drive.example.com"),
        ("https://example.com/drive/", "https://example.com/drive"),
        ("http://[2001:db8::1]:8080/a/b", "http://[2001:db8::1]:8080/a/b"),
        ("https://Drive.Example.com:443/A", "https://drive.example.com/A"),
    ],
)
def test_a_public_url_may_have_a_path(text: str, value: str) -> None:
    assert public_url(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "example.com", "/drive", "ftp://a.example", "https://a.example/b?c", "https://a.example/b#c",
     "https://a.example/../b", "https://a.example//b", "https://user@a.example", "https://", "http://:8080"],
)  # fmt: skip
def test_a_malformed_public_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a URL"):
        public_url(text)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, SmtpTls.STARTTLS)),
        ("smtp://mail.example.com:25/", SmtpServer("mail.example.com", 25, SmtpTls.STARTTLS)),
        ("smtp://mail.example.com?tls=off", SmtpServer("mail.example.com", 587, SmtpTls.OFF)),
        ("smtps://mail.example.com", SmtpServer("mail.example.com", 465, SmtpTls.IMPLICIT)),
        ("smtp://127.0.0.1:1025", SmtpServer("127.0.0.1", 1025, SmtpTls.OFF)),
        ("smtp://[::1]:25", SmtpServer("::1", 25, SmtpTls.OFF)),
        ("smtp://localhost?tls=starttls", SmtpServer("localhost", 587, SmtpTls.STARTTLS)),
        (
            "smtp://a%40b:p%2Fw%3A@mail.example.com",
            SmtpServer("mail.example.com", 587, SmtpTls.STARTTLS, "a@b", "p/w:"),
        ),
    ],
)
def test_url_of_a_mail_server_demands_tls_beyond_this_machine(text: str, server: SmtpServer) -> None:
    assert smtp_url(text) == server


@pytest.mark.parametrize(
    "text",
    ["", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://:587", "smtp://h:0", "smtp://h:99999",
     "smtp://h/path", "smtp://h#x", "smtp://user@h", "smtp://h?tls=maybe", "smtp://h?tls=implicit", "smtp://h?x=y",
     "smtps://h?tls=off", "smtp://h?tls", "smtp://[::1", "smtp://a b@h"],
)  # fmt: skip
def test_malformed_url_of_a_mail_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a URL"):
        smtp_url(text)


@pytest.mark.parametrize("text", ["drive@example.com", "Drivebay <drive@example.com>", "Müller <m@example.com>"])
def test_sender_of_mails_may_have_a_name(text: str) -> None:
    assert mail_sender(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "drive", "a@example.com, b@example.com", "A\nBcc: <b@example.com>", "a@example.com\r\nBcc: b@example.com",
     "<>", "müller@example.com", "a@b c"],
)  # fmt: skip
def test_malformed_sender_of_mails_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an address such as"):
        mail_sender(text)


@pytest.mark.parametrize("text", ["https://id.example.com", "https://id.example.com/a/", "http://127.0.0.1:9000"])
def test_issuer_is_https_or_on_this_machine(text: str) -> None:
    assert issuer_url(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "id.example.com", "http://id.example.com", "https://", "https://id?x=y", "https://id#x", "https://me@id",
     "https://i d", "ftp://id", "https://[::1", "https://:443", "https://id:99999", "https://id:0"],
)  # fmt: skip
def test_malformed_issuer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an https:// URL"):
        issuer_url(text)


def test_claim_is_a_name_and_a_value() -> None:
    assert claim("groups=a=b") == ("groups", "a=b")
    for text in ("", "groups", "=admins", "groups="):
        with pytest.raises(ValueError, match="a claim and its value"):
            claim(text)
