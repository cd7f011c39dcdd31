"""The life of a file as a user sees it, in every topology. A World is expensive, so each test has many steps."""

import asyncio
import base64
import hashlib
import json

import httpx
import pytest

from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World

from .conftest import NewUser


async def test_a_file_is_uploaded_downloaded_hidden_from_others_trashed_and_restored(
    user: Client, new_user: NewUser
) -> None:
    body = b"Hello, Drivebay!"

    # Uploaded bytes become a file although the client does not complete the upload.
    upload = await user.begin("hello.txt", body)
    assert upload["status"] == "pending"
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == len(body)
    assert (await user.call("POST", f"/v1/uploads/{upload['id']}/complete")).json()["code"] == "not_uploaded"
    assert (await user.put(upload, body)).status_code == 200

    async def is_listed() -> bool:
        return await user.names() == ["hello.txt"]

    await eventually(is_listed, within=20)
    done = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert done["status"] == "complete"
    assert "url" not in done

    # The file has the content that was sent.
    response = await user.call("GET", f"/v1/files/{done['file_id']}")
    file = response.json()
    assert response.headers["ETag"] == file["etag"]
    assert (file["kind"], file["size"], file["parent_id"]) == ("file", len(body), "root")
    assert base64.b64decode(file["sha256"]) == hashlib.sha256(body).digest()
    assert await user.download(file["id"]) == body
    redirect = await user.call("GET", f"/v1/files/{file['id']}/content")
    assert redirect.status_code == 302
    content = await user.http.get(redirect.headers["Location"])
    assert content.content == body
    assert content.headers["Content-Disposition"].startswith("attachment")

    # For another user the file does not exist.
    other = await new_user()
    for path in (f"/v1/files/{file['id']}", f"/v1/files/{file['id']}/download", f"/v1/uploads/{upload['id']}"):
        response_for_file = (await other.call("GET", path)).json()
        response_for_unknown = (
            await other.call("GET", path.replace(path.split("/")[3], "01a20000-0000-7000-8000-000000000000"))
        ).json()
        assert response_for_file["status"] == response_for_unknown["status"] == 404
        assert {**response_for_file, "request_id": "", "detail": ""} == {
            **response_for_unknown,
            "request_id": "",
            "detail": "",
        }
    assert await other.names() == []

    # A URL allows one write of these bytes.
    assert (await user.put(upload, body)).status_code == 412

    # The file is trashed and restored.
    assert (await user.call("DELETE", f"/v1/files/{file['id']}")).status_code == 204
    assert (await user.call("DELETE", f"/v1/files/{file['id']}")).status_code == 404
    assert (await user.call("GET", f"/v1/files/{file['id']}/download")).status_code == 404
    assert await user.names() == []
    assert [item["id"] for item in (await user.ok("GET", "/v1/trash"))["items"]] == [file["id"]]
    assert (await user.ok("POST", f"/v1/files/{file['id']}/restore"))["name"] == "hello.txt"
    assert await user.download(file["id"]) == body


async def test_a_download_that_is_resumed_never_mixes_two_versions(user: Client) -> None:
    """On the real store, over the redirect, with what HTTP clients send: it ignores `If-Range` itself."""
    old, new = b"the first version of a report", b"the OTHER version of a report"
    file = await user.store("report.txt", old)
    path, token = (
        f"{user.api}/v1/files/{file['id']}/content",
        {"Authorization": f"Bearer {user.tokens['access_token']}"},
    )

    async def ask(method: str = "GET", **headers: str) -> httpx.Response:
        sent = token | {name.replace("_", "-"): value for name, value in headers.items()}
        return await user.http.request(method, path, headers=sent, follow_redirects=True)

    first = await ask(Range="bytes=0-9")
    assert (first.status_code, first.content) == (206, old[:10])
    described = await ask("HEAD")
    assert described.status_code == 200
    for name in ("ETag", "Content-Type", "Content-Disposition", "Accept-Ranges"):
        assert described.headers[name] == first.headers[name], name
    assert (described.headers["Content-Length"], described.content) == (str(len(old)), b"")
    rest = await ask(Range="bytes=10-", If_Range=first.headers["ETag"])
    assert (rest.status_code, first.content + rest.content) == (206, old)
    link = await user.ok("GET", f"/v1/files/{file['id']}/download")

    assert (await user.store("report.txt", new, on_conflict="replace"))["id"] == file["id"]
    for header in ("If_Range", "If_Match"):
        assert (await ask(Range="bytes=10-", **{header: first.headers["ETag"]})).status_code == 412
    past = "Mon, 01 Jan 2001 00:00:00 GMT"
    assert (await ask(Range="bytes=10-", If_Unmodified_Since=past)).status_code == 412
    assert (await ask(If_None_Match=(await ask("HEAD")).headers["ETag"])).status_code == 304
    # A URL gives one version, also after it was replaced.
    resumed = await user.http.get(link["url"], headers={"Range": "bytes=10-", "If-Match": link["etag"]})
    assert (resumed.status_code, first.content + resumed.content) == (206, old)
    link = await user.ok("GET", f"/v1/files/{file['id']}/download")
    resumed = await user.http.get(link["url"], headers={"Range": "bytes=10-", "If-Match": first.headers["ETag"]})
    assert resumed.status_code == 412


