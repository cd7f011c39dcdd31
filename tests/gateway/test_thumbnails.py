"""Thumbnails over HTTP: while they are made, when they are there, lost, and not to be had."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import unquote

import httpx
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.storage import THUMBNAILS_PREFIX
from drivebay.testing.client import Json
from drivebay.testing.memory import presigned_key
from drivebay.worker.settings import Settings
from drivebay.worker.thumbnail_jobs import ThumbnailJobs
from drivebay.worker.thumbnail_subprocess import ProcessLimits

from ..thumbnail_samples import opened, png
from .conftest import Gateway, User, assert_problem, raw_request

LIMITS = ProcessLimits(time=timedelta(seconds=60))


async def status_of(gateway: Gateway, user: User, file: Json, size: str | None = None) -> tuple[int, dict[str, str]]:
    """Ask without an HTTP client, which does not accept the URLs of the bucket in memory. Return status and headers."""
    query = f"?drive_id={file['drive_id']}" + ("" if size is None else f"&size={size}")
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    status, received, body = await raw_request(gateway.app, "GET", f"/v1/files/{file['id']}/thumbnail{query}", headers)
    assert status not in (202, 302) or body == b""
    return status, received


async def ask(user: User, file: Json, **query: str) -> httpx.Response:
    return await user.call("GET", f"/v1/files/{file['id']}/thumbnail", parameters=query)


async def work(gateway: Gateway) -> None:
    """Let a worker make all thumbnails in the queue."""
    own = Settings(thumbnail_limits=LIMITS)
    jobs = ThumbnailJobs(gateway.files, gateway.storage, own, new_id=uuid7)
    while await jobs.make_next():
        pass


async def test_a_thumbnail_is_accepted_then_made_then_redirected_to(shared: Gateway, user: User) -> None:
    file = await user.store("café.png", png(), content_type="image/png")
    waiting = await ask(user, file)
    assert (waiting.status_code, waiting.content) == (202, b"")
    assert int(waiting.headers["retry-after"]) >= 1
    await work(shared)
    for size, expected in (("64", 64), ("256", 256), ("1024", 640), (None, 256)):
        status, headers = await status_of(shared, user, file, size)
        assert (status, "retry-after" in headers) == (302, False)
        assert await user.bucket.send("GET", headers["location"], {}, b"") == 200
        assert opened(shared.bucket.objects[presigned_key(headers["location"])][1]).width == expected
        assert {"image/webp", "inline"} <= set(re.findall(r"image/webp|inline", unquote(headers["location"])))


async def test_head_describes_the_image_that_get_redirects_to(shared: Gateway, user: User) -> None:
    file = await user.store("café.png", png(), content_type="image/png")
    at = f"/v1/files/{file['id']}/thumbnail"
    assert (await user.call("HEAD", at)).status_code == 202
    await work(shared)
    head = await user.call("HEAD", at)
    assert (head.status_code, head.content) == (200, b"")
    key = presigned_key((await status_of(shared, user, file))[1]["location"])
    assert int(head.headers["content-length"]) == len(shared.bucket.objects[key][1])
    assert (head.headers["content-type"], head.headers["accept-ranges"]) == ("image/webp", "bytes")
    assert head.headers["content-disposition"].startswith('inline; filename="cafe.png.webp"')
    assert head.headers["etag"].startswith('"')


async def test_lost_thumbnails_are_made_again(own: Gateway) -> None:
    user = await own.user()
    file = await user.store("a.png", png(), content_type="image/png")
    await ask(user, file)
    await work(own)
    assert (await status_of(own, user, file))[0] == 302
    lost = [key for key in own.bucket.objects if key.startswith(THUMBNAILS_PREFIX)]
    assert len(lost) == 3
    for key in lost:
        del own.bucket.objects[key]
    assert (await status_of(own, user, file))[0] == 202
    await work(own)
    assert (await status_of(own, user, file))[0] == 302


async def test_what_has_no_thumbnail_says_so_at_once_or_after_one_attempt(shared: Gateway, user: User) -> None:
    text = await user.store("a.txt", b"hello")
    folder = await user.ok("POST", "/v1/folders", {"name": "f"})
    for file in (text, folder):
        assert_problem(await ask(user, file), 404, "no_preview")
    liar = await user.store("b.png", b"no image", content_type="image/png")
    assert (await ask(user, liar)).status_code == 202
    await work(shared)
    assert_problem(await ask(user, liar), 404, "no_preview")


@pytest.mark.parametrize("size", ["0", "65", "", "064", "256 ", "large", "-64", "64,256"])
async def test_another_size_is_refused(user: User, size: str) -> None:
    file = await user.store("a.txt", b"hello")
    problem = assert_problem(await ask(user, file, size=size), 422, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == ["size"]


async def test_a_store_that_does_not_answer_loses_no_thumbnail(own: Gateway) -> None:
    user = await own.user()
    file = await user.store("a.png", png(), content_type="image/png")
    await ask(user, file)
    await work(own)
    own.bucket.broken = True
    assert_problem(await ask(user, file), 503, "unavailable")
    own.bucket.broken = False
    assert (await status_of(own, user, file))[0] == 302


async def test_others_get_the_thumbnail_only_if_they_may_read_the_file(
    shared: Gateway, user: User, other: User
) -> None:
    file = await user.store("a.png", png(), content_type="image/png")
    at = f"/v1/files/{file['id']}/thumbnail"
    drive = {"drive_id": file["drive_id"]}
    assert_problem(await other.call("GET", at), 404, "not_found")
    assert_problem(await other.call("GET", at, parameters=drive), 404, "not_found")
    permission = {"email": other.email, "role": "viewer"}
    await user.ok("PUT", f"/v1/files/{file['id']}/permissions", permission)
    assert (await other.call("GET", at, parameters=drive)).status_code == 202
    await work(shared)
    assert (await status_of(shared, other, file))[0] == 302
    await user.ok("DELETE", f"/v1/files/{file['id']}")
    assert_problem(await other.call("GET", at, parameters=drive), 404, "not_found")
