"""Links over HTTP: for those who make them, and for those who hold one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from drivebay.contract.ids import LinkId
from drivebay.files.links.link_secrets import LinkSecrets
from drivebay.gateway.middleware import REQUEST_SECONDS
from drivebay.testing.client import Json

from .conftest import SECRET, Gateway, User, assert_problem, raw_request
from .test_authorization import UNKNOWN_ID, UPLOAD
from .test_drives import add, id_of, new_drive, store_in

PASSWORD = "open sesame"
SHOWN = {
    "id", "file_id", "url", "role", "name", "has_password", "expires_at", "max_downloads", "downloads", "created_at",
    "created_by",
}  # fmt: skip
PUBLIC_FILE = {
    "id", "kind", "name", "parent_id", "size", "content_type", "sha256", "etag", "created_at", "modified_at",
}  # fmt: skip


async def make_link(user: User, file: str, **fields: object) -> Json:
    return await user.ok("POST", f"/v1/files/{file}/links", fields)


async def make_folder(user: User, name: str = "shared", parent: str = "root") -> str:
    return str((await user.ok("POST", "/v1/folders", {"name": name, "parent_id": parent}))["id"])


async def unlock(shared: Gateway, token: str, password: str = PASSWORD) -> str:
    response = await shared.http.post(f"/v1/public/{token}/unlock", json={"password": password})
    assert response.status_code == 200, response.text
    return str(response.json()["link_session"])


async def get(shared: Gateway, token: str, path: str = "", session: str | None = None, **query: str) -> httpx.Response:
    headers = {} if session is None else {"X-Link-Session": session}
    return await shared.http.get(f"/v1/public/{token}{path}", params=query, headers=headers)


async def send(shared: Gateway, user: User, upload: Json, body: bytes) -> None:
    assert await user.bucket.send(upload["method"], upload["url"], upload["headers"], body) == 200


async def test_a_link_is_created_listed_changed_and_deleted(shared: Gateway, user: User) -> None:
    file = await user.store("a.txt", b"hello")
    end = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    created = await make_link(user, file["id"], name="press", password=PASSWORD, expires_at=end, max_downloads=3)
    assert set(created) == SHOWN | {"token"}
    assert created["url"] == f"{shared.http.base_url}/s/{created['token']}"
    assert len(created["token"]) > 40
    listed = {field: created[field] for field in SHOWN} | {"url": None}
    assert listed == listed | {
        "file_id": file["id"], "role": "viewer", "name": "press", "has_password": True, "expires_at": end,
        "max_downloads": 3, "downloads": 0, "created_by": await id_of(user),
    }  # fmt: skip
    for path in ("/v1/links", f"/v1/files/{file['id']}/links"):
        assert await user.ok("GET", path) == {"items": [listed], "next_cursor": None}
    path = f"/v1/links/{created['id']}"
    assert await user.ok("PATCH", path, {}) == listed
    assert await user.ok("PATCH", path, {"name": None, "max_downloads": 5}) == listed | {
        "name": None,
        "max_downloads": 5,
    }
    nothing = {"name": None, "expires_at": None, "max_downloads": None}
    cleared = await user.ok("PATCH", path, nothing | {"password": None})
    assert cleared == listed | nothing | {"has_password": False}
    assert (await get(shared, created["token"])).status_code == 200
    await user.ok("DELETE", path)
    assert_problem(await user.call("DELETE", path), 404, "not_found")
    assert_problem(await get(shared, created["token"]), 404, "not_found")


async def test_a_repeated_creation_returns_the_first_link(user: User) -> None:
    file = (await user.store("a.txt", b"hello"))["id"]
    key = {"Idempotency-Key": "k"}
    body = {"password": PASSWORD}
    made = [await user.call("POST", f"/v1/files/{file}/links", body, headers=key) for _ in range(2)]
    assert [response.status_code for response in made] == [201, 201]
    assert made[0].json() == made[1].json()
    other = await user.call("POST", f"/v1/files/{file}/links", {"password": "other"}, headers=key)
    assert_problem(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "manager"}, "role"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "\0"}, "name"),
        ({"password": ""}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"expires_at": 7}, "expires_at"),
        ({"max_downloads": 0}, "max_downloads"),
        ({"max_downloads": 2**31}, "max_downloads"),
        ({"max_downloads": "3"}, "max_downloads"),
        ({"token": "mine"}, "token"),
        ({"role": "uploader"}, "role"),
    ],
)
async def test_bad_input_names_its_field(user: User, body: Json, field: str) -> None:
    file = (await user.store("a.txt", b"hello"))["id"]
    link = await make_link(user, file)
    paths = [("POST", f"/v1/files/{file}/links")]
    if field != "role":
        paths.append(("PATCH", f"/v1/links/{link['id']}"))
    for method, path in paths:
        problem = assert_problem(await user.call(method, path, body), 422, "invalid_request")
        assert [error["field"] for error in problem["errors"]] == [field], problem


async def test_hostile_public_requests_are_refused(shared: Gateway, user: User) -> None:
    folder = await make_folder(user)
    token = (await make_link(user, folder, role="editor"))["token"]
    at = f"/v1/public/{token}"
    cases: list[tuple[str, str, Json | None, int]] = [
        ("GET", f"{at}/files?parent_id=nowhere", None, 422),
        ("GET", f"{at}/files?parent_id={UNKNOWN_ID}", None, 404),
        ("GET", f"{at}/files?sort=owner", None, 422),
        ("GET", f"{at}/files?limit=0", None, 422),
        ("GET", f"{at}/files?limit=1001", None, 422),
        ("GET", f"{at}/files?cursor=x", None, 422),
        ("GET", f"{at}/files?cursor=%ff", None, 422),
        ("GET", f"{at}/files?name=a/b", None, 422),
        ("GET", f"{at}/files/x/download", None, 422),
        ("GET", f"{at}/files/{UNKNOWN_ID}/download", None, 404),
        ("GET", f"{at}/download?disposition=x", None, 422),
        ("GET", f"{at}/download", None, 404),
        ("POST", f"{at}/unlock", {}, 422),
        ("POST", f"{at}/unlock", {"password": 7}, 422),
        ("POST", f"{at}/uploads", {}, 422),
        ("POST", f"{at}/uploads", UPLOAD | {"on_conflict": "replace"}, 422),
        ("POST", f"{at}/uploads", UPLOAD | {"on_conflict": "fail"}, 422),
        ("POST", f"{at}/uploads", UPLOAD | {"parent_id": UNKNOWN_ID}, 404),
        ("POST", f"{at}/uploads", UPLOAD | {"name": "a/b"}, 422),
        ("POST", f"{at}/uploads", UPLOAD | {"size": -1}, 422),
        ("POST", f"{at}/uploads", UPLOAD | {"owner_id": UNKNOWN_ID}, 422),
        ("POST", f"{at}/uploads", UPLOAD | {"size": 60_000}, 413),
        ("GET", f"{at}/uploads/x", None, 422),
        ("GET", f"{at}/uploads/{UNKNOWN_ID}", None, 404),
        ("POST", f"{at}/uploads/{UNKNOWN_ID}/complete", None, 404),
        ("POST", f"{at}/uploads/{UNKNOWN_ID}/parts", {"parts": []}, 422),
        ("DELETE", at, None, 405),
        ("GET", "/v1/public/", None, 404),
        ("GET", "/v1/public/%00", None, 404),
        ("GET", "/v1/public/%ff", None, 404),
        ("GET", f"/v1/public/{'x' * 5000}", None, 404),
        ("GET", "/s/%00", None, 404),
        ("GET", f"/s/{'x' * 129}", None, 404),
    ]
    for method, path, body, status in cases:
        response = await shared.http.request(method, path, json=body)
        assert response.status_code == status, (method, path, response.text)
        assert_problem(response, status, response.json()["code"])


async def test_a_short_url_redirects(shared: Gateway, user: User) -> None:
    token = (await make_link(user, await make_folder(user)))["token"]
    status, headers, _ = await raw_request(shared.app, "GET", f"/s/{token}", {})
    assert (status, headers["location"]) == (302, f"/v1/public/{token}")
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("own", [{"public_url": "https://drive.example.com/x/"}], indirect=True)
async def test_the_url_begins_with_the_public_url(own: Gateway) -> None:
    user = await own.user()
    link = await make_link(user, await make_folder(user))
    assert link["url"] == f"https://drive.example.com/x/s/{link['token']}"


# -- public answers --------------------------------------------------------------------------------------


async def test_a_holder_lists_and_downloads(shared: Gateway, user: User) -> None:
    folder = await make_folder(user)
    inner = await make_folder(user, "inner", folder)
    files = [await user.store(f"{number}.txt", b"hello", parent_id=inner) for number in range(3)]
    token = (await make_link(user, folder))["token"]
    shown = await get(shared, token)
    assert shown.json() == {
        "name": "shared", "kind": "folder", "size": 0, "content_type": "inode/directory", "role": "viewer",
        "expires_at": None,
    }  # fmt: skip
    assert shown.headers["cache-control"] == "no-store"
    (listed,) = (await get(shared, token, "/files")).json()["items"]
    assert set(listed) == PUBLIC_FILE
    assert (listed["id"], listed["parent_id"], listed["kind"]) == (inner, "root", "folder")
    seen: list[str] = []
    query = {"parent_id": inner, "limit": "2"}
    while True:
        page = (await get(shared, token, "/files", **query)).json()
        seen += [item["id"] for item in page["items"]]
        assert {item["parent_id"] for item in page["items"]} == {inner}
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [file["id"] for file in files]
    download = (await get(shared, token, f"/files/{files[0]['id']}/download")).json()
    assert await user.bucket.send("GET", download["url"], {}, b"") == 200
    assert download["size"] == 5


async def test_downloads_are_counted_exactly(shared: Gateway, user: User) -> None:
    file = (await user.store("a.txt", b"hello"))["id"]
    link = await make_link(user, file, max_downloads=10)
    for _ in range(3):  # HEAD gives no URL
        assert (await shared.http.head(f"/v1/public/{link['token']}/download")).status_code == 200
    answers = await asyncio.gather(*(get(shared, link["token"], "/download") for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [404] * 40
    (listed,) = (await user.ok("GET", "/v1/links"))["items"]
    assert listed["downloads"] == 10
    assert_problem(await get(shared, link["token"]), 404, "not_found")


@pytest.mark.parametrize("role", ["uploader", "editor"])
async def test_a_holder_uploads(shared: Gateway, user: User, role: str) -> None:
    folder = await make_folder(user)
    await user.store("b.txt", b"there", parent_id=folder)
    token = (await make_link(user, folder, role=role))["token"]
    at = f"/v1/public/{token}/uploads"
    key = {"Idempotency-Key": "k"}
    begun = await shared.http.post(at, json=UPLOAD, headers=key)
    again = await shared.http.post(at, json=UPLOAD, headers=key)
    upload = begun.json()
    assert (begun.status_code, again.json()["id"]) == (201, upload["id"])
    assert begun.headers["location"] == f"{at}/{upload['id']}"
    assert upload["name"] == ("b.txt" if role == "uploader" else "b (1).txt")
    assert (await shared.http.get(f"{at}/{upload['id']}")).json()["url"]
    assert_problem(await shared.http.post(f"{at}/{upload['id']}/complete"), 409, "not_uploaded")
    await send(shared, user, upload, b"hello")
    for _ in range(2):
        done = await shared.http.post(f"{at}/{upload['id']}/complete")
        assert (done.status_code, done.json()["status"], done.json()["name"]) == (200, "complete", upload["name"])
    file = await user.ok("GET", f"/v1/files/{done.json()['file_id']}")
    assert (file["name"], file["parent_id"], file["created_by"]) == ("b (1).txt", folder, None)
    assert (await user.ok("GET", "/v1/me"))["usage"]["used_bytes"] == 10
    own = await user.ok("POST", "/v1/uploads", UPLOAD | {"parent_id": folder})
    assert_problem(await shared.http.get(f"{at}/{own['id']}"), 404, "not_found")
    assert_problem(await shared.http.post(f"{at}/{own['id']}/complete"), 404, "not_found")
    listed = await get(shared, token, "/files")
    assert listed.status_code == (404 if role == "uploader" else 200)


async def test_a_holder_uploads_in_parts(shared: Gateway, user: User) -> None:
    token = (await make_link(user, await make_folder(user), role="uploader"))["token"]
    at = f"/v1/public/{token}/uploads"
    upload = (await shared.http.post(at, json=UPLOAD | {"multipart": True})).json()
    assert upload["part_count"] == 1
    signed = await shared.http.post(f"{at}/{upload['id']}/parts", json={"parts": [{"number": 1}]})
    assert [part["number"] for part in signed.json()["parts"]] == [1]


async def test_a_viewer_link_takes_no_uploads(shared: Gateway, user: User) -> None:
    token = (await make_link(user, await make_folder(user)))["token"]
    at = f"/v1/public/{token}/uploads"
    for response in (await shared.http.post(at, json=UPLOAD), await shared.http.get(f"{at}/{UNKNOWN_ID}")):
        assert_problem(response, 403, "forbidden")


async def test_nothing_about_the_owner_is_shown(shared: Gateway, user: User) -> None:
    me = await user.ok("GET", "/v1/me")
    above = await make_folder(user, "above-all")
    folder = await make_folder(user, "shared", above)
    file = await user.store("a.txt", b"hello", parent_id=folder)
    await user.ok("PATCH", f"/v1/files/{file['id']}", {"starred": True, "properties": {"secret": "value"}})
    link = await make_link(user, folder, role="editor", name="private name")
    token = link["token"]
    upload = await shared.http.post(f"/v1/public/{token}/uploads", json=UPLOAD)
    answers = [
        await get(shared, token),
        await get(shared, token, "/files"),
        await get(shared, token, "/files", parent_id="root", name="a.txt"),
        await get(shared, token, f"/files/{UNKNOWN_ID}/download"),
        await get(shared, token, f"/files/{file['id']}/download"),
        await shared.http.post(f"/v1/public/{token}/uploads", json=UPLOAD | {"size": 49_999, "name": "big"}),
        upload,
    ]
    hidden = (me["id"], me["email"], above, folder, "above-all", "private name", "secret", link["id"])
    for answer in answers:
        body = answer.json()
        body.pop("url", None)  # the store's URL has the key of the object, which begins with the id of the drive
        for text in hidden:
            assert text not in json.dumps(body), (answer.request.url.path, text)
        assert not {"drive_id", "created_by", "modified_by", "properties", "starred", "file_count"} & set(
            json.dumps(body).replace('"', " ").split()
        )


async def test_tokens_are_in_no_log_and_no_metric(shared: Gateway, user: User) -> None:
    file = (await user.store("a.txt", b"hello"))["id"]
    with capture_logs() as logs:
        link = await make_link(user, file, password=PASSWORD)
        token = link["token"]
        session = await unlock(shared, token)
        await get(shared, token, "/download", session)
        await get(shared, token, "/nowhere")
        await shared.http.get(f"/v1/public/{token}x")
        await raw_request(shared.app, "GET", f"/s/{token}", {})
    routes = {line["route"] for line in logs if line["event"] == "request"}
    assert {"/v1/public/{token}/download", "/v1/public/{token}/unlock", "/s/{token}"} <= routes
    labels = {sample.labels["route"] for metric in REQUEST_SECONDS.collect() for sample in metric.samples}
    for text in (str(logs), str(labels)):
        assert token not in text
        assert session not in text
        assert PASSWORD not in text


# -- tokens of every kind --------------------------------------------------------------------------------

CALLS: Mapping[str, tuple[str, Json | None]] = {
    "GET ": ("viewer", None),
    "GET /files": ("viewer", None),
    "GET /files/{file}/download": ("viewer", None),
    "POST /uploads": ("editor", UPLOAD),
    "GET /uploads/{upload}": ("editor", None),
    "POST /uploads/{upload}/parts": ("editor", {"parts": [{"number": 1}]}),
    "POST /uploads/{upload}/complete": ("editor", None),
}
"""The public calls below the token, and the least role of a link that may make them. Unlock and `/download` differ."""


@pytest.mark.parametrize("call", [*CALLS, "POST /unlock", "GET /download"])
async def test_every_public_call_with_every_kind_of_token(shared: Gateway, user: User, call: str) -> None:
    folder = await make_folder(user)
    file = (await user.store("a.txt", b"hello", parent_id=folder))["id"]
    method, path = call.split(" ")
    body: Any = {"password": PASSWORD} if path == "/unlock" else CALLS.get(call, ("", None))[1]
    target = file if path == "/download" else folder
    role = "viewer" if path == "/download" else "editor"
    links = {kind: await make_link(user, target, role=role) for kind in ("good", "expired", "spent", "deleted")}
    locked = await make_link(user, target, role=role, password=PASSWORD)
    upload = await shared.http.post(f"/v1/public/{links['good']['token']}/uploads", json=UPLOAD | {"multipart": True})
    at = path.replace("{file}", file).replace("{upload}", upload.json().get("id", ""))
    execute = shared.database.execute
    for kind, change in (("expired", "expires_at = now()"), ("spent", "max_downloads = 1, downloads = 1")):
        await execute(f"UPDATE files.links SET {change} WHERE id = $1", links[kind]["id"])
    await user.ok("DELETE", f"/v1/links/{links['deleted']['id']}")

    async def ask(token: str, session: str | None = None) -> httpx.Response:
        headers = {} if session is None else {"X-Link-Session": session}
        return await shared.http.request(method, f"/v1/public/{token}{at}", json=body, headers=headers)

    good = links["good"]["token"]
    assert (await ask(good)).status_code in ((409,) if path.endswith("complete") else (200, 201))
    problems = []
    for token in (
        *(links[kind]["token"] for kind in ("expired", "spent", "deleted")),
        good[:-1],
        good + "A",
        good.swapcase(),
        "dbl_" + "A" * 43,
        LinkSecrets(SECRET[:32]).token(LinkId(uuid4())),
        links["good"]["id"],
    ):
        problem = assert_problem(await ask(token), 404, "not_found")
        problems.append({**problem, "request_id": ""})
    assert all(problem == problems[0] for problem in problems)
    if path == "/unlock":
        assert (await ask(locked["token"])).status_code == 200
        return
    foreign = await make_link(user, target, role=role, password=PASSWORD)
    for session in (None, "", "x", await unlock(shared, foreign["token"])):
        assert_problem(await ask(locked["token"], session), 401, "password_required")
    unlocked = await ask(locked["token"], await unlock(shared, locked["token"]))
    assert unlocked.status_code == (404 if "{upload}" in path else (201 if method == "POST" else 200))


async def test_wrong_passwords_are_throttled_by_address(shared: Gateway, user: User) -> None:
    token = (await make_link(user, await make_folder(user), password=PASSWORD))["token"]
    async with shared.from_address("203.0.113.9") as bad, shared.from_address("203.0.113.10") as good:
        statuses = []
        for _ in range(12):
            response = await bad.post(f"/v1/public/{token}/unlock", json={"password": "guess"})
            statuses.append(response.status_code)
        assert statuses == [401] * 10 + [429] * 2
        refused = await bad.post(f"/v1/public/{token}/unlock", json={"password": PASSWORD})
        assert_problem(refused, 429, "rate_limited")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await good.post(f"/v1/public/{token}/unlock", json={"password": PASSWORD})).status_code == 200
    assert_problem(
        await shared.http.post(f"/v1/public/{token}/unlock", json={"password": "guess"}), 401, "invalid_credentials"
    )


async def test_a_new_password_ends_the_sessions_of_a_link(shared: Gateway, user: User) -> None:
    link = await make_link(user, await make_folder(user), password=PASSWORD)
    session = await unlock(shared, link["token"])
    assert (await get(shared, link["token"], session=session)).status_code == 200
    await user.ok("PATCH", f"/v1/links/{link['id']}", {"password": PASSWORD})
    assert_problem(await get(shared, link["token"], session=session), 401, "password_required")
    await user.ok("PATCH", f"/v1/links/{link['id']}", {"password": None})
    assert (await get(shared, link["token"])).status_code == 200


# -- drives and accounts ---------------------------------------------------------------------------------


async def test_editors_see_their_own_links_and_managers_all(user: User, other: User) -> None:
    drive = await new_drive(user)
    await add(user, drive, other, "editor")
    file = await store_in(user, drive)
    at = f"?drive_id={drive}"
    theirs = await other.ok("POST", f"/v1/files/{file}/links{at}", {})
    own = await user.ok("POST", f"/v1/files/{file}/links{at}", {})
    for path in (f"/v1/links{at}", f"/v1/files/{file}/links{at}"):
        assert [item["id"] for item in (await other.ok("GET", path))["items"]] == [theirs["id"]]
        assert [item["id"] for item in (await user.ok("GET", path))["items"]] == [own["id"], theirs["id"]]
    assert_problem(await other.call("DELETE", f"/v1/links/{own['id']}{at}"), 404, "not_found")
    await user.ok("DELETE", f"/v1/links/{theirs['id']}{at}")
    await add(user, drive, other, "viewer")
    for method, path in (("POST", f"/v1/files/{file}/links{at}"), ("GET", f"/v1/links{at}")):
        assert_problem(await other.call(method, path, {} if method == "POST" else None), 403, "forbidden")


async def test_links_are_listed_in_pages(user: User) -> None:
    file = (await user.store("a.txt", b"hello"))["id"]
    made = [(await make_link(user, file))["id"] for _ in range(3)]
    first = await user.ok("GET", "/v1/links", parameters={"limit": "2"})
    rest = await user.ok("GET", "/v1/links", parameters={"limit": "2", "cursor": first["next_cursor"]})
    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    wrong = await user.call("GET", f"/v1/files/{file}/links", parameters={"cursor": first["next_cursor"]})
    assert_problem(wrong, 422, "invalid_cursor")


async def test_the_links_of_a_deleted_account_end_at_once(own: Gateway) -> None:
    manager, leaving = await own.user(), await own.user()
    drive = await new_drive(manager)
    await add(manager, drive, leaving, "editor")
    file = await store_in(manager, drive)
    tokens = [
        (await make_link(leaving, await make_folder(leaving)))["token"],
        (await leaving.ok("POST", f"/v1/files/{file}/links?drive_id={drive}", {}))["token"],
    ]
    kept = (await manager.ok("POST", f"/v1/files/{file}/links?drive_id={drive}", {}))["token"]
    response = await leaving.call("DELETE", "/v1/me", {"password": leaving.password})
    assert response.status_code == 204
    for token in tokens:
        assert_problem(await get(own, token), 404, "not_found")
    assert (await get(own, kept)).status_code == 200


async def test_the_feed_shows_links(user: User) -> None:
    file = (await user.store("a.txt", b"hello"))["id"]
    cursor = (await user.ok("GET", "/v1/changes"))["next_cursor"]
    link = await make_link(user, file)
    await user.ok("DELETE", f"/v1/links/{link['id']}")
    items = (await user.ok("GET", "/v1/changes", parameters={"cursor": cursor}))["items"]
    assert [(item["what"], item["file_id"]) for item in items] == [("shared", file), ("shared", file)]
