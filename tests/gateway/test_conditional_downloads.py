"""A client that resumes a download never gets a part of another version. HEAD describes the bytes itself."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from .conftest import Gateway, User, raw_request


async def ask(shared: Gateway, user: User, id: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    """Ask for the content. Header names have `_` in place of `-`."""
    sent = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    status, received, _ = await raw_request(shared.app, method, f"/v1/files/{id}/content", sent)
    return status, received


async def replaced(shared: Gateway, user: User) -> tuple[str, str, str]:
    """Store a file and replace it. Return its id and the two entity tags."""
    id = (await user.store("a.txt", b"first version"))["id"]
    old = (await ask(shared, user, id))[1]["etag"]
    assert (await user.store("a.txt", b"other version", on_conflict="replace"))["id"] == id
    new = (await ask(shared, user, id))[1]["etag"]
    assert old != new
    return id, old, new


@pytest.mark.parametrize("header", ["If_Range", "If_Match"])
async def test_resuming_a_replaced_version_is_refused(shared: Gateway, user: User, header: str) -> None:
    id, old, new = await replaced(shared, user)
    for tag in (old, f"W/{new}", '"other"', "W/", ""):
        assert (await ask(shared, user, id, Range="bytes=2-", **{header: tag}))[0] == 412, tag
    status, headers = await ask(shared, user, id, Range="bytes=2-", **{header: new})
    assert status == 302
    assert await user.bucket.send("GET", headers["location"], {}, b"") == 200


async def test_if_match_takes_a_list_and_a_star(shared: Gateway, user: User) -> None:
    id, old, new = await replaced(shared, user)
    for header, status in ((f"{old}, {new}", 302), ("*", 302), (f'{old}, "other"', 412), (f"{old},W/{new}", 412)):
        assert (await ask(shared, user, id, If_Match=header))[0] == status, header
        assert (await ask(shared, user, id, "HEAD", If_Match=header))[0] == (200 if status == 302 else 412), header


async def test_a_date_in_if_range_is_refused(shared: Gateway, user: User) -> None:
    id, _, _ = await replaced(shared, user)
    (found,) = [info for info, body in shared.bucket.objects.values() if body == b"other version" and info.key][-1:]
    assert found.modified_at is not None
    date = format_datetime(found.modified_at, usegmt=True)
    assert (await ask(shared, user, id, Range="bytes=2-", If_Range=date))[0] == 412


async def test_if_range_counts_only_with_a_range(shared: Gateway, user: User) -> None:
    id, old, _ = await replaced(shared, user)
    assert (await ask(shared, user, id, If_Range=old))[0] == 302
    assert (await ask(shared, user, id, "HEAD", If_Range=old, Range="bytes=2-"))[0] == 200


async def test_if_none_match_of_the_current_content_is_304(shared: Gateway, user: User) -> None:
    id, old, new = await replaced(shared, user)
    for method, found in (("GET", 302), ("HEAD", 200)):
        for tag in (new, f"W/{new}", f"{old}, {new}", "*"):
            status, headers = await ask(shared, user, id, method, If_None_Match=tag)
            assert (status, headers["etag"], "location" in headers) == (304, new, False)
        assert (await ask(shared, user, id, method, If_None_Match=old))[0] == found


async def test_if_unmodified_since_compares_with_the_stored_bytes(shared: Gateway, user: User) -> None:
    id = (await user.store("a.txt", b"hello"))["id"]
    owner = str((await user.ok("GET", "/v1/me"))["id"])
    (stored,) = [key for key in shared.bucket.objects if key.startswith(owner)]
    modified_at = shared.bucket.objects[stored][0].modified_at
    assert modified_at is not None
    for date, status in ((modified_at, 302), (modified_at - timedelta(seconds=1), 412)):
        text = format_datetime(date, usegmt=True)
        assert (await ask(shared, user, id, If_Unmodified_Since=text, Range="bytes=2-"))[0] == status
    # A text that is not a date has no effect, nor has a date beside If-Match.
    assert (await ask(shared, user, id, If_Unmodified_Since="yesterday"))[0] == 302
    assert (await ask(shared, user, id, If_Match="*", If_Unmodified_Since="Mon, 01 Jan 2001 00:00:00 GMT"))[0] == 302


async def test_head_describes_the_bytes(shared: Gateway, user: User) -> None:
    file = await user.store("Résumé.pdf", b"hello", content_type="application/pdf")
    status, headers = await ask(shared, user, file["id"], "HEAD")
    assert status == 200
    expected: dict[str, Any] = {
        "content-length": "5",
        "content-type": "application/pdf",
        "accept-ranges": "bytes",
        "etag": (await ask(shared, user, file["id"]))[1]["etag"],
        "content-disposition": "attachment; filename=\"Resume.pdf\"; filename*=UTF-8''R%C3%A9sum%C3%A9.pdf",
    }
    assert {name: headers[name] for name in expected} == expected
    link = await user.ok("GET", f"/v1/files/{file['id']}/download")
    assert link["etag"] == headers["etag"]
    assert ("repr-digest" in headers) == (file["sha256"] is not None)
