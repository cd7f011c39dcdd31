"""What the text of a setting may look like, parser by parser."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drivebay import values
from drivebay.auth.throttle import Rate
from drivebay.values import duration, rate, size


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0s", timedelta()),
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("15m", timedelta(minutes=15)),
        ("30d", timedelta(days=30)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, meant: timedelta) -> None:
    assert duration(text) == meant


@pytest.mark.parametrize("text", ["", "15", "15 m", "-1s", "1w", "1h30m", "s", "1e3s", "١s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "meant"),
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
def test_a_size_is_exact_bytes_in_decimal_or_binary_units(text: str, meant: int) -> None:
    assert size(text) == meant


@pytest.mark.parametrize("text", ["", "-1", "10gib", "10G", "GiB", "1,000", "0x10"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a size such as"):
        size(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("off", None),
        ("5/s", Rate(5, timedelta(seconds=1))),
        ("20/m", Rate(20, timedelta(minutes=1))),
        ("100/h", Rate(100, timedelta(hours=1))),
        ("3/d", Rate(3, timedelta(days=1))),
    ],
)
def test_a_rate_is_a_count_in_a_unit_or_off(text: str, meant: Rate | None) -> None:
    assert rate(text) == meant


@pytest.mark.parametrize("text", ["", "0/m", "20", "20/min", "-1/m", "1.5/m", "20 / m", "none", "OFF"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a rate such as"):
        rate(text)


@pytest.mark.parametrize("text", ["http://", "http:", "http://a b", "http://h:99999", "ftp://h", "h:80", "//h"])
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a URL that begins with http://"):
        values.url("http")(text)


@pytest.mark.parametrize(
    "text", ["postgresql:///drivebay?host=/run/pg", "postgresql://u:p@h:5432/d", "postgresql://[::1]/d"]
)
def test_a_database_is_named_by_host_or_socket(text: str) -> None:
    assert values.url("postgresql")(text) == text


def test_a_life_in_seconds_has_one_at_least() -> None:
    with pytest.raises(ValueError, match="at least 1s"):
        values.counted("500ms")
    assert values.counted("1s").total_seconds() == 1
