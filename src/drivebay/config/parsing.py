"""Parsers of setting texts. Each returns a value, or raises ValueError with the accepted form of the text."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from email.policy import SMTP
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from ..auth.settings import MIN_AUDIT_AGE, Rate
from ..contract.files import ReceiverRules
from ..worker.settings import SmtpServer, SmtpTls

_MIN_SECRET_BYTES: Final = 32
_MIN_DISTINCT_SECRET_BYTES: Final = 8
_WEAK_SECRETS: Final = frozenset({"changeme", "change-me", "secret", "password", "drivebay", "default", "minioadmin"})
_DURATION_UNITS: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE_UNITS: Final = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, letter in enumerate("KMGT", 1)
}
_MAX_DURATION: Final = timedelta(days=36500)
_MAX_SIGNED_URL_LIFETIME: Final = timedelta(days=7)
_MIN_IDLE_TIMEOUT: Final = timedelta(seconds=1)
_MAX_IDLE_TIMEOUT: Final = timedelta(hours=1)
_MAX_SIZE: Final = 2**62
"""The largest size in bytes. PostgreSQL adds sizes as signed 64-bit numbers. The sum of two smaller sizes fits."""
_MAX_PORT: Final = 65535
_HOST_PORT: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PUBLIC_URL: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~-]+)*/?")
_HOST_LABEL: Final = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ORIGIN_WITH_DEFAULT_PORT: Final = re.compile(r"^(http(?=:.*:80$)|https(?=:.*:443$))(:.*):\d+$")
_ORIGIN: Final = re.compile(rf"https?://(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9a-f:.]+\])(?::([0-9]{{1,5}}))?")


# -- numbers --------------------------------------------------------------------------------------


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser of decimal numbers from `minimum` to `maximum`, both included."""

    def parse(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(maximum))
        if not is_number or not minimum <= int(text) <= maximum:
            raise ValueError(f"a number from {minimum} to {maximum}")
        return int(text)

    return parse


def duration(text: str) -> timedelta:
    """Parse a number with a unit: ms, s, m, h or d. Zero is accepted."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text)
    if match is None:
        raise ValueError("a duration such as 90s, 15m or 30d")
    seconds = float(match[1]) * _DURATION_UNITS[match[2]]
    if seconds > _MAX_DURATION.total_seconds():
        raise ValueError(f"a duration such as 90s, 15m or 30d, of {_MAX_DURATION.days}d at most")
    return timedelta(seconds=seconds)


def positive_duration(text: str) -> timedelta:
    if not (value := duration(text)):
        raise ValueError("a duration above zero such as 90s, 15m or 30d")
    return value


def idle_timeout(text: str) -> timedelta:
    """Parse a timeout of idle connections: 1 second to 1 hour."""
    value = duration(text)
    if not _MIN_IDLE_TIMEOUT <= value <= _MAX_IDLE_TIMEOUT:
        raise ValueError("a duration from 1s to 1h")
    return value


def token_lifetime(text: str) -> timedelta:
    """Parse the lifetime of a token. Tokens contain it in whole seconds, so it is at least one second."""
    if (value := positive_duration(text)) < timedelta(seconds=1):
        raise ValueError("a duration of at least 1s, such as 90s, 15m or 1d")
    return value


def audit_age(text: str) -> timedelta:
    """Parse the age up to which the audit log keeps events. The database refuses to delete events of the last day."""
    if (value := positive_duration(text)) < MIN_AUDIT_AGE:
        raise ValueError("a duration of at least 1d, such as 90d")
    return value


def signed_url_lifetime(text: str) -> timedelta:
    """Parse the lifetime of a signed URL. The store counts whole seconds and refuses more than seven days."""
    if not timedelta(seconds=1) <= (value := duration(text)) <= _MAX_SIGNED_URL_LIFETIME:
        raise ValueError(f"a duration above zero such as 90s or 15m, from 1s to {_MAX_SIGNED_URL_LIFETIME.days}d")
    return value


def size(text: str) -> int:
    """Parse a number of bytes with a decimal unit (MB) or a binary unit (MiB)."""
    match = re.fullmatch(r"([0-9]+)(\.[0-9]+)? ?([A-Za-z]*)", text)
    if match is None or match[3] not in _SIZE_UNITS:
        raise ValueError("a size such as 10GiB, 500MB or 1048576")
    # Check the number of digits first: Python refuses to convert thousands of them.
    if len(match[1].lstrip("0")) <= len(str(_MAX_SIZE)):
        unit = _SIZE_UNITS[match[3]]
        value = int(float(match[1] + match[2]) * unit) if match[2] else int(match[1]) * unit
        if value <= _MAX_SIZE:
            return value
    raise ValueError("a size such as 10GiB, 500MB or 1048576, of 4194304TiB at most")


def positive_size(text: str) -> int:
    value = size(text)
    if value == 0:
        raise ValueError("a size of at least one byte")
    return value


def rate(text: str) -> Rate | None:
    """Parse a rate limit. `off` is None: no limit."""
    if text == "off":
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,8})/(s|m|h|d)", text)
    if match is None:
        raise ValueError("a rate such as 20/m or 100/h, or off")
    return Rate(int(match[1]), timedelta(seconds=_DURATION_UNITS[match[2]]))


# -- texts ----------------------------------------------------------------------------------------


def matching(pattern: str, accepted: str) -> Callable[[str], str]:
    """Return a parser of texts that match `pattern` as a whole. `accepted` describes these texts in an error."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(accepted)
        return text

    return parse


