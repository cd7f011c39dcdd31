"""Jobs over HTTP: the answer of a large copy, progress, the result and the error."""

from __future__ import annotations

from uuid import uuid4

from uuid_utils.compat import uuid7

from drivebay.contract.ids import LeaseId

from .conftest import Gateway, User, assert_problem, make_large_folder, start_job


async def run_jobs(own: Gateway) -> None:
    """Do what the worker does."""
    lease = LeaseId(uuid7())
    for task in await own.files.claim_jobs(lease, 10):
        while await own.files.run_job_step(lease, task):
            pass


async def test_the_copy_of_a_large_folder_is_a_job(own: Gateway) -> None:
    user = await own.user()
    folder = await make_large_folder(user)
    size = await user.ok("GET", f"/v1/files/{folder}/size")
    body, key = {"parent_id": "root", "name": "copy"}, {"Idempotency-Key": uuid4().hex}
    answer = await user.call("POST", f"/v1/files/{folder}/copy", body, headers=key)
    assert answer.status_code == 202
    job = answer.json()["job"]
    path = f"/v1/jobs/{job['id']}"
    assert answer.headers["location"] == path
    me = (await user.ok("GET", "/v1/me"))["id"]
    assert job | {"id": "", "created_at": "", "waiting_since": ""} == {
        "id": "",
        "kind": "copy",
        "status": "running",
        "done": 0,
        "total": 1001,
        "drive_id": me,
        "created_at": "",
        "result": None,
        "error": None,
        "done_bytes": 0,
        "total_bytes": 0,
        "waiting_since": "",
    }
    assert job["waiting_since"] == job["created_at"]
    assert await user.ok("GET", path) == job
    assert (await user.call("POST", f"/v1/files/{folder}/copy", body, headers=key)).json() == {"job": job}
    assert len((await user.ok("GET", "/v1/files", parameters={"parent_id": "root"}))["items"]) == 1

    await run_jobs(own)
    done = await user.ok("GET", path)
    assert (done["status"], done["done"], done["total"]) == ("done", size["folders"] + 1, size["folders"] + 1)
    assert done["result"] == await user.ok("GET", f"/v1/files/{done['result']['id']}")
    assert done["result"]["name"] == "copy"
    assert await user.ok("GET", f"/v1/files/{done['result']['id']}/size") == size
    await user.ok("DELETE", path)
    assert await user.ok("GET", path) == done


async def test_a_cancelled_and_a_failed_job_show_nothing(own: Gateway) -> None:
    user = await own.user()
    folder = await make_large_folder(user)
    cancelled, failed = await start_job(user, folder), await start_job(user, folder)
    assert (await user.call("DELETE", f"/v1/jobs/{cancelled['id']}")).status_code == 204
    assert (await user.ok("GET", f"/v1/jobs/{cancelled['id']}"))["status"] == "cancelled"
    await user.ok("DELETE", f"/v1/files/{folder}")
    for _ in range(2):
        await run_jobs(own)
    shown = await user.ok("GET", f"/v1/jobs/{failed['id']}")
    assert (shown["status"], shown["result"], shown["error"]["code"]) == ("failed", None, "not_found")
    assert shown["error"]["status"] == 404
    assert (await user.ok("GET", "/v1/files", parameters={"parent_id": "root"}))["items"] == []


async def test_a_job_in_a_shared_drive_is_seen_by_its_user_alone(own: Gateway) -> None:
    manager, editor = await own.user(), await own.user()
    drive = (await manager.ok("POST", "/v1/drives", {"name": "Team"}))["id"]
    await manager.ok("PUT", f"/v1/drives/{drive}/members", {"email": editor.email, "role": "editor"})
    folder = await make_large_folder(editor)
    job = await start_job(editor, folder)
    assert_problem(await manager.call("GET", f"/v1/jobs/{job['id']}"), 404, "not_found")
    assert_problem(await manager.call("DELETE", f"/v1/jobs/{job['id']}?drive_id={drive}"), 404, "not_found")
    assert (await editor.ok("GET", f"/v1/jobs/{job['id']}"))["status"] == "running"


async def test_a_batch_says_to_copy_a_large_folder_by_itself(user: User) -> None:
    folder = await make_large_folder(user)
    (item,) = (await user.ok("POST", "/v1/files/batch/copy", {"ids": [folder], "parent_id": "root"}))["items"]
    assert item["error"]["code"] == "too_large"
    assert "of its own" in item["error"]["detail"]
