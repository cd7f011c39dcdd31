"""Uploads over HTTP: states, names and failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.files import Upload, UploadStatus
from drivebay.contract.ids import UploadId, UserId
from drivebay.gateway.uploads.upload_resource import url_lifetime

from .conftest import Gateway, User, assert_problem
from .test_drives import add, id_of, new_drive

FROM_INTENT = {"id", "status", "name", "size", "content_type"}
SIGNED = {"method", "url", "headers", "expires_at"}


async def test_a_pending_upload_is_signed_again_when_fetched(own: Gateway) -> None:
    user = await own.user()
    upload = await user.begin("a.txt", b"hello")
    assert set(upload) == FROM_INTENT | SIGNED
    own.clock.ahead = timedelta(minutes=5)
    shown = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert set(shown) == FROM_INTENT | SIGNED
    assert shown["url"] != upload["url"]
    assert shown["headers"] == upload["headers"]
    assert "content-length" not in {name.lower() for name in shown["headers"]}


@pytest.mark.parametrize("minutes", [0, 5, 14])
async def test_no_url_outlives_the_reservation_of_its_upload(own: Gateway, minutes: int) -> None:
    user = await own.user()
    upload = await user.begin("a.txt", b"hello")
    deadline = datetime.fromisoformat(upload["expires_at"])
    own.clock.ahead = timedelta(minutes=minutes)
    shown = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    batch = await user.ok("POST", "/v1/uploads/batch/complete", {"ids": [upload["id"]]})
    assert batch["items"][0]["error"]["code"] == "not_uploaded"
    expires_at = datetime.fromisoformat(shown["expires_at"])
    assert expires_at <= deadline


def test_a_url_of_a_part_ends_with_its_upload() -> None:
    now = datetime.now(UTC)
    upload = Upload(UploadId(uuid7()), UserId(uuid7()), UploadStatus.PENDING, "a", 1, "a/b", None, "k", {}, now, now)
    for left, lifetime in ((-5.0, 1), (0.2, 1), (59.9, 59), (900.0, 900), (86_400.0, 900)):
        upload = msgspec.structs.replace(upload, expires_at=now + timedelta(seconds=left))
        assert url_lifetime(900, upload, now) == lifetime


async def test_a_complete_upload_has_a_file_id_and_no_url(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    done, again = [await user.ok("POST", f"/v1/uploads/{upload['id']}/complete") for _ in range(2)]
    assert done == again == await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert (set(done), done["status"]) == (FROM_INTENT | {"file_id"}, "complete")
    assert (await user.ok("GET", f"/v1/files/{done['file_id']}"))["size"] == 5


async def test_completing_before_the_bytes_arrive_fails_and_can_be_repeated(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    path = f"/v1/uploads/{upload['id']}/complete"
    assert_problem(await user.call("POST", path), 409, "not_uploaded")
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    assert (await user.ok("POST", path))["status"] == "complete"


async def test_an_aborted_upload_releases_its_reservation(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 5
    response = await user.call("DELETE", f"/v1/uploads/{upload['id']}")
    assert (response.status_code, response.content) == (204, b"")
    shown = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert shown["status"] == "aborted"
    assert not SIGNED & set(shown)
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


async def test_a_complete_upload_cannot_be_aborted(user: User) -> None:
    upload = await user.begin("a.txt", b"hello")
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    done = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert_problem(await user.call("DELETE", f"/v1/uploads/{upload['id']}"), 409, "conflict")
    assert (await user.call("GET", f"/v1/files/{done['file_id']}")).status_code == 200


async def test_bytes_of_another_size_fail_the_upload_with_a_reason(user: User) -> None:
    upload = await user.begin("a.txt", b"hello", checksum=False)
    before = set(user.bucket.objects)
    await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello")
    (key,) = set(user.bucket.objects) - before
    user.bucket.put(key, b"not the five bytes that were promised", "text/plain")
    await user.call("POST", f"/v1/uploads/{upload['id']}/complete")
    shown = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert shown["status"] == "failed"
    assert shown["reason"]
    assert "file_id" not in shown
    assert await user.names() == []


@pytest.mark.parametrize(("choice", "names"), [("rename", ["a (1).txt", "a.txt"]), ("replace", ["a.txt"])])
async def test_a_name_conflict_is_resolved_as_requested(user: User, choice: str, names: list[str]) -> None:
    first = await user.store("a.txt", b"hello")
    second = await user.store("a.txt", b"other", on_conflict=choice)
    assert await user.names() == names
    assert (second["id"] == first["id"]) == (choice == "replace")
    assert second["etag"] != first["etag"]


async def test_a_name_conflict_fails_when_requested(user: User) -> None:
    await user.store("a.txt", b"hello")
    intent = {"name": "a.txt", "size": 5, "content_type": "text/plain", "on_conflict": "fail"}
    assert_problem(await user.call("POST", "/v1/uploads", intent), 409, "name_taken")
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0


async def test_pending_uploads_can_be_listed_and_aborted(user: User) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    first = await user.begin("a.txt", b"hello", fields={"parent_id": folder})
    body = {"name": "b.bin", "size": 7, "content_type": "text/plain", "multipart": True}
    second = await user.ok("POST", "/v1/uploads", body)
    await user.store("c.txt", b"done")
    for query in ({}, {"status": "pending"}, {"status": "pending", "sort": "-created"}):
        listed = await user.ok("GET", "/v1/uploads", parameters=query)
        assert [item["id"] for item in listed["items"]] == [second["id"], first["id"]]
    page = await user.ok("GET", "/v1/uploads", parameters={"sort": "created", "limit": "1"})
    (item,) = page["items"]
    expected = {"id": first["id"], "status": "pending", "name": "a.txt", "parent_id": folder, "size": 5}
    assert {key: item[key] for key in expected} == expected
    assert "url" not in item
    rest = await user.ok("GET", "/v1/uploads", parameters={"sort": "created", "cursor": page["next_cursor"]})
    assert [(item["part_count"], item["parent_id"]) for item in rest["items"]] == [(1, "root")]
    for upload in (first, second):
        assert (await user.call("DELETE", f"/v1/uploads/{upload['id']}")).status_code == 204
    assert (await user.ok("GET", "/v1/uploads"))["items"] == []
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0
    again = await user.begin("a.txt", b"hello", fields={"parent_id": folder, "on_conflict": "fail"})
    assert again["name"] == "a.txt"


async def test_an_upload_whose_folder_is_in_the_trash_completes_there(user: User) -> None:
    folder = (await user.ok("POST", "/v1/folders", {"name": "f"}))["id"]
    upload = await user.begin("a.txt", b"hello", fields={"parent_id": folder})
    await user.ok("DELETE", f"/v1/files/{folder}")
    assert await user.bucket.send(upload["method"], upload["url"], upload["headers"], b"hello") == 200
    done = await user.ok("POST", f"/v1/uploads/{upload['id']}/complete")
    assert done == await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert done["status"] == "complete"
    for path in (f"/v1/files/{done['file_id']}", f"/v1/files/{done['file_id']}/download"):
        assert_problem(await user.call("GET", path), 404, "not_found")
    await user.ok("POST", f"/v1/files/{folder}/restore")
    assert (await user.ok("GET", f"/v1/files/{done['file_id']}"))["parent_id"] == folder


async def test_a_member_who_is_removed_during_an_upload_does_not_reach_it_any_more(own: Gateway) -> None:
    """The upload belongs to the drive: its editors complete or abort it."""
    manager, member = await own.user(), await own.user()
    drive, them = await new_drive(manager), await id_of(member)
    await add(manager, drive, member, "editor")
    intent = {"name": "a.txt", "size": 5, "content_type": "text/plain"}
    single, large = [
        await member.ok("POST", f"/v1/uploads?drive_id={drive}", intent | fields)
        for fields in ({}, {"multipart": True})
    ]
    await manager.ok("DELETE", f"/v1/drives/{drive}/members/{them}")
    # Like every presigned URL, the URL works until it expires.
    assert await own.bucket.send("PUT", single["url"], single["headers"], b"hello") == 200
    for method, path, body in (
        ("GET", f"/v1/uploads/{single['id']}", None),
        ("POST", f"/v1/uploads/{single['id']}/complete", None),
        ("POST", "/v1/uploads/batch/complete", {"ids": [single["id"]]}),
        ("DELETE", f"/v1/uploads/{single['id']}", None),
        ("POST", f"/v1/uploads/{large['id']}/parts", {"parts": [{"number": 1}]}),
        ("GET", f"/v1/uploads/{large['id']}/parts", None),
    ):
        for query in (f"?drive_id={drive}", ""):
            answer = await member.call(method, path + query, body)
            if path.endswith("batch/complete") and not query:
                assert answer.json()["items"][0]["error"]["code"] == "not_found"
            else:
                assert_problem(answer, 404, "not_found")
    assert (await manager.ok("GET", f"/v1/files?drive_id={drive}"))["items"] == []
    done = await manager.ok("POST", f"/v1/uploads/{single['id']}/complete?drive_id={drive}")
    file = await manager.ok("GET", f"/v1/files/{done['file_id']}?drive_id={drive}")
    assert (file["name"], file["created_by"]) == ("a.txt", them)
    await manager.ok("DELETE", f"/v1/uploads/{large['id']}?drive_id={drive}")
