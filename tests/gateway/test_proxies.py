"""The gateway behind real proxies, with the examples of the guide. A proxy that is not installed is skipped."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from drivebay.gateway.client_address import ClientAddresses
from drivebay.runtime.http_server import wait_until_reachable
from drivebay.testing.world import free_port

from .conftest import Gateway, serve
from .test_tus import LARGE_QUOTA
from .tus_client import BYTES, MIB

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "proxies.md"
EXAMPLES = re.findall(r"^```(nginx|caddyfile)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
PROXY = "127.0.0.1"
CLIENT = "127.0.0.2"
"""The client connects from another address than the proxy, which is the only trusted one."""
LARGE = 20 * MIB
own_behind_proxy = pytest.mark.parametrize("own", [LARGE_QUOTA | {"trusted_proxies": (f"{PROXY}/32",)}], indirect=True)


class Example(NamedTuple):
    """An example of the guide. `prefix` is the path below which it serves the API."""

    language: str
    text: str
    prefix: str


class Site(NamedTuple):
    """A proxy that runs. `seen` are the client addresses that the gateway resolved."""

    http: httpx.AsyncClient
    prefix: str
    seen: list[str]


def replace(text: str, pattern: str, by: str) -> str:
    """Replace a line of an example that cannot be the same in a test."""
    changed, count = re.subn(pattern, by, text, flags=re.MULTILINE)
    assert count, f"the guide has no {pattern}"
    return changed


def nginx_configuration(text: str, port: int, folder: Path) -> str:
    text = replace(text, r"listen 443 ssl http2;", f"listen {PROXY}:{port};")
    text = replace(text, r"^ *ssl_certificate.*\n", "")
    paths = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""  # else its workers could not read our folder
    files = f"pid {folder}/pid; error_log {folder}/log;"
    return f"daemon off; {user} {files}\nevents {{}}\nhttp {{ access_log off;\n{paths}\n{text} }}"


def caddy_configuration(text: str, port: int, folder: Path) -> str:
    site = replace(text, r"^(?:drive\.)?example\.com \{", f"http://:{port} {{\n\tbind {PROXY}")
    return f"{{\n\tadmin off\n\tauto_https off\n}}\n{site}"


@asynccontextmanager
async def proxy(example: Example, gateway_port: int, folder: Path) -> AsyncIterator[int]:
    """Run the proxy of an example. Yields its port."""
    port, file = free_port(), folder / "configuration"
    text = replace(example.text, r"127\.0\.0\.1:8080", f"{PROXY}:{gateway_port}")
    if example.language == "nginx":
        file.write_text(nginx_configuration(text, port, folder))
        command = ["nginx", "-c", str(file), "-e", str(folder / "log")]
    else:
        file.write_text(caddy_configuration(text, port, folder))
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"{command[0]} is not installed")
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, *command[1:], stdout=output, stderr=output, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}
        )
    try:
        await wait_until_reachable(PROXY, port)
        yield port
    except TimeoutError:
        raise AssertionError((folder / "output").read_text()) from None
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture(params=range(len(EXAMPLES)), ids=lambda n: f"{EXAMPLES[n][0]} {n}")
async def site(own: Gateway, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """A gateway behind the proxy of an example."""
    language, text = EXAMPLES[request.param]
    example = Example(language, text, "/drive" if "X-Forwarded-Prefix /drive" in text else "")
    addresses = ClientAddresses((f"{PROXY}/32",))
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(addresses.resolve(scope))
        await own.app(scope, receive, send)

    async with serve(app) as gateway_port, proxy(example, gateway_port, tmp_path) as port:
        # A connection for each request: nginx may close one after an early response that promised to keep it.
        limits = httpx.Limits(max_keepalive_connections=0)
        transport = httpx.AsyncHTTPTransport(local_address=CLIENT, limits=limits)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{PROXY}:{port}", timeout=30) as http:
            yield Site(http, example.prefix, seen)


@own_behind_proxy
async def test_an_example_of_the_guide_serves_the_api(site: Site, own: Gateway) -> None:
    user = await own.user()
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}", "Tus-Resumable": "1.0.0"}
    forged = {
        "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher",
    }  # fmt: skip
    root = await site.http.get(f"{site.prefix}/", headers=forged)
    assert (root.status_code, root.headers["location"]) == (302, f"{site.prefix}/docs")
    assert (await site.http.get(root.headers["location"])).status_code == 200
    assert set(site.seen) == {CLIENT}, "the gateway knows the address of the client"
    servers = (await site.http.get(f"{site.prefix}/openapi.json", headers=forged)).json()["servers"]
    assert [server["url"] for server in servers] == [f"{str(site.http.base_url).rstrip('/')}{site.prefix}"]
    assert (await site.http.get(f"{site.prefix}/metrics")).status_code == 404

    body = bytes(range(256)) * (LARGE // 256)
    creation = await site.http.post(f"{site.prefix}/v1/tus", headers={**headers, "Upload-Length": str(len(body))})
    assert creation.status_code == 201
    sending = {**headers, "Upload-Offset": "0", "Content-Type": BYTES}
    sent = await site.http.patch(creation.headers["location"], headers=sending, content=body)
    assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(len(body)))


@own_behind_proxy
async def test_an_early_response_to_a_large_body_arrives(site: Site, own: Gateway) -> None:
    user = await own.user()
    at = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": BYTES}
    token = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    cases: list[tuple[str, str, dict[str, str], int]] = [
        ("PATCH", f"/v1/tus/{at}", {**tus, "Authorization": "Bearer wrong"}, 401),
        ("PATCH", f"/v1/tus/{at}", {**tus, **token}, 404),
        ("PATCH", f"/v1/tus/{at}", {**tus, **token, "Content-Type": "text/plain"}, 415),
        ("POST", "/v1/folders", {**token, "Content-Type": "application/json"}, 413),
        ("PUT", "/v1/nothing", {}, 404),
        ("POST", "/v1/files", token, 405),
    ]
    body = b"x" * LARGE
    for method, path, headers, status in cases:
        for _ in range(3):
            response = await site.http.request(method, f"{site.prefix}{path}", headers=headers, content=body)
            assert response.status_code == status, (method, path)
            assert response.headers["content-type"] == "application/problem+json"


def test_the_guide_has_examples_for_each_proxy() -> None:
    languages = [language for language, _ in EXAMPLES]
    assert sorted(set(languages)) == ["caddyfile", "nginx"]
    assert len(languages) == 4
