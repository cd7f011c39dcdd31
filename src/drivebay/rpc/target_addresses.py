"""Counts the processes that one gRPC address stands for."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

_MAX_PROCESSES: Final = 16
"""The maximum number of streams of one client. If a service has more processes, each client uses only some of them."""


async def count_processes(address: str) -> int:
    """Return the number of IP addresses behind `host:port`, `ipv4:host:port,host:port` or `ipv6:...`, from 1 to 16."""
    if address.startswith(("ipv4:", "ipv6:")):
        return min(_MAX_PROCESSES, len(set(address.split(","))))
    host = address.rpartition(":")[0].strip("[]")
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return 1  # the name cannot be resolved. gRPC reports that
    return max(1, min(_MAX_PROCESSES, len({where[0] for *_, where in addresses})))
