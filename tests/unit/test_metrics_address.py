"""The separate address of `/metrics`."""

from __future__ import annotations

import socket
import urllib.request

import pytest

from drivebay.errors import StartError
from drivebay.runtime.listen import serve_metrics

GIVE_UP = 60.0
"""Seconds."""


def test_metrics_are_served_and_a_silent_connection_is_closed(
    free_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port}"
    serve_metrics(address, idle_timeout=0.2)
    with socket.create_connection(("127.0.0.1", free_port), GIVE_UP) as silent:
        assert silent.recv(1) == b""
    with socket.create_connection(("127.0.0.1", free_port), GIVE_UP) as slow:
        slow.sendall(b"GET /metrics HT")
        assert slow.recv(1) == b""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=GIVE_UP) as response:
        assert b"python_info" in response.read()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(StartError, match="DRIVEBAY_METRICS_ADDRESS"):
        serve_metrics(address)
