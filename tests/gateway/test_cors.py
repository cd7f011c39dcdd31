"""Pages of other origins: which may read answers, and what the browser is told before it asks."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .conftest import Gateway, assert_problem

ORIGIN = "https://app.example.com"
ALLOWED = pytest.mark.parametrize("own", [{"allowed_origins": (ORIGIN,)}], indirect=True)
ASKED = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


async def test_by_default_no_page_may_read_anything(shared: Gateway) -> None:
    for response in (
        await shared.http.get("/healthz", headers={"Origin": ORIGIN}),
        await shared.http.options("/v1/files", headers={"Origin": ORIGIN, **ASKED}),
    ):
        assert not [name for name in response.headers if name.startswith("access-control-")]


@ALLOWED
async def test_an_allowed_page_may_read_answers_and_problems(own: Gateway) -> None:
    for path in ("/healthz", "/v1/files", "/v1/nothing"):
        response = await own.http.get(path, headers={"Origin": ORIGIN})
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["vary"] == "Origin"
        assert "ETag" in response.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in response.headers


@ALLOWED
async def test_an_allowed_page_is_told_what_it_may_send(own: Gateway) -> None:
    response = await own.http.options("/v1/files/x", headers={"Origin": ORIGIN, **ASKED})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "PATCH" in response.headers["access-control-allow-methods"]
    for name in ("Authorization", "Content-Type", "If-Match", "Idempotency-Key"):
        assert name in response.headers["access-control-allow-headers"]
    assert response.headers["x-content-type-options"] == "nosniff"


@ALLOWED
@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com.evil.example", "null", ""])
async def test_any_other_page_may_not(own: Gateway, origin: str) -> None:
    asked = await own.http.options("/v1/files", headers={"Origin": origin, **ASKED})
    answered = await own.http.get("/v1/files", headers={"Origin": origin})
    assert_problem(answered, 401, "unauthenticated")
    for response in (asked, answered):
        assert response.headers["vary"] == "Origin"
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("own", [{"allowed_origins": ("*",)}], indirect=True)
async def test_a_star_allows_every_page(own: Gateway) -> None:
    response = await own.http.get("/healthz", headers={"Origin": "https://anything.example"})
    assert response.headers["access-control-allow-origin"] == "https://anything.example"


@ALLOWED
async def test_a_page_may_speak_tus(own: Gateway) -> None:
    user = await own.user()
    asked = await own.http.options(f"/v1/tus/{uuid4()}", headers={"Origin": ORIGIN, **ASKED})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-methods"] == "DELETE, HEAD, OPTIONS, PATCH, POST"
    sent = asked.headers["access-control-allow-headers"].split(", ")
    assert {"Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Checksum"} <= set(sent)
    told = {"Origin": ORIGIN, "Tus-Resumable": "1.0.0", "Upload-Length": "5"}
    created = await user.call("POST", "/v1/tus", headers=told)
    exposed = {name.strip() for name in created.headers["access-control-expose-headers"].split(",")}
    assert {name for name in created.headers if name.startswith(("upload-", "tus-", "location"))} <= {
        name.lower() for name in exposed
    }
    assert created.headers["access-control-allow-origin"] == ORIGIN
