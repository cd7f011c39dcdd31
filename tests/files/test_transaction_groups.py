"""Concurrent calls for one owner share transactions, and each has the result that it would have alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, FileId
from drivebay.contract.storage import Capabilities, ObjectInfo, Storage
from drivebay.errors import Error, NameTaken, NotFound, QuotaExceeded, Unavailable
from drivebay.files.service import Service
from drivebay.files.transaction_groups import TransactionGroups

from .conftest import SETTINGS, Drive, gather_results, new_owner


class Transactions:
    """Records the items of each transaction. The items in `failing` fail it, and `gate` holds back its end."""

    def __init__(self, max_size: int = 100) -> None:
        self.groups = TransactionGroups(self._run_alone, self._run_group, max_size)
        self.done: list[list[str]] = []
        self.failing: dict[str, Exception] = {}
        self.gate = asyncio.Event()

    async def _run_alone(self, key: str, item: str) -> str:
        return (await self._run([item]))[0]

    async def _run_group(self, key: str, items: Sequence[str]) -> list[str | Error]:
        return [*await self._run(items)]

    async def _run(self, items: Sequence[str]) -> list[str]:
        self.done.append(list(items))
        await self.gate.wait()
        for item in items:
            if item in self.failing:
                raise self.failing[item]
        return [item.upper() for item in items]

    async def start(self, *items: str, key: str = "owner") -> list[asyncio.Task[str]]:
        """Start a call for each item, and return when all of them run or wait."""
        tasks = [asyncio.create_task(self.groups.run(key, item)) for item in items]
        await asyncio.sleep(0)
        return tasks


@pytest.fixture
async def transactions() -> Transactions:
    return Transactions()


async def test_calls_that_arrive_during_a_transaction_share_the_next_one(transactions: Transactions) -> None:
    tasks = await transactions.start("a", "b", "c", "d")
    assert transactions.done == [["a"]]
    transactions.gate.set()
    assert await asyncio.gather(*tasks) == ["A", "B", "C", "D"]
    assert transactions.done == [["a"], ["b", "c", "d"]]


async def test_a_call_for_another_key_does_not_wait(transactions: Transactions) -> None:
    tasks = [*await transactions.start("a"), *await transactions.start("b", key="another")]
    assert transactions.done == [["a"], ["b"]]
    transactions.gate.set()
    await asyncio.gather(*tasks)


async def test_a_call_for_an_idle_key_starts_at_once_again(transactions: Transactions) -> None:
    transactions.gate.set()
    for item in ("a", "b"):
        await asyncio.gather(*await transactions.start(item))
    assert transactions.done == [["a"], ["b"]]


async def test_a_group_has_a_largest_size() -> None:
    transactions = Transactions(max_size=2)
    tasks = await transactions.start("a", "b", "c", "d")
    transactions.gate.set()
    await asyncio.gather(*tasks)
    assert transactions.done == [["a"], ["b", "c"], ["d"]]


async def test_a_call_cancelled_while_it_waits_does_nothing(transactions: Transactions) -> None:
    first, second, third = await transactions.start("a", "b", "c")
    second.cancel()
    await asyncio.sleep(0)
    transactions.gate.set()
    assert await asyncio.gather(first, third) == ["A", "C"]
    assert transactions.done == [["a"], ["c"]]


async def test_a_call_cancelled_in_its_transaction_does_not_end_the_others(transactions: Transactions) -> None:
    first, second, third = await transactions.start("a", "b", "c")
    first.cancel()
    await asyncio.wait([first])
    await asyncio.sleep(0)
    assert transactions.done == [["a"], ["b", "c"]]
    second.cancel()
    await asyncio.wait([second])
    transactions.gate.set()
    assert await third == "C"


async def test_an_item_that_fails_its_group_fails_alone(transactions: Transactions) -> None:
    transactions.failing["c"] = ValueError("c")
    tasks = await transactions.start("a", "b", "c", "d")
    transactions.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [results[0], results[1], results[3]] == ["A", "B", "D"]
    assert isinstance(results[2], ValueError)
    assert transactions.done == [["a"], ["b", "c", "d"], ["b"], ["c"], ["d"]]


async def test_a_group_that_may_be_committed_does_not_run_again(transactions: Transactions) -> None:
    transactions.failing["c"] = Unavailable("down")
    tasks = await transactions.start("a", "b", "c")
    transactions.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [str, Unavailable, Unavailable]
    assert transactions.done == [["a"], ["b", "c"]]


class WatchedStorage:
    """A storage that counts the look-ups which have ended."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.looked_up = 0

    async def stat_staged(self, keys: tuple[str, ...]) -> tuple[ObjectInfo, ...]:
        found = await self._storage.stat_staged(keys)
        self.looked_up += 1
        return found

    async def get_capabilities(self) -> Capabilities:
        return await self._storage.get_capabilities()


