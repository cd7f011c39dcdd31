"""Routing: which paths match a route of the table, and with which id."""

from __future__ import annotations

import json
from typing import Any

import pytest
from falcon.asgi import Response
from uuid_utils.compat import uuid7

from drivebay.gateway.app import GatewayApp, create_app_from_routes
from drivebay.gateway.http_request import Request
from drivebay.gateway.route import Route
from drivebay.gateway.settings import Settings

from .conftest import raw_request


def route(method: str, path: str) -> Route:
    """A public route that answers with its method, its path and the id it got."""

    async def handler(req: Request, resp: Response, id: str = "") -> None:
        resp.data = json.dumps([method, path, id]).encode()

    return Route(method, path, "operation", "summary", handler, {200: None}, public=True)


def app(*routes: Route) -> GatewayApp:
    no_auth: Any = None
    no_files: Any = None
    return create_app_from_routes(routes, no_auth, no_files, Settings(), new_request_id=lambda: str(uuid7()))


APP = app(
    route("GET", "/a"), route("POST", "/a"), route("GET", "/a/{id}"), route("GET", "/a/{id}/b.c"), route("GET", "/d")
)


@pytest.mark.parametrize(
    ("path", "template", "id"),
    [
        ("/a", "/a", ""),
        ("/a/1", "/a/{id}", "1"),
        ("/a/{id}", "/a/{id}", "{id}"),
        ("/a/\n", "/a/{id}", "\n"),
        ("/a/a", "/a/{id}", "a"),
        ("/a/1/b.c", "/a/{id}/b.c", "1"),
        ("/d", "/d", ""),
    ],
)
async def test_a_path_of_the_table_is_found(path: str, template: str, id: str) -> None:
    status, _, body = await raw_request(APP, "GET", path, {})
    assert (status, json.loads(body)) == (200, ["GET", template, id])


@pytest.mark.parametrize(
    "path", ["", "/", "/a/", "//a", "/A", "/a/1/", "/a/1/bxc", "/a/1/2/b.c", "/a//b.c", "/a\n", "/d/1", "/aa"]
)
async def test_any_other_path_is_not_found(path: str) -> None:
    status, _, body = await raw_request(APP, "GET", path, {})
    assert (status, json.loads(body)["code"]) == (404, "not_found")


async def test_a_path_has_all_methods_of_its_routes() -> None:
    for method in ("GET", "POST"):
        assert json.loads((await raw_request(APP, method, "/a", {}))[2])[0] == method
    status, headers, _ = await raw_request(APP, "PUT", "/a", {})
    assert (status, headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


async def test_a_table_without_ids_works() -> None:
    small = app(route("GET", "/a"))
    assert (await raw_request(small, "GET", "/a", {}))[0] == 200
    assert (await raw_request(small, "GET", "/b", {}))[0] == 404
