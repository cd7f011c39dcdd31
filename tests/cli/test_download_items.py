"""Which files of the server are one file on the local disk."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from drivebay.cli.user.download_items import RemoteEntry, disk_ignores_case, group_by_target
from drivebay.client import ROOT


def entry(target: Path, id: str) -> RemoteEntry:
    file = msgspec.structs.replace(ROOT, id=id, kind="file", name=target.name)
    return RemoteEntry(file, f"/{target.name}", target)


def groups(entries: list[RemoteEntry], ignores_case: Callable[[Path], bool]) -> list[list[str]]:
    return [[entry.file.id for entry in group] for group in group_by_target(entries, ignores_case)]


def test_names_that_differ_in_case_are_one_file_only_on_a_disk_that_ignores_case(tmp_path: Path) -> None:
    entries = [entry(tmp_path / name, id) for name, id in (("A.txt", "1"), ("b.txt", "2"), ("a.TXT", "3"))]
    assert groups(entries, lambda folder: True) == [["1", "3"], ["2"]]
    assert groups(entries, lambda folder: False) == [["1"], ["3"], ["2"]]
    asked: list[Path] = []

    def ask(folder: Path) -> bool:
        asked.append(folder)
        return False

    groups(entries[:2], ask)
    assert asked == []  # the disk is only asked if it matters
    groups(entries, ask)
    assert asked == [tmp_path]


def test_equal_paths_are_one_file_on_every_disk(tmp_path: Path) -> None:
    entries = [entry(tmp_path / "a", "1"), entry(tmp_path / "a", "2"), entry(tmp_path / "a", "1")]
    assert groups(entries, lambda folder: False) == [["1", "2"]]


def test_question_whether_the_disk_ignores_case_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert disk_ignores_case(tmp_path) is (tmp_path / "A").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert disk_ignores_case(tmp_path / "missing") is False
