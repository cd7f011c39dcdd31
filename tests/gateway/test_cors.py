"""CORS: which origins may read responses, and what preflight requests get."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .conftest import Gateway, assert_problem
from .openapi_document import document

ORIGIN = "https://app.example.com"
ALLOWED = pytest.mark.parametrize("own", [{"allowed_origins": (ORIGIN,)}], indirect=True)
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


async def test_cors_is_off_by_default(shared: Gateway) -> None:
    for response in (
        await shared.http.get("/healthz", headers={"Origin": ORIGIN}),
        await shared.http.options("/v1/files", headers={"Origin": ORIGIN, **PREFLIGHT}),
    ):
        assert not [name for name in response.headers if name.startswith("access-control-")]


@ALLOWED
async def test_an_allowed_origin_may_read_responses_and_problems(own: Gateway) -> None:
    for path in ("/healthz", "/v1/files", "/v1/nothing"):
        response = await own.http.get(path, headers={"Origin": ORIGIN})
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["vary"] == "Origin"
        assert "ETag" in response.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in response.headers


@ALLOWED
async def test_preflight_lists_methods_and_headers_for_an_allowed_origin(own: Gateway) -> None:
    response = await own.http.options("/v1/files/x", headers={"Origin": ORIGIN, **PREFLIGHT})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "PATCH" in response.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {"authorization", "content-type", "if-match", "idempotency-key", "x-request-id"}
    assert allowed >= {"traceparent", "tracestate", "baggage", "sentry-trace"}, "tracing libraries add these"


@ALLOWED
async def test_preflight_allows_every_header_that_a_route_reads(own: Gateway) -> None:
    response = await own.http.options("/v1/tus/x", headers={"Origin": ORIGIN, **PREFLIGHT})
    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    operations = [operation for methods in document()["paths"].values() for operation in methods.values()]
    read = {p["name"].lower() for operation in operations for p in operation["parameters"] if p["in"] == "header"}
    read.remove("drivebay-session")  # pages of other origins must never use the session cookie
    assert "drivebay-session" not in allowed
    assert read <= allowed
    assert "tus-resumable" in read


@ALLOWED
async def test_every_documented_response_header_is_exposed(own: Gateway) -> None:
    response = await own.http.get("/healthz", headers={"Origin": ORIGIN})
    exposed = {name.strip().lower() for name in response.headers["access-control-expose-headers"].split(",")}
    safelisted = {"content-type", "content-length"}  # by the Fetch standard: readable without being exposed
    assert {name.lower() for name in document()["components"]["headers"]} <= exposed | safelisted


@ALLOWED
async def test_preflight_has_the_fixed_headers(own: Gateway) -> None:
    response = await own.http.options("/v1/files/x", headers={"Origin": ORIGIN, **PREFLIGHT})
    assert response.headers["x-content-type-options"] == "nosniff"


@ALLOWED
@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com.evil.example", "null", ""])
async def test_other_origins_get_no_cors_headers(own: Gateway, origin: str) -> None:
    preflight = await own.http.options("/v1/files", headers={"Origin": origin, **PREFLIGHT})
    answered = await own.http.get("/v1/files", headers={"Origin": origin})
    assert_problem(answered, 401, "unauthenticated")
    for response in (preflight, answered):
        assert response.headers["vary"] == "Origin"
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("own", [{"allowed_origins": ("*",)}], indirect=True)
async def test_star_allows_every_origin(own: Gateway) -> None:
    response = await own.http.get("/healthz", headers={"Origin": "https://anything.example"})
    assert response.headers["access-control-allow-origin"] == "https://anything.example"


@ALLOWED
async def test_cors_covers_the_headers_of_tus(own: Gateway) -> None:
    user = await own.user()
    preflight = await own.http.options(f"/v1/tus/{uuid4()}", headers={"Origin": ORIGIN, **PREFLIGHT})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "DELETE, HEAD, OPTIONS, PATCH, POST"
    sent = preflight.headers["access-control-allow-headers"].split(", ")
    assert {"Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Checksum"} <= set(sent)
    headers = {"Origin": ORIGIN, "Tus-Resumable": "1.0.0", "Upload-Length": "5"}
    created = await user.call("POST", "/v1/tus", headers=headers)
    exposed = {name.strip() for name in created.headers["access-control-expose-headers"].split(",")}
    assert {name for name in created.headers if name.startswith(("upload-", "tus-", "location"))} <= {
        name.lower() for name in exposed
    }
    assert created.headers["access-control-allow-origin"] == ORIGIN
