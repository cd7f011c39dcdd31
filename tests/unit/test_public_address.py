"""Where clients reach the embedded store when the gateway serves other machines."""

from __future__ import annotations

import pytest

from drivebay.cli.operator.run import describe_store
from drivebay.embedded import public_address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_gateway_for_this_machine_keeps_the_store_on_loopback(host: str) -> None:
    listen = public_address.listen_host(host)
    assert listen == "127.0.0.1"
    assert public_address.public_endpoint(listen, 8333, "http://drive.example") is None


@pytest.mark.parametrize(
    ("host", "public_url", "expected"),
    [
        ("192.168.1.5", None, "http://192.168.1.5:8333"),
        ("127.0.0.2", None, "http://127.0.0.2:8333"),
        ("fd00::5", None, "http://[fd00::5]:8333"),
        ("0.0.0.0", "http://nas.local:8080/drive", "http://nas.local:8333"),
        ("192.168.1.5", "https://drive.example", "http://192.168.1.5:8333"),
    ],
)
def test_public_endpoint_names_the_host_of_the_gateway(host: str, public_url: str | None, expected: str) -> None:
    assert public_address.public_endpoint(public_address.listen_host(host), 8333, public_url) == expected


def test_every_interface_is_reached_over_the_default_route() -> None:
    found = public_address.default_route_address()
    assert found not in ("0.0.0.0", "::", "127.0.0.1")
    endpoint = public_address.public_endpoint("0.0.0.0", 8333, None)
    assert endpoint is None if found is None else found in str(endpoint)


@pytest.mark.parametrize(
    ("public", "own", "proxied"),
    [
        ("http://192.168.1.5:21034", "http://127.0.0.1:21034", False),
        ("http://nas.local:9000", "http://127.0.0.1:9000", False),
        ("https://s3.example.com", "http://127.0.0.1:21034", True),
        ("https://s3.example.com:21034", "http://127.0.0.1:21034", True),
        ("http://nas.local:9000", "http://127.0.0.1:21034", True),
        ("http://s3.example.com", "http://127.0.0.1:80", False),
        ("http://s3.example.com", None, False),
    ],
)
def test_the_start_prints_where_a_proxy_reaches_the_store(public: str, own: str | None, proxied: bool) -> None:
    described = describe_store(public, own)
    assert described.startswith(f"{public} (clients must reach the store too")
    assert (f"through a proxy that forwards to {own}" in described) is proxied
