"""The gateway behind real proxies, with the examples of the guide. A proxy that is not installed is skipped.

`DRIVEBAY_TEST_TRAEFIK` names the binary of Traefik, see CONTRIBUTING.md.
"""

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
from drivebay.testing.client import eventually
from drivebay.testing.world import free_port

from .conftest import Gateway, serve
from .test_tus import LARGE_QUOTA
from .tus_client import BYTES, MIB

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "proxies.md"
TRAEFIK = os.environ.get("DRIVEBAY_TEST_TRAEFIK")
PROXY = "127.0.0.1"
CLIENT = "127.0.0.2"
"""The client connects from another address than the proxy, which is the only trusted one."""
LARGE = 20 * MIB
own_behind_proxy = pytest.mark.parametrize("own", [LARGE_QUOTA | {"trusted_proxies": (f"{PROXY}/32",)}], indirect=True)


class Example(NamedTuple):
    """An example of the guide. `prefix` is the path below which it serves the API.

    `static` is the static configuration of Traefik.
    """

    program: str
    name: str
    text: str
    prefix: str
    static: str = ""


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


def read_examples() -> list[Example]:
    """Return the examples of the guide, and nginx with its own defaults where the guide changes them."""
    blocks = re.findall(r"^```(nginx|caddyfile|yaml)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    static = [text for language, text in blocks if language == "yaml" and "providers:" in text]
    assert len(static) == 1
    programs = {"nginx": "nginx", "caddyfile": "caddy", "yaml": "traefik"}
    examples = []
    for language, text in blocks:
        if text not in static:
            prefix = "/drive" if "/drive/" in text else ""
            name = "below a path" if prefix else "at its own host name"
            examples.append(Example(programs[language], name, text, prefix, static[0] if language == "yaml" else ""))
    # nginx then buffers bodies in both directions, and connects with HTTP/1.0.
    defaults = replace(examples[0].text, r"^ *proxy_(?:http_version|request_buffering|buffering) .*\n", "")
    defaults = replace(defaults, r"^ *proxy_set_header Connection .*\n", "")
    return [*examples, Example("nginx", "with its defaults", defaults, "")]


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


def traefik_configuration(example: Example, text: str, port: int, folder: Path) -> str:
    """Write the dynamic configuration. Return the static one."""
    text = replace(text, r"Host\(`[a-z.]*example\.com`\)", f"Host(`{PROXY}`)")
    (folder / "dynamic.yaml").write_text(replace(text, r"^ *tls: \{\}\n", ""))
    static = replace(example.static, r'address: ":443"', f'address: "{PROXY}:{port}"')
    static = replace(static, r"filename: .*$", f"filename: {folder}/dynamic.yaml")
    return f"{static}global:\n  checkNewVersion: false\n"


def command(example: Example, gateway_port: int, port: int, folder: Path) -> tuple[str, ...]:
    """Write the configuration of a proxy. Return the command that runs it, or skip the test."""
    file = folder / "configuration.yaml"
    text = replace(example.text, r"127\.0\.0\.1:8080", f"{PROXY}:{gateway_port}")
    if example.program == "traefik":
        if TRAEFIK is None:
            pytest.skip("DRIVEBAY_TEST_TRAEFIK does not name the binary of Traefik")
        file.write_text(traefik_configuration(example, text, port, folder))
        return TRAEFIK, f"--configFile={file}"
    program = shutil.which(example.program)
    if program is None:
        pytest.skip(f"{example.program} is not installed")
    if example.program == "nginx":
        file.write_text(nginx_configuration(text, port, folder))
        return program, "-c", str(file), "-e", str(folder / "log")
    file.write_text(caddy_configuration(text, port, folder))
    return program, "run", "--adapter", "caddyfile", "--config", str(file)


@asynccontextmanager
async def proxy(example: Example, gateway_port: int, folder: Path) -> AsyncIterator[int]:
    """Run the proxy of an example. Yields its port."""
    port = free_port()
    program, *arguments = command(example, gateway_port, port, folder)
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdout=output, stderr=output, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}
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


EXAMPLES = read_examples()


@pytest.fixture(params=EXAMPLES, ids=lambda example: f"{example.program} {example.name}")
async def site(own: Gateway, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """A gateway behind the proxy of an example."""
    example: Example = request.param
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

            async def is_ready() -> bool:  # Traefik listens before it has read its dynamic configuration
                return (await http.get(f"{example.prefix}/healthz")).status_code == 200

            await eventually(is_ready, within=30)
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
    for path in ("/metrics", "/%6Detrics", "//metrics", "/./metrics"):
        assert "drivebay_" not in (await site.http.get(f"{site.prefix}{path}")).text, path
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


@own_behind_proxy
async def test_events_arrive_while_the_response_continues(site: Site, own: Gateway) -> None:
    user = await own.user()
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    async with asyncio.timeout(30), site.http.stream("GET", f"{site.prefix}/v1/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        await anext(lines)  # arrives before there is a change
        for name in ("first", "second"):
            await user.ok("POST", "/v1/folders", {"name": name})
            while f'"name":"{name}"' not in await anext(lines):
                pass


def test_the_guide_has_two_examples_for_each_proxy() -> None:
    found = sorted((example.program, example.prefix) for example in EXAMPLES[:-1])
    assert found == [(program, prefix) for program in ("caddy", "nginx", "traefik") for prefix in ("", "/drive")]
