"""What a program does with its user's files, against a real Drivebay."""

import asyncio
import hashlib
import inspect
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from drivebay.client import (
    ROOT,
    AsyncDrive,
    Conflict,
    Drive,
    InMemory,
    NotFound,
    Tokens,
    Unauthenticated,
)

from .conftest import NewDrive, Site
from .shell import PASSWORD


async def names(drive: AsyncDrive, folder: str = "/") -> list[str]:
    return [file.name async for file in drive.files(folder)]


async def test_a_file_goes_there_and_comes_back(drive: AsyncDrive, tmp_path: Path) -> None:
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
    me = await drive.me()
    assert me.usage is not None
    assert (me.usage.used_bytes, me.usage.file_count) == (16, 1)


@pytest.mark.parametrize("size", [0, 1, 300_000])
async def test_bytes_files_and_iterators_are_content(drive: AsyncDrive, size: int, tmp_path: Path) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 70_000):
            yield body[start : start + 70_000]

    (tmp_path / "file").write_bytes(b"skipped" + body)
    with (tmp_path / "file").open("rb") as opened:
        opened.seek(7)
        for name, content in (("a", body), ("b", io.BytesIO(body)), ("c", pieces()), ("d", opened)):
            assert await drive.read(await drive.upload(content, name=name)) == body
    assert await names(drive) == ["a", "b", "c", "d"]


async def test_folders_are_named_by_paths(drive: AsyncDrive) -> None:
    deep = await drive.make_folder("/a/b/c", parents=True)
    assert await drive.make_folder("/a/b/c", parents=True) == deep
    assert await drive.resolve("/a/b/c/") == deep
    assert await drive.resolve("/") == ROOT
    with pytest.raises(Conflict) as taken:
        await drive.make_folder("/a")
    assert taken.value.code == "name_taken"
    with pytest.raises(NotFound):
        await drive.make_folder("/none/x")
    file = await drive.upload(b"x", "/a/b/c", "zo\u00eb.txt")
    # The same letters, composed otherwise.
    assert await drive.resolve("/a/b/c/zoe\u0308.txt") == file
    for missing in ("/a/x", "/a/b/c/zo\u00eb.txt/deeper"):
        with pytest.raises(NotFound):
            await drive.resolve(missing)


async def test_files_move_are_renamed_trashed_and_restored(drive: AsyncDrive) -> None:
    await drive.make_folder("/old")
    await drive.make_folder("/new")
    file = await drive.upload(b"x", "/old", "a.txt")
    moved = await drive.move("/old/a.txt", "/new")
    assert (await drive.resolve("/new/a.txt")).id == file.id == moved.id
    await drive.move("/new/a.txt", "/b.txt")
    assert await names(drive) == ["b.txt", "new", "old"]
    with pytest.raises(Conflict):
        await drive.trash("/b.txt", etag=file.etag)
    await drive.trash("/b.txt")
    assert [each.id async for each in drive.trashed()] == [file.id]
    assert (await drive.restore(file.id)).name == "b.txt"
    assert await drive.read("/b.txt") == b"x"


async def test_a_listing_goes_on_over_pages(drive: AsyncDrive, http: httpx.AsyncClient) -> None:
    folder = await drive.make_folder("/many")
    await asyncio.gather(*(drive.make_folder_in(folder, f"{number:04}") for number in range(1005)))
    assert await names(drive, "/many") == [f"{number:04}" for number in range(1005)]
    assert (await drive.resolve("/many/1004")).name == "1004"


async def test_taken_names_are_what_the_caller_says(drive: AsyncDrive) -> None:
    await drive.upload(b"one", name="a.txt", on_conflict="fail")
    with pytest.raises(Conflict):
        await drive.upload(b"two", name="a.txt", on_conflict="fail")
    assert (await drive.upload(b"two", name="a.txt", on_conflict="rename")).name == "a (1).txt"
    await drive.upload(b"three", name="a.txt", on_conflict="replace")
    assert await drive.read("/a.txt") == b"three"