@asynccontextmanager
async def owner_locked(drive: Drive) -> AsyncIterator[None]:
    """Hold the lock of the drive, as another process would."""
    async with drive.database.transaction() as tx:
        await tx.execute("INSERT INTO files.usage (owner_id) VALUES ($1) ON CONFLICT DO NOTHING", drive.owner)
        await tx.execute("SELECT FROM files.usage WHERE owner_id = $1 FOR UPDATE", drive.owner)
        yield


async def count_transactions(drive: Drive, table: str) -> int:
    sql = f"SELECT count(DISTINCT xmin::text) FROM files.{table} WHERE owner_id = $1"
    count: int = await drive.database.fetchval(sql, drive.owner)
    return count


async def begin_all(drive: Drive, *intents: c.UploadIntent) -> list[object]:
    """Begin all uploads at the same time, while another process holds the lock of the drive."""
    await drive.begin("first.txt")
    async with owner_locked(drive):
        tasks = [asyncio.create_task(drive.files.begin_upload(drive.access, intent)) for intent in intents]
        await asyncio.sleep(0)
    return await gather_results(*tasks)


def intent(name: str, size: int = 5, parent: FileId = ROOT, on_conflict: str = "rename") -> c.UploadIntent:
    return c.UploadIntent(name, size, "text/plain", parent, c.OnConflict(on_conflict))


async def test_concurrent_begins_of_one_owner_share_a_transaction(direct_drive: Drive) -> None:
    results = await begin_all(direct_drive, *[intent(f"{n}.txt") for n in range(10)])
    assert [result.name for result in results if isinstance(result, c.Upload)] == [f"{n}.txt" for n in range(10)]
    assert await count_transactions(direct_drive, "uploads") == 3  # the first, the next, and the nine that waited
    assert (await direct_drive.files.get_usage(direct_drive.access)).reserved_bytes == 55


async def test_each_begin_of_a_group_has_its_own_result(direct_drive: Drive) -> None:
    await direct_drive.upload_file("taken.txt")
    folder = await direct_drive.files.create_folder(direct_drive.access, ROOT, "folder")
    results = await begin_all(
        direct_drive,
        intent("alone.txt"),
        intent("good.txt"),
        intent("taken.txt", on_conflict="fail"),
        intent("taken.txt"),
        intent("lost.txt", parent=FileId(uuid7())),
        intent("inside.txt", parent=folder.id),
        intent("folder", on_conflict="replace"),
        intent("same.txt"),
        intent("same.txt"),
    )
    shown = [result.name if isinstance(result, c.Upload) else type(result) for result in results]
    assert shown == [
        "alone.txt",
        "good.txt",
        NameTaken,
        "taken (1).txt",
        NotFound,
        "inside.txt",
        NameTaken,
        "same.txt",
        "same (1).txt",
    ]


async def test_a_group_does_not_exceed_the_quota(direct_drive: Drive) -> None:
    size = SETTINGS.quota // 4
    results = await begin_all(direct_drive, *[intent(f"{n}.txt", size) for n in range(6)])
    assert [type(result) for result in results] == [c.Upload] * 3 + [QuotaExceeded] * 3


async def test_concurrent_begins_in_two_processes_respect_the_quota(direct_drive: Drive) -> None:
    other = Service(direct_drive.database, direct_drive.storage, SETTINGS, new_id=uuid7)
    size = SETTINGS.quota // 4
    calls = [
        files.begin_upload(direct_drive.access, intent(f"{n}.txt", size))
        for n in range(6)
        for files in (direct_drive.files, other)
    ]
    results = await gather_results(*calls)
    assert sum(isinstance(result, c.Upload) for result in results) == 4


async def test_concurrent_commits_of_one_owner_share_a_transaction(direct_drive: Drive) -> None:
    watched: Any = WatchedStorage(direct_drive.storage)
    files = Service(direct_drive.database, watched, SETTINGS, new_id=uuid7)
    uploads = [await direct_drive.begin(f"{n}.txt") for n in range(6)]
    for upload in uploads:
        direct_drive.bucket.put(upload.key, b"hello")
    another = direct_drive.for_owner(new_owner())
    theirs = await another.begin()
    direct_drive.bucket.put(theirs.key, b"hello")
    async with owner_locked(direct_drive):
        # The last one is committed twice.
        calls = [files.complete_upload(direct_drive.access, upload.id) for upload in (*uploads, uploads[-1])]
        tasks = [asyncio.create_task(call) for call in calls]
        async with asyncio.timeout(30):
            while watched.looked_up < len(tasks):
                await asyncio.sleep(0.01)
        assert (await files.complete_upload(another.access, theirs.id)).file is not None  # does not wait
    done = await asyncio.gather(*tasks)
    assert [upload.status for upload in done] == [c.UploadStatus.COMPLETE] * 7
    assert done[5].file == done[6].file
    assert await count_transactions(direct_drive, "entries") == 2
