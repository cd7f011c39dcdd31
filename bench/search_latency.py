"""Latency of each kind of search in a drive with many files, and what the search adds to a rename."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import asyncpg

from drivebay import postgres
from drivebay.contract.files import Access, Search
from drivebay.files.search.service import SearchService
from drivebay.files.settings import Settings

from . import seed
from .bench_world import BenchServers
from .report import Report, console, percentile

_WORDS_TEXT = (
    "annual quarterly report budget invoice contract meeting notes holiday photo beach sunset family "
    "wedding project proposal draft final summary presentation design backup archive server database "
    "export customer supplier order delivery receipt return letter application reference manual guide "
    "recipe playlist album cover thumbnail scan"
)
_WORDS = _WORDS_TEXT.split()
_SYLLABLES_TEXT = (
    "ba be bi bo bu da de di do du fa fe ga ge go ha he ka ke ko la le li lo ma me mi mo na ne no pa pe po"
)
_SYLLABLES = _SYLLABLES_TEXT.split()
_SLICE = 50_000
_GOAL_MS = 50.0


async def measure(bench_servers: BenchServers, report: Report, files: int, each: int = 200) -> None:
    """Measure `each` searches of every kind in a drive with `files` files, and renames with and without the search."""
    owner = uuid4()
    connection = await asyncpg.connect(bench_servers.database_url, command_timeout=7200)
    console.print(f"inserting {files:,} files")
    await _fill(connection, owner, files)
    async with postgres.connect(bench_servers.database_url, size=2) as database:
        service = SearchService(database, Settings(secret=bytes(32)))
        for kind, make_text in _texts().items():
            seconds = []
            for _ in range(each):
                search = Search(make_text())
                begun = time.perf_counter()
                await service.search_files(Access.personal(owner), search)  # type: ignore[arg-type]
                seconds.append(time.perf_counter() - begun)
            p99 = percentile(seconds, 0.99) * 1e3
            report.add(
                f"search of {kind} among {files:,} files",
                p50_ms=percentile(seconds, 0.5) * 1e3,
                p99_ms=p99,
                goal="50 ms",
                met=p99 <= _GOAL_MS,
            )
    for state in ("ENABLE", "DISABLE"):
        await connection.execute(f"ALTER TABLE files.entries {state} TRIGGER search_renamed")
        report.add(f"rename, search {state.lower()}d", p50_ms=await _rename(connection, owner) * 1e3)
    await connection.close()


def _texts() -> dict[str, Callable[[], str]]:
    def word() -> str:
        return random.choice(_WORDS)

    return {
        "a prefix": lambda: word()[: random.randint(2, 6)],
        "a frequent substring": lambda: random.choice(("img", "jpg", "20", "pdf", "e", "a")),
        "a word": word,
        "two words": lambda: f"{word()} {word()}",
        "two CJK characters": lambda: "".join(_cjk() for _ in range(2)),
        "a misspelt word": lambda: _misspell(word()),
        "no name at all": lambda: "".join(random.choice("qxzjwv") for _ in range(8)),
    }


def _misspell(word: str) -> str:
    at = random.randrange(1, len(word) - 1)
    return random.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + "x" + word[at + 1 :],
            word[:at] + "x" + word[at:],
            word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
        )
    )


def _cjk() -> str:
    return chr(0x4E00 + random.randrange(3000))


def _name(number: int) -> str:
    kind, choose = random.random(), random.choice
    if kind < 0.45:
        return f"IMG_{number:07d}.jpg"
    if kind < 0.75:
        return f"{choose(_WORDS).title()} {choose(_WORDS)} {number % 37 + 1990}-{number % 12 + 1:02d}.pdf"
    if kind < 0.9:
        return "".join(choose(_SYLLABLES) for _ in range(random.randint(3, 7))) + f" {number}.png"
    if kind < 0.95:
        return "".join(_cjk() for _ in range(random.randint(3, 10))) + ".txt"
    return f"{uuid4().hex}.bin"


async def _fill(connection: asyncpg.Connection, owner: UUID, files: int) -> None:
    # Building the index over all names costs a fraction of adding them one by one.
    index = await connection.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = 'search_names_by_key'")
    await connection.execute("DROP INDEX files.search_names_by_key")
    await connection.execute("CREATE TEMPORARY TABLE names (id uuid, name text)")
    for first in range(0, files, _SLICE):
        rows = [(UUID(int=(first + n) << 80 | uuid4().int >> 48), _name(first + n)) for n in range(_SLICE)]
        await connection.copy_records_to_table("names", records=rows)
        await connection.execute(
            "INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type)"
            " SELECT $1, id, $2, 'file', name, id, 1, 'text/plain' FROM names ON CONFLICT DO NOTHING",
            owner,
            seed.ROOT,
        )
        await connection.execute("TRUNCATE names")
    begun = time.perf_counter()
    await connection.execute("SET maintenance_work_mem = '256MB'")
    await connection.execute(index)
    console.print(f"indexed in {time.perf_counter() - begun:.0f} s")
    await connection.execute("VACUUM (ANALYZE) files.entries")
    await connection.execute("VACUUM (ANALYZE) files.search_names")


async def _rename(connection: asyncpg.Connection, owner: UUID) -> float:
    """Return the median seconds of a rename, by the statement alone."""
    ids = await connection.fetch("SELECT id FROM files.entries WHERE owner_id = $1 ORDER BY id LIMIT 500", owner)
    seconds = []
    for number, row in enumerate(ids):
        begun = time.perf_counter()
        await connection.execute(
            "UPDATE files.entries SET name = $3 WHERE owner_id = $1 AND id = $2",
            owner,
            row["id"],
            f"a new name of a file {number} {uuid4()}.txt",
        )
        seconds.append(time.perf_counter() - begun)
    return percentile(seconds, 0.5)
