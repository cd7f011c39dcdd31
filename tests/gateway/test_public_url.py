"""Links behind a proxy: a path prefix, a public URL, and what only a trusted proxy may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from drivebay.gateway.client_address import ClientAddresses
from drivebay.gateway.public_url import PublicUrls

from .conftest import Gateway
from .tus_client import TusClient

PROXY = "192.0.2.7"
INTENT = {"name": "a.txt", "size": 1, "content_type": "text/plain"}
FORWARDED = {"X-Forwarded-Prefix": "/drive", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "example.com"}


def scope(headers: Mapping[str, str], peer: str = PROXY) -> Any:
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"client": (peer, 1), "headers": lines}


def urls(public_url: str | None = None) -> PublicUrls:
    return PublicUrls(public_url, ClientAddresses(("192.0.2.0/24",)))


async def _links(own: Gateway, headers: Mapping[str, str]) -> list[str]:
    """Return where an upload, a tus upload, the start page and the document point, without ids."""
    user = await own.user()
    token = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    upload = await own.http.post("/v1/uploads", json=INTENT, headers={**token, **headers})
    more = {name.lower().replace("-", "_"): value for name, value in headers.items()}
    tus = await TusClient(own, user).request("POST", "/v1/tus", upload_length="5", **more)
    start = await own.http.get("/", headers=headers)
    described = (await own.http.get("/openapi.json", headers=headers)).json()
    return [
        upload.headers["location"].rpartition("/")[0],
        tus.headers["location"].rpartition("/")[0],
        start.headers["location"],
        described.get("servers", [{"url": ""}])[0]["url"],
    ]


@pytest.mark.parametrize("own", [{"public_url": "https://example.com/drive"}], indirect=True)
async def test_links_begin_with_the_public_url(own: Gateway) -> None:
    base = "https://example.com/drive"
    assert await _links(own, {}) == [f"{base}/v1/uploads", f"{base}/v1/tus", f"{base}/docs", base]


@pytest.mark.parametrize("own", [{"trusted_proxies": ("192.0.2.0/24",)}], indirect=True)
async def test_links_have_the_prefix_of_a_trusted_proxy(own: Gateway) -> None:
    at = ["/drive/v1/uploads", "/drive/v1/tus", "/drive/docs"]
    assert await _links(own, FORWARDED) == [*at, "https://example.com/drive"]
    assert await _links(own, {"X-Forwarded-Prefix": "/drive"}) == [*at, "/drive"]


async def test_the_prefix_of_an_untrusted_peer_is_ignored(own: Gateway) -> None:
    assert await _links(own, FORWARDED) == ["/v1/uploads", "/v1/tus", "/docs", ""]


async def test_links_of_the_page_are_relative(shared: Gateway) -> None:
    assert 'href="openapi.json"' in (await shared.http.get("/docs")).text


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("/drive", "/drive/x"),
        ("/drive/", "/drive/x"),
        ("/a/b-c_d.e~f", "/a/b-c_d.e~f/x"),
        ("/invented, /drive", "/drive/x"),
        ("", "/x"),
        ("/", "/x"),
        ("drive", "/x"),
        ("//evil.example", "/x"),
        ("/\\evil.example", "/x"),
        ("/drive//x", "/x"),
        ("/../x", "/x"),
        ("/a/./b", "/x"),
        ("https://evil.example", "/x"),
        ("/%2F%2Fevil.example", "/x"),
        ("/dr\xefve", "/x"),
        ("/a?b", "/x"),
        ("/a\r\nSet-Cookie: a", "/x"),
        ("/" + "a" * 300, "/x"),
        ("/a" * 10_000, "/x"),
    ],
)
def test_a_prefix_is_a_plain_path(prefix: str, path: str) -> None:
    assert urls().link(scope({"X-Forwarded-Prefix": prefix}), "/x") == path
    assert urls().link(scope({"X-Forwarded-Prefix": prefix}, "198.51.100.1"), "/x") == "/x"


@pytest.mark.parametrize(
    ("proto", "host", "server"),
    [
        ("https", "example.com:8443", "https://example.com:8443"),
        ("HTTP", "[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ("https, http", "a.example, b.example", "http://b.example"),
        ("javascript", "example.com", None),
        ("https", "user@example.com", None),
        ("https", "example.com/evil", None),
        ("https", "", None),
        ("", "example.com", None),
    ],
)
def test_scheme_and_host_of_a_trusted_proxy_are_checked(proto: str, host: str, server: str | None) -> None:
    headers = {"X-Forwarded-Proto": proto, "X-Forwarded-Host": host}
    assert urls().server(scope(headers)) == server
    assert urls().server(scope(headers, "198.51.100.1")) is None


def test_the_scheme_of_a_trusted_proxy_applies_to_the_host_of_the_request() -> None:
    request = scope({"X-Forwarded-Proto": "https", "Host": "drive.example.com"}) | {"scheme": "http"}
    assert urls().server(request) == "https://drive.example.com"
    assert urls().absolute_link(request, "/x") == "https://drive.example.com/x"
    assert urls().link(request, "/x") == "/x"
    assert urls().absolute_link({**request, "client": ("198.51.100.1", 1)}, "/x") == "http://drive.example.com/x"


def test_the_public_url_precedes_what_proxies_say() -> None:
    configured = urls("https://drive.example.com/")
    assert configured.link(scope(FORWARDED), "/x") == "https://drive.example.com/x"
    assert configured.server(scope(FORWARDED)) == "https://drive.example.com"
