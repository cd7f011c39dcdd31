"""The OpenAPI document: it says what the gateway does, and `docs/openapi.json` is it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from drivebay import cli
from drivebay.errors import Unavailable
from drivebay.testing.client import Json

from . import described
from .conftest import Gateway, User, bare
from .described import DOCUMENT

OPERATIONS = {
    f"{method.upper()} {path}"
    for path, methods in described.document()["paths"].items()
    for method in methods
    if not path.startswith("/v1/tus")
}
"""But those of tus, whose headers mean nothing without one another and whose refusals have numbers of its own. They
have test_tus*.py, where every answer is held against the document as well."""
HARMLESS = {"GET /healthz", "GET /readyz", "GET /metrics", "GET /.well-known/jwks.json"}
"""Operations that take nothing that could be wrong."""
SETTINGS = Path(__file__).with_name("schemathesis.toml")
WITHIN = 240.0
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


PARTICULAR = {"x-request-id", "etag", "location", "repr-digest", "retry-after", "www-authenticate"}


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


def test_an_answer_that_the_document_leaves_out_is_noticed() -> None:
    headers = {"content-type": "application/json", "x-request-id": "r", "etag": '"e"'}
    answered = partial(described.undocumented, "GET", f"/v1/files/{uuid4()}")
    alive = b'{"status":"ok"}'
    assert described.undocumented("GET", "/healthz", 200, headers, alive) is None
    assert described.undocumented("GET", "/nowhere", 404, headers, b"{}") is None
    assert described.undocumented("PUT", "/healthz", 405, headers, b"{}") is None
    assert "not documented" in str(answered(418, headers, b"{}"))
    assert "ETag" in str(answered(200, {"x-request-id": "r"}, b"{}"))
    assert "required" in str(answered(200, headers, b"{}"))
    assert "not of" in str(answered(404, headers, b"{}"))


PARTS = {"size": 5, "content_type": "text/plain", "multipart": True}


async def knowledge(user: User) -> dict[str, list[str]]:
    """What nobody can make up (see `made_up.py`): files that have bytes, uploads that are complete, good tokens."""
    uploads = [await user.begin(f"{number}.txt", b"hello") for number in range(20)]
    files = []
    for upload in uploads:
        assert await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello") == 200
        files.append((await user.ok("POST", f"/v1/uploads/{upload['id']}/complete"))["file_id"])
    parts = [await user.ok("POST", "/v1/uploads", PARTS | {"name": f"{number}.bin"}) for number in range(10)]
    account = {"email": user.email, "password": user.password}
    sessions = [await user.http.post("/v1/login", json=account) for _ in range(20)]
    return {
        "GET /v1/files/{id}/download": files,
        "GET /v1/files/{id}/content": files,
        "POST /v1/uploads/{id}/complete": [upload["id"] for upload in uploads],
        "POST /v1/uploads/{id}/parts": [upload["id"] for upload in parts],
        "GET /v1/uploads/{id}/parts": [upload["id"] for upload in parts],
        "tokens": [session.json()["refresh_token"] for session in sessions],
    }


@pytest.mark.slow
async def test_the_gateway_does_what_the_document_says(own: Gateway, served: str, tmp_path: Path) -> None:
    """Requests made up from the document, right ones and wrong ones: every answer is as documented."""
    user = await own.user()
    known = await knowledge(user)
    heard = tmp_path / "heard.har"
    schemathesis = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", SETTINGS, "run", f"{served}/openapi.json"),
        *("--report", "har", "--report-har-path", heard),
        *("--checks", "all", "--max-examples", "100", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--request-timeout", "10", "--no-color", "--warnings", "off", "--suppress-health-check", "all"),
        *("--exclude-path-regex", "^/v1/tus"),
        env={**os.environ, "ACCESS_TOKEN": user.tokens["access_token"], "KNOWN": json.dumps(known)},
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
    succeeded, failed = outcomes(heard)
    assert succeeded == set(OPERATIONS)
    assert failed >= set(OPERATIONS) - HARMLESS


def outcomes(har: Path) -> tuple[set[str], set[str]]:
    """The operations that were seen to succeed, and to refuse a request."""
    seen: tuple[set[str], set[str]] = set(), set()
    for entry in json.loads(har.read_text("utf-8"))["log"]["entries"]:
        request, status = entry["request"], entry["response"]["status"]
        operation = f"{request['method']} {described.template(urlsplit(request['url']).path)}"
        if operation in OPERATIONS:
            seen[status >= 400].add(operation)
    return seen