async def test_name_conflicts_unusual_names_refused_bytes_abort_and_idempotency(user: Client) -> None:
    assert (await user.store("a.txt", b"one"))["name"] == "a.txt"
    assert (await user.store("a.txt", b"two"))["name"] == "a (1).txt"
    again = await user.store("a.txt", b"three", on_conflict="replace")
    assert await user.download(again["id"]) == b"three"
    refused = await user.call(
        "POST", "/v1/uploads", {"name": "a.txt", "size": 1, "content_type": "a/b", "on_conflict": "fail"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
    assert (await user.store("empty", b""))["size"] == 0
    name = "zo\u00eb \U0001f5c2 \u202egpj.exe"
    odd = await user.store(name, b"odd")
    assert odd["name"] == name
    assert await user.download(odd["id"]) == b"odd"

    # The store refuses bytes other than those of the intent.
    upload = await user.begin("b.txt", b"12345")
    assert (await user.put(upload, b"123456")).status_code in (400, 403)
    assert (await user.put(upload, b"54321")).status_code == 400
    assert (await user.call("DELETE", f"/v1/uploads/{upload['id']}")).status_code == 204
    assert (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["status"] == "aborted"
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0

    # A repeated request with the same idempotency key gets the same response.
    intent = {"name": "k.txt", "size": 1, "content_type": "text/plain"}
    first = await user.call("POST", "/v1/uploads", intent, headers={"Idempotency-Key": "k"})
    second = await user.call("POST", "/v1/uploads", intent, headers={"Idempotency-Key": "k"})
    assert first.json() == second.json()
    other = await user.call("POST", "/v1/uploads", {**intent, "size": 2}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_files_are_listed_by_folder_and_moved(user: Client) -> None:
    folder = await user.ok("POST", "/v1/folders", {"name": "dir", "parent_id": "root"})
    file = await user.store("in.txt", b"x", parent_id=folder["id"])
    assert file["parent_id"] == folder["id"]
    listed = await user.ok("GET", "/v1/files", None, {"parent_id": folder["id"]})
    assert [item["name"] for item in listed["items"]] == ["in.txt"]
    moved = await user.ok("PATCH", f"/v1/files/{file['id']}", {"name": "out.txt", "parent_id": "root"})
    assert (moved["name"], moved["parent_id"]) == ("out.txt", "root")
    stale = await user.call("DELETE", f"/v1/files/{file['id']}", headers={"If-Match": file["etag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert await user.download(file["id"]) == b"x"


async def test_sessions_are_refreshed_ended_and_stay_valid_after_a_key_rotation(a_world: World, user: Client) -> None:
    old = dict(user.tokens)
    status, _, err = await a_world.command("keys", "rotate")
    assert status == 0, err
    assert (await user.call("GET", "/v1/me")).status_code == 200

    async def new_key_is_published() -> bool:
        await user.log_in()
        return len((await user.http.get(f"{a_world.api}/.well-known/jwks.json")).json()["keys"]) >= 2

    await eventually(new_key_is_published, within=20)
    assert (await user.call("GET", "/v1/me")).status_code == 200
    refreshed = await user.http.post(f"{a_world.api}/v1/token/refresh", json={"refresh_token": old["refresh_token"]})
    assert refreshed.status_code == 200
    session = refreshed.json()
    out = await user.http.post(f"{a_world.api}/v1/logout", json={"refresh_token": session["refresh_token"]})
    assert out.status_code == 204
    response = await user.http.post(f"{a_world.api}/v1/token/refresh", json={"refresh_token": session["refresh_token"]})
    assert response.status_code == 401


@pytest.mark.slow
async def test_an_operator_makes_an_admin_who_manages_accounts(a_world: World, user: Client, new_user: NewUser) -> None:
    admin = await new_user()

    async def run(*arguments: str) -> str:
        status, out, err = await a_world.command("admin", *arguments)
        assert status == 0, err
        return out

    assert "admin" in await run("create", admin.email)
    assert (await admin.ok("GET", "/v1/me"))["role"] == "admin"
    id = (await user.ok("GET", "/v1/me"))["id"]
    assert (await user.call("GET", "/v1/admin/users")).status_code == 403
    assert json.loads(await run("quota", user.email, "1MiB", "--json"))["id"] == id
    assert (await admin.ok("GET", f"/v1/admin/users/{id}"))["usage"]["limit_bytes"] == 2**20
    assert user.email in await run("users", user.email)
    totals = json.loads(await run("stats", "--json"))
    assert totals["drives"] >= totals["users"] >= 2

    await run("disable", id)

    async def is_refused() -> bool:
        return (await user.call("GET", "/v1/me")).status_code == 401

    await eventually(is_refused, within=20)
    await run("enable", user.email)
    await user.log_in()
    link = (await run("reset-password", user.email)).split()[-1]
    user.password = "a quiet green table"
    body = {"token": link.partition("#token=")[2], "password": user.password}
    assert (await user.http.post(f"{a_world.api}/v1/password/reset/confirm", json=body)).status_code == 204
    await user.log_in()
    events = json.loads(await run("audit", "--user", user.email, "--json"))
    actions = [event["action"] for event in events]
    assert actions[:3] == ["login", "password_changed", "password_reset_created"]
    assert {"quota_changed", "account_disabled", "account_enabled"} <= set(actions)
    file = await user.store("shared.txt", b"hello")
    link = (await user.ok("POST", f"/v1/files/{file['id']}/links", {}))["token"]
    assert (await user.http.get(f"{a_world.api}/v1/public/{link}")).status_code == 200
    await run("delete", user.email, "--yes")
    assert (await user.http.get(f"{a_world.api}/v1/public/{link}")).status_code == 404
    assert (await admin.call("GET", f"/v1/admin/users/{id}")).status_code == 404


async def test_no_secret_is_in_any_log(a_world: World, user: Client) -> None:
    upload = await user.begin("secret.txt", b"secret")
    await user.put(upload, b"secret")
    await user.http.get(f"{a_world.api}/v1/me", headers={"Authorization": "Bearer canary-token"})
    await user.http.get(f"{a_world.api}/v1/files", params={"cursor": "canary-cursor", "access_token": "canary-query"})
    logs = a_world.logs()
    signature = httpx.URL(upload["url"]).params["X-Amz-Signature"]
    secrets = [user.password, *(str(user.tokens[name]) for name in ("access_token", "refresh_token")), signature]
    secrets += ["canary-token", "canary-query", a_world.environment["DRIVEBAY_S3_SECRET_KEY"]]
    for secret in secrets:
        assert secret not in logs


async def test_a_request_id_is_in_the_response_and_in_the_logs(a_world: World, user: Client) -> None:
    response = await user.call("GET", "/v1/files", headers={"X-Request-Id": "canary-request-1"})
    assert response.headers["X-Request-Id"] == "canary-request-1"

    async def logged() -> bool:
        return "canary-request-1" in a_world.logs()

    await eventually(logged, within=5)


async def test_concurrent_users_see_only_their_own_files(new_user: NewUser) -> None:
    users = await asyncio.gather(*(new_user() for _ in range(6)))

    async def store_files(user: Client, n: int) -> None:
        for i in range(4):
            await user.store(f"{n}-{i}", f"{n}-{i}".encode())

    await asyncio.gather(*(store_files(user, n) for n, user in enumerate(users)))
    for n, user in enumerate(users):
        assert await user.names() == [f"{n}-{i}" for i in range(4)]


async def test_a_change_is_followed_from_another_process(user: Client) -> None:
    listing = await user.ok("GET", "/v1/files?parent_id=root")
    path = f"/v1/changes?cursor={listing['changes_cursor']}&wait=25"
    waiting = asyncio.create_task(user.ok("GET", path))
    folder = await user.ok("POST", "/v1/folders", {"name": "folder"})
    changes = await waiting
    assert [(change["what"], change["file_id"]) for change in changes["items"]] == [("created", folder["id"])]
    await user.ok("DELETE", f"/v1/files/{folder['id']}")
    path = f"/v1/changes?cursor={changes['next_cursor']}&wait=25"
    assert [change["what"] for change in (await user.ok("GET", path))["items"]] == ["trashed"]