def choice(*options: str) -> Callable[[str], str]:
    """Return a parser that accepts only these texts."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"one of {', '.join(options)}")
        return text

    return parse


def on_or_off(text: str) -> bool:
    return choice("on", "off")(text) == "on"


def comma_separated(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def root_secret(text: str) -> bytes:
    """Parse the root secret. Lower-case hex of at least 32 bytes is decoded. Any other text is encoded as UTF-8."""
    value = bytes.fromhex(text) if re.fullmatch(r"(?:[0-9a-f]{2}){32,}", text) else text.encode()
    # The checks use the bytes: child processes get the secret in hex, and must accept every secret that this process
    # has accepted.
    is_weak = text.lower() in _WEAK_SECRETS or len(set(value)) < _MIN_DISTINCT_SECRET_BYTES
    if is_weak or len(value) < _MIN_SECRET_BYTES:
        raise ValueError(f"at least {_MIN_SECRET_BYTES} random characters, and not a default")
    return value


# -- network addresses ---------------------------------------------------------------------------


def url(*schemes: str) -> Callable[[str], str]:
    """Return a parser of URLs with one of `schemes`. It removes slashes at the end."""
    accepted = f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text)
            # The URL of a database may name several servers. `port` raises ValueError above 65535.
            hosts = parts.netloc.rpartition("@")[2].split(",") if "postgresql" in schemes else [parts.netloc]
            for host in hosts:
                _ = urlsplit(f"//{host}").port
        except ValueError:
            raise ValueError(accepted) from None
        # The URL of a database behind a socket has no host: its query names the folder of the socket.
        if parts.scheme not in schemes or re.search(r"\s", text) or not (parts.netloc or parts.query):
            raise ValueError(accepted)
        return text.rstrip("/")

    return parse


def nats_servers(text: str) -> str:
    """Return the URLs of one or several NATS servers, with commas between them."""
    parse_url = url("nats", "tls")
    try:
        return ",".join(parse_url(server) for server in text.split(","))
    except ValueError as error:
        raise ValueError(f"{error}, or several with commas: nats://one:4222,nats://two:4222") from None


def public_url(text: str) -> str:
    """Return an http(s) URL as browsers write it: the host in lower case, no default port, no slash at the end.

    The URL must have no query, no fragment, and no `.` or `..` in its path.
    """
    parse_url = url("http", "https")
    value = parse_url(text)
    if not _PUBLIC_URL.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise ValueError("a URL such as https://drive.example.com or https://example.com/drive")
    parts = urlsplit(value)
    if parts.hostname is None:
        raise ValueError("a URL with a host, such as https://drive.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def receiver_rules(text: str) -> ReceiverRules:
    """Parse the rules for the URLs of webhooks: `http` allows plain HTTP, `private` allows private addresses."""
    words = {word.strip() for word in text.split(",")} - {""}
    if not words <= {"http", "private"}:
        raise ValueError("http, private, both with a comma, or nothing")
    return ReceiverRules("http" in words, "private" in words)


def smtp_url(text: str) -> SmtpServer:
    """Parse the URL of a mail server.

    `smtps` encrypts from the first byte. `smtp` needs STARTTLS, except for a server on this machine or with `?tls=off`.
    User and password are percent-encoded.
    """
    accepted = ValueError("a URL such as smtp://user:password@mail.example.com:587 or smtps://mail.example.com")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise accepted from None
    is_plain_url = parts.scheme in ("smtp", "smtps") and parts.path in ("", "/") and not parts.fragment
    if not is_plain_url or not host or port == 0 or re.search(r"\s", text):
        raise accepted
    if (parts.username is None) != (parts.password is None):
        raise ValueError("a URL with both a user and a password, or with neither")
    if parts.scheme == "smtps":
        default_tls, default_port = SmtpTls.IMPLICIT, 465
    else:
        default_tls, default_port = (SmtpTls.OFF if is_local(f"{host}:0") else SmtpTls.STARTTLS), 587
    tls = options.pop("tls", default_tls.value)
    if options or tls not in ({SmtpTls.IMPLICIT} if parts.scheme == "smtps" else {SmtpTls.STARTTLS, SmtpTls.OFF}):
        raise ValueError("a URL without other options than ?tls=starttls or ?tls=off, which only smtp:// accepts")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return SmtpServer(host, port or default_port, SmtpTls(tls), user, password)


def mail_sender(text: str) -> str:
    """Parse the sender of mails: an address, with or without a name."""
    accepted = ValueError("an address such as drive@example.com or Drivebay <drive@example.com>")
    try:
        header = SMTP.header_factory("From", text)
        (address,) = header.addresses
    except (ValueError, IndexError):  # the email package raises IndexError for an address that ends too early
        raise accepted from None
    if header.defects or not re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", address.addr_spec) or not text.isprintable():
        raise accepted
    return text


def issuer_url(text: str) -> str:
    """Parse the URL of an identity provider: https, or http on this machine. A slash at its end is not removed."""
    accepted = ValueError("an https:// URL without a query, such as https://id.example.com/realms/drive")
    try:
        parts = urlsplit(text)
        is_local_url = parts.scheme == "http" and parts.hostname is not None and is_local(f"{parts.hostname}:0")
        is_complete = parts.hostname is not None and parts.port != 0
    except ValueError:
        raise accepted from None
    is_plain = not parts.query and not parts.fragment and "@" not in parts.netloc and not re.search(r"\s", text)
    if not is_complete or not is_plain or not (parts.scheme == "https" or is_local_url):
        raise accepted
    return text


def claim(text: str) -> tuple[str, str]:
    """Parse a claim and its value, such as groups=admins."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip() or not value.strip():
        raise ValueError("a claim and its value such as groups=drivebay-admins")
    return name.strip(), value.strip()


