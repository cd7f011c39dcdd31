"""What a setting's text may look like: each parser gives the value, or says in a ValueError what is accepted."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from .auth.throttle import Rate

_SECRET_BYTES: Final = 32
_WELL_KNOWN: Final = frozenset({"changeme", "change-me", "secret", "password", "drivebay", "default", "minioadmin"})
_DURATIONS: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES: Final = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, letter in enumerate("KMGT", 1)
}
_LONGEST: Final = timedelta(days=36500)
_LONGEST_SIGNED: Final = timedelta(days=7)
_LARGEST: Final = 2**62
"""Sizes are added up in 64 bits; half of that leaves room for the sum."""
_HOST_PORT: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")


def duration(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text)
    if found is None:
        raise ValueError("a duration such as 90s, 15m or 30d")
    seconds = float(found[1]) * _DURATIONS[found[2]]
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"a duration such as 90s, 15m or 30d, of {_LONGEST.days}d at most")
    return timedelta(seconds=seconds)


def lasting(text: str) -> timedelta:
    """A duration above zero."""
    if not (value := duration(text)):
        raise ValueError("a duration above zero such as 90s, 15m or 30d")
    return value


def counted(text: str) -> timedelta:
    """A life that is told in whole seconds, so one of them at least."""
    if (value := lasting(text)) < timedelta(seconds=1):
        raise ValueError("a duration of at least 1s, such as 90s, 15m or 1d")
    return value


def signable(text: str) -> timedelta:
    """A life that a signed URL may have: the store counts whole seconds and refuses what lasts longer."""
    if not timedelta(seconds=1) <= (value := duration(text)) <= _LONGEST_SIGNED:
        raise ValueError(f"a duration above zero such as 90s or 15m, from 1s to {_LONGEST_SIGNED.days}d")
    return value


def size(text: str) -> int:
    found = re.fullmatch(r"([0-9]+)(\.[0-9]+)? ?([A-Za-z]*)", text)
    if found is None or found[3] not in _SIZES:
        raise ValueError("a size such as 10GiB, 500MB or 1048576")
    # Counted in digits first: Python refuses to read a number of thousands of them.
    if len(found[1].lstrip("0")) <= len(str(_LARGEST)):
        unit = _SIZES[found[3]]
        value = int(float(found[1] + found[2]) * unit) if found[2] else int(found[1]) * unit
        if value <= _LARGEST:
            return value
    raise ValueError("a size such as 10GiB, 500MB or 1048576, of 4194304TiB at most")


def rate(text: str) -> Rate | None:
    if text == "off":
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,8})/(s|m|h|d)", text)
    if found is None:
        raise ValueError("a rate such as 20/m or 100/h, or off")
    return Rate(int(found[1]), timedelta(seconds=_DURATIONS[found[2]]))


def within(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
            raise ValueError(f"a number from {least} to {most}")
        return int(text)

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return parse


def url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        what = f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        try:
            parts = urlsplit(text)
            _ = parts.port  # raises ValueError beyond 65535
        except ValueError:
            raise ValueError(what) from None
        # A database may be behind a socket, which a query names instead of a host.
        if parts.scheme not in schemes or re.search(r"\s", text) or not (parts.netloc or parts.query):
            raise ValueError(what)
        return text.rstrip("/")

    return parse


def address(text: str) -> str:
    if re.fullmatch(r"unix:/\S+", text):
        return text
    found = _HOST_PORT.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError("unix:/path, or a host:port such as 127.0.0.1:7001 (beyond loopback with DRIVEBAY_TLS_CERT)")
    return text


def is_local(address: str) -> bool:
    """Whether only this machine's processes can reach a service's address."""
    host = address.rpartition(":")[0].strip("[]")
    if address.startswith("unix:") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_port(text: str) -> str:
    found = _HOST_PORT.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError("host:port with a port from 1 to 65535")
    return text


def networks(text: str) -> tuple[str, ...]:
    parts = words(text)
    try:
        return tuple(str(ipaddress.ip_network(part)) for part in parts)
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8,192.168.1.7/32") from None


def some_bytes(text: str) -> int:
    found = size(text)
    if found == 0:
        raise ValueError("a size of one byte at least")
    return found


_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ORIGIN = re.compile(rf"https?://(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::([0-9]{{1,5}}))?")


def origins(text: str) -> tuple[str, ...]:
    """Origins as browsers send them (RFC 6454), or `*`."""
    found = words(text)
    if found == ("*",) or all(_is_origin(origin) for origin in found):
        return found
    raise ValueError("origins such as https://app.example.com (lower case, no path), or *")


def _is_origin(text: str) -> bool:
    found = _ORIGIN.fullmatch(text)
    return found is not None and (found[1] is None or 1 <= int(found[1]) <= 65535)


def words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def pattern(pattern: str, what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(what)
        return text

    return parse


def secret(text: str) -> bytes:
    value = bytes.fromhex(text) if re.fullmatch(r"(?:[0-9a-f]{2}){32,}", text) else text.encode()
    # Judged by its bytes, so that what is accepted as text is accepted in hex, as workers are told it.
    if text.lower() in _WELL_KNOWN or len(set(value)) < 8 or len(value) < _SECRET_BYTES:
        raise ValueError(f"at least {_SECRET_BYTES} random characters, and not a default")
    return value


def flag(text: str) -> bool:
    return one_of("on", "off")(text) == "on"
