"""The OpenAPI document: it says what the gateway does, and `docs/openapi.json` is it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivebay import cli
from drivebay.errors import Unavailable
from drivebay.testing.client import Json

from .conftest import Gateway, bare

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
SETTINGS = Path(__file__).with_name("schemathesis.toml")
WITHIN = 120.0
"""Seconds, on a busy machine; a run takes about 30."""


def test_the_document_in_docs_is_what_the_gateway_says() -> None:
    printed = CliRunner().invoke(cli.app, ["openapi"]).stdout
    assert printed == DOCUMENT.read_text(), "say: drivebay openapi > docs/openapi.json"


async def test_the_gateway_serves_that_document_and_a_page_of_it(shared: Gateway) -> None:
    described = json.loads(DOCUMENT.read_text())
    response = await shared.http.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == described
    page = await shared.http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path in described["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "style-src 'sha256-" in page.headers["content-security-policy"]


PARTICULAR = {"x-request-id", "etag", "location", "retry-after", "www-authenticate"}


async def test_the_document_names_the_headers_that_answers_carry(own: Gateway) -> None:
    user = await own.user()
    file = await user.store("a.txt", b"hello")
    intent = {"name": "b.txt", "size": 1, "content_type": "text/plain"}
    at = f"/v1/files/{file['id']}"
    asked: list[tuple[str, str, str, Json | None, int]] = [
        ("POST", "/v1/folders", "/v1/folders", {"name": "f"}, 201),
        ("POST", "/v1/folders", "/v1/folders", {"name": "f"}, 409),
        ("POST", "/v1/uploads", "/v1/uploads", intent, 201),
        ("GET", "/v1/files", "/v1/files", None, 200),
        ("GET", "/v1/files/{id}", at, None, 200),
        ("PATCH", "/v1/files/{id}", at, {"name": "c.txt"}, 200),
        ("GET", "/v1/files/{id}/download", f"{at}/download", None, 200),
        ("DELETE", "/v1/files/{id}", at, None, 204),
        ("POST", "/v1/files/{id}/restore", f"{at}/restore", None, 200),
    ]
    for method, path, target, body, status in asked:
        response = await user.call(method, target, body)
        assert response.status_code == status, response.text
        assert named(method, path, status) == PARTICULAR & set(response.headers), (method, path)
    # To httpx the URLs of a bucket in memory are none that a redirect could name.
    token = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    status, headers, _ = await bare(own.app, "GET", f"{at}/content", token)
    assert status == 302
    assert named("GET", "/v1/files/{id}/content", 302) == PARTICULAR & set(headers)
    response = await own.http.get("/v1/me")
    assert named("GET", "/v1/me", 401) == PARTICULAR & set(response.headers)
    own.keys.failure = Unavailable("auth does not answer")
    response = await own.http.get("/readyz")
    assert named("GET", "/readyz", response.status_code) == PARTICULAR & set(response.headers)
    response = await own.http.get("/.well-known/jwks.json")
    assert response.status_code == 503
    assert named("GET", "/.well-known/jwks.json", 503) == PARTICULAR & set(response.headers)


def named(method: str, path: str, status: int) -> set[str]:
    operation = json.loads(DOCUMENT.read_text())["paths"][path][method.lower()]
    return {name.lower() for name in operation["responses"][str(status)]["headers"]}


def test_every_time_in_the_document_is_called_one() -> None:
    schemas = json.loads(DOCUMENT.read_text())["components"]["schemas"]
    times = {f"{shape}.{name}": _type(field) for shape, schema in schemas.items() for name, field in _fields(schema)}
    assert {"Upload.expires_at", "File.trashed_at", "Account.created_at"} <= set(times)
    assert set(times.values()) == {"date-time"}


def _fields(schema: Json) -> list[tuple[str, Json]]:
    return [(name, field) for name, field in schema.get("properties", {}).items() if name.endswith("_at")]


def _type(field: Json) -> object:
    return field.get("format") or next(
        (part.get("format") for part in field.get("anyOf", ()) if "format" in part), None
    )


@pytest.mark.slow
async def test_the_gateway_does_what_the_document_says(own: Gateway, served: str) -> None:
    """Requests made up from the document, right ones and wrong ones: every answer is as documented."""
    user = await own.user()
    await user.store("a.txt", b"hello")
    schemathesis = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", SETTINGS, "run", f"{served}/openapi.json"),
        *("--checks", "all", "--max-examples", "100", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--request-timeout", "10", "--no-color", "--warnings", "off", "--suppress-health-check", "all"),
        env={**os.environ, "ACCESS_TOKEN": user.tokens["access_token"]},
        cwd=SETTINGS.parents[2],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(schemathesis.communicate(), WITHIN)
    finally:
        if schemathesis.returncode is None:
            schemathesis.kill()
            await schemathesis.wait()
    assert schemathesis.returncode == 0, out.decode()[-20_000:]
