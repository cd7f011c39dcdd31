"""Many small files at once: few requests, each its own fate, and no name held by what came to nothing."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest

from drivebay.client import (
    AsyncDrive,
    Begun,
    Conflict,
    InMemory,
    NetworkError,
    NotFound,
    OnConflict,
    Patience,
    Response,
)
from drivebay.client.httpx_network import HttpxNetwork
from drivebay.client.network import Body

from .conftest import NewDrive, Site
from .kept import Kept, random_bytes


class Counting:
    """A network that counts what is asked of the API, by method and path without ids."""

    def __init__(self, api: str) -> None:
        self._inner = HttpxNetwork(32)
        self._api = api
        self.asked: Counter[str] = Counter()

    def open(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = b""
    ) -> AbstractAsyncContextManager[Response]:
        if url.startswith(self._api):
            self.asked[f"{method} {urlsplit(url).path}"] += 1
        return self._inner.open(method, url, headers, body)

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture
def network(site: Site) -> Counting:
    return Counting(site.server)


@pytest.fixture
async def drive(new_drive: NewDrive, network: Counting) -> AsyncDrive:
    return await new_drive(network=network)


async def reserved(drive: AsyncDrive) -> int:
    usage = (await drive.me()).usage
    assert usage is not None
    return usage.reserved_bytes


async def test_files_sent_at_once_share_their_requests(drive: AsyncDrive, network: Counting, tmp_path: Path) -> None:
    folder = await drive.make_folder("/many")
    bodies = {f"{number}.bin": random_bytes(number * 700, seed=number) for number in range(60)}
    for name, body in bodies.items():
        (tmp_path / name).write_bytes(body)
    network.asked.clear()
    await asyncio.gather(*(drive.send(tmp_path / name, folder) for name in bodies))
    assert set(network.asked) == {"POST /v1/uploads/batch", "POST /v1/uploads/batch/complete"}
    assert network.asked.total() <= 30
    files = [file async for file in drive.files(folder)]
    network.asked.clear()
    back = tmp_path / "back"
    back.mkdir()
    await asyncio.gather(*(drive.download(file, back) for file in files))
    assert {path.name: path.read_bytes() for path in back.iterdir()} == bodies
    assert network.asked.total() <= 15


async def test_one_that_is_refused_is_refused_alone(drive: AsyncDrive) -> None:
    await drive.send(b"first", name="there.txt")
    sent = await asyncio.gather(
        drive.send(b"other", name="there.txt", on_conflict=OnConflict.FAIL),
        drive.send(b"hello", name="good.txt", on_conflict=OnConflict.FAIL),
        drive.send(b"hello", name="a/b"),
        return_exceptions=True,
    )
    assert isinstance(sent[0], Conflict)
    assert sent[0].code == "name_taken"
    assert not isinstance(sent[1], BaseException)
    assert getattr(sent[2], "code", "") == "invalid_request"
    assert sorted([file.name async for file in drive.files()]) == ["good.txt", "there.txt"]


async def test_a_link_that_cannot_be_had_is_one_files_failure(drive: AsyncDrive, tmp_path: Path) -> None:
    files = [await drive.upload(b"hello", name=f"{number}.txt") for number in range(4)]
    await drive.trash(files[2])
    got = await asyncio.gather(*(drive.download(file, tmp_path) for file in files), return_exceptions=True)
    assert [type(each).__name__ for each in got] == ["File", "File", "NotFound", "File"]
    assert isinstance(got[2], NotFound)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "1.txt", "3.txt"]


async def test_files_that_cannot_be_had_here_are_their_own_failures(drive: AsyncDrive, tmp_path: Path) -> None:
    files = [await drive.upload(f"body {number}".encode(), name=f"{number}.txt") for number in range(3)]
    taken = tmp_path / "1.txt"
    taken.write_bytes(b"mine")
    got = await asyncio.gather(*(drive.download(file, tmp_path / file.name) for file in files), return_exceptions=True)
    assert [isinstance(each, FileExistsError) for each in got] == [False, True, False]
    assert (taken.read_bytes(), (tmp_path / "2.txt").read_bytes()) == (b"mine", b"body 2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "1.txt", "2.txt"]


async def test_uploads_that_are_given_up_before_they_were_begun_hold_no_name(drive: AsyncDrive, site: Site) -> None:
    site.api.delay = 0.3
    sending = [asyncio.create_task(drive.send(b"hello", name=f"{number}.txt")) for number in range(20)]
    await asyncio.sleep(0.1)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    site.heal()
    await drive._beginnings.close()
    assert await reserved(drive) == 0
    await asyncio.gather(
        *(drive.send(b"hello", name=f"{number}.txt", on_conflict=OnConflict.FAIL) for number in range(20))
    )


async def test_what_an_ended_process_began_is_given_up_by_the_next(new_drive: NewDrive, site: Site) -> None:
    session, kept = InMemory(), Kept()
    before = await new_drive()
    session.keep(await before._http.logged_in())
    drive = await new_drive(session=session, resume=kept, patience=Patience(seconds=0.3, first=0.02))
    names = [f"{number}.txt" for number in range(3)]
    begun = Begun(uuid4().hex, site.server, msgspec.json.encode({"uploads": [intent(name) for name in names]}))
    never_sent = Begun(uuid4().hex, site.server, msgspec.json.encode({"uploads": [intent("d.txt")]}))
    spoilt = Begun(uuid4().hex, site.server, b'{"uploads": []}')
    await drive._beginnings._begin(begun)
    assert await reserved(drive) == 15
    kept.ended = [begun, never_sent, spoilt]
    site.api.refuse = True
    site.api.cut()
    with pytest.raises(NetworkError):
        await drive.send(b"hello", name="later.txt")
    site.heal()
    await asyncio.gather(*(drive.send(b"hello", name=name, on_conflict=OnConflict.FAIL) for name in names))
    assert await reserved(drive) == 0
    assert (kept.begun, kept.ended) == ({}, [])
    assert sorted([file.name async for file in drive.files()]) == names


def intent(name: str) -> dict[str, object]:
    return {"name": name, "size": 5, "content_type": "text/plain", "parent_id": "root", "on_conflict": "fail"}
