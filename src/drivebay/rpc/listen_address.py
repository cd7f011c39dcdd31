"""Checks the addresses on which a server may listen: a Unix socket of its user, loopback, or any address with TLS."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path
from typing import Final

import grpc.aio

from .tls import Identity

_MAX_SOCKET_PATH: Final = 103
"""The longest path of a Unix socket, in bytes, that every system accepts."""
_MAX_PORT: Final = 65_535


def prepare(address: str, *, with_tls: bool) -> str:
    """Check an address and return it in the form that gRPC expects. For a Unix socket, create its folder and remove a
    stale socket.

    Raises ValueError for an address that is not allowed, OSError for a socket that is in use.
    """
    if "," in address:
        raise ValueError(
            f"a service listens at one address, and {address} names several: give each process one address"
        )
    if not address.startswith("unix:"):
        return address if with_tls else _check_loopback(address)  # guard: listen-loopback
    path = Path(address.removeprefix("unix:"))
    if not path.name:
        raise ValueError(f"{address!r} has no path: write unix:/path")
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise ValueError(f"{path} is too long for a Unix socket: the maximum is {_MAX_SOCKET_PATH} bytes")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # guard: socket-folder-mode
    if path.exists():
        if not path.is_socket() or _is_served(path):  # guard: socket-in-use
            raise OSError(errno.EADDRINUSE, f"{path} is in use")
        path.unlink()  # a process that was killed did not remove it
    return f"unix:{path}"


def bind(server: grpc.aio.Server, target: str, identity: Identity | None) -> int:
    """Bind a server to an address that `prepare` returned, and return the port. Raises OSError if the address is in
    use."""
    # The umask applies when gRPC creates the socket, so other users cannot open it even before a chmod.
    previous = os.umask(0o177)  # guard: socket-mode
    try:
        if identity is not None:
            return int(server.add_secure_port(target, identity.server_credentials()))
        return int(server.add_insecure_port(target))
    except RuntimeError as error:
        raise OSError(errno.EADDRINUSE, f"cannot listen at {target}") from error
    finally:
        os.umask(previous)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # the queue of connections is full: a server exists and is slow
        return True


def _check_loopback(address: str) -> str:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local or not port.isdecimal():
        raise ValueError(
            f"{address!r} is not local. Without TLS a service listens at unix:/path or on loopback (127.0.0.1:port), "
            "because it cannot authenticate its callers. Set DRIVEBAY_TLS_CERT, _KEY and _CA for other addresses"
        )
    if int(port) > _MAX_PORT:  # gRPC would use the lowest 16 bits
        raise ValueError(f"the port in {address!r} is not valid: ports are 0 to {_MAX_PORT}")
    return address
