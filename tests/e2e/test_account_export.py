"""`drivebay admin export`: the files of one account in a folder, and what is kept about it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from drivebay.cli.operator.account_export import TreeExport
from drivebay.contract.files import Access, FilePage, Files, Listing, TreeSize
from drivebay.contract.ids import ROOT, FileId
from drivebay.errors import Unavailable
from drivebay.storage.object_transfer import ObjectTransfer
from drivebay.testing.client import Client
from drivebay.testing.world import World
from tests.files.conftest import open_drive
from tests.software_authenticator import add_local_passkey

from .conftest import NewUser

if TYPE_CHECKING:
    from drivebay.storage.s3 import S3Bucket

LONG_NAME = "\N{CAT FACE}" * 62 + ".txt"
"""252 bytes: nothing can be appended to it in a name of 255 bytes."""


def read_lines(file: Path) -> dict[str, Any]:
    return {entry["path"]: entry for entry in map(json.loads, file.read_text("utf-8").splitlines())}


@pytest.mark.slow
async def test_an_export_has_every_file_and_what_is_kept_about_the_account(
    a_world: World, user: Client, new_user: NewUser, tmp_path: Path
) -> None:
    other = await new_user()
    await other.store("other.txt", b"other")
    top = await user.ok("POST", "/v1/folders", {"path": "/a/b"})
    deep = await user.ok("POST", "/v1/folders", {"path": "/" + "/".join(["d" * 200] * 25)})
    await user.store("report.txt", b"one", modified_at="2020-02-03T04:05:06Z")
    await user.store(LONG_NAME, b"long", parent_id=top["id"])
    await user.store("deep.txt", b"deep", parent_id=deep["id"])
    empty = await user.store("empty", b"")
    starred = await user.call("PATCH", f"/v1/files/{empty['id']}", {"starred": True, "properties": {"k": "v"}})
    assert starred.status_code == 200, starred.text
    trashed = await user.store("trashed.txt", b"trashed")
    assert (await user.call("DELETE", f"/v1/files/{trashed['id']}")).status_code == 204

    await add_local_passkey(user, "my phone")
    webhook = await user.ok("POST", "/v1/webhooks", {"url": "https://example.com/hook"})

    folder = tmp_path / "export"
    status, out, err = await a_world.command("admin", "export", user.email, str(folder), "--json")
    assert status == 0, err
    report = json.loads(out)
    assert (report["files"], report["folders"], report["bytes"], report["failed"]) == (4, 27, 11, [])

    assert sorted(path.name for path in folder.iterdir()) == ["account.json", "entries.jsonl", "files"]
    files = folder / "files"
    assert sorted(path.name for path in files.iterdir()) == sorted(["a", "d" * 200, "empty", "report.txt"])
    assert (files / "report.txt").read_bytes() == b"one"
    assert (files / "report.txt").stat().st_mtime == datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp()
    assert (files / "a" / "b" / LONG_NAME).read_bytes() == b"long"
    assert (files / "empty").read_bytes() == b""
    found = {}
    for _, names, files_here, descriptor in os.fwalk(folder):  # a path in it is longer than the system allows
        for name in (*names, *files_here):
            assert stat.S_IMODE(os.stat(name, dir_fd=descriptor).st_mode) & 0o077 == 0, name
        for name in files_here:
            with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=descriptor), "rb") as file:
                found[name] = file.read()
    assert found["deep.txt"] == b"deep"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    entries = read_lines(folder / "entries.jsonl")
    assert len(entries) == 31
    assert (entries["/empty"]["starred"], entries["/empty"]["properties"]) == (True, {"k": "v"})
    assert "/" + "/".join(["d" * 200] * 25) + "/deep.txt" in entries
    account = json.loads((folder / "account.json").read_bytes())
    assert account["account"]["email"] == user.email
    assert len(account["sessions"]) == 1
    assert [each["name"] for each in account["passkeys"]] == ["my phone"]
    assert account["identities"] == []
    assert "login" in {event["action"] for event in account["audit"]}
    text = (folder / "account.json").read_text("utf-8")
    assert [each["id"] for each in account["webhooks"]] == [webhook["id"]]
    for secret in (
        webhook["secret"],
        user.password,
        str(user.tokens["access_token"]),
        str(user.tokens["refresh_token"]),
    ):
        assert secret not in text

    status, _, err = await a_world.command("admin", "export", user.email, str(folder))
    assert (status, "is not empty" in err) == (1, True), err


async def test_a_file_with_lost_or_other_bytes_is_named(database_url: str, tmp_path: Path) -> None:
    async with open_drive(database_url, "direct") as drive:
        await drive.upload_file("kept.txt", b"kept")
        keys = {}
        for name in ("lost.txt", "changed.txt"):
            upload = await drive.begin(name, name.encode(), sha256=hashlib.sha256(name.encode()).digest())
            drive.bucket.put(upload.key, name.encode())
            await drive.files.complete_upload(drive.access, upload.id)
            keys[name] = (upload.key, drive.bucket.objects[upload.key])
        lost, whole = keys["lost.txt"]
        del drive.bucket.objects[lost]
        changed, other = keys["changed.txt"]
        drive.bucket.objects[changed] = (other[0], b"x" * len(other[1]))
        failed = (
            await TreeExport(
                drive.files, ObjectTransfer(cast("S3Bucket", drive.bucket)), drive.access, tmp_path, print
            ).run()
        ).failed
        drive.bucket.objects |= {lost: whole, changed: other}
    reasons = {each.path: each.reason for each in failed}
    assert reasons.keys() == {"/lost.txt", "/changed.txt"}
    assert "does not have its object" in reasons["/lost.txt"]
    assert "other bytes" in reasons["/changed.txt"]
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["kept.txt"]


class LargeDrive:
    """The files service of a drive with too many files to add up their sizes in time."""

    def __init__(self, files: Files) -> None:
        self.list_files = files.list_files
        self.get_contents = files.get_contents
        self.get_usage = files.get_usage

    async def measure_tree(self, access: Access, id: FileId) -> TreeSize:
        raise Unavailable("the folder has too many entries to count them now; measure the folders in it")


async def test_a_drive_that_cannot_be_measured_is_exported(database_url: str, tmp_path: Path) -> None:
    totals = set()
    async with open_drive(database_url, "direct") as drive:
        await drive.upload_file("kept.txt", b"kept")
        trashed = await drive.upload_file("trashed.txt", b"trashed")
        await drive.files.trash_entry(drive.access, trashed.id)
        store = ObjectTransfer(cast("S3Bucket", drive.bucket))
        files = cast("Files", LargeDrive(drive.files))
        report = await TreeExport(files, store, drive.access, tmp_path, lambda _, total: totals.add(total)).run()
    assert (report.files, report.bytes, report.failed) == (1, 4, ())
    assert (tmp_path / "files" / "kept.txt").read_bytes() == b"kept"
    assert totals == {11}  # the bytes in the trash count too


class LongerNames:
    """The files service of a drive, with names that are longer than the file system of the test allows."""

    def __init__(self, files: Files, names: tuple[str, ...]) -> None:
        self._files = files
        self._names = names
        self.measure_tree = files.measure_tree
        self.get_contents = files.get_contents

    async def list_files(self, access: Access, listing: Listing) -> FilePage:
        page = await self._files.list_files(access, listing)
        items = tuple(
            msgspec.structs.replace(item, name=item.name * 100) if item.name in self._names else item
            for item in page.items
        )
        return msgspec.structs.replace(page, items=items)


async def test_a_name_that_the_file_system_refuses_is_reported_and_the_export_goes_on(
    database_url: str, tmp_path: Path
) -> None:
    async with open_drive(database_url, "direct") as drive:
        folder = await drive.files.create_folder(drive.access, ROOT, "folder")
        for name, parent in (("kept.txt", ROOT), ("refused.txt", ROOT), ("below.txt", folder.id)):
            await drive.upload_file(name, b"bytes", parent=parent)
        files = cast("Files", LongerNames(drive.files, ("folder", "refused.txt")))
        store = ObjectTransfer(cast("S3Bucket", drive.bucket))
        report = await TreeExport(files, store, drive.access, tmp_path, print).run()
    reasons = {each.path: each.reason for each in report.failed}
    assert reasons.keys() == {f"/{'folder' * 100}", f"/{'refused.txt' * 100}"}
    assert set(reasons.values()) == {"the file system refuses its name: File name too long"}
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["kept.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entries.jsonl", "files"]
