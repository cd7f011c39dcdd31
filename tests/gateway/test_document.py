"""The OpenAPI document describes the gateway, and `docs/openapi.json` is current."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from drivebay.cli import command_table
from drivebay.errors import Unavailable
from drivebay.testing.client import Json

from . import openapi_document
from .conftest import Gateway, User, make_large_folder, raw_request, start_job
from .openapi_document import DOCUMENT

OPERATIONS = {
    f"{method.upper()} {path}"
    for path, methods in openapi_document.document()["paths"].items()
    for method in methods
    if not path.startswith(("/v1/tus", "/v1/events"))
}
"""All operations except those of tus, whose headers depend on one another, and the stream of events, which does not
end. test_tus*.py and test_changes.py check their responses against the document."""
WITHOUT_INPUT = {"GET /healthz", "GET /readyz", "GET /metrics", "GET /.well-known/jwks.json"}
"""Operations without input that could be invalid."""
SETTINGS = Path(__file__).with_name("schemathesis.toml")
TIMEOUT = 3600.0
"""Seconds. A run takes some minutes on an idle machine. Its access token lives as long."""


def test_the_document_in_docs_is_current() -> None:
    printed = CliRunner().invoke(command_table.app, ["openapi"]).stdout
    assert printed == DOCUMENT.read_text(), "run: drivebay openapi > docs/openapi.json"


async def test_the_gateway_serves_the_document_and_its_page(shared: Gateway) -> None:
    described = json.loads(DOCUMENT.read_text())
    response = await shared.http.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == described
    page = await shared.http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path in described["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "`" not in page.text, "inline code is rendered"
    assert "<code>not_found</code>" in page.text
    assert "style-src 'sha256-" in page.headers["content-security-policy"]


async def test_the_start_page_redirects_to_the_document(shared: Gateway) -> None:
    response = await shared.http.get("/")
    assert (response.status_code, response.headers["location"]) == (302, "/docs")


OPTIONAL_HEADERS = {"x-request-id", "etag", "location", "repr-digest", "retry-after", "www-authenticate"}


async def test_the_document_names_the_headers_of_responses(own: Gateway) -> None:
    user = await own.user()
    file = await user.store("a.txt", b"hello")
    intent = {"name": "b.txt", "size": 1, "content_type": "text/plain"}
    at = f"/v1/files/{file['id']}"
    requests: list[tuple[str, str, str, Json | None, int]] = [
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
    for method, path, target, body, status in requests:
        response = await user.call(method, target, body)
        assert response.status_code == status, response.text
        assert documented_headers(method, path, status) == OPTIONAL_HEADERS & set(response.headers), (method, path)
    # httpx cannot parse the URL of an in-memory bucket in a redirect.
    token = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    status, headers, _ = await raw_request(own.app, "GET", f"{at}/content", token)
    assert status == 302
    assert documented_headers("GET", "/v1/files/{id}/content", 302) == OPTIONAL_HEADERS & set(headers)
    response = await own.http.get("/v1/me")
    assert documented_headers("GET", "/v1/me", 401) == OPTIONAL_HEADERS & set(response.headers)
    own.keys.failure = Unavailable("auth does not respond")
    response = await own.http.get("/readyz")
    assert documented_headers("GET", "/readyz", response.status_code) == OPTIONAL_HEADERS & set(response.headers)
    response = await own.http.get("/.well-known/jwks.json")
    assert response.status_code == 503
    assert documented_headers("GET", "/.well-known/jwks.json", 503) == OPTIONAL_HEADERS & set(response.headers)


def documented_headers(method: str, path: str, status: int) -> set[str]:
    operation = json.loads(DOCUMENT.read_text())["paths"][path][method.lower()]
    return {name.lower() for name in operation["responses"][str(status)]["headers"]}


def test_every_time_in_the_document_has_the_format_date_time() -> None:
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


def test_an_undocumented_response_is_detected() -> None:
    headers = {"content-type": "application/json", "x-request-id": "r", "etag": '"e"'}
    answered = partial(openapi_document.undocumented, "GET", f"/v1/files/{uuid4()}")
    alive = b'{"status":"ok"}'
    assert openapi_document.undocumented("GET", "/healthz", 200, headers, alive) is None
    assert openapi_document.undocumented("GET", "/nowhere", 404, headers, b"{}") is None
    assert openapi_document.undocumented("PUT", "/healthz", 405, headers, b"{}") is None
    assert "not documented" in str(answered(418, headers, b"{}"))
    assert "ETag" in str(answered(200, {"x-request-id": "r"}, b"{}"))
    assert "required" in str(answered(200, headers, b"{}"))
    assert "not of" in str(answered(404, headers, b"{}"))


NEVER_REACHED = {
    # The user is no admin, has no second factor, and no request knows the password.
    *(operation for operation in OPERATIONS if "/v1/admin/" in operation or "totp" in operation),
    # No request knows the key of a passkey. test_passkeys.py has the cases.
    *(operation for operation in OPERATIONS if "passkey" in operation and operation != "GET /v1/me/passkeys"),
    "DELETE /v1/me",
    "POST /v1/me/password",
    "POST /v1/password/reset/confirm",
    # The deployment sends no mail.
    "POST /v1/password/reset",
    "POST /v1/email/verify",
    "POST /v1/me/email/verification",
    # The deployment has no identity provider.
    *(operation for operation in OPERATIONS if "/v1/oidc/" in operation),
    # An id in the trash: the generated requests empty the trash before.
    "DELETE /v1/trash/{id}",
    "POST /v1/files/{id}/restore",
    # Nothing was delivered to a webhook. test_webhooks.py has the cases.
    "POST /v1/webhooks/{id}/deliveries/{delivery}/redeliver",
    # No token of a link is generated. test_links.py has the cases.
    *(operation for operation in OPERATIONS if "/v1/public/" in operation),
    # A live session: other generated requests end all sessions but their own.
    "POST /v1/token/refresh",
    "DELETE /v1/me/sessions/{id}",
}
"""Operations that generated requests do not bring to success. Their own tests do."""
PARTS = {"size": 5, "content_type": "text/plain", "multipart": True}


async def known_values(user: User, other: User) -> dict[str, list[str]]:
    """Return ids and tokens that cannot be generated (see `schemathesis_hooks.py`)."""
    uploads = [await user.begin(f"{number}.txt", b"hello") for number in range(20)]
    files = []
    for upload in uploads:
        assert await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello") == 200
        files.append((await user.ok("POST", f"/v1/uploads/{upload['id']}/complete"))["file_id"])
    for number in range(12):
        versioned = await user.store("versions.txt", b"%d" % number, on_conflict="replace")
    versions = (await user.ok("GET", f"/v1/files/{versioned['id']}/versions"))["items"]
    pending = [await user.begin(f"pending {number}.txt", b"not sent") for number in range(10)]
    parts = [await user.ok("POST", "/v1/uploads", PARTS | {"name": f"{number}.bin"}) for number in range(10)]
    account = {"email": user.email, "password": user.password}
    sessions = [await user.http.post("/v1/login", json=account) for _ in range(20)]
    drives = [(await user.ok("POST", "/v1/drives", {"name": f"{number}"}))["id"] for number in range(20)]
    for drive in drives:
        await user.ok("PUT", f"/v1/drives/{drive}/members", {"email": other.email, "role": "viewer"})
    shared = files[:3]
    for file in shared:
        await user.ok("PUT", f"/v1/files/{file}/permissions", {"email": other.email, "role": "viewer"})
    links = [(await user.ok("POST", f"/v1/files/{files[0]}/links", {}))["id"] for _ in range(20)]
    hook = {"url": "https://example.com/hook"}
    webhooks = [(await user.ok("POST", "/v1/webhooks", hook))["id"] for _ in range(15)]
    folders = [(await user.ok("POST", "/v1/folders", {"name": f"{number}"}))["id"] for number in range(20)]
    tree = await make_large_folder(user)
    jobs = [(await start_job(user, tree))["id"] for _ in range(10)]
    token = {"name": "script", "scopes": ["read"]}
    tokens = [(await user.ok("POST", "/v1/me/tokens", token))["id"] for _ in range(10)]
    members = "/v1/drives/{id}/members"
    in_drives = ("GET /v1/drives/{id}", "PATCH /v1/drives/{id}", f"GET {members}", f"PUT {members}")
    version = "/v1/files/{id}/versions/{version}"
    of_versions = (f"GET {version}/download", f"POST {version}/restore", f"DELETE {version}")
    by_user = (f"PUT {members}/{{user_id}}", f"DELETE {members}/{{user_id}}")
    archives = [(await user.ok("POST", "/v1/archives", {"ids": [file]}))["url"] for file in files[:5]]
    picture = await user.store("picture.png", b"no picture", content_type="image/png")  # 202: no worker looks at it
    return {
        "GET /v1/archives/{token}": [url.rpartition("/")[2] for url in archives],
        **dict.fromkeys((*in_drives, *by_user), drives[:10]),
        **{key: [versioned["id"]] for key in ("GET /v1/files/{id}/versions", *of_versions)},
        "GET /v1/files/{id}/activity": [versioned["id"]],
        "version": [each["id"] for each in versions[1:]],
        "POST /v1/files/{id}/copy": files,
        "DELETE /v1/drives/{id}": drives[10:],
        "user_id": [(await other.ok("GET", "/v1/me"))["id"]],
        "email": [other.email],
        "GET /v1/files/{id}/download": files,
        "GET /v1/files/{id}/content": files,
        **{key: [picture["id"]] for key in ("GET /v1/files/{id}/thumbnail", "HEAD /v1/files/{id}/thumbnail")},
        "HEAD /v1/files/{id}/content": files,
        "GET /v1/files/{id}": files,
        "GET /v1/files/{id}/size": folders[:10],
        "PATCH /v1/files/{id}": folders[:10],
        "DELETE /v1/files/{id}": folders[10:],
        "POST /v1/files/{id}/restore": folders[10:],
        "POST /v1/files/{id}/links": files,
        "GET /v1/files/{id}/links": files,
        "PATCH /v1/links/{id}": links[:10],
        "DELETE /v1/links/{id}": links[10:],
        "DELETE /v1/me/tokens/{id}": tokens,
        **dict.fromkeys(
            ("GET /v1/webhooks/{id}", "PATCH /v1/webhooks/{id}", "GET /v1/webhooks/{id}/deliveries"), webhooks[:5]
        ),
        "DELETE /v1/webhooks/{id}": webhooks[5:],
        "GET /v1/jobs/{id}": jobs[:3],
        "DELETE /v1/jobs/{id}": jobs[3:],
        "GET /v1/files/{id}/path": files,
        "GET /v1/files/{id}/permissions": shared,
        "PUT /v1/files/{id}/permissions": shared,
        "DELETE /v1/files/{id}/permissions/{user_id}": shared,
        "path": [f"/{upload['name']}" for upload in uploads],
        "GET /v1/uploads/{id}": [upload["id"] for upload in uploads],
        "GET /v1/uploads/{id}/timeline": [upload["id"] for upload in uploads],
        "POST /v1/uploads/{id}/complete": [upload["id"] for upload in uploads],
        "POST /v1/uploads/{id}/parts": [upload["id"] for upload in parts],
        "GET /v1/uploads/{id}/parts": [upload["id"] for upload in parts],
        "DELETE /v1/uploads/{id}": [upload["id"] for upload in pending],
        "POST /v1/login": [user.email, user.password],
        "tokens": [session.json()["refresh_token"] for session in sessions],
    }


@pytest.mark.slow
@pytest.mark.parametrize("own", [{"access_token_ttl": timedelta(seconds=TIMEOUT)}], indirect=True)
async def test_generated_requests_get_documented_responses(own: Gateway, served: str, tmp_path: Path) -> None:
    """Send valid and invalid requests that are generated from the document."""
    user = await own.user()
    known = await known_values(user, await own.user())
    report = tmp_path / "report.har"
    schemathesis = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", SETTINGS, "run", f"{served}/openapi.json"),
        *("--report", "har", "--report-har-path", report),
        *("--checks", "all", "--max-examples", "100", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--request-timeout", "10", "--no-color", "--warnings", "off", "--suppress-health-check", "all"),
        *("--exclude-path-regex", "^/v1/(tus|events)"),
        env={**os.environ, "ACCESS_TOKEN": user.tokens["access_token"], "KNOWN": json.dumps(known)},
        cwd=SETTINGS.parents[2],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(schemathesis.communicate(), TIMEOUT)
    finally:
        if schemathesis.returncode is None:
            schemathesis.kill()
            await schemathesis.wait()
    assert schemathesis.returncode == 0, out.decode()[-20_000:]
    succeeded, failed = succeeded_and_failed(report)
    assert succeeded | NEVER_REACHED == set(OPERATIONS)
    assert failed >= set(OPERATIONS) - WITHOUT_INPUT


def succeeded_and_failed(har: Path) -> tuple[set[str], set[str]]:
    """Return the operations that succeeded at least once, and those that failed at least once."""
    seen: tuple[set[str], set[str]] = set(), set()
    for entry in json.loads(har.read_text("utf-8"))["log"]["entries"]:
        request, status = entry["request"], entry["response"]["status"]
        operation = f"{request['method']} {openapi_document.template(urlsplit(request['url']).path)}"
        if operation in OPERATIONS:
            seen[status >= 400].add(operation)
    return seen
