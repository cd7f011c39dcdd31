"""Free ports on the loopback interface. After a restart, a server gets the same ports again if they are free.

The ports are below the range that the kernel uses for outgoing connections. Otherwise such a connection could take
the port of a server that is down.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_FIRST_PORT: Final = 12_000
"""The lowest port that is used."""
_END_PORT: Final = 32_000
"""The highest port that is used is one lower. By default, the kernel uses the ports from 32,768 on for outgoing
connections."""


def random_port() -> int:
    return random.SystemRandom().randrange(_FIRST_PORT, _END_PORT)


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def assign_ports(file: Path, names: Sequence[str], pick: Callable[[], int] = random_port) -> dict[str, int]:
    """Return a free port for each name: the port that is recorded in `file`, or a new port if the recorded port is in
    use.

    New ports are recorded in `file`. `pick` proposes a port. It is called until it proposes a free port.
    """
    recorded: dict[str, int] = {}
    with suppress(FileNotFoundError, ValueError):
        recorded = json.loads(file.read_text("utf-8"))
    ports: dict[str, int] = {}
    for name in names:
        port = recorded.get(name)
        while not port or port in ports.values() or not is_free(port):
            port = pick()
        ports[name] = port
    if ports != recorded:
        new = file.with_name(file.name + ".new")
        new.write_text(json.dumps(ports), "utf-8")
        new.replace(file)
    return ports
