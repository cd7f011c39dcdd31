"""Checks whether a webhook may have a URL, and whether the worker may connect to an IP address.

The files service checks the URL when a webhook is created. The worker checks the URL and the resolved addresses at each
delivery, so a name that resolves to another address later gives no access to a private network.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = IPv4Address | IPv6Address

MAX_URL_LENGTH: Final = 2048
_PRINTABLE: Final = re.compile(r"[!-~]{1,2048}")
_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_TUNNELS: Final = tuple(
    IPv6Network(network)
    for network in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10", "5f00::/16")
)
"""IPv6 networks whose addresses lead to IPv4 addresses (NAT64, Teredo, 6to4, IPv4-compatible), or are site-local."""
_METADATA: Final = frozenset(
    ip_address(address)
    for address in (
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),  # Alibaba, Azure, Oracle
        *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"),  # AWS, Google, Scaleway
    )
)
"""Addresses at which clouds serve metadata and keys of their virtual machines. None of them is link-local."""
_SPECIAL: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "100::/64", "3fff::/20")
)
"""Special-purpose networks (RFC 6890) that some versions of Python treat as public."""


@dataclass(frozen=True, slots=True)
class ReceiverRules:
    """The URLs and IP addresses that the deployment allows in addition to HTTPS to public IP addresses.

    `http` allows URLs without TLS. `private` allows private and loopback addresses. Multicast addresses, link-local
    addresses and the addresses at which clouds serve metadata are never allowed.
    """

    http: bool = False
    private: bool = False


class ReceiverUrl(NamedTuple):
    """The parts of a receiver's URL. `host` has no brackets."""

    scheme: str
    host: str
    port: int


def parse_receiver_url(text: str, rules: ReceiverRules) -> ReceiverUrl:
    """Return the parts of a URL that a webhook may have. Raises ValueError with the problem.

    A host that is an IP address is checked too. A host name is not resolved.
    """
    if not _PRINTABLE.fullmatch(text):
        raise ValueError(f"must have at most {MAX_URL_LENGTH} characters, all printable ASCII")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValueError("is not a URL") from None
    schemes = ("https", "http") if rules.http else ("https",)  # guard: webhook-https
    if parts.scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if "@" in parts.netloc:  # guard: webhook-userinfo
        raise ValueError("must have no user name and no password")
    if parts.fragment or text.endswith("#") or "\\" in text:
        raise ValueError("must have no fragment and no backslash")
    address = _literal_address(host.removesuffix("."))
    if address is not None:
        if not is_allowed_address(address, rules):  # guard: webhook-literal-address
            raise ValueError("must not be a private, loopback, link-local or reserved IP address")
    elif not _HOST_NAME.fullmatch(host) or host.removesuffix(".").rpartition(".")[2].isdigit():
        raise ValueError("has no valid host name")
    elif _is_local_name(host) and not rules.private:  # guard: webhook-local-name
        raise ValueError("must not be a name of this machine")
    if port == 0:
        raise ValueError("must not have the port 0")
    return ReceiverUrl(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))


def is_allowed_address(address: Address, rules: ReceiverRules) -> bool:
    """Return whether the worker may connect to an address."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            return is_allowed_address(address.ipv4_mapped, rules)
        is_loopback = address.is_loopback
        if not is_loopback and any(address in network for network in _TUNNELS):  # guard: webhook-tunnels
            return False
    else:
        is_loopback = address.is_loopback
    if address.is_multicast or address.is_link_local or address.is_unspecified:  # guard: webhook-link-local
        return False
    if address in _METADATA:  # guard: webhook-metadata
        return False
    if any(address in network for network in _SPECIAL):  # guard: webhook-special-networks
        return False
    if address.is_global and not address.is_reserved:  # guard: webhook-public-address
        return True
    is_private = is_loopback or address.is_private or _is_shared(address)
    return rules.private and is_private and not _is_broadcast(address)


def _is_shared(address: Address) -> bool:
    """Return whether an address is in the shared network of carriers (RFC 6598), which is not global and not
    private."""
    return isinstance(address, IPv4Address) and int(address) >> 22 == int(IPv4Address("100.64.0.0")) >> 22


def _is_broadcast(address: Address) -> bool:
    """Return whether an address is in 0.0.0.0/8 or 240.0.0.0/4. No receiver can have such an address."""
    return isinstance(address, IPv4Address) and (address.packed[0] == 0 or address.packed[0] >= 240)


def _literal_address(host: str) -> Address | None:
    """Return the IP address if a host is an IP address, or None if it is a name.

    Numbers such as `2130706433` and `0x7f.1` are IP addresses too, because resolvers accept them.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9A-Fa-fxX.]+", host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_local_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
