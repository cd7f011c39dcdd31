"""`drivebay backup` and `drivebay restore-backup`: nothing that was there at the backup is lost."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import pytest

from drivebay.cli.operator.backup_format import BackupError, BackupFolder, write_private_file
from drivebay.cli.operator.backup_writer import ExpectedObject, ObjectCopies, _begin_replacement
from drivebay.embedded.public_address import default_route_address
from drivebay.storage.object_transfer import ObjectTransfer
from drivebay.testing import world
from drivebay.testing.client import Client
from drivebay.testing.memory import MemoryBucket
from drivebay.testing.world import World

from .conftest import FAST, http_client

if TYPE_CHECKING:
    from drivebay.storage.s3 import S3Bucket

pytestmark = pytest.mark.slow

LARGE = bytes(range(256)) * 4096 * 20
"""20 MiB: more than one range of a download."""


async def keep_writing(user: Client) -> None:
    number = 0
    while True:
        await user.store(f"during-{number}.txt", f"during {number}".encode())
        number += 1


async def backup(running: World, folder: Path) -> dict[str, object]:
    status, out, err = await running.command("backup", str(folder), "--json", within=300)
    assert status == 0, out + err
    report: dict[str, object] = json.loads(out)
    return report


def assert_private(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_backup_under_load_is_restored_with_every_byte(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    (tmp_path / "old").mkdir()
    async with http_client() as http:
        async with world.run(tmp_path / "old", FAST) as running:
            user = await Client(http, running.api).sign_up()
            kept = {name: await user.store(name, body) for name, body in (("a", b"aa"), ("empty", b""), ("l", LARGE))}
            trashed = await user.store("trashed", b"trashed")
            cursor = (await user.ok("GET", "/v1/changes"))["next_cursor"]
            assert (await user.call("DELETE", f"/v1/files/{trashed['id']}")).status_code == 204
            writing = asyncio.create_task(keep_writing(user))
            report = await backup(running, folder)
            writing.cancel()
            await asyncio.wait([writing])
            assert report["lost"] == []
            assert report["copied"] == report["objects"]
            assert_private(folder)

            # Again: only what is missing, damaged or new is copied.
            files = sorted(path for path in (folder / "objects").rglob("*") if path.is_file())
            files[0].unlink()
            files[1].write_bytes(b"x" * files[1].stat().st_size)
            (folder / "manifest.json").unlink()
            late = await user.store("late", b"late")
            report = await backup(running, folder)
            assert 2 <= int(str(report["copied"])) <= 3 + int(str(report["objects"])) - len(files)

            # A run without the secret removes the one of an earlier run.
            assert (folder / "secret").exists()
            status, _, err = await running.command("backup", str(folder), "--without-secret", within=300)
            assert (status, (folder / "secret").exists()) == (0, False), err
            await backup(running, folder)

            # A deployment that is not empty is refused.
            status, _, err = await running.command("restore-backup", str(folder))
            assert status == 1
            assert "Drivebay is running" in err
        status, _, err = await running.command("restore-backup", str(folder))
        assert status == 1
        assert "not empty" in err
        shutil.rmtree(tmp_path / "old" / "data")

        (tmp_path / "new").mkdir()
        # For other machines too: the store listens where the gateway does, and signed URLs name an address of this one.
        restored = World(tmp_path / "new", FAST | {"DRIVEBAY_HOST": "0.0.0.0"}, "one")
        victim = next(path for path in (folder / "objects").rglob("*") if path.is_file() and path.stat().st_size)
        bytes_of_victim = victim.read_bytes()
        victim.write_bytes(b"x" * len(bytes_of_victim))
        status, _, err = await restored.command("restore-backup", str(folder), within=300)
        assert status == 1
        assert "has changed since the backup" in err
        victim.write_bytes(bytes_of_victim)
        status, out, err = await restored.command("restore-backup", str(folder), "--json", within=300)
        assert (status, json.loads(out)["verdict"]) == (0, "sound"), out + err
        await restored.start("all")
        try:
            await restored.ready(90)
            user.api = restored.api
            await user.log_in()
            for name, body in (("a", b"aa"), ("empty", b""), ("l", LARGE)):
                assert await user.download(kept[name]["id"]) == body
            assert await user.download(late["id"]) == b"late"
            assert (await user.call("GET", f"/v1/changes?cursor={cursor}")).status_code == 410
            assert (await user.call("POST", f"/v1/files/{trashed['id']}/restore")).status_code == 200
            assert await user.download(trashed["id"]) == b"trashed"
            for name in [each for each in await user.names() if each.startswith("during-")]:
                found = (await user.call("GET", "/v1/files", None, {"parent_id": "root", "name": name})).json()["items"]
                assert await user.download(found[0]["id"]) == name.removesuffix(".txt").replace("-", " ").encode()
            await user.store("new", b"new")
            address = default_route_address() or "127.0.0.1"
            url = httpx.URL((await user.begin("other", b"other"))["url"])
            assert url.host == address
            assert f"store http://{address}:{url.port}" in restored.logs()
        finally:
            await restored.stop("all")


class BucketWithHeaders(MemoryBucket):
    async def read_headers(self, key: str) -> dict[str, str]:
        return {"Content-Type": "text/plain"} if key in self.objects else {}


async def test_an_interrupted_run_leaves_the_earlier_backup_usable(tmp_path: Path) -> None:
    bucket = BucketWithHeaders(lambda: datetime.now(UTC))
    store, folder = ObjectTransfer(cast("S3Bucket", bucket)), BackupFolder(tmp_path)
    for key in ("o/a", "o/b"):
        bucket.put(key, key.encode())
    expected = {key: ExpectedObject(key, 3, None, False) for key in ("o/a", "o/b", "o/missing")}
    first = ObjectCopies(store, folder, {"o/a": expected["o/a"]}, lambda *_: None)
    await first.run()
    _begin_replacement(folder, first.done)
    listed = folder.object_list.read_bytes()
    second = ObjectCopies(store, folder, expected, lambda *_: None)
    await second.run()  # and is killed before it begins to replace the earlier backup
    assert folder.object_list.read_bytes() == listed
    with folder.journal.open("ab") as journal:
        journal.write(b'{"key": "o/c", "si')
    third = ObjectCopies(store, folder, expected, lambda *_: None)
    await third.run()
    assert (sorted(third.done), third.copied, third.lost) == (["o/a", "o/b"], 0, ["o/missing"])
    _begin_replacement(folder, third.done)
    assert sorted(folder.read_objects()) == ["o/a", "o/b"]
    assert not folder.journal.exists()


async def test_a_full_disk_is_reported_with_the_name_of_the_file(tmp_path: Path) -> None:
    bucket = BucketWithHeaders(lambda: datetime.now(UTC))
    bucket.put("o/a", b"o/a")
    folder = BackupFolder(tmp_path)
    (tmp_path / "objects" / "o").mkdir(parents=True)
    (tmp_path / "objects" / "o" / "a.part").symlink_to("/dev/full")
    store = ObjectTransfer(cast("S3Bucket", bucket))
    copies = ObjectCopies(store, folder, {"o/a": ExpectedObject("o/a", 3, None, False)}, lambda *_: None)
    with pytest.raises(ExceptionGroup) as raised:
        await copies.run()
    (error,) = raised.value.exceptions
    assert isinstance(error, BackupError)
    assert str(error) == f"cannot write {tmp_path / 'objects' / 'o' / 'a'}: No space left on device"
    (tmp_path / "manifest.json.new").mkdir()
    with pytest.raises(BackupError, match=r"cannot write .*manifest\.json: "):
        write_private_file(folder.manifest, b"{}")


def test_keys_that_lead_out_of_the_backup_are_refused(tmp_path: Path) -> None:
    backup_folder = BackupFolder(tmp_path)
    for key in ("", "../x", "a/../../x", "/etc/passwd"):
        with pytest.raises(BackupError, match="not a key"):
            backup_folder.object_path(key)
    assert backup_folder.object_path("a/b") == tmp_path / "objects" / "a" / "b"


async def test_a_backup_beside_services_in_other_processes_needs_their_servers(tmp_path: Path) -> None:
    split = World(tmp_path, {"DRIVEBAY_FILES_ADDRESS": f"unix:{tmp_path}/files.sock"}, "one")
    status, _, err = await split.command("backup", str(tmp_path / "backup"))
    assert status == 1
    assert "set DRIVEBAY_DATABASE_URL" in err
    assert not (tmp_path / "data" / "postgres").exists()
