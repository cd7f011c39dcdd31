"""The address under which clients on other machines reach the embedded store.

If the gateway does not listen on loopback, the store serves S3 on the same address, because clients send bytes to it
directly. Its public address is part of every signature. It is never taken from a request, because a client could then
choose the host for which a URL is signed.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
# Addresses for documentation (RFC 5737, RFC 3849): nothing is sent, the kernel only chooses a route.
_PROBES = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def listen_host(host: str) -> str:
    """Return the address on which the store serves S3 if the gateway listens on `host`."""
    return LOOPBACK if host in ("localhost", "::1", LOOPBACK) else host


def local_host(host: str) -> str:
    """Return the host under which this machine reaches a server that listens on `host`."""
    return LOOPBACK if _is_wildcard(host) else host


def public_endpoint(host: str, port: int, public_url: str | None) -> str | None:
    """Return the URL of the store for clients on other machines, None if the gateway serves only this machine.

    The store serves S3 on `host` and `port`. `public_url` is the URL of the gateway. If it is plain HTTP, its host is
    the public host. Otherwise the public host is `host`. If `host` stands for all interfaces, it is the address of the
    default route, and the result is None if there is no such route.
    """
    if host == LOOPBACK:
        return None
    public = urlsplit(public_url or "")
    if public.scheme == "http" and public.hostname:
        host = public.hostname
    elif _is_wildcard(host):
        address = default_route_address()
        if address is None:
            return None
        host = address
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
