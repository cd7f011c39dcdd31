"""The life of a file, as a user sees it, in every shape of World. One World a test is dear, so each test
walks a whole road."""

import asyncio
import base64
import hashlib

import httpx

from drivebay.testing.client import Client, eventually
from drivebay.testing.world import World

from .conftest import NewUser


async def test_a_file_lives(user: Client, new_user: NewUser) -> None:
    body = b"Hello, Drivebay!"

    # Uploaded bytes become a file without a word from the client.
    upload = await user.begin("hello.txt", body)
    assert upload["status"] == "pending"
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == len(body)
    assert (await user.call("POST", f"/v1/uploads/{upload['id']}/complete")).json()["code"] == "not_uploaded"
    assert (await user.put(upload, body)).status_code == 200

    async def is_there() -> bool:
        return await user.names() == ["hello.txt"]

    await eventually(is_there, within=20)
    done = await user.ok("GET", f"/v1/uploads/{upload['id']}")
    assert done["status"] == "complete"
    assert "url" not in done

    # It is what was sent.
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

    # Nobody else can reach it, and cannot tell that it is there.
    other = await new_user()
    for path in (f"/v1/files/{file['id']}", f"/v1/files/{file['id']}/download", f"/v1/uploads/{upload['id']}"):
        theirs = (await other.call("GET", path)).json()
        never = (
            await other.call("GET", path.replace(path.split("/")[3], "01a20000-0000-7000-8000-000000000000"))
        ).json()
        assert theirs["status"] == never["status"] == 404
        assert {**theirs, "request_id": "", "detail": ""} == {**never, "request_id": "", "detail": ""}
    assert await other.names() == []

    # A URL is good for one write of these bytes.
    assert (await user.put(upload, body)).status_code == 412

    # The trash, and back, and for good.
    assert (await user.call("DELETE", f"/v1/files/{file['id']}")).status_code == 204
    assert (await user.call("DELETE", f"/v1/files/{file['id']}")).status_code == 404
    assert (await user.call("GET", f"/v1/files/{file['id']}/download")).status_code == 404
    assert await user.names() == []
    assert [item["id"] for item in (await user.ok("GET", "/v1/trash"))["items"]] == [file["id"]]
    assert (await user.ok("POST", f"/v1/files/{file['id']}/restore"))["name"] == "hello.txt"
    assert await user.download(file["id"]) == body


async def test_names_sizes_and_ways_to_end(user: Client) -> None:
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

    # The store itself refuses what was not intended.
    upload = await user.begin("b.txt", b"12345")
    assert (await user.put(upload, b"123456")).status_code in (400, 403)
    assert (await user.put(upload, b"54321")).status_code == 400
    assert (await user.call("DELETE", f"/v1/uploads/{upload['id']}")).status_code == 204
    assert (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["status"] == "aborted"
    assert (await user.ok("GET", "/v1/me"))["usage"]["reserved_bytes"] == 0

    # The same request with the same key has the same answer.
    intent = {"name": "k.txt", "size": 1, "content_type": "text/plain"}
    first = await user.call("POST", "/v1/uploads", intent, headers={"Idempotency-Key": "k"})
    second = await user.call("POST", "/v1/uploads", intent, headers={"Idempotency-Key": "k"})
    assert first.json() == second.json()
    other = await user.call("POST", "/v1/uploads", {**intent, "size": 2}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_folders_move_and_are_listed(user: Client) -> None:
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


async def test_sessions_refresh_end_and_survive_a_new_key(a_world: World, user: Client) -> None:
    old = dict(user.tokens)
    status, _, err = await a_world.command("keys", "rotate")
    assert status == 0, err
    assert (await user.call("GET", "/v1/me")).status_code == 200

    async def signs_with_the_new_key() -> bool:
        await user.log_in()
        return len((await user.http.get(f"{a_world.api}/.well-known/jwks.json")).json()["keys"]) >= 2

    await eventually(signs_with_the_new_key, within=20)
    assert (await user.call("GET", "/v1/me")).status_code == 200
    refreshed = await user.http.post(f"{a_world.api}/v1/token/refresh", json={"refresh_token": old["refresh_token"]})
    assert refreshed.status_code == 200
    session = refreshed.json()
    out = await user.http.post(f"{a_world.api}/v1/logout", json={"refresh_token": session["refresh_token"]})
    assert out.status_code == 204
    dead = await user.http.post(f"{a_world.api}/v1/token/refresh", json={"refresh_token": session["refresh_token"]})
    assert dead.status_code == 401


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


async def test_a_request_id_is_in_the_answer_and_in_the_logs(a_world: World, user: Client) -> None:
    response = await user.call("GET", "/v1/files", headers={"X-Request-Id": "canary-request-1"})
    assert response.headers["X-Request-Id"] == "canary-request-1"

    async def logged() -> bool:
        return "canary-request-1" in a_world.logs()

    await eventually(logged, within=5)


async def test_many_users_at_once_stay_apart(new_user: NewUser) -> None:
    users = await asyncio.gather(*(new_user() for _ in range(6)))

    async def work(user: Client, n: int) -> None:
        for i in range(4):
            await user.store(f"{n}-{i}", f"{n}-{i}".encode())

    await asyncio.gather(*(work(user, n) for n, user in enumerate(users)))
    for n, user in enumerate(users):
        assert await user.names() == [f"{n}-{i}" for i in range(4)]
