"""Isolation of users: ids in bodies and queries, names, cursors, idempotency keys and conditions.

`test_authorization.py` covers ids in paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest

from .conftest import User, assert_problem
from .openapi_document import DOCUMENT
from .test_authorization import RULES, UPLOAD, anonymous
from .tus_client import encode_metadata

PARENTS: dict[str, Callable[[User, str], Awaitable[httpx.Response]]] = {
    "POST /v1/uploads": lambda user, to: user.call("POST", "/v1/uploads", {**UPLOAD, "parent_id": to}),
    "POST /v1/tus": lambda user, to: user.call("POST", "/v1/tus", headers=_tus_headers(to)),
    "POST /v1/folders": lambda user, to: user.call("POST", "/v1/folders", {"name": "g", "parent_id": to}),
    "GET /v1/files": lambda user, to: user.call("GET", "/v1/files", parameters={"parent_id": to}),
    "GET /v1/search": lambda user, to: user.call("GET", "/v1/search", parameters={"q": "a", "parent_id": to}),
    "PATCH /v1/files/{id}": lambda user, to: _move(user, to),
    "POST /v1/files/{id}/restore": lambda user, to: _restore(user, to),
    "POST /v1/files/{id}/copy": lambda user, to: _copy(user, to),
}
"""Operations that take the id of a folder outside the path."""
OTHERS = {
    "POST /v1/files/batch/copy",
    "POST /v1/files/batch/move",  # each item has an answer of its own, see below
    "GET /v1/events",  # the id of an event is a cursor
    "PUT /v1/files/{id}/permissions",  # any account may be named
    "GET /v1/public/{token}/files",  # no user; see test_links.py
    "POST /v1/public/{token}/uploads",
}


def _tus_headers(to: str) -> dict[str, str]:
    return {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": encode_metadata(parent_id=to)}


async def _move(user: User, to: str) -> httpx.Response:
    file = (await user.store(f"{uuid4()}.txt", b"hello"))["id"]
    return await user.call("PATCH", f"/v1/files/{file}", {"parent_id": to})


async def _copy(user: User, to: str) -> httpx.Response:
    file = (await user.store(f"{uuid4()}.txt", b"hello"))["id"]
    return await user.call("POST", f"/v1/files/{file}/copy", {"parent_id": to})


async def _restore(user: User, to: str) -> httpx.Response:
    file = (await user.store(f"{uuid4()}.txt", b"hello"))["id"]
    await user.ok("DELETE", f"/v1/files/{file}")
    return await user.call("POST", f"/v1/files/{file}/restore", {"parent_id": to})


def operations_with_ids() -> set[str]:
    """Return the operations of the document that take an id outside the path."""
    described = json.loads(DOCUMENT.read_text())
    found = set()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            names = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] != "path"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if "$ref" in content["schema"]:
                    names += described["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]][
                        "properties"
                    ]
            # A tus header contains other names.
            names += [name for each in operation["parameters"] for name in re.findall("`(.*?)`", each["description"])]
            # An admin may name any account. Nobody else may call these.
            if path.startswith("/v1/admin/"):
                continue
            # test_drives.py tries every route with the id of another user's drive.
            names = [name for name in names if name != "drive_id"]
            if any(name == "id" or name.endswith(("_id", "_ids")) for name in names):
                found.add(f"{method.upper()} {path}")
    return found


@pytest.mark.parametrize("operation", PARENTS)
async def test_another_users_folder_is_not_found(user: User, other: User, operation: str) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    file = (await other.store("a.txt", b"hello"))["id"]
    unknown = str(uuid4())
    answers = {id: await PARENTS[operation](other, id) for id in (folder, file, unknown)}
    problems = [anonymous(assert_problem(answer, 404, "not_found"), id) for id, answer in answers.items()]
    assert problems[0] == problems[1] == problems[2]
    assert (await PARENTS[operation](user, folder)).is_success


def test_every_route_that_takes_a_folder_is_tested() -> None:
    assert operations_with_ids() == PARENTS.keys() | OTHERS


async def test_files_are_not_moved_or_copied_together_into_another_users_folder(user: User, other: User) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    file = (await other.store("a.txt", b"hello"))["id"]
    for to in (folder, str(uuid4())):
        for change in ("move", "copy"):
            answer = await other.ok("POST", f"/v1/files/batch/{change}", {"ids": [file], "parent_id": to})
            assert [item["error"]["code"] for item in answer["items"]] == ["not_found"]
    assert (await other.ok("GET", f"/v1/files/{file}"))["parent_id"] == "root"


async def test_a_file_cannot_be_moved_into_another_users_folder(user: User, other: User) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    file = await other.store("a.txt", b"hello")
    assert_problem(await other.call("PATCH", f"/v1/files/{file['id']}", {"parent_id": folder}), 404, "not_found")
    assert (await other.ok("GET", f"/v1/files/{file['id']}"))["parent_id"] == "root"


@pytest.mark.parametrize("operation", ["PATCH /v1/files/{id}", "DELETE /v1/files/{id}"])
async def test_if_match_reveals_nothing_about_another_users_file(user: User, other: User, operation: str) -> None:
    file = await user.store("a.txt", b"hello")
    method, body = operation.split(" ")[0], RULES[operation].body
    for id in (file["id"], str(uuid4())):
        for condition in (file["etag"], '"none"', "*"):
            response = await other.call(method, f"/v1/files/{id}", body, headers={"If-Match": condition})
            assert_problem(response, 404, "not_found")


async def test_another_users_cursor_is_rejected(user: User, other: User) -> None:
    for name in ("a.txt", "b.txt"):
        for owner in (user, other):
            await owner.ok("DELETE", f"/v1/files/{(await owner.store(name, b'hello'))['id']}")
            await owner.store(name, b"hello")
            await owner.begin(f"pending {name}", uuid4().bytes)
    for path in ("/v1/files", "/v1/trash", "/v1/uploads"):
        cursor = (await user.ok("GET", path, parameters={"limit": "1"}))["next_cursor"]
        assert (await user.call("GET", path, parameters={"cursor": cursor})).is_success
        assert_problem(await other.call("GET", path, parameters={"cursor": cursor}), 422, "invalid_cursor")


async def test_idempotency_keys_are_separate_per_user(user: User, other: User) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    for path, body in (("/v1/folders", {"name": "f"}), ("/v1/uploads", UPLOAD)):
        first = await user.call("POST", path, body, headers=key)
        second = await other.call("POST", path, body, headers=key)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] != second.json()["id"]
        key = {"Idempotency-Key": uuid4().hex}


def sorts() -> list[str]:
    parameters = json.loads(DOCUMENT.read_text())["paths"]["/v1/files"]["get"]["parameters"]
    return next(parameter["schema"]["enum"] for parameter in parameters if parameter["name"] == "sort")  # type: ignore[no-any-return]


@pytest.mark.parametrize("on_conflict", ["fail", "rename", "replace"])
async def test_another_users_names_are_free(user: User, other: User, on_conflict: str) -> None:
    await user.store("file", b"hello")
    await user.begin("pending", uuid4().bytes)
    await user.ok("POST", "/v1/folders", {"name": "folder"})
    for name in ("file", "pending", "folder"):
        upload = await other.ok("POST", "/v1/uploads", {**UPLOAD, "name": name, "on_conflict": on_conflict})
        assert upload["name"] == name


async def test_another_users_entries_are_not_listed_or_counted(user: User, other: User) -> None:
    await user.store("a.txt", b"hello")
    await user.ok("POST", "/v1/folders", {"name": "f"})
    await user.ok("DELETE", f"/v1/files/{(await user.store('b.txt', b'hello'))['id']}")
    listings = [{"sort": sort, **parent} for sort in sorts() for parent in ({}, {"parent_id": "root"})]
    assert len(listings) == 16
    await user.begin("c.txt", uuid4().bytes)
    for path, query in [("/v1/trash", {}), ("/v1/uploads", {}), *(("/v1/files", query) for query in listings)]:
        assert (await user.ok("GET", path, parameters=query))["items"] != []
        assert (await other.ok("GET", path, parameters=query))["items"] == []
    usage = (await other.ok("GET", "/v1/me"))["usage"]
    assert (usage["used_bytes"], usage["reserved_bytes"], usage["file_count"]) == (0, 0, 0)
