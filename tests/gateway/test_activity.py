"""The activity of a file or folder over HTTP."""

from __future__ import annotations

from uuid import uuid4

from .conftest import User, assert_problem


async def test_the_activity_of_a_file_has_kinds_times_and_names_but_no_addresses(user: User, other: User) -> None:
    name = f"{uuid4()}.txt"
    file = await user.store(name, b"one")
    path = f"/v1/files/{file['id']}/activity"
    await user.ok("PUT", f"/v1/files/{file['id']}/permissions", {"email": other.email, "role": "editor"})
    await other.ok("PATCH", "/v1/me", {"display_name": "Grace Hopper"})
    guest = {"drive_id": file["drive_id"]}
    await other.ok("PATCH", f"/v1/files/{file['id']}", {"name": f"b-{name}"}, parameters=guest)
    response = await user.call("GET", path)
    page = response.json()
    me, grace = (await user.ok("GET", "/v1/me"))["id"], (await other.ok("GET", "/v1/me"))["id"]
    assert [(each["what"], each["actor_id"], each["actor_name"]) for each in page["items"]] == [
        ("renamed", grace, "Grace Hopper"),
        ("shared", me, None),
        ("created", me, None),
    ]
    assert all(set(each) == {"what", "at", "actor_id", "actor_name"} for each in page["items"])
    assert other.email not in response.text
    assert page["next_cursor"] is None
    assert (await other.ok("GET", path, parameters=guest)) == page


async def test_the_activity_comes_in_pages(user: User) -> None:
    folder = await user.ok("POST", "/v1/folders", {"name": f"{uuid4()}"})
    await user.ok("PATCH", f"/v1/files/{folder['id']}", {"starred": True})
    path = f"/v1/files/{folder['id']}/activity"
    first = await user.ok("GET", path, parameters={"limit": "1"})
    second = await user.ok("GET", path, parameters={"limit": "1", "cursor": first["next_cursor"]})
    assert [each["what"] for each in first["items"] + second["items"]] == ["properties", "created"]
    assert second["next_cursor"] is None
    assert_problem(await user.call("GET", path, parameters={"cursor": "x"}), 422, "invalid_cursor")
    assert_problem(await user.call("GET", "/v1/files/x/activity"), 422, "invalid_request")


async def test_another_user_sees_no_activity(user: User, other: User) -> None:
    file = await user.store(f"{uuid4()}.txt", b"one")
    path = f"/v1/files/{file['id']}/activity"
    assert_problem(await other.call("GET", path), 404, "not_found")
    await user.call("DELETE", f"/v1/files/{file['id']}")
    assert_problem(await user.call("GET", path), 404, "not_found")
