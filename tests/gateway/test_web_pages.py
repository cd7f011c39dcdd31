"""The web app as the gateway serves it: the page, its files, and what stays the API's."""

from __future__ import annotations

import gzip
import re

import pytest

from drivebay.gateway.settings import WebSettings

from .conftest import Gateway, assert_problem, raw_request

WEB = pytest.mark.parametrize("own", [{"web": WebSettings(name='<b>"Ada"</b>', color="#0b7285")}], indirect=True)
BELOW = pytest.mark.parametrize(
    "own", [{"web": WebSettings(), "public_url": "https://example.com/drive"}], indirect=True
)
HTML = {"Accept": "text/html,application/xhtml+xml"}


@WEB
async def test_every_view_has_a_url(own: Gateway) -> None:
    for path in ("/", "/files/root", "/search?q=a", "/trash", "/nothing/of/the/api"):
        status, headers, body = await raw_request(own.app, "GET", path, HTML)
        assert status == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert headers["cache-control"] == "no-cache"
        assert b"<!doctype html>" in body


@WEB
async def test_the_name_of_the_deployment_is_text(own: Gateway) -> None:
    _, _, body = await raw_request(own.app, "GET", "/", HTML)
    assert b"<title>&lt;b&gt;&quot;Ada&quot;&lt;/b&gt;</title>" in body
    assert b"<b>" not in body


@WEB
async def test_paths_of_the_api_never_answer_with_the_page(own: Gateway) -> None:
    for path in ("/v1", "/v1/nothing", "/web/x/nothing.js", "/.well-known/nothing", "/docs/nothing", "/metrics/x"):
        status, headers, _ = await raw_request(own.app, "GET", path, HTML)
        assert (status, headers["content-type"]) == (404, "application/problem+json"), path
    status, _, _ = await raw_request(own.app, "GET", "/nothing", {"Accept": "application/json"})
    assert status == 404
    status, _, _ = await raw_request(own.app, "POST", "/nothing", HTML)
    assert status == 404


@WEB
async def test_the_policy_names_the_store_and_allows_nothing_inline(own: Gateway) -> None:
    _, headers, body = await raw_request(own.app, "GET", "/", HTML)
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"].startswith("'self' ")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert not re.search(rb"<script(?![^>]* src=)|<style| style=| on\w+=", body)


@WEB
async def test_files_are_kept_under_their_version_only(own: Gateway) -> None:
    _, _, body = await raw_request(own.app, "GET", "/", HTML)
    script = re.search(rb'src="(/web/\w+/start\.js)"', body)
    assert script is not None
    url = script[1].decode()
    status, headers, plain = await raw_request(own.app, "GET", url, {})
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    _, compressed_headers, compressed = await raw_request(own.app, "GET", url, {"Accept-Encoding": "gzip, br"})
    assert compressed_headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed) == plain
    status, _, empty = await raw_request(own.app, "GET", url, {"If-None-Match": headers["etag"]})
    assert (status, empty) == (304, b"")
    _, other_headers, _ = await raw_request(own.app, "GET", "/web/another/app.js", {})
    assert other_headers["cache-control"] == "no-cache"
    for path in (
        "/web/x/../app.py",
        "/web/x/%2e%2e/assets.py",
        "/web/x/",
        "/web/x/vendor/manifest.toml",
        "/web/app.js",
    ):
        assert (await raw_request(own.app, "GET", path, {}))[0] == 404


@BELOW
async def test_below_a_path_every_url_has_it(own: Gateway) -> None:
    _, _, body = await raw_request(own.app, "GET", "/", HTML)
    urls = re.findall(rb'(?:src|href)="([^"]*)"', body)
    assert urls
    assert all(url.startswith(b"/drive/web/") for url in urls)


async def test_without_the_web_app_the_root_leads_to_the_documentation(shared: Gateway) -> None:
    response = await shared.http.get("/", headers=HTML)
    assert (response.status_code, response.headers["location"]) == (302, "/docs")
    assert_problem(await shared.http.get("/files/root", headers=HTML), 404, "not_found")