async def test_a_link_is_good_for_anybody_and_shown_in_no_repr(drive: AsyncDrive, http: httpx.AsyncClient) -> None:
    await drive.upload(b"shared", name="a.txt")
    link = await drive.link("/a.txt")
    assert (await http.get(link.url)).content == b"shared"
    assert link.url not in repr(link)


async def test_an_expired_token_is_traded_once_for_all(site: Site, new_drive: NewDrive) -> None:
    session = InMemory()
    drive = await new_drive(session)
    await drive.sign_up(email := f"{uuid4().hex}@example.com", PASSWORD)
    await drive.log_in(email, PASSWORD)
    good = session.tokens()
    assert good is not None
    session.keep(Tokens("an.expired.token", good.refresh_token))
    other = await new_drive(session)
    # Were it traded more than once, the server would end the session.
    answers = await asyncio.gather(*(other.me() for _ in range(8)))
    assert {each.email for each in answers} == {email}
    fresh = session.tokens()
    assert fresh is not None
    assert fresh.refresh_token != good.refresh_token
    # Who had the old tokens in memory takes the new ones where they are kept.
    assert (await drive.me()).email == email


async def test_a_session_that_has_ended_says_so(new_drive: NewDrive) -> None:
    session = InMemory(Tokens("an.expired.token", "no refresh token"))
    drive = await new_drive(session)
    with pytest.raises(Unauthenticated):
        await drive.me()
    assert session.tokens() is None
    with pytest.raises(Unauthenticated, match="nobody is logged in"):
        await drive.me()
    await drive.log_out()


async def test_logging_out_ends_the_session_there_too(new_drive: NewDrive) -> None:
    session = InMemory()
    drive = await new_drive(session)
    await drive.sign_up(email := f"{uuid4().hex}@example.com", PASSWORD)
    await drive.log_in(email, PASSWORD)
    tokens = session.tokens()
    assert tokens is not None
    await drive.log_out()
    assert session.tokens() is None
    session.keep(Tokens("an.expired.token", tokens.refresh_token))
    with pytest.raises(Unauthenticated):
        await (await new_drive(session)).me()


def test_what_is_asked_of_a_closed_drive_is_refused() -> None:
    with Drive("http://127.0.0.1:1") as drive:
        pass
    with pytest.raises(RuntimeError, match="this drive is closed"):
        drive.me()
    with pytest.raises(RuntimeError, match="this drive is closed"):
        list(drive.files())


def test_the_plain_face_has_every_method_of_the_other() -> None:
    def shape(method: object) -> str:
        # One yields where the other iterates; all else is the same.
        signature = str(inspect.signature(method))  # type: ignore[arg-type]
        return re.sub(r"AsyncGenerator\[(\w+), None\]", r"Iterator[\1]", signature)

    def methods(kind: type) -> dict[str, str]:
        return {
            name: shape(method)
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(Drive) == methods(AsyncDrive)


async def test_scripts_need_no_await(site: Site, tmp_path: Path) -> None:
    def script() -> None:
        with Drive(site.server) as drive:
            email = f"{uuid4().hex}@example.com"
            drive.sign_up(email, PASSWORD)
            drive.log_in(email, PASSWORD)
            drive.make_folder("/a")
            (tmp_path / "x.bin").write_bytes(b"x" * 100_000)
            file = drive.upload(tmp_path / "x.bin", "/a")
            assert [each.name for each in drive.files("/a")] == ["x.bin"]
            assert b"".join(drive.stream(file)) == b"x" * 100_000
            drive.download("/a/x.bin", tmp_path / "y.bin")
            assert (tmp_path / "y.bin").read_bytes() == b"x" * 100_000
            with pytest.raises(NotFound):
                drive.resolve("/none")
            for each in drive.files("/"):
                assert each.name == "a"
                break  # an iterator may be left
        drive.close()

    await asyncio.to_thread(script)
