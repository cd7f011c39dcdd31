"""The paths of the entries of archives: unique, and valid on every system."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from drivebay.contract.files import Kind
from drivebay.contract.ids import ROOT, FileId
from drivebay.files.archives.archive_paths import make_paths, windows_name
from drivebay.files.entries.store import TreeEntry

from .conftest import Drive
from .test_archives import make_folder, paths

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def paths_of(*names: str) -> list[str]:
    """Return the paths of files that were chosen one by one."""
    return make_paths(
        [TreeEntry(top, FileId(uuid7()), ROOT, Kind.FILE, name, 1, NOW, 0) for top, name in enumerate(names, start=1)]
    )


async def test_equal_paths_get_numbers(direct_drive: Drive) -> None:
    drive = direct_drive
    one, two = await make_folder(drive, "one"), await make_folder(drive, "two")
    first = await drive.upload_file("a.txt", b"1", one)
    second = await drive.upload_file("a.txt", b"22", two)
    inner = await make_folder(drive, "one", two)
    await drive.upload_file("b.txt", b"333", inner)
    chosen = (first.id, second.id, first.id, one, inner)
    assert await paths(drive, *chosen) == ["a (1).txt", "a.txt", "one (1)/", "one (1)/b.txt", "one/", "one/a.txt"]


async def test_backslashes_do_not_leave_the_folder(direct_drive: Drive) -> None:
    drive = direct_drive
    await drive.upload_file("..\\..\\evil.txt")
    await drive.upload_file(".._.._evil.txt")
    assert await paths(drive, ROOT) == [".._.._evil (1).txt", ".._.._evil.txt"]


async def test_paths_differ_in_more_than_case(direct_drive: Drive) -> None:
    drive = direct_drive
    for number, name in enumerate(("Report", "REPORT")):
        folder = await make_folder(drive, name)
        await drive.upload_file("a.txt", b"x" * (number + 1), folder)
        await drive.upload_file("A.TXT", b"x" * (number + 1), folder)
    found = await paths(drive, ROOT)
    assert len({path.casefold() for path in found}) == len(found) == 6


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a:b", "a_b"),
        ('<>:"\\|?*', "________"),
        ("ends.", "ends_"),
        ("ends ", "ends_"),
        ("...", ".._"),
        ("aux", "aux_"),
        ("aux.txt", "aux_.txt"),
        ("Com1.tar.gz", "Com1_.tar.gz"),
        ("LPT²", "LPT²_"),
        ("nul .txt", "nul_ .txt"),
        ("auxiliary.txt", "auxiliary.txt"),
        ("COM10", "COM10"),
        (".hidden", ".hidden"),
        ("日本 (1).txt", "日本 (1).txt"),
    ],
)
def test_a_name_is_valid_on_windows(name: str, expected: str) -> None:
    assert windows_name(name) == expected
    assert windows_name(expected) == expected


@given(st.lists(st.text("aAßS. (1)x", min_size=1, max_size=4), min_size=1, max_size=30))
def test_paths_are_unique_for_any_names(names: list[str]) -> None:
    found = paths_of(*names)
    assert len({path.casefold() for path in found}) == len(names)


def test_many_equal_names_take_no_long_search() -> None:
    """Each of 10,000 entries would otherwise try the numbers of all before it."""
    names = ["".join(letter.upper() if number >> at & 1 else letter for at, letter in enumerate("abcdefghijklmn"))
             for number in range(10_000)]  # fmt: skip
    found = paths_of(*names)
    assert found[-1] == f"{names[-1]} (9999)"
