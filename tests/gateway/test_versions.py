"""Versions, copies and instant uploads over HTTP."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import unquote
from uuid import uuid4

import pytest

from .conftest import User, assert_problem
from .test_entries import folder


async def replace(user: User, name: str, body: bytes) -> str:
    """Store a new version of a file, and return the id of the file."""
    return str((await user.store(name, body, on_conflict="replace"))["id"])


def signed_bytes(user: User, url: str) -> bytes:
    """Return the bytes of the object that a presigned URL is for."""
    (body,) = (body for key, (_, body) in user.bucket.objects.items() if key in unquote(url))
    return body


async def test_versions_are_listed_read_restored_and_deleted(user: User) -> None:
    name = f"{uuid4()}.txt"
    for body in (b"first", b"second one"):
        id = await replace(user, name, body)
    path = f"/v1/files/{id}/versions"
    page = await user.ok("GET", path)
    assert page["next_cursor"] is None
    new, old = page["items"]
    assert set(new) == {"id", "size", "content_type", "sha256", "created_at", "created_by", "current"}
    assert (new["size"], new["current"], old["size"], old["current"]) == (10, True, 5, False)
    assert old["sha256"] == base64.b64encode(hashlib.sha256(b"first").digest()).decode()
    signed = await user.ok("GET", f"{path}/{old['id']}/download", parameters={"disposition": "inline"})
    assert signed_bytes(user, signed["url"]) == b"first"
    restored = await user.call("POST", f"{path}/{old['id']}/restore")
    assert (restored.status_code, restored.json()["size"]) == (200, 5)
    assert restored.headers["etag"] == restored.json()["etag"]
    assert_problem(await user.call("DELETE", f"{path}/{restored.json()['version_id']}"), 409, "conflict")
    assert (await user.call("DELETE", f"{path}/{new['id']}")).status_code == 204
    assert_problem(await user.call("DELETE", f"{path}/{new['id']}"), 404, "not_found")
    pages = [await user.ok("GET", path, parameters={"limit": "1"})]
    pages.append(await user.ok("GET", path, parameters={"limit": "1", "cursor": pages[0]["next_cursor"]}))
    assert [item["size"] for page in pages for item in page["items"]] == [5, 5]
    assert pages[1]["next_cursor"] is None
    for method, at in (("GET", "/x/download"), ("POST", "/x/restore"), ("DELETE", "/x")):
        assert_problem(await user.call(method, path + at), 422, "invalid_request")
    assert_problem(await user.call("GET", f"/v1/files/{await folder(user, 'f')}/versions"), 404, "not_found")


async def test_an_instant_upload_is_complete_and_has_no_url(user: User) -> None:
    body = uuid4().bytes
    first = await user.store("a.txt", body)
    upload = await user.begin("a.txt", body)
    assert upload == {
        "id": upload["id"], "status": "complete", "name": "a (1).txt", "size": 16, "content_type": "text/plain",
        "file_id": upload["file_id"],
    }  # fmt: skip
    assert await user.ok("GET", f"/v1/uploads/{upload['id']}") == upload
    signed = [await user.ok("GET", f"/v1/files/{id}/download") for id in (first["id"], upload["file_id"])]
    assert [signed_bytes(user, each["url"]) for each in signed] == [body, body]
    sha256 = base64.b64encode(hashlib.sha256(body).digest()).decode()
    intents = [{"name": f"b{n}", "size": 16 + n, "content_type": "text/plain", "sha256": sha256} for n in (0, 1)]
    items = (await user.ok("POST", "/v1/uploads/batch", {"uploads": intents}))["items"]
    assert [item["upload"]["status"] for item in items] == ["complete", "pending"]
    assert ["url" in item["upload"] for item in items] == [False, True]


async def test_a_file_and_a_folder_are_copied(user: User) -> None:
    top = await folder(user, f"{uuid4()}")
    file = await user.store("a.txt", b"hello", parent_id=top)
    copied = await user.call("POST", f"/v1/files/{file['id']}/copy", {"parent_id": top})
    assert (copied.status_code, copied.json()["name"]) == (201, "a (1).txt")
    assert copied.headers["etag"] == copied.json()["etag"]
    drive = {"drive_id": file["drive_id"]}
    whole = await user.ok("POST", f"/v1/files/{top}/copy", {"parent_id": "root", "name": "whole", **drive})
    listed = (await user.ok("GET", "/v1/files", parameters={"parent_id": whole["id"]}))["items"]
    assert [item["name"] for item in listed] == ["a (1).txt", "a.txt"]
    assert_problem(await user.call("POST", f"/v1/files/{top}/copy", {"parent_id": top}), 409, "would_cycle")
    again = {"parent_id": top, "on_conflict": "fail"}
    assert_problem(await user.call("POST", f"/v1/files/{file['id']}/copy", again), 409, "name_taken")
    elsewhere = {"parent_id": "root", "drive_id": str(uuid4())}
    assert_problem(await user.call("POST", f"/v1/files/{file['id']}/copy", elsewhere), 404, "not_found")
    both = {"ids": [file["id"], "x"], "parent_id": "root"}
    items = (await user.ok("POST", "/v1/files/batch/copy", both))["items"]
    assert [("file" in item, "error" in item) for item in items] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"parent_id": "x"},
        {"parent_id": "root", "name": ""},
        {"parent_id": "root", "name": "a/b"},
        {"parent_id": "root", "on_conflict": "never"},
        {"parent_id": "root", "drive_id": "x"},
        {"parent_id": "root", "other": 1},
    ],
)
async def test_a_copy_with_a_wrong_value_is_invalid(user: User, body: dict[str, object]) -> None:
    file = await user.store("a.txt", b"hello")
    assert_problem(await user.call("POST", f"/v1/files/{file['id']}/copy", body), 422, "invalid_request")
