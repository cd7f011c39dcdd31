"""Free ports on the loopback interface, the same ones again after a restart.

They are taken from below the range that the kernel gives to outgoing connections, or somebody's connection
could sit on a port of ours while its server is down.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_FROM, _TO = 12_000, 32_000


def any_port() -> int:
    return random.SystemRandom().randrange(_FROM, _TO)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def keep(file: Path, names: Sequence[str], pick: Callable[[], int] = any_port) -> dict[str, int]:
    """A free port for each name: those written in `file` where they are free, else others, written there."""
    kept: dict[str, int] = {}
    with suppress(FileNotFoundError, ValueError):
        kept = json.loads(file.read_text("utf-8"))
    ports: dict[str, int] = {}
    for name in names:
        port = kept.get(name)
        while not port or port in ports.values() or not is_free(port):
            port = pick()
        ports[name] = port
    if ports != kept:
        new = file.with_name(file.name + ".new")
        new.write_text(json.dumps(ports), "utf-8")
        new.replace(file)
    return ports
