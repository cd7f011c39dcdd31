"""Copies into other drives over HTTP: the answers, and who may copy what to where."""

from __future__ import annotations

from itertools import product
from typing import Final
from uuid import uuid4

import pytest

from .conftest import Gateway, Json, User, assert_problem
from .test_drives import UNKNOWN_ID, add, id_of, new_drive, store_in
from .test_jobs import run_jobs
from .test_permissions import new_folder

SOURCES: Final = ("own", "viewer", "editor", "manager", "permission", "stranger")
"""How somebody may reach the original, from the most usual on."""
TARGETS: Final = ("own", "viewer", "editor", "manager", "viewer of the folder", "editor of the folder", "stranger")


async def test_a_file_is_copied_into_another_drive_in_the_request(own: Gateway) -> None:
    user = await own.user()
    drive = await new_drive(user)
    file = await user.store("a.txt", b"hello")
    body, key = {"parent_id": "root", "drive_id": drive}, {"Idempotency-Key": uuid4().hex}
    answer = await user.call("POST", f"/v1/files/{file['id']}/copy", body, headers=key)
    copy = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, copy["etag"])
    assert (copy["drive_id"], copy["name"], copy["sha256"]) == (drive, "a.txt", file["sha256"])
    assert copy == await user.ok("GET", f"/v1/files/{copy['id']}?drive_id={drive}")
    again = await user.call("POST", f"/v1/files/{file['id']}/copy", body, headers=key)
    assert (again.status_code, again.json()) == (201, copy)
    other = await user.call("POST", f"/v1/files/{file['id']}/copy", {"parent_id": "root"}, headers=key)
    assert_problem(other, 422, "idempotency_key_reused")
    usage = (await user.ok("GET", f"/v1/drives/{drive}"))["usage"]
    assert (usage["used_bytes"], usage["reserved_bytes"], usage["file_count"]) == (5, 0, 1)
    # And from the shared drive back, as a new version.
    body = {"parent_id": "root", "drive_id": await id_of(user), "on_conflict": "replace"}
    back = await user.ok("POST", f"/v1/files/{copy['id']}/copy?drive_id={drive}", body)
    assert (back["id"], back["drive_id"]) == (file["id"], file["drive_id"])
    assert len((await user.ok("GET", f"/v1/files/{file['id']}/versions"))["items"]) == 2


async def test_a_folder_is_copied_into_another_drive_by_a_job(own: Gateway) -> None:
    user = await own.user()
    drive = await new_drive(user)
    folder = await new_folder(user, "Reports")
    await user.store("a.txt", b"hello", parent_id=folder)
    body = {"parent_id": "root", "drive_id": drive, "name": "copy"}
    answer = await user.call("POST", f"/v1/files/{folder}/copy", body)
    job = answer.json()["job"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{job['id']}")
    assert (job["status"], job["drive_id"], job["done"]) == ("running", drive, 0)
    await run_jobs(own)
    done = await user.ok("GET", f"/v1/jobs/{job['id']}")
    assert (done["status"], done["done"], done["total"]) == ("done", 2, 2)
    assert (done["done_bytes"], done["total_bytes"], done["waiting_since"]) == (5, 5, None)
    found = await user.ok("GET", "/v1/files/by-path", parameters={"path": "/copy/a.txt", "drive_id": drive})
    assert (found["size"], found["parent_id"]) == (5, done["result"]["id"])


async def test_a_copy_that_cannot_be_made_says_why(own: Gateway) -> None:
    user = await own.user()
    drive = await new_drive(user)
    file = await user.store("a.txt", b"hello")
    path, body = f"/v1/files/{file['id']}/copy", {"parent_id": "root", "drive_id": drive}
    assert_problem(await user.call("POST", path, body | {"parent_id": UNKNOWN_ID}), 404, "not_found")
    assert_problem(await user.call("POST", path, body | {"drive_id": UNKNOWN_ID}), 404, "not_found")
    assert_problem(await user.call("POST", path, body | {"drive_id": "x"}), 422, "invalid_request")
    await user.ok("POST", path, body)
    assert_problem(await user.call("POST", path, body | {"on_conflict": "fail"}), 409, "name_taken")
    own.bucket.objects.clear()
    assert_problem(await user.call("POST", path, body), 409, "conflict")


@pytest.mark.parametrize(("source", "target"), product(SOURCES, TARGETS))
async def test_who_may_copy_into_which_drive(shared: Gateway, source: str, target: str) -> None:
    """Reading the original and changing the folder is enough, and each is needed."""
    user, owner = await shared.user(), await shared.user()
    file, from_drive = await _original(user, owner, source)
    folder, to_drive = await _folder(user, owner, target)
    query = "" if source == "own" else f"?drive_id={from_drive}"
    answer = await user.call("POST", f"/v1/files/{file}/copy{query}", {"parent_id": folder, "drive_id": to_drive})
    if from_drive == to_drive:
        assert answer.status_code == 201
    elif "stranger" in (source, target):
        assert_problem(answer, 404, "not_found")
    elif target.startswith("viewer"):
        assert_problem(answer, 403, "forbidden")
    else:
        assert answer.status_code == 201, answer.json()
        assert answer.json()["drive_id"] == to_drive


async def _original(user: User, owner: User, kind: str) -> tuple[str, str]:
    """Return a file and its drive, which the user reaches in this way."""
    if kind == "own":
        return (await user.store("a.txt", b"hello"))["id"], await id_of(user)
    drive = await new_drive(owner)
    file = await store_in(owner, drive)
    if kind == "permission":
        await _share(owner, drive, file, user, "viewer")
    elif kind != "stranger":
        await add(owner, drive, user, kind)
    return file, drive


async def _folder(user: User, owner: User, kind: str) -> tuple[str, str]:
    """Return a folder and its drive, which the user reaches in this way."""
    if kind == "own":
        return await new_folder(user), await id_of(user)
    drive = await new_drive(owner)
    folder = await new_folder(owner, drive=drive)
    if kind.endswith(" of the folder"):
        await _share(owner, drive, folder, user, kind.split()[0])
    elif kind != "stranger":
        await add(owner, drive, user, kind)
    return folder, drive


async def _share(owner: User, drive: str, item: str, user: User, role: str) -> Json:
    body = {"email": user.email, "role": role}
    return await owner.ok("PUT", f"/v1/files/{item}/permissions?drive_id={drive}", body)


async def test_a_permission_on_a_folder_ends_at_the_folder(shared: Gateway) -> None:
    user, owner = await shared.user(), await shared.user()
    file = (await user.store("a.txt", b"hello"))["id"]
    drive = await new_drive(owner)
    folder = await new_folder(owner, drive=drive)
    await _share(owner, drive, folder, user, "editor")
    path = f"/v1/files/{file}/copy"
    assert_problem(await user.call("POST", path, {"parent_id": "root", "drive_id": drive}), 404, "not_found")
    outside = await new_folder(owner, drive=drive)
    assert_problem(await user.call("POST", path, {"parent_id": outside, "drive_id": drive}), 404, "not_found")
