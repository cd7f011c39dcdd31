"""The network address of a client, for rate limits: the address of the peer, or one that a trusted proxy forwarded.

Proxies add the address of their peer at the right end of `X-Forwarded-For` or `Forwarded` (RFC 7239). A client may have
forged everything to the left of the nearest address that does not belong to a trusted proxy.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..contract.auth import Actor
from ..contract.ids import UserId
from .http_request import Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_HOPS: Final = 32
"""The maximum number of proxies in a row. Without a maximum, a client could make the gateway parse thousands of
addresses."""
_MAX_ELEMENT: Final = 1024
"""The maximum number of characters of one element of `Forwarded`."""
_NODE: Final = re.compile(
    r"\[(?P<bracketed>[^\]]*)\](?::\w*)?|(?P<v4>[0-9.]+)(?::\w*)?|(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)"
)
"""A node of RFC 7239, section 6. A port may follow an IPv4 address, or an IPv6 address in brackets."""
_AROUND_NODE: Final = ' \t"'
"""Characters around a node that are ignored. Some proxies put the nodes of `X-Forwarded-For` in quotes, as in
`Forwarded`."""
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z:\[\]-]+"
"""A value without quotes. RFC 7239 wants quotes around a port and an IPv6 address, but some proxies omit them."""
_PAIR: Final = rf'{_NAME}=(?:{_VALUE}|"(?:[^"\\]|\\.)*")'
_ELEMENT: Final = re.compile(rf"[ \t]*+(?:{_PAIR})?(?:[ \t]*+;[ \t]*+(?:{_PAIR})?)*+[ \t]*+")
"""The quantifiers are possessive, so a header that does not match costs linear time."""
_PARAMETER: Final = re.compile(rf'({_NAME})=(?:({_VALUE})|"((?:[^"\\]|\\.)*)")')
"""Finds the parameters of an element one after the other, so no text in a quoted value is taken for a parameter."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class ClientAddresses:
    """Resolves client addresses behind proxies.

    `trusted` are the networks of the proxies in CIDR notation. Raises ValueError for text that is not a network.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(ipaddress.ip_network(network) for network in trusted)

    def is_from_proxy(self, scope: Mapping[str, Any]) -> bool:
        """Return whether a trusted proxy sent the request of an ASGI scope."""
        address = _parse(_peer(scope)) if self._trusted else None
        return address is not None and self._is_trusted(address)

    def actor(self, req: Request, user: UserId | None = None) -> Actor:
        """Return the user, address and program that sent a request. `user` is None for a request without a login."""
        return Actor(user, self.resolve(req.scope), req.get_header("User-Agent") or "")

    def resolve(self, scope: Mapping[str, Any]) -> str:
        """Return the nearest address in an ASGI scope that does not belong to a trusted proxy.

        A client can forge every address to the left of that address. If a proxy does not know its peer (`unknown`) or
        hides it (`_name`), the result is the address of that proxy.
        """
        peer = _peer(scope)
        if not self._trusted:
            return peer
        for node in itertools.chain((peer,), _forwarded_nodes(scope["headers"])):  # guard: forwarded-nodes
            address = _parse(node)
            if address is None:
                break
            peer = str(address)
            if not self._is_trusted(address):  # guard: trusted-proxies
                break
        return peer

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def client_network(address: str) -> str:
    """Return the network that one client controls: its IPv4 address, or the /64 of its IPv6 address."""
    parsed = _parse(address)
    if parsed is None or parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))  # guard: limit-network


def _peer(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "127.0.0.1"


def _forwarded_nodes(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """Yield the nodes that proxies added, the nearest first.

    `Forwarded` is read only if there is no `X-Forwarded-For`.
    """
    lines: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"forwarded": []}
    for name, value in headers:
        if name in lines:
            lines[name].append(value.decode("latin-1"))
    if lines[b"x-forwarded-for"]:
        nodes = ",".join(lines[b"x-forwarded-for"]).rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]
        # guard: forwarded-address-order
        yield from (node for node in reversed(nodes) if node.strip())
    elif lines[b"forwarded"]:
        yield from _rfc7239_nodes(",".join(lines[b"forwarded"]))


def _rfc7239_nodes(text: str) -> Iterator[str]:
    """Yield the `for` nodes of a `Forwarded` header from the right.

    Each element is the shortest well-formed text at the right end. So a quote that a client did not close on the left
    cannot hide the elements of the proxies.
    """
    for _ in range(_MAX_HOPS):
        start = len(text)
        while True:
            start = text.rfind(",", 0, start)
            element = text[start + 1 :]
            if len(element) > _MAX_ELEMENT:
                return
            if _ELEMENT.fullmatch(element):
                break
            if start < 0:
                return
        node = next((found for found in _PARAMETER.finditer(element) if found[1].lower() == "for"), None)
        yield "" if node is None else node[2] or re.sub(r"\\(.)", r"\1", node[3] or "")
        if start < 0:
            return
        text = text[:start]


def _parse(text: str) -> Address | None:
    """Return the address of a node without port, brackets and zone, or None if it is not an address."""
    match = _NODE.fullmatch(text.strip(_AROUND_NODE))
    if match is None:
        return None
    try:
        address = ipaddress.ip_address((match["bracketed"] or match["v4"] or match["v6"] or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        # A dual-stack socket shows IPv4 peers as `::ffff:192.0.2.1`.
        return address.ipv4_mapped or address
    return address
