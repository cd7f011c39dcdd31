"""Finding a route by its path."""

from __future__ import annotations

import pytest

from drivebay.gateway.answer import Answer
from drivebay.gateway.paths import Paths
from drivebay.gateway.request import Call
from drivebay.gateway.route import Route


async def handler(_: Call) -> Answer:
    return Answer(204)


def row(method: str, path: str) -> Route:
    return Route(method, path, "operation", "summary", handler, {204: None})


PATHS = Paths([row("GET", "/a"), row("POST", "/a"), row("GET", "/a/{id}"), row("GET", "/a/{id}/b.c"), row("GET", "/d")])


@pytest.mark.parametrize(
    ("path", "found", "id"),
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
def test_a_path_of_the_table_is_found(path: str, found: str, id: str) -> None:
    rows, stands_for = PATHS.find(path)
    assert ({row.path for row in rows.values()}, stands_for) == ({found}, id)


@pytest.mark.parametrize(
    "path", ["", "/", "a", "/a/", "//a", "/A", "/a/1/", "/a/1/bxc", "/a/1/2/b.c", "/a//b.c", "/a\n", "/d/1", "/aa"]
)
def test_any_other_is_nowhere(path: str) -> None:
    assert PATHS.find(path) == ({}, "")


def test_all_methods_of_a_path_stand_together() -> None:
    assert set(PATHS.find("/a")[0]) == {"GET", "POST"}


def test_a_table_without_open_paths_finds_what_it_has() -> None:
    assert set(Paths([row("GET", "/a")]).find("/a")[0]) == {"GET"}
    assert Paths([row("GET", "/a")]).find("")[0] == {}
