"""Parse and check listen addresses, and serve `/metrics` on its own port."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import Any

from prometheus_client import start_http_server

from ..errors import StartError
from ..observability import metrics


def split_host_port(address: str) -> tuple[str, int]:
    """Split a `host:port`. The host is returned without the brackets of an IPv6 address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def require_free_port(host: str, port: int, *, host_setting: str, port_setting: str) -> None:
    """Raise StartError if a server cannot listen on the address. The message names the setting to change.

    Call this before you start the HTTP server, which does not fail if the port is in use (it sets SO_REUSEPORT).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                hint = f"stop the program that listens there, or set {port_setting} to another port"
                raise StartError(f"{port_setting}: {host}:{port} is in use: {hint}") from error
            setting = port_setting if error.errno == errno.EACCES else host_setting
            raise StartError(f"{setting}: cannot listen on {host}:{port} ({error.strerror})") from error


def serve_metrics(address: str, idle_timeout: float = 30.0) -> None:
    """Serve `/metrics` on a `host:port` in a thread, until the process ends. Raises StartError if the address cannot be
    used.

    A connection on which nothing arrives for `idle_timeout` seconds is closed, because each connection has a thread.
    """
    host, port = split_host_port(address)
    try:
        server, _ = start_http_server(port, host, registry=metrics.registry())
    except OSError as error:
        raise StartError(f"DRIVEBAY_METRICS_ADDRESS: cannot listen on {address} ({error.strerror})") from error
    served: Any = server.RequestHandlerClass

    class Handler(served):  # type: ignore[misc]
        timeout = idle_timeout  # guard: metrics-idle-timeout

        def handle(self) -> None:
            with suppress(TimeoutError):
                super().handle()

    server.RequestHandlerClass = Handler
