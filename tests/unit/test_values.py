"""What the text of a setting may look like, parser by parser."""

from __future__ import annotations

from datetime import timedelta

import pytest

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