def host_port(text: str) -> str:
    if not _is_host_port(text):
        raise ValueError("host:port with a port from 1 to 65535")
    return text


def host_ports(text: str) -> str:
    """Return one `host:port`, or several with commas between them."""
    if not all(_is_host_port(address) for address in text.split(",")):
        raise ValueError("host:port with a port from 1 to 65535, or several with commas: one:18888,two:18888")
    return text


def service_address(text: str) -> str:
    """Return the address of a service: `unix:/path`, `host:port`, or several `ip:port` with commas between them."""
    several = text.split(",")
    if len(several) > 1 and all(_is_ip_port(address) for address in several):
        return text
    if not re.fullmatch(r"unix:/\S+", text) and not _is_host_port(text):
        raise ValueError(
            "unix:/path, or host:port such as 127.0.0.1:7001 (beyond loopback with DRIVEBAY_TLS_CERT),"
            " or several ip:port with commas"
        )
    return text


def _is_ip_port(text: str) -> bool:
    try:
        ipaddress.ip_address(text.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return _is_host_port(text)


def _is_host_port(text: str) -> bool:
    match = _HOST_PORT.fullmatch(text)
    return match is not None and 1 <= int(match[2]) <= _MAX_PORT


def is_local(address: str) -> bool:
    """Return whether only processes of this machine can reach the address of a service."""
    if "," in address:
        return all(is_local(each) for each in address.split(","))
    host = address.rpartition(":")[0].strip("[]")
    if address.startswith("unix:") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def networks(text: str) -> tuple[str, ...]:
    parts = comma_separated(text)
    try:
        return tuple(str(ipaddress.ip_network(part)) for part in parts)
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8,192.168.1.7/32") from None


def origins(text: str) -> tuple[str, ...]:
    """Parse origins, or `*`. Return them as browsers send them (RFC 6454): without the default port."""
    values = tuple(_ORIGIN_WITH_DEFAULT_PORT.sub(r"\1\2", value) for value in comma_separated(text))
    if values == ("*",) or all(_is_origin(origin) for origin in values):
        return values
    raise ValueError("origins such as https://app.example.com (lower case, no path), or *")


def _is_origin(text: str) -> bool:
    match = _ORIGIN.fullmatch(text)
    return match is not None and (match[1] is None or 1 <= int(match[1]) <= _MAX_PORT)
