"""Accounts, folders, files and sessions through the SDK, against a real Drivebay."""

import asyncio
import hashlib
import inspect
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pyotp
import pytest

from drivebay.client import (
    ROOT,
    ApiError,
    AsyncDrive,
    AsyncPublicLink,
    Conflict,
    Drive,
    File,
    Forbidden,
    Job,
    Member,
    MemoryTokenStore,
    NotFound,
    PublicLink,
    Role,
    Tokens,
    TreeSize,
    Unauthenticated,
)
from drivebay.testing.client import Client
from tests.cli.shell import PASSWORD
from tests.software_authenticator import add_local_passkey

from .conftest import FAST_RETRIES, NewDrive, Site
from .transfer_helpers import MIB, random_bytes


async def names_in(drive: AsyncDrive, folder: str = "/") -> list[str]:
    return [file.name async for file in drive.files(folder)]


async def log_in_new_user(drive: AsyncDrive) -> str:
    """Create an account, log in, and return its email."""
    email = f"{uuid4().hex}@example.com"
    await drive.sign_up(email, PASSWORD)
    await drive.log_in(email, PASSWORD)
    return email


async def test_a_file_is_uploaded_and_downloaded(drive: AsyncDrive, tmp_path: Path) -> None:
    source = tmp_path / "report.txt"
    source.write_bytes(b"Hello, Drivebay!")
    file = await drive.upload(source)
    assert (file.name, file.size, file.content_type, file.parent_id) == ("report.txt", 16, "text/plain", "root")
    assert file.sha256 == hashlib.sha256(b"Hello, Drivebay!").digest()
    assert await drive.resolve("/report.txt") == file
    assert await drive.read("/report.txt") == b"Hello, Drivebay!"
    await drive.download(file, tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_bytes() == b"Hello, Drivebay!"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.txt", "report.txt"]
    account = await drive.me()
    assert account.usage is not None
    assert (account.usage.used_bytes, account.usage.file_count) == (16, 1)


@pytest.mark.parametrize("size", [5, 100_000, 17 * 2**20])
async def test_a_file_keeps_its_modification_time(drive: AsyncDrive, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)
    os.utime(source, ns=(0, 981173106_123456_789))
    file = await drive.upload(source)
    time = datetime(2001, 2, 3, 4, 5, 6, 123456, tzinfo=UTC)
    assert file.modified_at == time
    await drive.download(file, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mtime_ns == 981173106_123456_000
    given = await drive.upload(source, name="given", modified_at=time + timedelta(days=1))
    assert given.modified_at == time + timedelta(days=1)
    for wrong in (-1, 2**33):
        os.utime(source, (0, wrong))
        assert (await drive.upload(source, name=f"wrong {wrong}")).modified_at > datetime(2026, 1, 1, tzinfo=UTC)


async def test_files_are_organized_in_batches_and_by_paths(drive: AsyncDrive) -> None:
    folder = await drive.make_folder("/a/b", parents=True)
    assert await drive.make_folder("/a/b", parents=True) == folder
    files = [await drive.upload(b"hello", name=f"{n}") for n in range(3)]
    moved = await drive.move_all([*files, str(uuid4())], "/a/b")
    assert isinstance(moved[3], NotFound)
    assert [file.parent_id for file in moved[:3] if isinstance(file, File)] == [folder.id] * 3
    assert [entry.name for entry in await drive.path("/a/b/1")] == ["a", "b", "1"]
    assert await drive.size("/a") == TreeSize(15, 3, 1)
    changed = await drive.update("/a/b/1", starred=True, properties={"k": "v", "none": None})
    assert (changed.starred, changed.properties) == (True, {"k": "v"})
    assert [file.id async for file in drive.starred()] == [changed.id]
    trashed = await drive.trash_all([*files, files[0]])
    assert isinstance(trashed[3], NotFound)
    assert await drive.size() == TreeSize(0, 0, 2)
    restored = await drive.restore_all(files[:2])
    assert [file.name for file in restored if isinstance(file, File)] == ["0", "1"]
    assert (await drive.restore(files[2], "/", on_conflict="fail")).parent_id == "root"
    replaced = await drive.update(files[2], name="0", parent_id=folder.id, on_conflict="replace")
    assert replaced.id == files[0].id
    with pytest.raises(Conflict) as raised:
        await drive.update("/a", parent_id=folder.id)
    assert raised.value.code == "would_cycle"


@pytest.mark.parametrize("size", [0, 1, 300_000])
async def test_bytes_open_files_and_iterators_can_be_uploaded(drive: AsyncDrive, size: int, tmp_path: Path) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def blocks() -> AsyncIterator[bytes]:
        for start in range(0, size, 70_000):
            yield body[start : start + 70_000]

    (tmp_path / "file").write_bytes(b"skipped" + body)
    with (tmp_path / "file").open("rb") as opened:
        opened.seek(7)
        pieces = [body[start : start + 70_000] for start in range(0, size, 70_000)]
        contents = {
            "a": body,
            "b": io.BytesIO(body),
            "c": blocks(),
            "d": opened,
            "e": (memoryview(piece) for piece in pieces),
            "f": pieces,
        }
        for name, content in contents.items():
            assert await drive.read(await drive.upload(content, name=name)) == body  # type: ignore[arg-type]
    assert await names_in(drive) == list(contents)


async def test_content_of_another_type_is_refused_with_the_types_that_are_accepted(
    drive: AsyncDrive, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("text")

    async def texts() -> AsyncIterator[str]:
        yield "text"

    with (tmp_path / "text").open() as opened:
        for content, message in (
            (
                5,
                r"a path \(str or Path\), bytes, an open binary file, or an iterable .* of bytes, not int",
            ),
            (opened, "open it with mode 'rb'"),
            (io.StringIO("text"), "open it with mode 'rb'"),
            (["text"], "yields str instead of bytes"),
            (texts(), "yields str instead of bytes"),
        ):
            with pytest.raises(TypeError, match=message):
                await drive.upload(content, name="a")  # type: ignore[arg-type]
    assert await names_in(drive) == []


async def test_the_root_cannot_be_changed(drive: AsyncDrive) -> None:
    for change in (drive.trash("/"), drive.trash(ROOT), drive.update("/", name="a"), drive.move("/", "/a")):
        with pytest.raises(ValueError, match="/ is the root folder"):
            await change
    with pytest.raises(ValueError, match="give an id"):
        await drive.restore("/a.txt")


async def test_folders_and_files_are_found_by_path(drive: AsyncDrive) -> None:
    deep = await drive.make_folder("/a/b/c", parents=True)
    assert await drive.make_folder("/a/b/c", parents=True) == deep
    assert await drive.resolve("/a/b/c/") == deep
    assert await drive.resolve("/") == ROOT
    with pytest.raises(Conflict) as raised:
        await drive.make_folder("/a")
    assert raised.value.code == "name_taken"
    with pytest.raises(NotFound):
        await drive.make_folder("/none/x")
    file = await drive.upload(b"x", "/a/b/c", "zo\u00eb.txt")
    # The same name in another Unicode form.
    assert await drive.resolve("/a/b/c/zoe\u0308.txt") == file
    for missing in ("/a/x", "/a/b/c/zo\u00eb.txt/deeper"):
        with pytest.raises(NotFound):
            await drive.resolve(missing)


async def test_a_file_is_moved_renamed_trashed_and_restored(drive: AsyncDrive) -> None:
    await drive.make_folder("/old")
    await drive.make_folder("/new")
    file = await drive.upload(b"x", "/old", "a.txt")
    moved = await drive.move("/old/a.txt", "/new")
    assert (await drive.resolve("/new/a.txt")).id == file.id == moved.id
    await drive.move("/new/a.txt", "/b.txt")
    assert await names_in(drive) == ["b.txt", "new", "old"]
    with pytest.raises(Conflict):
        await drive.trash("/b.txt", etag=file.etag)
    await drive.trash("/b.txt")
    assert [trashed.id async for trashed in drive.trashed()] == [file.id]
    assert (await drive.restore(file.id)).name == "b.txt"
    assert await drive.read("/b.txt") == b"x"


async def test_a_search_finds_files_by_name(drive: AsyncDrive) -> None:
    reports = await drive.make_folder("/Reports")
    file = await drive.upload(b"12345", reports, "Résumé.txt", content_type="text/plain")
    assert [(found.path, found.id, found.size) async for found in drive.search("resmue")] == [
        ("/Reports/Résumé.txt", file.id, 5)
    ]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    limits = {
        "folder": reports,
        "kind": "file",
        "type": "document",
        "size": (5, 5),
        "modified": (now - hour, now + hour),
    }
    assert [found.name async for found in drive.search("resume", **limits)] == ["Résumé.txt"]  # type: ignore[arg-type]
    assert [found async for found in drive.search("resume", modified=(now + hour, None))] == []
    with pytest.raises(ValueError, match="time zone"):
        await anext(drive.search("a", modified=(datetime(2026, 1, 1), None)))


async def test_versions_copies_and_instant_uploads(drive: AsyncDrive) -> None:
    file = await drive.upload(b"first", name="a.txt")
    await drive.upload(b"second", name="a.txt", on_conflict="replace")
    new, old = [version async for version in drive.versions("/a.txt")]
    assert (new.current, new.size, old.current, old.size) == (True, 6, False, 5)
    assert (await drive.version_link("/a.txt", old.id)).size == 5
    restored = await drive.restore_version("/a.txt", old.id)
    assert (restored.id, await drive.read("/a.txt")) == (file.id, b"first")
    assert [change.what async for change in drive.activity("/a.txt")] == ["content", "content", "created"]
    await drive.delete_version("/a.txt", new.id)
    with pytest.raises(Conflict):
        await drive.delete_version("/a.txt", restored.version_id or "")
    with pytest.raises(NotFound):
        await drive.version_link("/a.txt", new.id)
    await drive.make_folder("/to")
    assert (await drive.copy("/a.txt", "/to")).name == "a.txt"
    assert (await drive.copy("/a.txt", "/to/b.txt")).name == "b.txt"
    copies = await drive.copy_all(["/a.txt", "/to"], "/")
    assert [copy.name for copy in copies if isinstance(copy, File)] == ["a (1).txt", "to (1)"]
    assert await names_in(drive, "/to (1)") == ["a.txt", "b.txt"]
    sent: list[int] = []
    upload = await drive.send(b"first", name="again", progress=lambda done, total: sent.append(done))
    assert (upload.status, upload.url, sent[-1]) == ("complete", None, 5)
    assert await drive.read("/again") == b"first"


async def test_an_archive_is_downloaded_as_one_file(drive: AsyncDrive, tmp_path: Path) -> None:
    folder = await drive.make_folder("/folder")
    large = os.urandom(3 * 2**20)
    await drive.upload(b"hello", folder, name="a.txt")
    file = await drive.upload(large, name="large.bin")
    progress: list[tuple[int, int]] = []
    target = tmp_path / "all.zip"
    await drive.download_archive([folder, file], target, progress=lambda done, total: progress.append((done, total)))
    with zipfile.ZipFile(target) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == {
            "folder/": b"", "folder/a.txt": b"hello", "large.bin": large,
        }  # fmt: skip
    assert progress[-1] == (target.stat().st_size, target.stat().st_size)
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(FileExistsError):
        await drive.download_archive([folder], target)
    archive = await drive.archive([file], name="x")
    assert archive.size == len(large) + 150
    await drive.download_archive(archive, tmp_path / "x.zip")
    assert (tmp_path / "x.zip").stat().st_size == archive.size
    assert archive.url not in repr(archive)
    with pytest.raises(NotFound):
        await drive.archive([str(uuid4())])


async def test_a_listing_continues_over_pages(drive: AsyncDrive) -> None:
    folder = await drive.make_folder("/many")
    await asyncio.gather(*(drive.make_folder_in(folder, f"{number:04}") for number in range(1005)))
    assert await names_in(drive, "/many") == [f"{number:04}" for number in range(1005)]
    assert (await drive.resolve("/many/1004")).name == "1004"


async def test_on_conflict_decides_what_happens_to_a_taken_name(drive: AsyncDrive) -> None:
    await drive.upload(b"one", name="a.txt", on_conflict="fail")
    with pytest.raises(Conflict):
        await drive.upload(b"two", name="a.txt", on_conflict="fail")
    assert (await drive.upload(b"two", name="a.txt", on_conflict="rename")).name == "a (1).txt"
    await drive.upload(b"three", name="a.txt", on_conflict="replace")
    assert await drive.read("/a.txt") == b"three"


async def test_a_link_works_without_a_login_and_its_repr_hides_the_url(
    drive: AsyncDrive, http: httpx.AsyncClient
) -> None:
    await drive.upload(b"shared", name="a.txt")
    link = await drive.link("/a.txt")
    assert (await http.get(link.url)).content == b"shared"
    assert link.url not in repr(link)


async def test_concurrent_requests_refresh_an_expired_token_once(new_drive: NewDrive) -> None:
    token_store = MemoryTokenStore()
    drive = await new_drive(token_store)
    email = await log_in_new_user(drive)
    old_tokens = token_store.load()
    assert old_tokens is not None
    token_store.save(Tokens("an.expired.token", old_tokens.refresh_token))
    other_drive = await new_drive(token_store)
    # A second refresh with the same token would end the session.
    accounts = await asyncio.gather(*(other_drive.me() for _ in range(8)))
    assert {account.email for account in accounts} == {email}
    new_tokens = token_store.load()
    assert new_tokens is not None
    assert new_tokens.refresh_token != old_tokens.refresh_token
    # The first drive still has the old tokens in memory, and takes the new ones from the store.
    assert (await drive.me()).email == email


async def test_the_end_of_a_session_deletes_the_tokens(new_drive: NewDrive) -> None:
    token_store = MemoryTokenStore(Tokens("an.expired.token", "no refresh token"))
    drive = await new_drive(token_store)
    with pytest.raises(Unauthenticated, match="the session has ended: log in again"):
        await drive.me()
    assert token_store.load() is None
    with pytest.raises(Unauthenticated, match="there is no login"):
        await drive.me()
    await drive.log_out()


async def test_a_wrong_code_does_not_refresh_the_session(new_drive: NewDrive) -> None:
    token_store = MemoryTokenStore()
    drive = await new_drive(token_store)
    await log_in_new_user(drive)
    tokens = token_store.load()
    secret = pyotp.TOTP((await drive.begin_second_factor()).secret)
    now = datetime.now(UTC)
    valid = {secret.at(now, counter_offset=offset) for offset in range(-5, 6)}
    wrong = next(code for code in map("{:06}".format, range(20)) if code not in valid)
    with pytest.raises(Unauthenticated) as raised:
        await drive.confirm_second_factor(wrong)
    assert raised.value.code == "invalid_code"
    # The request was sent once: a client that refreshes sends it again.
    assert token_store.load() == tokens


async def test_passkeys_are_listed_renamed_and_removed(new_drive: NewDrive, site: Site) -> None:
    drive = await new_drive(MemoryTokenStore())
    email = await log_in_new_user(drive)
    async with httpx.AsyncClient() as http:
        user = Client(http, site.server)
        user.email, user.password = email, PASSWORD
        await add_local_passkey(await user.log_in(), "my phone")
    (passkey,) = await drive.passkeys()
    assert (passkey.name, passkey.last_used_at, passkey.is_synced) == ("my phone", None, False)
    assert await drive.rename_passkey(passkey.id, "key ring") == msgspec.structs.replace(passkey, name="key ring")
    with pytest.raises(Unauthenticated) as refused:
        await drive.remove_passkey(passkey.id, "a wrong password")
    assert refused.value.code == "invalid_credentials"
    await drive.remove_passkey(passkey.id, PASSWORD)
    assert await drive.passkeys() == []
    with pytest.raises(NotFound):
        await drive.remove_passkey(passkey.id, PASSWORD)


async def test_log_out_ends_the_session_on_the_server(new_drive: NewDrive) -> None:
    token_store = MemoryTokenStore()
    drive = await new_drive(token_store)
    await log_in_new_user(drive)
    tokens = token_store.load()
    assert tokens is not None
    await drive.log_out()
    assert token_store.load() is None
    token_store.save(Tokens("an.expired.token", tokens.refresh_token))
    with pytest.raises(Unauthenticated):
        await (await new_drive(token_store)).me()


FORK = """
import os, sys
from drivebay.client import Drive
drive = Drive("http://127.0.0.1:1")
child = os.fork()
if not child:
    for call in (drive.me, lambda: list(drive.files())):
        try:
            call()
        except RuntimeError as error:
            print(error, flush=True)
    drive.close()
    os._exit(0)
os.waitpid(child, 0)
drive.close()
print("closed")
"""


def test_a_drive_refuses_calls_in_a_forked_process() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, timeout=60, check=True
    )
    message = "this Drive belongs to the process that created it: create one in each process"
    assert result.stdout.splitlines() == [message, message, "closed"]


def test_a_closed_drive_refuses_calls() -> None:
    with Drive("http://127.0.0.1:1") as drive:
        pass
    with pytest.raises(RuntimeError, match="this Drive is closed"):
        drive.me()
    with pytest.raises(RuntimeError, match="this Drive is closed"):
        list(drive.files())


def test_drive_has_the_methods_and_signatures_of_async_drive() -> None:
    def signature(method: object) -> str:
        # Only the type of an iterator differs.
        text = str(inspect.signature(method))  # type: ignore[arg-type]
        return re.sub(r"AsyncGenerator\[(\w+), None\]", r"Iterator[\1]", text)

    def methods(kind: type) -> dict[str, tuple[str, str | None]]:
        return {
            name: (signature(method), None if name == "close" else method.__doc__)
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(Drive) == methods(AsyncDrive)
    options = inspect.signature(AsyncDrive).parameters.keys() - {"now"}
    assert inspect.signature(Drive).parameters.keys() == options


async def test_members_work_in_a_shared_drive(new_drive: NewDrive, site: Site) -> None:
    manager, member = await new_drive(), await new_drive()
    email = await log_in_new_user(member)
    await log_in_new_user(manager)
    team = await manager.create_drive("Team")
    assert [drive.name async for drive in manager.drives()] == ["Personal", "Team"]
    assert await manager.drive(team.id) == team
    added = await manager.set_member(team.id, email, "viewer")
    assert (added.email, added.role) == (email, Role.VIEWER)
    manager.use_drive(team.id)
    member.use_drive(team.id)
    file = await manager.upload(b"hello", name="a.txt")
    large = await manager.upload(b"x" * 20_000_000, name="b.bin")
    assert await names_in(member) == ["a.txt", "b.bin"]
    assert await member.read("/a.txt") == b"hello"
    assert (await member.file(large.id)).size == 20_000_000
    with pytest.raises(Forbidden):
        await member.upload(b"hello", name="c.txt")
    assert await manager.set_member(team.id, added.user_id, Role.EDITOR) == Member(
        added.user_id, Role.EDITOR, email, None
    )
    assert (await member.upload(b"hello", name="c.txt")).name == "c.txt"
    member.use_drive(None)
    assert await names_in(member) == []
    with pytest.raises(NotFound):
        await member.file(file.id)
    assert {each.email for each in await manager.members(team.id)} == {email, (await manager.me()).email}
    assert (await manager.rename_drive(team.id, "Crew")).name == "Crew"
    await manager.remove_member(team.id, added.user_id)
    with pytest.raises(NotFound):
        await member.drive(team.id)
    await manager.delete_drive(team.id)
    with pytest.raises(NotFound):
        await names_in(manager)


async def test_a_shared_item_is_used_by_paths_below_it(new_drive: NewDrive) -> None:
    owner, guest = await new_drive(), await new_drive()
    email = await log_in_new_user(guest)
    await log_in_new_user(owner)
    folder = await owner.make_folder("/a/b", parents=True)
    file = await owner.upload(b"hello", folder, name="c.txt")
    given = await owner.share("/a/b", email)
    assert (given.email, given.role, given.inherited_from) == (email, Role.VIEWER, None)
    assert await owner.permissions(file) == [msgspec.structs.replace(given, inherited_from=folder.id)]
    (item,) = [item async for item in guest.shared_with_me()]
    assert (item.id, item.parent_id, item.role, item.shared_by) == (folder.id, None, "viewer", (await owner.me()).id)

    guest.use_shared_item(item)
    assert await names_in(guest) == ["c.txt"]
    assert await guest.read("/c.txt") == b"hello"
    with pytest.raises(NotFound):
        await guest.resolve("/a/b/c.txt")
    for refused in (guest.upload(b"x", name="d.txt"), guest.make_folder("/x/y", parents=True)):
        with pytest.raises(Forbidden):
            await refused
    await owner.share(folder, given.user_id, Role.EDITOR)
    made = await guest.make_folder("/x/y", parents=True)
    assert made == await guest.make_folder("/x/y", parents=True)
    moved = await guest.move("/c.txt", "/x")
    assert (moved.id, (await owner.resolve("/a/b/x/c.txt")).id) == (file.id, file.id)
    with pytest.raises(Forbidden):
        await guest.trash(folder)
    await guest.unshare(folder, given.user_id)
    with pytest.raises(NotFound):
        await guest.file(file.id)
    with pytest.raises(NotFound):
        await owner.unshare(folder, given.user_id)
    guest.use_drive(None)
    assert [item async for item in guest.shared_with_me()] == []
    assert await names_in(guest) == []


async def test_a_link_lists_downloads_and_uploads_without_a_login(drive: AsyncDrive, tmp_path: Path) -> None:
    folder = await drive.make_folder("/shared/inner", parents=True)
    content = os.urandom(100_000)
    await drive.upload(content, folder, "a.bin")
    made = await drive.create_link("/shared", "editor", name="team", password="sesame", max_downloads=5)
    assert made.url
    assert made.url not in repr(made)
    async with AsyncPublicLink(made.url, retry_policy=FAST_RETRIES) as link:
        with pytest.raises(Unauthenticated) as refused:
            await link.info()
        assert refused.value.code == "password_required"
        with pytest.raises(Unauthenticated):
            await link.unlock("wrong")
        await link.unlock("sesame")
        info = await link.info()
        assert (info.name, info.is_folder, info.role) == ("shared", True, "editor")
        (inner,) = [file async for file in link.files()]
        (file,) = [file async for file in link.files(inner)]
        assert await link.download(tmp_path, file) == tmp_path / "a.bin"
        assert (tmp_path / "a.bin").read_bytes() == content
        with pytest.raises(FileExistsError):
            await link.download(tmp_path, file)
        await link.download(tmp_path, file, overwrite=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin"]
        await link.download_archive(tmp_path / "all.zip")
        with zipfile.ZipFile(tmp_path / "all.zip") as opened:
            assert opened.namelist() == ["shared/", "shared/inner/", "shared/inner/a.bin"]
            assert opened.read("shared/inner/a.bin") == content
        with pytest.raises(FileExistsError):
            await link.download_archive(tmp_path / "all.zip", [file])
        assert (await link.upload(b"hello", "b.txt", inner)).status == "complete"
    assert await drive.read("/shared/inner/b.txt") == b"hello"
    (listed,) = [each async for each in drive.links("/shared")]
    assert (listed.id, listed.url, listed.downloads) == (made.id, None, 3)
    changed = await drive.update_link(made.id, password=None, max_downloads=None)
    assert (changed.has_password, changed.max_downloads, changed.name) == (False, None, "team")

    def use() -> list[str]:
        with PublicLink(made.url or "") as link:
            return [file.name for file in link.files()]

    assert await asyncio.to_thread(use) == ["inner"]
    await drive.delete_link(made.id)
    assert [each async for each in drive.links()] == []
    async with AsyncPublicLink(made.url) as link:
        with pytest.raises(NotFound):
            await link.info()
    for wrong in ("nothing", "https://drive.example.com/", "ftp://a/s/b"):
        with pytest.raises(ValueError, match="URL of a link"):
            AsyncPublicLink(wrong)


async def test_a_broken_download_of_a_link_is_resumed(site: Site, drive: AsyncDrive, tmp_path: Path) -> None:
    content = random_bytes(40 * MIB + 7)
    file = await drive.upload(content, name="big.bin")
    made = await drive.create_link(file.id, password="sesame")
    target = tmp_path / "big.bin"
    async with AsyncPublicLink(made.url or "", retry_policy=FAST_RETRIES) as link:
        await link.unlock("sesame")
        cuts: list[int] = []

        def interrupt(done: int, _: int) -> None:
            if done > 2 * MIB and not cuts:
                cuts.append(done)
                site.store.cut()  # the same call continues
            elif done > 30 * MIB:
                task.cancel()

        task = asyncio.create_task(link.download(target, progress=interrupt))
        with pytest.raises(asyncio.CancelledError):
            await task
        # The owner sets the password again, so the session has ended as it does after an hour.
        await drive.update_link(made.id, password="sesame")
        before = site.store.passed
        assert await link.download(target) == target
        assert target.read_bytes() == content
        assert site.store.passed - before < len(content)  # the finished ranges were not fetched again
        await drive.update_link(made.id, password="another")
        for code in ("invalid_credentials", "password_required"):
            with pytest.raises(Unauthenticated) as caught:
                await link.info()
            assert caught.value.code == code
    assert [path.name for path in tmp_path.iterdir()] == ["big.bin"]


async def test_the_synchronous_drive_transfers_and_lists_files(site: Site, tmp_path: Path) -> None:
    def run_script() -> None:
        with Drive(site.server) as drive:
            email = f"{uuid4().hex}@example.com"
            drive.sign_up(email, PASSWORD)
            drive.log_in(email, PASSWORD)
            drive.make_folder("/a")
            (tmp_path / "x.bin").write_bytes(b"x" * 100_000)
            file = drive.upload(tmp_path / "x.bin", "/a")
            assert [found.name for found in drive.files("/a")] == ["x.bin"]
            assert b"".join(drive.stream(file)) == b"x" * 100_000
            drive.download("/a/x.bin", tmp_path / "y.bin")
            assert (tmp_path / "y.bin").read_bytes() == b"x" * 100_000
            with pytest.raises(NotFound):
                drive.resolve("/none")
            for found in drive.files("/"):
                assert found.name == "a"
                break  # an iterator may be abandoned
        drive.close()

    await asyncio.to_thread(run_script)


async def test_changes_are_followed_across_a_lost_connection(site: Site, drive: AsyncDrive) -> None:
    start = (await drive.changes()).next_cursor
    assert (await drive.changes(start)).items == []
    followed = aiter(drive.follow(start))
    folder = await drive.make_folder("/folder")
    first = await anext(followed)
    assert (first.what, first.file_id, first.file) == ("created", folder.id, folder)
    waiting = asyncio.ensure_future(anext(followed))
    await asyncio.sleep(0.2)
    site.api.cut()
    await drive.trash(folder)
    second = await waiting
    assert (second.what, second.file_id) == ("trashed", folder.id)
    await followed.aclose()  # type: ignore[attr-defined]
    assert [change.what for change in (await drive.changes(first.cursor)).items] == ["trashed"]


async def test_a_webhook_is_created_changed_and_deleted_and_its_repr_hides_the_secret(drive: AsyncDrive) -> None:
    url = "https://example.com/hook"
    made = await drive.create_webhook(url, what=["created"])
    assert made.secret
    assert made.secret not in repr(made)
    (listed,) = [each async for each in drive.webhooks()]
    assert (listed.id, listed.secret, listed.what) == (made.id, None, ["created"])
    changed = await drive.update_webhook(made.id, what=None, disabled=True)
    assert (changed.url, changed.what, changed.disabled) == (url, None, True)
    assert (await drive.webhook(made.id)) == changed
    assert [each async for each in drive.webhook_deliveries(made.id)] == []
    with pytest.raises(NotFound):
        await drive.redeliver(made.id, made.id)
    await drive.delete_webhook(made.id)
    with pytest.raises(NotFound):
        await drive.webhook(made.id)


async def make_large_folder(drive: AsyncDrive) -> None:
    """Make `/large`, whose copy is too large for one request."""
    folder = await drive.make_folder("/large/middle/x", parents=True)
    await drive.copy_all([folder] * 33, "/large/middle")
    await drive.copy_all(["/large/middle"] * 33, "/large")


@pytest.mark.slow
async def test_a_large_folder_is_copied_by_a_job(drive: AsyncDrive) -> None:
    await make_large_folder(drive)
    size = await drive.size("/large")
    states: list[Job] = []
    copy = await drive.copy("/large", "/copy", progress=states.append)
    assert (copy.name, await drive.size(copy)) == ("copy", size)
    assert (states[-1].status, states[-1].done, states[-1].result) == ("done", size.folders + 1, copy)
    assert [state.done for state in states] == sorted(state.done for state in states)
    started = await drive.start_copy("/large", "/other")
    assert isinstance(started, Job)
    assert await drive.wait_for_job(started) == await drive.resolve("/other")
    await drive.cancel_job(started.id)
    assert (await drive.job(started.id)).status == "done"
    assert isinstance(await drive.start_copy("/large/middle/x", "/small"), File)
    (failed,) = await drive.copy_all(["/large"], "/other")
    assert isinstance(failed, ApiError)
    assert failed.code == "too_large"
    with pytest.raises(NotFound):
        await drive.wait_for_job(started.drive_id)


async def test_files_and_folders_are_copied_into_another_drive(drive: AsyncDrive) -> None:
    team = await drive.create_drive("Team")
    await drive.make_folder("/reports")
    file = await drive.upload(b"hello", "/reports", "a.txt")
    copy = await drive.copy("/reports/a.txt", "/b.txt", drive_id=team.id)
    assert (copy.name, copy.drive_id, copy.sha256) == ("b.txt", team.id, file.sha256)
    states: list[Job] = []
    folder = await drive.copy("/reports", "/", drive_id=team.id, progress=states.append)
    assert (folder.name, folder.drive_id) == ("reports", team.id)
    assert (states[-1].drive_id, states[-1].done_bytes, states[-1].total_bytes) == (team.id, 5, 5)
    inside = await drive.copy(file, folder.id, drive_id=team.id)
    assert (inside.name, inside.parent_id) == ("a (1).txt", folder.id)
    assert await drive.resolve("/reports/a (1).txt", team.id) == inside
    with pytest.raises(NotFound):
        await drive.copy("/reports", "/no/folder", drive_id=team.id)
    drive.use_drive(team.id)
    assert sorted(await names_in(drive, "/")) == ["b.txt", "reports"]
    assert await drive.read("/b.txt") == b"hello"
    (own,) = [each async for each in drive.drives() if each.kind == "personal"]
    assert (await drive.copy("/b.txt", "/back.txt", drive_id=own.id)).drive_id == own.id


async def test_a_job_that_ends_without_a_copy_raises_its_error(drive: AsyncDrive) -> None:
    await make_large_folder(drive)
    # The jobs of a drive take turns, so the last ones have not been run when they are changed.
    started = [await drive.start_copy("/large", f"/copy {number}") for number in range(5)]
    jobs = [job for job in started if isinstance(job, Job)]
    *_, cancelled, failing = jobs
    await drive.cancel_job(cancelled.id)
    with pytest.raises(Conflict, match="cancelled"):
        await drive.wait_for_job(cancelled.id)
    await drive.trash("/large")
    with pytest.raises(NotFound):
        await drive.wait_for_job(failing)
    assert (await drive.job(failing.id)).status == "failed"
    assert {"copy 3", "copy 4"}.isdisjoint(await names_in(drive, "/"))
