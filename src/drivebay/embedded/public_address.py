"""Where clients on other machines reach the embedded store.

The gateway may listen beyond loopback. Then the store's S3 port listens on the same address, because clients send bytes
to it directly. Its public address is part of every signature, so it never comes from a request: a client could
otherwise have a URL signed for a host of its choice.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
# Addresses for documentation (RFC 5737, RFC 3849): nothing is sent, the kernel only chooses a route.
_PROBES = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def listen_host(host: str) -> str:
    """Return the address that the store's S3 port listens on, for a gateway that listens on `host`."""
    return LOOPBACK if host in ("localhost", "::1", LOOPBACK) else host


def local_host(host: str) -> str:
    """Return the host under which this machine reaches a server that listens on `host`."""
    return LOOPBACK if _is_wildcard(host) else host


def public_endpoint(host: str, port: int, public_url: str | None) -> str | None:
    """Return the URL of the store for clients on other machines, None if the gateway serves only this machine.

    `host` and `port` are where the S3 port listens. The public host is that of `public_url`, the URL of the gateway, if
    it is plain HTTP. Otherwise it is `host`, or for every interface the address of the default route. None without one.
    """
    if host == LOOPBACK:
        return None
    public = urlsplit(public_url or "")
    if public.scheme == "http" and public.hostname:
        host = public.hostname
    elif _is_wildcard(host):
        found = default_route_address()
        if found is None:
            return None
        host = found
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def default_route_address() -> str | None:
    """Return the address of this machine on its default route, None if it has no route."""
    for family, probe in _PROBES:
        with socket.socket(family, socket.SOCK_DGRAM) as route:
            try:
                route.connect((probe, 9))
            except OSError:
                continue
            return str(route.getsockname()[0])
    return None


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
