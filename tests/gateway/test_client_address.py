"""Addresses of clients behind proxies: every form that proxies write, and what hostile clients send."""

from __future__ import annotations

import pytest

from drivebay.gateway.client_address import ClientAddresses, client_network

PROXY = "10.0.0.1"
ADDRESSES = ClientAddresses(("10.0.0.0/8", "fd00::/8"))


def resolve(*headers: tuple[str, str], peer: str = PROXY) -> str:
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return ADDRESSES.resolve({"client": (peer, 1), "headers": lines})


@pytest.mark.parametrize(
    ("forwarded", "whose"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:_hidden", "203.0.113.7"),
        (" 203.0.113.7 , 10.0.0.2:80 ", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7:1, [fd00::1]:2", "203.0.113.7"),
        ('"203.0.113.7"', "203.0.113.7"),
        ('"[2001:db8::1]:4711", "10.0.0.2:80"', "2001:db8::1"),
        ("203.0.113.7:", "203.0.113.7"),
        ("[2001:db8::1]:", "2001:db8::1"),
        ("203.0.113.7,", "203.0.113.7"),
        ("203.0.113.7,,", "203.0.113.7"),
        # The proxy does not know or hides its peer. What stands to the left may be invented.
        ("203.0.113.7, unknown", PROXY),
        ("203.0.113.7, _hidden", PROXY),
        ("unknown, 203.0.113.7", "203.0.113.7"),
    ],
)
def test_a_node_of_x_forwarded_for_may_have_a_port(forwarded: str, whose: str) -> None:
    assert resolve(("X-Forwarded-For", forwarded)) == whose


@pytest.mark.parametrize(
    ("forwarded", "whose"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ("For=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"),
        ("proto=https; for=203.0.113.7 ; host=a.example", "203.0.113.7"),
        ('for="203.0.113.7:4711"', "203.0.113.7"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="[2001:db8::1]";by="[fd00::2]:80"', "2001:db8::1"),
        # Some proxies omit the quotes.
        ("for=203.0.113.7:4711", "203.0.113.7"),
        ("for=[2001:db8::1]:4711;proto=https", "2001:db8::1"),
        ("for=198.51.100.1, for=2001:db8::1, for=[fd00::9]:80", "2001:db8::1"),
        ('for="\\2\\03.0.113.7"', "203.0.113.7"),
        ("for=198.51.100.1, for=203.0.113.7, for=10.0.0.9", "203.0.113.7"),
        ('for=203.0.113.7;host="a,b;for=198.51.100.1", for=10.0.0.9', "203.0.113.7"),
        ('host="x;for=198.51.100.1";for=203.0.113.7', "203.0.113.7"),
        ('host="x; for=198.51.100.1; y";proto=http;For="203.0.113.7:80"', "203.0.113.7"),
        ("for=203.0.113.7, for=unknown", PROXY),
        ("for=203.0.113.7, for=_a1b2", PROXY),
        ("for=203.0.113.7, proto=https", PROXY),
        # An open quote of the client does not hide what the proxy adds.
        ('for="198.51.100.1, for=203.0.113.7', "203.0.113.7"),
        ('for="198.51.100.1, for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="\\, for="[2001:db8::1]"', "2001:db8::1"),
        ('for="203.0.113.7', PROXY),
        ("for=", PROXY),
        ("=", PROXY),
    ],
)
def test_forwarded_is_read_as_rfc_7239_says(forwarded: str, whose: str) -> None:
    assert resolve(("Forwarded", forwarded)) == whose


def test_several_lines_are_one_list() -> None:
    assert resolve(("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.7:1")) == "203.0.113.7"
    assert resolve(("Forwarded", "for=198.51.100.1"), ("Forwarded", 'for="[2001:db8::1]"')) == "2001:db8::1"


def test_x_forwarded_for_precedes_forwarded() -> None:
    """Proxies that write the one pass on the other as the client sent it."""
    both = (("Forwarded", "for=198.51.100.1"), ("X-Forwarded-For", "203.0.113.7"))
    assert resolve(*both) == resolve(*reversed(both)) == "203.0.113.7"


@pytest.mark.parametrize(
    "value",
    [
        "1" * 100_000,
        "[" * 10_000,
        "10.0.0.2," * 100_000,
        ":" * 10_000,
        "%" * 10_000,
        '"' * 10_001,
        "for=" * 10_000,
        ('for="' + "\\" * 10_001),
        "a=b;" * 50_000,
        "," * 100_000,
        "\xff\x00\xe9",
        "999.1.1.1",
        "010.0.0.1",
        "0x7f.1",
        "127.1",
    ],
)
def test_a_hostile_header_leaves_the_address_of_a_proxy(value: str) -> None:
    for name in ("X-Forwarded-For", "Forwarded"):
        assert resolve((name, value)) in (PROXY, "10.0.0.2")
        assert resolve((name, value), peer="192.0.2.1") == "192.0.2.1"


def test_headers_of_an_untrusted_peer_are_ignored() -> None:
    for name, value in (("X-Forwarded-For", "203.0.113.7:1"), ("Forwarded", "for=203.0.113.7")):
        assert resolve((name, value), peer="192.0.2.1") == "192.0.2.1"


def test_an_ipv6_client_is_its_64_bit_network() -> None:
    assert client_network("2001:db8:1:2:3:4:5:6") == client_network("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert client_network("2001:db8:1:3::1") != client_network("2001:db8:1:2::1")
    assert client_network("::ffff:203.0.113.7") != client_network("::ffff:203.0.113.8")
    assert client_network("203.0.113.7") == "203.0.113.7"


def test_a_header_that_is_nearly_well_formed_costs_linear_time() -> None:
    """With a pattern that backtracks, this test would take years."""
    assert resolve(("Forwarded", "for=203.0.113.7, " + "; " * 400 + "\x01")) == PROXY


def test_a_header_of_a_peer_that_is_no_proxy_is_not_parsed() -> None:
    assert resolve(("Forwarded", "; " * 10_000 + "\x01"), peer="203.0.113.9") == "203.0.113.9"
