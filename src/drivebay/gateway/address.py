"""Whose request it is by network address, for throttling: the peer's, or what a trusted proxy says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Addresses:
    """`trusted` are networks in CIDR notation. Raises ValueError for what is none."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(ipaddress.ip_network(network) for network in trusted)

    def of(self, scope: Any) -> str:
        """The nearest address that is not a trusted proxy's: whatever stands further left could be invented."""
        client = scope.get("client")
        peer = client[0] if client else "127.0.0.1"
        if not self._trusted:
            return str(peer)
        forwarded = [
            part.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for part in value.decode("latin-1").split(",")
        ]
        for hop in (peer, *reversed(forwarded)):
            address = _parse(hop)
            if address is None:
                break
            peer = str(address)
            if not any(address in network for network in self._trusted):
                break
        return str(peer)


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows IPv4 peers as `::ffff:192.0.2.1`.
    return getattr(address, "ipv4_mapped", None) or address
