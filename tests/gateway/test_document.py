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

from .conftest import Gateway

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
