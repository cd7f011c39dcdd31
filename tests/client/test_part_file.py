"""Part files: their names, and that the failure of one file of a batch is not the failure of another."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from drivebay.client import is_part_name
from drivebay.client.part_file import SmallDownload, part_path, write_small_files
from drivebay.client.ranged_reader import RangedReader

ID = "019ab000-0000-7000-8000-000000000000"


class Reader:
    """The description of a stored file without a checksum."""

    sha256 = None
    parts_sha256 = None
    size = 5
    file = SimpleNamespace(modified_at=datetime(2026, 1, 1, tzinfo=UTC))


def download(target: Path, part: Path | None = None) -> SmallDownload:
    return SmallDownload(cast("RangedReader", Reader()), part or part_path(target, ID), b"hello", target, False)


@pytest.mark.parametrize("name", ["a", "x" * 255, "\N{GRINNING FACE}" * 63, "caf\udcff"])
def test_part_name_is_short_whatever_the_name_of_the_file(name: str, tmp_path: Path) -> None:
    part = part_path(tmp_path / name, ID)
    assert len(part.name.encode()) < 64
    assert part.parent == tmp_path
    assert part == part_path(tmp_path / name, ID)
    assert part != part_path(tmp_path / f"{name}2", ID)
    assert all(is_part_name(part.name + suffix) for suffix in ("", ".json", ".json.new"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f".report.pdf.{ID}.part", True),  # of an earlier release
        (f".report.pdf.{ID}.part.json", True),
        (f"report.pdf.{ID}.part", False),
        (".drivebay-notes.part", False),
        (".drivebay-" + "0" * 32, False),
        ("film.part", False),
    ],
)
def test_only_names_of_unfinished_downloads_are_part_names(name: str, expected: bool) -> None:
    assert is_part_name(name) is expected


def test_small_file_that_cannot_be_written_does_not_affect_the_others(tmp_path: Path) -> None:
    good, nul = tmp_path / "good", tmp_path / "nul\0"
    too_long = tmp_path / "a"
    taken = tmp_path / "taken"
    taken.write_bytes(b"mine")
    errors = write_small_files(
        [
            download(too_long, tmp_path / ("x" * 256)),
            download(nul, nul),
            download(tmp_path / "missing" / "b"),
            download(taken),
            download(good),
        ]
    )
    assert [type(error).__name__ for error in errors] == [
        "OSError",
        "ValueError",
        "FileNotFoundError",
        "FileExistsError",
        "NoneType",
    ]
    assert str(errors[2]).endswith(f"{str(tmp_path / 'missing' / 'b')!r}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "taken"]
    assert (good.read_bytes(), taken.read_bytes()) == (b"hello", b"mine")
